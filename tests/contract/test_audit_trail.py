"""Somebody with access to the database changes the audit trail: the row is named."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine
from typer.testing import CliRunner

import gitops_bot.store
from gitops_bot.cli import app
from gitops_bot.models.records import Decision
from gitops_bot.rules.audit import broken
from gitops_bot.store import Store, open_store

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def decision(number: int) -> Decision:
    at = NOON + timedelta(minutes=number)
    return Decision(
        f"acme/fleet#{number}", "approve", "done", "U2", "bob", "a" * 40, "r1", f"k{number}", at, "it counts", "d1"
    )


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "gitops-bot.sqlite"


@pytest.fixture
async def store(database: Path) -> AsyncIterator[Store]:
    opened = await open_store(f"sqlite+aiosqlite:///{database}", audit_anchors=database.with_name("anchors.jsonl"))
    for number in range(1, 6):
        await opened.record_decision(decision(number))
    yield opened
    await opened.close()


def change(database: Path, statement: str) -> None:
    connection = sqlite3.connect(database)
    with connection:
        assert connection.execute(statement).rowcount > 0
    connection.close()


async def verdict(store: Store) -> str:
    return broken(await store.audit.entries(), await store.audit.anchors())


async def test_an_untouched_trail_holds(store: Store) -> None:
    assert await verdict(store) == ""
    assert [entry.decision for entry in await store.audit.entries()] == [decision(number) for number in range(1, 6)]
    assert len(await store.audit.anchors()) == 5


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE decisions SET github_login = 'eve' WHERE id = 3", "row 3 (approve on acme/fleet#3) was edited"),
        ("UPDATE decisions SET at = '2020-01-01 00:00:00.000000' WHERE id = 2", "row 2 "),
        ("DELETE FROM decisions WHERE id = 3", "Rows between row 2 (approve on acme/fleet#2) and row 4"),
        ("DELETE FROM decisions WHERE id = 1", "Rows between the start and row 2"),
        ("DELETE FROM decisions WHERE id >= 4", "ends with row 3 (approve on acme/fleet#3)"),
        ("DELETE FROM decisions", "ends with the start"),
    ],
)
async def test_what_somebody_did_to_the_database_is_named(
    store: Store, database: Path, statement: str, words: str
) -> None:
    change(database, statement)
    assert words in await verdict(store)


async def test_a_trail_that_was_forged_anew_disagrees_with_what_was_written_down_elsewhere(
    store: Store, tmp_path: Path
) -> None:
    forged = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'forged.sqlite'}")
    for number in range(1, 6):
        await forged.record_decision(replace(decision(number), github_login="eve" if number == 2 else "bob"))
    entries = await forged.audit.entries()
    await forged.close()
    assert broken(entries) == ""
    assert "all were rewritten" in broken(entries, await store.audit.anchors())


async def test_two_processes_add_to_one_chain(store: Store, database: Path) -> None:
    other = await open_store(f"sqlite+aiosqlite:///{database}", audit_anchors=database.with_name("anchors.jsonl"))
    both = [store, other] * 20
    await asyncio.gather(*(one.record_decision(decision(number)) for number, one in enumerate(both, start=10)))
    await other.close()
    assert len(await store.audit.entries()) == len(await store.audit.anchors()) == 45
    assert await verdict(store) == ""


async def test_a_decision_that_is_made_again_after_a_crash_is_one_row(store: Store) -> None:
    await store.record_decision(replace(decision(5), message="again"))
    assert len(await store.audit.entries()) == 5
    assert await verdict(store) == ""


async def test_an_anchor_that_a_stop_left_half_written_spoils_nothing(store: Store, database: Path) -> None:
    with database.with_name("anchors.jsonl").open("a", encoding="utf-8") as anchors:
        anchors.write('{"row": 6, "dig')
    assert await verdict(store) == ""
    await store.record_decision(decision(6))
    assert await verdict(store) == ""
    assert len(await store.audit.anchors()) == 6


async def test_rows_from_before_the_chain_are_chained_by_the_migration(tmp_path: Path) -> None:
    database = tmp_path / "old.sqlite"
    migrations = Config()
    migrations.set_main_option("script_location", str(Path(gitops_bot.store.__file__).with_name("migrations")))
    engine = create_engine(f"sqlite:///{database}")
    with engine.begin() as connection:
        migrations.attributes["connection"] = connection
        command.upgrade(migrations, "0001")
    engine.dispose()
    old = sqlite3.connect(database)
    with old:
        for number in (1, 2):
            row = ("acme/fleet#1", "approve", "done", "U2", "bob", "a", "r", f"k{number}", "ü", "2026-11-21 12:00:00.5")
            old.execute(
                'INSERT INTO decisions (pull_request, "action", outcome, slack_user, github_login, "commit", '
                "report_id, click, message, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )
    old.close()
    store = await open_store(f"sqlite+aiosqlite:///{database}")
    await store.record_decision(decision(3))
    entries = await store.audit.entries()
    await store.close()
    assert len(entries) == 3
    assert broken(entries) == ""


def test_the_command_lists_exports_and_verifies(tmp_path: Path) -> None:
    database = tmp_path / "gitops-bot.sqlite"
    settings = tmp_path / "settings.yaml"
    settings.write_text(f"clusters: [{{name: production}}]\nstore: {{folder: {tmp_path}}}\n", encoding="utf-8")

    async def fill() -> None:
        store = await open_store(f"sqlite+aiosqlite:///{database}", audit_anchors=tmp_path / "audit-anchors.jsonl")
        for number in range(1, 6):
            await store.record_decision(decision(number))
        await store.close()

    asyncio.run(fill())
    run = CliRunner()
    listed = run.invoke(app, ["audit", "--settings", str(settings)])
    assert listed.exit_code == 0
    assert "approve acme/fleet#5 at aaaaaaa" in listed.output
    exported = run.invoke(app, ["audit", "--settings", str(settings), "--person", "BOB", "--output", "json"])
    rows = [json.loads(line) for line in exported.output.splitlines()]
    assert [row["pull_request"] for row in rows] == [f"acme/fleet#{number}" for number in range(1, 6)]
    assert rows[1]["previous"] == rows[0]["digest"]
    good = run.invoke(app, ["audit", "verify", "--settings", str(settings)])
    assert (good.exit_code, "5 rows" in good.output) == (0, True)
    change(database, "DELETE FROM decisions WHERE id = 5")
    bad = run.invoke(app, ["audit", "verify", "--settings", str(settings)])
    assert bad.exit_code == 1
    assert "cut off" in " ".join(bad.output.split())
