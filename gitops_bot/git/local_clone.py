"""A clone that somebody has on their disk: read as it is, never changed."""

import re
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from gitops_bot.errors import GitError
from gitops_bot.git import objects
from gitops_bot.git.program import GitFailed, GitProgram
from gitops_bot.models.tree import Merge, Tree, TreeLimits

# What a person may type for a commit: names, HEAD~2, v1.0^{commit}; nothing that begins like an option.
_REVISION = re.compile(r"[^-\x00-\x1f\x7f][^\x00-\x1f\x7f]*")


class LocalClone:
    """A work tree's repository or a bare one.

    Use it as a context manager: objects that a merge makes go to a bare repository of our own that
    borrows the clone's objects, so the clone itself is only read.
    """

    def __init__(self, path: Path, *, limits: TreeLimits | None = None) -> None:
        self._theirs = _git_folder(path.absolute())
        self._limits = limits or TreeLimits()
        self._git = GitProgram()
        self._resources = ExitStack()
        self._folder = Path()

    async def __aenter__(self) -> Self:
        """Make the repository that borrows."""
        scratch = self._resources.enter_context(tempfile.TemporaryDirectory(prefix="gitops-bot-clone-"))
        self._folder = Path(scratch) / "scratch.git"
        await self._git.run(
            self._folder, "init", "--quiet", "--bare", "--template=", "--initial-branch=none", str(self._folder)
        )
        common = await self._git.run(self._theirs, "rev-parse", "--git-path", "objects")
        borrowed = Path("/", common.output.decode("utf-8", errors="surrogateescape").strip())
        (self._folder / "objects" / "info").mkdir(exist_ok=True)
        (self._folder / "objects" / "info" / "alternates").write_bytes(bytes(borrowed) + b"\n")
        return self

    async def __aexit__(self, *_: object) -> None:
        """Remove it."""
        self._resources.close()

    async def resolve(self, revision: str) -> str:
        """Give the commit that a revision names; GitError when it names none."""
        if not _REVISION.fullmatch(revision):
            raise GitError(f"{revision!r} is not a revision. For example: main, HEAD~1, or a commit.")
        try:
            finished = await self._git.run(
                self._theirs, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"
            )
        except GitFailed as error:
            raise GitError(f"{self._theirs} knows no commit {revision!r}. {error.complaint}".strip()) from error
        return objects.object_id(finished.output.decode("ascii").strip())

    async def merge(self, base: str, head: str) -> Merge:
        """Merge two commits as git itself would, without a work tree."""
        return await objects.merge(self._git, self._folder, base, head)

    async def tree(self, treeish: str) -> Tree:
        """All regular files of a commit or tree, within limits."""
        return await objects.read_tree(self._git, self._folder, treeish, self._limits)

    async def changed_paths(self, old: str, new: str) -> frozenset[str]:
        """Paths that differ between two commits or trees, both names of a rename included."""
        return await objects.changed_paths(self._git, self._folder, old, new, self._limits)


def _git_folder(path: Path) -> Path:
    """Find the repository of a work tree, of a linked work tree, or a bare one."""
    for candidate in (path, *path.parents):
        inside = candidate / ".git"
        if inside.is_dir():
            return inside
        if inside.is_file():
            # gitrepository-layout(5): "gitdir: " and a path, relative to the file.
            return (candidate / inside.read_text(encoding="utf-8").removeprefix("gitdir:").strip()).resolve()
        if (candidate / "HEAD").is_file() and (candidate / "objects").is_dir():
            return candidate
    raise GitError(f"{path} is not in a git repository. Name a clone.")
