"""The audit trail: decisions are added, chained, and never changed."""

import asyncio
import fcntl
import json
import random
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import Row
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from gitops_bot import telemetry
from gitops_bot.errors import StoreError
from gitops_bot.models.records import AuditEntry, Decision
from gitops_bot.rules import audit
from gitops_bot.store.tables import decisions as table

log = telemetry.logger(__name__)

Transaction = Callable[[], AbstractAsyncContextManager[AsyncConnection]]

# Another replica may add a row in the same moment: then ours follows that one.
_MOST_TRIES = 20
# Seconds between two tries; the first ones are as short as a row takes.
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.005, 0.5


class AuditTrail:
    """Decisions in the order in which they were made.

    ``anchors`` is a file to which the digest of every new row is added: a second place, so that rows
    which somebody cuts off at the end, or rewrites with all that follow, are missed.
    """

    def __init__(self, transaction: Transaction, anchors: Path | None = None) -> None:
        self._transaction = transaction
        self._anchors = anchors
        # In this process one follows the other; between processes the unique column ``previous`` decides.
        self._one_at_a_time = asyncio.Lock()

    async def add(self, decision: Decision) -> AuditEntry | None:
        """Add a decision at the end; None when its click has one already (it was carried out again after a crash)."""
        async with self._one_at_a_time:
            entry = await _again_when_overtaken(lambda: self._add(decision))
            if entry is None:
                return None
            # The log leaves this machine: the newest digest lies where the database's owner cannot change it.
            log.info("decision recorded", row=entry.number, action=decision.action, digest=entry.digest)
            await self._anchor(entry)
            return entry

    async def _add(self, decision: Decision) -> AuditEntry | None:
        async with self._transaction() as connection:
            known = select(table.c.id).where(table.c.click == decision.click)
            if (await connection.execute(known)).first() is not None:
                return None
            newest = await connection.execute(select(table.c.digest).order_by(table.c.id.desc()).limit(1))
            previous = newest.scalar_one_or_none() or audit.START
            digest = audit.digest(previous, decision)
            values = {name: getattr(decision, name) for name in Decision.__dataclass_fields__}
            statement = table.insert().values(**values, previous=previous, digest=digest).returning(table.c.id)
            number = (await connection.execute(statement)).scalar_one()
        return AuditEntry(number, decision, previous, digest)

    async def _anchor(self, entry: AuditEntry) -> None:
        if self._anchors is None:
            return
        line = json.dumps({"row": entry.number, "at": entry.decision.at.isoformat(), "digest": entry.digest})
        try:
            await asyncio.to_thread(_append, self._anchors, line)
        except OSError as error:
            # The decision stands; only the second place lacks it.
            log.warning("could not write an anchor of the audit trail", file=str(self._anchors), reason=error.strerror)

    async def entries(self) -> tuple[AuditEntry, ...]:
        """All rows, oldest first."""
        async with self._transaction() as connection:
            rows = await connection.execute(select(table).order_by(table.c.id))
        return tuple(AuditEntry(row.id, _decision(row), row.previous, row.digest) for row in rows)

    async def of(self, pull_request: str) -> tuple[Decision, ...]:
        """All decisions on a pull request (by its key), oldest first."""
        async with self._transaction() as connection:
            rows = await connection.execute(
                select(table).where(table.c.pull_request == pull_request).order_by(table.c.id)
            )
        return tuple(_decision(row) for row in rows)

    async def anchors(self) -> tuple[str, ...]:
        """Digests that were written to the file beside the database, oldest first; StoreError when it is damaged."""
        if self._anchors is None:
            return ()
        try:
            text = await asyncio.to_thread(self._anchors.read_text, encoding="utf-8")
        except FileNotFoundError:
            return ()
        except (OSError, UnicodeDecodeError) as error:
            raise StoreError(f"The anchors of the audit trail, {self._anchors}, cannot be read: {error}.") from error
        try:
            # A last line without its end was being written when the machine stopped.
            return tuple(str(json.loads(line)["digest"]) for line in text.split("\n")[:-1])
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(f"The anchors of the audit trail, {self._anchors}, were changed: no such line.") from error


async def _again_when_overtaken(add: Callable[[], Awaitable[AuditEntry | None]]) -> AuditEntry | None:
    for tried in range(_MOST_TRIES):
        try:
            return await add()
        except StoreError as error:
            if not isinstance(error.__cause__, IntegrityError):
                raise
        # Whoever always comes second, because the processor is busy elsewhere, has to meet the others less often.
        longest = min(_LONGEST_PAUSE, _SHORTEST_PAUSE * 2**tried)
        await asyncio.sleep(random.uniform(0, longest))  # noqa: S311 - no secret
    raise StoreError("The audit trail could not be written: others write to it all the time. Nothing was recorded.")


def _append(file: Path, line: str) -> None:
    with file.open("a+b") as opened:
        # Another process adds to it as well; closing the file gives the lock back.
        fcntl.flock(opened, fcntl.LOCK_EX)
        opened.seek(0)
        written = opened.read()
        # What a stop left half written goes: its row is in the database, and the next anchor covers it.
        opened.truncate(written.rfind(b"\n") + 1)
        opened.write(line.encode() + b"\n")


def _decision(row: Row[Any]) -> Decision:
    return Decision(**{name: getattr(row, name) for name in Decision.__dataclass_fields__})
