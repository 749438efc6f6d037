"""Read and write the rows. Every write is one transaction; nothing is kept in memory."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Table, and_, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Row
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gitops_bot.errors import StoreError
from gitops_bot.models.chat import Click
from gitops_bot.models.pull_requests import PullRequest, Repository
from gitops_bot.models.records import (
    Decision,
    Effect,
    EffectState,
    Progress,
    PullRequestRecord,
    StoredClick,
    StoredReport,
)
from gitops_bot.models.reports import Report
from gitops_bot.store import tables
from gitops_bot.store.decisions import AuditTrail
from gitops_bot.store.gates import GateRecords
from gitops_bot.store.opinions import OpinionRecords
from gitops_bot.store.outcomes import OutcomeRecords
from gitops_bot.store.replies import ReplyRecords
from gitops_bot.store.rows import readable
from gitops_bot.store.spend import SpendRecords
from gitops_bot.store.votes import VoteRecords

_PULL_REQUEST = TypeAdapter(PullRequest)
_REPORT = TypeAdapter(Report)
_CLICK = TypeAdapter(Click)


# Kinds of effects of which each click, or each commit, makes some more.
_SAID_ONCE = ("status", "whisper", "command", "diagnosis", "problem")


class Store:
    """The store. Errors of the database come out as StoreError."""

    def __init__(self, engine: AsyncEngine, audit_anchors: Path | None = None) -> None:
        self._engine = engine
        self.audit = AuditTrail(self._transaction, audit_anchors)
        self.outcomes = OutcomeRecords(self._transaction, self._put)
        self.opinions = OpinionRecords(self._transaction, self._put)
        self.replies = ReplyRecords(self._transaction, self._put)
        self.gates = GateRecords(self._transaction, self._put)
        self.spend = SpendRecords(self._transaction)
        self._insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert
        self.votes = VoteRecords(self._transaction, self._insert)

    async def close(self) -> None:
        """Close all connections."""
        await self._engine.dispose()

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncConnection]:
        try:
            async with self._engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            words = str(getattr(error, "orig", None) or error).split("\n", maxsplit=1)[0]
            raise StoreError(f"The database does not answer as it should: {words}") from error

    async def _put(self, table: Table, values: Mapping[str, Any], *, connection: AsyncConnection | None = None) -> None:
        """Insert a row, or replace every other column of the one with the same primary key."""
        keys = [column.name for column in table.primary_key.columns]
        statement = self._insert(table).values(**values)
        rest = {name: statement.excluded[name] for name in values if name not in keys}
        statement = statement.on_conflict_do_update(index_elements=keys, set_=rest)
        if connection is not None:
            await connection.execute(statement)
            return
        async with self._transaction() as own:
            await own.execute(statement)

    async def _first(self, table: Table, condition: ColumnElement[bool]) -> Row[Any] | None:
        async with self._transaction() as connection:
            return (await connection.execute(select(table).where(condition))).first()

    # Repositories

    async def first_listed_at(self, repository: Repository) -> datetime | None:
        """When the pull requests open at the first look were listed; None: this is the first look."""
        row = await self._first(tables.repositories, tables.repositories.c.key == repository.key)
        moment: datetime | None = row.first_listed_at if row else None
        return moment

    async def remember_first_list(self, repository: Repository, at: datetime) -> None:
        """Write down that the first look at a repository is over."""
        await self._put(
            tables.repositories, {"key": repository.key, "full_name": str(repository), "first_listed_at": at}
        )

    async def keepsake(self, name: str) -> Mapping[str, Any]:
        """What was kept under a name; empty when nothing was."""
        row = await self._first(tables.keepsakes, tables.keepsakes.c.name == name)
        return dict(row.content) if row else {}

    async def keep(self, name: str, content: Mapping[str, Any]) -> None:
        """Keep a JSON object over a restart."""
        await self._put(tables.keepsakes, {"name": name, "content": dict(content)})

    async def drop(self, name: str) -> None:
        """Keep it no longer."""
        async with self._transaction() as connection:
            await connection.execute(delete(tables.keepsakes).where(tables.keepsakes.c.name == name))

    # Pull requests

    async def pull_request(self, key: str) -> PullRequestRecord | None:
        """One pull request by its key."""
        row = await self._first(tables.pull_requests, tables.pull_requests.c.key == key)
        return _record(row) if row else None

    async def open_pull_requests(self, repository: Repository) -> tuple[PullRequestRecord, ...]:
        """Those of a repository that were open when last seen."""
        table = tables.pull_requests
        async with self._transaction() as connection:
            rows = await connection.execute(
                select(table).where(and_(table.c.repository == repository.key, table.c.open)).order_by(table.c.number)
            )
        return tuple(record for row in rows if (record := _record(row)))

    async def all_open_pull_requests(self) -> tuple[PullRequestRecord, ...]:
        """Those of every repository that were open when last seen."""
        table = tables.pull_requests
        async with self._transaction() as connection:
            rows = await connection.execute(select(table).where(table.c.open).order_by(table.c.key))
        return tuple(record for row in rows if (record := _record(row)))

    async def save_pull_request(self, record: PullRequestRecord, at: datetime) -> None:
        """Insert or replace."""
        pull = record.pull_request
        await self._put(
            tables.pull_requests,
            {
                "key": pull.key,
                "repository": pull.repository.key,
                "number": pull.number,
                "open": pull.state == "open",
                "snapshot": _PULL_REQUEST.dump_python(pull, mode="json"),
                "base_tip": record.base_tip,
                "progress": record.progress.value,
                "work_key": record.work_key,
                "report_id": record.report_id,
                "lacks_a_cluster": record.lacks_a_cluster,
                "looked_at": record.looked_at,
                "failures": record.failures,
                "problem": record.problem,
                "changed_at": at,
            },
        )

    # Reports

    async def save_report(self, stored: StoredReport, work_key: str) -> None:
        """Keep a report under its id."""
        report = stored.report
        await self._put(
            tables.reports,
            {
                "id": stored.report_id,
                "pull_request": report.pull_request.key,
                "head": report.pull_request.head_sha,
                "base_tip": report.base_tip,
                "work_key": work_key,
                "digest": report.digest,
                "verdict": report.verdict.value,
                "content": _REPORT.dump_python(report, mode="json"),
                "made_at": report.looked_at,
            },
        )

    async def report(self, report_id: str) -> StoredReport | None:
        """A report by the id that a button carries."""
        row = await self._first(tables.reports, tables.reports.c.id == report_id)
        report = readable(_REPORT, row.content, f"report {row.id}") if row else None
        return StoredReport(report_id, report) if report else None

    async def shown_reports(self) -> tuple[Report, ...]:
        """The newest report of every open pull request."""
        reports, pulls = tables.reports, tables.pull_requests
        shown = select(pulls.c.report_id).where(pulls.c.open)
        async with self._transaction() as connection:
            rows = await connection.execute(
                select(reports.c.id, reports.c.content).where(reports.c.id.in_(shown)).order_by(reports.c.id)
            )
        found = (readable(_REPORT, row.content, f"report {row.id}") for row in rows)
        return tuple(report for report in found if report)

    # Effects

    async def effect(self, kind: str, target: str) -> Effect | None:
        """What is known of an effect."""
        table = tables.effects
        row = await self._first(table, and_(table.c.kind == kind, table.c.target == target))
        return Effect(row.kind, row.target, row.digest, EffectState(row.state), row.remote) if row else None

    async def save_effect(self, effect: Effect, at: datetime) -> None:
        """Write down that an effect is begun (before it happens) or done (after)."""
        await self._put(
            tables.effects,
            {
                "kind": effect.kind,
                "target": effect.target,
                "digest": effect.digest,
                "state": effect.state.value,
                "remote": dict(effect.remote),
                "changed_at": at,
            },
        )

    async def effects(self, kind: str) -> tuple[Effect, ...]:
        """All that is known of one kind, by target."""
        table = tables.effects
        async with self._transaction() as connection:
            rows = await connection.execute(select(table).where(table.c.kind == kind).order_by(table.c.target))
        return tuple(Effect(row.kind, row.target, row.digest, EffectState(row.state), row.remote) for row in rows)

    async def forget_effect(self, kind: str, target: str) -> None:
        """It is not there any more."""
        table = tables.effects
        async with self._transaction() as connection:
            await connection.execute(delete(table).where(and_(table.c.kind == kind, table.c.target == target)))

    # Clicks and decisions

    async def save_click(self, click: Click, at: datetime) -> bool:
        """Keep a click; False when it is known already (a replay)."""
        statement = self._insert(tables.clicks).values(
            key=click.key, content=_CLICK.dump_python(click, mode="json"), received_at=at, outcome=""
        )
        async with self._transaction() as connection:
            # RETURNING and not the row count, which psycopg does not know for an INSERT like this one.
            returning = statement.on_conflict_do_nothing(index_elements=["key"]).returning(tables.clicks.c.key)
            new = (await connection.execute(returning)).first()
        return new is not None

    async def waiting_clicks(self) -> tuple[StoredClick, ...]:
        """Clicks that were not carried out yet, oldest first."""
        table = tables.clicks
        async with self._transaction() as connection:
            rows = await connection.execute(select(table).where(table.c.outcome == "").order_by(table.c.received_at))
        found = ((readable(_CLICK, row.content, f"click {row.key}"), row.received_at) for row in rows)
        return tuple(StoredClick(click, received_at) for click, received_at in found if click)

    async def finish_click(self, key: str, outcome: str) -> None:
        """Write down what became of a click."""
        async with self._transaction() as connection:
            await connection.execute(
                update(tables.clicks).where(tables.clicks.c.key == key).values(outcome=outcome or "done")
            )

    async def record_decision(self, decision: Decision) -> None:
        """Add a decision to the audit trail; nothing is ever changed there."""
        await self.audit.add(decision)

    async def decisions(self, pull_request: str) -> tuple[Decision, ...]:
        """All decisions on a pull request, oldest first."""
        return await self.audit.of(pull_request)

    async def forget_before(self, moment: datetime) -> int:
        """Delete reports and clicks from before ``moment`` (the newest report of an open pull request stays).

        With them what was said once and is never asked for again; a status that still stands is written once more.
        """
        reports, clicks, pulls, effects = tables.reports, tables.clicks, tables.pull_requests, tables.effects
        shown = select(pulls.c.report_id).where(pulls.c.open)
        async with self._transaction() as connection:
            gone = await connection.execute(
                delete(reports).where(and_(reports.c.made_at < moment, reports.c.id.not_in(shown)))
            )
            pressed = await connection.execute(
                delete(clicks).where(and_(clicks.c.received_at < moment, clicks.c.outcome != ""))
            )
            await connection.execute(
                delete(effects).where(and_(effects.c.changed_at < moment, effects.c.kind.in_(_SAID_ONCE)))
            )
        return gone.rowcount + pressed.rowcount


def _record(row: Row[Any]) -> PullRequestRecord | None:
    pull = readable(_PULL_REQUEST, row.snapshot, f"pull request {row.key}")
    if pull is None:
        return None
    return PullRequestRecord(
        pull_request=pull,
        base_tip=row.base_tip,
        progress=Progress(row.progress),
        work_key=row.work_key,
        report_id=row.report_id,
        lacks_a_cluster=row.lacks_a_cluster,
        looked_at=row.looked_at,
        failures=row.failures,
        problem=row.problem,
    )
