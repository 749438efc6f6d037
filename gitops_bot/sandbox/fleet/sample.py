"""The sample fleet: what is not in its git, and what somebody changed by hand."""

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gitops_bot.sandbox.kubernetes_api import KubernetesApi

OWNER, NAME = "acme", "fleet"
FILES = Path(__file__).parent / "repository"
CLUSTERS = ("production", "staging")
KUSTOMIZATIONS = tuple(f"flux-system/{name}" for name in ("flux-system", "ingress", "monitoring", "podinfo", "web"))


def values_outside_git(cluster: str) -> list[Mapping[str, Any]]:
    """Give the ConfigMap and the Secret that the Kustomizations take their variables from."""
    domain = "example.com" if cluster == "production" else f"{cluster}.example.com"
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "cluster-settings", "namespace": "flux-system"},
            "data": {"cluster_name": cluster, "domain": domain},
        },
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "cluster-secrets", "namespace": "flux-system"},
            "stringData": {"database_password": secrets.token_hex(12), "metrics_token": secrets.token_hex(16)},
        },
    ]


BY_HAND = "Maintenance until noon"
# Path, change, and the field manager that the matching command of kubectl writes under. Flux undoes the first
# and the third at its next apply and `flux diff` shows them; the second it takes away without showing it.
_BY_HAND: tuple[tuple[str, Mapping[str, Any], str], ...] = (
    (
        "/api/v1/namespaces/podinfo/configmaps/podinfo",
        {"data": {"PODINFO_UI_MESSAGE": BY_HAND}},
        "kubectl-edit",
    ),
    (
        "/apis/apps/v1/namespaces/podinfo/deployments/podinfo",
        {"metadata": {"labels": {"on-call": "sam"}}},
        "kubectl-label",
    ),
    ("/apis/apps/v1/namespaces/ingress/deployments/controller/scale", {"spec": {"replicas": 5}}, "kubectl"),
)


def change_by_hand(api: KubernetesApi) -> None:
    """Make the cluster drift away from git, as clusters do."""
    for path, change, manager in _BY_HAND:
        api.patch(path, change, manager=manager)
