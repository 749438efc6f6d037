from dataclasses import replace

import pytest
from sample_reports import pull_request

from gitops_bot.models.kustomizations import KustomizationId
from gitops_bot.models.reports import (
    ClusterReport,
    Finding,
    KustomizationReport,
    LeftOut,
    RowState,
    Severity,
    Verdict,
)
from gitops_bot.models.statuses import CommitStatus, StatusState
from gitops_bot.rules.statuses import StatusPolicy, gravest, head_reference, queued_pull_request, state_of
from gitops_bot.views import commit_status

PULL = pull_request()
APPS = KustomizationId("production", "flux-system", "apps")
PENDING, SUCCESS, FAILURE, NEUTRAL = StatusState


def report(verdict: Verdict, *risks: Severity) -> ClusterReport:
    findings = tuple(Finding("replicas-to-zero", severity, "m", risk=True) for severity in risks)
    row = KustomizationReport(APPS, "apps", RowState.CHANGED, findings=findings)
    return ClusterReport("production", verdict, (row,))


@pytest.mark.parametrize(
    ("verdict", "risks", "fail_on", "expected"),
    [
        (Verdict.NO_EFFECT, (), None, SUCCESS),
        (Verdict.CHANGES, (), None, SUCCESS),
        (Verdict.CHANGES, (Severity.CRITICAL,), None, SUCCESS),
        (Verdict.CHANGES, (Severity.CRITICAL,), Severity.CRITICAL, FAILURE),
        (Verdict.CHANGES, (Severity.WARNING,), Severity.CRITICAL, SUCCESS),
        (Verdict.CHANGES, (Severity.INFO, Severity.WARNING), Severity.WARNING, FAILURE),
        (Verdict.CHANGES, (Severity.INFO,), Severity.INFO, FAILURE),
        (Verdict.BLOCKED, (), None, FAILURE),
        (Verdict.INCOMPLETE, (), None, FAILURE),
        (Verdict.HELD, (), None, PENDING),
    ],
)
def test_the_state_by_verdict_and_risk(
    verdict: Verdict, risks: tuple[Severity, ...], fail_on: Severity | None, expected: StatusState
) -> None:
    assert state_of(report(verdict, *risks), StatusPolicy(enabled=True, fail_on_risk=fail_on)) is expected


@pytest.mark.parametrize("state", [FAILURE, PENDING, NEUTRAL])
def test_people_decide_what_an_incomplete_report_says(state: StatusState) -> None:
    assert state_of(report(Verdict.INCOMPLETE), StatusPolicy(enabled=True, incomplete=state)) is state


def test_what_is_a_finding_and_no_risk_does_not_fail() -> None:
    row = KustomizationReport(APPS, "apps", RowState.CHANGED, findings=(Finding("x", Severity.CRITICAL, "m"),))
    policy = StatusPolicy(enabled=True, fail_on_risk=Severity.INFO)
    assert state_of(ClusterReport("production", Verdict.CHANGES, (row,)), policy) is SUCCESS


def test_what_was_not_rendered_is_neither_a_success_nor_a_failure() -> None:
    unseen = replace(report(Verdict.CHANGES), left_out=(LeftOut(APPS, "an OCIRepository"),))
    assert state_of(unseen, StatusPolicy(enabled=True)) is NEUTRAL
    assert commit_status.description(unseen, NEUTRAL).endswith("not all of it was rendered")


def test_the_description_is_one_line_that_github_takes() -> None:
    said = commit_status.description(report(Verdict.CHANGES, Severity.WARNING, Severity.INFO), SUCCESS)
    assert said.endswith("; 1 risk")
    assert len(commit_status.parked("a\nb\x1b[31m" + "c" * 500)) <= 140
    assert "\n" not in commit_status.parked("a\nb")


@pytest.mark.parametrize(
    ("branch", "expected"),
    [
        (f"gh-readonly-queue/main/pr-7-{'a' * 40}", ("main", 7)),
        (f"gh-readonly-queue/release/pr-1-x/pr-12-{'a' * 40}", ("release/pr-1-x", 12)),
        ("gh-readonly-queue/main/pr-7", None),
        (f"queue/main/pr-7-{'a' * 40}", None),
    ],
)
def test_a_branch_of_the_merge_queue_names_its_pull_request(branch: str, expected: tuple[str, int] | None) -> None:
    assert queued_pull_request(branch) == expected


def test_only_a_branch_of_the_repository_itself_is_fetched_as_the_queue() -> None:
    name = f"gh-readonly-queue/main/pr-7-{'a' * 40}"
    own = replace(PULL, head_ref=name, head_repository=str(PULL.repository))
    assert head_reference(own) == f"refs/heads/{name}"
    assert head_reference(replace(own, head_repository="eve/fleet")) == f"refs/pull/{own.number}/head"
    assert head_reference(PULL) == f"refs/pull/{PULL.number}/head"


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ((SUCCESS, FAILURE), FAILURE),
        ((FAILURE, SUCCESS), FAILURE),
        ((PENDING, SUCCESS), PENDING),
        ((SUCCESS, PENDING, FAILURE), FAILURE),
        ((NEUTRAL, SUCCESS), NEUTRAL),
        ((SUCCESS, SUCCESS), SUCCESS),
    ],
)
def test_of_several_statuses_of_one_commit_the_gravest_counts(
    states: tuple[StatusState, ...], expected: StatusState
) -> None:
    said = [("c" * 40, CommitStatus("gitops-bot/production", state, str(place))) for place, state in enumerate(states)]
    elsewhere = [
        ("d" * 40, CommitStatus("gitops-bot/production", SUCCESS, "")),
        ("c" * 40, CommitStatus("b", SUCCESS, "")),
    ]
    found = gravest([*said, *elsewhere])
    assert [(commit, status.state) for commit, status in found] == [
        ("c" * 40, expected),
        *((c, SUCCESS) for c, _ in elsewhere),
    ]
    assert found[0][1].description == str(states.index(expected))
