"""Risks in a row and in a report: settings, what the API server says already, strange values, documentation."""

# ruff: noqa: E501 # a row of a table is one line here, however long

import re
from pathlib import Path
from typing import Any

import pytest
import sample_reports as samples
import yaml
from flux_texts import kustomization, side
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from risk_cases import deployment, document, touched

from gitops_bot.models.changes import Operation, Origin, ResourceChange
from gitops_bot.models.kustomizations import ObjectReference
from gitops_bot.models.reports import Finding, KustomizationReport, RowState, Severity
from gitops_bot.models.risks import RISK_CODES, RISK_RULES
from gitops_bot.rules.compare import ComparisonInputs
from gitops_bot.rules.risk import RiskPolicy, prune_risk, risks_of, with_risks
from gitops_bot.rules.touched import Touched

DOCUMENT = Path(__file__).parents[2] / "docs" / "risks.md"
WEB = ObjectReference("Deployment", "apps", "web", "apps")
BEFORE = deployment({"livenessProbe": {"exec": {}}}, replicas=3).replace("exec: {}", "exec: {command: [x]}")
AFTER = deployment({"image": "web:latest"}, replicas=0)


def row_of(
    *findings: Finding,
    state: RowState = RowState.CHANGED,
    origin: Origin = Origin.PULL_REQUEST,
    operation: Operation = Operation.CHANGE,
    policy: RiskPolicy | None = None,
    live: Any = None,
) -> list[Finding]:
    inputs = ComparisonInputs(
        kustomization(), side(BEFORE), side(AFTER), live_objects={WEB: live} if live is not None else {}
    )
    change = ResourceChange(WEB, operation, origin)
    row = KustomizationReport(inputs.kustomization.id, "apps", state, changes=(change,), findings=findings)
    return list(with_risks(row, inputs, policy or RiskPolicy()).findings)


def told(findings: list[Finding]) -> list[str]:
    return [f"{finding.severity} {finding.code}" for finding in findings]


def test_the_risks_of_a_row_are_findings_with_a_mark() -> None:
    found = row_of()
    assert told(found) == ["warning scales-to-zero", "warning removes-probe", "warning image-latest"]
    assert all(finding.risk and not finding.blocks and not finding.incomplete for finding in found)
    assert all(finding.object == WEB and finding.advice.endswith(".") for finding in found)


@pytest.mark.parametrize("origin", [Origin.DRIFT, Origin.PENDING, Origin.ADOPTED, Origin.WITHDRAWN])
def test_what_is_not_the_pull_requests_is_no_risk_of_it(origin: Origin) -> None:
    assert row_of(origin=origin) == []


def test_what_the_cluster_has_already_is_no_risk() -> None:
    assert told(row_of(live=yaml.safe_load(AFTER))) == []
    assert told(row_of(live=yaml.safe_load(AFTER) | {"spec": {**yaml.safe_load(AFTER)["spec"], "replicas": 5}})) == [
        "warning scales-to-zero"
    ]


def test_a_severity_can_be_changed_and_switched_off() -> None:
    policy = RiskPolicy({"scales-to-zero": Severity.CRITICAL, "removes-probe": None, "image-latest": Severity.INFO})
    assert told(row_of(policy=policy)) == ["critical scales-to-zero", "info image-latest"]


def test_every_rule_can_be_switched_off() -> None:
    assert row_of(policy=RiskPolicy(dict.fromkeys(RISK_CODES))) == []


def test_what_waits_for_a_resume_says_so() -> None:
    found = row_of(state=RowState.SUSPENDED)
    assert found[0].message == "Deployment/apps/web goes to zero: replicas 3 -> 0 once it is resumed."


REFUSED = Finding(
    "immutable-field", Severity.CRITICAL, "…", object=ObjectReference("Deployment", "apps", "web"), blocks=True
)


