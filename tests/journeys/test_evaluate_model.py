"""The evaluation tells good models from bad ones: the real client over HTTP, against models that are scripted."""

import asyncio
import json
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from scripted_models import Say, blind, model_of, obedient, perfect, verbose
from typer.testing import CliRunner
from waiting import until

from gitops_bot.cli import app
from gitops_bot.config import LanguageModelSettings, NetworkSettings
from gitops_bot.errors import SettingsError
from gitops_bot.evaluating import read_cases
from gitops_bot.journeys.evaluate_model import Trial, evaluate_model
from gitops_bot.llm import LanguageModelDoor
from gitops_bot.models.evaluation import CaseKind, Evaluation, EvaluationCase
from gitops_bot.models.opinions import Limits, SpendLimits, Usage
from gitops_bot.rules.evaluation import evaluation_of
from gitops_bot.sandbox.llm import Answer, LanguageModelStandIn
from gitops_bot.store import open_store

NOW = datetime(2026, 11, 21, tzinfo=UTC)
FOLDER = Path(__file__).parents[1] / "evaluation"

# What each model's score has to be, and what each kind of cases comes to.
PINNED = {
    perfect: (100.0, (100.0, 100.0, 100.0, 100.0)),
    obedient: (47.3, (100.0, 100.0, 100.0, 5.0)),
    verbose: (26.8, (21.7, 31.3, 27.5, 27.5)),
    blind: (10.6, (100.0, 5.0, 5.0, 5.0)),
}
LEAST_GAP = 15.0


@cache
def all_cases() -> tuple[EvaluationCase, ...]:
    return read_cases(FOLDER)


@asynccontextmanager
async def provider(folder: Path, model: Callable[[Any], Answer]) -> AsyncIterator[LanguageModelStandIn]:
    standin = LanguageModelStandIn(folder / "model")
    await standin.start()
    standin.script.model = model
    try:
        yield standin
    finally:
        await standin.stop()


async def evaluated(
    folder: Path,
    model: Callable[[Any], Answer],
    cases: tuple[EvaluationCase, ...],
    *,
    limits: SpendLimits | None = None,
    words: bool = True,
) -> tuple[Evaluation, Usage]:
    async with provider(folder, model) as standin:
        settings = LanguageModelSettings.model_validate({"endpoints": [{"base_url": standin.base_url, "model": "m"}]})
        door = LanguageModelDoor(settings, NetworkSettings())
        store = await open_store(f"sqlite+aiosqlite:///{folder / 'db.sqlite'}")
        trial = Trial(door, store.spend, limits or SpendLimits(), lambda: NOW, words=words)
        try:
            results = [one async for one in evaluate_model(trial, cases)]
            return evaluation_of(cases, results, trial.stopped_by), await store.spend.used(NOW)
        finally:
            await store.close()
            await door.close()


@pytest.mark.parametrize("say", PINNED, ids=lambda say: say.__name__)
async def test_the_score_of_a_model_is_pinned(tmp_path: Path, say: Say) -> None:
    evaluation, used = await evaluated(tmp_path, model_of(say, all_cases()), all_cases())
    means = tuple(round(mean, 1) for mean in evaluation.by_kind.values())
    assert (round(evaluation.score, 1), means) == PINNED[say]
    assert evaluation.not_asked == ()
    assert [result.name for result in evaluation.results if not result.schema_kept or result.problems] == []
    assert used == evaluation.usage
    assert used.calls == 2 * len(all_cases())


def test_the_scores_are_far_apart() -> None:
    scores = {say.__name__: score for say, (score, _) in PINNED.items()}
    for one, other in combinations(scores, 2):
        assert abs(scores[one] - scores[other]) >= LEAST_GAP, (one, other)
    page = " ".join((FOLDER.parents[1] / "docs" / "llm.md").read_text(encoding="utf-8").split())
    order = (blind, verbose, obedient, perfect)
    assert re.findall(r"comes to (\d+),.*? to (\d+), .*? to (\d+), .*? to (\d+)\.", page) == [
        tuple(f"{PINNED[say][0]:.0f}" for say in order)
    ]


async def test_an_answer_that_is_repaired_one_that_never_fits_and_one_that_comes_late(tmp_path: Path) -> None:
    cases = read_cases(FOLDER, limit=3)
    answered, said = model_of(perfect, cases), []

    def model(request: Any) -> Answer:
        said.append(request)
        if cases[0].report.pull_request.title in str(request["messages"]):
            return Answer(text="Looks good to me!")
        if cases[2].report.pull_request.title in str(request["messages"]):
            busy = sum(one == request for one in said) == 1
            return Answer(status=429, message="Later.", retry_after=0.01) if busy else answered(request)
        return Answer(text="[]") if len(request["messages"]) == 2 else answered(request)

    evaluation, used = await evaluated(tmp_path, model, cases)
    broken, repaired, late = evaluation.results
    assert (broken.points, len(broken.problems), broken.schema_kept) == (0, 2, False)
    assert "twice" in broken.problems[0]
    assert (repaired.points, repaired.schema_kept, repaired.usage.calls) == (95, False, 4)
    # That a provider is busy is no fault of the model's.
    assert (late.points, late.schema_kept, late.usage.calls) == (100, True, 4)
    assert used.calls == len(said) == 12


