"""Kustomizations on a real API server, looked at by the bot's own doors as the shipped ServiceAccounts."""

import secrets
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gitops_bot.cluster import ClusterDoor
from gitops_bot.config import ClusterSettings, FluxSettings, NetworkSettings
from gitops_bot.flux import FluxDoor
from gitops_bot.flux.session import Session
from gitops_bot.models.changes import FluxOutcome
from gitops_bot.models.kustomizations import Kustomization, KustomizationId
from gitops_bot.models.tree import Tree
from gitops_bot.sandbox.cluster import Cluster
from gitops_bot.sandbox.identities import apply_identities, core_kubeconfig
from gitops_bot.sandbox.kubernetes_api import ApiRefused, KubernetesApi

OWNER = "kustomize-controller"
_PATIENCE = 30.0


def install(cluster: Cluster) -> Path:
    """Apply the shipped identities and the guard, wait until it works, give the kubeconfig of the core."""
    apply_identities(cluster)
    api = KubernetesApi.from_kubeconfig(cluster.service_account_kubeconfig("gitops-bot", "gitops-bot-diff"))
    deadline = time.monotonic() + _PATIENCE
    try:
        while writes(api, "gitops-bot"):
            assert time.monotonic() < deadline, "the guard does not work"
    finally:
        api.close()
    return core_kubeconfig(cluster)


def writes(api: KubernetesApi, namespace: str) -> bool:
    """Try to write a ConfigMap; True when it was written."""
    name = f"written-{secrets.token_hex(4)}"
    metadata = {"name": name, "namespace": namespace}
    try:
        api.apply([{"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}])
    except ApiRefused as error:
        if error.status in {403, 422}:
            return False
        raise
    return True


def apply_as_flux(api: KubernetesApi, namespace: str, *documents: dict[str, Any]) -> None:
    """Put objects into the cluster as Flux would for the Kustomization ``apps``: its name, its labels of ownership."""
    for document in documents:
        labels = document["metadata"].setdefault("labels", {})
        labels["kustomize.toolkit.fluxcd.io/name"] = "apps"
        labels["kustomize.toolkit.fluxcd.io/namespace"] = namespace
    api.apply(documents, manager=OWNER)


def set_inventory(api: KubernetesApi, namespace: str, name: str, *ids: str) -> None:
    """Write what Flux would say that it applied for a Kustomization."""
    path = f"/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/{namespace}/kustomizations/{name}/status"
    entries = [{"id": entry, "v": "v1"} for entry in ids]
    api.patch(path, {"status": {"inventory": {"entries": entries}}}, manager=OWNER)


def config_map(name: str, namespace: str, **data: str) -> dict[str, Any]:
    """Make a ConfigMap."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace},
        "data": data,
    }


def text_of(*documents: Mapping[str, Any] | str) -> bytes:
    """Write documents as YAML."""
    return "---\n".join(
        document if isinstance(document, str) else yaml.safe_dump(document) for document in documents
    ).encode()


@dataclass
class Stage:
    """One namespace with one Kustomization, ``apps``, that Flux leaves alone (it is suspended)."""

    cluster: Cluster
    namespace: str
    door: ClusterDoor
    flux: FluxDoor

    def kustomization(self, *, live: bool = True, **spec: Any) -> Kustomization:
        """Give the Kustomization with more in its spec; put it into the cluster if it is to be live."""
        whole = {
            "interval": "10m",
            "path": "./apps",
            "prune": True,
            "suspend": True,
            "sourceRef": {"kind": "GitRepository", "name": "fleet"},
            **spec,
        }
        identity = KustomizationId("production", self.namespace, "apps")
        if live:
            metadata = {"name": identity.name, "namespace": self.namespace}
            version = "kustomize.toolkit.fluxcd.io/v1"
            document = {"apiVersion": version, "kind": "Kustomization", "metadata": metadata, "spec": whole}
            self.cluster.api.apply([document])
        return Kustomization(identity, whole, live=live)

    def apply(self, *documents: dict[str, Any]) -> None:
        """Put objects into the cluster as Flux would."""
        apply_as_flux(self.cluster.api, self.namespace, *documents)

    def set_inventory(self, *ids: str) -> None:
        """Write what Flux would say that it applied."""
        set_inventory(self.cluster.api, self.namespace, "apps", *ids)

    @asynccontextmanager
    async def session(self, **trees: Mapping[str, bytes] | Tree) -> AsyncIterator[Session]:
        """Open a cage with these trees."""
        made = {name: tree if isinstance(tree, Tree) else Tree(tree) for name, tree in trees.items()}
        async with self.flux.session(await self.door.diff_credentials(), made) as session:
            yield session

    async def diff(self, kustomization: Kustomization, files: Mapping[str, bytes] | Tree) -> FluxOutcome:
        """Compare one tree with the cluster."""
        async with self.session(result=files) as cage:
            return await cage.diff(kustomization, "result")

    async def build(self, kustomization: Kustomization, files: Mapping[str, bytes] | Tree) -> FluxOutcome:
        """Render one tree."""
        async with self.session(result=files) as cage:
            return await cage.build(kustomization, "result")


@asynccontextmanager
async def stage(cluster: Cluster, namespace: str, kubeconfig: Path, **flux: Any) -> AsyncIterator[Stage]:
    """Open the doors on a namespace."""
    settings = ClusterSettings(name="production", kubeconfig=kubeconfig)
    async with ClusterDoor(settings, NetworkSettings()) as door, FluxDoor(FluxSettings(**flux)) as flux_door:
        yield Stage(cluster, namespace, door, flux_door)


def documents_of(outcome: FluxOutcome) -> Iterator[dict[str, Any]]:
    """Read a render."""
    return (document for document in yaml.safe_load_all(outcome.text) if document)
