"""Which rights are needed, how they are written, and what is never given."""

from typing import Any

import pytest
import yaml

from gitops_bot.journeys.check_rights import judge_rights
from gitops_bot.models.checks import CheckState
from gitops_bot.models.kustomizations import Kustomization, KustomizationId, ObjectReference
from gitops_bot.models.reports import Finding, Severity
from gitops_bot.models.rights import Granted, GrantedRule, Right, ServedKind
from gitops_bot.rules.fleet_rights import Choices, Reason, canary_right, plan_rights, superfluous
from gitops_bot.rules.rbac_rules import by_scope, policy_rules, text_to_paste
from gitops_bot.rules.rights import (
    NEVER_GIVEN,
    Need,
    lacking_findings,
    left_out,
    object_needs,
    refused_rights,
    right_on,
    without_told,
)
from gitops_bot.rules.tenants import accounts, tenant_finding, tenant_needs
from gitops_bot.views.rights_manifests import manifests

RBAC = "rbac.authorization.k8s.io"
KINDS = {
    (kind.group, kind.kind): kind
    for kind in (
        ServedKind("", "ConfigMap", "configmaps", True),  # noqa: FBT003 # a record
        ServedKind("", "Secret", "secrets", True),  # noqa: FBT003 # a record
        ServedKind("", "Namespace", "namespaces", False),  # noqa: FBT003 # a record
        ServedKind("apps", "Deployment", "deployments", True),  # noqa: FBT003 # a record
        ServedKind(RBAC, "Role", "roles", True),  # noqa: FBT003 # a record
        ServedKind(RBAC, "RoleBinding", "rolebindings", True),  # noqa: FBT003 # a record
        ServedKind(RBAC, "ClusterRoleBinding", "clusterrolebindings", False),  # noqa: FBT003 # a record
        ServedKind(
            "admissionregistration.k8s.io", "ValidatingAdmissionPolicy", "validatingadmissionpolicies", False  # noqa: FBT003 # a record
        ),
    )
}  # fmt: skip
WEB = ObjectReference("Deployment", "apps", "web", "apps")
SETTINGS = ObjectReference("ConfigMap", "apps", "settings")
LOGIN = ObjectReference("Secret", "apps", "login")
NAMESPACE = ObjectReference("Namespace", "", "apps")
BINDING = ObjectReference("RoleBinding", "apps", "admin", RBAC)
ROLE = ObjectReference("Role", "apps", "admin", RBAC)
POLICY = ObjectReference("ValidatingAdmissionPolicy", "", "guard", "admissionregistration.k8s.io")


def kustomization(*inventory: ObjectReference, name: str = "apps", **spec: Any) -> Kustomization:
    return Kustomization(KustomizationId("production", "flux-system", name), spec, inventory=inventory)


def verbs(needs: Any) -> set[str]:
    return {f"{need.right.verb} {need.right.resource}" for need in needs}


def test_an_object_that_exists_need_not_be_created() -> None:
    assert verbs(object_needs({WEB: {}}, KINDS, ())) == {"get deployments", "patch deployments", "create deployments"}
    assert verbs(object_needs({WEB: {}}, KINDS, {WEB})) == {"get deployments", "patch deployments"}


def test_what_the_cluster_does_not_know_needs_nothing() -> None:
    assert list(object_needs({ObjectReference("Widget", "a", "b", "x.example"): {}}, KINDS, ())) == []
    assert list(object_needs({ObjectReference("ConfigMap", "", "b"): {}}, KINDS, ())) == []


@pytest.mark.parametrize(
    ("reference", "value", "more"),
    [
        (ROLE, {}, {"escalate roles"}),
        (BINDING, {"roleRef": {"kind": "Role", "name": "x"}}, {"bind roles"}),
        (BINDING, {"roleRef": {"kind": "ClusterRole", "name": "x"}}, {"bind clusterroles"}),
        (BINDING, {"roleRef": "nonsense"}, {"bind clusterroles", "bind roles"}),
        (ObjectReference("ClusterRoleBinding", "", "a", RBAC), {}, {"bind clusterroles"}),
    ],
)
def test_roles_and_bindings_need_more(reference: ObjectReference, value: Any, more: set[str]) -> None:
    resource = KINDS[reference.group, reference.kind].resource
    found = verbs(object_needs({reference: value}, KINDS, {reference}))
    assert found == {f"get {resource}", f"patch {resource}", *more}


