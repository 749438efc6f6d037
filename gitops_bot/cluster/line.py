"""A connection that is opened when it is needed, shared, and opened anew after a failure."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from gitops_bot.cluster.connection import Connection
from gitops_bot.errors import ClusterUnavailable


@dataclass
class _Open:
    connection: Connection
    users: int = 0
    # Nobody new gets it; the last user closes it.
    retired: bool = False


class Line:
    """Certificates and tokens are replaced over time: whoever fails leaves a new connection to the next."""

    def __init__(self, connect: Callable[[], Awaitable[Connection]]) -> None:
        """Open nothing yet."""
        self._connect = connect
        self._connecting = asyncio.Lock()
        self._current: _Open | None = None

    @asynccontextmanager
    async def use(self) -> AsyncIterator[Connection]:
        """Lend the connection; a failure to reach the cluster retires it."""
        async with self._connecting:
            if self._current is None:
                self._current = _Open(await self._connect())
            lent = self._current
            lent.users += 1
        try:
            yield lent.connection
        except ClusterUnavailable:
            await self._retire(lent)
            raise
        finally:
            lent.users -= 1
            await self._close_if_unused(lent)

    async def renew(self) -> None:
        """Let the next user have a new connection."""
        if self._current is not None:
            await self._retire(self._current)

    async def _retire(self, lent: _Open) -> None:
        lent.retired = True
        if self._current is lent:
            self._current = None
        await self._close_if_unused(lent)

    async def _close_if_unused(self, lent: _Open) -> None:
        if lent.retired and not lent.users:
            await lent.connection.close()
