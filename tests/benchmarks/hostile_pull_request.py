"""What a hostile pull request costs the others, and how much memory it costs the bot itself.

    .venv/bin/python tests/benchmarks/hostile_pull_request.py [--quick] [--pairs N] [--alone] [KIND ...]

The shipped bot in a sandbox of its own. For each kind of attack: the time from the look that can see a push to the
finished message of a harmless pull request, in pairs: beside an ordinary pull request of somebody else's (with
``--alone``: beside none), and beside a hostile one. Slack's limit of about a message a second is off: any neighbour
makes it count, and it would round each time up to whole seconds. Each pair meets a new neighbour, of which the bot
knows nothing; it is taken back when it is measured. Exit code 1 when a
target is missed: 1.2 times the usual time (the median of the pairs' quotients), 50 MB more memory of the bot itself.
Five pairs of all four kinds take some eight minutes, ``--quick`` (three pairs) five.
"""

# ruff: noqa: T201  (a program that prints its result)

import argparse
import asyncio
import contextlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import httpx
from bot_process import BotProcess, Fleet, origin_of, plain_client
from hostile_trees import KINDS, config_maps, in_folders, kustomized
from real_cluster import running_world
from waiting import eventually

from gitops_bot.sandbox.observer import Observer

PAIRS, QUICK_PAIRS = 5, 3
INTERVAL = 1.0
# Seconds between two questions where the moment counts.
_OFTEN = 0.03
MOST_TIMES = 1.2
MOST_MEGABYTES = 50.0
# Kustomizations that the hostile pull request is about: more than one pull request may have side by side.
WHERE = (
    "apps/production/web",
    "infrastructure/production/monitoring",
    "infrastructure/production/ingress",
)


@dataclass
class Scene:
    """A bot, a harmless pull request and hostile ones."""

    bot: BotProcess
    observer: Observer
    fleet: Fleet
    slack: httpx.AsyncClient
    number: int = 0

    async def open(self) -> None:
        """Open the harmless one, and let the bot get to know it."""
        await self.fleet.push("harmless", "first")
        self.number = await self.observer.open_pull_request("harmless", "Paint it", "")
        await self._told(self.number, "first")
        for round_ in range(2):
            await self.harmless(f"warm-{round_}")

    async def harmless(self, color: str) -> float:
        """Push to the harmless one; gives the seconds from the look that can see it until the message tells it.

        Not from the push: what would be measured is how the ticks of the bot's clock fall.
        """
        await self.fleet.push("harmless", color)
        looks = await self.observer.looks_of_bot()
        while await self.observer.looks_of_bot() == looks:  # noqa: ASYNC110 - it looks in another process
            await asyncio.sleep(_OFTEN)
        started = time.time()
        await self._told(self.number, color)
        return await self._written(color) - started

    async def _written(self, word: str) -> float:
        """When the first message with a word and its buttons came to Slack, by Slack's own clock."""
        calls = (await self.slack.get("/_control/calls")).raise_for_status().json()["calls"]
        texts = ((call["at"], json.dumps(call["arguments"])) for call in calls)
        return min(float(at) for at, text in texts if word in text and "action_id" in text)

    async def _is_told(self, number: int, word: str) -> bool:
        messages = await self.observer.messages_about(number)
        return any(message.says(word) and message.buttons for message in messages)

    async def _told(self, number: int, word: str) -> None:
        what = f"#{number} says {word}; the bot's log: {self.bot.log()[-3000:]}"
        await eventually(lambda: self._is_told(number, word), what, 240)

    @asynccontextmanager
    async def attack(self, kind: str, seed: str) -> AsyncIterator[None]:
        """Open a hostile pull request beside the harmless one."""
        files = in_folders(kind, seed, WHERE)
        async with self.neighbour(f"hostile-{kind}-{seed}", files, f"Nothing to see here: {kind}"):
            yield

    @asynccontextmanager
    async def neighbour(self, branch: str, files: dict[str, str], title: str) -> AsyncIterator[None]:
        """Open a pull request of somebody else's, go on when the bot is at it, and take it back in the end."""
        await self.fleet.push_files(branch, files, title)
        reviewer = self.observer.reviewer
        number = await self.observer.open_pull_request(branch, title, "", login=reviewer)

        async def is_looked_at() -> bool:
            # What is refused before it gets into the cage costs nothing, and is told soon.
            return self.bot.cages() > 0 or await self._is_told(number, title)

        with contextlib.suppress(AssertionError):
            await eventually(is_looked_at, "the bot is at it", 30)
        try:
            yield
        finally:
            await self.fleet.push_files(branch, {"docs/nothing.md": branch}, "Take it back")
            await self.quiet()

    async def quiet(self) -> None:
        """Wait until nothing is in the cage for a while."""
        deadline, since = time.monotonic() + 300, time.monotonic()
        while time.monotonic() - since < 2.0 and time.monotonic() < deadline:
            if self.bot.cages():
                since = time.monotonic()
            await asyncio.sleep(0.05)


