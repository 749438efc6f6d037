"""Call somebody because a risk is grave: once for each pull request and channel, in the thread."""

from collections.abc import Sequence

from gitops_bot import telemetry
from gitops_bot.errors import SlackRefused
from gitops_bot.journeys.ports import Doors
from gitops_bot.models.chat import PostedMessage
from gitops_bot.models.records import Effect, EffectState
from gitops_bot.views.slack_calls import call_message

log = telemetry.logger(__name__)


async def call_people(doors: Doors, posted: PostedMessage, key: str, ids: Sequence[str], *, rings: bool) -> None:
    """Post the names below a message. ``rings``: it was posted with them a moment ago, and that rang already.

    Slack tells nobody of names that come into a message by an edit, and most reports are edits of the message that
    said that somebody looks.
    """
    target = f"{posted.channel}|{key}"
    if not ids or await doors.store.effect("call", target) is not None:
        return
    # Written down first: a post in doubt is not repeated, for nobody wants to be called all night.
    await doors.store.save_effect(Effect("call", target, "", EffectState.BEGUN), doors.clock())
    if not rings:
        try:
            await doors.chat.post(posted.channel, call_message(ids), thread=posted.timestamp)
        except SlackRefused as error:
            log.warning("could not call anybody", channel=posted.channel, reason=str(error))
            return
    await doors.store.save_effect(Effect("call", target, "", EffectState.DONE), doors.clock())
