"""One message per key, whatever is lost on the way. Real store, real door, the Slack stand-in."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from slack_world import control, running_slack
from waiting import eventually

from gitops_bot.config import NetworkSettings, SlackSettings
from gitops_bot.errors import SlackUnavailable
from gitops_bot.journeys.ports import Doors
from gitops_bot.journeys.show_message import show_message
from gitops_bot.models.chat import ChatFile, ChatMessage
from gitops_bot.models.records import Effect, EffectState
from gitops_bot.sandbox.slack import SlackStandIn
from gitops_bot.slack import SlackDoor
from gitops_bot.store import open_store

KEY = "production|acme/fleet#7"


def message(text: str) -> ChatMessage:
    return ChatMessage(text, ({"type": "section", "text": {"type": "mrkdwn", "text": text}},), KEY)


@dataclass
class World:
    slack: SlackStandIn
    channel: str
    doors: Doors

    async def shown(self) -> list[str]:
        everything = await control(self.slack, "messages")
        return [found["text"] for found in everything["messages"] if not found.get("thread_ts")]

    async def calls(self, method: str) -> int:
        return sum(call["method"] == method for call in (await control(self.slack, "calls"))["calls"])

    async def lose_the_database(self, folder: Path) -> None:
        await self.doors.store.close()  # type: ignore[attr-defined]
        self.doors.store = await open_store(f"sqlite+aiosqlite:///{folder / 'new.sqlite'}")  # type: ignore[misc]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with running_slack(tmp_path / "slack") as slack:
        channel = slack.create_channel("deployments")
        settings = SlackSettings(
            api_url=slack.api_url, bot_token=slack.bot_token, app_token=slack.app_token, channel=channel
        )
        chat = SlackDoor(settings, NetworkSettings())
        store = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'gitops-bot.sqlite'}")
        # Only what this journey asks for: a real store, a real door, a clock.
        given = SimpleNamespace(store=store, chat=chat, clock=lambda: datetime.now(UTC))
        yield World(slack, channel, cast("Doors", given))
        await chat.stop()
        await given.store.close()


async def test_a_message_is_posted_once_and_edited_ever_after(world: World) -> None:
    first = await show_message(world.doors, world.channel, message("one"))
    second = await show_message(world.doors, world.channel, message("two"))
    assert first == second
    assert await world.shown() == ["two"]


async def test_the_same_text_costs_no_call(world: World) -> None:
    await show_message(world.doors, world.channel, message("one"))
    await show_message(world.doors, world.channel, message("one"))
    assert await world.calls("chat.postMessage") == 1
    assert await world.calls("chat.update") == 0


async def test_a_lost_database_does_not_post_again(world: World, tmp_path: Path) -> None:
    await show_message(world.doors, world.channel, message("one"))
    await world.lose_the_database(tmp_path)
    await show_message(world.doors, world.channel, message("two"))
    assert await world.shown() == ["two"]


async def test_a_post_whose_answer_was_lost_is_found_again(world: World) -> None:
    await control(world.slack, "faults", {"method": "chat.postMessage", "kind": "reset", "when": "after"})
    with pytest.raises(SlackUnavailable):
        await show_message(world.doors, world.channel, message("one"))
    await show_message(world.doors, world.channel, message("two"))
    assert await world.shown() == ["two"]
    assert await world.calls("chat.postMessage") == 1


async def test_a_kill_between_the_post_and_its_record_is_mended(world: World) -> None:
    await world.doors.chat.post(world.channel, message("one"))
    begun = Effect("message", f"{world.channel}|{KEY}", "d", EffectState.BEGUN)
    await world.doors.store.save_effect(begun, world.doors.clock())
    await show_message(world.doors, world.channel, message("two"))
    assert await world.shown() == ["two"]


async def test_a_message_that_somebody_deleted_is_posted_anew(world: World) -> None:
    posted = await show_message(world.doors, world.channel, message("one"))
    chat = cast("Any", world.doors.chat)
    await chat._web.chat_delete(channel=posted.channel, ts=posted.timestamp)
    again = await show_message(world.doors, world.channel, message("two"))
    assert again != posted
    assert await world.shown() == ["two"]
    await show_message(world.doors, world.channel, message("three"))
    assert await world.shown() == ["three"]


async def test_a_file_goes_into_the_thread_once_even_without_a_database(world: World, tmp_path: Path) -> None:
    file = ChatFile("report-abc.txt", "The full report", b"everything")
    posted = await show_message(world.doors, world.channel, message("one"), (file,))
    await show_message(world.doors, world.channel, message("two"), (file,))

    async def visible() -> bool:
        return file.name in await world.doors.chat.files_in_thread(posted)

    # Slack takes a moment until an uploaded file stands in the thread.
    await eventually(visible, "the file in the thread")
    await world.lose_the_database(tmp_path)
    await show_message(world.doors, world.channel, message("three"), (file,))
    assert await world.calls("files.completeUploadExternal") == 1
