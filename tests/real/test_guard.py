"""The fence around the diff identity, on a real API server: it holds alone, and is believed only while it does."""

import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cage import writes
from prometheus_client import CollectorRegistry

from gitops_bot import telemetry
from gitops_bot.cluster import ClusterDoor
from gitops_bot.cluster.guard import CANARY, GUARD_MESSAGE
from gitops_bot.config import ClusterSettings, NetworkSettings
from gitops_bot.models.kustomizations import ObjectReference
from gitops_bot.models.rights import Right
from gitops_bot.sandbox.cluster import Cluster
from gitops_bot.sandbox.identities import apply_identities
from gitops_bot.sandbox.kubernetes_api import ApiRefused, KubernetesApi

BINDINGS = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings"
POLICIES = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
NAME = "gitops-bot-diff-dry-run-only"
DIFF = "system:serviceaccount:gitops-bot:gitops-bot-diff"


@pytest.fixture
def diff(cluster: Cluster, kubeconfig: Path) -> Iterator[KubernetesApi]:
    del kubeconfig
    api = KubernetesApi.from_kubeconfig(cluster.service_account_kubeconfig("gitops-bot", "gitops-bot-diff"))
    yield api
    api.close()


@pytest.fixture
def all_rights(cluster: Cluster, diff: KubernetesApi) -> Iterator[KubernetesApi]:
    """Let the diff identity do everything, so that nothing but the guard is left to stop it."""
    name = f"too-much-{secrets.token_hex(4)}"
    cluster.api.apply(
        [
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "ClusterRoleBinding",
                "metadata": {"name": name},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
                "subjects": [{"kind": "User", "name": DIFF}],
            }
        ]
    )
    cluster.wait_until(lambda: _may_list_nodes(diff), seconds=30, what="the rights are given")
    yield diff
    cluster.api.call("DELETE", f"/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/{name}")
    cluster.wait_until(lambda: not _may_list_nodes(diff), seconds=30, what="the rights are taken back")


def _may_list_nodes(api: KubernetesApi) -> bool:
    try:
        api.call("GET", "/api/v1/nodes")
    except ApiRefused:
        return False
    return True


def objects() -> list[dict[str, Any]]:
    """Ten kinds, with and without a namespace."""
    pod = {"containers": [{"name": "a", "image": "a"}]}
    template = {"metadata": {"labels": {"a": "b"}}, "spec": pod}
    selector = {"matchLabels": {"a": "b"}}
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "b"}},
        {"apiVersion": "v1", "kind": "Secret", "stringData": {"a": "b"}},
        {"apiVersion": "v1", "kind": "ServiceAccount"},
        {"apiVersion": "v1", "kind": "Service", "spec": {"ports": [{"port": 80}]}},
        {"apiVersion": "v1", "kind": "Pod", "spec": pod},
        {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"selector": selector, "template": template}},
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "rules": []},
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "rules": []},
        {"apiVersion": "v1", "kind": "Namespace"},
        {"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization", "spec": {
            "interval": "1m", "prune": False, "path": "./a", "suspend": True,
            "sourceRef": {"kind": "GitRepository", "name": "a"}}},
    ]  # fmt: skip


def named(document: Mapping[str, Any], namespace: str) -> dict[str, Any]:
    metadata = {"name": f"guard-{secrets.token_hex(4)}"}
    if document["kind"] not in {"ClusterRole", "Namespace"}:
        metadata["namespace"] = namespace
    return {**document, "metadata": metadata}


def refused_by_the_guard(write: Callable[[], object]) -> bool:
    try:
        write()
    except ApiRefused as error:
        return GUARD_MESSAGE in str(error)
    return False


def labelled(document: Mapping[str, Any] | None) -> dict[str, Any]:
    assert document is not None
    return {**document, "metadata": {**document["metadata"], "labels": {"touched": "yes"}}}


