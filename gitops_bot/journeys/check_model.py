"""``gitops-bot llm check``: show a few fixed cases to the model, and say what of its answers is wrong."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime

from gitops_bot.errors import ModelError
from gitops_bot.journeys.ask_model import ModelPurse
from gitops_bot.journeys.ports import LanguageModel, Spend
from gitops_bot.models.checks import Check, CheckState
from gitops_bot.models.opinions import ReviewAnswer, SpendLimits, Usage
from gitops_bot.rules.model_cases import MODEL_CASES, ModelCase, speaks

# What these calls are counted for, in the place of a pull request.
_NAME = "gitops-bot llm check"


async def check_model(
    model: LanguageModel, spend: Spend, *, limits: SpendLimits, language: str, clock: Callable[[], datetime]
) -> AsyncIterator[Check]:
    """Try the cases one after the other; the last check is what all of them cost."""
    paid, seconds, said = Usage(), 0.0, []
    for case in MODEL_CASES:
        purse = ModelPurse(spend, limits, clock, _NAME)
        try:
            answered = await model.ask(case.prompt, purse)
        except ModelError as error:
            yield Check(case.name, CheckState.BAD, str(error))
        else:
            seconds += answered.seconds
            if isinstance(answered.answer, ReviewAnswer):
                said.append(answered.answer.summary)
                yield _judged(case, answered.answer, answered.usage)
        paid += purse.paid
    if said and speaks(language, " ".join(said)) is False:
        yield Check("language", CheckState.WARNING, f"its summaries do not read like {language}")
    cost = f"{paid.calls} calls, {paid.tokens:,} tokens, cost {paid.money:.4f}, {seconds:.1f} s"
    yield Check("cost and speed", CheckState.GOOD, cost)


def _judged(case: ModelCase, answer: ReviewAnswer, usage: Usage) -> Check:
    repaired = " (its first answer did not fit the schema)" if usage.calls > 1 else ""
    if faults := case.faults(answer):
        return Check(case.name, CheckState.WARNING, f"{'; '.join(faults)}{repaired}", "Try a larger model.")
    return Check(case.name, CheckState.GOOD, f"it judged {answer.judgement.value}{repaired}")
