"""The gate: one example that is cleared, and each way in which it is not; no answer of a model outweighs anything."""

import math
import re
import time as time_module
from dataclasses import replace
from datetime import datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from gate_reports import FILE, IMAGE, NOW, PULL, RULE, WEB, facts, report, row, with_cluster
from hypothesis import given
from hypothesis import strategies as some

from gitops_bot.config import Settings, load_settings
from gitops_bot.errors import SettingsError
from gitops_bot.models.changes import ContentChange, FieldChange, Operation, Origin, ResourceChange, SealedChange
from gitops_bot.models.checks import CheckState
from gitops_bot.models.gates import GateEffect, GateRule, GateSize, GateVerdict, TimeWindow
from gitops_bot.models.kustomizations import KustomizationId, ObjectReference
from gitops_bot.models.opinions import (
    Asking,
    Judgement,
    Opinion,
    OpinionFinding,
    Prompt,
    ReviewAnswer,
    Said,
    Score,
    Usage,
)
from gitops_bot.models.pull_requests import CommitPeople, Permission
from gitops_bot.models.records import Decision
from gitops_bot.models.reports import ClusterReport, Finding, Hidden, LeftOut, Report, RowState, Severity, Verdict
from gitops_bot.models.tree import Tree
from gitops_bot.policies import gate_policy
from gitops_bot.rules import gate
from gitops_bot.rules.gate import GateFacts, GatePolicy, objections
from gitops_bot.rules.gate_changes import forbidden
from gitops_bot.rules.gate_files import strange_files
from gitops_bot.rules.gate_patterns import (
    field_matches,
    glob_matches,
    is_open,
    kind_matches,
    name_matches,
    path_matches,
)
from gitops_bot.rules.gate_setup import gate_checks
from gitops_bot.rules.opinions import MOST_TRIES
from gitops_bot.rules.trust import TrustPolicy

WHOLE = Prompt(Asking.GATE, "all of it", {})
OPINION = Opinion("acme/fleet#7", "d1", NOW, ReviewAnswer("Fine.", Judgement.APPROVE))


def decision(action: str, login: str = "reviewer", outcome: str = "done") -> Decision:
    return Decision(PULL.key, action, outcome, "U1", login, PULL.head_sha, "r1", f"{action} {login}", NOW)


def finding(severity: Severity, *, risk: bool = True, **more: bool) -> Finding:
    return Finding("image-mutable-tag", severity, "The tag of web may change.", risk=risk, **more)


def object_change(kind: str, group: str, namespace: str = "apps", **more: object) -> ResourceChange:
    return replace(WEB, object=ObjectReference(kind, namespace, "web", group), **more)  # type: ignore[arg-type] # a test


Broken = tuple[Report, GateRule, GateFacts]


def broken(
    given: Report | None = None, rule: GateRule = RULE, known: GateFacts | None = None, **about: object
) -> Broken:
    return given or report(), rule, known or facts(**about)  # type: ignore[arg-type] # a test


def reported(change: ResourceChange) -> Broken:
    return broken(report(row(change)))


def now(**fields: object) -> Broken:
    return broken(known=facts(replace(PULL, **fields)))  # type: ignore[arg-type] # a test


def field(path: str = IMAGE.path, before: str = IMAGE.before, after: str = IMAGE.after) -> Broken:
    return reported(replace(WEB, fields=(FieldChange(path, "± value change", before, after, Origin.PULL_REQUEST),)))


def made_by(*logins: str, **more: bool) -> CommitPeople:
    return CommitPeople(frozenset(logins), commits=frozenset({PULL.head_sha}), **more)  # type: ignore[arg-type] # a test


