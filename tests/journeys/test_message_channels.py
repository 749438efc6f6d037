"""One message per pull request and channel: routes, filters, quiet hours, and who is called."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click_world import FLEET, ClickWorld, at, click_world

from gitops_bot.journeys.poll_repositories import _take_up
from gitops_bot.journeys.review_pull_request import tell_kept_report
from gitops_bot.models.kustomizations import KustomizationId
from gitops_bot.models.records import Progress, PullRequestRecord
from gitops_bot.models.reports import ClusterReport, Finding, KustomizationReport, RowState, Severity, Verdict
from gitops_bot.rules.filters import Choice, FilterPolicy
from gitops_bot.rules.routing import QuietHours, Route

RISK = Finding("deletes-statefulset", Severity.CRITICAL, "StatefulSet shop/db is deleted.", risk=True)
NIGHT = datetime(2026, 11, 18, 23, 30, tzinfo=UTC)
MORNING = datetime(2026, 11, 19, 6, 30, tzinfo=UTC)


@asynccontextmanager
async def routed(folder: Path, **policy: Any) -> AsyncIterator[tuple[ClickWorld, str]]:
    """A world with a second channel; ``policy`` changes the channels' policy, {second} in routes is its id."""
    async with click_world(folder) as world:
        second = world.slack.create_channel("databases")
        routes = tuple(replace(route, channel=second) for route in policy.pop("routes", ()))
        channels = replace(world.doors.channels, routes=routes, **policy)
        object.__setattr__(world.doors, "channels", channels)
        yield world, second


def rows(*findings: Finding, state: RowState = RowState.CHANGED) -> ClusterReport:
    apps = KustomizationId("production", "flux-system", "databases")
    row = KustomizationReport(apps, "databases", state, findings=findings)
    return ClusterReport("production", Verdict.CHANGES, (row,))


async def show(world: ClickWorld, branch: str, cluster: ClusterReport) -> PullRequestRecord:
    """Keep a report that nobody has been told of yet, then tell it as the tick does."""
    stored = await world.reported(branch, tell=False)
    report = replace(stored.report, clusters=(cluster,), digest=f"{branch} {len(cluster.rows)}")
    record = await world.doors.store.pull_request(report.pull_request.key)
    assert record is not None
    await world.doors.store.save_report(replace(stored, report=report), record.work_key)
    await world.doors.store.save_pull_request(replace(record, progress=Progress.WAITING), world.doors.clock())
    return await tell(world, report.pull_request.key)


async def tell(world: ClickWorld, key: str) -> PullRequestRecord:
    await tell_kept_report(world.doors, key)
    record = await world.doors.store.pull_request(key)
    assert record is not None
    return record


def messages(world: ClickWorld, channel: str) -> list[str]:
    return [str(message.blocks) for message in world.slack.workspace.messages.get(channel, {}).values()]


async def test_a_route_takes_what_it_wants_and_the_default_the_rest(tmp_path: Path) -> None:
    async with routed(tmp_path, routes=(Route("", kustomizations=("*/databases",), risk=Severity.CRITICAL),)) as (
        world,
        second,
    ):
        await show(world, "risky", rows(RISK))
        await show(world, "harmless", rows())
        assert ["risky" in text for text in messages(world, second)] == [True]
        assert ["harmless" in text for text in messages(world, world.channel)] == [True]


async def test_what_may_change_something_is_told_though_no_change_is_known(tmp_path: Path) -> None:
    """It mends a broken base branch: the cluster has all of it, and how the base differs nobody can say."""
    broken = Finding("base-not-compared", Severity.WARNING, "The base could not be compared.", incomplete=True)
    async with routed(tmp_path, routes=(Route("", kustomizations=("*/databases",)),)) as (world, second):
        await show(world, "mends", rows(broken, state=RowState.UNCHANGED))
        await show(world, "nothing", rows(state=RowState.UNCHANGED))
        assert ["mends" in text for text in messages(world, second)] == [True]
        assert messages(world, world.channel) == []


async def test_a_channel_keeps_its_message_when_a_new_commit_does_not_concern_it_any_more(tmp_path: Path) -> None:
    async with routed(tmp_path, routes=(Route("", risk=Severity.CRITICAL),)) as (world, second):
        record = await show(world, "feature", rows(RISK))
        stored = await world.doors.store.report(record.report_id)
        assert stored is not None
        await world.doors.store.save_report(
            replace(stored, report=replace(stored.report, clusters=(rows(),))), record.work_key
        )
        await tell(world, record.pull_request.key)
        assert len(messages(world, second)) == len(messages(world, world.channel)) == 1
        assert "StatefulSet" not in messages(world, second)[0]


