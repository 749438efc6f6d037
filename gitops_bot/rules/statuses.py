"""Does a report let a pull request through? What the commit's status on GitHub says.

A required context that never reports blocks its pull request for ever, so everything has an answer,
also what does not touch this cluster at all.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from gitops_bot.models.pull_requests import PullRequest
from gitops_bot.models.reports import ClusterReport, Severity, Verdict
from gitops_bot.models.statuses import CommitStatus, StatusState

# GitHub's merge queue makes a commit for what it is about to merge, on a branch of this name:
# gh-readonly-queue/<base branch>/pr-<number>-<commit that it was put on>.
QUEUE_PREFIX = "gh-readonly-queue/"
_QUEUE_BRANCH = re.compile(rf"{QUEUE_PREFIX}(?P<base>.+)/pr-(?P<number>[0-9]+)-[0-9a-f]{{40}}")

# What keeps from merging is the graver one.
_GRAVER = (StatusState.SUCCESS, StatusState.NEUTRAL, StatusState.PENDING, StatusState.FAILURE)


@dataclass(frozen=True)
class StatusPolicy:
    """What people have decided about statuses.

    ``fail_on_risk`` is the lightest risk that makes a complete report fail, None: no risk does.
    ``incomplete`` is what a report says that could not look at everything.
    """

    enabled: bool = False
    context: str = "gitops-bot"
    fail_on_risk: Severity | None = None
    incomplete: StatusState = StatusState.FAILURE


def state_of(report: ClusterReport, policy: StatusPolicy) -> StatusState:
    """Give the state for one cluster's part of a report."""
    if report.verdict is Verdict.BLOCKED:
        return StatusState.FAILURE
    if report.verdict is Verdict.INCOMPLETE:
        return policy.incomplete
    if report.verdict is Verdict.HELD:
        # Nothing was looked at yet; somebody has to let it run.
        return StatusState.PENDING
    if policy.fail_on_risk is not None and any(severity.at_least(policy.fail_on_risk) for severity in risks(report)):
        return StatusState.FAILURE
    return StatusState.SUCCESS if report.complete_without_a_person else StatusState.NEUTRAL


def gravest(wanted: Iterable[tuple[str, CommitStatus]]) -> tuple[tuple[str, CommitStatus], ...]:
    """Of all that is said in one context of one commit, keep the gravest.

    GitHub keeps one status for a commit, and several pull requests may have the same head: one of them, into
    a branch that nobody follows, must not let another one through.
    """
    found: dict[tuple[str, str], CommitStatus] = {}
    for commit, status in wanted:
        known = found.get((commit, status.context))
        if known is None or _GRAVER.index(status.state) > _GRAVER.index(known.state):
            found[commit, status.context] = status
    return tuple((commit, status) for (commit, _), status in found.items())


def risks(report: ClusterReport) -> tuple[Severity, ...]:
    """Give the severities of all risks of a cluster's report."""
    return tuple(finding.severity for finding in report.all_findings if finding.risk)


def queued_pull_request(branch: str) -> tuple[str, int] | None:
    """Give base branch and number of the pull request that a branch of the merge queue is for; None for another."""
    found = _QUEUE_BRANCH.fullmatch(branch)
    return (found["base"], int(found["number"])) if found else None


def head_reference(pull_request: PullRequest) -> str:
    """Give the ref that a head is fetched by: a pull request's own, or the branch that the merge queue made."""
    if pull_request.head_ref.startswith(QUEUE_PREFIX) and not pull_request.from_fork:
        return f"refs/heads/{pull_request.head_ref}"
    return f"refs/pull/{pull_request.number}/head"
