"""Variables of ``postBuild``: which values a Kustomization substitutes, as far as they are known.

Source: https://github.com/fluxcd/pkg/blob/kustomize/v1.35.6/kustomize/kustomize_varsub.go
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gitops_bot.models.kustomizations import Kustomization, ObjectReference
from gitops_bot.rules.consequences import Objects, substitutes_from
from gitops_bot.rules.objects import marked

_EXPRESSION = re.compile(r"\$\{([^}]*)")
_NAME = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*")


@dataclass(frozen=True)
class Variables:
    """Values by name. ``unknown``: objects that are read and whose values nobody here knows."""

    values: Mapping[str, str] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()


def variables_of(kustomization: Kustomization, known: Mapping[ObjectReference, Mapping[str, str]]) -> Variables:
    """Put together what is substituted: references in their order, then ``substitute``, the later one wins."""
    values: dict[str, str] = {}
    unknown = []
    for kind, name in substitutes_from(kustomization.spec):
        found = known.get(ObjectReference(kind, kustomization.id.namespace, name))
        if found is None:
            unknown.append(f"{kind} {kustomization.id.namespace}/{name}")
        values |= found or {}
    values |= _stated(kustomization.spec)
    return Variables(values, tuple(unknown))


def _stated(spec: Mapping[str, Any]) -> dict[str, str]:
    after = spec.get("postBuild")
    stated = after.get("substitute") if isinstance(after, Mapping) else None
    return {str(key): str(value) for key, value in stated.items()} if isinstance(stated, Mapping) else {}


def values_in(objects: Objects) -> dict[ObjectReference, Mapping[str, str]]:
    """Give the values of the ConfigMaps in a render. Those of Secrets are not known: flux masks them."""
    return {
        _placed(reference): _data(rendered.value)
        for reference, rendered in objects.items()
        if reference.kind == "ConfigMap" and not reference.group
    }


def _data(value: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in ("data", "stringData"):
        data = value.get(part)
        found |= {str(key): str(inner) for key, inner in data.items()} if isinstance(data, Mapping) else {}
    return found


def changed_keys(
    base: Objects, result: Objects, *, sealed: bool = False, names: Iterable[str] = ()
) -> dict[ObjectReference, frozenset[str]]:
    """Name the keys of ConfigMaps and Secrets whose value differs between two renders.

    ``sealed``: an encrypted file changed, so each value of a Secret may have. ``names``: variables whose
    value changes, so each value that still mentions one does.
    """
    wanted = frozenset(names)
    found = {}
    for reference in base.keys() | result.keys():
        if reference.kind not in {"ConfigMap", "Secret"} or reference.group:
            continue
        before, after = (_data(side[reference].value) if reference in side else {} for side in (base, result))
        changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
        changed |= after.keys() if sealed and reference.kind == "Secret" else set()
        changed |= {key for key, value in after.items() if wanted & _mentioned(value)}
        if changed:
            found[_placed(reference)] = frozenset(changed)
    return found


def coming_or_going(base: Objects, result: Objects) -> set[ObjectReference]:
    """Name the ConfigMaps and Secrets that are in one of two renders only."""
    return {
        _placed(reference)
        for reference in base.keys() ^ result.keys()
        if reference.kind in {"ConfigMap", "Secret"} and not reference.group
    }


def _placed(reference: ObjectReference) -> ObjectReference:
    return ObjectReference(reference.kind, reference.namespace or "default", reference.name)


def changed_variables(
    kustomization: Kustomization,
    changed: Mapping[ObjectReference, frozenset[str]],
    known: Mapping[ObjectReference, Mapping[str, str]],
) -> frozenset[str]:
    """Name the variables of a Kustomization that come out otherwise.

    ``known``: values of ConfigMaps. One that is read later, or ``substitute``, hides an earlier one.
    """
    found: set[str] = set()
    for kind, name in substitutes_from(kustomization.spec):
        reference = ObjectReference(kind, kustomization.id.namespace, name)
        steady = known.get(reference, {}).keys() - changed.get(reference, frozenset())
        found = (found - steady) | changed.get(reference, frozenset())
    return frozenset(found - _stated(kustomization.spec).keys())


def uses(objects: Objects, names: Iterable[str]) -> bool:
    """Whether a render that was not substituted yet mentions one of the variables."""
    wanted = frozenset(names)
    return bool(wanted) and any(
        wanted & _mentioned(rendered.value)
        for rendered in objects.values()
        if not marked(rendered.value, "substitute", "disabled")
    )


def mentions_variables(value: Any) -> bool:
    """Whether there is anything to substitute."""
    return bool(_mentioned(value))


def _mentioned(value: Any) -> set[str]:
    found: set[str] = set()
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Mapping):
            waiting.extend(item.values())
            waiting.extend(item.keys())
        elif isinstance(item, list):
            waiting.extend(item)
        elif isinstance(item, str):
            for match in _EXPRESSION.finditer(item):
                found.update(_NAME.findall(match[1]))
    return found