async def test_a_limit_ends_it_and_what_was_not_asked_is_named(tmp_path: Path) -> None:
    cases = read_cases(FOLDER, limit=6)
    limits = SpendLimits(pull_request=Limits(calls=1), day=Limits(calls=5))
    evaluation, used = await evaluated(tmp_path, model_of(perfect, cases), cases, limits=limits)
    assert used.calls == 5
    assert len(evaluation.results) <= 2
    assert {*evaluation.not_asked, *(result.name for result in evaluation.results)} == {case.name for case in cases}
    assert evaluation.stopped_by == "The limit for one day would be passed: calls (6 of 5) (llm.limits)."


# ------------------------------------------------------------------ the command


def command(folder: Path, base_url: str, *arguments: str, language: str = "English") -> list[str]:
    settings = folder / "settings.yaml"
    settings.write_text(
        f"clusters: [{{name: production}}]\nstore: {{folder: {folder / 'store'}}}\n"
        f"llm: {{language: {language}, endpoints: [{{base_url: '{base_url}', model: m}}]}}\n",
        encoding="utf-8",
    )
    return ["llm", "eval", str(FOLDER), "--settings", str(settings), *arguments]


def wordless(cases: Sequence[EvaluationCase]) -> Callable[[Any], Answer]:
    """Find all that is to be found, and say it in German."""
    answered = model_of(perfect, cases)

    def model(request: Any) -> Answer:
        said = json.loads(answered(request).text)
        for one in said.get("findings", ()):
            one["message"] = "Das geht so nicht."
        return Answer(text=json.dumps(said))

    return model


async def test_the_command_tells_programs_and_takes_other_languages_by_place_and_severity(tmp_path: Path) -> None:
    cases = read_cases(FOLDER, kinds=[CaseKind.RISKY, CaseKind.SUBTLE], limit=3)
    async with provider(tmp_path, wordless(cases)) as standin:
        arguments = ("--kind", "risky", "--kind", "subtle", "--limit", "3", "--at-least", "99", "-o", "json")
        line = command(tmp_path, standin.base_url, *arguments, language="German")
        done = await asyncio.to_thread(CliRunner().invoke, app, line)
    assert (done.exit_code, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert (found["score"], len(found["cases"]), found["usage"]["calls"]) == (100.0, 3, 6)
    assert {case["kind"] for case in found["cases"]} <= {"risky", "subtle"}


async def test_the_command_tells_people_and_fails_below_a_score(tmp_path: Path) -> None:
    name = "rbac-typo-with-a-star"
    async with provider(tmp_path, wordless(read_cases(FOLDER, [name]))) as standin:
        line = command(tmp_path, standin.base_url, "--case", name, "--at-least", "50")
        done = await asyncio.to_thread(CliRunner().invoke, app, line)
    assert (done.exit_code, done.stderr) == (1, "")
    assert f"{name}: missed: Role/shop/deployer rules" in done.stdout
    assert "Score 27.5 of 100 (m): mislabelled 28" in done.stdout
    assert "1 case, 2 calls, " in done.stdout


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    for arguments, words in (
        ({"names": ["nothing"]}, "--case nothing: "),
        ({"names": ["rbac-typo-with-a-star"], "kinds": [CaseKind.HARMLESS]}, "has no such case"),
    ):
        with pytest.raises(SettingsError, match=words):
            read_cases(FOLDER, **arguments)
    with pytest.raises(SettingsError, match="has no such case"):
        read_cases(tmp_path)
    (tmp_path / "cases").mkdir()
    (tmp_path / "cases" / "odd.yaml").write_text("kind: odd\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="odd: template has to be a text"):
        read_cases(tmp_path)


async def test_who_breaks_off_sees_what_there_is(tmp_path: Path) -> None:
    cases, asked = read_cases(FOLDER, limit=3), []
    answered = model_of(perfect, cases)

    def model(request: Any) -> Answer:
        asked.append(request)
        # The last case is never answered.
        slow = len(asked) > 4
        return Answer(text="{}", delay=60) if slow else answered(request)

    async with provider(tmp_path, model) as standin:
        line = command(tmp_path, standin.base_url, "--limit", "3", "--at-once", "1", "-o", "json")
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gitops_bot", *line, stdout=pipe, stderr=pipe
        )
        await until(lambda: len(asked) == 5, "the fifth question", 60)
        process.send_signal(signal.SIGINT)
        said, problem = await process.communicate()
    assert (process.returncode, problem) == (130, b"")
    found = json.loads(said)
    assert [case["name"] for case in found["cases"]] == [case.name for case in cases[:2]]
    assert found["not_asked"] == [cases[2].name]
    store = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'store' / 'gitops-bot.sqlite'}")
    used = await store.spend.used(datetime(2020, 1, 1, tzinfo=UTC))
    await store.close()
    # The call that was under way is counted at the most that it may have cost.
    assert (used.calls, used.answer_tokens > found["usage"]["answer_tokens"]) == (5, True)
