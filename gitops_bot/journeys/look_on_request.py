"""Somebody asks to look at a pull request, now. They hear of it in any case."""

from dataclasses import replace

from gitops_bot.errors import GitopsBotError
from gitops_bot.journeys.change_record import change_record
from gitops_bot.journeys.ports import Doors
from gitops_bot.journeys.review_pull_request import review_pull_request, review_subject
from gitops_bot.journeys.tell_pull_request import has_message
from gitops_bot.journeys.whisper import whisper
from gitops_bot.models.chat import Click
from gitops_bot.models.records import Progress, PullRequestRecord


class NotLookedYetError(GitopsBotError):
    """The review came to no end: something outside does not answer, or the pull request moved meanwhile."""


async def look_on_request(doors: Doors, click: Click) -> str:
    """Review a pull request because somebody asks for it, and tell them what the channel does not show.

    Runs in the place of its review in the queue, so that no other one of it runs beside it.
    """
    key = click.value
    before = await doors.store.pull_request(key)
    if before is None or before.pull_request.state != "open":
        await whisper(doors, click, "That pull request is not open any more.")
        return "refused: not open"
    await change_record(doors, key, lambda now: replace(now, progress=Progress.WAITING, failures=0))
    doors.patience.go_on(review_subject(key))
    await review_pull_request(doors, key)
    after = await doors.store.pull_request(key)
    if after is None or after.pull_request.state != "open":
        await whisper(doors, click, "That pull request was closed while it was looked at.")
        return "refused: not open"
    if after.looked_at == before.looked_at:
        raise NotLookedYetError("It could not be looked at just now.")
    if words := await _what_the_channel_does_not_show(doors, before, after):
        await whisper(doors, click, words)
    return "done"


async def _what_the_channel_does_not_show(doors: Doors, before: PullRequestRecord, after: PullRequestRecord) -> str:
    pull = after.pull_request
    name = f"{pull.repository}#{pull.number}"
    if not await has_message(doors, pull.key):
        clusters = ", ".join(cluster.name for cluster in doors.clusters)
        if after.lacks_a_cluster:
            return (
                f"{name} could not be looked at: not every cluster ({clusters}) answers. It is tried again by itself, "
                "and gets a message if something is affected by it."
            )
        return f"{name} was looked at: nothing of what runs in {clusters} is affected by it, so it gets no message."
    if after.report_id and after.report_id == before.report_id:
        return f"{name} was looked at again: nothing has changed since the message was written."
    return ""
