from datetime import UTC, datetime, timedelta
from pathlib import Path

from click_world import ClickWorld, at, click_world

from gitops_bot.journeys.tell_waiting import tell_waiting
from gitops_bot.models.reports import Verdict
from gitops_bot.rules.decisions import Action


def digests(world: ClickWorld) -> list[str]:
    texts = [(message.text, str(message.blocks)) for message in world.slack.workspace.messages[world.channel].values()]
    return [blocks for text, blocks in texts if "for a decision" in text]


async def test_once_a_day_what_nobody_has_decided_is_listed(tmp_path: Path) -> None:
    async with click_world(tmp_path) as world:
        first = await world.reported("first", Verdict.BLOCKED)
        second = await world.reported("second", Verdict.CHANGES)
        await world.reported("nobody-was-told", tell=False)
        await tell_waiting(world.doors)
        await tell_waiting(world.doors)
        (told,) = digests(world)
        assert "2 pull requests wait for a decision" in told
        assert "acme/fleet#1" in told
        assert "Blocked" in told
        assert "nobody-was-told" not in told
        assert told.index("acme/fleet#1") < told.index("acme/fleet#2")

        await world.pressed(second, Action.APPROVE, "reviewer")
        at(world, datetime.now(UTC) + timedelta(days=2))
        await tell_waiting(world.doors)
        assert "1 pull request waits for a decision" in digests(world)[-1]
        assert "for 2 days" in digests(world)[-1]
        assert first.report.pull_request.title in digests(world)[-1]


async def test_when_nothing_waits_nothing_is_said(tmp_path: Path) -> None:
    async with click_world(tmp_path) as world:
        await tell_waiting(world.doors)
        assert not world.slack.workspace.messages.get(world.channel)
