"""Real clusters for tests: see tests/real/conftest.py for the fixtures that give them."""

import asyncio
import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gitops_bot.sandbox.cluster import Cluster
from gitops_bot.sandbox.ports import Ports
from gitops_bot.sandbox.processes import Supervisor
from gitops_bot.sandbox.tools.bring import Toolbox, bring_tools


def toolbox() -> Toolbox:
    """Give the programs, bringing what is missing: minutes the first time, so `make test` brings them first."""
    # PATH first: tests/conftest.py puts scripts there that count.
    return asyncio.run(bring_tools(progress=lambda _tool, _text: None))


@contextlib.contextmanager
def running_clusters(tools: Toolbox, *names: str, flux: bool = True) -> Iterator[list[Cluster]]:
    """Start clusters side by side (5 s for one) and end every process of theirs afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="gitops-bot-cluster-"))
    supervisor, ports = Supervisor(folder), Ports()
    clusters = [Cluster(name, folder / name, tools, supervisor, ports) for name in names]
    try:
        asyncio.run(_start(clusters, flux=flux))
        yield clusters
    finally:
        for cluster in clusters:
            cluster.stop()
        supervisor.stop()
        ports.release()
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def running_world(folder: Path, *arguments: str) -> Iterator[dict[str, Any]]:
    """Run `gitops-bot sandbox` as a person does and give what it prints; afterwards it is asked to end, and must."""
    command = [sys.executable, "-m", "gitops_bot", "sandbox", "--output", "json", "--state", str(folder), *arguments]
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            if not line:
                process.wait()
                errors.seek(0)
                raise AssertionError(f"the sandbox did not start: {errors.read()}")
            yield json.loads(line)
        finally:
            process.terminate()
            process.wait(60)


async def _start(clusters: list[Cluster], *, flux: bool) -> None:
    await asyncio.gather(*(asyncio.to_thread(cluster.start, flux=flux) for cluster in clusters))
