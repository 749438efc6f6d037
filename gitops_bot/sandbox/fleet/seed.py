"""Lets Flux apply a repository in a cluster, and tells how far it came."""

from collections.abc import Iterable, Mapping
from typing import Any

from gitops_bot.sandbox.cluster import Cluster
from gitops_bot.sandbox.errors import SandboxError
from gitops_bot.sandbox.fleet.syncs import Sync, is_source
from gitops_bot.sandbox.kubernetes_api import has_condition

_KUSTOMIZATIONS = "/apis/kustomize.toolkit.fluxcd.io/v1/kustomizations"
_SOURCES = "/apis/source.toolkit.fluxcd.io/v1/gitrepositories"


def start_sync(cluster: Cluster, sync: Sync, credentials: Mapping[str, str]) -> None:
    """Apply what a sync consists of, with credentials for the stand-in in place of the repository's own."""
    names = {("flux-system", "flux-system")}
    for document in sync.documents:
        if is_source(document):
            reference = document.get("spec", {}).get("secretRef") or {"name": "flux-system"}
            names.add((document["metadata"].get("namespace", "flux-system"), str(reference["name"])))
    namespaces = {document["metadata"].get("namespace", "flux-system") for document in sync.documents}
    namespaces |= {namespace for namespace, _ in names}
    cluster.api.apply(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in sorted(namespaces)
    )
    for namespace, name in sorted(names):
        cluster.apply_secret(namespace, name, credentials)
    cluster.api.apply(_with_namespace(document) for document in sync.documents)


def _with_namespace(document: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**document, "metadata": {"namespace": "flux-system", **document["metadata"]}}


def _items(cluster: Cluster, path: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = cluster.api.call("GET", path)["items"]
    return items


def _name(item: Mapping[str, Any]) -> str:
    return f"{item['metadata']['namespace']}/{item['metadata']['name']}"


def unfinished(cluster: Cluster) -> list[str]:
    """Give the Kustomizations (not suspended) that are not applied as git has them, each with Flux's own reason."""
    reasons = []
    for item in (*_items(cluster, _SOURCES), *_items(cluster, _KUSTOMIZATIONS)):
        if item["spec"].get("suspend") or has_condition(item, "Ready"):
            continue
        conditions = item.get("status", {}).get("conditions", [])
        reason = next((entry["message"] for entry in conditions if entry["type"] == "Ready"), "not looked at yet")
        reasons.append(f"{item['kind']} {_name(item)}: {reason}")
    return reasons


def wait_applied(cluster: Cluster, expected: Iterable[str], *, seconds: float) -> None:
    """Wait until these Kustomizations (namespace/name) exist and all are applied; SandboxError says why not."""
    wanted = set(expected)

    def is_done() -> bool:
        there = {_name(item) for item in _items(cluster, _KUSTOMIZATIONS)}
        return wanted <= there and not unfinished(cluster)

    try:
        cluster.wait_until(is_done, seconds=seconds, what="Flux has applied the repository")
    except SandboxError as error:
        reasons = "\n".join(unfinished(cluster))
        raise SandboxError(f"cluster {cluster.name}: Flux did not apply everything:\n{reasons}") from error
