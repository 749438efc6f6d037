"""Tell the channel once when something outside keeps us from looking, and once when it is over.

A hiccup is not told: the same subject has to fail several times in a row, unless the other side
refused (a wrong token, a name that does not exist), which no waiting mends.
"""

import hashlib

from gitops_bot import telemetry
from gitops_bot.errors import ClusterRefused, GitHubRefused, GitopsBotError, SlackError
from gitops_bot.journeys.ports import Doors
from gitops_bot.journeys.show_message import show_message, shown_message
from gitops_bot.views import slack_message

log = telemetry.logger(__name__)


async def problem_began(doors: Doors, subject: str, error: GitopsBotError) -> None:
    """Count a failure; tell the channel when it is no hiccup. Slack being the problem is only logged."""
    refused = isinstance(error, GitHubRefused | ClusterRefused)
    if doors.patience.failed(subject) or refused:
        await _show(doors, subject, telemetry.without_tokens(str(error)))


async def problem_ended(doors: Doors, subject: str) -> None:
    """Edit the message of a problem that is over, one from before a restart as well."""
    channel = doors.channel
    if doors.patience.succeeded(subject) and await shown_message(doors, channel, _key(doors, subject)):
        await _show(doors, subject, "")


async def _show(doors: Doors, subject: str, problem: str) -> None:
    message = slack_message.problem_message(subject, problem, key=_key(doors, subject))
    try:
        await show_message(doors, doors.channel, message)
    except SlackError as error:
        log.warning("could not tell the channel of a problem", subject=subject, reason=str(error))


def _key(doors: Doors, subject: str) -> str:
    return f"{doors.identity}|problem|{hashlib.sha256(subject.encode()).hexdigest()[:16]}"
