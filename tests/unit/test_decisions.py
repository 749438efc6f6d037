from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gitops_bot.models.pull_requests import Permission, PullRequest, Repository
from gitops_bot.models.reports import ClusterReport, Report, Verdict
from gitops_bot.rules.decisions import Action, Person, github_login, refusal

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


def report(verdict: Verdict = Verdict.CHANGES, pull: PullRequest = PULL) -> Report:
    return Report(pull, "b" * 40, (ClusterReport("production", verdict),), NOW)


def test_somebody_with_write_permission_may_approve_what_they_saw() -> None:
    assert refusal(Action.APPROVE, BOB, report(), PULL) == ""


@pytest.mark.parametrize(
    ("person", "now", "verdict", "words"),
    [
        (replace(BOB, github_login=""), PULL, Verdict.CHANGES, "which GitHub account is yours"),
        (replace(BOB, github_login="Alice"), PULL, Verdict.CHANGES, "are the author"),
        (replace(BOB, permission=Permission.READ), PULL, Verdict.CHANGES, "permission 'read'"),
        (replace(BOB, permission=Permission.NONE), PULL, Verdict.CHANGES, "permission 'none'"),
        (BOB, replace(PULL, draft=True), Verdict.CHANGES, "is a draft"),
        (BOB, replace(PULL, head_sha="c" * 40), Verdict.CHANGES, "you saw aaaaaaa, its head is now ccccccc"),
        (BOB, replace(PULL, base_ref="release"), Verdict.CHANGES, "now goes to release"),
        (BOB, replace(PULL, state="closed"), Verdict.CHANGES, "is closed"),
        (BOB, replace(PULL, state="closed", merged=True), Verdict.CHANGES, "is merged"),
        (BOB, PULL, Verdict.BLOCKED, "is blocked"),
        (BOB, PULL, Verdict.INCOMPLETE, "is incomplete"),
        (BOB, PULL, Verdict.HELD, "is held"),
    ],
)
def test_an_approval_is_refused_in_the_persons_words(
    person: Person, now: PullRequest, verdict: Verdict, words: str
) -> None:
    assert words in refusal(Action.APPROVE, person, report(verdict), now)


def test_a_comment_needs_no_right_but_an_unmoved_head() -> None:
    stranger = Person("U9")
    assert refusal(Action.COMMENT, stranger, report(Verdict.BLOCKED), PULL) == ""
    assert "has moved" in refusal(Action.COMMENT, stranger, report(), replace(PULL, head_sha="c" * 40))


def test_a_login_is_never_guessed() -> None:
    assert github_login({"U1": "alice"}, "U1") == "alice"
    assert github_login({"U1": "alice"}, "U2") == ""
