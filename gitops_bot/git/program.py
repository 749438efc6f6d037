"""The git program as an object: arguments as a list, a deadline, bounded output and memory, its own errors."""

import asyncio
import contextlib
import os
import re
import resource
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from gitops_bot import telemetry
from gitops_bot.errors import GitError
from gitops_bot.git.environment import Source, environment, find_git

# The first that knows `merge-tree --write-tree`: https://github.com/git/git/blob/master/Documentation/RelNotes/2.38.0.txt
_OLDEST = (2, 38)
# What is kept of standard error; nobody reads more.
_COMPLAINT_BYTES = 16_384
_SHOWN_CHARACTERS = 600
# How much is read at a time: a large tree should not wake the event loop a thousand times.
_READ_BYTES = 1 << 20

# Bytes: the pack of a first fetch. GitHub asks for repositories below 5 GB.
# https://docs.github.com/en/repositories/working-with-files/managing-large-files/about-large-files-on-github
LARGEST_FILE = 8 << 30
_LIMITS = {
    # Anonymous memory; mapped packs do not count.
    resource.RLIMIT_DATA: 1 << 30,
    resource.RLIMIT_CORE: 0,
}

_NOT_SHOWN = re.compile(r"[^\x20-\x7e\u00a0-\ud7ff\ue000-\ufffd]+")


class GitFailed(GitError):
    """git ended with a code that is not accepted; ``complaint`` is what it said, cleaned of tokens."""

    def __init__(self, command: str, code: int, complaint: str) -> None:
        super().__init__(f"git {command} ended with {_ending(code)}: {complaint or 'it said nothing'}")
        self.code = code
        self.complaint = complaint


class DeadlinePassed(GitError):
    """git took too long and was killed."""


class OutputTooLarge(GitError):
    """git printed more than was asked for and was killed."""


class Damaged(GitError):
    """The repository on our disk cannot be read and has to be made anew."""


def _ending(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"code {code}"


@dataclass(frozen=True)
class Finished:
    """A run that ended with an accepted code."""

    code: int
    output: bytes
    complaint: str = ""


class GitProgram:
    """Runs git in one repository at a time. Cancelling a call kills what it started."""

    def __init__(self) -> None:
        self._program = find_git()

    async def version(self) -> str:
        """Give git's version; GitError when it is too old to merge without a work tree."""
        finished = await self.run(Path(os.devnull), "version")
        said = finished.output.decode("utf-8", errors="replace").strip()
        found = re.search(r"(\d+)\.(\d+)[\w.]*", said)
        if found is None or (int(found[1]), int(found[2])) < _OLDEST:
            raise GitError(f"{self._program} is {said or 'of no known version'}. Install git 2.38 or newer.")
        return found[0]

    async def run(
        self,
        folder: Path,
        *arguments: str,
        stdin: bytes = b"",
        source: Source | None = None,
        accept: Collection[int] = (0,),
        deadline: float = 60,
        output_limit: int = 1 << 20,
        file_limit: int = LARGEST_FILE,
    ) -> Finished:
        """Run git on the repository in ``folder``.

        ``deadline`` is in seconds, ``output_limit`` in bytes of standard output, ``file_limit`` in bytes of
        one file that it writes. Raises GitFailed, DeadlinePassed or OutputTooLarge; whatever of the process
        group still lives is killed.
        """
        process = await self._start(folder, arguments, source)
        _limit(process, file_limit)
        try:
            async with asyncio.timeout(deadline):
                output, complaint = await _talk(process, stdin, output_limit)
        except TimeoutError as error:
            raise DeadlinePassed(f"git {arguments[0]} did not end within {deadline:.0f} s and was stopped.") from error
        finally:
            await _end(process)
        code, said = process.returncode or 0, _clean(complaint, source)
        if code not in accept:
            raise GitFailed(arguments[0], code, said)
        return Finished(code, output, said)

    async def _start(self, folder: Path, arguments: tuple[str, ...], source: Source | None) -> Process:
        try:
            return await asyncio.create_subprocess_exec(
                self._program,
                # Without it git takes the current folder for a work tree.
                "--bare",
                *arguments,
                stdin=PIPE,
                stdout=PIPE,
                stderr=PIPE,
                env=environment(str(folder), source),
                cwd="/",
                start_new_session=True,
                limit=_READ_BYTES,
            )
        except OSError as error:
            raise GitError(f"git could not be started: {error.strerror}.") from error


def _limit(process: Process, file_limit: int) -> None:
    """Bound what the process and its children may take."""
    for kind, most in {**_LIMITS, resource.RLIMIT_FSIZE: min(file_limit, LARGEST_FILE)}.items():
        # Gone already, or the container has lower limits than these.
        with contextlib.suppress(ProcessLookupError, ValueError, PermissionError):
            resource.prlimit(process.pid, kind, (most, most))


async def _talk(process: Process, stdin: bytes, output_limit: int) -> tuple[bytes, bytes]:
    feeding = asyncio.create_task(_feed(process, stdin), name="standard input of git")
    complaining = asyncio.create_task(_first_bytes(process.stderr), name="standard error of git")
    try:
        output = await _all_bytes(process.stdout, output_limit)
        await feeding
        complaint = await complaining
        await process.wait()
    finally:
        feeding.cancel()
        complaining.cancel()
        await asyncio.gather(feeding, complaining, return_exceptions=True)
    return output, complaint


async def _feed(process: Process, content: bytes) -> None:
    stream = process.stdin
    if stream is None:
        return
    # A git that ends early says why on standard error.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        stream.write(content)
        await stream.drain()
    stream.close()


async def _all_bytes(stream: asyncio.StreamReader | None, limit: int) -> bytes:
    chunks, size = [], 0
    while stream is not None and (chunk := await stream.read(_READ_BYTES)):
        chunks.append(chunk)
        size += len(chunk)
        if size > limit:
            raise OutputTooLarge(f"git printed more than {limit} bytes.")
    return b"".join(chunks)


async def _first_bytes(stream: asyncio.StreamReader | None) -> bytes:
    """Read to the end, keep the beginning: a full pipe would stop the other side."""
    kept = b""
    while stream is not None and (chunk := await stream.read(_READ_BYTES)):
        kept = (kept + chunk)[:_COMPLAINT_BYTES]
    return kept


async def _end(process: Process) -> None:
    """Kill the whole group of a process that has not ended by itself, and wait for it."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await asyncio.shield(process.wait())


def _clean(complaint: bytes, source: Source | None) -> str:
    """Make what git says fit for people: on one line, without secrets, bounded."""
    text = complaint.decode("utf-8", errors="replace")
    for secret in source.secrets if source is not None else ():
        text = text.replace(secret, "«hidden»")
    lines = [_NOT_SHOWN.sub(" ", line).strip() for line in telemetry.without_tokens(text).split("\n")]
    return "; ".join(dict.fromkeys(line for line in lines if line))[:_SHOWN_CHARACTERS]
