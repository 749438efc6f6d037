"""Changed files as they were written: a comment is in no render, and a reader of the diff sees it all the same."""

from collections.abc import Iterable

from gitops_bot.models.tree import Tree
from gitops_bot.rules.cleaning import has_hidden_characters


def strange_files(tree: Tree, paths: Iterable[str]) -> tuple[str, ...]:
    """Name the files that are not plain text all of which a person sees, sorted. One that is gone is not strange."""
    return tuple(sorted(path for path in set(paths) if _is_strange(tree, path)))


def _is_strange(tree: Tree, path: str) -> bool:
    if path in tree.oversized or path in tree.links:
        return True
    content = tree.files.get(path)
    if content is None:
        return False
    try:
        return has_hidden_characters(content.decode("utf-8").replace("\r\n", "\n"))
    except UnicodeDecodeError:
        return True
