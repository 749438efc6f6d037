"""Request changes, run again, hold, release and merge. The whole service."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from bot_process import clear_faults, origin_of
from click_world import ClickWorld, choose, click_world
from waiting import until

from gitops_bot.models.reports import Verdict

MERGING = "decisions: {merge: squash}\n"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ClickWorld]:
    async with click_world(tmp_path, MERGING) as running:
        yield running


async def test_request_changes_with_a_reason(world: ClickWorld) -> None:
    stored = await world.reported("changes")
    head = stored.report.pull_request.head_sha
    await choose(world, stored, "request_changes", "reviewer")
    [view] = await world.slack_views()
    reason = "Please keep two replicas.\n```\n@acme/everybody <script>"
    await world.submitted(view, reason=reason)
    assert await world.reviews(stored) == [("CHANGES_REQUESTED", head)]
    [review] = await world.github.get(f"/pulls/{stored.report.pull_request.number}/reviews")
    # Somebody else's words stand in a fence that they cannot end.
    assert "`reviewer` asks for changes" in review["body"]
    assert f"````\n{reason}\n````" in review["body"]
    [decision] = await world.decisions(stored)
    assert (decision.action, decision.outcome, decision.github_login) == ("request_changes", "done", "reviewer")
    assert "Changes requested" in world.shown(await world.message(stored.report.pull_request))


async def test_a_request_for_changes_in_doubt_is_not_made_twice(world: ClickWorld) -> None:
    stored = await world.reported("doubt")
    await choose(world, stored, "request_changes", "reviewer")
    [view] = await world.slack_views()
    await world.github.fault(kind="status", status=502, when="after", count=None, method="POST", path="*/reviews")
    values = {"reason": {"reason": "Not on a Friday."}}
    await world.slack.interactions.submit({"view_id": view["id"], "values": values})
    await until(lambda: world.heard("reviewer"), "the person hears that it has to wait")
    await until(lambda: not world.doors.clicks.busy_keys, "the click is put back")
    await clear_faults(origin_of(world.github.standin.html_url))
    await world.tick()
    await world.settled()
    assert [state for state, _ in await world.reviews(stored)] == ["CHANGES_REQUESTED"]
    assert [one.outcome for one in await world.decisions(stored)] == ["done"]


async def test_authors_are_told_before_they_write(world: ClickWorld) -> None:
    stored = await world.reported("own")
    await choose(world, stored, "request_changes", "author")
    [view] = await world.slack_views()
    assert "are the author" in str(view["blocks"])
    assert not view["submit"]


async def test_run_again(world: ClickWorld) -> None:
    stored = await world.reported("again")
    await choose(world, stored, "look", "stranger")
    await world.doors.queue.idle()  # type: ignore[attr-defined]
    await world.settled()
    record = await world.doors.store.pull_request(stored.report.pull_request.key)
    assert record is not None
    assert record.report_id != stored.report_id


async def test_hold_and_release(world: ClickWorld) -> None:
    stored = await world.reported("held-back")
    posted = await world.message(stored.report.pull_request)
    message = world.slack.workspace.messages[posted.channel][posted.timestamp]
    before = message.blocks
    await choose(world, stored, "hold", "author")
    assert "On hold" in world.shown(posted)
    assert "approve" not in world.buttons(posted)
    # A press of the button as it was before.
    now, message.blocks = message.blocks, before
    await world.pressed(stored, "approve", "reviewer")
    assert "on hold by author" in world.heard("reviewer")[-1]
    message.blocks = now
    await choose(world, stored, "release", "reviewer")
    assert "On hold" not in world.shown(posted)
    await world.pressed(stored, "approve", "reviewer")
    assert [state for state, _ in await world.reviews(stored)] == ["APPROVED"]


async def test_merge_what_was_shown(world: ClickWorld) -> None:
    stored = await world.reported("merged")
    await choose(world, stored, "merge", "author")
    [view] = await world.slack_views()
    assert stored.report.pull_request.head_sha in str(view["blocks"])
    await world.submitted(view)
    pull = await world.github.get(f"/pulls/{stored.report.pull_request.number}")
    assert pull["merged"] is True
    [decision] = await world.decisions(stored)
    assert (decision.action, decision.outcome, decision.message) == ("merge", "done", pull["merge_commit_sha"])


async def test_github_itself_refuses_another_head(world: ClickWorld) -> None:
    stored = await world.reported("race")
    await choose(world, stored, "merge", "reviewer")
    [view] = await world.slack_views()
    # Whatever we read, GitHub compares: the answer to our reading is made old on purpose.
    number = stored.report.pull_request.number
    old = (await world.github.api().get(f"/repos/acme/fleet/pulls/{number}")).text
    await world.github.push("race", {"race.yaml": "a: 2\n"})
    await world.github.fault(kind="body", body=old, status=200, method="GET", path=f"/repos/acme/fleet/pulls/{number}")
    await world.submitted(view)
    assert (await world.github.get(f"/pulls/{number}"))["merged"] is False
    assert "Head branch was modified" in world.heard("reviewer")[-1]
    [decision] = await world.decisions(stored)
    assert (decision.action, decision.outcome) == ("merge", "failed")
    assert "Head branch was modified" in decision.message


async def test_a_merge_in_doubt_is_told_as_done(world: ClickWorld) -> None:
    stored = await world.reported("in-doubt")
    await choose(world, stored, "merge", "reviewer")
    [view] = await world.slack_views()
    await world.github.fault(kind="status", status=502, when="after", method="PUT", path="*/merge")
    await world.slack.interactions.submit({"view_id": view["id"], "values": {}})
    await until(lambda: world.heard("reviewer"), "the person hears that it has to wait")
    await until(lambda: not world.doors.clicks.busy_keys, "the click is put back")
    await world.tick()
    await world.settled()
    assert [(one.action, one.outcome) for one in await world.decisions(stored)] == [("merge", "done")]


async def test_the_right_to_merge_without_a_review_is_lent_to_nobody(world: ClickWorld) -> None:
    """An administrator's token merges past the rules of a branch: whoever presses the button must not by it."""
    await world.github.control("rules", repository="acme/fleet", branch="main", required_approving_review_count=1)
    stored = await world.reported("unreviewed")
    await choose(world, stored, "merge", "author")
    [view] = await world.slack_views()
    await world.submitted(view)
    assert "ask for a review that is not there yet" in world.heard("author")[-1]
    asked = [(one["method"], one["path"]) for one in world.github.standin.requests]
    assert not [path for method, path in asked if method == "PUT" and path.endswith("/merge")]
    await world.pressed(stored, "approve", "reviewer")
    await choose(world, stored, "merge", "author")
    await world.submitted((await world.slack_views())[-1])
    assert (await world.github.get(f"/pulls/{stored.report.pull_request.number}"))["merged"] is True


async def test_a_merge_is_the_one_of_who_pressed(world: ClickWorld) -> None:
    """Who had the dialog open while somebody else merged has done nothing, whatever the audit trail is asked."""
    stored = await world.reported("twice")
    await choose(world, stored, "merge", "reviewer")
    await choose(world, stored, "merge", "author")
    first, second = await world.slack_views()
    await world.submitted(first)
    await world.submitted(second)
    made = [(one.github_login, one.outcome) for one in await world.decisions(stored)]
    assert sorted(outcome for _, outcome in made) == ["done", "refused"]


async def test_merging_is_off_unless_switched_on(tmp_path: Path) -> None:
    async with click_world(tmp_path) as world:
        stored = await world.reported("off")
        posted = await world.message(stored.report.pull_request)
        assert "merge" not in world.shown(posted)


async def test_what_was_not_looked_at_is_not_merged(world: ClickWorld) -> None:
    stored = await world.reported("partly", Verdict.INCOMPLETE)
    posted = await world.message(stored.report.pull_request)
    assert "merge " not in world.shown(posted)
