"""Variables of ``postBuild``: which values a Kustomization substitutes, as far as they are known.

Source: https://github.com/fluxcd/pkg/blob/kustomize/v1.35.6/kustomize/kustomize_varsub.go
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gitops_bot.models.kustomizations import Kustomization, ObjectReference
from gitops_bot.rules.consequences import Objects, substitutes_from
from gitops_bot.rules.objects import RenderedObject, marked

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
        ObjectReference("ConfigMap", reference.namespace or "default", reference.name): _data(rendered.value)
        for reference, rendered in objects.items()
        if reference.kind == "ConfigMap" and not reference.group
    }


def _data(value: Mapping[str, Any]) -> dict[str, str]:
    data = value.get("data")
    return {str(key): str(inner) for key, inner in data.items()} if isinstance(data, Mapping) else {}


def changed_names(
    read: Iterable[ObjectReference], base: Variables, result: Variables, base_objects: Objects, result_objects: Objects
) -> frozenset[str]:
    """Name the variables whose value differs, when these ConfigMaps and Secrets change.

    The keys of a Secret all count: its values are not known.
    """
    names = base.values.keys() | result.values.keys()
    changed = {name for name in names if base.values.get(name) != result.values.get(name)}
    for reference in read:
        if reference.kind == "Secret":
            for objects in (base_objects, result_objects):
                changed |= _keys(objects.get(reference))
    return frozenset(changed)


def _keys(rendered: RenderedObject | None) -> set[str]:
    value = rendered.value if rendered else {}
    return {str(key) for part in ("data", "stringData") if isinstance(value.get(part), Mapping) for key in value[part]}


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
