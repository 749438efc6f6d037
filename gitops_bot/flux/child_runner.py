"""A runner as a child process: one for each session, spoken to over pipes."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gitops_bot import telemetry
from gitops_bot.errors import RunnerError
from gitops_bot.flux import protocol
from gitops_bot.flux.private_folders import private_folder

log = telemetry.logger(__name__)

# Seconds for the runner to end by itself.
_PATIENCE = 10.0
# Bytes of the runner's last words that are kept for the log.
_LAST_WORDS = 2000


class ChildChannel:
    """The pipes of a runner."""

    def __init__(
        self, to_runner: asyncio.StreamWriter, from_runner: asyncio.StreamReader, last_words: asyncio.StreamReader
    ) -> None:
        """Take the runner's standard input, output and error."""
        self._to_runner = to_runner
        self._from_runner = from_runner
        self._last_words = last_words

    async def send(self, line: bytes) -> None:
        """Send one message; ConnectionError when nobody listens any more."""
        self._to_runner.write(line)
        await self._to_runner.drain()

    async def receive(self) -> bytes:
        """Wait for one message; b"" when there will be none."""
        return await self._from_runner.readline()

    async def failure(self, why: str) -> RunnerError:
        """Tell, once there are no more messages, what that means; ``why`` is what the runner itself said."""
        # Its own text, perhaps with a traceback: only for the log, through its filter.
        words = (await self._last_words.read(_LAST_WORDS)).decode("utf-8", "replace")
        if words:
            log.error("the runner ended", last_words=words)
        return RunnerError(f"The runner ended before it answered{': ' if why else ''}{why}.")

    async def close(self) -> None:
        """End the runner's input: it stops every run and goes."""
        with contextlib.suppress(ConnectionError):
            self._to_runner.close()
            await self._to_runner.wait_closed()


@asynccontextmanager
async def child_runner() -> AsyncIterator[ChildChannel]:
    """Start a runner with a folder of its own; both are gone afterwards. RunnerError when it cannot be started."""
    # Made here, so that it goes even when the runner is killed: it holds a token and somebody's files.
    with contextlib.ExitStack() as stack:
        folder = await asyncio.to_thread(stack.enter_context, private_folder())
        process = await _start(str(folder))
        try:
            if process.stdin is None or process.stdout is None or process.stderr is None:
                raise AssertionError("all three are pipes")
            channel = ChildChannel(process.stdin, process.stdout, process.stderr)
            try:
                yield channel
            finally:
                await channel.close()
        finally:
            await _end(process)
            await asyncio.to_thread(stack.close)


async def _start(folder: str) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-m",
            "gitops_bot.runner",
            str(os.getpid()),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            # Nothing is inherited: this process's environment may hold tokens.
            env={"LANG": "C.UTF-8", "TMPDIR": folder},
            cwd="/",
            start_new_session=True,
            limit=protocol.LINE_BYTES,
            umask=0o077,
        )
    except OSError as error:
        raise RunnerError(f"The runner cannot be started: {error.strerror or error}") from error


async def _end(process: asyncio.subprocess.Process) -> None:
    """Wait for the runner, whose input has ended; kill it when it does not go. Its flux processes die with it."""
    try:
        async with asyncio.timeout(_PATIENCE):
            await process.wait()
    except TimeoutError:
        log.warning("the runner did not end and is killed")
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
