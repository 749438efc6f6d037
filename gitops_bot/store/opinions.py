"""Opinions of language models: one for each report, by its digest."""

from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy import and_, delete, select

from gitops_bot.models.opinions import Opinion
from gitops_bot.store.outcomes import Put, Transaction
from gitops_bot.store.rows import readable
from gitops_bot.store.tables import opinion_votes
from gitops_bot.store.tables import opinions as table

_OPINION = TypeAdapter(Opinion)


class OpinionRecords:
    """One row for each report that a model was shown."""

    def __init__(self, transaction: Transaction, put: Put) -> None:
        self._transaction = transaction
        self._put = put

    async def of(self, pull_request: str, digest: str) -> Opinion | None:
        """What a model said of this report; None when none was asked, or it cannot be read any more."""
        async with self._transaction() as connection:
            rows = await connection.execute(
                select(table.c.content).where(and_(table.c.pull_request == pull_request, table.c.digest == digest))
            )
            row = rows.first()
        return readable(_OPINION, row.content, f"opinion on {pull_request}") if row is not None else None

    async def since(self, moment: datetime) -> tuple[Opinion, ...]:
        """All opinions from ``moment`` on that can be read, the oldest first."""
        async with self._transaction() as connection:
            rows = await connection.execute(
                select(table.c.pull_request, table.c.content)
                .where(table.c.at >= moment)
                .order_by(table.c.at, table.c.pull_request, table.c.digest)
            )
        found = (readable(_OPINION, row.content, f"opinion on {row.pull_request}") for row in rows)
        return tuple(opinion for opinion in found if opinion)

    async def save(self, opinion: Opinion) -> None:
        """Insert or replace."""
        await self._put(
            table,
            {
                "pull_request": opinion.pull_request,
                "digest": opinion.digest,
                "content": _OPINION.dump_python(opinion, mode="json"),
                "at": opinion.at,
            },
        )

    async def forget_before(self, moment: datetime) -> None:
        """Delete those from before ``moment``, and what people thought of them."""
        about = and_(table.c.pull_request == opinion_votes.c.pull_request, table.c.digest == opinion_votes.c.digest)
        async with self._transaction() as connection:
            await connection.execute(delete(table).where(table.c.at < moment))
            await connection.execute(delete(opinion_votes).where(~select(table.c.digest).where(about).exists()))
