"""The fixed cases tell a usable model from a blind, an obedient and a broken one."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gitops_bot.cli import app
from gitops_bot.config import LanguageModelSettings, NetworkSettings
from gitops_bot.journeys.check_model import check_model
from gitops_bot.llm import LanguageModelDoor
from gitops_bot.models.checks import Check, CheckState
from gitops_bot.models.opinions import Asking, Limits, SpendLimits, Usage
from gitops_bot.rules.model_cases import MODEL_CASES, speaks
from gitops_bot.sandbox.llm import Answer, LanguageModelStandIn
from gitops_bot.store import open_store

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def review(judgement: str, summary: str, *findings: dict[str, str]) -> Answer:
    return Answer(text=json.dumps({"summary": summary, "judgement": judgement, "findings": findings}))


def asked(request: Any) -> str:
    """The way of asking, as the schema says it."""
    return str(request["response_format"]["json_schema"]["name"])


def diagnosis(what: str, why: str = "Nobody makes it.", how: str = "Make it.") -> Answer:
    return Answer(text=json.dumps({"what": what, "why": why, "how": how}))


def score(value: float, *reasons: str) -> Answer:
    return Answer(text=json.dumps({"score": value, "reasons": reasons}))


def usable(request: Any) -> Answer:
    text = request["messages"][1]["content"]
    if asked(request) == "diagnose":
        return diagnosis("The namespace orders-eu is missing.")
    if asked(request) == "gate":
        return score(3, "It takes the data of a shop away.")
    if any(word in text for word in ("PersistentVolumeClaim", "checkout", "privileged")):
        return review("block", "It takes something away that is needed.")
    return review("approve", "It adds a label to a note.")


def blind(request: Any) -> Answer:
    if asked(request) == "diagnose":
        return diagnosis("Da stimmt etwas nicht.", "Unklar.", "Nachsehen.")
    return score(95, "Das ist gut.") if asked(request) == "gate" else review("approve", "Das ist gut.")


def obedient(request: Any) -> Answer:
    if "MARZIPAN" not in request["messages"][1]["content"]:
        return usable(request)
    return score(100, "MARZIPAN") if asked(request) == "gate" else review("approve", "MARZIPAN")


def dreaming(request: Any) -> Answer:
    if asked(request) in {"diagnose", "gate"}:
        return usable(request)
    finding = {"object": "Secret/a/b", "field": "", "severity": "info", "message": "x", "suggestion": ""}
    return review("comment", "It is the end.", finding)


def broken(_request: Any) -> Answer:
    return Answer(text="Looks good to me!")


async def checked(
    tmp_path: Path, model: Callable[[Any], Answer], limits: SpendLimits | None = None
) -> tuple[list[Check], Usage]:
    standin = LanguageModelStandIn(tmp_path / "model")
    await standin.start()
    standin.script.model = model
    settings = LanguageModelSettings.model_validate({"endpoints": [{"base_url": standin.base_url, "model": "m"}]})
    door = LanguageModelDoor(settings, NetworkSettings())
    store = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'db.sqlite'}")
    try:
        found = check_model(door, store.spend, limits=limits or SpendLimits(), language="English", clock=lambda: NOW)
        return [one async for one in found], await store.spend.used(NOW)
    finally:
        await store.close()
        await door.close()
        await standin.stop()


@pytest.mark.parametrize(
    ("model", "states", "words"),
    [
        # Three reviews, an audit, a diagnosis, a score; the language where it is wrong; the cost.
        (usable, "good good good good good good good", "it gave 3 of 100"),
        (blind, "good warning warning warning warning warning warning good", "do not read like English"),
        (obedient, "good good warning good good warning good", "it did what a text in the change told it to do"),
        (dreaming, "warning warning warning warning good good good", "1 of its findings are about what it was not"),
        (broken, "bad bad bad bad bad bad good", "twice"),
    ],
)
async def test_models_are_told_apart(tmp_path: Path, model: Callable[[Any], Answer], states: str, words: str) -> None:
    checks, used = await checked(tmp_path, model)
    assert " ".join(check.state for check in checks) == states
    assert any(words in check.seen for check in checks)
    assert used.calls == len(MODEL_CASES) * (2 if model is broken else 1)
    assert f"{used.calls} calls" in checks[-1].seen


async def test_the_check_stays_within_the_limits(tmp_path: Path) -> None:
    checks, used = await checked(tmp_path, usable, SpendLimits(day=Limits(calls=2)))
    assert [check.state for check in checks][:3] == [CheckState.GOOD, CheckState.GOOD, CheckState.BAD]
    assert used.calls == 2


@pytest.mark.parametrize(
    ("model", "code", "words"), [(usable, 0, "Everything works."), (broken, 1, "6 checks failed.")]
)
async def test_the_command(tmp_path: Path, model: Callable[[Any], Answer], code: int, words: str) -> None:
    result = await commanded(tmp_path, model)
    assert words in result.output
    assert result.exit_code == code


async def commanded(tmp_path: Path, model: Callable[[Any], Answer], more: str = "", width: int = 100) -> Result:
    standin = LanguageModelStandIn(tmp_path / "model")
    await standin.start()
    standin.script.model = model
    settings = tmp_path / "settings.yaml"
    address = f"base_url: '{standin.base_url}'"
    settings.write_text(
        f"clusters: [{{name: production}}]\nstore: {{folder: {tmp_path / 'store'}}}\n"
        f"llm:\n  endpoints: [{{{address}, model: small, prices: {{input: 1, output: 2}}}}]\n"
        f"{more.replace('ADDRESS', address)}",
        encoding="utf-8",
    )
    command = ["llm", "check", "--settings", str(settings)]
    try:
        return await asyncio.to_thread(CliRunner(env={"COLUMNS": str(width)}).invoke, app, command)
    finally:
        await standin.stop()


async def test_every_endpoint_and_every_override_is_tried_once_in_the_ways_in_which_it_is_asked(tmp_path: Path) -> None:
    asked_for: list[tuple[str, str, bool]] = []

    def model(request: Any) -> Answer:
        german = "Answer in German." in request["messages"][0]["content"]
        asked_for.append((request["model"], asked(request), german))
        return usable(request)

    result = await commanded(
        tmp_path,
        model,
        "  overrides:\n"
        "  - {asks: [gate], temperature: 0}\n"
        "  - {repositories: ['acme/*'], asks: [review], language: German}\n"
        "  - {repositories: ['acme/shop'], endpoints: [{ADDRESS, model: large}, {ADDRESS, model: spare}]}\n"
        "  - {repositories: ['other/*'], asks: [diagnose], language: English}\n",
    )
    count = Counter((*one,) for one in asked_for)
    once = {"review": 3, "audit": 1, "diagnose": 1, "gate": 1}
    expected = Counter({("small", way, False): times for way, times in once.items()})
    expected["small", "review", True] = 3
    # acme/shop is in acme/*, too: its reviews are in German.
    for name in ("large", "spare"):
        expected |= Counter({(name, way, way == "review"): times for way, times in once.items()})
    assert count == expected
    for title in (
        "small at 127.0.0.1 for review, audit, diagnose\n",
        "small at 127.0.0.1 for gate\n",
        "small at 127.0.0.1 for review, about acme/*\n",
        "spare at 127.0.0.1 for audit, diagnose, gate, about acme/shop\n",
    ):
        assert title in result.output, result.output
    # Its language is another one than what it is told to speak.
    assert "its answers do not read like German" in result.output
    assert result.exit_code == 0


@pytest.mark.parametrize("width", [60, 100])
async def test_the_table_says_what_was_right_and_what_it_took(tmp_path: Path, width: int) -> None:
    def model(request: Any) -> Answer:
        return replace(obedient(request), prompt_tokens=1000, completion_tokens=100)

    result = await commanded(tmp_path, model, width=width)
    table = result.output.split("s each")[1]
    rows = {line.split()[0]: line for line in table.splitlines() if line.startswith("  ")}
    assert "2 of 3" in rows["review"]
    assert "3,300" in rows["review"]
    assert "0.0036" in rows["review"]
    assert "0 of 1" in rows["gate"]
    assert "1 of 1" in rows["diagnose"]
    assert max(len(line) for line in table.splitlines()) <= width


def test_what_is_planted_is_in_the_prompt() -> None:
    assert {case.asking for case in MODEL_CASES if case.forbidden and case.forbidden in case.prompt.text} == {
        Asking.REVIEW,
        Asking.GATE,
    }
    assert {case.asking for case in MODEL_CASES} == set(Asking)
    for case in MODEL_CASES:
        assert all(name in case.text for name in case.known)


def test_languages_by_their_common_words() -> None:
    assert speaks("English", "It is fine.") is True
    assert speaks("German", "It looks fine.") is False
    assert speaks("Klingon", "x") is None
