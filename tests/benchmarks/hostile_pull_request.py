"""What a hostile pull request costs the others, and how much memory it costs the bot itself.

    .venv/bin/python tests/benchmarks/hostile_pull_request.py [KIND ...]

The shipped bot in a sandbox of its own. For each kind of attack: the time from a push to the finished message of
a harmless pull request, in pairs with and without a hostile one that keeps flux busy all the while (a push every
time that it is done), and how much larger the bot's own process got. Exit code 1 when a target is missed:
1.2 times the usual time (the median of the pairs' quotients), 50 MB.
"""

# ruff: noqa: T201  (a program that prints its result)

import asyncio
import contextlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from bot_process import BotProcess, Fleet
from real_cluster import running_world
from waiting import eventually

from gitops_bot.sandbox.observer import Observer

PAIRS = 5
INTERVAL = 1.0
MOST_TIMES = 1.2
MOST_MEGABYTES = 50.0
# Kustomizations that the hostile pull request is about: more than flux may run side by side.
WHERE = (
    "apps/production/web",
    "infrastructure/production/monitoring",
    "infrastructure/production/ingress",
)


def config_maps(count: int, size: int, seed: str) -> str:
    """Write ConfigMaps, each with a value of that size."""
    one = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c{}, namespace: web}}\ndata: {{a: {}}}\n"
    return "---\n".join(one.format(number, seed + "x" * size) for number in range(count))


def endless(seed: str) -> dict[str, str]:
    """Thousands of objects, and hundreds of patches for each: minutes of one processor for kustomize."""
    patch = [{"op": "add", "path": "/data/k", "value": seed}]
    patches = [{"target": {"kind": "ConfigMap", "name": ".*"}, "patch": json.dumps(patch)} for _ in range(300)]
    return _kustomized({"many.yaml": config_maps(5000, 1, seed)}, patches=patches)


def bomb(seed: str) -> dict[str, str]:
    """Aliases of aliases."""
    lines = ["kind: ConfigMap", f"metadata: {{name: bomb-{seed}}}", "a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{at}: &a{at} [{', '.join([f'*a{at - 1}'] * 9)}]" for at in range(1, 12)]
    return _kustomized({"bomb.yaml": "\n".join(lines)})


def flood(seed: str) -> dict[str, str]:
    """More than a run may print."""
    return _kustomized({f"many-{part}.yaml": config_maps(900, 1000, f"{seed}{part}") for part in range(12)})


def wide(seed: str) -> dict[str, str]:
    """As many objects as go into what a run may print."""
    parts = {f"many-{part}.yaml": config_maps(900, 900, f"{seed}{part}") for part in range(6)}
    return _kustomized({name: text.replace("name: c", f"name: {name[:6]}-") for name, text in parts.items()})


def _kustomized(files: Mapping[str, str], **fields: Any) -> dict[str, str]:
    return {**files, "kustomization.yaml": json.dumps({"resources": sorted(files), **fields})}


KINDS: dict[str, Callable[[str], dict[str, str]]] = {"bomb": bomb, "flood": flood, "endless": endless, "wide": wide}


