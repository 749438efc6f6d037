"""Finding the Pod in an object of any kind that makes Pods."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gitops_bot.rules.reading import at, mapping, mappings, text

_LISTS = ("initContainers", "containers", "ephemeralContainers")


@dataclass(frozen=True)
class Container:
    """One container of a Pod, of whichever of the three lists."""

    name: str
    value: Mapping[str, Any]


@dataclass(frozen=True)
class Pod:
    """The spec of a Pod and its containers, by their list and name; empty where there is none."""

    spec: Mapping[str, Any] = field(default_factory=dict)
    containers: Mapping[str, Container] = field(default_factory=dict)


def pod_of(value: Mapping[str, Any]) -> Pod:
    """Return what an object runs. Any kind that keeps a template where Deployments do is understood."""
    kind = value.get("kind")
    if kind == "Pod":
        spec = mapping(value.get("spec"))
    elif kind == "CronJob":
        spec = mapping(at(value, "spec", "jobTemplate", "spec", "template", "spec"))
    elif kind == "PodTemplate":
        spec = mapping(at(value, "template", "spec"))
    else:
        spec = mapping(at(value, "spec", "template", "spec"))
    containers = {}
    for place in _LISTS:
        for number, container in enumerate(mappings(spec.get(place))):
            name = text(container.get("name")) or str(number)
            containers[f"{place}/{name}"] = Container(name, container)
    return Pod(spec, containers)