@dataclass
class Measured:
    """One kind of attack."""

    kind: str
    usual: list[float] = field(default_factory=list)
    attacked: list[float] = field(default_factory=list)
    # Pairs in which the attack still lasted when the harmless one was told.
    busy: int = 0
    before: float = 0.0
    largest: float = 0.0

    @property
    def times(self) -> float:
        """The median of the pairs' quotients."""
        return statistics.median(one / other for one, other in zip(self.attacked, self.usual, strict=True))

    @property
    def holds(self) -> bool:
        """Whether both targets are met."""
        return self.times <= MOST_TIMES and self.largest - self.before <= MOST_MEGABYTES

    def __str__(self) -> str:
        """One line for people."""
        usual, attacked = statistics.median(self.usual), statistics.median(self.attacked)
        return (
            f"{self.kind:8} usual {usual:5.2f} s   attacked {attacked:5.2f} s   "
            f"{self.times:4.2f} times (at most {MOST_TIMES})   {self.before:.0f} -> {self.largest:.0f} MB "
            f"(+{self.largest - self.before:.0f}, at most {MOST_MEGABYTES:.0f})   "
            f"in the cage all the while: {self.busy} of {len(self.usual)}   {'holds' if self.holds else 'MISSED'}"
        )


async def measure(scene: Scene, kind: str, pairs: int, *, alone: bool = False) -> Measured:
    """Measure one kind of attack in pairs."""
    found = Measured(kind, before=scene.bot.megabytes(), largest=scene.bot.megabytes())

    async def watch() -> None:
        while True:
            found.largest = max(found.largest, scene.bot.megabytes())
            await asyncio.sleep(0.05)

    watching = asyncio.create_task(watch())
    try:
        for pair in range(pairs):
            await scene.quiet()
            branch = f"ordinary-{kind}-{pair}"
            ordinary = {
                f"{where}/{name}": text
                for where in WHERE
                for name, text in kustomized({"ordinary.yaml": config_maps(1, 1, branch)}).items()
            }
            beside = contextlib.nullcontext() if alone else scene.neighbour(branch, ordinary, "Something small")
            async with beside:
                found.usual.append(await scene.harmless(f"{kind}-usual-{pair}"))
            await scene.quiet()
            async with scene.attack(kind, f"s{pair}"):
                found.attacked.append(await scene.harmless(f"{kind}-attacked-{pair}"))
                found.busy += scene.bot.cages() > 0
    finally:
        watching.cancel()
    return found


async def run(
    world: dict[str, Any], folder: Path, kinds: list[str], pairs: int, *, alone: bool = False
) -> list[Measured]:
    """Start the bot and measure."""
    bot = BotProcess(world, folder, interval=INTERVAL)
    async with plain_client(origin_of(world["slack"]["inbox_url"])) as slack, Observer(world) as observer:
        (await slack.post("/_control/settings", json={"rate_limits": False})).raise_for_status()
        looked = await observer.looks_of_bot()
        await bot.start()

        async def has_looked() -> bool:
            return await observer.looks_of_bot() > looked

        await eventually(has_looked, "the first look", 60)
        try:
            scene = Scene(bot, observer, Fleet(observer, folder / "clone"), slack)
            await scene.open()
            measured = []
            for kind in kinds:
                found = await measure(scene, kind, pairs, alone=alone)
                print(found, flush=True)
                measured.append(found)
            return measured
        finally:
            await bot.close()


def main() -> int:
    """Measure in a sandbox of its own."""
    options = argparse.ArgumentParser(description="What a hostile pull request costs the others.")
    options.add_argument("kinds", nargs="*", choices=[[], *KINDS], metavar="KIND", help=", ".join(KINDS))
    options.add_argument("--pairs", type=int, default=PAIRS)
    options.add_argument("--alone", action="store_true", help="the usual time is that beside no other pull request")
    options.add_argument("--quick", action="store_true", help=f"{QUICK_PAIRS} pairs")
    chosen = options.parse_args()
    pairs = QUICK_PAIRS if chosen.quick else chosen.pairs
    with tempfile.TemporaryDirectory() as folder, running_world(Path(folder) / "world") as world:
        found = asyncio.run(run(world, Path(folder), chosen.kinds or list(KINDS), pairs, alone=chosen.alone))
    return 0 if all(one.holds for one in found) else 1


if __name__ == "__main__":
    sys.exit(main())
