"""``gitops-bot llm check``: show a few fixed cases to a model, in every way of asking, and say what is wrong."""

from collections.abc import AsyncIterator, Callable, Collection
from datetime import datetime

from gitops_bot.errors import ModelError
from gitops_bot.journeys.ask_model import ModelPurse
from gitops_bot.journeys.ports import LanguageModel
from gitops_bot.journeys.store_ports import Spend
from gitops_bot.models.checks import CheckState
from gitops_bot.models.opinions import Asking, ModelCheck, Said, SpendLimits, Usage
from gitops_bot.rules.model_cases import MODEL_CASES, ModelCase, in_short, speaks, words_of

# What these calls are counted for, in the place of a pull request.
_NAME = "gitops-bot llm check"


async def check_model(
    model: LanguageModel,
    spend: Spend,
    *,
    limits: SpendLimits,
    language: str,
    clock: Callable[[], datetime],
    asks: Collection[Asking] = tuple(Asking),
) -> AsyncIterator[ModelCheck]:
    """Try the cases of these ways of asking one after the other; the last check is what all of them cost."""
    limits = limits.of_no_pull_request()
    paid, seconds, said = Usage(), 0.0, []
    for case in MODEL_CASES:
        if case.asking not in asks:
            continue
        purse = ModelPurse(spend, limits, clock, _NAME)
        try:
            answered = await model.ask(case.prompt, purse)
        except ModelError as error:
            yield ModelCheck(_subject(case), CheckState.BAD, str(error), "", case.asking, purse.paid)
        else:
            seconds += answered.seconds
            said.append(words_of(answered.answer))
            yield _judged(case, answered)
        paid += purse.paid
    if said and speaks(language, " ".join(said)) is False:
        yield ModelCheck("language", CheckState.WARNING, f"its answers do not read like {language}")
    cost = f"{paid.calls} calls, {paid.tokens:,} tokens, cost {paid.money:.4f}, {seconds:.1f} s"
    yield ModelCheck("cost and speed", CheckState.GOOD, cost, usage=paid, seconds=seconds)


def _judged(case: ModelCase, said: Said) -> ModelCheck:
    repaired = " (its first answer did not fit the schema)" if said.repaired else ""
    faults = case.faults(said.answer)
    state = CheckState.WARNING if faults else CheckState.GOOD
    seen = "; ".join(faults) or in_short(said.answer)
    advice = "Try a larger model." if faults else ""
    return ModelCheck(_subject(case), state, f"{seen}{repaired}", advice, case.asking, said.usage, said.seconds)


def _subject(case: ModelCase) -> str:
    return f"{case.asking.value}, {case.name}"
