"""A report holds on when only the base branch moves; it is made anew when what it rests on does. In a real world."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from bot_process import BotProcess, Fleet
from real_cluster import running_world
from waiting import eventually

from gitops_bot.sandbox.observer import Observer

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    # One of its own: these tests move its main branch.
    with running_world(tmp_path_factory.mktemp("carried") / "world") as description:
        yield description


@pytest.fixture
async def observer(world: dict[str, Any]) -> AsyncIterator[Observer]:
    async with Observer(world) as found:
        yield found
        await found.close_pull_requests()


async def _started(world: dict[str, Any], observer: Observer, folder: Path, **settings: str) -> BotProcess:
    bot = BotProcess(world, folder, settings=settings)
    looked = await observer.looks_of_bot()
    await bot.start()

    async def has_looked() -> bool:
        return await observer.looks_of_bot() > looked + 1

    await eventually(has_looked, "the first look", 60)
    return bot


async def _tells_of(observer: Observer, number: int, commit: str) -> bool:
    # A message that only counts has no buttons yet.
    return any(message.says(commit[:7]) and message.buttons for message in await observer.messages_about(number))


async def test_the_base_moves_and_the_report_holds_on(
    world: dict[str, Any], observer: Observer, tmp_path: Path
) -> None:
    fleet = Fleet(observer, tmp_path / "clone")
    bot = await _started(world, observer, tmp_path)
    try:
        head = await fleet.push("carried", "carried")
        number = await observer.open_pull_request("carried", "Paint: carried", "")
        await eventually(lambda: _tells_of(observer, number, head), "the report", 90)
        builds, diffs = await bot.runs_of_flux("build"), await bot.runs_of_flux("diff")
        assert diffs >= 2

        tip = await fleet.push_files("main", {"docs/of-no-effect.md": "hello\n"}, "Write something")
        await eventually(lambda: _tells_of(observer, number, tip), "the report holds for the new base", 60)
        assert await bot.runs_of_flux("diff") == diffs
        assert await bot.runs_of_flux("build") == builds

        # The same object that the pull request changes.
        path = "apps/base/podinfo/service.yaml"
        text = fleet.read(path).replace("metadata:\n", "metadata:\n  annotations: {moved: base}\n", 1)
        tip = await fleet.push_files("main", {path: text}, "Change what the report rests on")
        await eventually(lambda: _tells_of(observer, number, tip), "a report on the new base", 90)
        assert await bot.runs_of_flux("diff") > diffs
    finally:
        await bot.close()


async def test_an_old_report_is_made_anew_even_when_nothing_moved(
    world: dict[str, Any], observer: Observer, tmp_path: Path
) -> None:
    fleet = Fleet(observer, tmp_path / "clone")
    bot = await _started(world, observer, tmp_path, REVIEW__REFRESH_AFTER="10", REVIEW__SHARE_BASE_FOR="0")
    try:
        head = await fleet.push("aged", "aged")
        number = await observer.open_pull_request("aged", "Paint: aged", "")
        await eventually(lambda: _tells_of(observer, number, head), "the report", 90)
        tip = await fleet.push_files("main", {"docs/of-no-effect-either.md": "hello\n"}, "Write something")
        await eventually(lambda: _tells_of(observer, number, tip), "the report holds for the new base", 60)
        diffs = await bot.runs_of_flux("diff")

        async def looked_again() -> bool:
            return await bot.runs_of_flux("diff") > diffs

        await eventually(looked_again, "it is looked at again when it has aged", 60)
    finally:
        await bot.close()