def test_a_namespace_lies_in_itself() -> None:
    right = right_on(KINDS["", "Namespace"], "get", NAMESPACE)
    assert (right.namespace, right.name) == ("apps", "apps")
    (finding,) = lacking_findings([Need(right, NAMESPACE)], {right}, "a/b")
    assert finding.lacks == (Right("", "namespaces", "get"),)


def test_lacking_rights_of_many_objects_are_one_finding() -> None:
    more = [ObjectReference("Secret", "apps", f"s{number}") for number in range(9)]
    needs = list(object_needs({key: {} for key in [*more, WEB]}, KINDS, ()))
    lacks = {need.right for need in needs if need.right.resource == "secrets"}
    (finding,) = lacking_findings(needs, lacks, "gitops-bot/gitops-bot-diff")
    assert set(finding.lacks) == {Right("", "secrets", verb, "apps") for verb in ("get", "patch", "create")}
    assert "Secret/apps/s0" in finding.message
    assert "and 3 more were not compared" in finding.message
    assert "may not get, patch and create secrets" in finding.message
    assert finding.incomplete
    assert left_out(needs, lacks) == {("", "Secret")}


def test_the_right_to_take_the_guard_away_is_never_asked_for() -> None:
    needs = list(object_needs({POLICY: {}, WEB: {}}, KINDS, ()))
    findings = lacking_findings(needs, {need.right for need in needs}, "a/b")
    assert [finding.code for finding in findings] == ["missing-right", "right-never-given"]
    assert {right.resource for finding in findings for right in finding.lacks} == {"deployments"}
    assert {resource for _, resource in NEVER_GIVEN} == {
        "validatingadmissionpolicies",
        "validatingadmissionpolicybindings",
        "mutatingadmissionpolicies",
        "mutatingadmissionpolicybindings",
    }


def test_findings_of_a_row_are_put_together() -> None:
    def missing(resource: str, detail: str = "") -> Finding:
        lacks = (Right("", resource, "get", "apps"),)
        return Finding(
            "missing-right", Severity.WARNING, f"No {resource}.", detail=detail, incomplete=True, lacks=lacks
        )

    other = Finding("quota", Severity.CRITICAL, "No room.")
    merged, kept = without_told([missing("pods", "a"), other, missing("secrets", "b")], [missing("secrets")])
    assert kept == other
    assert (merged.message, merged.detail) == ("No secrets. No pods.", "a\nb")
    assert {right.resource for right in merged.lacks} == {"pods", "secrets"}
    assert without_told([other, missing("pods")], ()) == (missing("pods"), other)


@pytest.mark.parametrize("word", ["*", 'pods"], verbs: ["*', "Pods", "po ds", "a\nb"])
def test_words_of_an_error_that_are_no_names_make_no_rule(word: str) -> None:
    assert refused_rights("get", "", word, "apps") == ()
    assert refused_rights("get", word, "pods", "apps") == ()
    assert refused_rights(word, "", "pods", "apps") == ()


@pytest.mark.parametrize(
    ("verb", "resource"),
    [
        ("impersonate", "serviceaccounts"),
        ("create", "serviceaccounts/token"),
        ("get", "nodes/proxy"),
        ("delete", "pods"),
    ],
)
def test_no_error_makes_a_rule_that_a_comparison_does_not_need(verb: str, resource: str) -> None:
    assert refused_rights(verb, "", resource, "apps") == ()


# Rules


def test_rules_are_merged_and_sorted() -> None:
    rights = [Right("apps", name, verb) for name in ("statefulsets", "deployments") for verb in ("create", "get")]
    rules = policy_rules([*rights, Right("", "pods", "get")])
    assert [(rule.group, rule.resources, rule.verbs) for rule in rules] == [
        ("", ("pods",), ("get",)),
        ("apps", ("deployments", "statefulsets"), ("get", "create")),
    ]


def test_secrets_and_roles_stay_in_their_namespaces() -> None:
    rights = [
        Right("", "secrets", "get", "a"),
        Right(RBAC, "roles", "get", "b"),
        Right("apps", "deployments", "get", "a"),
    ]
    assert {scope: [rule.resources for rule in rules] for scope, rules in by_scope(rights).items()} == {
        "": [("deployments",)],
        "a": [("secrets",)],
        "b": [("roles",)],
    }
    assert set(by_scope(rights, namespaced=True)) == {"a", "b"}