TABLE: dict[str, tuple[Broken, str]] = {
    # ---- the moment
    "closed": (now(state="closed"), "not open"),
    "draft": (now(draft=True), "draft"),
    "head moved": (now(head_sha="c" * 40), "Its head is ccccccc now"),
    "other base": (now(base_ref="staging"), "goes to staging now"),
    "other pull request": (now(number=8), "another pull request"),
    "base tip moved": (broken(base_tip="d" * 40), "main has moved"),
    "base tip unknown": (broken(base_tip=""), "main has moved"),
    "newer report": (broken(is_newest_report=False), "newer report"),
    "on hold": (broken(made=(decision("hold"),)), "on hold by reviewer"),
    "changes wanted here": (broken(made=(decision("request_changes"),)), "reviewer has asked for changes"),
    "changes wanted on GitHub": (broken(changes_requested=("admin",)), "admin asked for changes"),
    "changes on GitHub unknown": (broken(changes_requested=None), "not known"),
    "same head": (broken(same_head=(9,)), "#9 has the same head commit"),
    "same head unknown": (broken(same_head=None), "not known"),
    "may not be sent": (broken(may_be_sent=False), "llm.repositories"),
    # ---- the people
    "fork": (now(head_repository="mallory/fleet"), "lies in mallory/fleet"),
    "deleted fork": (now(head_repository=None), "deleted fork"),
    "untrusted App": (broken(trust=TrustPolicy()), "not trusted here"),
    "let through by a person": (
        broken(known=replace(facts(made=(decision("trust"),)), trust=TrustPolicy())),
        "not trusted here",
    ),
    "person who may not write": (
        broken(
            rule=replace(RULE, authors=("*",)),
            known=facts(replace(PULL, author="visitor", author_is_bot=False), permission=Permission.READ),
        ),
        "write is needed",
    ),
    "other author": (now(author="renovateb"), "not among those of the rule"),
    "ourselves": (broken(own_login="Renovate[bot]"), "gitops-bot itself"),
    "we are nobody": (broken(own_login=""), "Who we are"),
    "commit of somebody else": (
        broken(commit_people=made_by("renovate[bot]", "mallory", verified=True)),
        "mallory, who made a commit",
    ),
    "commits unknown": (broken(commit_people=None), "Who made its commits"),
    "commit of nobody": (
        broken(commit_people=made_by("renovate[bot]", unknown=True, verified=True)),
        "one of its",
    ),
    "commits of another head": (
        broken(commit_people=replace(made_by("renovate[bot]", verified=True), commits=frozenset({"c" * 40}))),
        "Who made its head commit",
    ),
    "commits of nobody": (broken(commit_people=made_by(verified=True)), "knows nobody"),
    "commit without a signature": (
        broken(commit_people=made_by("renovate[bot]")),
        "no signature that GitHub verified",
    ),
    "many commits": (
        broken(commit_people=made_by("renovate[bot]", complete=False, verified=True)),
        "more commits",
    ),
    # ---- the report as a whole
    "held": (broken(with_cluster(verdict=Verdict.HELD)), "held"),
    "incomplete": (broken(with_cluster(verdict=Verdict.INCOMPLETE)), "incomplete"),
    "blocked": (broken(with_cluster(verdict=Verdict.BLOCKED)), "blocked"),
    "no cluster": (broken(replace(report(), clusters=())), "no cluster"),
    "nothing changes": (broken(with_cluster(verdict=Verdict.NO_EFFECT, rows=(row(),))), "changes no object"),
    "only drift": (
        reported(replace(WEB, origin=Origin.DRIFT, fields=(replace(IMAGE, origin=Origin.DRIFT),))),
        "no obj",
    ),
    "left out": (
        broken(with_cluster(left_out=(LeftOut(KustomizationId("production", "apps", "b"), "a Bucket"),))),
        "was not looked at",
    ),
    "one of two clusters incomplete": (
        broken(replace(report(), clusters=(*report().clusters, ClusterReport("staging", Verdict.INCOMPLETE)))),
        "incomplete",
    ),
    "finding that is no risk": (broken(with_cluster(findings=(finding(Severity.INFO, risk=False),))), "The tag of web"),
    "risk above the limit": (broken(with_cluster(findings=(finding(Severity.WARNING),))), "above the limit"),
    "risk where none is allowed": (
        broken(with_cluster(findings=(finding(Severity.INFO),)), replace(RULE, risk=None)),
        "above the limit",
    ),
    "critical risk whatever the limit": (
        broken(with_cluster(findings=(finding(Severity.CRITICAL),)), replace(RULE, risk=Severity.CRITICAL)),
        "above the limit",
    ),
    "risk of a row": (broken(report(row(WEB, findings=(finding(Severity.CRITICAL),)))), "above the limit"),
    # ---- files
    "files unknown": (broken(report(changed_files=())), "Which files"),
    "file of nobody": (broken(report(changed_files=(FILE, "apps/README.yaml"))), "apps/README.yaml belongs to no"),
    "file outside the paths": (broken(report(file="clusters/prod/a.yaml")), "is not among its paths"),
    "file with a strange path": (broken(report(file="apps/../secrets/a.yaml")), "is not among its paths"),
    "many files": (
        broken(report(file=FILE), replace(RULE, most=GateSize(files=0))),
        "1 files; the rule allows 0",
    ),
    "hidden characters in a file": (broken(strange_files=(FILE,)), "characters that nobody sees"),
    "files not read": (broken(strange_files=None), "not known"),
    # ---- what the author wrote
    "title": (now(title="Update\u202e"), "What its author wrote"),
    "body": (now(body="Update\u200b"), "What its author wrote"),
    "branch": (now(head_ref="up\U000e0041"), "What its author wrote"),
    "label": (now(labels=("ok\u2066",)), "What its author wrote"),
    # ---- the rule
    "other repository": (broken(rule=replace(RULE, repositories=("acme/other",))), "not among its repositories"),
    "label missing": (broken(rule=replace(RULE, labels=("automerge",))), "lacks the label automerge"),
    "label forbidden by a pattern": (broken(rule=replace(RULE, forbidden_labels=("depend*",))), "has the label"),
    "label with a slash forbidden by a pattern": (
        broken(rule=replace(RULE, forbidden_labels=("hold*",)), known=facts(replace(PULL, labels=("hold/security",)))),
        "has the label",
    ),
    "label forbidden": (broken(rule=replace(RULE, forbidden_labels=("Dependencies",))), "has the label"),
    "other time": (broken(rule=replace(RULE, windows=(TimeWindow(frozenset({0})),))), "not act at this time"),
    "other kind": (broken(rule=replace(RULE, kinds=("StatefulSet",))), "not of the kinds"),
    "other group of the kind": (reported(object_change("Deployment", "apps.example.com")), "not of the kinds"),
    "other field": (field("spec.replicas", "1", "9"), "not among the fields"),
    "deeper field": (field("spec.template.spec.containers.web.env.image"), "not among the fields"),
    "whole document": (field(""), "not among the fields"),
    "created, and the rule is for fields": (
        reported(replace(WEB, operation=Operation.CREATE, fields=(), body="kind: Deployment\n")),
        "changes as a whole",
    ),
    "many objects": (broken(rule=replace(RULE, most=GateSize(objects=0))), "1 objects"),
    "many fields": (broken(rule=replace(RULE, most=GateSize(fields=0))), "1 fields"),
    "many lines": (broken(rule=replace(RULE, most=GateSize(lines=1))), "2 lines"),
    # ---- what no rule can allow
    "deleted": (reported(replace(WEB, operation=Operation.DELETE)), "Deployment/apps/web is deleted"),
    "deleted, and it only drifted": (
        broken(report(row(WEB, replace(WEB, operation=Operation.DELETE, origin=Origin.DRIFT, fields=())))),
        "is deleted",
    ),
    "recreated": (reported(replace(WEB, operation=Operation.RECREATE)), "Deployment/apps/web is recreated"),
    "skipped": (broken(report(row(WEB, replace(WEB, operation=Operation.SKIP)))), "left alone by Flux"),
    "undone": (reported(replace(WEB, origin=Origin.UNDONE)), "would be undone"),
    "undone field": (reported(replace(WEB, fields=(replace(IMAGE, origin=Origin.UNDONE),))), "would be undone"),
    "field that the cluster has already": (
        reported(replace(WEB, fields=(IMAGE, replace(IMAGE, path="spec.replicas", origin=Origin.ADOPTED)))),
        "changes in git only",
    ),
    "field of the base branch that is taken back": (
        reported(replace(WEB, fields=(IMAGE, replace(IMAGE, path="spec.replicas", origin=Origin.WITHDRAWN)))),
        "changes in git only",
    ),
    "object that the cluster has already": (
        broken(report(row(WEB, replace(WEB, origin=Origin.ADOPTED, fields=(replace(IMAGE, origin=Origin.ADOPTED),))))),
        "changes in git only",
    ),
    "unknown change": (reported(replace(WEB, fields=())), "What changes in Deployment/apps/web is not known"),
    "unknown creation": (reported(replace(WEB, operation=Operation.CREATE, fields=())), "will be is not known"),
    "note of an object": (reported(replace(WEB, notes=("nobody compared it",))), "nobody compared it"),
    "moved": (
        broken(report(row(WEB, findings=(Finding("moved", Severity.WARNING, "It moves."),)))),
        "It moves.",
    ),
    "orphaned": (broken(report(row(WEB, findings=(Finding("orphaned", Severity.INFO, "It stays."),)))), "It stays."),
    "chart": (
        broken(
            report(row(WEB, contents=(ContentChange(ObjectReference("HelmRelease", "apps", "db"), (), None, None),)))
        ),
        "HelmRelease/apps/db renders",
    ),
    "encrypted file": (broken(report(row(WEB, sealed=(SealedChange("apps/secret.yaml"),)))), "is encrypted"),
    "hidden by a setting": (broken(report(row(WEB, hidden=(Hidden("noise.fields[0]", 1),)))), "noise.fields[0] hides"),
    "note of a row": (broken(report(row(WEB, notes=("values of a Secret were not known",)))), "values of a Secret"),
    "hidden characters in a value": (field(after="web:1.9.1\u200b"), "Deployment/apps/web has characters"),
    "hidden characters in a name": (
        reported(replace(WEB, object=ObjectReference("Deployment", "apps", "we\u200bb", "apps"))),
        "characters that nobody sees",
    ),
    "secret value": (field(after="«secret:db#1a2b3c4d»"), "may be secret"),
    "hidden value": (field(after="a «hidden»"), "may be secret"),
    "order to Flux": (
        field("metadata.annotations.kustomize.toolkit.fluxcd.io/prune", "", "disabled"),
        "an order to Flux",
    ),
    **{
        f"row {state}": (broken(report(row(WEB), row(state=state))), "Kustomization apps/shop")
        for state in set(RowState) - {RowState.CHANGED, RowState.UNCHANGED}
    },
    # ---- a review of the same report
    "review blocks": (
        broken(opinion=replace(OPINION, answer=ReviewAnswer("No.", Judgement.BLOCK))),
        "review of it comes to 'block'",
    ),
    "review comments": (broken(opinion=replace(OPINION, answer=ReviewAnswer("Hm.", Judgement.COMMENT))), "'comment'"),
    "review invents": (broken(opinion=replace(OPINION, dropped=1)), "not shown"),
    "review saw a part": (broken(opinion=replace(OPINION, missing=("the end",))), "did not see everything"),
    "review finds": (
        broken(
            opinion=replace(
                OPINION,
                answer=ReviewAnswer(
                    "Fine.", Judgement.APPROVE, (OpinionFinding("Deployment/apps/web", "", Severity.WARNING, "Hm"),)
                ),
            )
        ),
        "has findings",
    ),
}

