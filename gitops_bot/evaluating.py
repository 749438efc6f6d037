"""``gitops-bot llm eval``: read the cases of a folder, and try them on the model of the settings."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from gitops_bot.config import Settings
from gitops_bot.errors import SettingsError
from gitops_bot.journeys.evaluate_model import Trial, evaluate_model
from gitops_bot.models.evaluation import CaseKind, CaseResult, EvaluationCase
from gitops_bot.policies import spend_limits
from gitops_bot.rules.evaluation_cases import WrongCase, case_of
from gitops_bot.service import opened_model, opened_store


def read_cases(
    folder: Path, names: Collection[str] = (), kinds: Collection[CaseKind] = (), limit: int | None = None
) -> tuple[EvaluationCase, ...]:
    """Read ``cases/*.yaml`` with their ``templates/*.yaml``, those of these names and kinds. SettingsError."""
    texts, templates = _texts(folder / "cases"), _texts(folder / "templates")
    if unknown := sorted(set(names) - texts.keys()):
        raise SettingsError(f"--case {unknown[0]}: {folder / 'cases'} has no {unknown[0]}.yaml.")
    cases = (case_of(name, text, templates) for name, text in texts.items() if not names or name in names)
    try:
        chosen = tuple(islice((case for case in cases if not kinds or case.kind in kinds), limit))
    except WrongCase as error:
        raise SettingsError(f"{folder / 'cases'}: {error}") from error
    if not chosen:
        raise SettingsError(f"{folder} has no such case. Cases are files cases/NAME.yaml in it.")
    return chosen


def _texts(folder: Path) -> Mapping[str, str]:
    try:
        return {file.stem: file.read_text(encoding="utf-8") for file in sorted(folder.glob("*.yaml"))}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{folder} cannot be read: {error}") from error


async def evaluate(
    settings: Settings, cases: Sequence[EvaluationCase], at_once: int, tell: Callable[[CaseResult], None]
) -> str:
    """Tell each result as soon as it is there; give the limit that ended it before the last case, "" for none.

    Nothing of a repository is sent.
    """
    if not settings.llm.enabled:
        raise SettingsError("llm.enabled is off: no call is made.")
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(opened_store(settings))
        model = await stack.enter_async_context(opened_model(settings))
        words = settings.llm.language.strip().casefold() == "english"
        trial = Trial(model, store.spend, spend_limits(settings.llm), lambda: datetime.now(UTC), at_once, words)
        results = await stack.enter_async_context(aclosing(evaluate_model(trial, cases)))
        async for result in results:
            tell(result)
        return trial.stopped_by