def test_what_is_given_everywhere_is_not_given_again() -> None:
    assert set(by_scope([Right("", "secrets", "get"), Right("", "secrets", "get", "a")])) == {""}


def test_the_text_to_paste_is_yaml() -> None:
    text = text_to_paste([Right("", "secrets", "get", "a"), Right("apps", "deployments", "patch", "a")])
    assert yaml.safe_load(text) == [
        {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["patch"]},
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]},
    ]
    assert "# Role gitops-bot-diff in the namespace a, rules:" in text
    assert text_to_paste(()) == ""


# Fleets


def plan(*kustomizations: Kustomization, lacked: Any = (), **choices: bool) -> Any:
    account = "gitops-bot/gitops-bot-diff"
    return plan_rights("production", account, kustomizations, KINDS, lacked, Choices(**choices))


def test_a_plan_names_what_the_fleet_has_and_nothing_else() -> None:
    made = plan(kustomization(WEB, SETTINGS, NAMESPACE))
    assert {
        (scope, rule.group, rule.resources, rule.verbs) for scope, rules in made.rules.items() for rule in rules
    } == {
        ("", "", ("configmaps", "namespaces"), ("get", "patch", "create")),
        ("", "apps", ("deployments",), ("get", "patch", "create")),
        ("", "kustomize.toolkit.fluxcd.io", ("kustomizations",), ("get",)),
    }
    assert made.left_out == ()


def test_secrets_and_roles_are_left_out_unless_asked_for() -> None:
    owner = kustomization(LOGIN, ROLE, BINDING, postBuild={"substituteFrom": [{"kind": "Secret", "name": "vars"}]})
    made = plan(owner)
    assert {right.resource for right in made.rights} == {"kustomizations"}
    assert [(one.reason, one.resources, one.objects) for one in made.left_out] == [
        (Reason.SECRETS, ("secrets",), 2),
        (Reason.ROLES, (f"clusterroles.{RBAC}", f"rolebindings.{RBAC}", f"roles.{RBAC}"), 2),
    ]
    text = manifests(made)
    assert "--with-secrets gives them." in text.replace("\n#  ", "")
    assert "flux-system/apps" in text
    whole = plan(owner, secrets=True, roles=True)
    assert whole.left_out == ()
    assert Right("", "secrets", "get", "flux-system") in whole.rights
    assert Right("", "secrets", "patch", "flux-system") not in whole.rights
    assert Right("", "secrets", "patch", "apps") in whole.rights
    assert Right(RBAC, "clusterroles", "bind", "apps") in whole.rights


def test_policies_that_guard_the_bot_are_refused_and_named() -> None:
    made = plan(kustomization(POLICY), lacked=[Right(POLICY.group, "validatingadmissionpolicybindings", "patch")])
    assert {right.resource for right in made.rights} == {"kustomizations"}
    (left,) = made.left_out
    assert left.reason is Reason.NEVER
    assert "Never given" in manifests(made)


def test_what_reports_lacked_is_given_too() -> None:
    made = plan(kustomization(), lacked=[Right("x.example", "widgets", "patch", "a"), Right("", "secrets", "get", "a")])
    assert Right("x.example", "widgets", "patch") in made.rights
    assert [one.resources for one in made.left_out] == [("secrets",)]


def test_kinds_that_are_gone_are_named() -> None:
    made = plan(kustomization(ObjectReference("Widget", "a", "b", "x.example")))
    assert made.unknown_kinds == ("Widget (x.example)",)
    assert "Widget (x.example)" in manifests(made)


def test_manifests_do_not_depend_on_the_order() -> None:
    one, other = kustomization(WEB, SETTINGS, LOGIN), kustomization(NAMESPACE, ROLE, name="more")
    mirrored = kustomization(LOGIN, SETTINGS, WEB)
    choices = {"secrets": True, "roles": True}
    assert manifests(plan(one, other, **choices)) == manifests(plan(other, mirrored, **choices))


def test_manifests_are_valid_and_bind_the_account() -> None:
    documents = list(yaml.safe_load_all(manifests(plan(kustomization(WEB, LOGIN), secrets=True))))
    assert [(one["kind"], one["metadata"].get("namespace")) for one in documents] == [
        ("ClusterRole", None),
        ("ClusterRoleBinding", None),
        ("Role", "apps"),
        ("RoleBinding", "apps"),
    ]
    for one in documents:
        if one["kind"].endswith("Binding"):
            assert one["subjects"] == [{"kind": "ServiceAccount", "name": "gitops-bot-diff", "namespace": "gitops-bot"}]
        else:
            assert "*" not in str(one["rules"])


