"""Approvals: of what was shown, by who may, taken back when the head moves. The whole service, as a race table."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from click_world import ClickWorld, click_world
from github_world import REPOSITORY
from waiting import until

from gitops_bot.journeys.withdraw_approval import withdraw_outdated_approvals
from gitops_bot.models.records import StoredReport
from gitops_bot.models.reports import Finding, Severity, Verdict

GRAVE = (Finding("data-loss", Severity.CRITICAL, "The volume goes with it.", risk=True),)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ClickWorld]:
    async with click_world(tmp_path) as running:
        yield running


async def outcomes(world: ClickWorld, stored: StoredReport) -> list[tuple[str, str]]:
    return [(one.action, one.outcome) for one in await world.decisions(stored)]


async def moved_to(world: ClickWorld, stored: StoredReport, branch: str) -> str:
    """Push to the branch, and let the bot see it as a look at the repository would."""
    head = await world.github.push(branch, {f"{branch}.yaml": "a: 2\n"})
    await world.report_on(stored.report.pull_request.number)
    return head


async def test_the_commit_that_was_shown_is_approved(world: ClickWorld) -> None:
    stored = await world.reported("plain")
    head = stored.report.pull_request.head_sha
    await world.pressed(stored, "approve", "reviewer")
    assert await world.reviews(stored) == [("APPROVED", head)]
    assert await outcomes(world, stored) == [("approve", "done")]
    posted = await world.message(stored.report.pull_request)
    assert "Approved" in world.shown(posted)
    assert "@reviewer" in world.shown(posted)
    assert await world.slack_views() == []


@pytest.mark.parametrize(
    ("login", "words"), [("author", "are the author"), ("stranger", "permission"), ("nobody", "which GitHub")]
)
async def test_who_may_not_approve(world: ClickWorld, login: str, words: str) -> None:
    stored = await world.reported("refused")
    await world.pressed(stored, "approve", login)
    assert words in world.heard(login)[-1]
    assert await world.reviews(stored) == []
    assert await outcomes(world, stored) == [("approve", "refused")]


async def test_whoever_made_a_commit_of_it_does_not_approve(world: ClickWorld) -> None:
    stored = await world.reported("together")
    await commit_as(world, "reviewer", "together")
    again = await world.report_on(stored.report.pull_request.number)
    await world.pressed(again, "approve", "reviewer")
    assert "made a commit" in world.heard("reviewer")[-1]
    await world.pressed(again, "approve", "admin")
    assert [state for state, _ in await world.reviews(again)] == ["APPROVED"]


async def commit_as(world: ClickWorld, login: str, branch: str) -> None:
    clone = world.github.clone
    await world.github.git("fetch", "--quiet", "origin", cwd=clone)
    await world.github.git("checkout", "--quiet", "-B", branch, f"origin/{branch}", cwd=clone)
    identity = ("-c", f"user.name={login}", "-c", f"user.email={login}@example.com")
    await world.github.git(
        *identity,
        "commit",
        "--quiet",
        "--allow-empty",
        "-m",
        "mine",
        f"--author={login} <{login}@example.com>",
        cwd=clone,
    )
    await world.github.git("push", "--quiet", "origin", f"HEAD:refs/heads/{branch}", cwd=clone)


async def test_the_head_moved_before_the_click(world: ClickWorld) -> None:
    stored = await world.reported("before")
    await world.github.push("before", {"before.yaml": "a: 2\n"})
    await world.pressed(stored, "approve", "reviewer")
    assert "has moved" in world.heard("reviewer")[-1]
    assert await world.reviews(stored) == []


async def test_the_base_moved_before_the_click(world: ClickWorld) -> None:
    stored = await world.reported("base")
    await world.github.push("main", {"other.yaml": "b: 1\n"})
    await world.pressed(stored, "approve", "reviewer")
    assert "main has moved" in world.heard("reviewer")[-1]
    assert await world.reviews(stored) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"state": "closed"}, "is closed"),
        ({"base": "release"}, "now goes to release"),
        ({"draft": True}, "is a draft"),
    ],
)
async def test_closed_retargeted_drafted(world: ClickWorld, change: dict[str, Any], words: str) -> None:
    await world.github.push("release", {"release.yaml": "a: 1\n"})
    stored = await world.reported("changed")
    number = stored.report.pull_request.number
    if "draft" in change:
        world.github.standin.state.repositories["acme/fleet"].pulls[number].draft = True
    else:
        answer = await world.github.api("author").patch(f"{REPOSITORY}/pulls/{number}", json=change)
        assert answer.is_success, answer.text
    await world.pressed(stored, "approve", "reviewer")
    assert words in world.heard("reviewer")[-1]
    assert await world.reviews(stored) == []


async def test_the_head_moves_between_review_and_read_back(world: ClickWorld) -> None:
    stored = await world.reported("between")
    # The review's answer is late: there is time for a push before the head is read again.
    await world.github.fault(kind="latency", seconds=3, when="after", method="POST", path="*/reviews")
    await world.press(stored, "approve", "reviewer")
    await until(lambda: _reviewed(world, stored), "the review is there")
    await world.github.push("between", {"between.yaml": "a: 2\n"})
    await world.settled()
    assert [state for state, _ in await world.reviews(stored)] == ["DISMISSED"]
    assert await outcomes(world, stored) == [("approve", "withdrawn")]
    assert "is withdrawn" in world.heard("reviewer")[-1]


def _reviewed(world: ClickWorld, stored: StoredReport) -> bool:
    return bool(world.github.standin.state.repositories["acme/fleet"].pulls[stored.report.pull_request.number].reviews)


async def test_when_the_head_moves_later_the_approval_is_withdrawn_once(world: ClickWorld) -> None:
    stored = await world.reported("later")
    await world.pressed(stored, "approve", "reviewer")
    await withdraw_outdated_approvals(world.doors)
    assert [state for state, _ in await world.reviews(stored)] == ["APPROVED"]
    head = await moved_to(world, stored, "later")
    await withdraw_outdated_approvals(world.doors)
    await withdraw_outdated_approvals(world.doors)
    assert [state for state, _ in await world.reviews(stored)] == ["DISMISSED"]
    assert await outcomes(world, stored) == [("approve", "done"), ("withdraw", "done")]
    shown = world.shown(await world.message(stored.report.pull_request))
    assert "Withdrawn" in shown
    assert head[:7] in shown


async def test_a_withdrawal_waits_out_an_outage(world: ClickWorld) -> None:
    stored = await world.reported("outage")
    await world.pressed(stored, "approve", "reviewer")
    await moved_to(world, stored, "outage")
    await world.github.fault(kind="status", status=502, method="PUT", path="*/dismissals")
    await withdraw_outdated_approvals(world.doors)
    assert [state for state, _ in await world.reviews(stored)] == ["APPROVED"]
    await withdraw_outdated_approvals(world.doors)
    assert [state for state, _ in await world.reviews(stored)] == ["DISMISSED"]


async def test_somebody_dismissed_it_by_hand(world: ClickWorld) -> None:
    stored = await world.reported("by-hand")
    await world.pressed(stored, "approve", "reviewer")
    number = stored.report.pull_request.number
    [review] = await world.github.get(f"/pulls/{number}/reviews")
    path = f"{REPOSITORY}/pulls/{number}/reviews/{review['id']}/dismissals"
    answer = await world.github.api("admin").put(path, json={"message": "no", "event": "DISMISS"})
    assert answer.is_success, answer.text
    await moved_to(world, stored, "by-hand")
    await withdraw_outdated_approvals(world.doors)
    assert await outcomes(world, stored) == [("approve", "done"), ("withdraw", "done")]


async def test_what_the_setting_keeps_is_kept(tmp_path: Path) -> None:
    async with click_world(tmp_path, "decisions: {withdraw_when_head_moves: false}\n") as world:
        stored = await world.reported("kept")
        await world.pressed(stored, "approve", "reviewer")
        await moved_to(world, stored, "kept")
        await withdraw_outdated_approvals(world.doors)
        assert [state for state, _ in await world.reviews(stored)] == ["APPROVED"]


async def test_two_people_at_once_are_one_approval(world: ClickWorld) -> None:
    stored = await world.reported("two")
    await asyncio.gather(world.press(stored, "approve", "reviewer"), world.press(stored, "approve", "admin"))
    await world.settled()
    assert [state for state, _ in await world.reviews(stored)] == ["APPROVED"]
    assert await outcomes(world, stored) == [("approve", "done"), ("approve", "done")]


async def test_a_replayed_envelope_is_one_approval(world: ClickWorld) -> None:
    stored = await world.reported("replayed")
    world.slack.sockets.duplicate_next = 2
    await world.pressed(stored, "approve", "reviewer")
    assert len(await world.reviews(stored)) == 1
    assert len(await world.decisions(stored)) == 1


async def test_rights_lost_since_the_message(world: ClickWorld) -> None:
    stored = await world.reported("lost")
    world.github.standin.grant("acme", "fleet", "reviewer", "read")
    await world.pressed(stored, "approve", "reviewer")
    assert "permission 'read'" in world.heard("reviewer")[-1]


async def test_what_github_asks_for_is_said_before_and_after(world: ClickWorld) -> None:
    await world.github.push("main", {".github/CODEOWNERS": "* @admin\n"})
    await world.github.control(
        "rules",
        repository="acme/fleet",
        branch="main",
        required_approving_review_count=1,
        require_code_owner_review=True,
    )
    stored = await world.reported("owned")
    posted = await world.message(stored.report.pull_request)
    assert "asks for code owners" in world.shown(posted)
    await world.pressed(stored, "approve", "reviewer")
    assert "another review" in world.shown(posted)


async def test_grave_changes_are_read_once_more(world: ClickWorld) -> None:
    stored = await world.reported("grave", findings=GRAVE)
    head = stored.report.pull_request.head_sha
    view = await world.dialog_after(stored, "approve", "reviewer")
    assert await world.reviews(stored) == []
    assert "The volume goes with it." in str(view["blocks"])
    assert head in str(view["blocks"])
    await world.submitted(view)
    assert await world.reviews(stored) == [("APPROVED", head)]
    assert await outcomes(world, stored) == [("approve", "done")]


async def test_a_dialog_opens_at_once_however_slow_github_is(world: ClickWorld) -> None:
    stored = await world.reported("slow", findings=GRAVE)
    await world.github.fault(kind="latency", seconds=4, path=f"{REPOSITORY}/pulls/*")
    answer = await world.press(stored, "approve", "reviewer", wait_for_answer=3)
    [view] = answer["views"]
    assert "Checking" in str(view["blocks"])
    assert "submit" not in view or not view["submit"]
    await world.settled()
    [filled] = await world.slack_views()
    assert filled["submit"]["text"] == "Approve"


async def test_a_dialog_says_why_not(world: ClickWorld) -> None:
    stored = await world.reported("no", findings=GRAVE)
    view = await world.dialog_after(stored, "approve", "author")
    assert "are the author" in str(view["blocks"])
    assert not view["submit"]
    assert await outcomes(world, stored) == [("approve", "refused")]


async def test_what_was_confirmed_is_judged_again(world: ClickWorld) -> None:
    stored = await world.reported("stale", findings=GRAVE)
    view = await world.dialog_after(stored, "approve", "reviewer")
    await world.github.push("stale", {"stale.yaml": "a: 2\n"})
    await world.submitted(view)
    assert "has moved" in world.heard("reviewer")[-1]
    assert await world.reviews(stored) == []


async def test_a_dialog_that_comes_too_late_approves_nothing(world: ClickWorld) -> None:
    stored = await world.reported("expired", findings=GRAVE)
    world.slack.views.trigger_life = 0.0
    await world.pressed(stored, "approve", "reviewer")
    assert "press again" in world.heard("reviewer")[-1]
    assert await world.reviews(stored) == []
    assert await world.decisions(stored) == ()


async def test_incomplete_reports_are_approved_only_where_allowed(tmp_path: Path) -> None:
    async with click_world(tmp_path, "decisions: {allow_incomplete: true}\n") as world:
        stored = await world.reported("partly", Verdict.INCOMPLETE)
        view = await world.dialog_after(stored, "approve", "reviewer")
        assert "Incomplete" in str(view["blocks"])
        await world.submitted(view)
        assert [state for state, _ in await world.reviews(stored)] == ["APPROVED"]
