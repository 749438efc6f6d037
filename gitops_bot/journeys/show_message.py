"""Make a channel show what a message says now: one message per key, posted once, edited ever after."""

import hashlib
import json
from dataclasses import asdict

from gitops_bot import telemetry
from gitops_bot.errors import SlackRefused
from gitops_bot.journeys.ports import Doors
from gitops_bot.models.chat import ChatFile, ChatMessage, PostedMessage
from gitops_bot.models.records import Effect, EffectState

log = telemetry.logger(__name__)

# Slack's names for "the message is not there any more": somebody deleted it, so it is posted anew.
_GONE = {"message_not_found", "cant_update_message"}


async def show_message(
    doors: Doors, channel: str, message: ChatMessage, files: tuple[ChatFile, ...] = ()
) -> PostedMessage:
    """Post or edit the message with ``message.key``, and put files that are not there yet into its thread."""
    target = f"{channel}|{message.key}"
    digest = _digest(message)
    known = await doors.store.effect("message", target)
    if known is not None and known.state is EffectState.DONE:
        posted = PostedMessage(known.remote["channel"], known.remote["timestamp"])
        if known.digest != digest:
            if await _edited(doors, posted, message):
                await _remember(doors, target, digest, posted)
            else:
                posted = await _post_once(doors, channel, target, digest, message)
    else:
        posted = await _post_once(doors, channel, target, digest, message)
    for file in files:
        try:
            await _upload_once(doors, target, posted, file)
            await _remove_replaced(doors, target, posted, file)
        except SlackRefused as error:
            # A workspace may forbid files: the message says the most important all the same.
            log.warning("Slack does not take a file", key=message.key, reason=error.reason)
    return posted


async def may_be_shown(doors: Doors, channel: str, key: str) -> bool:
    """Whether a message with this key was ever begun: it may stand there even if its post was in doubt."""
    return await doors.store.effect("message", f"{channel}|{key}") is not None


async def adopt_message(doors: Doors, key: str, posted: PostedMessage) -> None:
    """Remember a message that the channel knows and we do not any more."""
    await _remember(doors, f"{posted.channel}|{key}", "", posted)


async def shown_message(doors: Doors, channel: str, key: str) -> PostedMessage | None:
    """Where the message with this key stands, as far as we remember."""
    known = await doors.store.effect("message", f"{channel}|{key}")
    if known is None or known.state is not EffectState.DONE:
        return None
    return PostedMessage(known.remote["channel"], known.remote["timestamp"])


async def _post_once(doors: Doors, channel: str, target: str, digest: str, message: ChatMessage) -> PostedMessage:
    # An earlier post may have arrived although we never heard so (a kill, a lost answer, a lost
    # database): the channel knows. https://github.com/slackapi/slack-api-specs/issues/10
    posted = await doors.chat.find(channel, message.key)
    await doors.store.save_effect(Effect("message", target, digest, EffectState.BEGUN), doors.clock())
    if posted is None or not await _edited(doors, posted, message):
        posted = await doors.chat.post(channel, message)
    await _remember(doors, target, digest, posted)
    return posted


async def _edited(doors: Doors, posted: PostedMessage, message: ChatMessage) -> bool:
    """Edit a message; False when somebody has deleted it."""
    try:
        await doors.chat.update(posted, message)
    except SlackRefused as error:
        if error.reason not in _GONE:
            raise
        log.info("the message is gone", key=message.key, reason=error.reason)
        return False
    return True


async def _remember(doors: Doors, target: str, digest: str, posted: PostedMessage) -> None:
    remote = {"channel": posted.channel, "timestamp": posted.timestamp}
    await doors.store.save_effect(Effect("message", target, digest, EffectState.DONE, remote), doors.clock())


async def _upload_once(doors: Doors, message_target: str, posted: PostedMessage, file: ChatFile) -> None:
    # The name carries the digest of the content (the views see to it), so the thread itself tells
    # whether a doubtful upload arrived.
    target = f"{message_target}|{posted.timestamp}|{file.name}"
    known = await doors.store.effect("file", target)
    if known is not None and known.state is EffectState.DONE:
        return
    digest = hashlib.sha256(file.content).hexdigest()
    if file.name not in await doors.chat.files_in_thread(posted):
        await doors.store.save_effect(Effect("file", target, digest, EffectState.BEGUN), doors.clock())
        await doors.chat.upload(posted, file)
    await doors.store.save_effect(Effect("file", target, digest, EffectState.DONE), doors.clock())


async def _remove_replaced(doors: Doors, message_target: str, posted: PostedMessage, file: ChatFile) -> None:
    """Take away the file whose place another one took. Only after that: a stop in between leaves both, for now."""
    target = f"{message_target}|{posted.timestamp}|{file.replaces}"
    if not file.replaces or await doors.store.effect("file", target) is None:
        return
    # One that Slack has not put into the thread yet is taken away the next time.
    if await doors.chat.remove_file(posted, file.replaces):
        await doors.store.forget_effect("file", target)


def _digest(message: ChatMessage) -> str:
    return hashlib.sha256(json.dumps(asdict(message), sort_keys=True, default=dict).encode()).hexdigest()
