"""Lacking rights on a real API server: one clear line instead of a wrong diff, and the rest is compared."""

from pathlib import Path
from typing import Any

import pytest
from cage import text_of
from restricted_fleet import Fleet, named, open_fleet, role, rule

from gitops_bot import telemetry
from gitops_bot.cluster import ClusterDoor
from gitops_bot.config import ClusterSettings, NetworkSettings
from gitops_bot.journeys.check_installation import judge_guard
from gitops_bot.models.changes import Operation
from gitops_bot.models.checks import CheckState
from gitops_bot.models.reports import ClusterReport, Finding, RowState, Verdict
from gitops_bot.models.rights import Right, ServedKind
from gitops_bot.sandbox.cluster import Cluster


@pytest.fixture
def fleet(cluster: Cluster, namespace: str, tmp_path: Path) -> Fleet:
    return open_fleet(cluster, namespace, tmp_path)


def settings(fleet: Fleet, **data: str) -> dict[str, Any]:
    return named("ConfigMap", "settings", fleet.namespace, data=data)


def account(fleet: Fleet, **labels: str) -> dict[str, Any]:
    made = named("ServiceAccount", "app", fleet.namespace)
    made["metadata"]["labels"] = labels
    return made


def told(report: ClusterReport) -> dict[str, str]:
    """Give what is said to happen to each object, by ``Kind/name``."""
    return {
        f"{change.object.kind}/{change.object.name}": " ".join([change.operation, *(one.path for one in change.fields)])
        for row in report.rows
        for change in row.changes
    }


def finding(report: ClusterReport, code: str) -> Finding:
    (found,) = [one for row in report.rows for one in row.findings if one.code == code]
    return found


def rights(fleet: Fleet, resource: str, *verbs: str, group: str = "") -> set[Right]:
    return {Right(group, resource, verb, fleet.namespace) for verb in verbs}


async def test_a_kind_that_may_not_be_read_is_named_and_the_rest_is_compared(fleet: Fleet) -> None:
    """With a right to patch alone flux drops the error of its read and would show the whole object as changed."""
    fleet.give(rule("", "configmaps", "patch", "create"), rule("", "serviceaccounts"))
    base = [settings(fleet, colour="red", other="same"), account(fleet, tier="one")]
    fleet.apply(*[dict(one) for one in base])
    report = await fleet.look(base, [settings(fleet, colour="blue", other="same"), account(fleet, tier="two")])
    assert report.verdict is Verdict.INCOMPLETE
    lacking = finding(report, "missing-right")
    assert set(lacking.lacks) == rights(fleet, "configmaps", "get")
    assert f"ConfigMap/{fleet.namespace}/settings was not compared" in lacking.message
    assert told(report) == {
        "ConfigMap/settings": "change data.colour",
        "ServiceAccount/app": "change metadata.labels.tier",
    }
    (row,) = report.rows
    (change,) = [change for change in row.changes if change.object.kind == "ConfigMap"]
    assert [(item.before, item.after) for item in change.fields] == [("red", "blue")]
    assert "told from the files alone" in change.notes[0]
    assert [one.code for one in row.findings] == ["missing-right"]


@pytest.mark.parametrize("verb", ["patch", "create"])
async def test_what_flux_would_be_refused_is_one_line(fleet: Fleet, verb: str) -> None:
    fleet.give(rule("", "configmaps", *({"get", "patch", "create"} - {verb})), rule("", "serviceaccounts"))
    if verb == "create":
        # The canary of the guard needs this verb on ConfigMaps: another kind takes their place.
        fleet.give(rule("", "configmaps"), rule("", "serviceaccounts", "get", "patch"))
        report = await fleet.look([settings(fleet, colour="red")], [settings(fleet, colour="red"), account(fleet)])
        resource = "serviceaccounts"
    else:
        fleet.apply(settings(fleet, colour="red"))
        report = await fleet.look([settings(fleet, colour="red")], [settings(fleet, colour="blue")])
        resource = "configmaps"
    (row,) = report.rows
    assert [one.code for one in row.findings] == ["missing-right"]
    assert set(finding(report, "missing-right").lacks) == rights(fleet, resource, verb)
    assert report.verdict is Verdict.INCOMPLETE


