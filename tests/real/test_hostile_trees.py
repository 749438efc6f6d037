"""Pull requests that try to read, to call out, or to fill the machine; the real flux, and each wall by itself."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cage import Stage, config_map, text_of
from cage import stage as open_stage
from runner_server import running

from gitops_bot.flux.landlock import Enclosure, enclosed
from gitops_bot.flux.process import run
from gitops_bot.flux.protocol import Limits, Opening
from gitops_bot.flux.run_folder import run_folder
from gitops_bot.models.changes import FluxOutcome, OutcomeStatus
from gitops_bot.models.tree import Tree
from gitops_bot.sandbox.cluster import Cluster
from gitops_bot.sandbox.tools.bring import Toolbox

CANARY = "canary-of-a-file-outside"


@dataclass
class Listener:
    """A server on loopback that must never be called."""

    port: int = 0
    calls: list[bytes] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    found = Listener()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found.calls.append(await reader.read(1000))
        writer.write(b"HTTP/1.0 200 OK\r\n\r\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: fetched}\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    async with server:
        yield found
    # Python 3.12 and later wait here for open connections; there are none.


@pytest.fixture
async def stage(cluster: Cluster, namespace: str, kubeconfig: Path) -> AsyncIterator[Stage]:
    async with open_stage(cluster, namespace, kubeconfig, deadline=60) as opened:
        yield opened


async def both(stage: Stage, tree: dict[str, bytes] | Tree, **spec: Any) -> list[FluxOutcome]:
    """Build and diff."""
    kustomization = stage.kustomization(**spec)
    async with stage.session(result=tree) as cage:
        return [await cage.build(kustomization, "result"), await cage.diff(kustomization, "result")]


def kustomize(**fields: Any) -> dict[str, bytes]:
    return {"apps/kustomization.yaml": json.dumps(fields).encode(), "apps/a.yaml": b"kind: ConfigMap\n"}


def references(to: str) -> dict[str, dict[str, bytes]]:
    """Every field of a kustomization that may take a path or an address."""
    generator = {"apiVersion": "builtin", "kind": "ConfigMapGenerator", "metadata": {"name": "x"}, "files": [f"k={to}"]}
    return {
        "resources": kustomize(resources=[to]),
        "bases": kustomize(bases=[to]),
        "components": kustomize(components=[to]),
        "crds": kustomize(crds=[to]),
        "configurations": kustomize(configurations=[to]),
        "openapi": kustomize(resources=["a.yaml"], openapi={"path": to}),
        "patches": kustomize(resources=["a.yaml"], patches=[{"path": to}]),
        "patchesStrategicMerge": kustomize(resources=["a.yaml"], patchesStrategicMerge=[to]),
        "patchesJson6902": kustomize(patchesJson6902=[{"path": to, "target": {"kind": "ConfigMap", "name": "x"}}]),
        "replacements": kustomize(replacements=[{"path": to}]),
        "generators": kustomize(generators=[to]),
        "transformers": kustomize(transformers=[to]),
        "validators": kustomize(validators=[to]),
        "configMapGenerator": kustomize(configMapGenerator=[{"name": "kube-root-ca.crt", "files": [f"x={to}"]}]),
        "configMapGenerator, envs": kustomize(configMapGenerator=[{"name": "x", "envs": [to]}]),
        "secretGenerator": kustomize(secretGenerator=[{"name": "x", "files": [to]}]),
        "inline generator": kustomize(generators=[json.dumps(generator)]),
        "helmCharts": kustomize(helmCharts=[{"name": "x", "valuesFile": to}]),
    }


@pytest.mark.parametrize("name", references(""))
async def test_nothing_is_fetched(stage: Stage, listener: Listener, name: str) -> None:
    for outcome in await both(stage, references(f"{listener.address}/x.yaml")[name]):
        assert outcome.status is OutcomeStatus.REFUSED, outcome
        assert "an address: nothing is fetched" in outcome.message
        assert outcome.text == ""
    assert listener.calls == []


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com/acme/base//apps?ref=main",
        "github.com/acme/base//apps",
        "git@github.com:acme/base.git",
        "git::https://example.com/x",
        "ssh://git@example.com/x.git",
        "file:///etc",
        "http://169.254.169.254/latest/meta-data",
    ],
)
async def test_no_spelling_of_an_address_is_followed(stage: Stage, address: str) -> None:
    for outcome in await both(stage, kustomize(resources=[address])):
        assert outcome.status is OutcomeStatus.REFUSED, outcome


async def test_what_is_patched_into_a_plugin_is_not_fetched_either(stage: Stage, listener: Listener) -> None:
    patch = json.dumps([{"op": "replace", "path": "/files/0", "value": f"x={listener.address}/x"}])
    folder = {"resources": ["a.yaml"], "patches": [{"target": {"kind": "ConfigMapGenerator"}, "patch": patch}]}
    generator = {"apiVersion": "builtin", "kind": "ConfigMapGenerator", "metadata": {"name": "x"}, "files": ["a.yaml"]}
    files = {"apps/g/kustomization.yaml": folder, "apps/g/a.yaml": generator}
    tree = kustomize(generators=["g"]) | {path: json.dumps(value).encode() for path, value in files.items()}
    for outcome in await both(stage, tree):
        assert outcome.status is OutcomeStatus.REFUSED, outcome
    assert listener.calls == []


async def test_components_of_the_spec_are_looked_at_too(stage: Stage, listener: Listener) -> None:
    tree = {"apps/a.yaml": text_of(config_map("a", stage.namespace))}
    for outcome in await both(stage, tree, components=[f"{listener.address}/x"]):
        assert outcome.status is OutcomeStatus.REFUSED, outcome
    assert listener.calls == []


@pytest.mark.parametrize("name", references(""))
@pytest.mark.parametrize("kind", ["absolute", "relative"])
async def test_no_file_outside_is_read(stage: Stage, tmp_path: Path, name: str, kind: str) -> None:
    outside = tmp_path / "outside.yaml"
    outside.write_text(f"kind: ConfigMap\nmetadata: {{name: {CANARY}}}\ndata: {{x: {CANARY}}}\n", encoding="utf-8")
    path = str(outside) if kind == "absolute" else "../" * 20 + str(outside).lstrip("/")
    for outcome in await both(stage, references(path)[name]):
        assert outcome.status is OutcomeStatus.REFUSED, outcome
        assert CANARY not in outcome.text + outcome.message


async def test_a_runner_of_its_own_refuses_the_same(
    cluster: Cluster, namespace: str, kubeconfig: Path, listener: Listener, tmp_path: Path
) -> None:
    """The same cage behind a server: every reference, every kind of it, in one session."""
    outside = tmp_path / "outside.yaml"
    outside.write_text(f"kind: ConfigMap\nmetadata: {{name: {CANARY}}}\ndata: {{x: {CANARY}}}\n", encoding="utf-8")
    targets = (f"{listener.address}/x.yaml", str(outside), "../" * 20 + str(outside).lstrip("/"))
    trees: dict[str, dict[str, bytes] | Tree] = {
        f"{at} {name}": tree for at, to in enumerate(targets) for name, tree in references(to).items()
    }
    trees["link"] = Tree(kustomize(resources=["a.yaml", "link.yaml"]), links=frozenset({"apps/link.yaml"}))
    trees["bomb"] = {"apps/a.yaml": bomb()}
    good = {"apps/a.yaml": text_of(config_map("good", namespace))}
    async with running(tmp_path / "runner") as server:
        flux = {**server.settings_as_written(), "deadline": 60}
        async with open_stage(cluster, namespace, kubeconfig, **flux) as stage:
            kustomization = stage.kustomization()
            async with stage.session(good=good, **trees) as cage:
                for name in trees:
                    for outcome in (await cage.build(kustomization, name), await cage.diff(kustomization, name)):
                        assert outcome.status is OutcomeStatus.REFUSED, (name, outcome)
                        assert CANARY not in outcome.text + outcome.message
                assert (await cage.build(kustomization, "good")).usable
    assert listener.calls == []


async def test_a_path_above_the_repository_is_refused(stage: Stage) -> None:
    for outcome in await both(stage, {"a.yaml": b""}, path="../../etc"):
        assert outcome.status is OutcomeStatus.REFUSED


async def test_another_clusters_kustomization_is_refused(stage: Stage) -> None:
    tree = {"apps/a.yaml": text_of(config_map("a", stage.namespace))}
    for outcome in await both(stage, tree, kubeConfig={"secretRef": {"name": "remote"}}):
        assert outcome.status is OutcomeStatus.REFUSED
        assert "another cluster" in outcome.message


async def test_a_link_is_refused(stage: Stage) -> None:
    tree = Tree(kustomize(resources=["a.yaml", "link.yaml"]), links=frozenset({"apps/link.yaml"}))
    for outcome in await both(stage, tree):
        assert outcome.status is OutcomeStatus.REFUSED
        assert "symbolic link" in outcome.message


def bomb(levels: int = 12) -> bytes:
    lines = ["kind: ConfigMap", "metadata: {name: bomb}", "a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{at}: &a{at} [{', '.join([f'*a{at - 1}'] * 9)}]" for at in range(1, levels)]
    return "\n".join(lines).encode()


async def test_an_alias_bomb_costs_nothing(stage: Stage) -> None:
    began = time.monotonic()
    for outcome in await both(stage, {"apps/a.yaml": bomb()}):
        assert outcome.status is OutcomeStatus.REFUSED
        assert "aliases" in outcome.message
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    "content",
    [
        b"a: " + b"[" * 20_000 + b"]" * 20_000,
        b"- " * 20_000 + b"x",
        b"\xef\xbb\xbfkind: ConfigMap\nmetadata: {name: a}\n",
        "kind: ConfigMap\nmetadata: {name: a}\n".encode("utf-16"),
        b"kind: ConfigMap\0\n",
        b"kind: ConfigMap\n\tmetadata: {}\n",
        b"kind: ConfigMap\nmetadata: null\n",
        b"kind: ConfigMap\nmetadata: {generateName: x}\n",
        b"apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {a: 1}\n",
        b"apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: null\n",
        b'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: "\\e[31m"}\n',
        b"x: !!binary aGVsbG8=\n",
        b"x: .nan\n",
        b"{",
        b"---\n" * 10_000,
    ],
    ids=range(15),
)
async def test_strange_yaml_is_an_answer_and_not_a_crash(stage: Stage, content: bytes) -> None:
    good = {"apps/good.yaml": text_of(config_map("good", stage.namespace))}
    kustomization = stage.kustomization(targetNamespace=stage.namespace)
    async with stage.session(bad={**good, "apps/bad.yaml": content}, good=good) as cage:
        outcomes = [await cage.build(kustomization, "bad"), await cage.diff(kustomization, "bad")]
        after = await cage.build(kustomization, "good")
    assert after.status is OutcomeStatus.UNCHANGED
    for outcome in outcomes:
        assert outcome.status is not OutcomeStatus.UNAVAILABLE, outcome
        assert "A fault of gitops-bot" not in outcome.message, outcome
        assert outcome.usable or outcome.message


async def test_a_kustomization_file_that_is_a_folder_is_no_deletion_of_everything(stage: Stage) -> None:
    kustomization = stage.kustomization()
    stage.apply(config_map("web", stage.namespace))
    stage.set_inventory(f"{stage.namespace}_web__ConfigMap")
    web = text_of(config_map("web", stage.namespace))
    for tree in (
        {"apps/kustomization.yaml/a.yaml": web},
        {"apps/kustomization.yaml/a.txt": web, "apps/a.yaml": web},
        {"apps/kustomization.yaml": b"resources: [below]", "apps/below/kustomization.yaml/a.yaml": web},
    ):
        outcome = await stage.diff(kustomization, tree)
        assert outcome.status is OutcomeStatus.REFUSED, outcome
        assert "is a folder" in outcome.message


async def test_odd_names_are_refused_only_where_they_matter(stage: Stage) -> None:
    good = text_of(config_map("a", stage.namespace))
    elsewhere = await both(stage, {"apps/a.yaml": good, "Icon\r": b"", "other/\x1b[2J.yaml": good})
    assert [outcome.usable for outcome in elsewhere] == [True, True], elsewhere
    for outcome in await both(stage, {"apps/a.yaml": good, "apps/\x1b[2J.yaml": good}):
        assert outcome.status is OutcomeStatus.REFUSED
        assert "control characters" in outcome.message
        assert "\x1b" not in outcome.message


# Each wall by itself: as if the walk over the files had missed something


@pytest.fixture
def flux(tools: Toolbox) -> Path:
    return Path(tools.path("flux")).resolve()


async def run_alone(flux: Path, folder: Path, tree: dict[str, bytes], *, landlock: bool) -> str:
    """Run ``flux build`` in its environment, with or without the kernel's walls; nobody looks at the files before."""
    for path, content in tree.items():
        (folder / "tree" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "tree" / path).write_bytes(content)
    opening = Opening(str(flux), "https://10.0.0.1:6443", "", "00", "token")
    kustomization = {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {"name": "apps", "namespace": "flux-system"},
        "spec": {"path": "./apps"},
    }
    argv = ["build", "kustomization", "apps", "--path=./apps", "--dry-run", "--in-memory-build"]
    with contextlib.ExitStack() as stack:
        made = stack.enter_context(run_folder(folder, opening, kustomization))
        enclose = lambda: None  # noqa: E731 # what `enclosed` gives without Landlock
        if landlock:
            walls = Enclosure(flux, (folder / "tree",), (made.root,), (6443,))
            enclose = stack.enter_context(enclosed(walls))
        ended = await run(
            [str(flux), *argv, f"--kustomization-file={made.kustomization}"],
            folder=folder / "tree",
            environment=made.environment(opening),
            limits=Limits(seconds=60),
            enclose=enclose,
        )
    return (ended.stdout + ended.stderr).decode()