EVERYTHING = replace(
    RULE,
    repositories=("**",),
    paths=("**",),
    kinds=("**",),
    authors=("**",),
    fields=(),
    most=GateSize(10_000, 10_000, 10_000, 10_000),
    risk=Severity.CRITICAL,
    threshold=0,
    signed_commits=False,
)
# What a person may write into a rule, and so may allow.
OF_THE_RULE = {
    "other author",
    "commit of somebody else",
    "commit without a signature",
    "file outside the paths",
    "other repository",
    "label missing",
    "label forbidden",
    "label forbidden by a pattern",
    "label with a slash forbidden by a pattern",
    "other time",
    "other kind",
    "other group of the kind",
    "other field",
    "deeper field",
    "whole document",
    "created, and the rule is for fields",
    "risk above the limit",
    "risk where none is allowed",
} | {name for name in TABLE if name.startswith("many ") and name != "many commits"}


def said(score: object) -> Said:
    return Said(Score(score), "small", Usage(1, 10, 10), 0.5)  # type: ignore[arg-type] # whatever a model may say


def test_the_example_is_cleared() -> None:
    assert objections(report(), RULE, facts()) == ()
    asked = gate.scored(report(), RULE, NOW, said(60), WHOLE, 1)
    made = gate.verdict(report(), RULE, NOW, (), asked)
    assert made == GateVerdict(
        "acme/fleet#7",
        "d1",
        PULL.head_sha,
        "image-updates",
        NOW,
        cleared=True,
        score=60.0,
        dry_run=False,
        model="small",
        usage=Usage(1, 10, 10),
        seconds=0.5,
        tries=1,
        cleared_at=NOW,
    )


