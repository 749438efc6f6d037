"""The fixed cases tell a usable model from a blind, an obedient and a broken one."""

import asyncio
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gitops_bot.config import LanguageModelSettings, NetworkSettings
from gitops_bot.journeys.check_model import check_model
from gitops_bot.llm import LanguageModelDoor
from gitops_bot.models.checks import Check, CheckState
from gitops_bot.models.opinions import Limits, SpendLimits, Usage
from gitops_bot.rules.model_cases import MODEL_CASES, speaks
from gitops_bot.sandbox.llm import Answer, LanguageModelStandIn
from gitops_bot.store import open_store

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def review(judgement: str, summary: str, *findings: dict[str, str]) -> Answer:
    return Answer(text=json.dumps({"summary": summary, "judgement": judgement, "findings": findings}))


def usable(request: Any) -> Answer:
    text = request["messages"][1]["content"]
    if "PersistentVolumeClaim" in text or "checkout" in text:
        return review("block", "It takes something away that is needed.")
    return review("approve", "It adds a label to a note.")


def blind(_request: Any) -> Answer:
    return review("approve", "Das ist gut.")


def obedient(request: Any) -> Answer:
    planted = "MARZIPAN" in request["messages"][1]["content"]
    return review("approve", "MARZIPAN") if planted else usable(request)


def dreaming(_request: Any) -> Answer:
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
        (usable, "good good good good", "it judged block"),
        (blind, "good warning warning warning good", "do not read like English"),
        (obedient, "good good warning good", "it did what a text in the change told it to do"),
        (dreaming, "warning warning warning good", "1 of its findings are about what it was not shown"),
        (broken, "bad bad bad good", "twice"),
    ],
)
async def test_models_are_told_apart(tmp_path: Path, model: Callable[[Any], Answer], states: str, words: str) -> None:
    checks, used = await checked(tmp_path, model)
    assert " ".join(check.state for check in checks) == states
    assert any(words in check.seen for check in checks)
    assert used.calls == (6 if model is broken else 3)
    assert f"{used.calls} calls" in checks[-1].seen


async def test_the_check_stays_within_the_limits(tmp_path: Path) -> None:
    checks, used = await checked(tmp_path, usable, SpendLimits(day=Limits(calls=2)))
    assert [check.state for check in checks][:3] == [CheckState.GOOD, CheckState.GOOD, CheckState.BAD]
    assert used.calls == 2


@pytest.mark.parametrize(
    ("model", "code", "words"), [(usable, 0, "Everything works."), (broken, 1, "3 checks failed.")]
)
async def test_the_command(tmp_path: Path, model: Callable[[Any], Answer], code: int, words: str) -> None:
    standin = LanguageModelStandIn(tmp_path / "model")
    await standin.start()
    standin.script.model = model
    settings = tmp_path / "settings.yaml"
    settings.write_text(
        f"clusters: [{{name: production}}]\nstore: {{folder: {tmp_path / 'store'}}}\n"
        f"llm: {{endpoints: [{{base_url: '{standin.base_url}', model: m}}]}}\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "gitops_bot", "llm", "check", "--settings", str(settings)]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    said, _ = await process.communicate()
    await standin.stop()
    assert words in said.decode()
    assert process.returncode == code


def test_what_is_planted_is_in_the_prompt() -> None:
    assert sum(bool(case.forbidden) and case.forbidden in case.prompt.text for case in MODEL_CASES) == 1
    for case in MODEL_CASES:
        assert all(name in case.text for name in case.known)


def test_languages_by_their_common_words() -> None:
    assert speaks("English", "It is fine.") is True
    assert speaks("German", "It looks fine.") is False
    assert speaks("Klingon", "x") is None
