"""flux without the cage: plain runs of the program on trees that the tests write themselves."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import yaml

from gitops_bot.models.changes import FluxOutcome, OutcomeStatus
from gitops_bot.models.kustomizations import Kustomization
from gitops_bot.models.tree import Tree


def write_tree(tree: Mapping[str, bytes], folder: Path) -> None:
    for path, content in tree.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


# Without garbage collection, which is a third of what so small a run costs.
_ENVIRONMENT = {"PATH": "/nonexistent", "HTTP_PROXY": "http://127.0.0.1:9", "GOGC": "off"}


class OfflineFlux:
    """Counts its runs, so that a test can say how many a change costs."""

    def __init__(self, program: Path, *, side_by_side: int = 3) -> None:
        self.runs = 0
        self._program = program
        self._slots = asyncio.Semaphore(side_by_side)

    @contextlib.asynccontextmanager
    async def offline(self, trees: Mapping[str, Tree]) -> AsyncIterator["OfflineRuns"]:
        with tempfile.TemporaryDirectory(prefix="gitops-bot-offline-") as scratch:
            folder = Path(scratch)
            for name, tree in trees.items():
                (folder / "trees" / name).mkdir(parents=True)
                write_tree(tree, folder / "trees" / name)
            yield OfflineRuns(self, folder)

    async def run(self, folder: Path, kustomization: Kustomization, tree: str) -> FluxOutcome:
        spec = {"interval": "1h", "prune": True, **kustomization.spec}
        name, namespace = kustomization.id.name, kustomization.id.namespace
        with tempfile.NamedTemporaryFile("w", dir=folder, suffix=".yaml") as file:
            yaml.safe_dump(
                {
                    "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
                    "kind": "Kustomization",
                    "metadata": {"name": name, "namespace": namespace},
                    "spec": spec,
                },
                file,
            )
            file.flush()
            async with self._slots:
                self.runs += 1
                process = await asyncio.create_subprocess_exec(
                    self._program, "build", "kustomization", name, "-n", namespace, "--path", f"./{kustomization.path}",
                    "--kustomization-file", file.name, "--dry-run", "--in-memory-build", "--strict-substitute",
                    cwd=folder / "trees" / tree,
                    env={**_ENVIRONMENT, "HOME": str(folder)},
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.PIPE,
                )  # fmt: skip
                out, err = await process.communicate()
        if process.returncode:
            return FluxOutcome(OutcomeStatus.FAILED, message=err.decode())
        return FluxOutcome(OutcomeStatus.UNCHANGED, text=out.decode())


class OfflineRuns:
    def __init__(self, flux: OfflineFlux, folder: Path) -> None:
        self._flux = flux
        self._folder = folder

    async def build(self, kustomization: Kustomization, tree: str) -> FluxOutcome:
        return await self._flux.run(self._folder, kustomization, tree)
