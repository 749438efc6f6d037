"""One bare repository on our disk: made, fetched into, found damaged, rebuilt, tidied up.

Every commit that was fetched whole has a ref named after it, ``refs/commits/<id>``. git moves a ref only
after it has checked that everything below is there, so such a ref is the proof that a commit can be
read, whatever was killed in between; and no branch of theirs ever has a name on our disk.
"""

import asyncio
import contextlib
import fcntl
import os
import re
import shutil
import time
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from gitops_bot import telemetry
from gitops_bot.errors import GitError, GitUnavailable
from gitops_bot.git.environment import Source
from gitops_bot.git.objects import object_id
from gitops_bot.git.program import Damaged, GitFailed, GitProgram

log = telemetry.logger(__name__)

_REF = re.compile(r"refs/(heads|pull)/[^\x00-\x20\x7f~^:?*\[\\]+")
_KEPT = "refs/commits/"
# Where a fetch puts what it brings, until it is known to be what was asked for.
_FETCHED = "refs/fetched/"

# Seconds for a first fetch of a large repository.
FETCH_DEADLINE = 900.0
_TIDY_DEADLINE = 1800.0
# Objects that no kept commit needs live this long: much longer than any review that reads them.
_UNREACHABLE_KEPT = "1.day.ago"
# Seconds between two looks at a lock that another process holds.
_LOCK_INTERVAL = 0.1

# What git says when a repository on our disk is not what it should be; so does whatever names one of our files.
_DAMAGE = re.compile(
    r"not a git repository|corrupt|unable to (read|find|unpack)|could not read [0-9a-f]{40}"
    r"|missing (object|blob|tree|commit)|bad (object refs|tree|config|signature)|invalid (object|sha1 pointer)"
    r"|loose object|broken ref|cannot lock ref|unknown repository extension|did not send all necessary",
    re.IGNORECASE,
)
# No fault of the copy, so making it anew would not help.
_NOT_DAMAGE = re.compile(
    r"no space left|quota exceeded|out of memory|cannot allocate|permission denied|read-only|signal 25|file too large",
    re.IGNORECASE,
)
# A repository that is found damaged again so soon (seconds) is not helped by fetching all of it once more.
_REBUILD_INTERVAL = 600.0


