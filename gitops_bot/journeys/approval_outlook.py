"""Say before the click what an approval of ours will be worth."""

from gitops_bot import telemetry
from gitops_bot.errors import GitHubError
from gitops_bot.journeys.ports import Doors
from gitops_bot.models.pull_requests import PullRequest
from gitops_bot.views.slack_dialogs import outlook_words

log = telemetry.logger(__name__)


async def approval_outlook(doors: Doors, pull: PullRequest) -> str:
    """What the rules of the base branch ask for beside it; "" when nothing is known against it."""
    try:
        rules = await doors.github.review_rules(pull.repository, pull.base_ref)
    except GitHubError as error:
        # Not worth a failure: it is told after the click as well.
        log.info("could not read the rules of a branch", pull_request=pull.key, reason=str(error))
        return ""
    return outlook_words(rules, pull.base_ref, can_link=doors.links is not None)
