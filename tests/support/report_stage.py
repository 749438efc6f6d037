"""A stage for whole reports: many Kustomizations on a real API server, the real controllers, and the bot's own doors.

As in scene_stage the trees are handed to kustomize-controller as artifacts of a suspended source. The
report is made by ``look_at_cluster`` with everything that the service uses but GitHub and git, of
which it needs nothing here: the trees of a change are given.
"""

import itertools
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from sample_reports import pull_request
from scene_stage import Artifacts, feed, wait_for

from gitops_bot.config import ClusterSettings, FluxSettings, Settings, StoreSettings, WatchSettings
from gitops_bot.journeys.fetch_change import Change
from gitops_bot.journeys.look_at_cluster import look_at_cluster
from gitops_bot.journeys.ports import Eyes
from gitops_bot.journeys.progress_board import ProgressBoard
from gitops_bot.models.pull_requests import Repository
from gitops_bot.models.reports import ClusterReport, KustomizationReport
from gitops_bot.models.tree import Tree
from gitops_bot.sandbox.cluster import Cluster
from gitops_bot.service import open_eyes

Files = Mapping[str, str]

_KUSTOMIZE = "/apis/kustomize.toolkit.fluxcd.io/v1"
_PLURALS = {"GitRepository": "gitrepositories", "OCIRepository": "ocirepositories", "Bucket": "buckets"}
_NUMBERS = itertools.count()


def write(*documents: Mapping[str, Any] | str) -> str:
    """Write documents as one file."""
    return "".join(
        document if isinstance(document, str) else "---\n" + yaml.safe_dump(document, sort_keys=False)
        for document in documents
    )


def flux_object(kind: str, name: str, namespace: str, /, **spec: Any) -> dict[str, Any]:
    """Make an object of Flux."""
    group = {
        "Kustomization": "kustomize.toolkit.fluxcd.io/v1",
        "HelmRelease": "helm.toolkit.fluxcd.io/v2",
    }.get(kind, "source.toolkit.fluxcd.io/v1")
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": group, "kind": kind, "metadata": metadata, "spec": spec}


def config_map(name: str, namespace: str, /, **data: str) -> dict[str, Any]:
    """Make a ConfigMap."""
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


