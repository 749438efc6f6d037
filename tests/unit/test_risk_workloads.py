"""Risks of what runs, in every kind that runs something."""

# ruff: noqa: E501 # a row of a table is one line here, however long

from typing import Any

import pytest
import yaml
from risk_cases import codes, deployment, document, said


def workload(kind: str, **pod: Any) -> str:
    spec = {"containers": [{"name": "app", "image": "web:1"}], **pod}
    if kind == "Pod":
        return document("v1", "Pod", spec=spec)
    template = {"template": {"spec": spec}}
    if kind == "CronJob":
        return document("batch/v1", "CronJob", spec={"jobTemplate": {"spec": template}})
    if kind == "PodTemplate":
        return document("v1", "PodTemplate", **template)
    return document({"Job": "batch/v1", "Rollout": "argoproj.io/v1alpha1"}.get(kind, "apps/v1"), kind, spec=template)


@pytest.mark.parametrize(
    "kind",
    ["Pod", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "PodTemplate", "Rollout"],
)
@pytest.mark.parametrize("place", ["containers", "initContainers", "ephemeralContainers"])
def test_every_container_of_every_kind_is_found(kind: str, place: str) -> None:
    bad = {"name": "bad", "image": "web:1", "securityContext": {"privileged": True}}
    pod = {"containers": [bad]} if place == "containers" else {place: [bad]}
    assert said("", workload(kind, **pod)) == [
        f"privileged: {kind}/apps/web runs privileged, which it did not before: container bad."
    ]


def context(**fields: Any) -> str:
    return deployment({"securityContext": fields})


