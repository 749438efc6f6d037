"""Waiting for a condition with a deadline: no test sleeps and hopes."""

import asyncio
import time
from collections.abc import Awaitable, Callable

# Seconds between two questions. Each may cost who is asked as much as the work that is waited for.
_SHORTEST, _LONGEST = 0.02, 0.25


async def until(condition: Callable[[], object], what: str, seconds: float = 20.0) -> None:
    """Come back when ``condition()`` holds; fail with ``what`` when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.01)


async def eventually(question: Callable[[], Awaitable[object]], what: str, seconds: float = 20.0) -> None:
    """As ``until``, for a condition that has to be asked for."""
    deadline = time.monotonic() + seconds
    pause = _SHORTEST
    while not await question():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        await asyncio.sleep(pause)
        pause = min(pause * 1.2, _LONGEST)