@pytest.mark.parametrize("name", TABLE)
def test_each_of_these_keeps_it_from_being_cleared(name: str) -> None:
    (given, rule, known), words = TABLE[name]
    reasons = objections(given, rule, known)
    assert [reason for reason in reasons if words in reason], reasons
    # Even a model that says 100, and a rule that was cleared a moment ago.
    kept = replace(gate.scored(given, rule, NOW, said(100), WHOLE, 1), cleared=True)
    assert not gate.verdict(given, rule, NOW, reasons, kept).cleared


@pytest.mark.parametrize("name", sorted(TABLE.keys() - OF_THE_RULE))
def test_no_rule_can_allow_it(name: str) -> None:
    given, _, known = TABLE[name][0]
    assert objections(given, EVERYTHING, known)


@pytest.mark.parametrize(
    ("kind", "group"),
    [
        ("Secret", ""),
        ("Namespace", ""),
        ("ServiceAccount", ""),
        ("Role", "rbac.authorization.k8s.io"),
        ("Anything", "rbac.authorization.k8s.io"),
        ("ClusterRoleBinding", ""),
        ("CustomResourceDefinition", "apiextensions.k8s.io"),
        ("ValidatingWebhookConfiguration", "admissionregistration.k8s.io"),
        ("MutatingAdmissionPolicyBinding", "admissionregistration.k8s.io"),
        ("APIService", "apiregistration.k8s.io"),
        ("Kustomization", "kustomize.toolkit.fluxcd.io"),
        ("HelmRelease", "helm.toolkit.fluxcd.io"),
        ("OCIRepository", "source.toolkit.fluxcd.io"),
        ("Alert", "notification.toolkit.fluxcd.io"),
        ("Whatever", "new.toolkit.fluxcd.io"),
        ("ClusterPolicy", "kyverno.io"),
        ("K8sRequiredLabels", "constraints.gatekeeper.sh"),
        ("SealedSecret", "bitnami.com"),
        ("ExternalSecret", "external-secrets.io"),
        ("SecretStore", "external-secrets.io"),
        ("CertificateSigningRequest", "certificates.k8s.io"),
        ("SecretProviderClass", "secrets-store.csi.x-k8s.io"),
        ("Certificate", "cert-manager.io"),
        ("NetworkPolicy", "networking.k8s.io"),
        ("CiliumClusterwideNetworkPolicy", "cilium.io"),
        ("AuthorizationPolicy", "security.istio.io"),
        ("PodSecurityPolicy", "policy"),
        ("Application", "argoproj.io"),
        ("HelmChartConfig", "helm.cattle.io"),
        ("Object", "kubernetes.crossplane.io"),
        # Nobody knows which API this is.
        ("Deployment", ""),
        ("Widget", ""),
    ],
)
def test_some_kinds_are_cleared_by_no_rule(kind: str, group: str) -> None:
    given = report(row(WEB, object_change(kind, group)))
    assert [reason for reason in objections(given, EVERYTHING, facts()) if f"{kind}/apps/web changes, and" in reason]
    # Also where it only drifted, or is made.
    assert objections(report(row(WEB, object_change(kind, group, origin=Origin.DRIFT))), EVERYTHING, facts())


