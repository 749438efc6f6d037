"""The tour holds with a bot that is right, and fails with one that is wrong in one way."""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from real_cluster import running_world

from gitops_bot.sandbox.tour import Row, Tour

CANNED_BOT = Path(__file__).parent.parent / "support" / "canned_bot.py"

pytestmark = pytest.mark.timeout(600)


async def play(world: dict[str, Any], folder: Path, fault: str, patience: float) -> list[Row]:
    description = folder / "world.json"
    description.write_text(json.dumps(world))
    bot = await asyncio.create_subprocess_exec(sys.executable, CANNED_BOT, description, fault)
    try:
        tour = Tour(world, say=lambda _text: None, patience=patience, suffix=f"-{fault}-{time.time_ns()}")
        return list(await tour.play())
    finally:
        bot.kill()
        await bot.wait()


def failed(rows: list[Row]) -> set[str]:
    return {row.what.strip().partition(":")[0] for row in rows if not row.held}


async def test_it_holds_with_a_bot_that_is_right(world: dict[str, Any], tmp_path: Path) -> None:
    rows = await play(world, tmp_path, "none", 90)
    assert [row for row in rows if not row.held] == []
    assert len(rows) == 33


@pytest.mark.parametrize(
    ("fault", "noticed"),
    [
        (
            "no-changes",
            {
                "says what changes",
                "counts only that",
                "gives the API server's reason",
                "it has the diff",
                "from a fork",
            },
        ),
        ("twice", {"a real change", "refused by the cluster", "At the end"}),
        (
            "deaf",
            {"Click on comment", "Click on approve", "the message says who did it", "Click on run", "Click on useful"},
        ),
        ("talkative", {"At the end"}),
        ("lenient", {"Click on approve by the author", "what a model thinks", "another, that also widens rights"}),
    ],
)
async def test_it_fails_with_a_bot_that_is_wrong(
    world: dict[str, Any], tmp_path: Path, fault: str, noticed: set[str]
) -> None:
    # It answers at once, or is wrong: nothing is gained by waiting for longer.
    rows = await play(world, tmp_path, fault, 3)
    missed = {word for word in noticed if not any(word in what for what in failed(rows))}
    assert missed == set()


async def test_it_fails_without_a_bot(world: dict[str, Any]) -> None:
    tour = Tour(world, say=lambda _text: None, patience=1, suffix=f"-nobody-{time.time_ns()}")
    rows = await tour.play()
    assert {row.what for row in rows if row.held}.isdisjoint({"  says what changes", "  gives the API server's reason"})
    assert len(failed(rows)) > 5


async def test_the_shipped_bot_passes_as_a_person_starts_it(tmp_path: Path) -> None:
    with running_world(tmp_path / "state", "--with-bot") as world:
        rows = await Tour(world, say=lambda _text: None, patience=120).play()
    assert [row for row in rows if not row.held] == []
