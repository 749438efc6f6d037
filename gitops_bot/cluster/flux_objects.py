"""Flux's objects as the API server tells them, read into our words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gitops_bot.models.kustomizations import Kustomization, KustomizationId, ObjectReference, Source

Json = Mapping[str, Any]

KUSTOMIZE_GROUP = "kustomize.toolkit.fluxcd.io"
SOURCE_GROUP = "source.toolkit.fluxcd.io"
# What `flux push artifact --source` writes.
# https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md
_ORIGIN = "org.opencontainers.image.source"


@dataclass(frozen=True)
class FluxKind:
    """A kind of Flux, with the API versions that are understood, newest first."""

    kind: str
    group: str
    plural: str
    versions: tuple[str, ...]

    def path(self, version: str) -> str:
        """Give where the kind is listed, over all namespaces."""
        return f"/apis/{self.group}/{version}/{self.plural}"

    def __str__(self) -> str:
        """``Kind (plural.group)``: what a person looks for in the cluster."""
        return f"{self.kind} ({self.plural}.{self.group})"


KUSTOMIZATIONS = FluxKind("Kustomization", KUSTOMIZE_GROUP, "kustomizations", ("v1", "v1beta2"))
SOURCES = (
    FluxKind("GitRepository", SOURCE_GROUP, "gitrepositories", ("v1", "v1beta2")),
    FluxKind("OCIRepository", SOURCE_GROUP, "ocirepositories", ("v1", "v1beta2")),
    FluxKind("Bucket", SOURCE_GROUP, "buckets", ("v1", "v1beta2")),
    FluxKind("ExternalArtifact", SOURCE_GROUP, "externalartifacts", ("v1",)),
)


def read_kustomization(cluster: str, item: Json) -> Kustomization:
    """Read a Kustomization with its inventory."""
    metadata, status = _mapping(item.get("metadata")), _mapping(item.get("status"))
    ready, message = _ready(status)
    return Kustomization(
        id=KustomizationId(cluster, str(metadata.get("namespace") or ""), str(metadata.get("name") or "")),
        spec=_mapping(item.get("spec")),
        generation=int(metadata.get("generation") or 0),
        applied_revision=str(status.get("lastAppliedRevision") or ""),
        origin_revision=str(status.get("lastAppliedOriginRevision") or ""),
        attempted_revision=str(status.get("lastAttemptedRevision") or ""),
        ready=ready,
        ready_message=message,
        inventory=tuple(_inventory(_mapping(status.get("inventory")))),
        labels=_texts(metadata.get("labels")),
        annotations=_texts(metadata.get("annotations")),
    )


def read_source(kind: str, item: Json) -> Source:
    """Read a source with the revision that it offers now."""
    metadata, status = _mapping(item.get("metadata")), _mapping(item.get("status"))
    ready, message = _ready(status)
    return Source(
        kind=kind,
        namespace=str(metadata.get("namespace") or ""),
        name=str(metadata.get("name") or ""),
        spec=_mapping(item.get("spec")),
        revision=str(_mapping(status.get("artifact")).get("revision") or ""),
        origin=_texts(_mapping(status.get("artifact")).get("metadata")).get(_ORIGIN, ""),
        ready=ready,
        ready_message=message,
    )


def _mapping(value: Any) -> Json:
    return value if isinstance(value, Mapping) else {}


def _texts(value: Any) -> dict[str, str]:
    return {str(key): str(text) for key, text in _mapping(value).items()}


def _ready(status: Json) -> tuple[bool | None, str]:
    """Give the condition Ready: None while it is unknown."""
    conditions = status.get("conditions")
    for condition in conditions if isinstance(conditions, list) else ():
        if isinstance(condition, Mapping) and condition.get("type") == "Ready":
            state = {"True": True, "False": False}.get(str(condition.get("status")))
            return state, str(condition.get("message") or "")
    return None, ""


def _inventory(inventory: Json) -> list[ObjectReference]:
    """Read entries such as ``apps_web_apps_Deployment``: namespace, name, group, kind.

    A name that contains a colon is written with two underscores for it (RBAC).
    https://github.com/fluxcd/cli-utils/blob/main/pkg/object/objmetadata.go
    """
    entries = inventory.get("entries")
    references = []
    for entry in entries if isinstance(entries, list) else ():
        namespace, _, rest = str(_mapping(entry).get("id") or "").partition("_")
        name, _, kind = rest.rpartition("_")
        name, _, group = name.rpartition("_")
        if name and kind:
            references.append(ObjectReference(kind, namespace, name.replace("__", ":"), group=group))
    return references
