"""Write a tree to disk as source-controller would unpack it: regular files, nothing else, nowhere else."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from gitops_bot.models.tree import Tree

# Limits of the file systems that flux meets. https://man7.org/linux/man-pages/man7/path_resolution.7.html
_LONGEST_NAME = 255
_LONGEST_PATH = 3000
_CONTROL_CHARACTERS = frozenset(map(chr, [*range(32), 127]))
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class OddNameError(Exception):
    """A file that flux needs has a name that is not written to disk."""


class TreeOnDisk:
    """A tree below a folder of its own, of which only those files are written that a run may need.

    Most of a repository belongs to other Kustomizations, and writing it would take longer than flux.
    """

    def __init__(self, tree: Tree, folder: Path) -> None:
        """Make the folder, which must be new."""
        folder.mkdir(mode=0o700)
        self.folder = folder
        self._tree = tree
        self._folders = {folder}
        self._written: set[str] = set()

    def write(self, paths: Iterable[str]) -> None:
        """Write files of the tree that are not written yet; paths that are not in the tree are none."""
        for path in paths:
            content = self._tree.files.get(path)
            if content is None or path in self._written:
                continue
            reason = odd_name(path)
            if reason:
                raise OddNameError(f"{path!r} cannot be handed to flux: {reason}.")
            file = self.folder / path
            for parent in self._missing_parents(file):
                parent.mkdir(mode=0o700)
                self._folders.add(parent)
            with os.fdopen(os.open(file, _NEW_FILE, 0o400), "wb") as new:
                new.write(content)
            self._written.add(path)

    def _missing_parents(self, file: Path) -> Iterator[Path]:
        """Go through the folders above a file that do not exist yet, outermost first."""
        missing = []
        parent = file.parent
        while parent not in self._folders:
            missing.append(parent)
            parent = parent.parent
        yield from reversed(missing)


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
