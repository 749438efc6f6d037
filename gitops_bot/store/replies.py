"""What language models answered when somebody asked: one answer for each report and way of asking."""

from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy import and_, delete, select

from gitops_bot.models.opinions import Asking, Reply
from gitops_bot.store.outcomes import Put, Transaction
from gitops_bot.store.rows import readable
from gitops_bot.store.tables import replies as table

_REPLY = TypeAdapter(Reply)


class ReplyRecords:
    """One row for each question."""

    def __init__(self, transaction: Transaction, put: Put) -> None:
        self._transaction = transaction
        self._put = put

    async def of(self, pull_request: str, digest: str, asking: Asking) -> Reply | None:
        """What a model answered about this report; None when nobody asked, or it cannot be read any more."""
        meant = and_(table.c.pull_request == pull_request, table.c.digest == digest, table.c.asking == asking.value)
        async with self._transaction() as connection:
            rows = await connection.execute(select(table.c.content).where(meant))
            row = rows.first()
        return readable(_REPLY, row.content, f"answer about {pull_request}") if row is not None else None

    async def save(self, reply: Reply) -> None:
        """Insert or replace."""
        await self._put(
            table,
            {
                "pull_request": reply.pull_request,
                "digest": reply.digest,
                "asking": reply.asking.value,
                "content": _REPLY.dump_python(reply, mode="json"),
                "at": reply.at,
            },
        )

    async def forget_before(self, moment: datetime) -> None:
        """Delete those from before ``moment``."""
        async with self._transaction() as connection:
            await connection.execute(delete(table).where(table.c.at < moment))
