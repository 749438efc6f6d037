"""Tell one person something about what they pressed."""

from gitops_bot import telemetry
from gitops_bot.errors import SlackError
from gitops_bot.journeys.ports import Doors
from gitops_bot.models.chat import Click
from gitops_bot.models.records import Effect, EffectState

log = telemetry.logger(__name__)


async def whisper(doors: Doors, click: Click, text: str) -> bool:
    """Tell who pressed, where they pressed. False when Slack did not take it: nothing depends on it."""
    try:
        await doors.chat.whisper(click.message.channel, click.user, telemetry.without_tokens(text))
    except SlackError as error:
        log.warning("could not tell a person what became of their click", user=click.user, reason=str(error))
        return False
    return True


async def whisper_once(doors: Doors, click: Click, about: str, text: str) -> None:
    """Tell it once per click and subject, however often the click is tried."""
    if await doors.store.effect("whisper", f"{click.key}|{about}") is not None:
        return
    if await whisper(doors, click, text):
        told = Effect("whisper", f"{click.key}|{about}", "", EffectState.DONE)
        await doors.store.save_effect(told, doors.clock())