@pytest.mark.parametrize("kind", range(10))
def test_with_all_rights_it_can_still_only_do_dry_runs(
    cluster: Cluster, all_rights: KubernetesApi, namespace: str, kind: int
) -> None:
    document = objects()[kind]
    new, old = named(document, namespace), named(document, namespace)
    cluster.api.apply([old])
    path = cluster.api.path_of(old)
    collection = path.rpartition("/")[0]
    label = {"metadata": {"labels": {"touched": "yes"}}}
    merge = "application/merge-patch+json"
    writes_of_all_kinds: dict[str, Callable[[], object]] = {
        "create": lambda: all_rights.call("POST", collection, body=new),
        "apply": lambda: all_rights.apply([new]),
        "apply to what is there": lambda: all_rights.apply([labelled(old)]),
        "update": lambda: all_rights.call("PUT", path, body=labelled(cluster.api.get(path))),
        "patch": lambda: all_rights.call("PATCH", path, body=label, media=merge),
        "delete": lambda: all_rights.call("DELETE", path),
        "delete in a dry run": lambda: all_rights.call("DELETE", path, dryRun="All"),
    }
    for name, write in writes_of_all_kinds.items():
        assert refused_by_the_guard(write), name
    # What flux does goes through.
    all_rights.apply([new], manager="kustomize-controller", dry_run=True)
    all_rights.call("PATCH", path, body=label, media=merge, dryRun="All")
    left = cluster.api.get(path)
    assert left is not None
    assert "touched" not in left["metadata"].get("labels", {})
    assert "deletionTimestamp" not in left["metadata"]
    assert cluster.api.get(cluster.api.path_of(new)) is None


def test_side_doors_are_closed_too(cluster: Cluster, all_rights: KubernetesApi, namespace: str) -> None:
    pod = named(objects()[4], namespace)
    deployment = named(objects()[5], namespace)
    account = named(objects()[2], namespace)
    cluster.api.apply([pod, deployment, account])
    at_pod, at_deployment, at_account = map(cluster.api.path_of, (pod, deployment, account))
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": pod["metadata"]}
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    three = {"spec": {"replicas": 3}}
    status = {"status": {"replicas": 3}}

    def patch(path: str, body: dict[str, Any], **query: str) -> object:
        return all_rights.call("PATCH", path, body=body, media="application/merge-patch+json", **query)

    attempts: dict[str, Callable[[], object]] = {
        "exec": lambda: all_rights.call("POST", f"{at_pod}/exec", command="id", stdout="true"),
        "attach": lambda: all_rights.call("GET", f"{at_pod}/attach", stdout="true"),
        "port-forward": lambda: all_rights.call("GET", f"{at_pod}/portforward"),
        "eviction": lambda: all_rights.call("POST", f"{at_pod}/eviction", body=eviction),
        "eviction in a dry run": lambda: all_rights.call("POST", f"{at_pod}/eviction", body=eviction, dryRun="All"),
        "token": lambda: all_rights.call("POST", f"{at_account}/token", body=request),
        "scale": lambda: patch(f"{at_deployment}/scale", three),
        "status": lambda: patch(f"{at_deployment}/status", status),
        "status in a dry run": lambda: patch(f"{at_deployment}/status", status, dryRun="All"),
    }
    for name, attempt in attempts.items():
        assert refused_by_the_guard(attempt), name


# The proof


@pytest.fixture
async def door(kubeconfig: Path) -> AsyncIterator[ClusterDoor]:
    """A door whose clock goes on by an hour at each look, so that nothing is believed for long."""
    ticks = iter(range(10**6))

    def clock() -> datetime:
        return datetime.now(UTC) + timedelta(minutes=2 * next(ticks))

    settings = ClusterSettings(name="guarded", kubeconfig=kubeconfig)
    async with ClusterDoor(settings, NetworkSettings(), clock=clock) as opened:
        yield opened


def guarded_for_good(diff: KubernetesApi, seconds: float = 2) -> None:
    """Wait until nothing was written for some seconds: a policy that is made anew is replaced a moment later."""
    deadline = time.monotonic() + 60
    quiet_since = time.monotonic()
    while time.monotonic() - quiet_since < seconds:
        assert time.monotonic() < deadline, "the guard does not hold"
        if writes(diff, "gitops-bot"):
            quiet_since = time.monotonic()


@pytest.fixture
def mended(cluster: Cluster, diff: KubernetesApi) -> Iterator[None]:
    yield
    canary = f"/api/v1/namespaces/gitops-bot/configmaps/{CANARY}"
    for path in (f"{BINDINGS}/{NAME}", f"{POLICIES}/{NAME}", canary):
        if cluster.api.get(path) is not None:
            cluster.api.call("DELETE", path)
    apply_identities(cluster)
    guarded_for_good(diff)


def metric(registry: CollectorRegistry = telemetry.registry) -> float | None:
    return registry.get_sample_value("gitops_bot_guard_proved", {"cluster": "guarded"})


async def proved(door: ClusterDoor, wanted: bool) -> bool:  # noqa: FBT001 # what is waited for
    """Ask until the answer is the wanted one: a change of a policy takes effect a moment later."""
    deadline = time.monotonic() + 30
    while await door.guard_is_proved() is not wanted:
        if time.monotonic() > deadline:
            return False
    return True


