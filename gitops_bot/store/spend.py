"""What language models used: reserved before a call, settled after it. What a crash leaves stays counted in full."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime

from sqlalchemy import ColumnElement, and_, delete, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gitops_bot.models.opinions import SpendLimits, Usage
from gitops_bot.store.tables import spend as table

Transaction = Callable[[], AbstractAsyncContextManager[AsyncConnection]]

_RESERVED, _SETTLED, _LOST = "reserved", "settled", "lost"


class SpendRecords:
    """One row for each call."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._one_at_a_time = asyncio.Lock()

    async def reserve(
        self, pull_request: str, model: str, expected: Usage, *, at: datetime, limits: SpendLimits
    ) -> int | str:
        """Set aside what a call may use at most; its number, or the limit that forbids it in words."""
        async with self._one_at_a_time, self._transaction() as connection:
            if connection.dialect.name == "postgresql":
                # Another process reserves at the same moment. SQLite has one writer at a time anyway.
                await connection.execute(text("LOCK TABLE spend IN EXCLUSIVE MODE"))
            row = table.insert().values(
                pull_request=pull_request,
                model=model,
                state=_RESERVED,
                calls=expected.calls,
                prompt_tokens=expected.prompt_tokens,
                answer_tokens=expected.answer_tokens,
                money=expected.money,
                at=at,
            )
            number: int = (await connection.execute(row.returning(table.c.id))).scalar_one()
            month = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
            day = at.replace(hour=0, minute=0, second=0, microsecond=0)
            for span, most, condition in (
                ("pull request", limits.pull_request, table.c.pull_request == pull_request),
                ("day", limits.day, table.c.at >= day),
                ("month", limits.month, table.c.at >= month),
            ):
                if passed := most.exceeded_by(await _sum(connection, condition)):
                    await connection.execute(delete(table).where(table.c.id == number))
                    return f"the limit for one {span} would be passed: {passed}"
            return number

    async def settle(self, number: int, used: Usage) -> None:
        """Replace what was set aside by what was used."""
        async with self._transaction() as connection:
            await connection.execute(
                update(table)
                .where(and_(table.c.id == number, table.c.state == _RESERVED))
                .values(
                    state=_SETTLED,
                    calls=used.calls,
                    prompt_tokens=used.prompt_tokens,
                    answer_tokens=used.answer_tokens,
                    money=used.money,
                )
            )

    async def settle_left(self, before: datetime) -> int:
        """Close what was reserved before ``before`` and never settled: nobody knows what it used. Gives the number."""
        async with self._transaction() as connection:
            closed = await connection.execute(
                update(table)
                .where(and_(table.c.state == _RESERVED, table.c.at < before))
                .values(state=_LOST)
                .returning(table.c.id)
            )
            return len(closed.all())

    async def used(self, since: datetime, pull_request: str = "") -> Usage:
        """Add up what was used or is reserved since a moment, by all pull requests or by one (its key)."""
        condition = table.c.at >= since
        if pull_request:
            condition = and_(condition, table.c.pull_request == pull_request)
        async with self._transaction() as connection:
            return await _sum(connection, condition)

    async def forget_before(self, moment: datetime) -> None:
        """Delete what is older; the limits of its pull requests begin anew."""
        async with self._transaction() as connection:
            await connection.execute(delete(table).where(and_(table.c.at < moment, table.c.state != _RESERVED)))


async def _sum(connection: AsyncConnection, condition: ColumnElement[bool]) -> Usage:
    columns = (table.c.calls, table.c.prompt_tokens, table.c.answer_tokens, table.c.money)
    found = await connection.execute(select(*(func.coalesce(func.sum(one), 0) for one in columns)).where(condition))
    calls, prompt_tokens, answer_tokens, money = found.one()
    return Usage(int(calls), int(prompt_tokens), int(answer_tokens), float(money))
