"""Put a model's answer into the thread of a message, once."""

from gitops_bot.journeys.ports import Doors
from gitops_bot.models.chat import ChatMessage, PostedMessage
from gitops_bot.models.records import Effect, EffectState

# Kind of the effect that says where an answer stands.
_KIND = "diagnosis"


async def say_in_thread(doors: Doors, above: PostedMessage, message: ChatMessage, digest: str) -> bool:
    """Post a message with a key of its own below another one; False when it stands there already.

    ``digest`` is of what it is about. A post that came to no known end is looked for, and not repeated.
    """
    target = f"{above.channel}|{above.timestamp}|{digest}"
    known = await doors.store.effect(_KIND, target)
    if known is not None and known.state is EffectState.DONE:
        return False
    said = await doors.chat.find(above.channel, message.key, thread=above.timestamp) if known else None
    if said is None:
        await doors.store.save_effect(Effect(_KIND, target, digest, EffectState.BEGUN), doors.clock())
        said = await doors.chat.post(above.channel, message, thread=above.timestamp)
    remote = {"channel": said.channel, "timestamp": said.timestamp}
    await doors.store.save_effect(Effect(_KIND, target, digest, EffectState.DONE, remote), doors.clock())
    return True