async def test_it_is_proved_where_it_stands(door: ClusterDoor, cluster: Cluster) -> None:
    assert await door.guard_is_proved()
    assert metric() == 1
    assert cluster.api.get(f"/api/v1/namespaces/gitops-bot/configmaps/{CANARY}") is None


def _delete_binding(api: KubernetesApi) -> None:
    api.call("DELETE", f"{BINDINGS}/{NAME}")


def _delete_policy(api: KubernetesApi) -> None:
    api.call("DELETE", f"{POLICIES}/{NAME}")


def _only_warn(api: KubernetesApi) -> None:
    api.patch(f"{BINDINGS}/{NAME}", {"spec": {"validationActions": ["Warn"]}}, manager="somebody")


def _meant_for_another(api: KubernetesApi) -> None:
    conditions = [{"name": "other", "expression": "request.userInfo.username == 'somebody'"}]
    api.patch(f"{POLICIES}/{NAME}", {"spec": {"matchConditions": conditions}}, manager="somebody")


def _replaced_by_another_text(api: KubernetesApi) -> None:
    """Something else refuses the canary; who knows what it lets through."""
    validations = [{"expression": "false", "message": "not on Sundays"}]
    api.patch(f"{POLICIES}/{NAME}", {"spec": {"validations": validations}}, manager="somebody")


def _narrowed_to_the_canary(api: KubernetesApi) -> None:
    """It refuses the canary as before, and lets everything else through."""
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": ["configmaps"]}
    api.patch(f"{POLICIES}/{NAME}", {"spec": {"matchConstraints": {"resourceRules": [rule]}}}, manager="somebody")


def _some_kinds_left_out(api: KubernetesApi) -> None:
    rule = {"apiGroups": ["apps"], "apiVersions": ["*"], "operations": ["*"], "resources": ["deployments"]}
    change = {"spec": {"matchConstraints": {"excludeResourceRules": [rule]}}}
    api.patch(f"{POLICIES}/{NAME}", change, manager="somebody")


def _some_namespaces_only(api: KubernetesApi) -> None:
    selector = {"matchLabels": {"kubernetes.io/metadata.name": "gitops-bot"}}
    api.patch(f"{BINDINGS}/{NAME}", {"spec": {"matchResources": {"namespaceSelector": selector}}}, manager="somebody")


def _with_a_way_out(api: KubernetesApi) -> None:
    conditions = [
        {"name": "ours", "expression": f"request.userInfo.username == '{DIFF}'"},
        {"name": "out", "expression": "request.kind.kind == 'ConfigMap'"},
    ]
    api.patch(f"{POLICIES}/{NAME}", {"spec": {"matchConditions": conditions}}, manager="somebody")


@pytest.mark.usefixtures("mended")
@pytest.mark.parametrize(
    "break_it",
    [
        _delete_binding,
        _delete_policy,
        _only_warn,
        _meant_for_another,
        _replaced_by_another_text,
        _narrowed_to_the_canary,
        _some_kinds_left_out,
        _some_namespaces_only,
        _with_a_way_out,
    ],
)
async def test_it_is_missed_when_it_is_gone_or_changed(
    door: ClusterDoor, cluster: Cluster, break_it: Callable[[KubernetesApi], None]
) -> None:
    assert await door.guard_is_proved()
    break_it(cluster.api)
    assert await proved(door, wanted=False)
    assert metric() == 0
    # It stays so while nobody mends it, also when the canary is there already.
    assert not await door.guard_is_proved()


@pytest.mark.usefixtures("mended")
async def test_a_lacking_right_proves_nothing(door: ClusterDoor, cluster: Cluster) -> None:
    roles = "/apis/rbac.authorization.k8s.io/v1"
    namespaced = f"{roles}/namespaces/gitops-bot/rolebindings/gitops-bot-diff-canary"
    wide = f"{roles}/clusterrolebindings/gitops-bot-diff"
    cluster.api.call("DELETE", namespaced)
    cluster.api.call("DELETE", wide)
    assert await proved(door, wanted=False)
    apply_identities(cluster)
    assert await proved(door, wanted=True)


ROLES = "/apis/rbac.authorization.k8s.io/v1"
LEADING_AROUND = {
    "impersonate users": {"apiGroups": [""], "resources": ["users"], "verbs": ["impersonate"]},
    "impersonate serviceaccounts": {
        "apiGroups": [""], "resources": ["serviceaccounts"], "resourceNames": ["gitops-bot-ops"],
        "verbs": ["impersonate"],
    },
    "delete validatingadmissionpolicybindings": {
        "apiGroups": ["admissionregistration.k8s.io"], "resources": ["validatingadmissionpolicybindings"],
        "resourceNames": [NAME], "verbs": ["delete"],
    },
    "get nodes/proxy": {"apiGroups": [""], "resources": ["nodes/proxy"], "verbs": ["get"]},
}  # fmt: skip


