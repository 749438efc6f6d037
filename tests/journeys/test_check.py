"""`gitops-bot check` finds what is wrong outside, and says how to mend it."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from click_world import ClickWorld, click_world
from waiting import until

from gitops_bot.config import NetworkSettings, Settings, load_settings
from gitops_bot.errands import check_settings
from gitops_bot.models.chat import Click
from gitops_bot.models.checks import Check, CheckState
from gitops_bot.slack import SlackDoor


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ClickWorld]:
    async with click_world(tmp_path) as opened:
        yield opened


def settings(folder: Path, **slack: str) -> Settings:
    loaded = load_settings(folder / "settings.yaml")
    assert loaded.slack is not None
    return loaded.model_copy(update={"slack": loaded.slack.model_copy(update=slack)})


async def alone(world: ClickWorld) -> None:
    """End the service: the check would wait for its sockets to go."""
    await world.stop()


async def checks(found: Settings, people: Mapping[str, str] | None = None) -> dict[str, Check]:
    changed = found if people is None else found.model_copy(update={"people": people})
    return {check.subject: check async for check in check_settings(changed)}


async def test_a_missing_scope_is_named_with_what_it_costs(world: ClickWorld, tmp_path: Path) -> None:
    await alone(world)
    world.slack.workspace.scopes = tuple(one for one in world.slack.workspace.scopes if one != "files:write")
    found = await checks(settings(tmp_path))
    assert found["slack scopes"].state is CheckState.BAD
    assert "files:write is missing: long reports" in found["slack scopes"].seen


async def test_a_wrong_channel_is_named(world: ClickWorld, tmp_path: Path) -> None:
    await alone(world)
    found = await checks(settings(tmp_path, channel="C0WRONG"))
    assert found["slack channel C0WRONG"].state is CheckState.BAD
    other = world.slack.create_channel("elsewhere", bot_joins=False)
    found = await checks(settings(tmp_path, channel=other))
    assert "/invite" in found[f"slack channel {other}"].advice


async def test_a_token_without_rights_is_told(world: ClickWorld, tmp_path: Path) -> None:
    await alone(world)
    (tmp_path / "github-token").write_text("ghp_wrong0123456789", encoding="utf-8")
    found = await checks(settings(tmp_path))
    assert found["github token"].state is CheckState.BAD
    assert "github.token_file" in found["github token"].seen


async def test_who_cannot_decide_is_named(world: ClickWorld, tmp_path: Path) -> None:
    await alone(world)
    nobody, author = world.users["nobody"], world.users["author"]
    found = await checks(settings(tmp_path))
    assert nobody in found["people"].seen
    assert author not in found["people"].seen
    none = await checks(settings(tmp_path), people={})
    assert "nobody can approve" in none["people"].seen
    wrong = await checks(settings(tmp_path), people={"U0NOBODY": "octocat", author: "author"})
    assert wrong["people U0NOBODY (octocat)"].state is CheckState.BAD


async def test_another_bot_on_the_same_slack_app_is_noticed(world: ClickWorld, tmp_path: Path) -> None:
    # The service of this test runs: two sockets are as they should be.
    found = await checks(settings(tmp_path))
    assert found["slack app token"].state is CheckState.WARNING
    slack = settings(tmp_path).slack
    assert slack is not None
    other = SlackDoor(slack, NetworkSettings())

    async def nothing(_click: Click) -> None:
        """Take what arrives, as another program would."""

    await other.start(nothing)
    try:
        await until(lambda: len(world.slack.sockets.connections) == 4, "the other bot listens, too")
        found = await checks(settings(tmp_path))
    finally:
        await other.stop()
    assert found["slack app token"].state is CheckState.BAD
    assert "steal each other's clicks" in found["slack app token"].advice
