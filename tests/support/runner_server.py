"""The runner as a server of its own, as it is started in its Pod: a process, a port, a secret file."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from gitops_bot.config import FluxSettings

SECRET = "a-secret-of-the-tests-of-at-least-32-characters"


@dataclass
class RunnerServer:
    """One that runs. ``folder`` holds its secret file, its log and its temporary files."""

    folder: Path
    process: asyncio.subprocess.Process
    port: int
    lines: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def secret_file(self) -> Path:
        return self.folder / "secret"

    @property
    def temporary(self) -> Path:
        return self.folder / "tmp"

    def settings(self, **more: object) -> FluxSettings:
        return FluxSettings.model_validate(
            {"runner_url": self.url, "runner_secret_file": self.secret_file, "binary": "/nowhere/flux", **more}
        )

    def settings_as_written(self) -> dict[str, str]:
        """The section ``flux`` of a settings file."""
        return {"runner_url": self.url, "runner_secret_file": str(self.secret_file)}

    def runs_flux(self) -> bool:
        """Whether flux runs in one of its sessions."""
        for process in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if "kustomization" in process.cmdline():
                    return True
        return False

    async def end(self, sign: signal.Signals = signal.SIGTERM) -> None:
        """End it, if it runs, and keep the rest of its log."""
        if self.process.returncode is None:
            self.process.send_signal(sign)
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            self.lines.append(line.decode())
        await self.process.wait()


def prepare(folder: Path, secret: str = SECRET) -> None:
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    (folder / "secret").write_text(secret, encoding="utf-8")


# The user nobody, who may read what lies in the home of root: there the Python of the tests may be.
_AS_NOBODY = (
    str(shutil.which("setpriv")), "--reuid=65534", "--regid=65534", "--clear-groups",
    *(f"--{kind}=-all,+dac_read_search" for kind in ("inh-caps", "ambient-caps", "bounding-set")),
)  # fmt: skip


async def start(folder: Path, *options: str, port: int = 0, nobody: bool = False) -> RunnerServer:
    """Start it, as the user nobody if that is wanted, and wait until it says its port."""
    if nobody:
        os.chown(folder / "tmp", 65534, 65534)
    listen = f"127.0.0.1:{port}"
    process = await asyncio.create_subprocess_exec(
        *(_AS_NOBODY if nobody else ()),
        *(sys.executable, "-m", "gitops_bot.runner", "serve", "--listen", listen),
        *("--secret-file", str(folder / "secret"), "--flux", str(shutil.which("flux")), *options),
        env={"TMPDIR": str(folder / "tmp"), "PATH": "/nowhere", "CANARY": "of the runner"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    server = RunnerServer(folder, process, 0)
    while line := await process.stdout.readline():
        server.lines.append(line.decode())
        said = json.loads(line)
        if said.get("event") == "the runner listens":
            server.port = said["port"]
            return server
    await process.wait()
    raise AssertionError(f"the runner did not start: {server.lines}")


@asynccontextmanager
async def running(folder: Path, *options: str, nobody: bool = False) -> AsyncIterator[RunnerServer]:
    prepare(folder)
    server = await start(folder, *options, nobody=nobody)
    try:
        yield server
    finally:
        await server.end()