async def test_the_kernel_keeps_flux_from_loopback(flux: Path, tmp_path: Path, listener: Listener) -> None:
    tree = kustomize(configMapGenerator=[{"name": "x", "files": [f"x={listener.address}/x"]}])
    without = await run_alone(flux, tmp_path / "a", tree, landlock=False)
    assert listener.calls, f"nothing was fetched, so this proves nothing: {without}"
    listener.calls.clear()
    said = await run_alone(flux, tmp_path / "b", tree, landlock=True)
    assert listener.calls == []
    assert "permission denied" in said


async def test_the_dead_proxy_keeps_flux_from_other_addresses(flux: Path, tmp_path: Path) -> None:
    tree = kustomize(configMapGenerator=[{"name": "x", "files": ["x=http://192.0.2.1/x"]}])
    said = await run_alone(flux, tmp_path, tree, landlock=False)
    assert "proxyconnect" in said or "127.0.0.1:9" in said, said


async def test_flux_finds_no_git(flux: Path, tmp_path: Path) -> None:
    tree = kustomize(resources=["https://example.com/acme/base.git//apps?ref=main"])
    said = await run_alone(flux, tmp_path, tree, landlock=False)
    assert "no 'git' program on path" in said or "no such file" in said, said


@pytest.mark.parametrize("landlock", [False, True])
async def test_flux_reads_only_its_tree(flux: Path, tmp_path: Path, landlock: bool) -> None:  # noqa: FBT001 # a parameter
    (tmp_path / "outside").write_text(CANARY, encoding="utf-8")
    tree = kustomize(configMapGenerator=[{"name": "x", "files": [f"x={tmp_path}/outside"]}])
    said = await run_alone(flux, tmp_path, tree, landlock=landlock)
    assert CANARY not in said


async def test_a_bomb_meets_the_memory_limit(flux: Path, tmp_path: Path) -> None:
    (tmp_path / "tree/apps").mkdir(parents=True)
    (tmp_path / "tree/apps/a.yaml").write_bytes(bomb())
    kustomization = tmp_path / "k.json"
    body = {"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization", "metadata": {"name": "apps"}}
    kustomization.write_text(json.dumps(body | {"spec": {"path": "./apps"}}))
    limits = Limits(seconds=60, memory_bytes=1 << 30)
    argv = ["build", "kustomization", "apps", "--path=./apps", "--dry-run", "--in-memory-build"]
    ended = await run(
        [str(flux), *argv, f"--kustomization-file={kustomization}"],
        folder=tmp_path / "tree",
        environment={"HOME": str(tmp_path), "GOMEMLIMIT": str(700 << 20)},
        limits=limits,
    )
    assert ended.returncode != 0
    assert ended.seconds < 60
    assert b"out of memory" in ended.stderr or ended.stopped is not None or ended.returncode < 0