@pytest.mark.parametrize(
    ("kind", "group"),
    [("Deployment", "apps"), ("ConfigMap", ""), ("Service", ""), ("Ingress", "networking.k8s.io"), ("Job", "batch")],
)
def test_other_kinds_are_for_the_rule_to_say(kind: str, group: str) -> None:
    assert forbidden(ObjectReference(kind, "apps", "web", group)) == ""


@pytest.mark.parametrize("name", sorted(OF_THE_RULE))
def test_a_person_can_allow_what_is_theirs_to_say(name: str) -> None:
    given, _, known = TABLE[name][0]
    if name in {"other author", "commit of somebody else"}:
        known = replace(known, trust=TrustPolicy(frozenset({"renovate[bot]", "renovateb"})))
    allowed = replace(EVERYTHING, risk=Severity.WARNING)
    assert objections(given, allowed, known) == ()


SCORES = some.one_of(
    some.floats(allow_nan=True, allow_infinity=True),
    some.integers(),
    some.text(max_size=5),
    some.booleans(),
    some.none(),
    some.sampled_from([60, 60.0, 100, 100.0, 1e308, -0.0, math.nan, "100", [100]]),
)


@given(some.sampled_from(sorted(TABLE)), SCORES, some.floats(0, 100), some.lists(some.text(max_size=20), max_size=3))
def test_no_answer_of_a_model_clears_what_has_an_objection(
    name: str, score: object, threshold: float, reasons: list[str]
) -> None:
    given_report, rule, known = TABLE[name][0]
    rule = replace(rule, threshold=threshold)
    answer = Said(Score(score, tuple(reasons)), "obeys everybody", Usage(), 0.0)  # type: ignore[arg-type] # see above
    kept = gate.scored(given_report, rule, NOW, answer, WHOLE, 1)
    found = objections(given_report, rule, known)
    made = gate.verdict(given_report, rule, NOW, found, kept)
    assert not made.cleared
    assert made.reasons


