"""Whether people found opinions useful: one answer for each person and opinion, as long as the opinion is kept."""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import and_, select

from gitops_bot.models.opinions import Vote, Votes
from gitops_bot.store.outcomes import Transaction
from gitops_bot.store.tables import opinion_votes as table


class VoteRecords:
    """One row for each person and opinion."""

    # Any: the insert of the database's own dialect, which alone knows conflicts.
    def __init__(self, transaction: Transaction, insert: Callable[..., Any]) -> None:
        self._transaction = transaction
        self._insert = insert

    async def save(self, vote: Vote) -> None:
        """Keep an answer, unless the same person has given a newer one: clicks may be carried out in any order."""
        values = {
            "pull_request": vote.pull_request,
            "digest": vote.digest,
            "slack_user": vote.slack_user,
            "useful": vote.useful,
            "at": vote.at,
        }
        statement = self._insert(table).values(**values)
        statement = statement.on_conflict_do_update(
            index_elements=[column.name for column in table.primary_key.columns],
            set_={name: statement.excluded[name] for name in ("useful", "at")},
            where=table.c.at <= statement.excluded.at,
        )
        async with self._transaction() as connection:
            await connection.execute(statement)

    async def of(self, pull_request: str, digest: str) -> Votes:
        """Count the answers on one opinion."""
        async with self._transaction() as connection:
            rows = await connection.execute(
                select(table.c.useful).where(and_(table.c.pull_request == pull_request, table.c.digest == digest))
            )
        return _counted([row.useful for row in rows])

    async def all(self) -> Mapping[tuple[str, str], Votes]:
        """Count the answers on every opinion, by pull request (its key) and digest."""
        async with self._transaction() as connection:
            rows = await connection.execute(select(table.c.pull_request, table.c.digest, table.c.useful))
        found: dict[tuple[str, str], list[bool]] = {}
        for row in rows:
            found.setdefault((row.pull_request, row.digest), []).append(row.useful)
        return {opinion: _counted(given) for opinion, given in found.items()}


def _counted(given: list[bool]) -> Votes:
    return Votes(useful=sum(given), not_useful=len(given) - sum(given))
