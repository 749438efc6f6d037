"""The bot's half: start the runner, hand it trees and jobs, wait for its answers."""

import asyncio
import contextlib
import os
import re
import secrets
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from gitops_bot import telemetry
from gitops_bot.config import FluxSettings
from gitops_bot.errors import RunnerError, SettingsError
from gitops_bot.flux import protocol
from gitops_bot.flux.process import close_memory
from gitops_bot.flux.session import Session
from gitops_bot.models.kustomizations import ClusterCredentials
from gitops_bot.models.tree import Tree

log = telemetry.logger(__name__)

# --in-memory-build keeps kustomize inside the tree, --ignore-not-found compares what is not in the cluster yet.
_OLDEST = (2, 9, 1)
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
# Seconds for the program to say its version, and for the runner to end by itself.
_PATIENCE = 10.0


# A port that nobody listens on: what asks a cluster all the same is told that there is none.
_NOWHERE = ClusterCredentials(
    server="https://127.0.0.1:9", ca_pem="", token="", expires_at=datetime.max.replace(tzinfo=UTC)
)


class FluxDoor:
    """Opens sessions with the runner, a child process of its own for each."""

    def __init__(self, settings: FluxSettings) -> None:
        """Start nothing yet."""
        self._settings = settings
        self._slots = asyncio.Semaphore(settings.concurrency)
        self._limits = protocol.Limits(seconds=settings.deadline, memory_bytes=settings.memory_bytes)
        self._binary = ""
        # One for all sessions, so that renders of two sessions can be compared; it dies with this process.
        self._redaction_key = secrets.token_bytes(32)

    async def __aenter__(self) -> Self:
        """Find flux and check its version; SettingsError. This process becomes unreadable for others of its user."""
        self._binary = _find(self._settings.binary)
        version = await self._version()
        if version < _OLDEST:
            raise SettingsError(
                f"flux.binary: {self._binary} is flux {'.'.join(map(str, version))}; at least "
                f"{'.'.join(map(str, _OLDEST))} is needed: earlier ones read files outside of the repository."
            )
        close_memory()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to close: sessions close themselves."""

    @asynccontextmanager
    async def session(self, credentials: ClusterCredentials, trees: Mapping[str, Tree]) -> AsyncIterator[Session]:
        """Open a cage with these trees, by the names that ``build`` and ``diff`` will use."""
        # Made here, so that it goes even when the runner is killed: it holds a token and somebody's files.
        folder = tempfile.mkdtemp(prefix="gitops-bot-runner-")
        try:
            async with self._session(folder, credentials, trees) as session:
                yield session
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    @asynccontextmanager
    async def offline(self, trees: Mapping[str, Tree]) -> AsyncIterator[Session]:
        """Open a cage that knows no cluster: for builds that look nothing up."""
        async with self.session(_NOWHERE, trees) as session:
            yield session

    @asynccontextmanager
    async def _session(
        self, folder: str, credentials: ClusterCredentials, trees: Mapping[str, Tree]
    ) -> AsyncIterator[Session]:
        process = await self._start_runner(folder)
        if process.stdin is None or process.stdout is None or process.stderr is None:
            raise AssertionError("all three are pipes")
        session = Session(process.stdin, process.stdout, process.stderr, slots=self._slots, limits=self._limits)
        try:
            opening = protocol.opening(
                self._binary,
                credentials,
                redaction_key=self._redaction_key,
                concurrency=self._settings.concurrency,
                limits=self._limits,
            )
            await session.open(opening, trees)
            yield session
        finally:
            await session.close()
            await _end(process)

    async def _start_runner(self, folder: str) -> asyncio.subprocess.Process:
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

    async def _version(self) -> tuple[int, ...]:
        with tempfile.TemporaryDirectory(prefix="gitops-bot-flux-") as home:
            process = await asyncio.create_subprocess_exec(
                self._binary,
                "--version",
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={"HOME": home, "PATH": home},
                cwd=home,
            )
            try:
                async with asyncio.timeout(_PATIENCE):
                    output, _ = await process.communicate()
            except TimeoutError as error:
                process.kill()
                await process.wait()
                raise SettingsError(f"flux.binary: {self._binary} --version does not end") from error
        found = _VERSION.search(output.decode("utf-8", "replace"))
        if found is None:
            raise SettingsError(f"flux.binary: {self._binary} does not say its version: is it flux?")
        return tuple(map(int, found.groups()))


def _find(binary: str) -> str:
    """Give the absolute path of the program: the runner has no PATH."""
    found = shutil.which(binary)
    if found is None:
        raise SettingsError(
            f"flux.binary: there is no program {binary!r}. "
            "Install flux 2.9.1 or later (https://fluxcd.io/flux/installation/), or name its file."
        )
    with Path(found).open("rb") as program:
        if program.read(2) == b"#!":
            raise SettingsError(
                f"flux.binary: {found} is a script. In its cage flux can start nothing else: name the program itself."
            )
    return os.path.realpath(found)


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
