"""The queue inside this process: the default.

Nothing is kept over a restart: what is missing is asked anew by the next tick, and clicks lie
in the store.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Self

from gitops_bot import telemetry
from gitops_bot.rules import fairness
from gitops_bot.rules.fairness import Claim, Room, Terms

log = telemetry.logger(__name__)

Work = Callable[[], Awaitable[None]]

# Keys whose last work took long, the newest of them.
_MOST_SLOW = 1000


@dataclass(frozen=True)
class _Waiting:
    number: int
    work: Work


class InProcessQueue:
    """Runs work by key: never two of one key side by side, a waiting one is replaced by a newer.

    Work that takes longer than ``long_after`` seconds leaves places to the rest (rules/fairness.py).

    Use as an asynchronous context manager: leaving it cancels what runs (a stop is a crash that
    was announced; the next start repairs either).
    """

    def __init__(self, *, concurrency: int, name: str = "reviews", long_after: float = float("inf")) -> None:
        """``name`` is what the metric calls it."""
        self._terms: Terms = fairness.terms_of_reviews(concurrency, long_after)
        self._length = telemetry.queue_waiting.labels(name)
        self._room = Room()
        self._numbers = 0
        self._waiting: dict[str, _Waiting] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._slow: dict[str, None] = {}
        self._looking: asyncio.TimerHandle | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False

    async def __aenter__(self) -> Self:
        """Start taking work."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Cancel what runs and forget what waits."""
        self._closed = True
        self._waiting.clear()
        if self._looking is not None:
            self._looking.cancel()
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def put(self, key: str, work: Work, *, owner: str = "") -> None:
        """Do ``work`` as soon as there is room and nothing of the same key runs. Never waits.

        Of several owners none has all places, and whoever had least lately is first.
        """
        if self._closed:
            return
        known = self._waiting.get(key)
        if known is None:
            self._numbers += 1
            self._room = fairness.asked(self._room, Claim(self._numbers, key, owner, key in self._slow))
        # A replaced piece of work keeps its place: a burst of pushes must not starve its own pull request.
        self._waiting[key] = _Waiting(known.number if known else self._numbers, work)
        self._idle.clear()
        self._start_what_can_start()

    @property
    def busy_keys(self) -> frozenset[str]:
        """Keys that wait or run."""
        return frozenset(self._waiting) | frozenset(self._running)

    async def idle(self) -> None:
        """Wait until nothing waits and nothing runs."""
        await self._idle.wait()

    def _start_what_can_start(self) -> None:
        now = asyncio.get_running_loop().time()
        while (claim := fairness.next_claim(self._room, self._terms, now, busy=self._running)) is not None:
            self._room = fairness.seated(self._room, claim, now)
            work = self._waiting.pop(claim.key).work
            self._running[claim.key] = asyncio.create_task(self._run(claim, work), name=f"work on {claim.key}")
        self._length.set(len(self._waiting))
        if self._looking is not None:
            self._looking.cancel()
        wait = fairness.next_look(self._room, self._terms, now)
        again = self._start_what_can_start
        self._looking = asyncio.get_running_loop().call_later(wait, again) if wait is not None else None
        if not self._waiting and not self._running:
            self._idle.set()

    async def _run(self, claim: Claim, work: Work) -> None:
        key, began = claim.key, asyncio.get_running_loop().time()
        try:
            await work()
        except asyncio.CancelledError:
            raise
        except Exception:
            # The journeys report their own failures; what arrives here is a fault of ours, and must
            # not stop the others.
            log.exception("a piece of work failed", key=key)
            telemetry.failures.labels(journey="queue", error="unexpected").inc()
        finally:
            del self._running[key]
            self._left(claim, began)
            if not self._closed:
                self._start_what_can_start()

    def _left(self, claim: Claim, began: float) -> None:
        """Count what it had; what the same key brings next will be like it."""
        now = asyncio.get_running_loop().time()
        self._room = fairness.left(self._room, claim.number, now)
        self._slow.pop(claim.key, None)
        if now - began >= self._terms.long_after:
            self._slow[claim.key] = None
        for forgotten in list(self._slow)[:-_MOST_SLOW]:
            del self._slow[forgotten]
