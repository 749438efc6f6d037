"""Clicks in bad times: beside many reviews, during an outage, long after one. The whole service."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from bot_process import clear_faults, origin_of
from click_world import FLEET, ClickWorld, at, click_world
from waiting import eventually, until

from gitops_bot.models.pull_requests import PullRequest
from gitops_bot.models.records import Progress, PullRequestRecord
from gitops_bot.views.slack_message import open_pull_requests_message

LATER = timedelta(minutes=16)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ClickWorld]:
    async with click_world(tmp_path) as running:
        yield running


async def outage(world: ClickWorld) -> None:
    await world.github.fault(kind="status", status=502, count=None)


async def end_outage(world: ClickWorld) -> None:
    await clear_faults(origin_of(world.github.standin.html_url))


async def test_a_click_does_not_wait_behind_reviews(world: ClickWorld) -> None:
    gate = asyncio.Event()

    async def long_review() -> None:
        await gate.wait()

    for number in range(20):
        world.doors.queue.put(f"review {number}", long_review)
    stored = await world.reported("busy")
    await world.pressed(stored, "comment", "reviewer")
    assert len(await world.comments(stored)) == 1
    gate.set()


async def test_an_outage_of_github_is_told_once_and_the_click_is_carried_out_after_it(world: ClickWorld) -> None:
    stored = await world.reported("outage")
    await outage(world)
    await world.press(stored, "comment", "reviewer")
    await until(lambda: world.heard("reviewer"), "the person hears that it has to wait")
    for _ in range(3):
        await until(lambda: not world.doors.clicks.busy_keys, "the click is put back")
        await world.tick()
    await until(lambda: not world.doors.clicks.busy_keys, "the click is put back")
    assert len(world.heard("reviewer")) == 1
    assert "has to wait" in world.heard("reviewer")[0]
    await end_outage(world)
    await world.tick()
    await world.settled()
    assert len(await world.comments(stored)) == 1
    assert len(world.heard("reviewer")) == 1


async def test_a_click_that_waited_too_long_is_given_up_and_that_is_told(world: ClickWorld) -> None:
    stored = await world.reported("late")
    await outage(world)
    await world.press(stored, "comment", "reviewer")
    await until(lambda: world.heard("reviewer"), "the person hears that it has to wait")
    await until(lambda: not world.doors.clicks.busy_keys, "the click is put back")
    await end_outage(world)
    at(world, datetime.now(UTC) + LATER)
    await world.tick()
    await world.settled()
    assert "given up" in world.heard("reviewer")[-1]
    assert await world.comments(stored) == []
    # And never again.
    await world.tick()
    await world.settled()
    assert len(world.heard("reviewer")) == 2


async def test_an_approval_in_doubt_is_withdrawn_when_its_click_is_given_up(world: ClickWorld) -> None:
    stored = await world.reported("doubt")
    # GitHub does it, and nobody hears of it.
    await world.github.fault(kind="status", status=502, when="after", count=None, method="POST", path="*/reviews")
    await world.press(stored, "approve", "reviewer")
    await until(lambda: world.heard("reviewer"), "the person hears that it has to wait")
    await until(lambda: not world.doors.clicks.busy_keys, "the click is put back")
    assert await world.reviews(stored) == [("APPROVED", stored.report.pull_request.head_sha)]
    await end_outage(world)
    at(world, datetime.now(UTC) + LATER)
    await world.tick()
    await world.settled()
    assert [state for state, _ in await world.reviews(stored)] == ["DISMISSED"]
    assert "has been withdrawn" in world.heard("reviewer")[-1]


async def listed(world: ClickWorld) -> PullRequest:
    """A pull request that was open at the first look, in the message that lists it."""
    made = await world.github.pull_request("listed", {"listed.yaml": "a: 1\n"})
    pull = await world.doors.github.pull_request(FLEET, made["number"])
    tip = await world.doors.github.branch_tip(FLEET, "main")
    await world.doors.store.save_pull_request(PullRequestRecord(pull, tip, Progress.LISTED), world.doors.clock())
    await world.doors.chat.post(world.channel, open_pull_requests_message(FLEET, [pull], key="list"))
    return pull


async def ask_to_look(world: ClickWorld, pull: PullRequest) -> None:
    [timestamp] = world.slack.workspace.messages[world.channel]
    gesture = {"user": world.users["reviewer"], "channel": world.channel, "ts": timestamp, "action_id": "look"}
    answer = await world.slack.interactions.click(gesture | {"selected_option": pull.key})
    assert answer["acknowledged"]


async def test_asking_to_look_is_never_followed_by_silence(world: ClickWorld) -> None:
    pull = await listed(world)
    await ask_to_look(world, pull)
    await until(lambda: world.heard("reviewer"), "the person hears what came of it")
    # Not "nothing is affected": nobody knows, the cluster does not answer.
    assert "could not be looked at" in world.heard("reviewer")[-1]
    assert "production" in world.heard("reviewer")[-1]


async def test_asking_to_look_at_what_is_closed(world: ClickWorld) -> None:
    pull = await listed(world)
    record = await world.doors.store.pull_request(pull.key)
    assert record is not None
    closed = replace(record, pull_request=replace(pull, state="closed"))
    await world.doors.store.save_pull_request(closed, world.doors.clock())
    await ask_to_look(world, pull)
    await until(lambda: world.heard("reviewer"), "the person hears what came of it")
    assert "not open any more" in world.heard("reviewer")[-1]


async def test_asking_to_look_during_an_outage(world: ClickWorld) -> None:
    pull = await listed(world)
    await outage(world)
    await ask_to_look(world, pull)
    await until(lambda: world.heard("reviewer"), "the person hears that it has to wait")
    assert "has to wait" in world.heard("reviewer")[-1]
    await end_outage(world)

    async def looked() -> bool:
        await world.tick()
        return len(world.heard("reviewer")) > 1

    await eventually(looked, "it is looked at after the outage")
    assert "could not be looked at" in world.heard("reviewer")[-1]


async def test_who_asks_to_look_hears_that_others_come_first(world: ClickWorld) -> None:
    gate = asyncio.Event()

    async def long_review() -> None:
        await gate.wait()

    for number in range(20):
        world.doors.queue.put(f"review {number}", long_review)
    pull = await listed(world)
    await ask_to_look(world, pull)
    await until(lambda: world.heard("reviewer"), "the person hears that it is taken")
    assert "as soon as there is room" in world.heard("reviewer")[-1]
    gate.set()
    await until(lambda: len(world.heard("reviewer")) > 1, "and what came of it")
