"""What disappears: the live inventory without what the result renders.

flux prints deletions only when it prunes and no object failed, and it prints some that will not
happen. The controller deletes what is in its inventory and no longer rendered, if it still bears
the Kustomization's labels and neither it nor the Kustomization says otherwise.

Source: https://github.com/fluxcd/kustomize-controller/blob/v1.9.5/internal/controller/kustomization_controller.go
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gitops_bot.models.changes import Operation, Origin, ResourceChange
from gitops_bot.models.kustomizations import Kustomization, ObjectReference
from gitops_bot.models.reports import Finding, Severity
from gitops_bot.rules.looks import Look
from gitops_bot.rules.objects import marked

_TOOLKIT = "kustomize.toolkit.fluxcd.io"


@dataclass(frozen=True)
class Deletions:
    """What is deleted, and what stays although git no longer has it."""

    changes: tuple[ResourceChange, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Evidence:
    """What tells whether an object is there, and what it says of itself."""

    base: Look
    applied: Look | None
    live_objects: Mapping[ObjectReference, Mapping[str, Any]]
    absent: frozenset[ObjectReference]

    def gone(self, reference: ObjectReference) -> bool:
        """Whether somebody deleted it by hand already."""
        if reference in self.absent:
            return True
        return self.base.state(reference) == "created" and not self._forced(reference)

    def _forced(self, reference: ObjectReference) -> bool:
        rendered = self.base.objects.get(reference)
        return reference in self.live_objects or (rendered is not None and rendered.says("force", "enabled"))

    def keeps_itself(self, reference: ObjectReference, owner: Kustomization) -> str:
        """Return why the controller leaves an object alone when it prunes; "" when it does not."""
        live = self.live_objects.get(reference)
        value = live or self.base.value(reference) or (self.applied.value(reference) if self.applied else None) or {}
        if marked(value, "prune", "disabled"):
            return "it says prune: disabled"
        if marked(value, "reconcile", "disabled") or marked(value, "ssa", "ignore"):
            return "it says that Flux should leave it alone"
        if live is not None and not _bears_labels(live, owner):
            return "its labels name another owner"
        return ""

    def origin(self, reference: ObjectReference) -> Origin:
        """Tell who takes it away."""
        if reference in self.base.objects:
            return Origin.PULL_REQUEST
        in_applied = self.applied is not None and reference in self.applied.objects
        return Origin.PENDING if in_applied else Origin.DRIFT


def pruned(owner: Kustomization, stale: Iterable[ObjectReference], prunes: bool, evidence: Evidence) -> Deletions:  # noqa: FBT001 # reads as prose where it is called
    """Judge the objects of the inventory that the result does not render."""
    there = [reference for reference in stale if not evidence.gone(reference)]
    if not prunes:
        return Deletions(findings=tuple(_orphans(there, "prune is off")))
    return _judged(owner, there, evidence)


def removed_with(owner: Kustomization, evidence: Evidence) -> Deletions:
    """Judge the inventory of a Kustomization that is removed itself."""
    there = [reference for reference in owner.inventory if not evidence.gone(reference)]
    policy = str(owner.spec.get("deletionPolicy") or "MirrorPrune")
    if owner.suspended:
        return Deletions(findings=tuple(_orphans(there, "the Kustomization is suspended")))
    if policy == "Orphan":
        return Deletions(findings=tuple(_orphans(there, "deletionPolicy is Orphan")))
    if policy == "MirrorPrune" and not owner.spec.get("prune"):
        return Deletions(findings=tuple(_orphans(there, "prune is off")))
    return _judged(owner, there, evidence)


def _judged(owner: Kustomization, there: Iterable[ObjectReference], evidence: Evidence) -> Deletions:
    changes, kept = [], []
    for reference in there:
        reason = evidence.keeps_itself(reference, owner)
        if reason:
            kept += list(_orphans([reference], reason))
            continue
        live = evidence.live_objects.get(reference)
        facts = tuple(facts_of(live)) if live else ()
        changes.append(ResourceChange(reference, Operation.DELETE, evidence.origin(reference), facts=facts))
    return Deletions(tuple(changes), tuple(kept))


def _orphans(references: list[ObjectReference], reason: str) -> Iterator[Finding]:
    if references:
        names = ", ".join(str(reference) for reference in references)
        yield Finding(
            "orphaned",
            Severity.INFO,
            f"{names} stays in the cluster: {reason}."
            if len(references) == 1
            else f"{len(references)} objects stay in the cluster: {reason}.",
            "Nobody looks after it any more; delete it by hand if it is not wanted.",
            object=references[0] if len(references) == 1 else None,
            detail=names,
        )


def _bears_labels(live: Mapping[str, Any], owner: Kustomization) -> bool:
    metadata = live.get("metadata")
    labels = metadata.get("labels") if isinstance(metadata, dict) else None
    labels = labels if isinstance(labels, dict) else {}
    return (labels.get(f"{_TOOLKIT}/name"), labels.get(f"{_TOOLKIT}/namespace")) == (owner.id.name, owner.id.namespace)


def facts_of(live: Mapping[str, Any]) -> Iterator[str]:
    """Tell what a person wants to know of an object before it goes."""
    spec = live.get("spec")
    spec = spec if isinstance(spec, dict) else {}
    if isinstance(spec.get("replicas"), int):
        yield f"{spec['replicas']} {'replica' if spec['replicas'] == 1 else 'replicas'}"
    kind = live.get("kind")
    if kind == "Namespace":
        yield "everything in it goes too"
    if kind == "CustomResourceDefinition":
        yield "all objects of its kind go too"
    if kind == "PersistentVolumeClaim":
        yield f"volume of {_at(spec, 'resources', 'requests', 'storage') or 'unknown size'}"
    for claim in _list(spec.get("volumeClaimTemplates")):
        yield f"volume {_at(claim, 'metadata', 'name')} per replica"
    for rule in _list(spec.get("rules")) if kind == "Ingress" else ():
        yield f"host {rule.get('host') or '*'}"
    if kind == "Service" and spec.get("type") not in {None, "ClusterIP"}:
        yield f"Service of type {spec['type']}"
    data = live.get("data")
    if kind in {"ConfigMap", "Secret"} and isinstance(data, dict):
        yield f"keys {', '.join(sorted(map(str, data)))}"


def _list(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _at(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value
