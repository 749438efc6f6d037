"""Where a pull request is talked about: one message in each channel that has one, or should."""

from gitops_bot.journeys.keys import message_key
from gitops_bot.journeys.ports import Doors
from gitops_bot.journeys.show_message import may_be_shown
from gitops_bot.models.pull_requests import PullRequest
from gitops_bot.models.reports import Report
from gitops_bot.rules.routing import channels_for


async def channels_with_message(doors: Doors, pull_request: str) -> tuple[str, ...]:
    """Give the channels in which a pull request (by its key) has a message, or may have one."""
    key = message_key(doors, pull_request)
    return tuple([channel for channel in doors.channels.all if await may_be_shown(doors, channel, key)])


async def channels_of(doors: Doors, pull: PullRequest, report: Report | None) -> tuple[str, ...]:
    """Give the channels that have its message, and those that the routes want to have one.

    A channel that a new commit does not concern any more keeps its message: people there have read the old one.
    """
    shown = await channels_with_message(doors, pull.key)
    return tuple(dict.fromkeys((*shown, *channels_for(pull, report, doors.channels))))
