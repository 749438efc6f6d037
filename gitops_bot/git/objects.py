"""Read what a repository holds: trees, differences, merges. Never a checkout, so no filters, attributes or hooks."""

import asyncio
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gitops_bot.errors import GitError, TreeTooLarge
from gitops_bot.git.program import Damaged, GitFailed, GitProgram, OutputTooLarge
from gitops_bot.models.tree import Merge, Tree, TreeLimits

_OBJECT_ID = re.compile(r"[0-9a-f]{40}")

# Bytes of one line of a listing that are granted on average: mode, type, id, size and a long path.
_LINE_BYTES = 512
# Links, submodules and what is too large to read come on top.
_LINES_PER_FILE = 2

# Names that mean something to a file system; git's own check refuses most of them on arrival.
_NOT_A_NAME = frozenset({"", ".", ".."})


def object_id(text: str) -> str:
    """Give ``text`` back when it is a full commit or tree id; GitError otherwise. Guards every argument of git."""
    if not _OBJECT_ID.fullmatch(text):
        raise GitError(f"{text[:80]!r} is not a commit or tree id of 40 lower-case hexadecimal digits.")
    return text


@dataclass(frozen=True)
class _Entry:
    """One regular file of a listing."""

    path: str
    blob: bytes
    size: int


@dataclass(frozen=True)
class _Listing:
    files: tuple[_Entry, ...]
    oversized: frozenset[str]
    links: frozenset[str]


async def read_tree(git: GitProgram, folder: Path, treeish: str, limits: TreeLimits) -> Tree:
    """Read all regular files of a commit or tree as git keeps them, byte by byte.

    TreeTooLarge names the limit that is passed and where; nothing is read then.
    """
    listed = await _list(git, folder, treeish, limits, "-l")
    listing = await asyncio.to_thread(_parse_listing, listed, treeish, limits)
    # Each once, and in this order: neighbours are kept as differences of each other.
    blobs = tuple(dict.fromkeys(entry.blob for entry in listing.files))
    contents = await git.run(
        folder,
        "cat-file",
        "--batch",
        "--buffer",
        stdin=b"".join(blob + b"\n" for blob in blobs),
        output_limit=limits.total_bytes + 128 * (len(blobs) + 1),
    )
    by_blob = await asyncio.to_thread(_split_contents, contents.output, blobs)
    return Tree(
        files={entry.path: by_blob[entry.blob] for entry in listing.files},
        oversized=listing.oversized,
        links=listing.links,
    )


async def _list(git: GitProgram, folder: Path, treeish: str, limits: TreeLimits, *options: str) -> bytes:
    """List what lies below a commit or tree: ``<mode> SP <type> SP <id> TAB <path> NUL`` each."""
    most = _LINES_PER_FILE * _LINE_BYTES * (limits.files + 1)
    try:
        finished = await git.run(
            folder, "ls-tree", "-r", "-z", "--full-tree", *options, object_id(treeish), output_limit=most
        )
    except OutputTooLarge as error:
        raise TreeTooLarge(f"{treeish} has more than {limits.files} files, or endless names.") from error
    return finished.output


def _parse_listing(output: bytes, treeish: str, limits: TreeLimits) -> _Listing:
    """Take ``<mode> SP <type> SP <id> SP+ <size> TAB <path> NUL`` apart (git-ls-tree(1), --long)."""
    files: list[_Entry] = []
    oversized, links = set(), set()
    total = 0
    for line in output.split(b"\0")[:-1]:
        facts, _, raw_path = line.partition(b"\t")
        mode, _, blob, size = facts.split()
        path, readable = decode_path(raw_path)
        _check_path(path, treeish, limits)
        if size == b"BAD":
            raise Damaged(f"The content of {path!r} is not on our disk.")
        if mode in {b"120000", b"160000"}:
            links.add(path)
        elif not readable or int(size) > limits.file_bytes:
            oversized.add(path)
        else:
            files.append(_Entry(path, blob, int(size)))
            total += int(size)
        if len(files) > limits.files:
            raise TreeTooLarge(f"{treeish} has more than {limits.files} files; the next one is {path!r}.")
        if total > limits.total_bytes:
            raise TreeTooLarge(f"{treeish} holds more than {limits.total_bytes} bytes of files, passed at {path!r}.")
    return _Listing(tuple(files), frozenset(oversized), frozenset(links))


