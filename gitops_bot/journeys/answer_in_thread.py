"""Somebody asked what is wrong: ask a model once, keep what it says, and put it into the thread of the message."""

from collections.abc import Awaitable, Callable

from gitops_bot.journeys.ports import Doors
from gitops_bot.journeys.say_in_thread import say_in_thread
from gitops_bot.journeys.whisper import whisper, whisper_once
from gitops_bot.models.chat import ChatMessage, Click
from gitops_bot.models.opinions import Reply


async def answer_in_thread(
    doors: Doors,
    click: Click,
    kept: Reply | None,
    ask: Callable[[], Awaitable[Reply]],
    say: Callable[[Reply], ChatMessage],
    *,
    digest: str,
    about: str,
) -> str:
    """Take what is ``kept``, or ask, and put it into the thread; gives "done" or "failed: …".

    ``digest`` is of what it is about, ``about`` says that in words. The caller lets nobody else ask meanwhile.
    Doing it again after a crash asks nobody twice, and posts nothing twice.
    """
    reply = kept
    if reply is None or reply.answer is None:
        await whisper_once(doors, click, "asked", "A model is asked what is wrong: its answer comes into the thread.")
        reply = await ask()
        await doors.store.replies.save(reply)
    if reply.answer is None:
        await whisper(doors, click, f"There is no diagnosis by a model. {reply.problem}")
        return f"failed: {reply.problem}"
    if not await say_in_thread(doors, click.message, say(reply), digest):
        await whisper(doors, click, f"A model was asked about {about} already: look into the thread.")
    return "done"