@dataclass
class ReportStage:
    """A namespace, a source ``fleet`` in it, and Kustomizations that are built from it."""

    cluster: Cluster
    namespace: str
    artifacts: Artifacts
    eyes: Eyes
    files: Files = field(default_factory=dict)
    revision: str = ""

    @property
    def repository(self) -> Repository:
        """The repository that feeds this stage and no other."""
        return Repository("acme", self.namespace)

    @property
    def url(self) -> str:
        """Its address."""
        return f"https://github.com/acme/{self.namespace}"

    def kustomization(self, name: str, path: str, /, **spec: Any) -> dict[str, Any]:
        """Make a Kustomization."""
        whole = {
            "interval": "60m",
            "retryInterval": "2s",
            "timeout": "20s",
            "prune": True,
            "path": path,
            "sourceRef": {"kind": "GitRepository", "name": "fleet"},
            "targetNamespace": None if spec.pop("anywhere", False) else self.namespace,
            **spec,
        }
        return flux_object(
            "Kustomization", name, self.namespace, **{key: value for key, value in whole.items() if value is not None}
        )

    def source(self, kind: str, name: str, files: Files, /, **spec: Any) -> None:
        """Put a source into the cluster that holds these files, without anything that fetches them."""
        self.cluster.api.apply([flux_object(kind, name, self.namespace, interval="60m", suspend=True, **spec)])
        artifact = self.artifacts.add(files)
        if name == "fleet":
            self.revision = str(artifact["revision"])
        else:
            # As `flux push artifact --revision` and source-controller write it.
            artifact["metadata"] = {"org.opencontainers.image.revision": self.revision}
            artifact["revision"] = f"latest@{artifact['digest']}"
        feed(self.cluster.api, self.namespace, artifact, _PLURALS[kind], name)

    def open(self, files: Files, *kustomizations: Mapping[str, Any], wait: bool = True) -> None:
        """Feed the source, create Kustomizations, and wait until all of them are applied."""
        self.files = files
        self.source("GitRepository", "fleet", files, url=self.url, ref={"branch": "main"})
        self.cluster.api.apply(kustomizations)
        if wait:
            for document in kustomizations:
                self.applied(document["metadata"]["name"])

    def merge(self, files: Files, *names: str) -> None:
        """Let the controllers apply other files, and wait for these Kustomizations."""
        self.source("GitRepository", "fleet", files, url=self.url, ref={"branch": "main"})
        for name in names:
            self.applied(name)

    def again(self, *names: str) -> None:
        """Let an interval pass for these Kustomizations: ask the controller to look again, and wait until it did."""
        mark = f"look {next(_NUMBERS)}"
        for name in names:
            path = f"{_KUSTOMIZE}/namespaces/{self.namespace}/kustomizations/{name}"
            note = {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": mark}}}
            self.cluster.api.patch(path, note, manager="flux")
        for name in names:
            wait_for(
                lambda name=name: (
                    (self.live("Kustomization", name) or {})["status"].get("lastHandledReconcileAt") == mark
                ),
                f"{name} is looked at again",
            )
            self.applied(name)

    def gone(self, kind: str, name: str) -> None:
        """Wait until an object is not there any more."""
        wait_for(lambda: self.live(kind, name) is None, f"{kind}/{name} is gone")

    def applied(self, name: str, *, anything: bool = False) -> None:
        """Wait until a Kustomization is at the revision that was fed last, or at any (``anything``)."""
        said = ""

        def ready() -> bool:
            nonlocal said
            status = (self.live("Kustomization", name) or {}).get("status", {})
            conditions = {item["type"]: item for item in status.get("conditions", [])}
            said = str(conditions.get("Ready", {}).get("message"))
            revision = status.get("lastAppliedRevision")
            there = bool(revision) if anything else revision == self.revision
            return there and conditions["Ready"]["status"] == "True"

        try:
            wait_for(ready, f"{self.namespace}/{name} is applied")
        except TimeoutError as error:
            raise TimeoutError(f"{error}; the controller says: {said}") from error

    def live(self, kind: str, name: str) -> dict[str, Any] | None:
        """Read an object of the namespace."""
        if kind == "Kustomization":
            return self.cluster.api.get(f"{_KUSTOMIZE}/namespaces/{self.namespace}/kustomizations/{name}")
        return self.cluster.api.get(f"/api/v1/namespaces/{self.namespace}/{kind.lower()}s/{name}")

    async def report(self, result: Files, *, base: Files | None = None) -> ClusterReport:
        """Say what a pull request does that makes these files of what was applied."""
        before, after = self._tree(self.files if base is None else base), self._tree(result)
        paths = before.files.keys() | after.files.keys()
        changed = frozenset(path for path in paths if before.files.get(path) != after.files.get(path))
        pull = pull_request(next(_NUMBERS) + 1, repository=self.repository)
        tip = self.revision.rpartition(":")[2]
        change = Change(pull, tip, before, after, changed)
        return await look_at_cluster(self.eyes, self.eyes.clusters[0], change, ProgressBoard(shown=False, quiet=True))

    def _tree(self, files: Files) -> Tree:
        return Tree({path: text.encode() for path, text in files.items()})


@asynccontextmanager
async def report_stage(
    cluster: Cluster,
    namespace: str,
    kubeconfig: Path,
    flux: Path,
    folder: Path,
    served: Artifacts,
    **watch: Any,
) -> AsyncIterator[ReportStage]:
    """Open the doors on a namespace; ``watch`` are settings."""
    settings = Settings(
        clusters=(ClusterSettings(name="production", kubeconfig=kubeconfig),),
        store=StoreSettings(folder=folder),
        flux=FluxSettings(binary=str(flux), concurrency=2),
        watch=WatchSettings(**watch),
        github={"token": "never-used"},
    )
    async with open_eyes(settings) as eyes:
        yield ReportStage(cluster, namespace, served, eyes)


def row_of(report: ClusterReport, name: str) -> KustomizationReport:
    """Give the row of one Kustomization."""
    found = [row for row in report.rows if row.id.name == name]
    assert found, f"{name} has no row: {[str(row.id) for row in report.rows]} {report.findings}"
    return found[0]


def said(row: KustomizationReport) -> list[str]:
    """Give the changes of a row in short."""
    lines = []
    for change in row.changes:
        lines.append(f"{change.operation} {change.object.kind}/{change.object.name} ({change.origin})")
        lines += [f"  {one.path}: {one.before} -> {one.after}" for one in change.fields]
    return lines


def codes(row: KustomizationReport) -> Iterator[str]:
    """Give the codes of a row's findings."""
    return (finding.code for finding in row.findings)