def decode_path(raw: bytes) -> tuple[str, bool]:
    """Give a path as text and whether that is its true name; a name that is not UTF-8 is shown escaped."""
    try:
        return raw.decode("utf-8"), True
    except UnicodeDecodeError:
        return raw.decode("utf-8", errors="backslashreplace"), False


def _check_path(path: str, treeish: str, limits: TreeLimits) -> None:
    parts = path.split("/")
    if len(parts) - 1 > limits.depth:
        raise TreeTooLarge(f"{treeish} has folders more than {limits.depth} deep: {path[:200]!r}.")
    # Others will write these files to a disk.
    if any(part in _NOT_A_NAME or part.lower() == ".git" for part in parts):
        raise GitError(f"{treeish} has a file name that no work tree can hold: {path[:200]!r}. Remove it from git.")


def _split_contents(output: bytes, blobs: Iterable[bytes]) -> dict[bytes, bytes]:
    """Take ``<id> SP <type> SP <size> LF <content> LF`` apart (git-cat-file(1), --batch)."""
    found, position = {}, 0
    for blob in blobs:
        end = output.index(b"\n", position)
        name, kind, *size = output[position:end].split(b" ")
        if name != blob or kind != b"blob":
            raise Damaged(f"git calls {name.decode()} {kind.decode()} where file {blob.decode()} was asked for.")
        start = end + 1
        position = start + int(size[0]) + 1
        found[blob] = output[start : position - 1]
    return found


async def changed_paths(git: GitProgram, folder: Path, old: str, new: str, limits: TreeLimits) -> frozenset[str]:
    """Give the paths that differ between two commits or trees; both names of a rename.

    Two listings, because they come as a stream: diff-tree holds everything before it prints the first path,
    and a handful of objects can stand for more paths than fit into any memory.
    """
    before, after = await asyncio.gather(*(_list(git, folder, treeish, limits) for treeish in (old, new)))

    def compare() -> frozenset[str]:
        lines = set(before.split(b"\0")) ^ set(after.split(b"\0"))
        return frozenset(decode_path(line.partition(b"\t")[2])[0] for line in lines)

    return await asyncio.to_thread(compare)


async def is_ancestor(git: GitProgram, folder: Path, ancestor: str, descendant: str) -> bool:
    """Whether a commit is in the history of another one (git-merge-base(1), --is-ancestor)."""
    finished = await git.run(
        folder, "merge-base", "--is-ancestor", object_id(ancestor), object_id(descendant), accept=(0, 1)
    )
    return finished.code == 0


async def merge(git: GitProgram, folder: Path, base: str, head: str) -> Merge:
    """Merge two commits as ``git merge`` would, into a tree that is in no branch; conflicts by path.

    https://git-scm.com/docs/git-merge-tree#OUTPUT
    """
    try:
        finished = await git.run(
            folder,
            "merge-tree",
            "--write-tree",
            "-z",
            "--name-only",
            "--messages",
            object_id(base),
            object_id(head),
            accept=(0, 1),
            output_limit=16 << 20,
        )
    except GitFailed as error:
        if "unrelated histories" in error.complaint:
            raise GitError(
                f"{base} and {head} have no common history, so they cannot be merged. "
                "Rebase the branch onto its base branch."
            ) from error
        raise
    tree, *rest = finished.output.split(b"\0")
    if not tree:
        # Code 1 is also what a commit that is not there gives.
        raise GitFailed("merge-tree", finished.code, finished.complaint)
    conflicts = _conflicts(iter(rest)) if finished.code else ()
    return Merge(object_id(tree.decode("ascii")), tuple(sorted(set(conflicts))))


def _conflicts(fields: Iterator[bytes]) -> Iterator[str]:
    """Give the paths in conflict: the list of conflicted files, then those that only a message names.

    A conflict need not leave a conflicted file, for instance when a whole folder was renamed twice.
    """
    for raw in fields:
        if not raw:
            break
        yield decode_path(raw)[0]
    for raw_count in fields:
        if not raw_count.strip():
            break
        paths = [decode_path(next(fields))[0] for _ in range(int(raw_count))]
        kind = next(fields)
        next(fields)
        if kind.startswith(b"CONFLICT"):
            yield from paths
