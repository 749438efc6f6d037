"""Runs of flux that several pull requests share: the base renders, and for a short time the base diffs.

Two reviews that ask for the same run at the same time wait for one. Bounded by number and by
bytes; the oldest go first.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from gitops_bot.journeys.one_at_a_time import OneAtATime
from gitops_bot.models.changes import FluxOutcome

# Bytes of an outcome that is kept: one pull request must not fill the memory, nor push out what others share.
_LARGEST = 1 << 20
# Seconds to wait for somebody else who makes the same.
_PATIENCE = 5.0


@dataclass(frozen=True)
class _Kept:
    outcome: FluxOutcome
    at: datetime


class SharedRuns:
    """Outcomes by key, each made once."""

    def __init__(self, clock: Callable[[], datetime], *, most_bytes: int = 32 << 20) -> None:
        self._clock = clock
        self._most_bytes = most_bytes
        self._bytes = 0
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._makers = OneAtATime()
        self._large = asyncio.Lock()

    async def get(
        self, key: str, make: Callable[[], Awaitable[FluxOutcome]], *, fresh_for: timedelta | None = None
    ) -> FluxOutcome:
        """Give the outcome kept under ``key``, or make it.

        ``fresh_for`` None: it never ages, as a render that is a function of its key.
        """
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(_PATIENCE):
                    await stack.enter_async_context(self._makers.alone(key))
            except TimeoutError:
                # Whoever makes it may be stuck with something of their own: nobody waits for them.
                pass
            kept = self._kept.get(key)
            if kept is not None and (fresh_for is None or self._clock() - kept.at < fresh_for):
                self._kept.move_to_end(key)
                return kept.outcome
            outcome = await make()
            # A failure may be over the next time: it is told to who asked, not kept.
            if outcome.usable and len(outcome.text) <= _LARGEST:
                self._keep(key, outcome)
            return outcome

    @asynccontextmanager
    async def reading(self, *outcomes: FluxOutcome | None) -> AsyncIterator[None]:
        """Read large texts one after the other: what is built of them takes many times their size."""
        if sum(len(outcome.text) for outcome in outcomes if outcome is not None) <= _LARGEST:
            yield
            return
        async with self._large:
            yield

    def _keep(self, key: str, outcome: FluxOutcome) -> None:
        old = self._kept.pop(key, None)
        if old is not None:
            self._bytes -= len(old.outcome.text)
        self._kept[key] = _Kept(outcome, self._clock())
        self._bytes += len(outcome.text)
        while self._bytes > self._most_bytes and self._kept:
            _, gone = self._kept.popitem(last=False)
            self._bytes -= len(gone.outcome.text)