PRIVILEGED = ["privileged: Deployment/apps/web runs privileged, which it did not before: container app."]
ROOT = ["runs-as-root: Deployment/apps/web runs as user 0: container app."]
FREED = ["runs-as-root: Deployment/apps/web is no longer kept from running as root: container app."]
MAY_GAIN = ["privilege-escalation: Deployment/apps/web may gain privileges, which it might not before: container app."]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        # privileged
        (deployment(), context(privileged=True), PRIVILEGED),
        (deployment(), context(windowsOptions={"hostProcess": True}), PRIVILEGED),
        (context(privileged=True), context(privileged=True), []),
        (context(privileged=True), context(privileged=False), []),
        (deployment(), context(privileged="true"), []),
        (context(privileged=True), deployment({"name": "renamed", "securityContext": {"privileged": True}}), ["privileged: Deployment/apps/web runs privileged, which it did not before: container renamed."]),
        # capabilities
        (deployment(), context(capabilities={"add": ["SYS_ADMIN"]}), ["capabilities: Deployment/apps/web may do more: container app adds SYS_ADMIN."]),
        (context(capabilities={"drop": ["ALL"]}), deployment(), ["capabilities: Deployment/apps/web may do more: container app no longer drops ALL."]),
        (context(capabilities={"drop": ["NET_RAW"]}), context(capabilities={"drop": ["all"]}), []),
        (deployment(), context(capabilities={"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]}), []),
        (context(capabilities={"add": ["CAP_CHOWN"]}), context(capabilities={"add": ["chown"]}), []),
        (deployment(), context(capabilities="SYS_ADMIN"), []),
        # allowPrivilegeEscalation
        (deployment(), context(allowPrivilegeEscalation=True), MAY_GAIN),
        (context(allowPrivilegeEscalation=False), deployment(), MAY_GAIN),
        (context(allowPrivilegeEscalation=False), context(allowPrivilegeEscalation=True), MAY_GAIN),
        ("", deployment(), []),
        (deployment(), context(allowPrivilegeEscalation=False), []),
        (deployment(), context(allowPrivilegeEscalation=[True]), []),
        # root
        (deployment(), context(runAsUser=0), ROOT),
        (context(runAsUser=1000), deployment(securityContext={"runAsUser": 0}), ROOT),
        (context(runAsNonRoot=True), deployment(), FREED),
        (deployment(securityContext={"runAsNonRoot": True}), context(runAsNonRoot=False), FREED),
        (deployment(securityContext={"runAsNonRoot": True}), context(runAsNonRoot=True), []),
        (context(runAsUser=0), context(runAsUser=0), []),
        (deployment(), deployment({"securityContext": {"runAsUser": 1}}, securityContext={"runAsUser": 0}), []),
        (deployment(), deployment(securityContext=[0]), []),
    ],
)  # fmt: skip
def test_what_containers_may_do(old: str, new: str, expected: list[str]) -> None:
    assert said(old, new) == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({}, {"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}, ["host-path: Deployment/apps/web mounts folders of its node: /."]),
        ({"volumes": [{"name": "v", "hostPath": {"path": "/var/log"}}]}, {"volumes": [{"name": "v", "hostPath": {"path": "/etc"}}]}, ["host-path: Deployment/apps/web mounts folders of its node: /var/log -> /etc."]),
        ({"volumes": [{"name": "v", "hostPath": {"path": "/etc"}}]}, {}, []),
        ({}, {"volumes": [{"name": "v", "emptyDir": {}}]}, []),
        ({}, {"volumes": {"name": "v", "hostPath": {"path": "/"}}}, []),
        ({}, {"volumes": [None, "x", {"hostPath": "/"}]}, []),
        ({}, {"hostNetwork": True, "hostPID": True}, ["host-namespace: Deployment/apps/web shares with its node what it did not before: hostNetwork, hostPID."]),
        ({"hostIPC": True}, {"hostIPC": True}, []),
        ({"hostIPC": True}, {"hostIPC": False}, []),
        ({}, {"hostNetwork": "yes"}, []),
    ],
)  # fmt: skip
def test_what_pods_share_with_their_node(old: dict[str, Any], new: dict[str, Any], expected: list[str]) -> None:
    assert said(deployment(**old), deployment(**new)) == expected


def scaler(**spec: Any) -> str:
    return document("autoscaling/v2", "HorizontalPodAutoscaler", spec=spec)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (deployment(replicas=3), deployment(replicas=0), ["scales-to-zero: Deployment/apps/web goes to zero: replicas 3 -> 0."]),
        (deployment(), deployment(replicas=0), ["scales-to-zero: Deployment/apps/web goes to zero: replicas 1 -> 0."]),
        (scaler(minReplicas=2), scaler(minReplicas=0), ["scales-to-zero: HorizontalPodAutoscaler/apps/web goes to zero: minReplicas 2 -> 0."]),
        (deployment(replicas=3), deployment(replicas=1), []),
        (deployment(replicas=0), deployment(replicas=0), []),
        (deployment(replicas=0), deployment(replicas=3), []),
        ("", deployment(replicas=0), []),
        (deployment(replicas=3), deployment(), []),
        (deployment(replicas=3), "", []),
        (document("a.example/v1", "Widget", spec={}), document("a.example/v1", "Widget", spec={"replicas": 0}), []),
        (document("a.example/v1", "Widget", spec={"replicas": 2}), document("a.example/v1", "Widget", spec={"replicas": 0}), ["scales-to-zero: Widget/apps/web goes to zero: replicas 2 -> 0."]),
        (document("apps/v1", "Deployment", spec={"replicas": ["a"]}), document("apps/v1", "Deployment", spec={"replicas": "0"}), []),
    ],
)  # fmt: skip
def test_replicas(old: str, new: str, expected: list[str]) -> None:
    assert said(old, new) == expected


def cron_job(**spec: Any) -> str:
    return document("batch/v1", "CronJob", spec=spec)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (cron_job(), cron_job(suspend=True), ["suspends-job: CronJob/apps/web is suspended: suspend false -> true."]),
        (cron_job(suspend=True), cron_job(suspend=False), []),
        ("", cron_job(suspend=True), []),
        (cron_job(), cron_job(suspend="yes"), []),
    ],
)
def test_suspended_jobs(old: str, new: str, expected: list[str]) -> None:
    assert said(old, new) == expected