@given(SCORES, some.floats(0, 100))
def test_only_a_number_of_the_scale_at_or_above_the_threshold_clears(score: object, threshold: float) -> None:
    rule = replace(RULE, threshold=threshold)
    kept = gate.scored(report(), rule, NOW, said(score), WHOLE, 1)
    made = gate.verdict(report(), rule, NOW, (), kept)
    number = isinstance(score, int | float) and not isinstance(score, bool)
    assert made.cleared == (number and threshold <= score <= 100)  # type: ignore[operator] # see above
    assert made.cleared != bool(made.reasons)


def test_a_score_is_of_one_report_and_one_commit() -> None:
    kept = gate.scored(report(), RULE, NOW, said(100), WHOLE, 1)
    for other in (report(digest="d2"), report(pull=replace(PULL, head_sha="c" * 40))):
        made = gate.verdict(other, RULE, NOW, (), kept)
        assert (made.cleared, made.score, made.reasons) == (False, None, ("The model has not been asked yet.",))
    assert not gate.verdict(report(), RULE, NOW, (), None).cleared


def test_what_the_model_was_not_shown_keeps_it_from_being_asked_and_from_counting() -> None:
    partial = replace(WHOLE, missing=("the changes of 9 objects",))
    assert gate.about_prompt(partial) == ("The model cannot be shown the changes of 9 objects.",)
    assert not gate.scored(report(), RULE, NOW, said(100), partial, 1).cleared


def test_a_score_outlives_an_objection_and_a_problem_is_told() -> None:
    kept = gate.scored(report(), RULE, NOW, said(90), WHOLE, 1)
    held = gate.verdict(report(), RULE, NOW, ("It is on hold by a.",), kept)
    assert (held.cleared, held.score, held.reasons) == (False, 90.0, ("It is on hold by a.",))
    assert gate.verdict(report(), RULE, NOW, (), held).cleared
    broke = gate.no_score(report(), RULE, NOW, "It timed out.", Usage(), 2)
    assert not gate.is_answered(broke)
    assert gate.is_answered(replace(broke, tries=MOST_TRIES))
    after = gate.verdict(report(), RULE, NOW, (), gate.verdict(report(), RULE, NOW, ("It is a draft.",), broke))
    assert after.reasons == ("The model gave no score: It timed out.",)


def test_many_reasons_are_counted_after_the_first_ones() -> None:
    reasons = gate.refused(report(), RULE, NOW, [f"Reason {number}." for number in range(12)]).reasons
    assert len(reasons) == 11
    assert reasons[-1] == "And 2 more reasons."
    assert gate.refused(report(), RULE, NOW, []).reasons


def test_a_report_from_before_does_not_know_its_files() -> None:
    clear = report()
    old = replace(clear, changed_files=(), clusters=(replace(clear.clusters[0], files=()),))
    assert "Which files it changes is not known." in objections(old, RULE, facts())


def test_a_rule_that_names_nothing_matches_nothing() -> None:
    assert len(objections(report(), GateRule("empty"), facts())) >= 4
    assert GatePolicy(enabled=True, rules=(GateRule("empty"),)).of(PULL.repository) == ()
    assert GatePolicy(enabled=False, rules=(RULE,)).of(PULL.repository) == ()
    assert GatePolicy(enabled=True, rules=(RULE,)).of(PULL.repository) == (RULE,)


