"""``gitops-bot llm eval``: show made-up pull requests to a model, several at a time, and judge its answers by rule."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from gitops_bot import telemetry
from gitops_bot.errors import ModelError
from gitops_bot.journeys.ask_model import ModelPurse, prompt_for
from gitops_bot.journeys.ports import LanguageModel
from gitops_bot.journeys.store_ports import Spend
from gitops_bot.models.evaluation import Attempt, CaseResult, EvaluationCase
from gitops_bot.models.opinions import Asking, Prompt, SpendLimits, Usage
from gitops_bot.rules.evaluation import result_of

# What these calls are counted for, in the place of a pull request.
_NAME = "gitops-bot llm eval"


@dataclass
class Trial:
    """How a model is tried. ``stopped_by`` says which limit ended it before all cases were asked; "": none did."""

    model: LanguageModel
    spend: Spend
    limits: SpendLimits
    clock: Callable[[], datetime]
    at_once: int = 4
    # Findings have to use the expected words, which are English.
    words: bool = True
    stopped_by: str = ""


@dataclass
class _Purse(ModelPurse):
    """Also counts the answers, and keeps what forbids a call."""

    answers: int = 0
    refused: str = ""

    async def reserve(self, model: str, expected: Usage) -> int:
        try:
            return await super().reserve(model, expected)
        except ModelError as error:
            self.refused = str(error)
            raise

    async def settle(self, number: int, used: Usage) -> None:
        # A call that was refused used nothing.
        self.answers += used.answer_tokens > 0
        await super().settle(number, used)


async def evaluate_model(trial: Trial, cases: Sequence[EvaluationCase]) -> AsyncGenerator[CaseResult]:
    """Give each result when it is there; the first case that a limit forbids is the last one that is begun."""
    waiting = deque(cases)
    running: set[asyncio.Task[CaseResult | None]] = set()
    try:
        while waiting or running:
            while waiting and len(running) < trial.at_once and not trial.stopped_by:
                running.add(asyncio.create_task(_tried(trial, waiting.popleft())))
            if not running:
                return
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for result in [task.result() for task in done]:
                if result is not None:
                    yield result
    finally:
        # Somebody broke off: what is under way ends, and its costs are written down.
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _tried(trial: Trial, case: EvaluationCase) -> CaseResult | None:
    """Ask for a review and for a score; None when a limit forbids one of them."""
    prompt = await prompt_for(case.report, Asking.REVIEW, trial.model)
    review = await _asked(trial, prompt)
    gate = await _asked(trial, await prompt_for(case.report, Asking.GATE, trial.model)) if review else None
    if review is None or gate is None:
        return None
    return result_of(case, prompt, review, gate, words=trial.words)


async def _asked(trial: Trial, prompt: Prompt) -> Attempt | None:
    purse = _Purse(trial.spend, trial.limits.of_no_pull_request(), trial.clock, _NAME)
    try:
        # The repository is made up: no setting of a real one is meant.
        said = await trial.model.ask(replace(prompt, repository=""), purse)
    except ModelError as error:
        if purse.refused:
            trial.stopped_by = purse.refused
            return None
        return Attempt(problem=telemetry.without_tokens(str(error)), usage=purse.paid)
    return Attempt(said.answer, model=said.model, usage=said.usage, seconds=said.seconds, answers=purse.answers)
