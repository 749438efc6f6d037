"""What follows from a render that changes: child Kustomizations, and readers of ConfigMaps and Secrets."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gitops_bot.models.kustomizations import Kustomization, KustomizationId, ObjectReference, Source
from gitops_bot.rules.objects import RenderedObject

_KUSTOMIZE_GROUP = "kustomize.toolkit.fluxcd.io"
_SOURCE_GROUP = "source.toolkit.fluxcd.io"

Objects = Mapping[ObjectReference, RenderedObject]
Specs = Mapping[KustomizationId, Mapping[str, Any]]

# Fields of a source that decide what its artifact holds.
_CONTENT = (
    *("url", "ref", "ignore", "sparseCheckout", "include", "recurseSubmodules"),
    *("bucketName", "endpoint", "prefix", "layerSelector"),
)


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
    return spec_changes(
        (parent, kustomizations_in(cluster, base), kustomizations_in(cluster, result))
        for parent, base, result in parents
    )


def spec_changes(parents: Iterable[tuple[str, Specs, Specs]]) -> tuple[ChildChange, ...]:
    """Compare the specs that several parents give to their children: (name, at base, at result)."""
    base: dict[KustomizationId, Mapping[str, Any]] = {}
    result: dict[KustomizationId, Mapping[str, Any]] = {}
    through: dict[KustomizationId, str] = {}
    for parent, base_specs, result_specs in parents:
        base |= base_specs
        result |= result_specs
        through |= dict.fromkeys((*base_specs, *result_specs), parent)
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


def refilled_sources(base: Objects, result: Objects) -> dict[tuple[str, str, str], tuple[str, ...]]:
    """Name the sources that hold something else at the result, each with the fields that change."""
    before, after = sources_in(base), sources_in(result)
    found = {}
    for key in before.keys() & after.keys():
        fields = tuple(name for name in _CONTENT if before[key].spec.get(name) != after[key].spec.get(name))
        if fields:
            found[key] = fields
    return found


def _spec(value: Mapping[str, Any]) -> Mapping[str, Any]:
    spec = value.get("spec")
    return spec if isinstance(spec, Mapping) else {}


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
    return tuple(_kind_and_name(reference) for reference in _references(spec))


def required_values(spec: Mapping[str, Any]) -> frozenset[tuple[str, str]]:
    """Give (kind, name) of the references in ``postBuild.substituteFrom`` that must be there."""
    return frozenset(_kind_and_name(reference) for reference in _references(spec) if not reference.get("optional"))


def _references(spec: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    post_build = spec.get("postBuild")
    references = post_build.get("substituteFrom") if isinstance(post_build, Mapping) else None
    # A file may say anything here.
    for reference in references if isinstance(references, list) else ():
        if isinstance(reference, Mapping):
            yield reference


def _kind_and_name(reference: Mapping[str, Any]) -> tuple[str, str]:
    return str(reference.get("kind") or ""), str(reference.get("name") or "")
