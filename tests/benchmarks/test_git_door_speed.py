"""How long the git door takes for a repository of 5,000 files. `pytest -s` shows the figures.

The limits are generous: they tell a change of kind, not a busy machine.
"""

import asyncio
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import TypeVar

from git_over_http import TOKEN, always, git_server

from gitops_bot.config import NetworkSettings
from gitops_bot.git import GitDoor
from gitops_bot.models.pull_requests import Repository

FILES = 5_000
FLEET = Repository("acme", "fleet")

Answer = TypeVar("Answer")


async def timed(what: str, seconds: float, work: Awaitable[Answer]) -> Answer:
    """Wait for work, say how long it took and for how long the event loop stood still meanwhile."""
    longest, done = 0.0, asyncio.Event()

    async def watch() -> None:
        nonlocal longest
        while not done.is_set():
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            longest = max(longest, time.perf_counter() - before)

    watching = asyncio.create_task(watch())
    start = time.perf_counter()
    answer = await work
    took = time.perf_counter() - start
    done.set()
    await watching
    print(f"{what}: {took * 1000:.0f} ms, event loop away for {longest * 1000:.0f} ms at most")  # noqa: T201 - figures
    assert took < seconds
    return answer


async def test_a_repository_of_5000_files(tmp_path: Path) -> None:
    async with git_server(tmp_path / "upstream") as server:
        fleet = server.upstream("acme", "fleet")
        text = "".join(f"  key{number}: value\n" for number in range(60))
        base = fleet.commit(
            "refs/heads/main",
            {f"clusters/c{n % 10}/apps/a{n // 10}/config.yaml": f"name: a{n}\n{text}".encode() for n in range(FILES)},
        )
        head = fleet.commit("refs/pull/1/head", {"clusters/c1/new.yaml": b"new"}, parent=base)
        door = GitDoor(
            tmp_path / "copies",
            url_for=lambda repository: f"{server.address}/{repository}.git",
            token=always(TOKEN),
            network=NetworkSettings(),
        )
        both = {"refs/heads/main": base, "refs/pull/1/head": head}
        await timed("first fetch", 30, door.fetch(FLEET, both))
        await timed("fetch of what is here", 2, door.fetch(FLEET, both))
        merge = await timed("merge", 5, door.merge(FLEET, base, head))
        changed = await timed("changed paths", 5, door.changed_paths(FLEET, base, merge.tree))
        tree = await timed("tree", 10, door.tree(FLEET, merge.tree))
    assert len(tree) == FILES + 1
    assert changed == {"clusters/c1/new.yaml"}
