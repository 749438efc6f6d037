"""Show the report on the pull request itself: one comment, written once and edited ever after."""

from gitops_bot.journeys.keys import comment_marker
from gitops_bot.journeys.ports import Doors
from gitops_bot.models.pull_requests import PullRequest
from gitops_bot.models.records import Effect, EffectState, StoredReport
from gitops_bot.views import github_comment


async def comment_effect(doors: Doors, pull: PullRequest) -> Effect | None:
    """What is known of the comment on a pull request; None while there is none of ours."""
    return await doors.store.effect("comment", _target(doors, pull))


def _target(doors: Doors, pull: PullRequest) -> str:
    return f"{doors.identity}|{pull.key}"


async def post_comment(doors: Doors, stored: StoredReport) -> str:
    """Write the comment, or edit the one that is there; give its address."""
    pull = stored.report.pull_request
    marker = comment_marker(doors)
    body = github_comment.comment(stored.report, marker=marker)
    target = _target(doors, pull)
    await doors.store.save_effect(Effect("comment", target, stored.report.digest, EffectState.BEGUN), doors.clock())
    ours = await doors.github.find_comment(pull.repository, pull.number, marker)
    if ours is None:
        ours = await doors.github.create_comment(pull.repository, pull.number, body)
    elif ours.body != body:
        ours = await doors.github.edit_comment(pull.repository, ours.comment_id, body)
    remote = {"id": str(ours.comment_id), "url": ours.html_url}
    await doors.store.save_effect(
        Effect("comment", target, stored.report.digest, EffectState.DONE, remote), doors.clock()
    )
    return ours.html_url
