"""Make the one message of a pull request say what we know of it now."""

import asyncio
from dataclasses import replace

from gitops_bot import telemetry
from gitops_bot.errors import SlackRefused
from gitops_bot.journeys.approval_outlook import approval_outlook
from gitops_bot.journeys.call_people import call_people
from gitops_bot.journeys.channels import channels_of, channels_with_message
from gitops_bot.journeys.gate_due import shown_gate
from gitops_bot.journeys.keys import message_key
from gitops_bot.journeys.ports import Doors
from gitops_bot.journeys.report_problem import problem_began, problem_ended
from gitops_bot.journeys.show_message import show_message, shown_message
from gitops_bot.journeys.who_is import anybody_may_decide
from gitops_bot.models.chat import ChatFile, ChatMessage
from gitops_bot.models.pull_requests import PullRequest
from gitops_bot.models.reports import Report
from gitops_bot.rules.decisions import Action, offered
from gitops_bot.rules.extra_buttons import extra_buttons
from gitops_bot.rules.routing import called, is_quiet
from gitops_bot.rules.trust import released_commits
from gitops_bot.views import slack_message

log = telemetry.logger(__name__)


async def tell_newest_report(doors: Doors, pull_request: str, *, now: PullRequest | None = None) -> bool:
    """Show the newest report of a pull request, what people did with it, and the buttons that make sense now.

    ``now`` is the pull request as it has become, when that is not what is remembered yet. False: a channel
    has to wait for its message, because of its quiet hours.

    One at a time, and always from the store: a click and a review that end at the same moment
    must not overwrite the newer text with the older.
    """
    async with doors.one_at_a_time.alone(f"message {pull_request}"):
        record = await doors.store.pull_request(pull_request)
        stored = await doors.store.report(record.report_id) if record else None
        if record is None or stored is None:
            return True
        pull = now or record.pull_request
        channels, waiting = await _channels(doors, pull, stored.report)
        if not channels:
            return not waiting
        made = await doors.store.decisions(pull_request)
        actions = offered(
            stored.report,
            pull,
            may_decide=await anybody_may_decide(doors),
            may_ask=doors.advice is not None and doors.advice.policy.allows(pull.repository),
            made=made,
            released=released_commits(made),
            policy=doors.decision_policy,
        )
        outlook = await approval_outlook(doors, pull) if Action.APPROVE in actions else ""
        # A page about thousands of objects takes longer than the event loop may stand still.
        message, files = await asyncio.to_thread(
            slack_message.review_message,
            replace(stored.report, pull_request=replace(pull, head_sha=stored.report.pull_request.head_sha)),
            report_id=stored.report_id,
            actions=actions,
            outlook=outlook,
            extra=extra_buttons(doors.buttons, stored.report, pull, actions),
            decisions=made,
            key=message_key(doors, pull_request),
            called=called(stored.report, doors.channels),
            outcomes=await doors.store.outcomes.of(pull_request),
            opinion=await doors.store.opinions.of(pull_request, stored.report.digest) if doors.advice else None,
            votes=await doors.store.votes.of(pull_request, stored.report.digest) if doors.advice else None,
            gate=await shown_gate(doors, stored.report),
        )
        # Who may not be woken now is called at the next look after the quiet hours.
        silent = pull.state != "open" or is_quiet(doors.clock(), stored.report, doors.channels.quiet)
        call = () if silent else called(stored.report, doors.channels)
        await _show(doors, channels, message, files, call=call)
        return not waiting


async def _show(
    doors: Doors,
    channels: tuple[str, ...],
    message: ChatMessage,
    files: tuple[ChatFile, ...],
    *,
    call: tuple[str, ...],
) -> None:
    """Show it in every channel, and call people there. One that takes nothing (archived, shared) stops no other.

    SlackRefused when none takes it, not even the channel for what no route wants.
    """
    shown, refused = False, None
    for channel in (*channels, *([] if doors.channel in channels else [doors.channel])):
        if channel not in channels and shown:
            break
        try:
            before = await shown_message(doors, channel, message.key)
            posted = await show_message(doors, channel, message, files)
            await call_people(doors, posted, message.key, call, rings=before is None)
        except SlackRefused as error:
            log.warning("a channel takes no message", channel=channel, key=message.key, reason=str(error))
            await problem_began(doors, f"channel {channel}", error)
            refused = error
        else:
            shown = True
            await problem_ended(doors, f"channel {channel}")
    if not shown and refused is not None:
        raise refused


async def _channels(doors: Doors, pull: PullRequest, report: Report) -> tuple[tuple[str, ...], bool]:
    """Give the channels to show it in now, and whether others have to wait."""
    shown = await channels_with_message(doors, pull.key)
    wanted = await channels_of(doors, pull, report)
    # An edit rings nobody's phone, a new message does.
    if pull.state == "open" and is_quiet(doors.clock(), report, doors.channels.quiet):
        return shown, set(wanted) != set(shown)
    return wanted, False


async def has_message(doors: Doors, pull_request: str) -> bool:
    """Whether the pull request has a message, or may have one."""
    return bool(await channels_with_message(doors, pull_request))
