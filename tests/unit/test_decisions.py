"""Who may do what, when: the tables."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gitops_bot.models.changes import Operation, Origin, ResourceChange
from gitops_bot.models.chat import ChatIdentity, ChatPerson
from gitops_bot.models.kustomizations import KustomizationId, ObjectReference
from gitops_bot.models.pull_requests import CommitPeople, Permission, PullRequest, Repository
from gitops_bot.models.records import Decision
from gitops_bot.models.reports import (
    ClusterReport,
    Finding,
    KustomizationReport,
    Report,
    RowState,
    Severity,
    Verdict,
)
from gitops_bot.rules.decisions import (
    NEEDS_A_RIGHT,
    ON_A_REPORT,
    Action,
    DecisionPolicy,
    Person,
    Situation,
    github_login,
    hold_on,
    is_grave,
    offered,
    refusal,
    why_outsider,
)
from gitops_bot.rules.publishing import PublishPolicy

NOW = datetime(2026, 11, 21, 14, 2, tzinfo=UTC)
PULL = PullRequest(
    repository=Repository("acme", "fleet"),
    number=7,
    title="Scale web to 5",
    author="alice",
    author_is_bot=False,
    html_url="https://github.com/acme/fleet/pull/7",
    head_sha="a" * 40,
    head_ref="scale",
    head_repository="acme/fleet",
    base_ref="main",
    draft=False,
    state="open",
    merged=False,
    labels=(),
    created_at=NOW,
)
BOB = Person("U2", "bob", Permission.WRITE)
ALICE = Person("U1", "Alice", Permission.WRITE)
GENEROUS = DecisionPolicy(publishing=PublishPolicy(allow_public=True), allow_incomplete=True, merge="squash")


def report(verdict: Verdict = Verdict.CHANGES, pull: PullRequest = PULL, *findings: Finding) -> Report:
    return Report(pull, "b" * 40, (ClusterReport("production", verdict, findings=findings),), NOW)


def decision(action: str, login: str = "carol", outcome: str = "done", commit: str = PULL.head_sha) -> Decision:
    return Decision(PULL.key, action, outcome, "U3", login, commit, "r1", f"{action} {login}", NOW)


def judge(
    action: Action,
    person: Person = BOB,
    verdict: Verdict = Verdict.CHANGES,
    now: PullRequest = PULL,
    policy: DecisionPolicy = GENEROUS,
    people: CommitPeople | None = None,
    made: tuple[Decision, ...] = (),
) -> str:
    return refusal(action, person, report(verdict), Situation(now, people, made), policy)


def suits(action: Action) -> tuple[Verdict, tuple[Decision, ...]]:
    """The verdict and the past in which an action makes sense."""
    verdict = Verdict.HELD if action is Action.TRUST else Verdict.CHANGES
    return verdict, (decision("hold"),) if action is Action.RELEASE else ()


@pytest.mark.parametrize("action", sorted(ON_A_REPORT))
def test_somebody_with_write_permission_may_do_it(action: Action) -> None:
    verdict, made = suits(action)
    assert judge(action, verdict=verdict, made=made) == ""


@pytest.mark.parametrize("action", sorted(NEEDS_A_RIGHT))
@pytest.mark.parametrize(
    ("person", "words"),
    [
        (replace(BOB, github_login=""), "which GitHub account is yours"),
        (replace(BOB, permission=Permission.TRIAGE), "permission 'triage'"),
        (replace(BOB, permission=Permission.READ), "permission 'read'"),
        (replace(BOB, permission=Permission.NONE), "permission 'none'"),
        (replace(BOB, outsider="You are a guest."), "You are a guest. Nothing was done."),
    ],
)
def test_who_may_do_nothing_that_needs_a_right(action: Action, person: Person, words: str) -> None:
    verdict, made = suits(action)
    assert words in judge(action, person, verdict, made=made)


@pytest.mark.parametrize("action", sorted(ON_A_REPORT))
@pytest.mark.parametrize(
    ("now", "words"),
    [
        (replace(PULL, head_sha="c" * 40), "you saw aaaaaaa, its head is now ccccccc"),
        (replace(PULL, base_ref="release"), "now goes to release"),
        (replace(PULL, state="closed"), "is closed"),
        (replace(PULL, state="closed", merged=True), "is merged"),
    ],
)
def test_nothing_is_done_to_what_has_moved(action: Action, now: PullRequest, words: str) -> None:
    verdict, made = suits(action)
    assert words in judge(action, verdict=verdict, now=now, made=made)


@pytest.mark.parametrize(
    ("action", "allowed"),
    [
        (Action.APPROVE, False),
        (Action.TRUST, False),
        (Action.REQUEST_CHANGES, False),
        (Action.COMMENT, True),
        (Action.HOLD, True),
        (Action.MERGE, True),
    ],
)
def test_what_authors_may_do_with_their_own(action: Action, *, allowed: bool) -> None:
    verdict, made = suits(action)
    assert (judge(action, ALICE, verdict, made=made) == "") is allowed


def test_authors_release_only_what_they_hold_themselves() -> None:
    assert judge(Action.RELEASE, ALICE, made=(decision("hold", "alice"),)) == ""
    assert "somebody else holds it" in judge(Action.RELEASE, ALICE, made=(decision("hold", "carol"),))
    assert judge(Action.RELEASE, BOB, made=(decision("hold", "carol"),)) == ""


def test_whoever_made_a_commit_of_it_does_not_approve_it() -> None:
    assert "made a commit" in judge(Action.APPROVE, people=CommitPeople(frozenset({"bob"})))
    assert "made a commit" in judge(
        Action.APPROVE, replace(BOB, github_login="BOB"), people=CommitPeople(frozenset({"bob"}))
    )
    assert judge(Action.APPROVE, people=CommitPeople(frozenset({"alice", "web-flow"}))) == ""
    assert "more commits than" in judge(Action.APPROVE, people=CommitPeople(frozenset(), complete=False))


@pytest.mark.parametrize(
    ("action", "verdict", "policy", "words"),
    [
        (Action.APPROVE, Verdict.BLOCKED, DecisionPolicy(), "is blocked"),
        (Action.APPROVE, Verdict.INCOMPLETE, DecisionPolicy(), "is incomplete"),
        (Action.APPROVE, Verdict.INCOMPLETE, GENEROUS, ""),
        (Action.APPROVE, Verdict.BLOCKED, GENEROUS, ""),
        # Nothing at all was looked at: no setting allows that.
        (Action.APPROVE, Verdict.HELD, GENEROUS, "is held"),
        (Action.MERGE, Verdict.CHANGES, DecisionPolicy(), "switched off"),
        (Action.MERGE, Verdict.INCOMPLETE, GENEROUS, "is incomplete"),
        (Action.MERGE, Verdict.HELD, GENEROUS, "is held"),
        (Action.REQUEST_CHANGES, Verdict.BLOCKED, DecisionPolicy(), ""),
        (Action.REQUEST_CHANGES, Verdict.HELD, DecisionPolicy(), "is held"),
        (Action.TRUST, Verdict.CHANGES, DecisionPolicy(), "not held any more"),
    ],
)
def test_what_the_report_allows(action: Action, verdict: Verdict, policy: DecisionPolicy, words: str) -> None:
    said = judge(action, verdict=verdict, policy=policy)
    assert words in said
    assert bool(said) is bool(words)


@pytest.mark.parametrize("action", [Action.APPROVE, Action.MERGE])
def test_drafts_and_what_is_on_hold(action: Action) -> None:
    assert "is a draft" in judge(action, now=replace(PULL, draft=True))
    assert "on hold by carol" in judge(action, made=(decision("hold"),))
    assert judge(action, made=(decision("hold"), decision("release"))) == ""
    # A refused release releases nothing.
    assert "on hold" in judge(action, made=(decision("hold"), decision("release", outcome="refused")))


def test_an_approval_takes_nobody_elses_request_for_changes_away() -> None:
    asked, earlier = decision("request_changes"), decision("request_changes", commit="c" * 40)
    for made in ((asked,), (earlier,), (decision("approve"), asked), (asked, decision("approve", outcome="refused"))):
        assert "carol has asked for changes" in judge(Action.APPROVE, made=made)
    for made in ((asked, decision("approve")), (decision("request_changes", "BOB"),), (decision("hold", outcome="x"),)):
        assert judge(Action.APPROVE, made=made) == ""
    assert judge(Action.REQUEST_CHANGES, made=(asked,)) == ""


def test_hold_and_release_make_sense_once() -> None:
    assert "on hold already" in judge(Action.HOLD, made=(decision("hold"),))
    assert "not on hold" in judge(Action.RELEASE)
    assert hold_on((decision("hold"), decision("approve"))) == decision("hold")


def test_comments_where_everybody_reads() -> None:
    public = replace(PULL, repository_is_private=False)
    assert "is public" in judge(Action.COMMENT, now=public, policy=DecisionPolicy())
    assert judge(Action.COMMENT, now=public) == ""
    assert judge(Action.COMMENT, Person("U9"), Verdict.BLOCKED, policy=DecisionPolicy()) == ""


US = ChatIdentity("T1", "U0", "B0", frozenset())
GRID = replace(US, enterprise="E1")


@pytest.mark.parametrize(
    ("person", "us", "words"),
    [
        (ChatPerson("U1", "T1"), US, ""),
        (ChatPerson("U1", "T2"), US, "another organisation"),
        (ChatPerson("U1", "T1", is_stranger=True), US, "another organisation"),
        (ChatPerson("U1", "T1", is_guest=True), US, "guest"),
        (ChatPerson("U1", "T1", is_bot=True), US, "app"),
        (ChatPerson("U1", "T1", is_deactivated=True), US, "deactivated"),
        # Another workspace of the same organisation is us; our workspace's id alone proves nothing there.
        (ChatPerson("U1", "T2", enterprise="E1"), GRID, ""),
        (ChatPerson("U1", "T1", enterprise="E2"), GRID, "another organisation"),
        (ChatPerson("U1", "T1"), GRID, "another organisation"),
    ],
)
def test_who_is_one_of_us(person: ChatPerson, us: ChatIdentity, words: str) -> None:
    said = why_outsider(person, us)
    assert words in said
    assert bool(said) is bool(words)


REFERENCE = ObjectReference("apps", "Deployment", "web", "web")


def deleting() -> Report:
    change = ResourceChange(REFERENCE, Operation.DELETE, Origin.PULL_REQUEST)
    row = KustomizationReport(
        KustomizationId("production", "flux-system", "web"), "./web", RowState.CHANGED, changes=(change,)
    )
    return Report(PULL, "b" * 40, (ClusterReport("production", Verdict.CHANGES, rows=(row,)),), NOW)


@pytest.mark.parametrize(
    ("shown", "grave"),
    [
        (report(), False),
        (report(Verdict.CHANGES, PULL, Finding("x", Severity.WARNING, "Careful.", risk=True)), False),
        (report(Verdict.CHANGES, PULL, Finding("x", Severity.CRITICAL, "Dangerous.", risk=True)), True),
        (report(Verdict.CHANGES, PULL, Finding("x", Severity.CRITICAL, "Bad.")), True),
        (report(Verdict.INCOMPLETE), True),
        (deleting(), True),
    ],
)
def test_what_a_person_reads_once_more(shown: Report, *, grave: bool) -> None:
    assert is_grave(shown) is grave


A, C, V, R, L, H = Action.APPROVE, Action.COMMENT, Action.VIEW, Action.REQUEST_CHANGES, Action.LOOK, Action.HOLD


@pytest.mark.parametrize(
    ("verdict", "changes", "settings", "expected"),
    [
        (Verdict.CHANGES, {}, {}, (A, C, V, R, L, H)),
        (Verdict.CHANGES, {}, {"may_decide": False}, (C, V, L)),
        (Verdict.CHANGES, {"draft": True}, {}, (C, V, R, L, H)),
        (Verdict.CHANGES, {"state": "closed"}, {}, (V,)),
        (Verdict.CHANGES, {"repository_is_private": False}, {}, (A, V, R, L, H)),
        (Verdict.INCOMPLETE, {}, {}, (C, V, R, L, H)),
        (Verdict.INCOMPLETE, {}, {"policy": GENEROUS}, (A, C, V, R, L, H)),
        (Verdict.CHANGES, {}, {"policy": GENEROUS}, (A, C, V, R, L, H, Action.MERGE)),
        (Verdict.CHANGES, {}, {"policy": GENEROUS, "made": (decision("hold"),)}, (C, V, R, L, Action.RELEASE)),
        (Verdict.HELD, {}, {"policy": GENEROUS}, (Action.TRUST, V, L, H)),
        (Verdict.HELD, {}, {"released": {PULL.head_sha}}, (V, L, H)),
        (Verdict.HELD, {}, {"may_decide": False}, (V, L)),
    ],
)
def test_the_buttons_that_make_sense(
    verdict: Verdict, changes: dict[str, object], settings: dict[str, object], expected: tuple[Action, ...]
) -> None:
    pull = replace(PULL, **changes)  # type: ignore[arg-type]  # names of fields, checked by replace itself
    given = {"may_decide": True} | settings
    assert offered(report(verdict), pull, **given) == expected  # type: ignore[arg-type]


def test_a_menu_never_has_more_than_slack_takes() -> None:
    shown = offered(report(), PULL, may_decide=True, policy=GENEROUS)
    assert len([action for action in shown if action in {R, L, H, Action.RELEASE, Action.MERGE}]) <= 5


def test_a_login_is_never_guessed() -> None:
    assert github_login({"U1": "alice"}, "U1") == "alice"
    assert github_login({"U1": "alice"}, "U2") == ""
