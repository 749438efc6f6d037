"""Short ways to write what flux would have answered."""

from collections.abc import Mapping, Sequence

import yaml

from gitops_bot.models.changes import FluxOutcome, OutcomeStatus
from gitops_bot.models.kustomizations import Kustomization, KustomizationId, ObjectReference
from gitops_bot.rules.compare import Side


def config_map(name: str, data: Mapping[str, str] | None = None, **metadata: Mapping[str, str]) -> str:
    """One ConfigMap of a render."""
    value = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "apps", **metadata}}
    return "---\n" + yaml.safe_dump(value | ({"data": dict(data)} if data else {}), sort_keys=False)


def rendered(text: str) -> FluxOutcome:
    """A build that went well."""
    return FluxOutcome(OutcomeStatus.UNCHANGED, text)


def compared(text: str = "") -> FluxOutcome:
    """A diff that went well."""
    return FluxOutcome(OutcomeStatus.CHANGED if text else OutcomeStatus.UNCHANGED, text)


def failed(message: str, text: str = "") -> FluxOutcome:
    """A run that flux gave up."""
    return FluxOutcome(OutcomeStatus.FAILED, text, message)


def side(render: str, diff: str = "") -> Side:
    """A tree that was rendered and compared."""
    return Side(rendered(render), compared(diff))


def kustomization(inventory: Sequence[str] = (), **spec: object) -> Kustomization:
    """The Kustomization ``flux-system/apps``; the inventory as ``Kind/name`` of its ConfigMaps and the like."""
    references = []
    for item in inventory:
        kind, name = item.split("/")
        group = {"Deployment": "apps", "StatefulSet": "apps"}.get(kind, "")
        references.append(ObjectReference(kind, "apps", name, group))
    return Kustomization(
        KustomizationId("production", "flux-system", "apps"),
        {"prune": True, "path": "./apps", **spec},
        inventory=tuple(references),
    )