def test_what_is_superfluous_is_named_with_its_place() -> None:
    made = plan(kustomization(SETTINGS))
    useful = GrantedRule(("",), ("configmaps",), ("get", "patch", "create"))
    kustomizations = GrantedRule(("kustomize.toolkit.fluxcd.io",), ("kustomizations",), ("get",))
    asking = GrantedRule(("authorization.k8s.io",), ("selfsubjectaccessreviews",), ("create",))
    too_much = GrantedRule(("apps",), ("deployments",), ("delete",))
    here = Granted((useful, kustomizations, asking, GrantedRule(("",), ("secrets",), ("get",)), too_much))
    there = Granted((useful, kustomizations, too_much))
    assert superfluous(made, {"a": here, "b": there}) == ("deployments.apps: delete", "secrets: get in a")
    assert superfluous(made, {"a": Granted((GrantedRule(("*",), ("*",), ("*",)),))}) == ("*.*: *",)
    canary = Granted((GrantedRule(("",), ("configmaps",), ("create",)),))
    bare = plan(kustomization())
    assert superfluous(bare, {"gitops-bot": canary}, {canary_right(bare.account)}) == ()
    assert superfluous(bare, {"elsewhere": canary}, {canary_right(bare.account)}) == ("configmaps: create",)


# Tenants


def test_the_account_before_and_the_account_after_both_count() -> None:
    live = kustomization(serviceAccountName="tenant")
    mightier = kustomization(serviceAccountName="admin")
    assert accounts([live, mightier], "") == ("flux-system/admin", "flux-system/tenant")
    assert accounts([live, kustomization()], "") == ("flux-system/tenant",)
    assert accounts([kustomization()], "") == ()
    assert accounts([kustomization()], "default") == ("flux-system/default",)


def test_a_tenant_needs_a_verb_for_each_thing_that_happens() -> None:
    owner = kustomization(SETTINGS, WEB, prune=True, postBuild={"substituteFrom": [{"kind": "Secret", "name": "vars"}]})
    needs = list(tenant_needs([owner], [SETTINGS, WEB], {WEB: {}, LOGIN: {}}, KINDS))
    assert verbs(needs) == {
        "get configmaps", "delete configmaps",
        "get deployments", "patch deployments",
        "get secrets", "patch secrets", "create secrets",
    }  # fmt: skip
    assert Right("", "secrets", "get", "flux-system", "vars") in {need.right for need in needs}
    kept = tenant_needs([kustomization(SETTINGS, prune=False)], [SETTINGS], {}, KINDS)
    assert verbs(kept) == {"get configmaps"}


def test_a_tenant_is_told_verb_and_kind_and_no_more() -> None:
    stranger = ObjectReference("Secret", "kube-system", "bootstrap-token")
    needs = list(tenant_needs([kustomization()], [], {stranger: {"data": {"a": "canary"}}}, KINDS))
    finding = tenant_finding("apps/tenant", needs, {need.right for need in needs})
    assert finding is not None
    assert "apps/tenant" in finding.message
    assert "may not get, patch, create Secret in kube-system." in finding.message
    assert "bootstrap-token" not in repr(finding)
    assert "canary" not in repr(finding)
    assert finding.lacks == ()
    assert finding.incomplete
    assert tenant_finding("apps/tenant", needs, ()) is None


# `gitops-bot check`


def test_every_lacking_resource_is_a_line_with_its_command() -> None:
    made = plan(kustomization(WEB, LOGIN, ROLE, POLICY), secrets=True, roles=True)
    lacks = frozenset(right for right in made.rights if right.resource in {"deployments", "secrets", "roles"})
    lines = {check.seen.split(":")[0]: check for check in judge_rights(made, lacks)}
    assert set(lines) == {
        "deployments.apps",
        "secrets",
        f"roles.{RBAC}",
        "validatingadmissionpolicies.admissionregistration.k8s.io",
    }
    assert lines["deployments.apps"].advice == "gitops-bot rbac --cluster production | kubectl apply -f -"
    assert "--with-secrets" in lines["secrets"].advice
    assert "--with-roles" in lines[f"roles.{RBAC}"].advice
    (nothing, _) = judge_rights(made, frozenset())[::-1]
    assert nothing.state is CheckState.GOOD
