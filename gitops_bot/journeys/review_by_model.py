"""Ask a language model about a report that people have already: once for each report, and never in their way."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from gitops_bot import telemetry
from gitops_bot.errors import GitopsBotError, ModelError
from gitops_bot.journeys.ports import Doors, LanguageModel, Spend
from gitops_bot.journeys.publish_report import publish_report
from gitops_bot.journeys.tell_pull_request import has_message, tell_newest_report
from gitops_bot.models.opinions import Answer, Asking, Opinion, Prompt, ReviewAnswer, SpendLimits, Usage
from gitops_bot.models.records import Progress, StoredReport
from gitops_bot.models.reports import Report
from gitops_bot.rules.opinions import checked, has_something_to_review, is_due
from gitops_bot.views.prompt import prompt_of

log = telemetry.logger(__name__)


@dataclass
class ModelPurse:
    """Pays for one question out of what the settings allow; ``paid`` adds up what was used."""

    spend: Spend
    limits: SpendLimits
    clock: Callable[[], datetime]
    pull_request: str
    paid: Usage = field(default_factory=Usage)

    async def reserve(self, model: str, expected: Usage) -> int:
        """Set aside what one call may cost at most; ModelError names the limit that forbids it."""
        given = await self.spend.reserve(self.pull_request, model, expected, at=self.clock(), limits=self.limits)
        if isinstance(given, str):
            raise ModelError(f"{given[0].upper()}{given[1:]} (llm.limits).")
        return given

    async def settle(self, number: int, used: Usage) -> None:
        """Replace what was set aside by what was used."""
        self.paid += used
        await self.spend.settle(number, used)


async def opinion_on(
    report: Report,
    model: LanguageModel,
    spend: Spend,
    *,
    limits: SpendLimits,
    characters: int,
    clock: Callable[[], datetime],
    tries: int = 1,
) -> Opinion:
    """Give what a model says of a report, or why there is nothing: this never fails over the model."""
    key, digest = report.pull_request.key, report.digest
    # Of a large report that takes longer than the event loop may stand still.
    prompt = await asyncio.to_thread(prompt_of, report, Asking.REVIEW, characters=characters)
    purse = ModelPurse(spend, limits, clock, key)
    try:
        said = await model.ask(prompt, purse)
        answer, dropped = _checked(said.answer, prompt)
    except ModelError as error:
        problem = telemetry.without_tokens(str(error))
        return Opinion(key, digest, clock(), problem=problem, usage=purse.paid, missing=prompt.missing, tries=tries)
    return Opinion(
        key,
        digest,
        clock(),
        answer,
        model=said.model,
        usage=said.usage,
        seconds=said.seconds,
        dropped=dropped,
        missing=prompt.missing,
        tries=tries,
    )


def _checked(answer: Answer, prompt: Prompt) -> tuple[ReviewAnswer, int]:
    if not isinstance(answer, ReviewAnswer):
        raise ModelError("The model answered another question.")
    return checked(answer, prompt.known)


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
        opinion = await opinion_on(
            stored.report,
            advice.model,
            doors.store.spend,
            limits=advice.limits,
            characters=advice.policy.characters,
            clock=doors.clock,
            tries=kept.tries + 1 if kept else 1,
        )
        await doors.store.opinions.save(opinion)
        telemetry.opinions.labels("none" if opinion.answer is None else opinion.answer.judgement.value).inc()
        log.info("reviewed by a model", pull_request=key, model=opinion.model, problem=opinion.problem)
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