async def test_secrets_and_roles_are_left_out_together(fleet: Fleet) -> None:
    fleet.give(rule("", "configmaps"))
    secret = named("Secret", "login", fleet.namespace, stringData={"password": "canary"})
    made = role("admin", fleet.namespace, [rule("", "pods", "delete")], f"{fleet.namespace}/default")
    base = [settings(fleet, colour="red"), secret, *made]
    fleet.apply(*[dict(one) for one in base if one["kind"] != "Secret"])
    report = await fleet.look(base, [settings(fleet, colour="blue"), *base[1:]])
    assert told(report) == {"ConfigMap/settings": "change data.colour"}
    # Seen in the cluster: flux was not stopped by what it may not try.
    assert [change.notes for row in report.rows for change in row.changes] == [()]
    group = "rbac.authorization.k8s.io"
    assert set(finding(report, "missing-right").lacks) == {
        *rights(fleet, "secrets", "get", "patch", "create"),
        *rights(fleet, "roles", "get", "patch", "create", "escalate", "bind", group=group),
        *rights(fleet, "rolebindings", "get", "patch", "create", group=group),
    }
    assert "canary" not in repr(report)


async def test_with_all_rights_nothing_is_said(fleet: Fleet) -> None:
    group = "rbac.authorization.k8s.io"
    fleet.give(
        rule("", "configmaps"),
        rule("", "secrets"),
        rule(group, "roles", "get", "patch", "create", "escalate", "bind"),
        rule(group, "rolebindings"),
    )
    secret = named("Secret", "login", fleet.namespace, stringData={"password": "canary"})
    made = role("admin", fleet.namespace, [rule("", "pods", "delete")], f"{fleet.namespace}/default")
    report = await fleet.look([settings(fleet, a="1")], [settings(fleet, a="2"), secret, *made])
    (row,) = report.rows
    assert [one.code for one in row.findings if one.incomplete or one.blocks] == []
    assert {change.object.kind for change in row.changes if change.operation is Operation.CREATE} == {
        "ConfigMap", "Secret", "Role", "RoleBinding",
    }  # fmt: skip


async def test_a_kustomization_that_may_not_be_read_is_not_compared(fleet: Fleet, cluster: Cluster) -> None:
    cluster.api.apply(role("diff", fleet.namespace, [rule("", "configmaps")], fleet.account))
    report = await fleet.look([settings(fleet, a="1")], [settings(fleet, a="2")])
    (row,) = report.rows
    assert row.state is RowState.NOT_ANALYSED
    lacks = rights(fleet, "kustomizations", "get", group="kustomize.toolkit.fluxcd.io")
    assert set(finding(report, "missing-right").lacks) == lacks


# Tenants


@pytest.fixture
def tenant(fleet: Fleet, cluster: Cluster) -> Fleet:
    """A fleet whose *diff* identity may do everything here, and whose tenant may do so with ConfigMaps only."""
    fleet.give(rule("", "configmaps"), rule("", "secrets"), rule("", "serviceaccounts"))
    cluster.api.apply(
        [
            named("ServiceAccount", "tenant", fleet.namespace),
            fleet.kustomization(serviceAccountName="tenant"),
            *role(
                "tenant",
                fleet.namespace,
                [rule("", "configmaps", "get", "patch", "create")],
                f"{fleet.namespace}/tenant",
            ),
        ]
    )
    return fleet


async def test_a_tenant_sees_what_its_account_may_do(tenant: Fleet) -> None:
    tenant.apply(settings(tenant, colour="red"))
    report = await tenant.look([settings(tenant, colour="red")], [settings(tenant, colour="blue")])
    assert told(report) == {"ConfigMap/settings": "change data.colour"}
    assert report.verdict is Verdict.CHANGES


