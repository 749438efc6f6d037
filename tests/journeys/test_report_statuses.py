"""Every commit that is about to be merged has a status that branch protection can require."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from click_world import FLEET, ClickWorld, choose, click_world
from waiting import eventually

from gitops_bot.journeys.report_statuses import report_statuses
from gitops_bot.models.records import Progress, PullRequestRecord
from gitops_bot.models.reports import Verdict
from gitops_bot.rules.decisions import Action

FOLLOWED = frozenset({"main"})


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ClickWorld]:
    async with click_world(tmp_path, "status: {enabled: true}\n") as opened:
        yield opened


async def tick(world: ClickWorld) -> None:
    look = await world.doors.github.open_pull_requests(FLEET)
    await report_statuses(world.doors, FLEET, look.pull_requests, FOLLOWED)


async def statuses(world: ClickWorld, commit: str) -> list[tuple[str, str, str]]:
    """State, context and description of every status of a commit, newest first."""
    found = await world.github.get(f"/commits/{commit}/statuses")
    return [(one["state"], one["context"], one["description"]) for one in found]


async def states(world: ClickWorld, commit: str) -> list[str]:
    return [state for state, _, _ in await statuses(world, commit)]


async def test_a_report_becomes_a_status_once_and_a_new_verdict_another(world: ClickWorld) -> None:
    stored = await world.reported("feature", Verdict.NO_EFFECT)
    head = stored.report.pull_request.head_sha
    for _ in range(3):
        await tick(world)
    assert await statuses(world, head) == [("success", "gitops-bot/production", "No effect on what runs")]
    await world.report_on(stored.report.pull_request.number, Verdict.BLOCKED)
    await tick(world)
    assert await states(world, head) == ["failure", "success"]


async def test_a_new_head_is_pending_until_it_is_looked_at(world: ClickWorld) -> None:
    stored = await world.reported("feature", Verdict.CHANGES)
    await tick(world)
    head = await world.github.push("feature", {"feature.yaml": "a: 2\n"})
    await tick(world)
    assert await states(world, head) == ["pending"]
    await world.report_on(stored.report.pull_request.number, Verdict.CHANGES)
    await tick(world)
    assert await states(world, head) == ["success", "pending"]


async def test_a_base_that_moved_makes_it_pending_again(world: ClickWorld) -> None:
    stored = await world.reported("feature", Verdict.CHANGES)
    pull = stored.report.pull_request
    await tick(world)
    tip = await world.github.push("main", {"other.yaml": "b: 1\n"})
    record = await world.doors.store.pull_request(pull.key)
    assert record is not None
    await world.doors.store.save_pull_request(
        PullRequestRecord(pull, tip, Progress.WAITING, record.work_key, record.report_id), world.doors.clock()
    )
    await tick(world)
    assert await states(world, pull.head_sha) == ["pending", "success"]


async def test_what_reaches_no_cluster_is_a_success_and_says_why(world: ClickWorld) -> None:
    await world.github.push("docs", {"docs.md": "x\n"})
    made = await world.github.pull_request("feature", {"feature.yaml": "a: 1\n"}, base="docs")
    await tick(world)
    assert await statuses(world, made["head"]["sha"]) == [
        ("success", "gitops-bot/production", "Nothing in production follows docs")
    ]


async def test_another_pull_request_with_the_same_head_lets_nothing_through(world: ClickWorld) -> None:
    """GitHub keeps one status for a commit, whatever branch it is to be merged into."""
    stored = await world.reported("feature", Verdict.BLOCKED)
    head = stored.report.pull_request.head_sha
    await tick(world)
    assert await states(world, head) == ["failure"]
    await world.github.push("docs", {"docs.md": "x\n"})
    body = {"title": "the same", "head": "feature", "base": "docs"}
    answer = await world.github.api("author").post(f"/repos/{FLEET}/pulls", json=body)
    assert answer.json()["head"]["sha"] == head
    for _ in range(2):
        await tick(world)
    assert await states(world, head) == ["failure"]


async def test_a_branch_named_like_the_merge_queues_lets_nothing_through(world: ClickWorld) -> None:
    stored = await world.reported("feature", Verdict.BLOCKED)
    head = stored.report.pull_request.head_sha
    number = stored.report.pull_request.number
    named = f"refs/heads/gh-readonly-queue/docs/pr-{number}-{head}"
    await world.github.git("push", "--quiet", "origin", f"{head}:{named}", cwd=world.github.clone)
    await tick(world)
    assert await states(world, head) == ["failure"]


async def test_a_cluster_that_does_not_answer_may_follow_the_branch_all_the_same(world: ClickWorld) -> None:
    await world.github.push("docs", {"docs.md": "x\n"})
    made = await world.github.pull_request("feature", {"feature.yaml": "a: 1\n"}, base="docs")
    look = await world.doors.github.open_pull_requests(FLEET)
    await report_statuses(world.doors, FLEET, look.pull_requests, FOLLOWED, unseen=frozenset({"production"}))
    assert await states(world, made["head"]["sha"]) == ["pending"]
    await tick(world)
    assert await states(world, made["head"]["sha"]) == ["success", "pending"]


async def test_what_was_open_at_the_first_start_is_looked_at_in_silence(world: ClickWorld) -> None:
    made = await world.github.pull_request("feature", {"feature.yaml": "a: 1\n"})
    pull = await world.doors.github.pull_request(FLEET, made["number"])
    tip = await world.doors.github.branch_tip(FLEET, "main")
    await world.doors.store.save_pull_request(PullRequestRecord(pull, tip, Progress.LISTED), world.doors.clock())

    async def reported() -> bool:
        await tick(world)
        # The cluster of this test cannot be reached: a report that could not look is no success.
        return await states(world, pull.head_sha) == ["failure", "pending"]

    await eventually(reported, "the status tells a verdict", 30)
    record = await world.doors.store.pull_request(pull.key)
    assert record is not None
    assert record.progress is Progress.LISTED
    assert not world.slack.workspace.messages.get(world.channel)


async def test_a_commit_of_the_merge_queue_has_a_status_of_its_own(world: ClickWorld) -> None:
    stored = await world.reported("feature", Verdict.NO_EFFECT)
    pull = stored.report.pull_request
    base = await world.doors.github.branch_tip(FLEET, "main")
    queued = await world.github.push(
        f"gh-readonly-queue/main/pr-{pull.number}-{base}", {"feature.yaml": "a: 1\n"}, message="queued"
    )
    await tick(world)
    assert await states(world, queued) == ["pending"]

    async def reported() -> bool:
        await tick(world)
        return await states(world, queued) == ["failure", "pending"]

    await eventually(reported, "the commit of the queue is looked at", 30)
    # Only the queue's commit is judged by it.
    assert await states(world, pull.head_sha) == ["success"]


async def test_what_somebody_holds_waits_until_it_is_released(world: ClickWorld) -> None:
    stored = await world.reported("feature", Verdict.CHANGES)
    head = stored.report.pull_request.head_sha
    await choose(world, stored, Action.HOLD, "reviewer")
    await tick(world)
    assert (await statuses(world, head))[0] == ("pending", "gitops-bot/production", "On hold by reviewer")
    await choose(world, stored, Action.RELEASE, "reviewer")
    await tick(world)
    assert await states(world, head) == ["success", "pending"]


async def test_a_refusal_is_told_once_and_ends_when_the_right_is_there(world: ClickWorld) -> None:
    stored = await world.reported("feature", Verdict.NO_EFFECT)
    world.github.standin.grant("acme", "fleet", "gitops-bot", "read")
    for _ in range(3):
        await tick(world)
    told = [message.text for message in world.slack.workspace.messages[world.channel].values()]
    assert sum("status" in text.lower() for text in told) == 1, told
    world.github.standin.grant("acme", "fleet", "gitops-bot", "write")
    await tick(world)
    assert await states(world, stored.report.pull_request.head_sha) == ["success"]


async def test_nothing_is_written_unless_it_is_switched_on(tmp_path: Path) -> None:
    async with click_world(tmp_path) as world:
        stored = await world.reported("feature", Verdict.NO_EFFECT)
        await tick(world)
        assert await states(world, stored.report.pull_request.head_sha) == []


async def test_what_has_not_changed_is_not_read_again(world: ClickWorld) -> None:
    stored = await world.reported("feature", Verdict.CHANGES)
    await tick(world)
    record = await world.doors.store.pull_request(stored.report.pull_request.key)
    assert record is not None
    (kept,) = world.doors.kept_statuses.of(record) or ()
    world.doors.kept_statuses.keep(record, (replace(kept, description="as it was kept"),))
    await tick(world)
    newest, *_ = await statuses(world, stored.report.pull_request.head_sha)
    assert newest == ("success", "gitops-bot/production", "as it was kept")
    await world.report_on(stored.report.pull_request.number, Verdict.BLOCKED)
    await tick(world)
    assert (await states(world, stored.report.pull_request.head_sha))[0] == "failure"
