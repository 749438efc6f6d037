"""Every bad input that concerns YAML, kustomize and flux, on the real flux, with its expected verdict.

Around all of them: a server on loopback that nobody may call, a file that nobody may read, and a cluster in
which nothing may be written.
"""

import ast
import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from bad_inputs import ALL, FAILED, FINE, REFUSED, BadInput, Setting
from cage import Stage, config_map
from cage import stage as open_stage
from runner_server import running

from gitops_bot.models.changes import FluxOutcome, OutcomeStatus
from gitops_bot.models.kustomizations import Kustomization, KustomizationId
from gitops_bot.sandbox.cluster import Cluster

ROOT = Path(__file__).parents[2]
CANARY = "canary-of-a-file-outside"
RUNNABLE = [one for one in ALL if one.tree is not None]
STATUSES = {
    REFUSED: {OutcomeStatus.REFUSED},
    FAILED: {OutcomeStatus.FAILED},
    FINE: {OutcomeStatus.UNCHANGED, OutcomeStatus.CHANGED},
}


@dataclass
class Around:
    """What must stay as it is."""

    setting: Setting
    calls: list[bytes] = field(default_factory=list)


@pytest.fixture
async def stage(cluster: Cluster, namespace: str, kubeconfig: Path) -> AsyncIterator[Stage]:
    async with open_stage(cluster, namespace, kubeconfig, deadline=60) as opened:
        yield opened


@pytest.fixture
async def around(stage: Stage, tmp_path: Path) -> AsyncIterator[Around]:
    """The server, the file and the ConfigMap; looked at after the test."""
    outside = tmp_path / "outside.yaml"
    outside.write_text(f"kind: ConfigMap\nmetadata: {{name: {CANARY}}}\ndata: {{x: {CANARY}}}\n", encoding="utf-8")
    stage.apply(config_map("kept", stage.namespace, a="as it was"))
    path = f"/api/v1/namespaces/{stage.namespace}/configmaps"
    before = _versions(stage, path)
    found = Around(Setting(stage.namespace, "", str(outside)))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found.calls.append(await reader.read(1000))
        writer.write(b"HTTP/1.0 302 Found\r\nLocation: http://169.254.169.254/latest/meta-data\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    found.setting = Setting(
        stage.namespace, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", found.setting.outside
    )
    async with server:
        yield found
    assert found.calls == []
    assert _versions(stage, path) == before


def _versions(stage: Stage, path: str) -> dict[str, str]:
    items = stage.cluster.api.call("GET", path)["items"]
    found = {item["metadata"]["name"]: item["metadata"]["resourceVersion"] for item in items}
    # Kubernetes itself puts this one into every namespace, a moment after it was made.
    found.pop("kube-root-ca.crt", None)
    return found


def held_to(outcome: FluxOutcome, verdict: str, says: str) -> None:
    assert outcome.status in STATUSES[verdict], outcome
    assert CANARY not in outcome.text + outcome.message
    assert "from-a-secret" not in outcome.text.replace("a: from-a-secret", "")
    assert "A fault of gitops-bot" not in outcome.message
    if verdict != FINE:
        assert says in outcome.message
        assert len(outcome.message) > 10


@pytest.mark.parametrize("one", RUNNABLE, ids=lambda one: f"{one.area}: {one.name}")
async def test_a_bad_input_has_its_verdict(stage: Stage, around: Around, one: BadInput) -> None:
    assert one.tree is not None
    kustomization = stage.kustomization(**{"suspend": True, **one.spec})
    async with stage.session(result=one.tree(around.setting)) as cage:
        held_to(await cage.build(kustomization, "result"), one.build, one.says)
        if one.diff:
            held_to(await cage.diff(kustomization, "result"), one.diff, one.says)
        good = stage.kustomization()
        after = await cage.build(Kustomization(good.id, {**good.spec, "path": "./nowhere-else"}), "result")
    # The cage still answers.
    assert after.status is OutcomeStatus.FAILED


async def test_a_runner_of_its_own_comes_to_the_same_verdicts(
    stage: Stage, around: Around, cluster: Cluster, kubeconfig: Path, tmp_path: Path
) -> None:
    """The same cage behind a server; diffs that are refused too. One session has them all, and goes on answering."""
    # A session sees the Kustomization in the cluster once: those that differ in it are not for this one.
    alike = {one.name: one for one in RUNNABLE if not one.spec}
    trees = {name: one.tree(around.setting) for name, one in alike.items() if one.tree is not None}
    async with running(tmp_path / "runner") as server:
        flux = {**server.settings_as_written(), "deadline": 60}
        async with open_stage(cluster, stage.namespace, kubeconfig, **flux) as remote, remote.session(**trees) as cage:
            kustomization = remote.kustomization()
            for name, one in alike.items():
                held_to(await cage.build(kustomization, name), one.build, one.says)
                if one.diff == REFUSED:
                    held_to(await cage.diff(kustomization, name), one.diff, one.says)
    assert len(alike) > 40


@pytest.mark.parametrize("name", ["a" * 254, "A", "a/b", "../a", "a b", "-a", "a\n", "é"])
async def test_a_name_that_kubernetes_does_not_allow_is_refused(stage: Stage, around: Around, name: str) -> None:
    spec: dict[str, Any] = {"path": "./apps", "prune": True}
    kustomization = Kustomization(KustomizationId("production", stage.namespace, name), spec)
    async with stage.session(result={"apps/a.yaml": b""}) as cage:
        for outcome in (await cage.build(kustomization, "result"), await cage.diff(kustomization, "result")):
            held_to(outcome, REFUSED, "a name that Kubernetes does not allow")
    assert around.calls == []


def test_every_bad_input_has_a_verdict_or_a_test() -> None:
    for one in ALL:
        assert (one.tree is not None and one.build in STATUSES) != bool(one.test), one.name
    assert len({(one.area, one.name) for one in ALL}) == len(ALL)


@cache
def _functions(file: str) -> frozenset[str]:
    found = ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8")))
    return frozenset(node.name for node in found if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize("test", sorted({one.test for one in ALL if one.test}))
def test_the_test_that_has_it_exists(test: str) -> None:
    file, _, name = test.partition("::")
    functions = _functions(file)
    assert not name or name in functions
    assert any(function.startswith("test_") for function in functions)
