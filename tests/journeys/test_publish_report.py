"""A report becomes a comment when people have decided so, and a comment that is there stays up to date."""

from dataclasses import replace
from pathlib import Path

import pytest
from click_world import ClickWorld, click_world

from gitops_bot.journeys.review_pull_request import tell_kept_report
from gitops_bot.models.kustomizations import KustomizationId
from gitops_bot.models.records import Progress, StoredReport
from gitops_bot.models.reports import ClusterReport, KustomizationReport, RowState, Verdict
from gitops_bot.rules.decisions import Action
from gitops_bot.rules.publishing import Publish


async def told(world: ClickWorld, stored: StoredReport, *, state: RowState = RowState.CHANGED) -> None:
    """Let the tick tell a report that touches something."""
    row = KustomizationReport(KustomizationId("production", "flux-system", "apps"), "apps", state)
    report = replace(stored.report, clusters=(ClusterReport("production", Verdict.CHANGES, (row,)),), digest=state)
    record = await world.doors.store.pull_request(report.pull_request.key)
    assert record is not None
    await world.doors.store.save_report(StoredReport(stored.report_id, report), record.work_key)
    await world.doors.store.save_pull_request(replace(record, progress=Progress.WAITING), world.doors.clock())
    await tell_kept_report(world.doors, report.pull_request.key)


@pytest.mark.parametrize(("policy", "comments"), [("never", 0), ("on_click", 0), ("when_complete", 1), ("always", 1)])
async def test_what_is_decided_is_done(tmp_path: Path, policy: str, comments: int) -> None:
    async with click_world(tmp_path, f"publish: {{policy: {policy}}}\n") as world:
        stored = await world.reported("feature", tell=False)
        for _ in range(3):
            await told(world, stored)
        assert len(await world.comments(stored)) == comments


async def test_a_comment_that_somebody_asked_for_follows_the_next_report(tmp_path: Path) -> None:
    async with click_world(tmp_path) as world:
        stored = await world.reported("feature")
        await world.pressed(stored, Action.COMMENT, "reviewer")
        (before,) = await world.comments(stored)
        await told(world, stored, state=RowState.FAILING)
        (after,) = await world.comments(stored)
        assert before != after


async def test_where_nothing_is_published_there_is_no_button_and_an_old_one_says_why(tmp_path: Path) -> None:
    async with click_world(tmp_path) as world:
        stored = await world.reported("feature")
        policy = replace(world.doors.decision_policy.publishing, repositories=(("acme/*", Publish.NEVER),))
        object.__setattr__(world.doors, "decision_policy", replace(world.doors.decision_policy, publishing=policy))
        await world.pressed(stored, Action.COMMENT, "reviewer")
        assert await world.comments(stored) == []
        assert "publish.policy" in world.heard("reviewer")[-1]
        await told(world, stored)
        assert Action.COMMENT not in world.buttons(await world.message(stored.report.pull_request))
