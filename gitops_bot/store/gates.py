"""Verdicts of the gate: one for each report and rule."""

from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, and_, delete, select

from gitops_bot.models.gates import GateVerdict
from gitops_bot.store.outcomes import Put, Transaction
from gitops_bot.store.rows import readable
from gitops_bot.store.tables import gate_verdicts as table

_VERDICT = TypeAdapter(GateVerdict)


class GateRecords:
    """One row for each report that a rule of the gate was applied to."""

    def __init__(self, transaction: Transaction, put: Put) -> None:
        self._transaction = transaction
        self._put = put

    async def of(self, pull_request: str, digest: str) -> tuple[GateVerdict, ...]:
        """Every rule's verdict on this report, the oldest first."""
        return await self._select(and_(table.c.pull_request == pull_request, table.c.digest == digest))

    async def of_pull_request(self, pull_request: str) -> tuple[GateVerdict, ...]:
        """All verdicts on a pull request (by its key), the oldest first."""
        return await self._select(table.c.pull_request == pull_request)

    async def since(self, moment: datetime) -> tuple[GateVerdict, ...]:
        """All verdicts from ``moment`` on, the oldest first: what the agreement with people is counted from."""
        return await self._select(table.c.at >= moment)

    async def save(self, verdict: GateVerdict) -> None:
        """Insert or replace."""
        await self._put(
            table,
            {
                "pull_request": verdict.pull_request,
                "digest": verdict.digest,
                "rule": verdict.rule,
                "content": _VERDICT.dump_python(verdict, mode="json"),
                "at": verdict.at,
            },
        )

    async def forget_before(self, moment: datetime) -> None:
        """Delete those from before ``moment``."""
        async with self._transaction() as connection:
            await connection.execute(delete(table).where(table.c.at < moment))

    async def _select(self, condition: ColumnElement[bool]) -> tuple[GateVerdict, ...]:
        async with self._transaction() as connection:
            rows = await connection.execute(
                select(table.c.pull_request, table.c.content).where(condition).order_by(table.c.at, table.c.rule)
            )
        found = (readable(_VERDICT, row.content, f"verdict of the gate on {row.pull_request}") for row in rows)
        return tuple(verdict for verdict in found if verdict)
