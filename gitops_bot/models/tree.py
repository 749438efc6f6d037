"""A tree of files, in memory and bounded, so that no hostile repository can fill the process."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class TreeLimits:
    """How large a tree may be before it is refused."""

    # Bytes. A manifest is text; one that is larger than this is an accident or an attack.
    file_bytes: int = 1 << 20
    # Files in all. Real fleet repositories have some thousands.
    files: int = 20_000
    # Bytes in all.
    total_bytes: int = 64 << 20
    # Folders above a file.
    depth: int = 64


@dataclass(frozen=True)
class Tree(Mapping[str, bytes]):
    """The regular files of a commit: path (relative, ``/``) to content.

    ``oversized`` names files that were left out for their size alone, or because their name is not
    UTF-8 (shown escaped): they are not there to read, and whoever needs one of them must say
    so instead of taking it for missing.
    ``links`` names symbolic links and submodules, which source-controller drops as well.
    """

    files: Mapping[str, bytes] = field(default_factory=dict)
    oversized: frozenset[str] = frozenset()
    links: frozenset[str] = frozenset()

    def __getitem__(self, path: str) -> bytes:
        """Return the content of one file; KeyError when it is not in the tree."""
        return self.files[path]

    def __iter__(self) -> Iterator[str]:
        """Go through the paths."""
        return iter(self.files)

    def __len__(self) -> int:
        """Count the files."""
        return len(self.files)


@dataclass(frozen=True)
class Merge:
    """The result of merging head into base: a tree id, or the paths that conflict."""

    tree: str
    conflicts: tuple[str, ...] = ()
