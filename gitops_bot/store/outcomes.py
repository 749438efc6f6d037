"""What became of merged pull requests, until nobody asks any more: the accuracy of reports is made of it."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gitops_bot.models.outcomes import Outcome, OutcomeState
from gitops_bot.store.tables import outcomes as table

_OUTCOME = TypeAdapter(Outcome)

Transaction = Callable[[], AbstractAsyncContextManager[AsyncConnection]]
Put = Callable[[Table, Mapping[str, Any]], Awaitable[None]]


class OutcomeRecords:
    """One row for each Kustomization of a merged pull request."""

    def __init__(self, transaction: Transaction, put: Put) -> None:
        self._transaction = transaction
        self._put = put

    async def save(self, outcome: Outcome) -> None:
        """Insert or replace."""
        await self._put(
            table,
            {
                "pull_request": outcome.pull_request,
                "cluster": outcome.id.cluster,
                "namespace": outcome.id.namespace,
                "name": outcome.id.name,
                "state": outcome.state.value,
                "content": _OUTCOME.dump_python(outcome, mode="json"),
                "since": outcome.since,
            },
        )

    async def waiting(self) -> tuple[Outcome, ...]:
        """Those that Flux has not applied yet, oldest first."""
        return await self._select(table.c.state.in_([state.value for state in OutcomeState if not state.final]))

    async def of(self, pull_request: str) -> tuple[Outcome, ...]:
        """All of a pull request (by its key)."""
        return await self._select(table.c.pull_request == pull_request)

    async def all(self) -> tuple[Outcome, ...]:
        """All, oldest first."""
        return await self._select(table.c.state != "")

    async def _select(self, condition: ColumnElement[bool]) -> tuple[Outcome, ...]:
        async with self._transaction() as connection:
            rows = await connection.execute(
                select(table.c.content)
                .where(condition)
                .order_by(table.c.since, table.c.cluster, table.c.namespace, table.c.name)
            )
        return tuple(_OUTCOME.validate_python(row.content) for row in rows)
