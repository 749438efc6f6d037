"""The queue inside this process: the default.

Nothing is kept over a restart: what is missing is asked anew by the next tick, and clicks lie
in the store.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Self

from gitops_bot import telemetry

log = telemetry.logger(__name__)

Work = Callable[[], Awaitable[None]]


class InProcessQueue:
    """Runs work by key: never two of one key side by side, a waiting one is replaced by a newer.

    Use as an asynchronous context manager: leaving it cancels what runs (a stop is a crash that
    was announced; the next start repairs either).
    """

    def __init__(self, *, concurrency: int, name: str = "reviews") -> None:
        """``name`` is what the metric calls it."""
        self._concurrency = concurrency
        self._length = telemetry.queue_waiting.labels(name)
        self._waiting: OrderedDict[str, Work] = OrderedDict()
        self._running: dict[str, asyncio.Task[None]] = {}
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
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def put(self, key: str, work: Work) -> None:
        """Do ``work`` as soon as there is room and nothing of the same key runs. Never waits."""
        if self._closed:
            return
        # A replaced piece of work keeps its place: a burst of pushes must not starve its own pull request.
        self._waiting[key] = work
        self._idle.clear()
        self._length.set(len(self._waiting))
        self._start_what_can_start()

    @property
    def busy_keys(self) -> frozenset[str]:
        """Keys that wait or run."""
        return frozenset(self._waiting) | frozenset(self._running)

    async def idle(self) -> None:
        """Wait until nothing waits and nothing runs."""
        await self._idle.wait()

    def _start_what_can_start(self) -> None:
        for key in list(self._waiting):
            if len(self._running) >= self._concurrency:
                break
            if key not in self._running:
                work = self._waiting.pop(key)
                task = asyncio.create_task(self._run(key, work), name=f"work on {key}")
                self._running[key] = task
        self._length.set(len(self._waiting))
        if not self._waiting and not self._running:
            self._idle.set()

    async def _run(self, key: str, work: Work) -> None:
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
            if not self._closed:
                self._start_what_can_start()
