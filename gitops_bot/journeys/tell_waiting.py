"""Once a day: which pull requests wait for a person?"""

from gitops_bot.journeys.ports import Doors
from gitops_bot.journeys.show_message import show_message
from gitops_bot.journeys.tell_pull_request import has_message
from gitops_bot.models.records import Decision, StoredReport
from gitops_bot.rules.decisions import Action
from gitops_bot.views import slack_digest


async def tell_waiting(doors: Doors) -> None:
    """List every open pull request that has a message and that nobody has approved as it is; none, no message."""
    waiting = []
    for record in await doors.store.all_open_pull_requests():
        stored = await doors.store.report(record.report_id) if record.report_id else None
        if stored is None or record.pull_request.draft or not await has_message(doors, record.pull_request.key):
            continue
        if not _is_approved(stored, await doors.store.decisions(record.pull_request.key)):
            waiting.append(stored.report)
    if not waiting:
        return
    now = doors.clock()
    # One a day, also after a restart in the same hour.
    key = f"{doors.identity}|waiting|{now:%Y-%m-%d}"
    await show_message(doors, doors.channel, slack_digest.digest_message(waiting, now, key=key))


def _is_approved(stored: StoredReport, made: tuple[Decision, ...]) -> bool:
    """Whether somebody has approved this commit from here, and that was not withdrawn."""
    about = [
        decision
        for decision in made
        if decision.commit == stored.report.pull_request.head_sha
        and decision.action in {Action.APPROVE, Action.WITHDRAW}
        and decision.outcome == "done"
    ]
    return bool(about) and about[-1].action == Action.APPROVE
