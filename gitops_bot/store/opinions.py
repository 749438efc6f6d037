"""Opinions of language models: one for each report, by its digest."""

from datetime import datetime

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import and_, delete, select

from gitops_bot import telemetry
from gitops_bot.models.opinions import Opinion
from gitops_bot.store.outcomes import Put, Transaction
from gitops_bot.store.tables import opinions as table

_OPINION = TypeAdapter(Opinion)

log = telemetry.logger(__name__)


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
        if row is None:
            return None
        try:
            return _OPINION.validate_python(row.content)
        except ValidationError:
            # Its own text quotes the row.
            log.error("an opinion in the database cannot be read", pull_request=pull_request)  # noqa: TRY400 # see above
            return None

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
        """Delete those from before ``moment``."""
        async with self._transaction() as connection:
            await connection.execute(delete(table).where(table.c.at < moment))
