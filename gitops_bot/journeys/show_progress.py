"""Slow work shows itself: after two seconds a message says what is being looked at, then counts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from gitops_bot import telemetry
from gitops_bot.errors import SlackError
from gitops_bot.journeys.channels import channels_of, channels_with_message
from gitops_bot.journeys.keys import message_key
from gitops_bot.journeys.ports import Doors
from gitops_bot.journeys.progress_board import ProgressBoard
from gitops_bot.journeys.show_message import show_message
from gitops_bot.models.pull_requests import PullRequest
from gitops_bot.rules.filters import Choice, left_out
from gitops_bot.rules.routing import is_quiet
from gitops_bot.views import slack_message

log = telemetry.logger(__name__)

# Seconds of silence that a person takes for "nothing happens" (issue: within 3 s of detection).
_PATIENCE = 2.0
# Seconds between two edits: chat.update allows some 50 a minute for all messages together.
_BETWEEN = 4.0


@asynccontextmanager
async def shown_progress(doors: Doors, pull: PullRequest, board: ProgressBoard) -> AsyncIterator[None]:
    """Show the board while the block runs, if it takes long and touches anything at all."""
    over = asyncio.Event()
    teller = asyncio.create_task(_tell(doors, pull, board, over), name=f"progress of {pull.key}")
    try:
        yield
    finally:
        over.set()
        # Not cancelled: a post cut in the middle would be in doubt.
        await teller


async def _tell(doors: Doors, pull: PullRequest, board: ProgressBoard, over: asyncio.Event) -> None:
    pause = _PATIENCE
    while not board.quiet and not await _happens(over, pause):
        pause = _BETWEEN
        if not board.total:
            pause = 0.2
            continue
        message = slack_message.progress_message(
            pull, key=message_key(doors, pull.key), done=board.done, total=board.total
        )
        try:
            async with doors.one_at_a_time.alone(f"message {pull.key}"):
                channels = await _channels(doors, pull)
                for channel in channels:
                    await show_message(doors, channel, message)
            board.shown = board.shown or bool(channels)
        except SlackError as error:
            log.warning("could not show progress", pull_request=pull.key, reason=str(error))


async def _channels(doors: Doors, pull: PullRequest) -> tuple[str, ...]:
    """Where progress is shown: at night, and where a filter may leave it out, only in messages that are there."""
    if (
        left_out(pull, doors.filters)
        or doors.filters.paths != Choice()
        or is_quiet(doors.clock(), None, doors.channels.quiet)
    ):
        return await channels_with_message(doors, pull.key)
    return await channels_of(doors, pull, None)


async def _happens(event: asyncio.Event, seconds: float) -> bool:
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
    return event.is_set()
