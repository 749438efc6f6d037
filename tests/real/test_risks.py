"""Risks in reports that are made by the service's own journey, with the real flux on a real API server."""

# ruff: noqa: E501 # a risk is one line here, however long

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from report_stage import ReportStage, codes, config_map, report_stage, row_of, write
from scene_stage import Artifacts

from gitops_bot.models.reports import ClusterReport, Finding, RowState, Severity
from gitops_bot.rules.risk import RiskPolicy
from gitops_bot.sandbox.cluster import Cluster
from gitops_bot.sandbox.tools.bring import Toolbox

FORCE = {"kustomize.toolkit.fluxcd.io/force": "enabled"}


@pytest.fixture
async def stage(
    cluster: Cluster, namespace: str, kubeconfig: Path, tools: Toolbox, tmp_path: Path, artifacts: Artifacts
) -> AsyncIterator[ReportStage]:
    async with report_stage(cluster, namespace, kubeconfig, tools.path("flux"), tmp_path, artifacts) as opened:
        yield opened


def made(version: str, kind: str, name: str, /, marks: Mapping[str, str] | None = None, **rest: Any) -> dict[str, Any]:
    metadata = {"name": name, **({"annotations": dict(marks)} if marks else {})}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **rest}


def workload(kind: str = "Deployment", /, marks: Mapping[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    container = {"name": "app", "image": "web:1.2", **spec.pop("container", {})}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}
    selector = {"matchLabels": {"app": "web"}}
    return made("apps/v1", kind, "web", marks, spec={"selector": selector, "template": template, **spec})


CLAIM = made(
    "v1",
    "PersistentVolumeClaim",
    "data",
    spec={"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
)


def told(report: ClusterReport) -> list[str]:
    """Give all risks of a report in short."""
    findings: list[Finding] = [*report.findings, *(finding for row in report.rows for finding in row.findings)]
    return [f"{finding.severity} {finding.code}: {finding.message}" for finding in findings if finding.risk]


async def test_what_destroys_stops_and_gives_rights_is_told(stage: ReportStage) -> None:
    here = stage.namespace
    probe = {"livenessProbe": {"tcpSocket": {"port": 80}}}
    stage.open(
        {"apps/web.yaml": write(workload(replicas=2, container=probe), CLAIM)}, stage.kustomization("apps", "./apps")
    )
    binding = made(
        "rbac.authorization.k8s.io/v1",
        "ClusterRoleBinding",
        f"{here}-admins",
        roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        subjects=[{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "dev"}],
    )
    result = {"apps/web.yaml": write(workload(replicas=0, container={"image": "web"}), binding)}
    assert sorted(told(await stage.report(result))) == [
        f"critical cluster-admin: ClusterRoleBinding/{here}-admins gives ClusterRole cluster-admin to Group dev.",
        f"critical deletes-volume: PersistentVolumeClaim/{here}/data (volume of 1Gi) is deleted.",
        f"warning image-latest: Deployment/{here}/web runs an image that may be another one tomorrow: app web:1.2 -> web.",
        f"warning removes-probe: Deployment/{here}/web loses livenessProbe of container app.",
        f"warning scales-to-zero: Deployment/{here}/web goes to zero: replicas 2 -> 0.",
    ]
    off = dict.fromkeys(["image-latest", "removes-probe", "cluster-admin"])
    stage.eyes = replace(stage.eyes, risk=RiskPolicy({**off, "scales-to-zero": Severity.INFO}, prune_limit=0))
    assert [line.partition(":")[0] for line in told(await stage.report(result))] == [
        "warning prunes-many",
        "critical deletes-volume",
        "info scales-to-zero",
    ]


async def test_only_what_the_merge_does_is_a_risk(stage: ReportStage) -> None:
    here = stage.namespace
    limits = {"resources": {"limits": {"memory": "64Mi"}}}
    stage.open({"apps/web.yaml": write(workload(replicas=3, container=limits))}, stage.kustomization("apps", "./apps"))
    path = f"/apis/apps/v1/namespaces/{here}/deployments/web"
    zero = {"apps/web.yaml": write(workload(replicas=0, container=limits))}
    # Somebody scaled it up: what lives is what is lost.
    stage.cluster.api.patch(path, {"spec": {"replicas": 5}}, manager="kubectl-edit")
    assert told(await stage.report(zero)) == [
        f"warning scales-to-zero: Deployment/{here}/web goes to zero: replicas 5 -> 0."
    ]
    # Somebody did it by hand before: the merge changes nothing.
    stage.cluster.api.patch(path, {"spec": {"replicas": 0}}, manager="kubectl-edit")
    assert told(await stage.report(zero)) == []
    # Drift of the one field is no risk of a change of another.
    other = {"apps/web.yaml": write(workload(replicas=3, container={**limits, "image": "web:1.3"}))}
    assert told(await stage.report(other)) == []


async def test_what_cannot_be_changed_is_told_once_and_what_is_made_anew_is_lost(stage: ReportStage) -> None:
    here = stage.namespace
    stage.open(
        {"apps/web.yaml": write(workload("StatefulSet", serviceName="one"))}, stage.kustomization("apps", "./apps")
    )
    refused = await stage.report({"apps/web.yaml": write(workload("StatefulSet", serviceName="two"))})
    row = row_of(refused, "apps")
    assert row.state is RowState.FAILING
    assert [finding.code for finding in row.findings if finding.risk] == ["immutable-field"]
    forced = await stage.report({"apps/web.yaml": write(workload("StatefulSet", FORCE, serviceName="two"))})
    assert told(forced) == [
        f"critical deletes-statefulset: StatefulSet/{here}/web (1 replica) is deleted and made anew.",
        f"critical force: StatefulSet/{here}/web gets the annotation kustomize.toolkit.fluxcd.io/force: enabled.",
    ]


async def test_a_generated_secret_has_a_successor_and_a_deleted_one_has_none(stage: ReportStage) -> None:
    here = stage.namespace

    def files(password: str, *more: str) -> dict[str, str]:
        generator = f"secretGenerator: [{{name: login, literals: [password={password}]}}]\n"
        return {"apps/kustomization.yaml": f"resources: [{', '.join(['web.yaml', *more])}]\n{generator}"}

    web = {"apps/web.yaml": write(config_map("web", here, a="1"))}
    plain = {"apps/plain.yaml": write(made("v1", "Secret", "plain", stringData={"key": "value-of-the-key"}))}
    stage.open({**files("first-password", "plain.yaml"), **web, **plain}, stage.kustomization("apps", "./apps"))
    report = await stage.report({**files("second-password"), **web})
    assert [change.operation for change in row_of(report, "apps").changes].count("delete") == 2
    assert told(report) == [f"warning deletes-secret: Secret/{here}/plain is deleted."]


async def test_many_deletions_and_flux_itself(stage: ReportStage) -> None:
    here = stage.namespace
    many = {f"apps/{number:02d}.yaml": write(config_map(f"c{number:02d}", here, a="1")) for number in range(12)}
    child = stage.kustomization("child", "./apps", prune=True)
    files = {"parent/child.yaml": write(child), **many, "other/one.yaml": write(config_map("c00", here, a="1"))}
    stage.open(files, stage.kustomization("parent", "./parent", anywhere=True))
    stage.applied("child")
    moved = {**child, "spec": {**child["spec"], "path": "./other", "prune": True}}
    report = await stage.report({**files, "parent/child.yaml": write(moved)})
    assert told(report) == [
        f"warning prunes-many: 11 objects are deleted, which is more than 10: {here}/child (11).",
        f"warning flux-path: Kustomization/{here}/child changes path: ./apps -> ./other.",
    ]
    assert set(codes(row_of(report, "parent"))) == {"flux-path"}
