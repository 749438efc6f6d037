"""Keep whether somebody found a model's opinion useful, for whoever tunes prompts. It decides nothing."""

from gitops_bot.journeys.ports import Doors
from gitops_bot.journeys.tell_pull_request import tell_newest_report
from gitops_bot.journeys.whisper import whisper
from gitops_bot.models.opinions import Vote
from gitops_bot.models.records import StoredClick, StoredReport
from gitops_bot.rules.decisions import Action, why_outsider


async def vote_on_opinion(doors: Doors, stored: StoredClick, report: StoredReport) -> str:
    """Count one answer for each person, their newest; gives "done" or "refused: …".

    No right on GitHub is asked for, but only people of ours count. It is no decision, so it stands in no audit trail.
    Doing it again does no harm: that is what happens after a crash.
    """
    click, key, digest = stored.click, report.report.pull_request.key, report.report.digest
    if words := why_outsider(await doors.chat.person(click.user), await doors.chat.identity()):
        await whisper(doors, click, f"{words} Nothing was done.")
        return f"refused: {words}"
    opinion = await doors.store.opinions.of(key, digest)
    if opinion is None or opinion.answer is None:
        await whisper(doors, click, "This opinion is not kept any more. Nothing was done.")
        return "refused: unknown opinion"
    useful = click.action == Action.USEFUL
    await doors.store.votes.save(Vote(key, digest, click.user, useful=useful, at=click.at or stored.received_at))
    await tell_newest_report(doors, key)
    return "done"