async def test_a_tenant_learns_nothing_of_what_it_may_not_read(tenant: Fleet) -> None:
    """The author writes another tenant's object into the pull request, to see how it lives."""
    tenant.cluster.apply_secret(tenant.namespace, "others", {"password": "canary-of-others"})
    live = named("ServiceAccount", "others", tenant.namespace)
    live["metadata"]["annotations"] = {"note": "canary-of-others"}
    tenant.cluster.api.apply([live])
    guess = named("ServiceAccount", "others", tenant.namespace)
    guess["metadata"]["annotations"] = {"note": "guess"}
    secret = named("Secret", "others", tenant.namespace, stringData={"password": "guess"})
    chart = {"spec": {"chart": "app", "sourceRef": {"kind": "HelmRepository", "name": "charts"}}}
    release = named(
        "HelmRelease", "app", tenant.namespace, "helm.toolkit.fluxcd.io/v2", spec={"interval": "1m", "chart": chart}
    )
    report = await tenant.look([settings(tenant, a="1")], [settings(tenant, a="2"), guess, secret, release])
    (row,) = report.rows
    assert (row.state, row.changes, row.contents) == (RowState.NOT_ANALYSED, (), ())
    found = finding(report, "tenant-may-not")
    assert f"{tenant.namespace}/tenant" in found.message
    assert f"get, patch, create ServiceAccount in {tenant.namespace}; nor" in found.message
    assert "canary" not in repr(report)
    assert found.lacks == ()


async def test_deleting_needs_the_right_to_delete(tenant: Fleet) -> None:
    tenant.apply(settings(tenant, a="1"))
    tenant.set_inventory(f"{tenant.namespace}_settings__ConfigMap")
    other = named("ConfigMap", "other", tenant.namespace, data={"a": "1"})
    report = await tenant.look([settings(tenant, a="1"), other], [other])
    assert "delete ConfigMap" in finding(report, "tenant-may-not").message


async def test_variables_of_a_tenant_are_read_by_it_too(tenant: Fleet) -> None:
    tenant.cluster.apply_secret(tenant.namespace, "vars", {"PASSWORD": "canary-of-others"})
    variables = {"substituteFrom": [{"kind": "Secret", "name": "vars"}]}
    tenant.cluster.api.apply([tenant.kustomization(serviceAccountName="tenant", postBuild=variables)])
    report = await tenant.look([settings(tenant, a="1")], [settings(tenant, a="${PASSWORD}")])
    assert f"get Secret in {tenant.namespace}" in finding(report, "tenant-may-not").message
    assert "canary" not in repr(report)


async def test_an_account_that_flux_takes_by_default_counts(fleet: Fleet, cluster: Cluster) -> None:
    fleet.give(rule("", "configmaps"))
    report = await fleet.look([settings(fleet, a="1")], [settings(fleet, a="2")], default_service_account="default")
    assert f"{fleet.namespace}/default" in finding(report, "tenant-may-not").message
    rights_of_default = role("default", fleet.namespace, [rule("", "configmaps")], f"{fleet.namespace}/default")
    cluster.api.apply(rights_of_default)
    report = await fleet.look([settings(fleet, a="1")], [settings(fleet, a="2")], default_service_account="default")
    assert told(report) == {"ConfigMap/settings": "create"}


