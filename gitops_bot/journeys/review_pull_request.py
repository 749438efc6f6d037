"""Find what a pull request would do to our clusters, and tell the team."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from typing import Any

from gitops_bot import telemetry
from gitops_bot.errors import (
    ClusterUnavailable,
    GitHubRateLimited,
    GitHubUnavailable,
    GitopsBotError,
    GitUnavailable,
    SlackError,
    SlackRateLimited,
    SlackUnavailable,
    StoreError,
)
from gitops_bot.journeys.change_record import change_record
from gitops_bot.journeys.channels import channels_of
from gitops_bot.journeys.gate_due import let_gate_look
from gitops_bot.journeys.keys import message_key, work_key
from gitops_bot.journeys.look_at_cluster import NOT_LOOKED_AT
from gitops_bot.journeys.look_at_pull_request import look_at_pull_request
from gitops_bot.journeys.ports import Doors
from gitops_bot.journeys.progress_board import ProgressBoard
from gitops_bot.journeys.publish_report import publish_report
from gitops_bot.journeys.review_by_model import ask_for_opinion
from gitops_bot.journeys.show_message import show_message
from gitops_bot.journeys.show_progress import shown_progress
from gitops_bot.journeys.tell_pull_request import has_message, tell_newest_report
from gitops_bot.models.pull_requests import PullRequest
from gitops_bot.models.records import Progress, PullRequestRecord, StoredReport
from gitops_bot.models.reports import ClusterReport, Report
from gitops_bot.rules.filters import left_out
from gitops_bot.rules.trust import released_commits
from gitops_bot.views import slack_message

log = telemetry.logger(__name__)

# Seconds between two looks whether the commit that is looked at is still the head.
_STILL_THERE = 2.0
# Reviews that fail in a row before the pull request is left alone until it moves.
MOST_FAILURES = 3
# It is tried again, however long it takes; nobody is at fault here.
_TRANSIENT = (
    GitHubUnavailable,
    GitHubRateLimited,
    GitUnavailable,
    ClusterUnavailable,
    SlackUnavailable,
    SlackRateLimited,
    StoreError,
)


def review_subject(pull_request: str) -> str:
    """What the patience with a pull request is counted by."""
    return f"review {pull_request}"


async def review_pull_request(doors: Doors, key: str) -> None:
    """Bring the report and the message of one pull request up to date."""

    async def work(record: PullRequestRecord) -> None:
        with telemetry.review_seconds.time():
            await _review(doors, record)

    await _survived(doors, key, work)


async def tell_kept_report(doors: Doors, key: str) -> None:
    """Show a report that is made and still fresh, but never reached people: nothing is rendered for that."""

    async def work(record: PullRequestRecord) -> None:
        await _tell(doors, record.pull_request, record.base_tip)

    await _survived(doors, key, work)


async def _survived(doors: Doors, key: str, work: Callable[[PullRequestRecord], Awaitable[None]]) -> None:
    try:
        record = await doors.store.pull_request(key)
        if record is not None and record.pull_request.state == "open":
            await work(record)
    except _TRANSIENT as error:
        log.warning("a review has to wait", pull_request=key, reason=str(error))
        telemetry.failures.labels("review_pull_request", type(error).__name__).inc()
        doors.patience.pause(review_subject(key), doors.clock(), seconds=_asked_for(doors, error))
    except Exception as error:
        log.exception("a review failed", pull_request=key)
        telemetry.failures.labels("review_pull_request", type(error).__name__).inc()
        if isinstance(error, SlackError):
            doors.patience.pause(review_subject(key), doors.clock())
        await _failed(doors, key, error)


def _asked_for(doors: Doors, error: Exception) -> float:
    """Seconds that the other side asks us to wait; 0.0 when it does not say."""
    if isinstance(error, SlackRateLimited):
        return error.retry_after
    if isinstance(error, GitHubRateLimited):
        return max((error.retry_at - doors.clock()).total_seconds(), 0.0)
    return 0.0


async def _review(doors: Doors, record: PullRequestRecord) -> None:
    pull = record.pull_request
    board = ProgressBoard(shown=await has_message(doors, pull.key), quiet=await _only_looked_at_again(doors, record))
    released = released_commits(await doors.store.decisions(pull.key))
    async with shown_progress(doors, pull, board):
        look = look_at_pull_request(doors, pull, record.base_tip, board, released=released, filters=doors.filters)
        report = await _while_it_stays(doors, record, look)
    if report is None or await _moved_meanwhile(doors, record):
        log.info("the pull request moved while it was looked at", pull_request=pull.key)
        return
    await _keep(doors, record, report)
    await _tell(doors, pull, record.base_tip)
    for cluster in report.clusters:
        telemetry.reports.labels(cluster.cluster, cluster.verdict).inc()


async def _tell(doors: Doors, pull: PullRequest, base_tip: str) -> None:
    """Show the newest report where it is worth a message, and write down that it was shown."""
    record = await doors.store.pull_request(pull.key)
    stored = await doors.store.report(record.report_id) if record else None
    if stored is None:
        return
    told_all = True
    is_told = await _is_to_be_told(doors, pull, stored.report)
    if is_told:
        told_all = await tell_newest_report(doors, pull.key)
        await publish_report(doors, stored)
    # Only now: a kill before this line makes the next start tell it (again, as an edit). A cluster that
    # could not be looked at keeps it waiting.
    lacks = any(finding.code == NOT_LOOKED_AT for cluster in stored.report.clusters for finding in cluster.findings)
    if lacks:
        doors.patience.pause(review_subject(pull.key), doors.clock())
    else:
        doors.patience.go_on(review_subject(pull.key))
    if is_told and told_all and not lacks:
        await let_gate_look(doors, pull)
    # In quiet hours it waits, too: the first tick after them tells it.
    progress = Progress.WAITING if lacks or not told_all else Progress.REPORTED

    def told(now: PullRequestRecord) -> PullRequestRecord:
        moved = (now.pull_request.head_sha, now.base_tip) != (pull.head_sha, base_tip)
        return now if moved else replace(now, progress=progress, lacks_a_cluster=lacks)

    await change_record(doors, pull.key, told)
    if is_told and told_all and not lacks:
        ask_for_opinion(doors, stored)


async def _is_to_be_told(doors: Doors, pull: PullRequest, report: Report) -> bool:
    """Whether people hear of it: once they have heard always, else unless a filter leaves it out."""
    if await has_message(doors, pull.key):
        return True
    return _worth_a_message(report) and not (report.left_out_by or left_out(pull, doors.filters))


async def _only_looked_at_again(doors: Doors, record: PullRequestRecord) -> bool:
    """Whether people have a report on this very commit: it stays readable until the new one is there."""
    before = await doors.store.report(record.report_id) if record.report_id else None
    return before is not None and before.report.pull_request.head_sha == record.pull_request.head_sha


async def _while_it_stays(doors: Doors, record: PullRequestRecord, look: Coroutine[Any, Any, Report]) -> Report | None:
    """Look to the end; None when the head moved: what flux still does for the old one is for nobody, and ends."""
    looking = asyncio.create_task(look, name=f"look at {record.pull_request.key}")
    try:
        while not looking.done():
            await asyncio.wait({looking}, timeout=_STILL_THERE)
            now = await doors.store.pull_request(record.pull_request.key) if not looking.done() else record
            if now is None or now.pull_request.head_sha != record.pull_request.head_sha:
                return None
        return looking.result()
    finally:
        looking.cancel()
        await asyncio.wait({looking})


async def _moved_meanwhile(doors: Doors, record: PullRequestRecord) -> bool:
    now = await doors.store.pull_request(record.pull_request.key)
    return (
        now is None
        or now.pull_request.head_sha != record.pull_request.head_sha
        or now.pull_request.state != "open"
        or now.base_tip != record.base_tip
    )


async def _keep(doors: Doors, record: PullRequestRecord, report: Report) -> None:
    """Keep the report. Unchanged content keeps its id, so that buttons and clicks stay valid."""
    pull = report.pull_request
    before = await doors.store.report(record.report_id) if record.report_id else None
    same = before is not None and _same_content(before.report, report)
    report_id = record.report_id if same else secrets.token_urlsafe(12)
    work = work_key(doors, pull, record.base_tip)
    await doors.store.save_report(StoredReport(report_id, report), work)

    def kept(now: PullRequestRecord) -> PullRequestRecord:
        # A head that came meanwhile stays; its own look is still to come, as its work key will say.
        return replace(
            now,
            work_key=work,
            report_id=report_id,
            looked_at=report.looked_at,
            failures=0,
            problem="",
            lacks_a_cluster=False,
        )

    await change_record(doors, pull.key, kept)


def _same_content(before: Report, now: Report) -> bool:
    return before.digest == now.digest and before.pull_request.head_sha == now.pull_request.head_sha


def _worth_a_message(report: Report) -> bool:
    """Whether it touches anything here, as far as is known.

    Rows that say "unchanged", and nothing else, do not; nor does a cluster that was not looked at: the channel
    hears of that once, not for each pull request.
    """

    def says_something(cluster: ClusterReport) -> bool:
        return any(finding.code != NOT_LOOKED_AT for finding in cluster.findings) or any(
            row.tells_something for row in cluster.rows
        )

    return any(says_something(cluster) for cluster in report.clusters)


async def _failed(doors: Doors, key: str, error: Exception) -> None:
    """Count a failure and show it; after some the pull request is left alone until it moves or somebody asks."""
    known = isinstance(error, GitopsBotError)
    problem = str(error) if known else f"A fault of gitops-bot ({type(error).__name__}); its log has the details."
    problem = telemetry.without_tokens(problem)
    # Slack refusing is no fault of the pull request: it is told once Slack takes it.
    counts = not isinstance(error, SlackError)

    def failed(now: PullRequestRecord) -> PullRequestRecord:
        failures = now.failures + counts
        progress = Progress.PARKED if failures >= MOST_FAILURES else now.progress
        looked_at = doors.clock() if counts else now.looked_at
        return replace(now, failures=failures, problem=problem, progress=progress, looked_at=looked_at)

    record = await change_record(doors, key, failed)
    if record is None:
        return
    message = slack_message.failure_message(
        record.pull_request, problem, key=message_key(doors, key), gives_up=record.progress is Progress.PARKED
    )
    try:
        async with doors.one_at_a_time.alone(f"message {key}"):
            for channel in await channels_of(doors, record.pull_request, None) or (doors.channel,):
                await show_message(doors, channel, message)
    except GitopsBotError as slack_error:
        log.warning("could not show a failure", pull_request=key, reason=str(slack_error))
