"""What a cluster says about its Kustomizations and their sources."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, order=True)
class KustomizationId:
    """One Kustomization of one cluster. The cluster is part of every key."""

    cluster: str
    namespace: str
    name: str

    def __str__(self) -> str:
        """``namespace/name``: what people call it once the cluster is known."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, order=True)
class ObjectReference:
    """One object of a cluster. ``namespace`` is empty for those without; ``group`` where it is not known."""

    kind: str
    namespace: str
    name: str
    group: str = ""

    def __str__(self) -> str:
        """``Kind/namespace/name``, or ``Kind/name``: as flux prints it."""
        return f"{self.kind}/{self.namespace}/{self.name}" if self.namespace else f"{self.kind}/{self.name}"


@dataclass(frozen=True)
class Kustomization:
    """A Flux Kustomization: its spec as it is in the cluster, or as a parent renders it.

    ``spec`` is the object's own, defaults included, never changed in place.
    ``live`` is False for one that no cluster has yet (it comes from a parent's render).
    """

    id: KustomizationId
    spec: Mapping[str, Any]
    live: bool = True
    generation: int = 0
    # status.lastAppliedRevision, for instance "main@sha1:…"; "" when never applied.
    applied_revision: str = ""
    # status.lastAttemptedRevision: what Flux tried last, whether that worked or not.
    attempted_revision: str = ""
    # status.lastAppliedOriginRevision: the commit that an OCI artifact says it was made of.
    origin_revision: str = ""
    ready: bool | None = None
    ready_message: str = ""
    inventory: tuple[ObjectReference, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    # ConfigMaps of its namespace that ``postBuild.substituteFrom`` is to find with other values than the cluster
    # has; a value None: as the cluster has it; None for all: it is not to be found.
    given_values: Mapping[str, Mapping[str, str | None] | None] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """``spec.path`` without ``./``; "" for the root of the repository."""
        path = str(self.spec.get("path") or "")
        return "/".join(part for part in path.split("/") if part not in {"", "."})

    @property
    def attempted_commit(self) -> str:
        """The commit in ``attempted_revision``; "" when there is none."""
        return self.attempted_revision.rpartition("@sha1:")[2] if "@sha1:" in self.attempted_revision else ""

    @property
    def suspended(self) -> bool:
        """Whether Flux leaves it alone for now."""
        return bool(self.spec.get("suspend"))

    @property
    def source(self) -> tuple[str, str, str]:
        """(kind, namespace, name) of ``spec.sourceRef``; the namespace defaults to the Kustomization's own."""
        reference = self.spec.get("sourceRef") or {}
        return (
            str(reference.get("kind") or ""),
            str(reference.get("namespace") or self.id.namespace),
            str(reference.get("name") or ""),
        )


@dataclass(frozen=True)
class Source:
    """A GitRepository, OCIRepository, Bucket or ExternalArtifact of the cluster."""

    kind: str
    namespace: str
    name: str
    spec: Mapping[str, Any]
    # status.artifact.revision; "" when there is none yet.
    revision: str = ""
    ready: bool | None = None
    ready_message: str = ""
    # Address of the repository that an OCI artifact says it was made of; "" when it does not say.
    origin: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """(kind, namespace, name): what ``Kustomization.source`` names."""
        return self.kind, self.namespace, self.name


@dataclass(frozen=True)
class ClusterSnapshot:
    """What one cluster said about Flux at one moment."""

    cluster: str
    kustomizations: tuple[Kustomization, ...]
    sources: tuple[Source, ...]
    taken_at: datetime


@dataclass(frozen=True)
class ClusterCredentials:
    """A way into the API server for a short time. ``token`` must never be shown: it is left out of repr."""

    server: str
    ca_pem: str
    token: str = field(repr=False)
    expires_at: datetime