PROBE = {"httpGet": {"path": "/", "port": 80}}
LIMITS = {"resources": {"limits": {"cpu": "1", "memory": "1Gi"}}}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"livenessProbe": PROBE, "readinessProbe": PROBE}, {"readinessProbe": PROBE}, ["removes-probe: Deployment/apps/web loses livenessProbe of container app."]),
        ({"startupProbe": PROBE}, {"startupProbe": None}, ["removes-probe: Deployment/apps/web loses startupProbe of container app."]),
        ({"livenessProbe": PROBE}, {"livenessProbe": {"exec": {"command": ["true"]}}}, []),
        ({}, {"livenessProbe": PROBE}, []),
        ({"livenessProbe": PROBE}, {"livenessProbe": PROBE, "name": "app"}, []),
        ({"livenessProbe": "odd"}, {}, []),
        (LIMITS, {"resources": {"limits": {"cpu": "1"}}}, ["removes-limit: Deployment/apps/web loses limit of memory of container app."]),
        (LIMITS, {"resources": {"requests": {"cpu": "1"}}}, ["removes-limit: Deployment/apps/web loses limit of cpu, limit of memory of container app."]),
        (LIMITS, {"resources": {"limits": {"cpu": "2", "memory": "2Gi"}}}, []),
        ({"resources": {"limits": [1]}}, {"resources": None}, []),
        # A container that goes takes its limits along; that is not what this rule is about.
        (LIMITS, {"name": "other", "image": "web:1"}, []),
    ],
)  # fmt: skip
def test_probes_and_limits(old: dict[str, Any], new: dict[str, Any], expected: list[str]) -> None:
    assert said(deployment(old), deployment(new)) == expected


DIGEST = "@sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("web:1.2", "web:latest", ["image-latest: Deployment/apps/web runs an image that may be another one tomorrow: app web:1.2 -> web:latest."]),
        ("web:1.2", "web", ["image-latest: Deployment/apps/web runs an image that may be another one tomorrow: app web:1.2 -> web."]),
        ("web:1.2", f"web{DIGEST}", []),
        ("web:latest", "web:latest", []),
        ("web:1.10.0", "web:1.9.0", ["image-downgraded: Deployment/apps/web goes back to an older image: app web:1.10.0 -> web:1.9.0."]),
        ("web:v2", f"web:v1{DIGEST}", ["image-downgraded: Deployment/apps/web goes back to an older image: app web:v2 -> web:v1@sha256:" + "a" * 64 + "."]),
        ("web:1.9.0", "web:1.10.0", []),
        ("web:main-abc", "web:main-0ff", []),
        ("web:1", "evil.example/web:1", ["image-source: Deployment/apps/web takes an image from elsewhere: app web:1 -> evil.example/web:1."]),
        ("acme/web:2", "acme/shop:1", ["image-source: Deployment/apps/web takes an image from elsewhere: app acme/web:2 -> acme/shop:1."]),
        # Docker's short forms name the same place.
        ("web:1", "docker.io/library/web:1", []),
        ("${IMAGE}", "web:1", []),
        ("web:1", "«secret:image#1»", []),
        ("web:1", ["web"], []),
        ("web:1", None, []),
    ],
)  # fmt: skip
def test_images(old: Any, new: Any, expected: list[str]) -> None:
    assert said(deployment({"image": old}), deployment({"image": new})) == expected


def test_a_new_workload_with_a_floating_image_is_told() -> None:
    assert codes("", deployment({"image": "web"})) == ["image-latest"]
    assert codes("", deployment({"image": "web:1"})) == []


def test_several_containers_make_one_risk() -> None:
    old = deployment({"name": "a"}, {"name": "b"}, {"name": "c"})
    new = deployment(*({"name": name, "image": "web"} for name in "abc"))
    assert said(old, new) == [
        "image-latest: Deployment/apps/web runs an image that may be another one tomorrow: a web:1 -> web, b web:1 -> web and 1 more."
    ]


def test_what_goes_with_the_object_is_no_risk_of_its_containers() -> None:
    bad = yaml.safe_load(context(privileged=True))
    assert codes(yaml.safe_dump(bad), "") == []