async def test_at_night_a_message_waits_and_a_grave_one_does_not(tmp_path: Path) -> None:
    quiet = QuietHours(start=datetime.min.time().replace(hour=22), end=datetime.min.time().replace(hour=6))
    async with routed(tmp_path, quiet=quiet) as (world, _):
        at(world, NIGHT)
        record = await show(world, "feature", rows())
        assert messages(world, world.channel) == []
        assert record.progress is Progress.WAITING
        await show(world, "risky", rows(RISK))
        assert ["risky" in text for text in messages(world, world.channel)] == [True]
        at(world, MORNING)
        record = await tell(world, record.pull_request.key)
        assert record.progress is Progress.REPORTED
        assert len(messages(world, world.channel)) == 2


@pytest.mark.parametrize(("severity", "calls"), [(Severity.CRITICAL, True), (Severity.WARNING, False)])
async def test_the_group_on_call_is_mentioned_when_a_risk_is_grave(
    tmp_path: Path, severity: Severity, *, calls: bool
) -> None:
    async with routed(tmp_path, mention=("S0ONCALL", "U0BOSS")) as (world, _):
        await show(world, "feature", rows(replace(RISK, severity=severity)))
        (text,) = messages(world, world.channel)
        assert ("<!subteam^S0ONCALL>" in text and "<@U0BOSS>" in text) is calls


async def test_a_risk_that_comes_into_a_message_by_an_edit_calls_in_the_thread_once(tmp_path: Path) -> None:
    """Slack tells nobody of a name that an edit brings."""
    async with routed(tmp_path, mention=("S0ONCALL",)) as (world, _):
        record = await show(world, "feature", rows())
        for change in ("first", "second"):
            stored = await world.doors.store.report(record.report_id)
            assert stored is not None
            report = replace(stored.report, clusters=(rows(RISK),), digest=change)
            await world.doors.store.save_report(replace(stored, report=report), record.work_key)
            await tell(world, record.pull_request.key)
        told, *below = messages(world, world.channel)
        assert "<!subteam^S0ONCALL>" in told
        assert len(below) == 1
        assert "<!subteam^S0ONCALL>" in below[0]


async def test_what_a_filter_leaves_out_has_no_message_until_it_is_let_in(tmp_path: Path) -> None:
    async with routed(tmp_path) as (world, _):
        object.__setattr__(world.doors, "filters", FilterPolicy(labels=Choice(exclude=("wip",))))
        made = await world.github.pull_request("feature", {"feature.yaml": "a: 1\n"})
        await world.github.api().post(f"/repos/acme/fleet/issues/{made['number']}/labels", json={"labels": ["wip"]})
        record = await show_labelled(world, made["number"])
        assert messages(world, world.channel) == []
        assert record.progress is Progress.REPORTED
        await world.github.api().delete(f"/repos/acme/fleet/issues/{made['number']}/labels/wip")
        pull = await world.doors.github.pull_request(FLEET, made["number"])
        await _take_up(world.doors, pull, record.base_tip, record)
        now = await world.doors.store.pull_request(pull.key)
        assert now is not None
        assert now.progress is Progress.WAITING


async def show_labelled(world: ClickWorld, number: int) -> PullRequestRecord:
    stored = await world.report_on(number, tell=False)
    report = replace(stored.report, clusters=(rows(),))
    record = await world.doors.store.pull_request(report.pull_request.key)
    assert record is not None
    await world.doors.store.save_report(replace(stored, report=report), record.work_key)
    return await tell(world, report.pull_request.key)


async def test_a_channel_that_takes_nothing_stops_no_other(tmp_path: Path) -> None:
    async with routed(tmp_path, routes=(Route(""), Route("", risk=Severity.CRITICAL))) as (world, second):
        third = world.slack.create_channel("third")
        first, other = world.doors.channels.routes
        routes = (first, replace(other, channel=third))
        object.__setattr__(world.doors, "channels", replace(world.doors.channels, routes=routes))
        world.slack.workspace.channels[second].archived = True
        record = await show(world, "risky", rows(RISK))
        assert record.progress is Progress.REPORTED
        assert ["risky" in text for text in messages(world, third)] == [True]
        # What only that channel wants is told where everything else is.
        await show(world, "harmless", rows())
        assert ["harmless" in text for text in messages(world, world.channel)] == [True]
        assert len(messages(world, third)) == 1
