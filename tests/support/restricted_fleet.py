"""One namespace of a real API server as a fleet of its own, looked at with a *diff* identity of chosen rights."""

import hashlib
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from cage import apply_as_flux, install, set_inventory, text_of, writes

from gitops_bot.config import Settings
from gitops_bot.journeys.fetch_change import Change
from gitops_bot.journeys.look_at_cluster import look_at_cluster
from gitops_bot.journeys.ports import Eyes
from gitops_bot.journeys.progress_board import ProgressBoard
from gitops_bot.models.pull_requests import PullRequest, Repository
from gitops_bot.models.reports import ClusterReport
from gitops_bot.models.tree import Tree
from gitops_bot.sandbox.cluster import Cluster
from gitops_bot.sandbox.kubernetes_api import KubernetesApi
from gitops_bot.service import open_eyes

RBAC = "rbac.authorization.k8s.io/v1"
# What every diff needs: to read the Kustomization, and the canary of the guard.
FIRST = (
    {"apiGroups": ["kustomize.toolkit.fluxcd.io"], "resources": ["kustomizations"], "verbs": ["get"]},
    {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]},
)
_PATIENCE = 30.0


def rule(group: str, resource: str, *verbs: str) -> dict[str, Any]:
    """Write one rule."""
    return {"apiGroups": [group], "resources": [resource], "verbs": list(verbs or ("get", "patch", "create"))}


def role(name: str, namespace: str, rules: Sequence[Mapping[str, Any]], account: str) -> list[dict[str, Any]]:
    """Write a Role and its binding to an account (``namespace/name``)."""
    where = {"name": name, "namespace": namespace}
    owner, _, subject = account.partition("/")
    return [
        {"apiVersion": RBAC, "kind": "Role", "metadata": where, "rules": list(rules)},
        {
            "apiVersion": RBAC,
            "kind": "RoleBinding",
            "metadata": where,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": subject, "namespace": owner}],
        },
    ]


def named(kind: str, name: str, namespace: str, version: str = "v1", **rest: Any) -> dict[str, Any]:
    """Write an object."""
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": namespace}, **rest}


@dataclass
class Fleet:
    """A repository that feeds one Kustomization, ``apps``, in a namespace; nothing of it is applied by Flux."""

    cluster: Cluster
    namespace: str
    core: Path
    folder: Path

    @property
    def account(self) -> str:
        """The *diff* identity of this fleet: of the name that the guard knows, in a namespace of its own."""
        return f"{self.namespace}/gitops-bot-diff"

    def give(self, *rules: Mapping[str, Any]) -> None:
        """Give the *diff* identity these rights in the namespace, and no others."""
        self.cluster.api.apply(role("diff", self.namespace, [*FIRST, *rules], self.account))

    def kustomization(self, name: str = "apps", **spec: Any) -> dict[str, Any]:
        """Write a Kustomization of the repository."""
        source = {"kind": "GitRepository", "name": "fleet"}
        whole = {"interval": "10m", "path": f"./{name}", "prune": True, "suspend": True, "sourceRef": source, **spec}
        return named("Kustomization", name, self.namespace, "kustomize.toolkit.fluxcd.io/v1", spec=whole)

    def set_inventory(self, *ids: str, name: str = "apps") -> None:
        """Write what Flux would say that it applied."""
        set_inventory(self.cluster.api, self.namespace, name, *ids)

    def apply(self, *documents: dict[str, Any]) -> None:
        """Put objects into the cluster as Flux would."""
        apply_as_flux(self.cluster.api, self.namespace, *documents)

    def settings(self, **cluster: Any) -> Settings:
        """Settings of a bot that looks at this fleet."""
        entry = {"name": "production", "kubeconfig": self.core, "diff_service_account": self.account, **cluster}
        return Settings(clusters=(entry,), github={"token": "unused"}, store={"folder": self.folder})  # type: ignore[arg-type] # pydantic reads them

    @asynccontextmanager
    async def eyes(self, **cluster: Any) -> AsyncIterator[Eyes]:
        """Open the doors as the service does."""
        async with open_eyes(self.settings(**cluster)) as eyes:
            yield eyes

    async def look(self, base: Sequence[Any], result: Sequence[Any], **cluster: Any) -> ClusterReport:
        """Report on a pull request that makes ``result`` of ``base``, both objects of ``apps``."""
        async with self.eyes(**cluster) as eyes:
            return await self.look_at(eyes, {"apps/all.yaml": text_of(*base)}, {"apps/all.yaml": text_of(*result)})

    async def look_at(self, eyes: Eyes, base: Mapping[str, bytes], result: Mapping[str, bytes]) -> ClusterReport:
        """Report on a pull request that makes the tree ``result`` of ``base``."""
        return await look(eyes, Repository("acme", self.namespace), base, result)


async def look(
    eyes: Eyes, repository: Repository, base: Mapping[str, bytes], result: Mapping[str, bytes]
) -> ClusterReport:
    """Report on a pull request that makes the tree ``result`` of ``base``."""
    changed = frozenset(path for path in {*base, *result} if base.get(path) != result.get(path))
    now = datetime.now(UTC)
    pull = PullRequest(
        repository, 1, "Title", "author", False, "https://github.test/acme/fleet/pull/1", "a" * 40, "branch",  # noqa: FBT003 # a record
        str(repository), "main", False, "open", False, (), now,  # noqa: FBT003 # a record
    )  # fmt: skip
    tip = hashlib.sha1(repr(sorted(base.items())).encode()).hexdigest()  # noqa: S324 # as git does
    change = Change(pull, tip, Tree(dict(base)), Tree(dict(result)), changed)
    return await look_at_cluster(eyes, eyes.clusters[0], change, ProgressBoard(shown=False, quiet=True))


def open_fleet(cluster: Cluster, namespace: str, folder: Path) -> Fleet:
    """Set the namespace up: source, Kustomization, the *diff* account, and the guard proved for it."""
    core = install(cluster)
    fleet = Fleet(cluster, namespace, core, folder)
    fleet.cluster.api.apply(
        [
            named("ServiceAccount", "gitops-bot-diff", namespace),
            named(
                "GitRepository",
                "fleet",
                namespace,
                "source.toolkit.fluxcd.io/v1",
                spec={
                    "interval": "10m",
                    "suspend": True,
                    "url": f"https://github.com/acme/{namespace}",
                    "ref": {"branch": "main"},
                },
            ),
            fleet.kustomization(),
            *role(
                "core",
                namespace,
                [{"apiGroups": [""], "resources": ["serviceaccounts/token"], "verbs": ["create"]}],
                "gitops-bot/gitops-bot",
            ),
        ]
    )
    fleet.give()
    api = KubernetesApi.from_kubeconfig(cluster.service_account_kubeconfig(namespace, "gitops-bot-diff"))
    deadline = time.monotonic() + _PATIENCE
    try:
        while writes(api, namespace):
            assert time.monotonic() < deadline, "the guard does not work"
    finally:
        api.close()
    return fleet


def read(text: str) -> list[Any]:
    """Read YAML documents."""
    return [document for document in yaml.safe_load_all(text) if document]
