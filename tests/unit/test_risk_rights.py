"""Risks of RBAC: what widens is told, what narrows or says the same in other words is not."""

# ruff: noqa: E501 # a row of a table is one line here, however long

import time
from typing import Any

import pytest
from risk_cases import codes, document, said

VERSION = "rbac.authorization.k8s.io/v1"


def role(*rules: Any, **rest: Any) -> str:
    return document(VERSION, "ClusterRole", "ops", "", rules=list(rules), **rest)


def rule(verbs: str, resources: str, groups: str = "", **more: Any) -> dict[str, Any]:
    return {"apiGroups": groups.split(","), "resources": resources.split(","), "verbs": verbs.split(","), **more}


def binding(name: str, *subjects: Any, kind: str = "ClusterRoleBinding", role_kind: str = "ClusterRole") -> str:
    space = "" if kind == "ClusterRoleBinding" else "apps"
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": role_kind, "name": name}
    return document(VERSION, kind, "ops", space, roleRef=reference, subjects=list(subjects))


ALICE = {"kind": "User", "name": "alice"}
ROBOT = {"kind": "ServiceAccount", "namespace": "apps", "name": "robot"}
GETS_PODS = rule("get", "pods")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (role(GETS_PODS), role(rule("get,list", "pods")), ["widens-role: ClusterRole/ops gains the right to list pods."]),
        (role(GETS_PODS), role(rule("get", "pods,services")), ["widens-role: ClusterRole/ops gains the right to get services."]),
        (role(GETS_PODS), role(GETS_PODS, rule("get", "deployments", "apps")), ["widens-role: ClusterRole/ops gains the right to get deployments.apps."]),
        (role(rule("get", "pods", resourceNames=["a"])), role(GETS_PODS), ["widens-role: ClusterRole/ops gains the right to get pods."]),
        (role(), role({"verbs": ["get"], "nonResourceURLs": ["/metrics"]}), ["widens-role: ClusterRole/ops gains the right to get /metrics."]),
        (role(GETS_PODS), role(rule("*", "pods")), ["wildcard-rights: ClusterRole/ops gains the right to do anything with pods."]),
        (role(GETS_PODS), role(rule("get", "*", "*")), ["wildcard-rights: ClusterRole/ops gains the right to get everything of every group."]),
        (role(GETS_PODS), role(GETS_PODS, rule("escalate", "clusterroles", "rbac.authorization.k8s.io")), ["escalating-rights: ClusterRole/ops gains the right to escalate clusterroles.rbac.authorization.k8s.io."]),
        (role(), role(rule("impersonate", "users")), ["escalating-rights: ClusterRole/ops gains the right to impersonate users."]),
        (role(GETS_PODS), role(rule("get,list", "pods,secrets")), ["reads-secrets: ClusterRole/ops gains the right to get secrets, list secrets.", "widens-role: ClusterRole/ops gains the right to list pods."]),
        # A new role gives nothing before somebody is bound to it; what is always worth a look is told.
        ("", role(GETS_PODS), []),
        ("", role(rule("bind", "roles", "rbac.authorization.k8s.io")), ["escalating-rights: ClusterRole/ops is new, and may bind roles.rbac.authorization.k8s.io."]),
        ("", role(rule("*", "*", "*")), ["wildcard-rights: ClusterRole/ops is new, and may do anything with everything of every group."]),
        # The same in other words, and less.
        (role(rule("get,list", "pods")), role(rule("get", "pods"), rule("list", "pods")), []),
        (role(rule("*", "*", "*")), role(GETS_PODS, rule("escalate", "roles", "rbac.authorization.k8s.io")), []),
        (role(rule("get", "*/scale", "apps")), role(rule("get", "deployments/scale", "apps")), []),
        (role(rule("get,list", "pods")), role(GETS_PODS), []),
        (role(GETS_PODS), role(rule("get", "pods", resourceNames=["a"])), []),
        (role(GETS_PODS), "", []),
        # What is no rule gives no right.
        (role(), role("get", None, {"verbs": "get", "resources": {"a": 1}}), []),
        (document(VERSION, "ClusterRole", "ops", "", rules=None), document(VERSION, "ClusterRole", "ops", "", rules={"a": []}), []),
    ],
)  # fmt: skip
def test_roles(old: str, new: str, expected: list[str]) -> None:
    assert said(old, new) == expected


def test_a_role_made_to_keep_us_busy_does_not() -> None:
    names = ",".join(f"r{number}" for number in range(400))
    huge = role(*[rule(names, names, names)] * 20)
    began = time.process_time()
    assert codes(role(*[rule("x", names)] * 400), huge) == ["widens-role"]
    assert time.process_time() - began < 10


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("", binding("cluster-admin", ALICE), ["cluster-admin: ClusterRoleBinding/ops gives ClusterRole cluster-admin to User alice."]),
        (binding("cluster-admin", ALICE), binding("cluster-admin", ALICE, ROBOT), ["cluster-admin: ClusterRoleBinding/ops gives ClusterRole cluster-admin to ServiceAccount apps/robot."]),
        ("", binding("cluster-admin", ROBOT, kind="RoleBinding"), ["cluster-admin: RoleBinding/apps/ops gives ClusterRole cluster-admin in its namespace to ServiceAccount apps/robot."]),
        ("", binding("view", ALICE), ["new-binding: ClusterRoleBinding/ops gives ClusterRole view to User alice."]),
        (binding("view", ALICE), binding("view", ALICE, {"kind": "Group", "name": "dev"}), ["new-binding: ClusterRoleBinding/ops gives ClusterRole view to Group dev."]),
        # A Role of that name is somebody's own.
        ("", binding("cluster-admin", ALICE, kind="RoleBinding", role_kind="Role"), ["new-binding: RoleBinding/apps/ops gives Role cluster-admin in its namespace to User alice."]),
        (binding("view", ALICE, ROBOT), binding("view", ROBOT), []),
        (binding("view", ALICE), "", []),
        ("", binding("view"), []),
        ("", binding("view", "alice", None, ["x"]), []),
    ],
)  # fmt: skip
def test_bindings(old: str, new: str, expected: list[str]) -> None:
    assert said(old, new) == expected


def test_another_role_is_a_new_binding_and_cannot_be_changed() -> None:
    assert said(binding("view", ALICE), binding("edit", ALICE)) == [
        "changes-immutable-field: ClusterRoleBinding/ops cannot be changed in roleRef.",
        "new-binding: ClusterRoleBinding/ops gives ClusterRole edit to User alice (before: ClusterRole view).",
    ]


def labelled(**labels: str) -> str:
    return role(
        metadata={"labels": {f"rbac.authorization.k8s.io/aggregate-to-{key}": to for key, to in labels.items()}}
    )


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (role(), role(aggregationRule={"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]}), ["aggregates-rights: ClusterRole/ops collects the rights of others by label: none -> clusterRoleSelectors: matchLabels: a: b."]),
        ("", labelled(edit="true"), ["aggregates-rights: ClusterRole/ops adds its rights to edit."]),
        (labelled(edit="true"), labelled(edit="true", admin="true"), ["aggregates-rights: ClusterRole/ops adds its rights to admin."]),
        (labelled(edit="true"), labelled(edit="false"), []),
        (role(aggregationRule={"clusterRoleSelectors": []}), role(), []),
        ("", role(metadata={"labels": "x"}), []),
    ],
)  # fmt: skip
def test_aggregation(old: str, new: str, expected: list[str]) -> None:
    assert said(old, new) == expected