def test_what_the_api_server_refuses_already_is_not_told_twice() -> None:
    one, other = ({"spec": {"selector": {"matchLabels": {"app": name}}}} for name in "ab")
    before, after = document("apps/v1", "Deployment", **one), document("apps/v1", "Deployment", **other)
    inputs = ComparisonInputs(kustomization(), side(before), side(after))
    row = KustomizationReport(
        inputs.kustomization.id,
        "apps",
        RowState.FAILING,
        changes=(ResourceChange(WEB, Operation.CHANGE, Origin.PULL_REQUEST),),
    )

    def codes(*findings: Finding, policy: RiskPolicy | None = None) -> list[tuple[str, bool]]:
        given = KustomizationReport(row.id, row.path, row.state, changes=row.changes, findings=findings)
        return [(finding.code, finding.risk) for finding in with_risks(given, inputs, policy or RiskPolicy()).findings]

    assert codes() == [("changes-immutable-field", True)]
    assert codes(REFUSED) == [("immutable-field", True)]
    assert codes(REFUSED, policy=RiskPolicy({"changes-immutable-field": None})) == [("immutable-field", False)]


def row_with_deletions(name: str, number: int, origin: Origin = Origin.PULL_REQUEST) -> KustomizationReport:
    changes = (
        ResourceChange(ObjectReference("ConfigMap", "apps", f"{name}-{place}"), Operation.DELETE, origin)
        for place in range(number)
    )
    return samples.row(name, *changes)


@pytest.mark.parametrize(
    ("rows", "policy", "expected"),
    [
        ([row_with_deletions("a", 10)], RiskPolicy(), []),
        (
            [row_with_deletions("a", 4), row_with_deletions("b", 7), row_with_deletions("c", 0)],
            RiskPolicy(),
            ["warning 11 objects are deleted, which is more than 10: flux-system/b (7), flux-system/a (4)."],
        ),
        ([row_with_deletions("a", 1)], RiskPolicy(prune_limit=0), ["warning 1 object is deleted, which is more than 0: flux-system/a (1)."]),
        ([row_with_deletions("a", 20, Origin.PENDING)], RiskPolicy(), []),
        ([row_with_deletions("a", 20)], RiskPolicy({"prunes-many": None}), []),
        ([row_with_deletions("a", 20)], RiskPolicy({"prunes-many": Severity.CRITICAL}, 19), ["critical 20 objects are deleted, which is more than 19: flux-system/a (20)."]),
        ([], RiskPolicy(prune_limit=0), []),
    ],
)  # fmt: skip
def test_many_deletions(rows: list[KustomizationReport], policy: RiskPolicy, expected: list[str]) -> None:
    assert [f"{finding.severity} {finding.message}" for finding in prune_risk(rows, policy)] == expected


# ------------------------------------------------------------------ strange values

