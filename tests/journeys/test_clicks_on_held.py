"""Held pull requests, people who may not decide, channels and repositories that strangers read. The whole service."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from click_world import ClickWorld, click_world

from gitops_bot.errors import SlackRefused
from gitops_bot.models.chat import ChatMessage
from gitops_bot.models.records import Progress
from gitops_bot.models.reports import Verdict
from gitops_bot.rules.trust import released_commits


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ClickWorld]:
    async with click_world(tmp_path) as running:
        yield running


async def test_somebody_lets_a_held_commit_run(world: ClickWorld) -> None:
    stored = await world.reported("held", Verdict.HELD)
    pull = stored.report.pull_request
    posted = await world.message(pull)
    assert world.buttons(posted) == {"trust", "view", "more"}
    assert "mallory/fleet" in world.shown(posted)
    await world.pressed(stored, "trust", "reviewer")
    [decision] = await world.decisions(stored)
    assert (decision.action, decision.outcome, decision.commit) == ("trust", "done", pull.head_sha)
    assert decision.github_login == "reviewer"
    assert released_commits([decision]) == {pull.head_sha}
    assert "Let through" in world.shown(posted)
    assert "trust" not in world.buttons(posted)
    record = await world.doors.store.pull_request(pull.key)
    assert record is not None
    await world.doors.queue.idle()  # type: ignore[attr-defined]
    after = await world.doors.store.pull_request(pull.key)
    # It was looked at: by now the report says what came of it (here: that the cluster does not answer).
    assert after is not None
    assert after.report_id != stored.report_id
    assert after.progress is Progress.WAITING


async def test_a_second_person_hears_that_it_runs_already(world: ClickWorld) -> None:
    stored = await world.reported("twice", Verdict.HELD)
    posted = await world.message(stored.report.pull_request)
    message = world.slack.workspace.messages[posted.channel][posted.timestamp]
    old = list(message.blocks or ())
    await world.pressed(stored, "trust", "reviewer")
    message.blocks = old
    await world.pressed(stored, "trust", "admin")
    assert "let through already" in world.heard("admin")[-1]
    assert [one.outcome for one in await world.decisions(stored)] == ["done", "refused"]


async def test_trust_is_for_one_commit_only(world: ClickWorld) -> None:
    stored = await world.reported("moves", Verdict.HELD)
    posted = await world.message(stored.report.pull_request)
    old = list(world.slack.workspace.messages[posted.channel][posted.timestamp].blocks or ())
    await world.pressed(stored, "trust", "reviewer")
    await world.doors.queue.idle()  # type: ignore[attr-defined]
    head = await world.github.push("moves", {"moves.yaml": "a: 2\n"})
    moved = await world.report_on(stored.report.pull_request.number, Verdict.HELD)
    assert head not in released_commits(await world.decisions(stored))
    assert "trust" in world.buttons(posted)
    # The button of the first commit, kept by somebody, is for the first commit.
    world.slack.workspace.messages[posted.channel][posted.timestamp].blocks = old
    await world.pressed(stored, "trust", "reviewer")
    assert "has moved" in world.heard("reviewer")[-1]
    assert head not in released_commits(await world.decisions(moved))


@pytest.mark.parametrize(
    ("login", "words"),
    [
        ("author", "are the author"),
        ("stranger", "permission 'none'"),
        ("nobody", "which GitHub account is yours"),
    ],
)
async def test_who_may_not_let_it_run(world: ClickWorld, login: str, words: str) -> None:
    stored = await world.reported("held", Verdict.HELD)
    await world.pressed(stored, "trust", login)
    assert words in world.heard(login)[-1]
    [decision] = await world.decisions(stored)
    assert decision.outcome == "refused"
    assert not released_commits([decision])


@pytest.mark.parametrize("action", ["trust", "approve"])
@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"kind": "guest"}, "You are a guest"),
        ({"kind": "single_channel_guest"}, "You are a guest"),
        ({"kind": "stranger", "team_id": "T0ELSEWHERE"}, "another organisation"),
        # Slack forgets to say "stranger": the team tells.
        ({"team_id": "T0ELSEWHERE"}, "another organisation"),
        ({"kind": "bot"}, "account of an app"),
        ({"deleted": True}, "is deactivated"),
    ],
)
async def test_accounts_that_decide_nothing(
    world: ClickWorld, setting: dict[str, Any], words: str, action: str
) -> None:
    stored = await world.reported("guests", Verdict.HELD if action == "trust" else Verdict.CHANGES)
    user = world.slack.workspace.users[world.users["reviewer"]]
    for name, value in setting.items():
        setattr(user, name, value)
    await world.pressed(stored, action, "reviewer")
    [decision] = await world.decisions(stored)
    assert decision.outcome == "refused"
    assert words in decision.message
    assert await world.reviews(stored) == []


async def test_on_an_enterprise_grid_the_organisation_is_compared(tmp_path: Path) -> None:
    async with click_world(tmp_path) as world:
        workspace = world.slack.workspace
        # The door asks who it is once, so the organisation is set before the first press.
        workspace.enterprise_id = "E0ACME"
        colleague, stranger = (workspace.users[world.users[login]] for login in ("reviewer", "admin"))
        colleague.kind, colleague.team_id, colleague.enterprise_id = "colleague", "T0OTHER", "E0ACME"
        stranger.team_id, stranger.enterprise_id = workspace.team_id, "E0EVIL"
        stored = await world.reported("grid", Verdict.HELD)
        await world.pressed(stored, "trust", "admin")
        assert "another organisation" in world.heard("admin")[-1]
        await world.pressed(stored, "trust", "reviewer")
        assert [one.outcome for one in await world.decisions(stored)] == ["refused", "done"]


async def test_no_diff_as_a_comment_in_a_public_repository(tmp_path: Path) -> None:
    async with click_world(tmp_path) as world:
        stored = await world.reported("public")
        posted = await world.message(stored.report.pull_request)
        assert "comment" in world.buttons(posted)
        # Made public after the message was written: what counts is what GitHub says at the click.
        await world.github.api("admin").patch("/repos/acme/fleet", json={"private": False})
        await world.pressed(stored, "comment", "reviewer")
        assert "acme/fleet is public" in world.heard("reviewer")[-1]
        assert await world.comments(stored) == []


async def test_comments_in_a_public_repository_when_allowed(tmp_path: Path) -> None:
    async with click_world(tmp_path, "trust: {allow_public_comments: true}\n", private=False) as world:
        stored = await world.reported("public")
        await world.pressed(stored, "comment", "reviewer")
        assert len(await world.comments(stored)) == 1


@pytest.mark.parametrize("shared", ["external", "pending"])
async def test_nothing_is_written_to_a_channel_that_strangers_read(world: ClickWorld, shared: str) -> None:
    partners = world.slack.workspace.add_channel("partners", shared=shared)  # type: ignore[arg-type]
    message = ChatMessage("hello", ({"type": "section", "text": {"type": "mrkdwn", "text": "hello"}},), "key")
    with pytest.raises(SlackRefused, match=r"#partners is shared .* slack\.allow_shared_channels"):
        await world.doors.chat.post(partners.id, message)
    assert not world.slack.workspace.messages[partners.id]


async def test_a_channel_of_our_own_organisation_is_written_to(world: ClickWorld) -> None:
    ours = world.slack.workspace.add_channel("ours", shared="organisation")
    message = ChatMessage("hello", ({"type": "section", "text": {"type": "mrkdwn", "text": "hello"}},), "key")
    await world.doors.chat.post(ours.id, message)
    assert len(world.slack.workspace.messages[ours.id]) == 1
