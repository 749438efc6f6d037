"""The tick: which pull requests are open, what does each need, what has been done? Do what is missing."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from gitops_bot import telemetry
from gitops_bot.errors import GitHubError, GitHubRateLimited, GitopsBotError
from gitops_bot.journeys.keys import message_key, work_key
from gitops_bot.journeys.ports import Doors
from gitops_bot.journeys.report_problem import problem_began, problem_ended
from gitops_bot.journeys.review_pull_request import review_pull_request
from gitops_bot.journeys.show_message import adopt_message, show_message
from gitops_bot.journeys.tell_pull_request import has_message, tell_newest_report
from gitops_bot.models.kustomizations import ClusterSnapshot
from gitops_bot.models.pull_requests import PullRequest, Repository
from gitops_bot.models.records import Progress, PullRequestRecord
from gitops_bot.rules import affected
from gitops_bot.views import slack_message

log = telemetry.logger(__name__)

# Seconds between two tries for a cluster that could not be reached.
_BETWEEN_TRIES = 60.0


async def poll_repositories(doors: Doors) -> None:
    """Look once at every repository that feeds a Kustomization of our clusters."""
    snapshots = await _snapshots(doors)
    repositories = affected.watched_repositories(
        snapshots,
        github_url=doors.github_url,
        include=doors.watch.include,
        exclude=doors.watch.exclude,
    )
    for repository in sorted(repositories):
        try:
            await _poll_repository(doors, repository, repositories[repository])
        except GitHubRateLimited as error:
            telemetry.polls.labels("rate_limited").inc()
            log.warning("GitHub asks to wait", repository=str(repository), until=error.retry_at.isoformat())
            break
        except GitHubError as error:
            telemetry.polls.labels("failed").inc()
            log.warning("could not look at a repository", repository=str(repository), reason=str(error))
            await problem_began(doors, f"repository {repository}", error)
        except GitopsBotError as error:
            telemetry.polls.labels("failed").inc()
            log.warning("could not look at a repository", repository=str(repository), reason=str(error))
        else:
            telemetry.polls.labels("looked").inc()
            await problem_ended(doors, f"repository {repository}")


async def _snapshots(doors: Doors) -> tuple[ClusterSnapshot, ...]:
    """Ask every cluster; one that does not answer is told of, and does not stop the others."""
    answers = await asyncio.gather(*(cluster.snapshot() for cluster in doors.clusters), return_exceptions=True)
    found = []
    for cluster, answer in zip(doors.clusters, answers, strict=True):
        if isinstance(answer, ClusterSnapshot):
            found.append(answer)
            await problem_ended(doors, f"cluster {cluster.name}")
        elif isinstance(answer, GitopsBotError):
            log.warning("a cluster does not answer", cluster=cluster.name, reason=str(answer))
            await problem_began(doors, f"cluster {cluster.name}", answer)
        else:
            raise answer
    return tuple(found)


async def _poll_repository(doors: Doors, repository: Repository, branches: frozenset[str]) -> None:
    look = await doors.github.open_pull_requests(repository)
    known = {record.pull_request.key: record for record in await doors.store.open_pull_requests(repository)}
    # A pull request into a branch that no source follows reaches no cluster of ours; one that was turned
    # to such a branch has a message that must say so.
    ours = [pull for pull in look.pull_requests if pull.base_ref in branches or pull.key in known]
    tips = {
        branch: await doors.github.branch_tip(repository, branch) for branch in sorted({pull.base_ref for pull in ours})
    }
    if await doors.store.first_listed_at(repository) is None:
        known |= await _first_look(doors, repository, ours, tips)
    for pull in ours:
        await _take_up(doors, pull, tips[pull.base_ref], known.get(pull.key))
    for key in sorted(known.keys() - {pull.key for pull in look.pull_requests}):
        await _gone_from_the_list(doors, known[key])


async def _first_look(
    doors: Doors, repository: Repository, pulls: Iterable[PullRequest], tips: dict[str, str]
) -> dict[str, PullRequestRecord]:
    """List what was open before we came in one message, instead of flooding the channel."""
    channel = doors.channel
    shown = await doors.chat.known_messages(channel)
    listed = {}
    for pull in pulls:
        # It has its own message already: our database was lost, not our past.
        progress = Progress.WAITING if message_key(doors, pull.key) in shown else Progress.LISTED
        record = PullRequestRecord(pull, tips[pull.base_ref], progress)
        await doors.store.save_pull_request(record, doors.clock())
        listed[pull.key] = record
        if record.progress is Progress.WAITING:
            await adopt_message(doors, message_key(doors, pull.key), shown[message_key(doors, pull.key)])
    waiting = [record.pull_request for record in listed.values() if record.progress is Progress.LISTED]
    if waiting:
        key = f"{doors.identity}|{repository.key}|open at the start"
        await show_message(doors, channel, slack_message.open_pull_requests_message(repository, waiting, key=key))
    await doors.store.remember_first_list(repository, doors.clock())
    return listed


async def _take_up(doors: Doors, pull: PullRequest, tip: str, record: PullRequestRecord | None) -> None:
    """Enqueue a pull request when its newest state has not been reported, or its report has aged."""
    now = doors.clock()
    wanted = work_key(doors, pull, tip)
    if record is None:
        record = PullRequestRecord(pull, tip, Progress.WAITING)
        await doors.store.save_pull_request(record, now)
    elif record.pull_request != pull or record.base_tip != tip:
        moved = record.pull_request.head_sha != pull.head_sha or record.pull_request.base_ref != pull.base_ref
        listed = record.progress is Progress.LISTED and not moved
        record = replace(record, pull_request=pull, base_tip=tip, failures=0 if moved else record.failures)
        if record.work_key != wanted and not listed:
            record = replace(record, progress=Progress.WAITING)
        await doors.store.save_pull_request(record, now)
    if record.progress is Progress.REPORTED and (
        record.work_key != wanted or _aged(record, now, doors.review.refresh_after)
    ):
        record = replace(record, progress=Progress.WAITING)
        await doors.store.save_pull_request(record, now)
    if record.progress is Progress.PARKED and _aged(record, now, doors.review.refresh_after):
        record = replace(record, progress=Progress.WAITING)
    # A report that lacks a cluster waits to be made anew, but not at every tick.
    too_soon = record.lacks_a_cluster and record.work_key == wanted and not _aged(record, now, _BETWEEN_TRIES)
    if record.progress is Progress.WAITING and pull.key not in doors.queue.busy_keys and not too_soon:
        doors.queue.put(pull.key, partial(review_pull_request, doors, pull.key))


def _aged(record: PullRequestRecord, now: datetime, refresh_after: float) -> bool:
    return record.looked_at is None or now - record.looked_at > timedelta(seconds=refresh_after)


async def _gone_from_the_list(doors: Doors, record: PullRequestRecord) -> None:
    """Read a pull request that is not open any more once, to learn whether it was merged."""
    pull = record.pull_request
    fresh = await doors.github.pull_request(pull.repository, pull.number)
    if fresh.state == "open":
        return  # The list was a moment older than this answer.
    doors.queue.put(pull.key, partial(_tell_the_end, doors, record, fresh))


async def _tell_the_end(doors: Doors, record: PullRequestRecord, fresh: PullRequest) -> None:
    """Closed or merged: the message says so, its buttons go, and only then is it written down."""
    try:
        if await has_message(doors, fresh.key):
            await tell_newest_report(doors, fresh.key, now=fresh)
        await doors.store.save_pull_request(replace(record, pull_request=fresh), doors.clock())
    except GitopsBotError as error:
        log.warning("could not tell the end of a pull request", pull_request=fresh.key, reason=str(error))
