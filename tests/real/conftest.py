"""Fixtures with real parts; each is started at its first use and lives as long as its xdist worker.

``tools``         a `Toolbox`: ``tools.path("flux")`` and so on are the programs; ``tools.files["flux"]`` has version,
                  sha256 and origin
``cluster``       a running `gitops_bot.sandbox.cluster.Cluster` (kube-apiserver, controller-manager, Flux's CRDs,
                  source-controller, kustomize-controller): ``cluster.kubeconfig`` (administrator), ``cluster.api_url``,
                  ``cluster.ca_file``, ``cluster.apply_text(yaml)``, ``cluster.apply_secret(namespace, name, values)``,
                  ``cluster.api`` (`KubernetesApi`: ``get(path)``, ``call(method, path, body=...)``,
                  ``apply(documents, manager=...)``, ``patch(path, change, manager="kubectl-label")``),
                  ``cluster.service_account_kubeconfig(namespace, name)``,
                  ``cluster.wait_until(condition, seconds=..., what="...")``
``two_clusters``  two of them, named ``first`` and ``second``
``namespace``     a new namespace in ``cluster`` (its name), so that tests do not meet; its Kustomizations are deleted
                  afterwards, and the rest is left: to delete a namespace takes a hundred requests

``kubeconfig``    of the bot's core in ``cluster``, where the shipped identities and the guard are applied
``artifacts``     a server of tarballs, as source-controller is one

``world``         the whole sandbox (sample fleet, one cluster, no bot), started as a person starts it: what
                  `gitops-bot sandbox --output json` prints, as a dict; `gitops_bot.sandbox.observer.Observer(world)`
                  reads and clicks; ``support/real_cluster.py: running_world(folder, "--clusters", "2", "--with-bot")``
                  gives others

All calls block, also in async tests: they take milliseconds.
"""

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cage import install
from real_cluster import running_clusters, running_world, toolbox
from scene_stage import Artifacts

from gitops_bot.sandbox.cluster import Cluster
from gitops_bot.sandbox.tools.bring import Toolbox


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/real/" in item.path.as_posix():
            item.add_marker(pytest.mark.real)


@pytest.fixture(scope="session")
def tools() -> Toolbox:
    return toolbox()


@pytest.fixture(scope="session")
def cluster(tools: Toolbox) -> Iterator[Cluster]:
    with running_clusters(tools, "production") as clusters:
        yield clusters[0]


@pytest.fixture(scope="module")
def kubeconfig(cluster: Cluster) -> Path:
    return install(cluster)


@pytest.fixture(scope="session")
def artifacts() -> Iterator[Artifacts]:
    served = Artifacts()
    yield served
    served.close()


@pytest.fixture(scope="session")
def two_clusters(tools: Toolbox) -> Iterator[list[Cluster]]:
    with running_clusters(tools, "first", "second") as clusters:
        yield clusters


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    with running_world(tmp_path_factory.mktemp("world") / "state") as description:
        yield description


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    name = f"test-{secrets.token_hex(4)}"
    cluster.api.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}])
    yield name
    kustomizations = f"/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/{name}/kustomizations"
    for found in cluster.api.call("GET", kustomizations)["items"]:
        path = f"{kustomizations}/{found['metadata']['name']}"
        # Flux leaves alone what a suspended one has applied.
        cluster.api.patch(path, {"spec": {"suspend": True}}, manager="tests")
        cluster.api.call("DELETE", path)
