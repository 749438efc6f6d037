"""What source-controller packs of a tree: the artifact that Kustomizations are built from.

Source: https://github.com/fluxcd/source-controller/blob/v1.9.3/internal/controller/gitrepository_controller.go
and https://github.com/fluxcd/pkg/blob/artifact/v0.18.1/artifact/storage/archive.go
"""

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gitops_bot.models.tree import Tree
from gitops_bot.rules.source_ignore import IgnorePattern, IgnoreRules, parse_patterns

IGNORE_FILE = ".sourceignore"

_NEVER_PACKED = ".git/\n.gitignore\n.gitmodules\n.gitattributes"
# These hold only as long as there is not a single pattern of the repository or of the source.
_PACKED_WHEN_ASKED_FOR = (
    "*.jpg\n*.jpeg\n*.gif\n*.png\n*.wmv\n*.flv\n*.tar.gz\n*.zip\n"
    ".github/\n.circleci/\n.travis.yml\n.gitlab-ci.yml\nappveyor.yml\n.drone.yml\ncloudbuild.yaml\n"
    "codeship-services.yml\ncodeship-steps.yml\n"
    "**/.goreleaser.yml\n**/.sops.yaml\n**/.flux.yaml"
)
# Real repositories have some dozens; thousands take seconds.
_MOST_PATTERNS = 2_000
# Bytes of all ignore files together: a single pattern may have thousands of stars.
_MOST_IGNORE_BYTES = 256 << 10


@dataclass(frozen=True)
class Artifact:
    """What is packed. With a ``reason`` it could not be reproduced, and ``tree`` is not to be relied on."""

    tree: Tree
    reason: str = ""


def pack(tree: Tree, spec: Mapping[str, Any]) -> Artifact:
    """Pack a tree as the GitRepository with this ``spec`` would."""
    reason = "; ".join(_obstacles(tree, spec))
    kept, missing = _sparse(tree, spec)
    if missing:
        reason = "; ".join(filter(None, (reason, missing)))
    size = sum(len(tree.files[path]) for path in _ignore_files(kept, tree))
    if size > _MOST_IGNORE_BYTES:
        return Artifact(Tree(), f"its ignore files hold {size} bytes, too many to apply")
    patterns = _patterns(kept, tree, spec)
    if len(patterns) > _MOST_PATTERNS:
        return Artifact(Tree(), f"there are {len(patterns)} ignore patterns, too many to apply")
    rules = IgnoreRules(patterns)
    kept = frozenset(path for path in kept if not rules.ignores(path))
    packed = Tree(
        {path: tree.files[path] for path in tree.files if path in kept}, tree.oversized & kept, tree.links & kept
    )
    return Artifact(packed, reason)


def without_ignore_files(tree: Tree) -> Tree:
    """Take the ignore files out of a packed tree, for flux.

    kustomize-controller does not read them, the flux program does: a file that ``spec.ignore``
    brings back would be built by the one and left out by the other.
    """
    if not any(posixpath.basename(path) == IGNORE_FILE for path in tree.files):
        return tree
    files = {path: content for path, content in tree.files.items() if posixpath.basename(path) != IGNORE_FILE}
    return Tree(files, tree.oversized, tree.links)


def differing_paths(one: Tree, other: Tree) -> frozenset[str]:
    """Paths of files that are not the same in both trees."""
    changed = {path for path, content in one.files.items() if other.files.get(path) != content}
    return frozenset(changed | (other.files.keys() - one.files.keys()) | (one.oversized ^ other.oversized))


def _obstacles(tree: Tree, spec: Mapping[str, Any]) -> Iterator[str]:
    if spec.get("include"):
        yield "spec.include copies files from other sources into it"
    if spec.get("recurseSubmodules"):
        yield "spec.recurseSubmodules brings files of other repositories"
    for path in sorted(tree.links | tree.oversized):
        if posixpath.basename(path) == IGNORE_FILE:
            yield f"{path} is a symbolic link or too large to read"


def _sparse(tree: Tree, spec: Mapping[str, Any]) -> tuple[frozenset[str], str]:
    """Apply ``spec.sparseCheckout``: paths that begin with one of the texts, and a complaint if one does not exist."""
    every = frozenset(tree.files) | tree.oversized | tree.links
    wanted = [str(folder).removeprefix("./") for folder in spec.get("sparseCheckout") or ()]
    if not wanted:
        return every, ""
    kept = frozenset(path for path in every if path.startswith(tuple(wanted)))
    missing = [folder for folder in wanted if not _exists(folder, kept)]
    return kept, f"spec.sparseCheckout names {missing[0]}, which does not exist" if missing else ""


def _exists(folder: str, paths: frozenset[str]) -> bool:
    cleaned = posixpath.normpath("/" + folder).lstrip("/")
    return not cleaned or cleaned in paths or any(path.startswith(cleaned + "/") for path in paths)


def _ignore_files(kept: Iterable[str], tree: Tree) -> list[str]:
    return [path for path in kept if posixpath.basename(path) == IGNORE_FILE and path in tree.files]


def _patterns(kept: Iterable[str], tree: Tree, spec: Mapping[str, Any]) -> list[IgnorePattern]:
    """All patterns, weakest first: what the repository says, parents before children, then what the source says."""
    own: list[IgnorePattern] = []
    for path in sorted(_ignore_files(kept, tree), key=lambda path: path.split("/")[:-1]):
        own.extend(parse_patterns(tree.files[path].decode("utf-8", "surrogateescape"), posixpath.dirname(path)))
    own.extend(parse_patterns(str(spec.get("ignore") or "")))
    defaults = _NEVER_PACKED if own else f"{_NEVER_PACKED}\n{_PACKED_WHEN_ASKED_FOR}"
    return parse_patterns(defaults) + own