def test_what_was_cleared_in_time_stays_cleared() -> None:
    rule = replace(RULE, windows=(TimeWindow(frozenset({0})),))
    assert objections(report(), rule, facts())
    assert objections(report(), rule, facts(), cleared_before=True) == ()
    # The next report will say what a base branch that moved on means.
    assert objections(report(), RULE, facts(base_tip="d" * 40), cleared_before=True) == ()


@pytest.mark.parametrize(
    ("moment", "opens"),
    [
        ("2026-11-20T08:59", False),
        ("2026-11-20T09:00", True),
        ("2026-11-20T16:59", True),
        ("2026-11-20T17:00", False),
        ("2026-11-21T10:00", False),  # a Saturday
    ],
)
def test_windows_are_of_their_zone(moment: str, opens: bool) -> None:  # noqa: FBT001 # a parameter
    zone = ZoneInfo("America/New_York")
    window = TimeWindow(frozenset({0, 1, 2, 3, 4}), time(9), time(17), zone)
    assert is_open(datetime.fromisoformat(moment).replace(tzinfo=zone).astimezone(NOW.tzinfo), window) is opens


def test_a_window_over_midnight_belongs_to_the_day_that_it_begins_on() -> None:
    window = TimeWindow(frozenset({4}), time(22), time(6))  # from Friday on
    assert is_open(datetime(2026, 11, 21, 5, tzinfo=NOW.tzinfo), window)
    assert not is_open(datetime(2026, 11, 20, 5, tzinfo=NOW.tzinfo), window)
    assert is_open(datetime(2026, 11, 20, 23, tzinfo=NOW.tzinfo), window)
    assert not is_open(datetime(2026, 11, 21, 23, tzinfo=NOW.tzinfo), window)


@pytest.mark.parametrize(
    ("value", "pattern", "match"),
    [
        ("apps/shop/a.yaml", "apps/*/a.yaml", True),
        ("apps/shop/deep/a.yaml", "apps/*/a.yaml", False),
        ("apps/shop/deep/a.yaml", "apps/**", True),
        ("apps", "apps/**", False),
        ("appsx/a", "apps*", False),
        ("a[b]c", "a[b]c", True),
        ("abc", "a[b]c", False),
        ("a\nb", "a*", True),
        ("ab", "a?", True),
        ("a/", "a?", False),
    ],
)
def test_patterns_stay_within_a_step(value: str, pattern: str, match: bool) -> None:  # noqa: FBT001 # a parameter
    assert glob_matches(value, pattern) is match


@given(some.text("ab/", max_size=8), some.lists(some.sampled_from(["a", "b", "/", "*", "**", "?"]), max_size=6))
def test_patterns_mean_what_an_expression_would(value: str, tokens: list[str]) -> None:
    pattern = "".join(tokens)
    wild = {"**": ".*", "*": "[^/]*", "?": "[^/]"}
    expression = "".join(wild.get(one, one) for one in re.split(r"(\*\*|\*|\?)", pattern))
    assert glob_matches(value, pattern) == (re.fullmatch(expression, value) is not None)


def test_a_long_path_is_read_in_a_moment() -> None:
    """Whoever may push may call a file so; a rule is asked on the event loop."""
    before = time_module.process_time()
    assert not path_matches("apps/" + "a/b/" * 1000 + "x", ["apps/**/a/**/b/**/a/**/*.yaml"])
    assert path_matches("apps/" + "a/b/" * 1000 + "x.yaml", ["apps/**/a/**/b/**/a/**/*.yaml"])
    assert time_module.process_time() - before < 1


def test_names_kinds_and_paths_are_read_narrowly() -> None:
    assert name_matches("Renovate[bot]", ["renovate[bot]"])
    assert not name_matches("renovateb", ["renovate[bot]"])
    assert not name_matches("", ["*"])
    assert not path_matches("apps/../a.yaml", ["**"])
    assert not path_matches("/etc/passwd", ["**"])
    assert kind_matches("Deployment", "apps", ["Deployment"])
    assert kind_matches("Deployment", "apps", ["*.apps"])
    assert not kind_matches("Deployment", "apps", ["Deploy"])
    assert field_matches("spec.containers.web.image", ["spec.containers.*.image"])
    assert not field_matches("", ["**"])


