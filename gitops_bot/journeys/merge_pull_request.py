"""Merge exactly the commit that was shown. GitHub itself refuses when the head has moved."""

from gitops_bot.errors import GitHubRejected
from gitops_bot.journeys.ports import Doors
from gitops_bot.models.pull_requests import PullRequest
from gitops_bot.models.records import Effect, EffectState, StoredReport

# GitHub's ``reviewDecision`` to what is missing.
_NOT_YET = {
    "REVIEW_REQUIRED": "The rules of the branch ask for a review that is not there yet.",
    "CHANGES_REQUESTED": "Somebody has asked for changes.",
}


async def merge_pull_request(doors: Doors, stored: StoredReport, now: PullRequest, click: str) -> tuple[str, str]:
    """Merge; gives "done" and the merge commit. GitHubRejected has GitHub's reason not to.

    ``now`` is merged already when an earlier try of this ``click`` had arrived without our hearing of it.
    """
    if now.merged:
        return "done", now.merge_commit_sha or ""
    pull = stored.report.pull_request
    # GitHub lets administrators merge without the reviews that its rules ask for. Should our account be one, those
    # who press the button are none.
    decision = await doors.github.review_decision(pull.repository, pull.number)
    if decision in _NOT_YET:
        raise GitHubRejected(f"{_NOT_YET[decision]} Nothing was merged.")
    await doors.store.save_effect(_effect(doors, stored, EffectState.BEGUN, click), doors.clock())
    commit = await doors.github.merge(pull.repository, pull.number, pull.head_sha, doors.decision_policy.merge)
    await doors.store.save_effect(_effect(doors, stored, EffectState.DONE, click), doors.clock())
    return "done", commit


async def was_merged_by_us(doors: Doors, stored: StoredReport, now: PullRequest, click: str) -> bool:
    """Whether a merge that this click sent before a crash has arrived: the pull request is merged, and we had begun.

    Of another click it would be somebody else's merge.
    """
    known = await doors.store.effect("merge", _effect(doors, stored, EffectState.BEGUN, click).target)
    begun = known is not None and known.remote.get("click") == click
    return begun and now.merged and now.head_sha == stored.report.pull_request.head_sha


def _effect(doors: Doors, stored: StoredReport, state: EffectState, click: str) -> Effect:
    pull = stored.report.pull_request
    target = f"{doors.identity}|{pull.key}@{pull.head_sha}"
    return Effect("merge", target, stored.report.digest, state, {"click": click})