@pytest.mark.parametrize("said", LEADING_AROUND)
async def test_it_refuses_while_a_right_leads_past_it(door: ClusterDoor, cluster: Cluster, said: str) -> None:
    """Given to the whole cluster, or for one named object: no write is refused for it, and none would be."""
    assert await door.guard_is_proved()
    name = f"too-much-{secrets.token_hex(4)}"
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": name}}
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
        "subjects": [{"kind": "User", "name": DIFF}],
    }
    try:
        cluster.api.apply([{**role, "rules": [LEADING_AROUND[said]]}, binding])
        assert await proved(door, wanted=False)
        state = door.failed_guard
        assert state is not None
        assert [words.partition(".")[0] for words in state.ways_around] == [said]
        assert metric() == 0
    finally:
        for plural in ("clusterrolebindings", "clusterroles"):
            cluster.api.call("DELETE", f"{ROLES}/{plural}/{name}")
    assert await proved(door, wanted=True)
    assert door.failed_guard is None
    assert metric() == 1


async def test_a_right_that_leads_past_it_in_one_namespace_is_found(
    door: ClusterDoor, cluster: Cluster, namespace: str
) -> None:
    """Where a Kustomization lies; the snapshot knows these namespaces."""
    cluster.api.apply([named(objects()[9], namespace)])
    await door.snapshot()
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "too-much", "namespace": namespace},
        "rules": [{"apiGroups": [""], "resources": ["serviceaccounts/token"], "verbs": ["create"]}],
    }
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "too-much", "namespace": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "too-much"},
        "subjects": [{"kind": "User", "name": DIFF}],
    }
    cluster.api.apply([role, binding])
    assert await proved(door, wanted=False)
    assert door.failed_guard is not None
    assert door.failed_guard.ways_around == ("create serviceaccounts/token",)


@pytest.mark.usefixtures("mended")
async def test_an_operator_may_accept_it_and_the_metric_still_tells(kubeconfig: Path, cluster: Cluster) -> None:
    cluster.api.call("DELETE", f"{BINDINGS}/{NAME}")
    settings = ClusterSettings(name="guarded", kubeconfig=kubeconfig, accept_unguarded_writes=True)
    async with ClusterDoor(settings, NetworkSettings()) as accepting:
        deadline = time.monotonic() + 30
        while metric() != 0 and time.monotonic() < deadline:
            assert await accepting.guard_is_proved()
            accepting._proof = None
        assert metric() == 0


# What else the door reads


async def test_the_snapshot_as_the_core_identity(kubeconfig: Path, cluster: Cluster, namespace: str) -> None:
    for document in objects()[9:]:
        cluster.api.apply([{**document, "metadata": {"name": "apps", "namespace": namespace}}])
    async with ClusterDoor(ClusterSettings(name="one", kubeconfig=kubeconfig), NetworkSettings()) as door:
        snapshot = await door.snapshot()
        assert door.missing_kinds == frozenset()
    (found,) = [item for item in snapshot.kustomizations if item.id.namespace == namespace]
    assert (found.id.cluster, found.path, found.source) == ("one", "a", ("GitRepository", namespace, "a"))


async def test_a_live_secret_comes_without_its_values(kubeconfig: Path, cluster: Cluster, namespace: str) -> None:
    cluster.apply_secret(namespace, "token", {"password": "canary"})
    async with ClusterDoor(ClusterSettings(name="one", kubeconfig=kubeconfig), NetworkSettings()) as door:
        live = await door.live_object("v1", ObjectReference("Secret", namespace, "token"))
        assert live is not None
        assert live["metadata"]["managedFields"]
        assert "data" not in live
        assert await door.live_object("v1", ObjectReference("Secret", namespace, "nope")) is None


async def test_rights_are_asked_for(kubeconfig: Path) -> None:
    async with ClusterDoor(ClusterSettings(name="one", kubeconfig=kubeconfig), NetworkSettings()) as door:
        wanted = [Right("apps", "deployments", verb, "default") for verb in ("patch", "delete")]
        assert await door.diff_lacks(wanted) == {wanted[1]}
        wanted = [Right("", resource, "get", "default") for resource in ("configmaps", "pods")]
        assert await door.user_lacks(DIFF, wanted) == {wanted[1]}
        assert await door.user_lacks("nobody", wanted) == set(wanted)
