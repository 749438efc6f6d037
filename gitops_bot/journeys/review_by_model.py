"""Ask a language model about a report that people have already: once for each report, and never in their way."""

from functools import partial

from gitops_bot import telemetry
from gitops_bot.errors import GitopsBotError
from gitops_bot.journeys.ask_model import ask_model
from gitops_bot.journeys.gate_due import let_gate_look
from gitops_bot.journeys.ports import Doors
from gitops_bot.journeys.publish_report import publish_report
from gitops_bot.journeys.tell_pull_request import has_message, tell_newest_report
from gitops_bot.models.opinions import Asking
from gitops_bot.models.records import Progress, StoredReport
from gitops_bot.rules.opinions import has_something_to_review, is_due

log = telemetry.logger(__name__)


def ask_for_opinion(doors: Doors, stored: StoredReport) -> None:
    """Let a model review a report that people were told of, where that is allowed. Never waits."""
    pull, advice = stored.report.pull_request, doors.advice
    if advice is None or not advice.policy.allows(pull.repository) or not has_something_to_review(stored.report):
        return
    advice.queue.put(pull.key, partial(review_by_model, doors, pull.key))


async def take_up_opinions(doors: Doors) -> None:
    """Ask for what a stop cut off, and show what it kept from being shown: once, after the start."""
    if doors.advice is None:
        return
    for record in await doors.store.all_open_pull_requests():
        # What waits to be told is asked about when it is.
        if record.progress is not Progress.REPORTED or not await has_message(doors, record.pull_request.key):
            continue
        if stored := await doors.store.report(record.report_id):
            ask_for_opinion(doors, stored)


async def review_by_model(doors: Doors, key: str) -> None:
    """Review the newest report of a pull request unless that is done, and show it in the message that is there."""
    try:
        await _review(doors, key)
    except GitopsBotError as error:
        log.warning("a review by a model has to wait", pull_request=key, reason=str(error))
        telemetry.failures.labels("review_by_model", type(error).__name__).inc()


async def _review(doors: Doors, key: str) -> None:
    record = await doors.store.pull_request(key)
    stored = await doors.store.report(record.report_id) if record else None
    advice = doors.advice
    if record is None or stored is None or advice is None or record.pull_request.state != "open":
        return
    kept = await doors.store.opinions.of(key, stored.report.digest)
    if is_due(kept):
        reply = await ask_model(
            stored.report, Asking.REVIEW, advice.model, doors.store.spend, limits=advice.limits, clock=doors.clock
        )
        opinion = reply.as_opinion(kept.tries + 1 if kept else 1)
        await doors.store.opinions.save(opinion)
        telemetry.opinions.labels("none" if opinion.answer is None else opinion.answer.judgement.value).inc()
        log.info("reviewed by a model", pull_request=key, model=opinion.model, problem=opinion.problem)
        # What a review finds counts against clearing.
        await let_gate_look(doors, record.pull_request)
    # Also one that is kept: a stop, or a side that did not answer, may have come between.
    await _show(doors, key)


async def _show(doors: Doors, key: str) -> None:
    """Bring up to date what people read of the report. Doing it again changes nothing."""
    if not await has_message(doors, key):
        return
    await tell_newest_report(doors, key)
    record = await doors.store.pull_request(key)
    newest = await doors.store.report(record.report_id) if record else None
    if newest is not None:
        await publish_report(doors, newest)
