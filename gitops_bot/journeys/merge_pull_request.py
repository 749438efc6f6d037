"""Merge exactly the commit that was shown. GitHub itself refuses when the head has moved."""

from gitops_bot.journeys.ports import Doors
from gitops_bot.models.pull_requests import PullRequest
from gitops_bot.models.records import Effect, EffectState, StoredReport


async def merge_pull_request(doors: Doors, stored: StoredReport, now: PullRequest, click: str) -> tuple[str, str]:
    """Merge; gives "done" and the merge commit. GitHubRejected has GitHub's reason not to.

    ``now`` is merged already when an earlier try of this ``click`` had arrived without our hearing of it.
    """
    if now.merged:
        return "done", now.merge_commit_sha or ""
    pull = stored.report.pull_request
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
