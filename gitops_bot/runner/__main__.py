"""Read jobs, run flux, answer: until the input ends or the parent does."""

import asyncio
import contextlib
import os
import resource
import shutil
import signal
import stat
import sys
import tempfile
import time
from pathlib import Path

from gitops_bot.flux import protocol
from gitops_bot.flux.process import (
    adopt_orphans,
    close_memory,
    die_with_parent,
    kill_children,
    seconds_of_ended,
    stand_back,
)
from gitops_bot.models.tree import Tree
from gitops_bot.rules.fairness import FIRST_NICENESS, niceness
from gitops_bot.runner.work import Workshop

# Seconds of processor time between two looks at how much of it this session has had.
_LOOK_AT_TIME = 0.5
_MOST_MEMORY = 2 << 30


async def _pipes() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Take standard input and output as streams."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=protocol.LINE_BYTES)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    transport, writing = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, sys.stdout)
    return reader, asyncio.StreamWriter(transport, writing, None, loop)


def _is_pipe(file: int) -> bool:
    mode = os.fstat(file).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


class _Conversation:
    """What the bot says, in order, and the answers as they come."""

    def __init__(self, writer: asyncio.StreamWriter, folder: Path) -> None:
        self._writer = writer
        self._folder = folder
        self._workshop: Workshop | None = None
        self._contents: dict[str, bytes] = {}
        # Jobs that the bot has told to stop.
        self._stopped: set[int] = set()
        self._jobs: dict[int, asyncio.Task[None]] = {}

    async def hear(self, line: bytes) -> None:
        """Act on one message."""
        message = protocol.decode(line)
        match message:
            case protocol.Opening() if self._workshop is None:
                # Once only: whoever stands between us and the bot has put their own flux and limits into the first.
                self._workshop = Workshop(message, self._folder)
            case protocol.FileContent():
                self._contents[message.digest] = message.content
            case protocol.TreeListing():
                files = {path: self._contents[digest] for path, digest in message.files.items()}
                tree = Tree(files, frozenset(message.oversized), frozenset(message.links))
                self._open_workshop().add_tree(message.name, tree)
            case protocol.Job() | protocol.Look():
                self._jobs[message.number] = asyncio.create_task(self._do(message), name=f"job {message.number}")
                # It begins now: what is stopped before it began could not say so.
                await asyncio.sleep(0)
            case protocol.Stop():
                # Without one it has been answered meanwhile.
                if job := self._jobs.get(message.number):
                    self._stopped.add(message.number)
                    job.cancel()
            case _:
                raise ValueError("that is for the bot to hear, not for the runner")

    async def say(self, message: protocol.Message) -> None:
        """Send one message."""
        self._writer.write(protocol.encode(message))
        with contextlib.suppress(ConnectionError):
            await self._writer.drain()

    async def end(self) -> None:
        """Stop every run."""
        jobs = list(self._jobs.values())
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)

    def _open_workshop(self) -> Workshop:
        if self._workshop is None:
            raise ValueError("the first message must be an Opening")
        return self._workshop

    async def _do(self, job: protocol.Job | protocol.Look) -> None:
        try:
            await self._answer(job)
        finally:
            del self._jobs[job.number]

    async def _answer(self, job: protocol.Job | protocol.Look) -> None:
        if isinstance(job, protocol.Look):
            await self.say(await self._open_workshop().look(job))
            return
        try:
            answer: protocol.Message = protocol.Answer(job.number, await self._open_workshop().do(job))
        except asyncio.CancelledError:
            if job.number not in self._stopped:
                raise
            answer = protocol.Stopped(job.number)
        await self.say(answer)


async def _converse(folder: Path) -> int:
    reader, writer = await _pipes()
    conversation = _Conversation(writer, folder)
    listening = asyncio.current_task()
    if listening is None:
        raise AssertionError("a coroutine runs in a task")
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, listening.cancel)
    try:
        while line := await reader.readline():
            await conversation.hear(line)
    except asyncio.CancelledError:
        return 0
    except (ValueError, KeyError, TypeError) as error:
        # Not the message itself: it may hold a token.
        await conversation.say(protocol.Failure(f"a message was not understood: {type(error).__name__}"))
        return 1
    finally:
        await conversation.end()
    return 0


def main() -> int:
    """Run until there is nothing more to do."""
    if not all(_is_pipe(stream.fileno()) for stream in (sys.stdin, sys.stdout)):
        sys.stderr.write("This program is started by gitops-bot and speaks JSON over pipes.\n")
        return 2
    close_memory()
    adopt_orphans()
    # The bot itself comes first, and other sessions before one that has had more than its part.
    stand_back(os.getpid(), FIRST_NICENESS)
    signal.signal(
        signal.SIGPROF, lambda *_: stand_back(os.getpid(), niceness(time.process_time() + seconds_of_ended()))
    )
    signal.setitimer(signal.ITIMER_PROF, _LOOK_AT_TIME, _LOOK_AT_TIME)
    # Python's own memory, which files of a pull request fill too; flux gets a limit of its own.
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
    # Who started us tells its number; without it the end of the input must do.
    if len(sys.argv) > 1:
        die_with_parent(int(sys.argv[1]))
    folder = Path(tempfile.mkdtemp(prefix="session-"))
    try:
        return asyncio.run(_converse(folder))
    finally:
        try:
            kill_children()
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _chosen() -> int:
    if sys.argv[1:2] == ["serve"]:
        # Brings a web server along, which a session does not need.
        from gitops_bot.runner import serve  # noqa: PLC0415

        return serve.main(sys.argv[2:])
    return main()


if __name__ == "__main__":
    code = _chosen()
    # An answer may still wait for a pipe that nobody reads: do not wait with it.
    os._exit(code)
