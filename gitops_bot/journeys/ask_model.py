"""Ask a language model one question about a report, in any of the ways, and pay for it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from gitops_bot import telemetry
from gitops_bot.errors import ModelError
from gitops_bot.journeys.ports import LanguageModel
from gitops_bot.journeys.store_ports import Spend
from gitops_bot.models.opinions import (
    Answer,
    Asking,
    Diagnosis,
    Prompt,
    Reply,
    ReviewAnswer,
    Score,
    SpendLimits,
    Usage,
)
from gitops_bot.models.reports import Report
from gitops_bot.rules.opinions import checked
from gitops_bot.views.prompt import prompt_of

_EXPECTED: dict[Asking, type[Answer]] = {
    Asking.REVIEW: ReviewAnswer,
    Asking.AUDIT: ReviewAnswer,
    Asking.DIAGNOSE: Diagnosis,
    Asking.GATE: Score,
}


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


async def prompt_for(report: Report, asking: Asking, model: LanguageModel, *, about: str = "") -> Prompt:
    """Give what is sent about a report in this way; ``about``: the one Kustomization that is asked about."""
    characters = model.characters(asking, str(report.pull_request.repository))
    # Of a large report that takes longer than the event loop may stand still.
    return await asyncio.to_thread(prompt_of, report, asking, characters=characters, about=about)


async def ask_model(
    report: Report,
    asking: Asking,
    model: LanguageModel,
    spend: Spend,
    *,
    limits: SpendLimits,
    clock: Callable[[], datetime],
    about: str = "",
) -> Reply:
    """Give what a model says of a report, or why there is nothing: this never fails over the model."""
    prompt = await prompt_for(report, asking, model, about=about)
    reply = await ask_prompt(
        prompt, model, spend, limits=limits, clock=clock, key=report.pull_request.key, digest=report.digest
    )
    return replace(reply, about=about)


async def ask_prompt(
    prompt: Prompt,
    model: LanguageModel,
    spend: Spend,
    *,
    limits: SpendLimits,
    clock: Callable[[], datetime],
    key: str,
    digest: str,
) -> Reply:
    """Ask one question. ``key`` and ``digest``: what it is about, whose limits it spends, and how it is kept."""
    asking, purse, dropped = prompt.asking, ModelPurse(spend, limits, clock, key), 0
    try:
        said = await model.ask(prompt, purse)
        answer = _expected(said.answer, asking)
        if isinstance(answer, ReviewAnswer):
            answer, dropped = checked(answer, prompt.known)
    except ModelError as error:
        problem = telemetry.without_tokens(str(error))
        return Reply(asking, key, digest, clock(), problem=problem, usage=purse.paid, missing=prompt.missing)
    return Reply(
        asking,
        key,
        digest,
        clock(),
        answer,
        model=said.model,
        usage=said.usage,
        seconds=said.seconds,
        dropped=dropped,
        missing=prompt.missing,
    )


def _expected(answer: Answer, asking: Asking) -> Answer:
    if not isinstance(answer, _EXPECTED[asking]):
        raise ModelError("The model answered another question.")
    return answer