class BareRepository:
    """The folder ``path`` (``….git``). Beside it lies ``….lock``, held while something is written."""

    def __init__(self, git: GitProgram, path: Path) -> None:
        self.path = path
        self._git = git
        self._alone = asyncio.Lock()
        # Commits that somebody asked for since the last tidying-up.
        self._asked: set[str] = set()
        self._rebuilt_at = -_REBUILD_INTERVAL

    async def holds(self, commits: Collection[str]) -> bool:
        """Whether all these commits are here whole. Damaged when the repository cannot even say that."""
        self._asked.update(commits)
        if not (self.path / "HEAD").is_file():
            return False
        try:
            shown = await self._refs(*(_KEPT + commit for commit in commits))
        except GitFailed as error:
            raise Damaged(f"The copy on our disk is damaged: {error.complaint}") from error
        return all(shown.get(_KEPT + commit) == (commit, "commit") for commit in commits)

    async def fetch(self, source: Source, commits: Mapping[str, str], deadline: float) -> None:
        """Bring ``{ref: commit}`` unless all of it is here. Concurrent calls, other processes too, follow one another.

        Raises GitFailed, DeadlinePassed or GitUnavailable (a ref shows another commit).
        """
        for ref, commit in commits.items():
            if not _REF.fullmatch(ref):
                raise GitError(f"{ref[:200]!r} is not a branch or pull request that can be fetched.")
            object_id(commit)
        if await self._whole(commits.values()):
            return
        async with self._alone, self._locked(deadline):
            if not await self._whole(commits.values()):
                await self._fetch(source, commits, deadline)

    async def _whole(self, commits: Collection[str]) -> bool:
        """Like ``holds``; a damaged repository holds nothing."""
        try:
            return await self.holds(commits)
        except Damaged:
            return False

    async def _fetch(self, source: Source, commits: Mapping[str, str], deadline: float) -> None:
        await self._make_ready()
        try:
            await self._bring(source, commits, deadline)
        except (GitFailed, Damaged) as error:
            if not self.is_damaged_by(error) or time.monotonic() - self._rebuilt_at < _REBUILD_INTERVAL:
                raise
            log.warning("a damaged copy of a repository is made anew", folder=str(self.path), reason=str(error))
            await self._rebuild()
            await self._bring(source, commits, deadline)

    async def _bring(self, source: Source, commits: Mapping[str, str], deadline: float) -> None:
        wanted = list(commits.items())
        # Whoever opens a pull request says how much is fetched, and the database lies on the same volume: what one
        # brings leaves as much again for all others.
        room = (await asyncio.to_thread(shutil.disk_usage, self.path)).free // 2
        try:
            await self._git.run(
                self.path,
                "fetch",
                "--quiet",
                "--no-tags",
                "--no-write-fetch-head",
                "--no-recurse-submodules",
                "--no-auto-maintenance",
                "--stdin",
                "source",
                stdin="".join(f"+{ref}:{_FETCHED}{place}\n" for place, (ref, _) in enumerate(wanted)).encode(),
                source=source,
                deadline=deadline,
                file_limit=room,
            )
        finally:
            # A fetch that was killed leaves what it had begun, up to the size of the whole repository.
            await asyncio.to_thread(_remove_leftovers, self.path)
        shown = await self._refs(_FETCHED)
        found = [(*one, *shown.get(f"{_FETCHED}{place}", ("nothing", ""))) for place, one in enumerate(wanted)]
        kept = {commit for _, commit, now, kind in found if (now, kind) == (commit, "commit")}
        await self._change_refs(f"update {_KEPT}{commit} {commit}" for commit in kept)
        await self._change_refs(f"delete {ref}" for ref in shown)
        moved = [f"{ref} shows {now[:12]} instead of {commit[:12]}" for ref, commit, now, _ in found if now != commit]
        if moved:
            raise GitUnavailable(f"{', '.join(moved)}: it moved on in the meantime.")
        if kept != set(commits.values()):
            raise GitError(f"{', '.join(commits)}: what lies there is no commit.")

    async def _refs(self, *patterns: str) -> dict[str, tuple[str, str]]:
        """Give object and type of all refs that match: a whole name, or a beginning that ends with a slash."""
        form = "--format=%(refname) %(objectname) %(objecttype)"
        finished = await self._git.run(self.path, "for-each-ref", form, *patterns, output_limit=64 << 20)
        lines = (line.split(" ") for line in finished.output.decode("ascii", errors="replace").splitlines())
        return {ref: (found, kind) for ref, found, kind in lines}

    async def _change_refs(self, changes: Iterable[str]) -> None:
        """Change refs, all or none."""
        await self._git.run(self.path, "update-ref", "--stdin", stdin="".join(f"{line}\n" for line in changes).encode())

    async def _make_ready(self) -> None:
        """Make the repository where there is none; a half-made one never has this name."""
        if (self.path / "HEAD").is_file():
            await asyncio.to_thread(_remove_leftovers, self.path)
            return
        if self.path.exists():
            await asyncio.to_thread(shutil.rmtree, self.path, ignore_errors=True)
        unfinished = self.path.with_suffix(".new")
        await asyncio.to_thread(shutil.rmtree, unfinished, ignore_errors=True)
        # No template: no sample hooks, no info/attributes, no info/exclude.
        await self._git.run(
            unfinished,
            "init",
            "--quiet",
            "--bare",
            "--template=",
            "--object-format=sha1",
            "--initial-branch=none",
            str(unfinished),
        )
        unfinished.rename(self.path)

    async def _rebuild(self) -> None:
        self._rebuilt_at = time.monotonic()
        await asyncio.to_thread(shutil.rmtree, self.path, ignore_errors=True)
        await self._make_ready()

    def is_damaged_by(self, error: GitError) -> bool:
        """Whether an error speaks of this copy, not of what was asked or of the other side."""
        if not isinstance(error, GitFailed):
            return isinstance(error, Damaged)
        if _NOT_DAMAGE.search(error.complaint):
            return False
        return str(self.path) in error.complaint or bool(_DAMAGE.search(error.complaint))

    async def mark_damaged(self) -> None:
        """Have the next fetch make the repository anew: whoever reads it found it unreadable."""
        async with self._alone, self._locked(FETCH_DEADLINE):
            with contextlib.suppress(FileNotFoundError):
                (self.path / "HEAD").unlink()

    async def tidy(self) -> None:
        """Forget commits that nobody asked for since the last time, and give their space back."""
        async with self._alone, self._locked(_TIDY_DEADLINE):
            if not (self.path / "HEAD").is_file():
                return
            await asyncio.to_thread(_remove_leftovers, self.path)
            known = await self._refs(_KEPT)
            await self._change_refs(f"delete {ref}" for ref in known if ref.removeprefix(_KEPT) not in self._asked)
            await self._git.run(self.path, "gc", "--quiet", f"--prune={_UNREACHABLE_KEPT}", deadline=_TIDY_DEADLINE)
            self._asked.clear()

    @property
    def last_used(self) -> float:
        """When something was fetched last, in seconds since the epoch; 0 when never."""
        try:
            return self._lock_file.stat().st_mtime
        except OSError:
            return 0.0

    async def remove(self) -> None:
        """Delete it: nobody watches this repository any more."""
        async with self._alone, self._locked(FETCH_DEADLINE):
            await asyncio.to_thread(shutil.rmtree, self.path, ignore_errors=True)
            self._lock_file.unlink(missing_ok=True)

    @property
    def _lock_file(self) -> Path:
        return self.path.with_suffix(".lock")

    @asynccontextmanager
    async def _locked(self, deadline: float) -> AsyncIterator[None]:
        """Keep other processes out. The kernel gives the lock back whatever happens to us."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise GitError(
                f"{self.path.parent} cannot be written: {error.strerror}. Give store.folder a place on the volume."
            ) from error
        try:
            until = time.monotonic() + deadline
            while not _try_lock(descriptor):
                if time.monotonic() > until:
                    raise GitUnavailable(f"Another process keeps {self.path} locked for more than {deadline:.0f} s.")
                await asyncio.sleep(_LOCK_INTERVAL)
            os.utime(descriptor)
            yield
        finally:
            os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _remove_leftovers(path: Path) -> None:
    """Remove what a killed git left behind. Only while the lock is held, so nobody is at work here."""
    found = [*(path / "refs").rglob("*.lock"), *path.glob("*.lock"), *path.glob("objects/info/**/*.lock")]
    found += [*path.glob("objects/pack/tmp_*"), *path.glob("objects/tmp_*"), path / "gc.pid"]
    for leftover in found:
        with contextlib.suppress(OSError):
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
