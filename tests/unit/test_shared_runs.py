"""Runs that several pull requests share: made once, but nobody waits long for somebody else."""

import asyncio
from datetime import UTC, datetime

import pytest

from gitops_bot.journeys import shared_runs
from gitops_bot.journeys.shared_runs import SharedRuns
from gitops_bot.models.changes import FluxOutcome, OutcomeStatus


def outcome(text: str) -> FluxOutcome:
    return FluxOutcome(OutcomeStatus.UNCHANGED, text=text)


async def test_two_that_ask_at_once_get_one_run() -> None:
    runs, made, let_go = SharedRuns(lambda: datetime.now(UTC)), [], asyncio.Event()

    async def make() -> FluxOutcome:
        made.append(1)
        await let_go.wait()
        return outcome("one")

    first, second = (asyncio.create_task(runs.get("key", make)) for _ in range(2))
    await asyncio.sleep(0)
    let_go.set()
    assert await first == await second == outcome("one")
    assert made == [1]


async def test_who_waits_too_long_makes_it_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_runs, "_PATIENCE", 0.05)
    runs, never = SharedRuns(lambda: datetime.now(UTC)), asyncio.Event()

    async def stuck() -> FluxOutcome:
        await never.wait()
        return outcome("late")

    async def make() -> FluxOutcome:
        return outcome("in time")

    slow = asyncio.create_task(runs.get("key", stuck))
    await asyncio.sleep(0)
    assert await runs.get("key", make) == outcome("in time")
    assert not slow.done()
    slow.cancel()
    await asyncio.gather(slow, return_exceptions=True)
    assert await runs.get("key", stuck) == outcome("in time")
