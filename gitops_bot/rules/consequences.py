"""What follows from a render that changes: child Kustomizations, and readers of ConfigMaps and Secrets."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gitops_bot.models.kustomizations import Kustomization, KustomizationId, ObjectReference, Source
from gitops_bot.rules.objects import RenderedObject

_KUSTOMIZE_GROUP = "kustomize.toolkit.fluxcd.io"
_SOURCE_GROUP = "source.toolkit.fluxcd.io"
_VALUES = ("ConfigMap", "Secret")
# What flux prints in place of a value that SOPS has encrypted, plain and as base64.
_MASKED = ("**SOPS**", "KipTT1BTKio=", "ENC[")
_VARIABLE = ("${",)

Objects = Mapping[ObjectReference, RenderedObject]


@dataclass(frozen=True)
class ChildChange:
    """A child Kustomization in the renders of its parents; None where no parent has it.

    ``through`` names a parent. Equal specs stay in: the child's files may have changed.
    """

    id: KustomizationId
    base: Mapping[str, Any] | None
    result: Mapping[str, Any] | None
    through: str = ""

    @property
    def spec_changed(self) -> bool:
        """Whether it is there before and after, and says something else."""
        return self.base is not None and self.result is not None and self.base != self.result


def child_changes(cluster: str, parents: Iterable[tuple[str, Objects, Objects]]) -> tuple[ChildChange, ...]:
    """Compare the child Kustomizations in renders of several parents: (name, at base, at result).

    All parents of a generation belong into one call: a child that moves from one to another is
    neither removed nor added.
    """
    base: dict[KustomizationId, Mapping[str, Any]] = {}
    result: dict[KustomizationId, Mapping[str, Any]] = {}
    through: dict[KustomizationId, str] = {}
    for parent, base_objects, result_objects in parents:
        for side, objects in ((base, base_objects), (result, result_objects)):
            for child, spec in kustomizations_in(cluster, objects).items():
                side[child] = spec
                through[child] = parent
    return tuple(
        ChildChange(child, base.get(child), result.get(child), through[child])
        for child in sorted(base.keys() | result.keys())
    )


def kustomizations_in(cluster: str, objects: Objects) -> dict[KustomizationId, Mapping[str, Any]]:
    """Give the specs of the Kustomizations in a render."""
    return {
        KustomizationId(cluster, reference.namespace, reference.name): _spec(rendered.value)
        for reference, rendered in objects.items()
        if reference.kind == "Kustomization" and reference.group == _KUSTOMIZE_GROUP
    }


def sources_in(objects: Objects) -> dict[tuple[str, str, str], Source]:
    """Give the sources in a render, by (kind, namespace, name)."""
    return {
        (reference.kind, reference.namespace, reference.name): Source(
            reference.kind, reference.namespace, reference.name, _spec(rendered.value)
        )
        for reference, rendered in objects.items()
        if reference.group == _SOURCE_GROUP
    }


def _spec(value: Mapping[str, Any]) -> Mapping[str, Any]:
    spec = value.get("spec")
    return spec if isinstance(spec, Mapping) else {}


def changed_values(base: Objects, result: Objects, *, sealed: bool, reads_values: bool) -> frozenset[ObjectReference]:
    """Name the ConfigMaps and Secrets that are added, removed or changed between two renders.

    ``sealed``: an encrypted file changed; flux masks what it holds, so each masked Secret may have
    changed. ``reads_values``: the values that are substituted here changed, so whatever still shows a
    ``${variable}`` may come out otherwise.
    """
    found = set()
    for reference in base.keys() | result.keys():
        if reference.kind not in _VALUES or reference.group:
            continue
        before, after = base.get(reference), result.get(reference)
        texts = (_MASKED if sealed else ()) + (_VARIABLE if reads_values else ())
        if before is None or after is None or before.value != after.value or _contains(after.value, texts):
            found.add(reference)
    return frozenset(found)


def _contains(value: Any, texts: Collection[str]) -> bool:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Mapping):
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
        elif isinstance(item, str) and any(text in item for text in texts):
            return True
    return False


def reads(kustomization: Kustomization, changed: Iterable[ObjectReference]) -> tuple[ObjectReference, ...]:
    """Name those of the changed objects that ``postBuild.substituteFrom`` reads; it reads its own namespace only."""
    wanted = set(substitutes_from(kustomization.spec))
    return tuple(
        sorted(
            reference
            for reference in changed
            if (reference.kind, reference.name) in wanted
            and (reference.namespace or "default") == kustomization.id.namespace
        )
    )


def substitutes_from(spec: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Give (kind, name) of each reference in ``postBuild.substituteFrom``, in Flux's order."""
    post_build = spec.get("postBuild")
    references = post_build.get("substituteFrom") if isinstance(post_build, Mapping) else None
    return tuple(
        (str(reference.get("kind") or ""), str(reference.get("name") or ""))
        for reference in references or ()
        if isinstance(reference, Mapping)
    )