async def test_a_refused_tenant_takes_its_children_along(tenant: Fleet) -> None:
    """A child without an account of its own would be compared with all rights, and Flux would never make it."""
    tenant.cluster.apply_secret(tenant.namespace, "others", {"password": "canary-of-others"})
    child = tenant.kustomization("child")
    stolen = named("ServiceAccount", "default", tenant.namespace)
    stolen["metadata"]["annotations"] = {"note": "guess"}
    base = {"apps/all.yaml": text_of(settings(tenant, a="1"))}
    result = {"apps/all.yaml": text_of(settings(tenant, a="1"), child), "child/all.yaml": text_of(stolen)}
    async with tenant.eyes() as eyes:
        report = await tenant.look_at(eyes, base, result)
    rows = {row.id.name: row for row in report.rows}
    assert set(rows) == {"apps", "child"}
    assert rows["child"].changes == ()
    (found,) = rows["child"].findings
    assert found.code == "tenant-may-not"
    assert f"{tenant.namespace}/apps" in found.message


# Cost


async def test_rights_that_lead_past_the_guard_are_named_by_check(fleet: Fleet, cluster: Cluster) -> None:
    namespace, _, name = fleet.account.partition("/")
    group = "rbac.authorization.k8s.io"
    around = {
        **named("ClusterRole", f"around-{fleet.namespace}", "", f"{group}/v1"),
        "rules": [{"apiGroups": [""], "resources": ["users"], "verbs": ["impersonate"]}],
    }
    binding = {
        **named("ClusterRoleBinding", f"around-{fleet.namespace}", "", f"{group}/v1"),
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": f"around-{fleet.namespace}"},
        "subjects": [{"kind": "ServiceAccount", "namespace": namespace, "name": name}],
    }
    async with fleet.eyes() as eyes:
        assert judge_guard("production", await eyes.clusters[0].guard()).state is CheckState.GOOD
    cluster.api.apply([around, binding])
    try:
        async with fleet.eyes() as eyes:
            told = judge_guard("production", await eyes.clusters[0].guard())
    finally:
        for kind in ("clusterrolebindings", "clusterroles"):
            cluster.api.call("DELETE", f"/apis/{group}/v1/{kind}/around-{fleet.namespace}")
    assert told.state is CheckState.BAD
    assert "impersonate users" in told.seen


async def test_answers_are_remembered_and_shared(fleet: Fleet) -> None:
    """One question per verb and kind where rights are given everywhere, one more per namespace where not."""
    fleet.give(rule("", "configmaps"), rule("", "serviceaccounts"))
    many = [named("ConfigMap", f"settings-{number}", fleet.namespace, data={"a": "1"}) for number in range(30)]
    changed = [{**one, "data": {"a": "2"}} for one in many]
    async with fleet.eyes() as eyes:
        # The guard asks for rights that lead past it, which is counted too.
        assert await eyes.clusters[0].guard_is_proved()
        before = reviews()
        first = await fleet.look_at(eyes, {"apps/all.yaml": text_of(*many)}, {"apps/all.yaml": text_of(*changed)})
        asked = reviews() - before
        # get, patch and create of ConfigMaps, get of the Kustomization: everywhere, then here.
        assert asked == 8
        again = await fleet.look_at(eyes, {"apps/all.yaml": text_of(*many)}, {"apps/all.yaml": text_of(*changed[:9])})
        assert reviews() - before == asked
    assert len(first.rows[0].changes) == 30
    assert again.rows[0].findings == ()


def reviews() -> float:
    value = telemetry.registry.get_sample_value("gitops_bot_access_reviews_total", {"cluster": "production"})
    return value or 0.0


async def test_kinds_are_known_to_old_api_servers_too(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before 1.27 each group is asked for itself; it comes to the same."""
    settings = ClusterSettings(name="production", kubeconfig=cluster.kubeconfig)
    async with ClusterDoor(settings, NetworkSettings()) as door:
        new = await door.served_kinds()
    monkeypatch.setattr("gitops_bot.cluster.access._DISCOVERY", "application/json")
    async with ClusterDoor(settings, NetworkSettings()) as door:
        old = await door.served_kinds()
    assert new == old
    assert new["apps", "Deployment"] == ServedKind("apps", "Deployment", "deployments", namespaced=True)
    assert not new["", "Namespace"].namespaced