def test_files_that_nobody_can_read_whole_are_strange() -> None:
    files = {
        "good.yaml": b"a: 1\r\nb: \xc3\xa4\n",
        "comment.yaml": "a: 1 # fine\u202e".encode(),
        "binary": b"\xff\xfe",
        "escape.yaml": b"a: \x1b[2K",
    }
    tree = Tree(files, frozenset({"large.yaml"}), frozenset({"link.yaml"}))
    paths = [*files, "large.yaml", "link.yaml", "deleted.yaml"]
    assert strange_files(tree, paths) == ("binary", "comment.yaml", "escape.yaml", "large.yaml", "link.yaml")


def checks(rule: GateRule, *, may_ask: bool = True, enabled: bool = True) -> list[tuple[str, CheckState]]:
    policy = GatePolicy(enabled=enabled, rules=(rule,))
    return [(f"{one.seen} {one.advice}", one.state) for one in gate_checks(policy, may_ask=may_ask)]


def test_whoever_installs_it_sees_plainly_what_is_on() -> None:
    approval = replace(RULE, effect=GateEffect.APPROVAL)
    [(words, state)] = checks(approval)
    assert words.startswith("ON: pull requests of renovate[bot] to acme/* are approved by gitops-bot without a person")
    assert state is CheckState.WARNING
    [(words, state)] = checks(replace(approval, dry_run=True))
    assert words.startswith("on trial")
    assert state is CheckState.GOOD
    [(words, state)] = checks(RULE)
    assert state is CheckState.GOOD
    [(words, state)] = checks(replace(RULE, signed_commits=False))
    assert "whoever may push to the branch can be any author" in words
    assert state is CheckState.WARNING
    assert "nothing is ever cleared" in checks(RULE, may_ask=False)[0][0]
    assert checks(RULE, enabled=False) == []
    assert [one.state for one in gate_checks(GatePolicy(enabled=True), may_ask=True)] == [CheckState.WARNING]


LEAST = """
clusters: [{name: production}]
llm:
  gate:
    rules:
      - {name: images, repositories: [acme/*], paths: ["apps/**"], kinds: [Deployment], authors: ["renovate[bot]"]%s}
"""


def settings(folder: Path, more: str = "", text: str = LEAST) -> Settings:
    (folder / "settings.yaml").write_text(text.replace("%s", more), encoding="utf-8")
    return load_settings(folder / "settings.yaml")


def test_a_rule_of_the_settings_is_on_trial_signed_and_a_badge(tmp_path: Path) -> None:
    policy = gate_policy(settings(tmp_path).llm.gate)
    assert (policy.enabled, policy.show_dry_run) == (False, False)
    [rule] = policy.rules
    assert (rule.dry_run, rule.signed_commits, rule.effect) == (True, True, GateEffect.BADGE)
    assert (rule.risk, rule.threshold, rule.most) == (Severity.INFO, 60, GateSize(10, 50, 200, 10))
    more = ", risk: off, times: [{days: [friday], start: '22:00', end: '06:00', zone: Europe/Berlin}]"
    [rule] = gate_policy(settings(tmp_path, more).llm.gate).rules
    assert rule.risk is None
    assert rule.windows == (TimeWindow(frozenset({4}), time(22), time(6), ZoneInfo("Europe/Berlin")),)


@pytest.mark.parametrize(
    "wrong",
    [
        "risk: critical",
        "threshold: 101",
        "threshold: .nan",
        "effect: merge",
        "times: [{zone: Mars/Base}]",
        "times: [{start: '22:00'}]",
        "most: {files: 0}",
        "paths: []",
        "repositories: ['*']",
        "authors: []",
        "kinds: ['']",
        "name: 'a b'",
        "unknown: 1",
    ],
)
def test_what_a_rule_cannot_say_is_refused(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(SettingsError, match=r"llm\.gate"):
        settings(tmp_path, f", {wrong}")


def test_two_rules_of_one_name_are_refused(tmp_path: Path) -> None:
    line = LEAST.splitlines()[-1]
    with pytest.raises(SettingsError, match="a name of its own"):
        settings(tmp_path, text=(LEAST + line + "\n").replace("%s", ""))
