"""Buttons out of the settings, pressed. The whole service."""

from pathlib import Path
from typing import Any

from bot_process import clear_faults, origin_of
from click_world import ClickWorld, click_world
from waiting import until

from gitops_bot.models.records import StoredReport

SETTINGS = """
buttons:
  - {label: Tell, command: "deployer: look at {repository}#{number}"}
  - {label: Board, link: "https://board.example/{number}"}
"""


async def replies(world: ClickWorld, stored: StoredReport) -> list[str]:
    posted = await world.message(stored.report.pull_request)
    parent = world.slack.workspace.messages[posted.channel][posted.timestamp]
    return [reply.text for reply in world.slack.workspace.replies(parent) if not reply.files]


async def test_a_command_is_said_once_by_who_may(tmp_path: Path) -> None:
    async with click_world(tmp_path, SETTINGS) as world:
        stored = await world.reported("say")
        number = stored.report.pull_request.number
        await world.pressed(stored, "say-0", "stranger")
        assert await replies(world, stored) == []
        world.slack.sockets.duplicate_next = 2
        await world.pressed(stored, "say-0", "reviewer")
        assert await replies(world, stored) == [f"deployer: look at acme/fleet#{number}"]
        made = await world.decisions(stored)
        assert [(one.action, one.outcome) for one in made] == [("say", "refused"), ("say", "done")]
        assert made[-1].message == f"deployer: look at acme/fleet#{number}"
        await world.pressed(stored, "view-1", "stranger")


async def test_a_command_in_doubt_is_not_said_again(tmp_path: Path) -> None:
    async with click_world(tmp_path, SETTINGS) as world:
        stored = await world.reported("doubt")
        fault: dict[str, Any] = {"method": "chat.postMessage", "kind": "status", "status": 503, "when": "after"}
        world.slack.faults.add(fault)
        await world.press(stored, "say-0", "reviewer")
        await until(lambda: world.heard("reviewer"), "the person hears that it has to wait")
        await until(lambda: not world.doors.clicks.busy_keys, "the click is put back")
        await clear_faults(origin_of(world.slack.inbox_url))
        await world.tick()
        await world.settled()
        assert len(await replies(world, stored)) == 1
        assert "could not be learned" in world.heard("reviewer")[-1]
