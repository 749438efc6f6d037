"""Renders as objects: the YAML documents of ``flux build``, by what identifies them."""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from gitops_bot.models.kustomizations import ObjectReference
from gitops_bot.rules.measured_yaml import RENDER_LIMITS, UnreadableManifestError, values

_TOOLKIT = "kustomize.toolkit.fluxcd.io"


class UnreadableRenderError(ValueError):
    """A render is not the YAML that flux would print."""


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc] # which one depends on the machine
    """The safe dumper, with blocks for text of several lines and no anchors."""

    def ignore_aliases(self, _data: Any) -> bool:
        """Say that nothing is shared: an anchor means nothing to a reader."""
        return True


def _represent_text(dumper: Any, text: str) -> Any:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent_text)


@dataclass(frozen=True)
class RenderedObject:
    """One object of a render."""

    reference: ObjectReference
    value: Mapping[str, Any]

    def says(self, name: str, *values: str) -> bool:
        """Whether Flux's label or annotation of this name has one of these values, read as Flux reads it."""
        return marked(self.value, name, *values)


def marked(value: Mapping[str, Any], name: str, *values: str) -> bool:
    """Whether an object carries ``kustomize.toolkit.fluxcd.io/<name>`` with one of these values."""
    metadata = value.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    for kind in ("labels", "annotations"):
        marks = metadata.get(kind)
        if isinstance(marks, dict) and str(marks.get(f"{_TOOLKIT}/{name}", "")).lower() in values:
            return True
    return False


def load_objects(text: str) -> dict[ObjectReference, RenderedObject]:
    """Read a render; UnreadableRenderError when it is not YAML, or one document is not an object."""
    return {item.reference: item for item in _documents(text)}


def _documents(text: str) -> Iterator[RenderedObject]:
    try:
        for document in values("the render", text, RENDER_LIMITS):
            if document is not None:
                yield _rendered(document)
    except UnreadableManifestError as error:
        raise UnreadableRenderError(f"The render {error.reason}") from error


def _rendered(document: Any) -> RenderedObject:
    if not isinstance(document, dict) or not isinstance(document.get("metadata"), dict):
        raise UnreadableRenderError("The render contains something that is not a Kubernetes object")
    document = _with_text_keys(document)
    if document.get("kind") == "Secret":
        document = _with_data(document)
    metadata = document["metadata"]
    group, _, _ = str(document.get("apiVersion") or "").rpartition("/")
    name = (str(document.get("kind") or ""), str(metadata.get("namespace") or ""), str(metadata.get("name") or ""))
    return RenderedObject(ObjectReference(*name, group=group), document)


def _with_text_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _with_text_keys(inner) for key, inner in value.items()}
    return [_with_text_keys(inner) for inner in value] if isinstance(value, list) else value


def _with_data(secret: dict[str, Any]) -> dict[str, Any]:
    """Fold ``stringData`` into ``data``, as flux does before it compares."""
    plain = secret.get("stringData")
    if not isinstance(plain, dict):
        return secret
    data = secret.get("data")
    folded = dict(data) if isinstance(data, dict) else {}
    folded |= {key: base64.b64encode(str(value).encode()).decode() for key, value in plain.items()}
    return {key: value for key, value in secret.items() if key != "stringData"} | {"data": folded}


def body_of(value: Mapping[str, Any]) -> str:
    """Return an object as YAML for people; a Secret only with the names of its keys."""
    shown = dict(value)
    if shown.get("kind") == "Secret" and isinstance(shown.get("data"), dict):
        shown["data"] = dict.fromkeys(shown["data"], "***")
    return yaml.dump(shown, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)
