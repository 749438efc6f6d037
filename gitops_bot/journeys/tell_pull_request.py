"""Make the one message of a pull request say what we know of it now."""

import asyncio
from dataclasses import replace

from gitops_bot.journeys.keys import message_key
from gitops_bot.journeys.ports import Doors
from gitops_bot.journeys.show_message import may_be_shown, show_message
from gitops_bot.models.pull_requests import PullRequest
from gitops_bot.rules.decisions import offered
from gitops_bot.rules.trust import released_commits
from gitops_bot.views import slack_message


async def tell_newest_report(doors: Doors, pull_request: str, *, now: PullRequest | None = None) -> None:
    """Show the newest report of a pull request, what people did with it, and the buttons that make sense now.

    ``now`` is the pull request as it has become, when that is not what is remembered yet.

    One at a time, and always from the store: a click and a review that end at the same moment
    must not overwrite the newer text with the older.
    """
    async with doors.one_at_a_time.alone(f"message {pull_request}"):
        record = await doors.store.pull_request(pull_request)
        stored = await doors.store.report(record.report_id) if record else None
        if record is None or stored is None:
            return
        pull = now or record.pull_request
        made = await doors.store.decisions(pull_request)
        actions = offered(stored.report, pull, may_decide=bool(doors.people), released=released_commits(made))
        # A page about thousands of objects takes longer than the event loop may stand still.
        message, files = await asyncio.to_thread(
            slack_message.review_message,
            replace(stored.report, pull_request=replace(pull, head_sha=stored.report.pull_request.head_sha)),
            report_id=stored.report_id,
            actions=actions,
            decisions=made,
            key=message_key(doors, pull_request),
        )
        await show_message(doors, doors.channel, message, files)


async def has_message(doors: Doors, pull_request: str) -> bool:
    """Whether the pull request has a message, or may have one."""
    return await may_be_shown(doors, doors.channel, message_key(doors, pull_request))
