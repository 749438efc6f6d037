"""Once a month the channel hears how the gate agrees with people: once, whatever comes between."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click_world import ClickWorld, at
from model_scene import Scene, scene

from gitops_bot.config import load_settings
from gitops_bot.errands import read_agreement, read_opinions
from gitops_bot.errors import SettingsError, SlackUnavailable
from gitops_bot.journeys.gate_agreement import tell_gate_agreement
from gitops_bot.models.gates import GateVerdict
from gitops_bot.models.opinions import Votes
from gitops_bot.rules.agreement import Did
from gitops_bot.rules.decisions import Action
from gitops_bot.sandbox.llm import Answer

GATE = """\
  gate:
    enabled: true
    rules: [{name: bumps, repositories: ['acme/*'], paths: ['**'], kinds: ['*'], authors: ['*']}]
"""
OCTOBER = datetime(2026, 10, 20, 12, tzinfo=UTC)
# 09:30 in Berlin, where winter time has begun.
FIRST_DAY = datetime(2026, 11, 1, 8, 30, tzinfo=UTC)


def told(world: ClickWorld) -> list[str]:
    found = world.slack.workspace.messages.get(world.channel, {}).values()
    return [str(message.blocks) for message in found if "The gate in" in message.text]


async def looked(it: Scene, moment: datetime = OCTOBER, *, number: int = 0, cleared: bool = True) -> None:
    """Write down what the gate came to, as if it had looked at that moment."""
    pull = it.stored.report.pull_request
    key = f"{pull.repository.key}#{number}" if number else pull.key
    verdict = GateVerdict(key, "d1", pull.head_sha, "bumps", moment, cleared, cleared_at=moment if cleared else None)
    await it.world.doors.store.gates.save(verdict)


def in_berlin(it: Scene) -> None:
    doors = it.world.doors
    quiet = replace(doors.channels.quiet, zone=ZoneInfo("Europe/Berlin"))
    object.__setattr__(doors, "channels", replace(doors.channels, quiet=quiet))


async def tick(it: Scene, moment: datetime = FIRST_DAY) -> None:
    at(it.world, moment)
    await tell_gate_agreement(it.world.doors)


async def test_the_month_before_is_told_once_on_the_first_day(tmp_path: Path) -> None:
    async with scene(tmp_path, GATE) as it:
        in_berlin(it)
        await looked(it)
        await looked(it, number=98, cleared=False)
        # Of October in Berlin, where it is past midnight.
        await looked(it, datetime(2026, 9, 30, 22, 30, tzinfo=UTC), number=95, cleared=False)
        # Before midnight there, and past it.
        await looked(it, datetime(2026, 9, 30, 21, 59, tzinfo=UTC), number=96)
        await looked(it, datetime(2026, 10, 31, 23, 0, tzinfo=UTC), number=97)
        await tick(it, datetime(2026, 10, 31, 23, 30, tzinfo=UTC))
        await tick(it, datetime(2026, 11, 1, 7, 59, tzinfo=UTC))
        assert told(it.world) == []
        await tick(it)
        (said,) = told(it.world)
        assert "The gate in October 2026" in said
        assert "would have cleared 1 of 3 pull requests" in said
        # What becomes known later changes nothing of what was told.
        await looked(it, number=94)
        await tick(it, datetime(2026, 11, 1, 12, tzinfo=UTC))
        await it.world.restart()
        in_berlin(it)
        await tick(it, datetime(2026, 11, 2, 12, tzinfo=UTC))
        assert told(it.world) == [said]


async def test_a_stop_between_the_post_and_its_record_makes_no_second_message(tmp_path: Path) -> None:
    async with scene(tmp_path, GATE) as it:
        await looked(it)
        it.world.slack.faults.add({"method": "chat.postMessage", "kind": "reset", "when": "after"})
        with pytest.raises(SlackUnavailable):
            await tick(it, datetime(2026, 11, 1, 9, 30, tzinfo=UTC))
        await it.world.restart()
        for hour in (10, 11):
            await tick(it, datetime(2026, 11, 1, hour, tzinfo=UTC))
        assert len(told(it.world)) == 1


async def test_a_bot_that_was_down_on_the_first_day_tells_on_a_later_one_and_not_much_later(tmp_path: Path) -> None:
    async with scene(tmp_path, GATE) as it:
        await looked(it)
        await tick(it, datetime(2026, 11, 8, 12, tzinfo=UTC))
        assert told(it.world) == []
        await tick(it, datetime(2026, 11, 3, 12, tzinfo=UTC))
        assert len(told(it.world)) == 1


async def test_of_an_empty_month_nothing_is_said(tmp_path: Path) -> None:
    async with scene(tmp_path, GATE) as it:
        await looked(it, datetime(2026, 9, 20, tzinfo=UTC))
        await tick(it, datetime(2026, 11, 1, 12, tzinfo=UTC))
        assert told(it.world) == []


async def test_without_a_rule_nothing_is_said(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        await looked(it)
        await tick(it, datetime(2026, 11, 1, 12, tzinfo=UTC))
        assert told(it.world) == []


async def test_in_quiet_hours_it_waits(tmp_path: Path) -> None:
    async with scene(tmp_path, GATE) as it:
        await looked(it)
        quiet = replace(it.world.doors.channels.quiet, days=frozenset({5, 6}))
        object.__setattr__(it.world.doors, "channels", replace(it.world.doors.channels, quiet=quiet))
        await tick(it, datetime(2026, 11, 1, 12, tzinfo=UTC))
        assert told(it.world) == []
        await tick(it, datetime(2026, 11, 2, 12, tzinfo=UTC))
        assert len(told(it.world)) == 1


async def test_the_command_counts_what_people_did_from_the_channel(tmp_path: Path) -> None:
    async with scene(tmp_path, GATE) as it:
        it.model.script.add(Answer(status=402, message="Not now.", times=0))
        await it.told()
        await looked(it)
        await it.world.pressed(it.stored, Action.APPROVE, "reviewer", value=it.stored.report_id)
        settings = load_settings(it.world.settings)
        month, (one,) = await read_agreement(settings, "2026-10")
        assert (month.name, one.rule, one.did(Did.APPROVED), one.agreed, one.decided) == ("2026-10", "bumps", 1, 1, 1)
        assert (await read_agreement(settings, "2026-09"))[1] == ()
        with pytest.raises(SettingsError, match="--month"):
            await read_agreement(settings, "October")


async def test_an_export_has_what_people_made_of_an_opinion(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.model.script.add(Answer(status=402, message="Not now.", times=1))
        await it.told()
        settings = load_settings(it.world.settings)
        (kept,) = await read_opinions(settings, "")
        assert (kept.votes, kept.past.state) == (Votes(), "open")
        assert "Not now." in kept.opinion.problem
        assert await read_opinions(settings, "2999-01-01") == ()
        with pytest.raises(SettingsError, match="--since"):
            await read_opinions(settings, "yesterday")
