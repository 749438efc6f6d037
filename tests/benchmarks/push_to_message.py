"""How long from a push to the Slack message, how large the idle bot is, how soon it looks for the first time.

    .venv/bin/python tests/benchmarks/push_to_message.py

The shipped bot in a sandbox of its own; 20 pushes to a pull request that changes a Kustomization of ten objects.
Seen on the stand-ins, never told by the bot. Exit code 1 when a target is missed: p95 at most the poll interval
and 3 s, memory under 150 MB, first look within 5 s.
"""

# ruff: noqa: T201  (a program that prints its result)

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from bot_process import BotProcess, Fleet
from real_cluster import running_world
from waiting import eventually

from gitops_bot.sandbox.observer import Observer

PUSHES = 20
INTERVAL = 2.0
LONGEST = INTERVAL + 3.0
LARGEST = 150.0
FIRST_LOOK = 5.0


async def measure(world: dict[str, Any], folder: Path) -> bool:
    """Measure all three, print them, and tell whether all targets are met."""
    bot = BotProcess(world, folder, interval=INTERVAL)
    async with Observer(world) as observer:
        fleet = Fleet(observer, folder / "clone")
        looked = await observer.looks_of_bot()
        started = time.monotonic()
        await bot.start()

        async def has_looked() -> bool:
            return await observer.looks_of_bot() > looked

        await eventually(has_looked, "the first look", 60)
        first = time.monotonic() - started
        try:
            await fleet.push("speed", "first")
            number = await observer.open_pull_request("speed", "Paint it", "")
            times = [await _one(observer, fleet, number, f"shade-{index}") for index in range(PUSHES)]
            idle = _megabytes(bot)
        finally:
            await bot.close()
    times.sort()
    p50, p95 = statistics.median(times), times[round(0.95 * len(times)) - 1]
    print(f"push to message   p50 {p50:.2f} s   p95 {p95:.2f} s   (interval {INTERVAL} s, at most {LONGEST} s)")
    print(f"idle bot          {idle:.0f} MB   (at most {LARGEST:.0f} MB)")
    print(f"start to look     {first:.2f} s   (at most {FIRST_LOOK} s)")
    return p95 <= LONGEST and idle < LARGEST and first < FIRST_LOOK


async def _one(observer: Observer, fleet: Fleet, number: int, color: str) -> float:
    await fleet.push("speed", color)
    pushed = time.monotonic()

    async def shown() -> bool:
        return any(color in str(message.raw) for message in await observer.messages_about(number))

    await eventually(shown, f"the message says {color}", 60)
    return time.monotonic() - pushed


def _megabytes(bot: BotProcess) -> float:
    """Resident memory of the bot and whatever it has started."""
    if bot.process is None:
        return 0.0
    own = psutil.Process(bot.process.pid)
    return sum(process.memory_info().rss for process in (own, *own.children(recursive=True))) / 1e6


def main() -> None:
    """Run in a world of its own."""
    with tempfile.TemporaryDirectory(prefix="gitops-bot-speed-") as scratch:
        folder = Path(scratch)
        with running_world(folder / "world") as world:
            met = asyncio.run(measure(world, folder))
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    main()
