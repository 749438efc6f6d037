"""A stage for several Kustomizations of one repository: the real controller applies, the bot's own doors look.

Namespaced, so that many fit into one cluster. The controller gets trees as artifacts (see scene_stage.py);
the bot looks as the service does, with the shipped identities and the guard, and may patch anything.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from restricted_fleet import Fleet, open_fleet
from scene_stage import Artifacts, feed, wait_for

from gitops_bot.models.kustomizations import ObjectReference
from gitops_bot.models.reports import ClusterReport
from gitops_bot.sandbox.cluster import Cluster
from gitops_bot.sandbox.kubernetes_api import ApiRefused, KubernetesApi

Tree = Mapping[str, str]
Objects = dict[ObjectReference, dict[str, Any]]

_KUSTOMIZE = "/apis/kustomize.toolkit.fluxcd.io/v1"
# Kinds that these scenes use, by the path of their list in a namespace.
_KINDS = {
    ("", "ConfigMap"): "/api/v1/namespaces/{}/configmaps",
    ("kustomize.toolkit.fluxcd.io", "Kustomization"): f"{_KUSTOMIZE}/namespaces/{{}}/kustomizations",
}


@dataclass
class FamilyStage:
    """One namespace, one source, any number of Kustomizations."""

    fleet: Fleet
    artifacts: Artifacts
    # Further namespaces that objects may lie in.
    places: tuple[str, ...] = ()
    _roots: list[str] = field(default_factory=list)

    @property
    def api(self) -> KubernetesApi:
        return self.fleet.cluster.api

    def open(self, tree: Tree, roots: Mapping[str, Mapping[str, Any]]) -> None:
        """Let the controller apply a tree through Kustomizations of these specs, and whatever they bring."""
        revision = self._feed(tree)
        for name, spec in roots.items():
            self._roots.append(name)
            self.api.apply([self.fleet.kustomization(name, **{**_USUAL, **spec})])
        self._settled(revision)

    async def look(self, base: Tree, result: Tree) -> ClusterReport:
        """Report on a pull request."""
        async with self.fleet.eyes() as eyes:
            return await self.fleet.look_at(eyes, _as_bytes(base), _as_bytes(result))

    def merge(self, tree: Tree) -> None:
        """Let the controller apply a tree."""
        self._settled(self._feed(tree))

    def objects(self) -> Objects:
        """Everything that the scenes are about, as it lives in the cluster."""
        found: Objects = {}
        for (group, kind), path in _KINDS.items():
            for namespace in (self.fleet.namespace, *self.places):
                for item in (self.api.get(path.format(namespace)) or {}).get("items", []):
                    name = item["metadata"]["name"]
                    if name != "kube-root-ca.crt":
                        found[ObjectReference(kind, namespace, name, group)] = item
        return found

    def _feed(self, tree: Tree) -> str:
        artifact = {**self.artifacts.add(tree), "revision": f"main@sha1:{_commit(tree)}"}
        feed(self.api, self.fleet.namespace, artifact)
        return str(artifact["revision"])

    def _settled(self, revision: str) -> None:
        """Wait until every Kustomization that is left has applied a commit with its newest spec."""
        path = f"{_KUSTOMIZE}/namespaces/{self.fleet.namespace}/kustomizations"
        said: list[str] = []

        def ready() -> bool:
            said[:] = [text for item in (self.api.get(path) or {}).get("items", []) for text in _lacks(item, revision)]
            return not said

        try:
            wait_for(ready, f"{self.fleet.namespace}: applied")
            # A parent may change or remove its children after they were looked at.
            wait_for(ready, f"{self.fleet.namespace}: applied")
        except TimeoutError as error:
            raise TimeoutError(f"{error}; {said}") from error


def _lacks(item: Mapping[str, Any], revision: str) -> Iterator[str]:
    """Say what keeps a Kustomization from being done."""
    name, status = item["metadata"]["name"], item.get("status", {})
    if item["metadata"].get("deletionTimestamp"):
        yield f"{name} is being deleted"
    elif item["spec"].get("suspend"):
        return
    state = next((one for one in status.get("conditions", []) if one["type"] == "Ready"), {})
    if status.get("lastAppliedRevision") != revision or state.get("status") != "True":
        yield f"{name}: {state.get('message')}"
    elif status.get("observedGeneration") != item["metadata"]["generation"]:
        yield f"{name} has a newer spec"


_USUAL = {"suspend": False, "interval": "60m", "retryInterval": "2s", "timeout": "20s"}


def _as_bytes(tree: Tree) -> dict[str, bytes]:
    return {path: text.encode() for path, text in tree.items()}


def _commit(tree: Tree) -> str:
    return hashlib.sha1(repr(sorted(_as_bytes(tree).items())).encode()).hexdigest()  # noqa: S324 # as git does


@contextmanager
def family_stage(cluster: Cluster, namespace: str, folder: Path, artifacts: Artifacts) -> Iterator[FamilyStage]:
    """Open the stage, with one more namespace beside the first; both are empty."""
    place = f"{namespace}-b"
    cluster.api.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": place}}])
    fleet = open_fleet(cluster, namespace, folder)
    cluster.api.call("DELETE", f"{_KUSTOMIZE}/namespaces/{namespace}/kustomizations/apps")
    cluster.api.apply(list(_may_compare_everywhere(fleet)))
    yield FamilyStage(fleet, artifacts, (place,))
    for path in (f"/api/v1/namespaces/{place}", *(cluster.api.path_of(one) for one in _may_compare_everywhere(fleet))):
        try:
            cluster.api.call("DELETE", path)
        except ApiRefused:
            continue


# What families are made of. Rights to everything would lead past the guard.
_COMPARED = (("", "configmaps"), ("kustomize.toolkit.fluxcd.io", "kustomizations"))


def _may_compare_everywhere(fleet: Fleet) -> Iterator[dict[str, Any]]:
    group, name = "rbac.authorization.k8s.io", f"everywhere-{fleet.namespace}"
    version, metadata = f"{group}/v1", {"name": name}
    owner, _, account = fleet.account.partition("/")
    yield {
        "apiVersion": version,
        "kind": "ClusterRole",
        "metadata": metadata,
        "rules": [
            {"apiGroups": [of], "resources": [resource], "verbs": ["get", "create", "patch"]}
            for of, resource in _COMPARED
        ],
    }
    yield {
        "apiVersion": version,
        "kind": "ClusterRoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": owner}],
    }


def child(name: str, namespace: str, **spec: Any) -> str:
    """Write a child Kustomization of the same repository, in the folder of its name."""
    whole = {
        "path": f"./{name}",
        "prune": True,
        "sourceRef": {"kind": "GitRepository", "name": "fleet"},
        "interval": "60m",
        "retryInterval": "2s",
        "timeout": "20s",
        **spec,
    }
    metadata = {"name": name, "namespace": namespace}
    document = {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": metadata,
        "spec": {key: value for key, value in whole.items() if value is not None},
    }
    return "---\n" + yaml.safe_dump(document, sort_keys=False)
