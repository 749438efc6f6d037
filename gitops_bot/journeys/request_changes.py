"""Ask for changes of the commit that was shown, as a review on GitHub."""

from gitops_bot.journeys.keys import changes_marker
from gitops_bot.journeys.ports import Doors
from gitops_bot.models.records import Effect, EffectState, StoredReport
from gitops_bot.rules.decisions import Person
from gitops_bot.views import github_comment


async def request_changes(doors: Doors, person: Person, stored: StoredReport, reason: str) -> tuple[str, str]:
    """Write the review, once per commit, person and reason; gives "done" and its address."""
    pull = stored.report.pull_request
    marker = changes_marker(doors, pull.head_sha, person.github_login, reason)
    effect = Effect("changes", f"{doors.identity}|{pull.key}|{marker}", stored.report.digest, EffectState.BEGUN)
    await doors.store.save_effect(effect, doors.clock())
    review = await doors.github.find_review(pull.repository, pull.number, marker, "CHANGES_REQUESTED")
    if review is None:
        body = github_comment.changes_body(reason, person=person.github_login, head=pull.head_sha, marker=marker)
        review = await doors.github.request_changes(pull.repository, pull.number, pull.head_sha, body)
    remote = {"id": str(review.review_id), "url": review.html_url}
    done = Effect(effect.kind, effect.target, effect.digest, EffectState.DONE, remote)
    await doors.store.save_effect(done, doors.clock())
    return "done", review.html_url
