"""What ``postBuild.substituteFrom`` refers to, and where the API server has it."""

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gitops_bot.flux.api_reader import ApiUnreachableError, is_name

PLURALS = {"ConfigMap": "configmaps", "Secret": "secrets"}
_KUSTOMIZATIONS = "/apis/kustomize.toolkit.fluxcd.io/v1"
# Flux writes who applied an object into its labels.
_OWNER = "kustomize.toolkit.fluxcd.io"


@dataclass(frozen=True)
class Reference:
    """One entry; ``kind`` is ConfigMap or Secret."""

    kind: str
    name: str
    optional: bool


def references_of(after: Mapping[str, Any]) -> Iterator[Reference]:
    """Read the entries of a ``postBuild``."""
    entries = after.get("substituteFrom")
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, Mapping) and entry.get("kind") in PLURALS:
            yield Reference(str(entry["kind"]), str(entry.get("name") or ""), optional=bool(entry.get("optional")))


def spec_references(kustomization: Mapping[str, Any]) -> Iterator[Reference]:
    """Read the entries of a Kustomization as the API server gives it."""
    return references_of((kustomization.get("spec") or {}).get("postBuild") or {})


def owner_of(found: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return namespace and name of the Kustomization that applied an object; None when nobody says so."""
    labels = (found.get("metadata") or {}).get("labels") or {}
    namespace, name = (str(labels.get(f"{_OWNER}/{part}") or "") for part in ("namespace", "name"))
    return (namespace, name) if is_name(namespace) and is_name(name) else None


def kustomization_path(namespace: str, name: str) -> str:
    """Give the address of a Kustomization."""
    return f"{_KUSTOMIZATIONS}/namespaces/{namespace}/kustomizations/{name}"


def object_path(kind: str, namespace: str, name: str) -> str:
    """Give the address of a ConfigMap or a Secret."""
    return f"/api/v1/namespaces/{namespace}/{PLURALS[kind]}/{name}"


def data_of(found: Mapping[str, Any], kind: str) -> dict[str, bytes]:
    """Read ``data`` of a ConfigMap or a Secret."""
    data = found.get("data")
    values = data if isinstance(data, Mapping) else {}
    if kind == "ConfigMap":
        return {str(key): str(value).encode("utf-8", "surrogatepass") for key, value in values.items()}
    try:
        return {str(key): base64.b64decode(str(value)) for key, value in values.items()}
    except binascii.Error as error:
        raise ApiUnreachableError("✗ the API server gave a Secret that is not base64") from error
