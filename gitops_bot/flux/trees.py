"""Write a tree to disk as source-controller would unpack it: regular files, nothing else, nowhere else."""

import os
from collections.abc import Iterator
from pathlib import Path

from gitops_bot.models.tree import Tree

# Limits of the file systems that flux meets. https://man7.org/linux/man-pages/man7/path_resolution.7.html
_LONGEST_NAME = 255
_LONGEST_PATH = 3000
_CONTROL_CHARACTERS = frozenset(map(chr, [*range(32), 127]))
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def write_tree(tree: Tree, folder: Path) -> dict[str, str]:
    """Write the files of a tree below a new folder.

    Returns the paths that were left out for their odd names, each with the reason: whoever
    needs one of them must be told.
    """
    folder.mkdir(mode=0o700)
    made = {folder}
    left_out = {}
    for path, content in tree.items():
        reason = odd_name(path)
        if reason:
            left_out[path] = reason
            continue
        file = folder / path
        for parent in _missing_parents(file, made):
            parent.mkdir(mode=0o700)
            made.add(parent)
        with os.fdopen(os.open(file, _NEW_FILE, 0o400), "wb") as new:
            new.write(content)
    return left_out


def odd_name(path: str) -> str:
    """Tell why a path is not written; "" for an ordinary one."""
    parts = path.split("/")
    if path.startswith("/") or any(part in {"", ".", ".."} for part in parts):
        return "it is not a plain relative path"
    if _CONTROL_CHARACTERS & set(path):
        return "its name has control characters"
    encoded = os.fsencode(path)
    if len(encoded) > _LONGEST_PATH or any(len(os.fsencode(part)) > _LONGEST_NAME for part in parts):
        return "its name is too long"
    return ""


def _missing_parents(file: Path, made: set[Path]) -> Iterator[Path]:
    """Go through the folders above a file that do not exist yet, outermost first."""
    missing = []
    parent = file.parent
    while parent not in made:
        missing.append(parent)
        parent = parent.parent
    yield from reversed(missing)