class Scene:
    """A bot, a harmless pull request and a hostile one."""

    def __init__(self, bot: BotProcess, observer: Observer, fleet: Fleet) -> None:
        self._bot = bot
        self._observer = observer
        self._fleet = fleet
        self._numbers: dict[str, int] = {}

    async def open(self) -> None:
        """Open both, and let the bot get to know them."""
        await self._fleet.push("harmless", "first")
        self._numbers["harmless"] = await self._observer.open_pull_request("harmless", "Paint it", "")
        await self._told(self._numbers["harmless"], "first")
        for round_ in range(2):
            await self.harmless(f"warm-{round_}")

    async def harmless(self, color: str) -> float:
        """Push to the harmless one; gives the seconds until the message tells it."""
        await self._fleet.push("harmless", color)
        started = time.monotonic()
        await self._told(self._numbers["harmless"], color)
        return time.monotonic() - started

    async def _told(self, number: int, word: str) -> None:
        async def is_told() -> bool:
            messages = await self._observer.messages_about(number)
            return any(message.says(word) and message.buttons for message in messages)

        await eventually(is_told, f"#{number} says {word}; the bot's log: {self._bot.log()[-3000:]}", 240)

    async def attack(self, kind: str, seed: str) -> None:
        """Push to the hostile one and come back when flux is at it."""
        files = {f"{where}/{name}": text for where in WHERE for name, text in KINDS[kind](seed).items()}
        await self._fleet.push_files(f"hostile-{kind}", files, f"Attack {seed}")
        if kind not in self._numbers:
            title = f"Nothing to see here: {kind}"
            self._numbers[kind] = await self._observer.open_pull_request(f"hostile-{kind}", title, "")

        async def is_in_the_cage() -> bool:
            return self.cages() > 0

        # What is refused before it gets there costs nothing, and then this takes a while.
        with contextlib.suppress(AssertionError):
            await eventually(is_in_the_cage, "the cage has it", 20)

    def megabytes(self) -> float:
        """How large the bot's own process is."""
        assert self._bot.process is not None
        return float(psutil.Process(self._bot.process.pid).memory_info().rss) / (1 << 20)

    def cages(self) -> int:
        """How many sessions there are: nothing else is started by the bot but git, which is quick."""
        assert self._bot.process is not None
        found = 0
        for process in psutil.Process(self._bot.process.pid).children():
            with contextlib.suppress(psutil.Error):
                found += "gitops_bot.runner" in process.cmdline()
        return found


async def measure(scene: Scene, kind: str) -> bool:
    """Measure one kind of attack in pairs."""
    quotients, usual, attacked, busy = [], [], [], 0
    before = largest = scene.megabytes()
    stop = asyncio.Event()

    async def watch() -> None:
        nonlocal largest
        while not stop.is_set():
            largest = max(largest, scene.megabytes())
            await asyncio.sleep(0.05)

    watching = asyncio.create_task(watch())
    for pair in range(PAIRS):
        await quiet(scene)
        usual.append(await scene.harmless(f"{kind}-alone-{pair}"))
        await scene.attack(kind, f"s{pair}")
        busy += scene.cages() > 0
        attacked.append(await scene.harmless(f"{kind}-attacked-{pair}"))
        quotients.append(attacked[-1] / usual[-1])
    await quiet(scene)
    stop.set()
    await watching
    grown, times = largest - before, statistics.median(quotients)
    print(
        f"{kind:8} usual {statistics.median(usual):5.2f} s   attacked {statistics.median(attacked):5.2f} s   "
        f"{times:4.2f} times (at most {MOST_TIMES})   {before:.0f} -> {largest:.0f} MB (+{grown:.0f}, "
        f"at most {MOST_MEGABYTES:.0f})   in the cage meanwhile: {busy} of {PAIRS}",
        flush=True,
    )
    return times <= MOST_TIMES and grown <= MOST_MEGABYTES


async def quiet(scene: Scene) -> None:
    """Wait until nothing is in the cage for a while."""
    deadline, since = time.monotonic() + 600, time.monotonic()
    while time.monotonic() - since < 2.0 and time.monotonic() < deadline:
        if scene.cages():
            since = time.monotonic()
        await asyncio.sleep(0.05)


async def run(world: dict[str, Any], folder: Path, kinds: list[str]) -> bool:
    """Start the bot and measure."""
    bot = BotProcess(world, folder, interval=INTERVAL)
    async with Observer(world) as observer:
        looked = await observer.looks_of_bot()
        await bot.start()

        async def has_looked() -> bool:
            return await observer.looks_of_bot() > looked

        await eventually(has_looked, "the first look", 60)
        try:
            scene = Scene(bot, observer, Fleet(observer, folder / "clone"))
            await scene.open()
            return all([await measure(scene, kind) for kind in kinds])
        finally:
            await bot.close()


def main() -> int:
    """Measure in a sandbox of its own."""
    kinds = sys.argv[1:] or list(KINDS)
    with tempfile.TemporaryDirectory() as folder, running_world(Path(folder) / "world") as world:
        return 0 if asyncio.run(run(world, Path(folder), kinds)) else 1


if __name__ == "__main__":
    sys.exit(main())
