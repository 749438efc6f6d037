"""Write the report as a comment without a click, where that is decided, and keep one that is there up to date."""

from gitops_bot import telemetry
from gitops_bot.errors import GitHubRefused, GitHubRejected
from gitops_bot.journeys.ports import Doors
from gitops_bot.journeys.post_comment import comment_effect, post_comment, says_newest
from gitops_bot.models.records import StoredReport
from gitops_bot.rules.publishing import publishes_by_itself

log = telemetry.logger(__name__)


async def publish_report(doors: Doors, stored: StoredReport) -> None:
    """Do it when it is decided and not done yet. What GitHub refuses is logged; the message on Slack stands."""
    # Whoever presses the button at this moment would write a second comment.
    async with doors.one_at_a_time.alone(f"act on {stored.report.pull_request.key}"):
        await _publish(doors, stored)


async def _publish(doors: Doors, stored: StoredReport) -> None:
    known = await comment_effect(doors, stored.report.pull_request)
    if not publishes_by_itself(stored.report, doors.decision_policy.publishing, has_comment=known is not None):
        return
    if await says_newest(doors, known, stored):
        return
    try:
        await post_comment(doors, stored)
    except (GitHubRefused, GitHubRejected) as error:
        log.warning("could not comment", pull_request=stored.report.pull_request.key, reason=str(error))