KINDS = [
    ("", "Secret"), ("", "Service"), ("", "Namespace"), ("", "Pod"), ("", "PersistentVolumeClaim"), ("", "PersistentVolume"),
    ("", "ConfigMap"), ("apps", "Deployment"), ("apps", "StatefulSet"), ("batch", "CronJob"), ("batch", "Job"),
    ("networking.k8s.io", "Ingress"), ("networking.k8s.io", "NetworkPolicy"), ("gateway.networking.k8s.io", "Gateway"),
    ("gateway.networking.k8s.io", "HTTPRoute"), ("networking.istio.io", "VirtualService"), ("route.openshift.io", "Route"),
    ("autoscaling", "HorizontalPodAutoscaler"), ("rbac.authorization.k8s.io", "ClusterRole"),
    ("rbac.authorization.k8s.io", "RoleBinding"), ("kustomize.toolkit.fluxcd.io", "Kustomization"),
    ("helm.toolkit.fluxcd.io", "HelmRelease"), ("source.toolkit.fluxcd.io", "GitRepository"),
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"), ("kyverno.io", "Policy"),
    ("apiextensions.k8s.io", "CustomResourceDefinition"), ("policy", "PodDisruptionBudget"),
]  # fmt: skip
KEYS = [
    "spec", "template", "jobTemplate", "metadata", "annotations", "labels", "name", "namespace", "containers", "initContainers",
    "volumes", "hostPath", "path", "image", "securityContext", "privileged", "capabilities", "add", "drop", "runAsUser",
    "resources", "limits", "requests", "storage", "replicas", "minReplicas", "suspend", "rules", "verbs", "apiGroups",
    "resourceNames", "nonResourceURLs", "subjects", "roleRef", "kind", "aggregationRule", "host", "tls", "hosts", "hostnames",
    "listeners", "servers", "type", "clusterIP", "volumeClaimTemplates", "selector", "webhooks", "url", "ref", "sourceRef",
    "prune", "force", "upgrade", "chart", "version", "verify", "data", "immutable", "livenessProbe", "hostNetwork",
    "kustomize.toolkit.fluxcd.io/force", "rbac.authorization.k8s.io/aggregate-to-edit",
]  # fmt: skip
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(
        ["«secret:apps/web/key#1a2b3c4d»", "«hidden#1»", "***", "*", "web:1", "10Gi", "true", "0", "cluster-admin"]
    )
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=4), inner, max_size=5),
    max_leaves=25,
)  # fmt: skip
mappings = st.dictionaries(st.sampled_from(KEYS), anything, max_size=6)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(KINDS), st.sampled_from(Operation), mappings, mappings)
def test_no_value_makes_a_rule_fail(
    kind: tuple[str, str], operation: Operation, old: dict[str, Any], new: dict[str, Any]
) -> None:
    head = {"kind": kind[1], "metadata": {"name": "web"}}
    item = Touched(ObjectReference(kind[1], "apps", "web", kind[0]), operation, {**old, **head}, {**new, **head})
    for risk in risks_of(item):
        assert risk.code in RISK_CODES
        assert str(item) in risk.message
        assert "\n" not in risk.advice


# Real objects in which one value anywhere is replaced by anything.
REAL = [
    BEFORE,
    AFTER,
    document("v1", "Service", spec={"type": "NodePort", "clusterIP": "1.2.3.4", "ports": [{"port": 80}]}),
    document("networking.k8s.io/v1", "Ingress", spec={"rules": [{"host": "a"}], "tls": [{"hosts": ["a"]}]}),
    document(
        "rbac.authorization.k8s.io/v1",
        "ClusterRole",
        rules=[{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "*"], "resourceNames": ["x"]}],
        aggregationRule={"clusterRoleSelectors": []},
    ),
    document(
        "rbac.authorization.k8s.io/v1",
        "ClusterRoleBinding",
        roleRef={"kind": "ClusterRole", "name": "cluster-admin"},
        subjects=[{"kind": "User", "name": "a"}],
    ),
    document("source.toolkit.fluxcd.io/v1", "GitRepository", spec={"url": "x", "ref": {"branch": "a"}, "verify": {}}),
]


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, child in inner for place in _places(child, (*path, key)))]


def _replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = _replaced(value[path[0]], path[1:], new)
    return copy


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_no_odd_place_in_a_real_object_makes_a_rule_fail(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(REAL))
    item, value = touched(text, text), yaml.safe_load(text)
    place = data.draw(st.sampled_from([path for path in _places(value) if path and path[0] != "metadata"]))
    odd = _replaced(value, place, data.draw(anything))
    for old, new in ((value, odd), (odd, value)):
        list(risks_of(Touched(item.reference, Operation.CHANGE, old, new)))


# ------------------------------------------------------------------ documentation


def test_the_documentation_has_a_line_for_each_rule() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    written = re.findall(r"^\| `([a-z-]+)` \| (.+?) \| (\w+) \| (.+?) \|$", text, re.MULTILINE)
    assert written == [(rule.code, rule.what, rule.severity.value, rule.why) for rule in RISK_RULES]


def test_codes_are_unique_and_each_is_given_by_a_rule() -> None:
    assert len(RISK_CODES) == len(RISK_RULES)
    sources = "".join(
        file.read_text(encoding="utf-8")
        for file in (Path(__file__).parents[2] / "gitops_bot" / "rules").glob("risk*.py")
    )
    assert {code for code in RISK_CODES if f'"{code}"' not in sources} == set()
