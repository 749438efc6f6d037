"""What the journeys ask of git, by repository."""

import re
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from time import time
from typing import TypeVar

from gitops_bot import telemetry
from gitops_bot.config import NetworkSettings
from gitops_bot.errors import GitError, GitHubError, GitHubRateLimited, GitHubUnavailable, GitUnavailable, SettingsError
from gitops_bot.git import objects
from gitops_bot.git.bare_repository import FETCH_DEADLINE, BareRepository
from gitops_bot.git.complaints import explain_fetch
from gitops_bot.git.environment import Source
from gitops_bot.git.program import Damaged, DeadlinePassed, GitFailed, GitProgram
from gitops_bot.models.pull_requests import Repository
from gitops_bot.models.tree import Merge, Tree, TreeLimits

log = telemetry.logger(__name__)

_NAME = re.compile(r"[a-z0-9._-]+")
# Seconds after which the copy of a repository that nobody asks for is deleted.
_UNUSED_FOR = 30 * 24 * 3600.0

Answer = TypeVar("Answer")


class GitDoor:
    """One bare repository per watched repository, below ``folder``. May be shared with other processes."""

    def __init__(
        self,
        folder: Path,
        *,
        url_for: Callable[[Repository], str],
        token: Callable[[Repository], Awaitable[str]] | None,
        network: NetworkSettings,
        limits: TreeLimits | None = None,
        fetch_deadline: float = FETCH_DEADLINE,
    ) -> None:
        """``token`` is asked at each fetch, so that a renewed one counts at once; None: fetch without."""
        self._folder = folder.absolute()
        self._url_for = url_for
        self._token = token
        self._network = network
        self._limits = limits or TreeLimits()
        self._fetch_deadline = fetch_deadline
        self._git = GitProgram()
        self._repositories: dict[Path, BareRepository] = {}

    async def fetch(self, repository: Repository, commits: Mapping[str, str]) -> None:
        """Bring refs and check what they are: ``{"refs/heads/main": sha, "refs/pull/7/head": sha}``.

        Commits that are here already cost no request. GitUnavailable: no answer, or a ref shows another
        commit; GitError: a ref is gone, a right is missing, or git refuses what it was sent.
        """
        try:
            await self._bare(repository).fetch(await self._source(repository), commits, self._fetch_deadline)
        except GitFailed as error:
            raise explain_fetch(repository, error) from error
        except (DeadlinePassed, Damaged, GitUnavailable) as error:
            raise GitUnavailable(f"{repository}: {error} The next look tries again.") from error

    async def merge(self, repository: Repository, base: str, head: str) -> Merge:
        """Merge two commits as git itself would, without a work tree."""
        bare = self._bare(repository)
        return await self._read(repository, bare, objects.merge(self._git, bare.path, base, head))

    async def tree(self, repository: Repository, treeish: str) -> Tree:
        """All regular files of a commit or tree, within limits; TreeTooLarge names what is too large."""
        bare = self._bare(repository)
        return await self._read(repository, bare, objects.read_tree(self._git, bare.path, treeish, self._limits))

    async def changed_paths(self, repository: Repository, old: str, new: str) -> frozenset[str]:
        """Paths that differ between two commits or trees, both names of a rename included."""
        bare = self._bare(repository)
        return await self._read(repository, bare, objects.changed_paths(self._git, bare.path, old, new, self._limits))

    async def is_ancestor(self, repository: Repository, ancestor: str, descendant: str) -> bool:
        """Whether a commit is in the history of another one. GitError when one of them is not here."""
        bare = self._bare(repository)
        return await self._read(repository, bare, objects.is_ancestor(self._git, bare.path, ancestor, descendant))

    async def program_version(self) -> str:
        """Give the version of the git program; GitError when it is too old."""
        return await self._git.version()

    async def tidy(self) -> None:
        """Once a day or so: forget commits that nobody asks for any more, delete copies that nobody needs."""
        for path in sorted(self._folder.glob("*/*.git")):
            bare = self._at(path)
            try:
                if time() - bare.last_used > _UNUSED_FOR:
                    await bare.remove()
                else:
                    await bare.tidy()
            except GitError as error:
                log.warning("a copy of a repository could not be tidied up", folder=str(path), reason=str(error))

    async def _source(self, repository: Repository) -> Source:
        url = self._url_for(repository)
        try:
            token = await self._token(repository) if self._token is not None else None
        except (GitHubUnavailable, GitHubRateLimited) as error:
            raise GitUnavailable(f"{repository}: {error}") from error
        except (GitHubError, SettingsError) as error:
            raise GitError(f"{repository}: {error}") from error
        return Source(url, token, self._network.proxy_for(url), self._network.ca_file)

    async def _read(self, repository: Repository, bare: BareRepository, reading: Awaitable[Answer]) -> Answer:
        try:
            return await reading
        except (GitFailed, Damaged, DeadlinePassed) as error:
            if not bare.is_damaged_by(error):
                raise GitError(f"{repository}: {error}") from error
            await bare.mark_damaged()
            raise GitUnavailable(f"{repository}: our copy is damaged; the next look makes it anew. {error}") from error

    def _bare(self, repository: Repository) -> BareRepository:
        owner, name = repository.owner.lower(), repository.name.lower()
        if not (_NAME.fullmatch(owner) and _NAME.fullmatch(name)) or owner.strip(".") == "":
            raise GitError(f"{str(repository)[:200]!r} is not a name that a repository on GitHub can have.")
        return self._at(self._folder / owner / f"{name}.git")

    def _at(self, path: Path) -> BareRepository:
        if path not in self._repositories:
            self._repositories[path] = BareRepository(self._git, path)
        return self._repositories[path]
