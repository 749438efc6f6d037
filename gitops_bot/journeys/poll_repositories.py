"""The tick: which pull requests are open, what does each need, what has been done? Do what is missing."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from gitops_bot import telemetry
from gitops_bot.errors import GitHubError, GitHubRateLimited, GitHubRefused, GitopsBotError, StoreError
from gitops_bot.journeys.change_record import change_record
from gitops_bot.journeys.clear_by_gate import gate_hears_of
from gitops_bot.journeys.follow_merge import begin_following
from gitops_bot.journeys.keys import message_key, work_key
from gitops_bot.journeys.ports import Doors
from gitops_bot.journeys.report_problem import problem_began, problem_ended
from gitops_bot.journeys.report_statuses import report_statuses
from gitops_bot.journeys.review_pull_request import review_pull_request, review_subject, tell_kept_report
from gitops_bot.journeys.show_message import adopt_message, show_message
from gitops_bot.journeys.tell_pull_request import has_message, tell_newest_report
from gitops_bot.models.chat import PostedMessage
from gitops_bot.models.kustomizations import ClusterSnapshot
from gitops_bot.models.pull_requests import PullRequest, Repository
from gitops_bot.models.records import Progress, PullRequestRecord
from gitops_bot.rules import affected
from gitops_bot.views import slack_message

log = telemetry.logger(__name__)


@dataclass
class Looks:
    """What one tick came to."""

    # Repositories that were looked at.
    well: int = 0
    # What could not be looked at, by name, with the reason.
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def blind(self) -> bool:
        """Whether nothing at all could be seen."""
        return bool(self.failed) and not self.well


async def poll_repositories(doors: Doors) -> Looks:
    """Look once at every repository that feeds a Kustomization of our clusters."""
    looks = Looks()
    snapshots = await _snapshots(doors, looks)
    repositories = affected.watched_repositories(
        snapshots,
        github_url=doors.github_url,
        include=doors.watch.include,
        exclude=doors.watch.exclude,
        artifacts=doors.artifacts,
    )
    unseen = frozenset(cluster.name for cluster in doors.clusters) - {snapshot.cluster for snapshot in snapshots}
    for repository in sorted(repositories):
        try:
            await _poll_repository(doors, repository, repositories[repository], unseen)
        except GitHubRateLimited as error:
            telemetry.polls.labels("rate_limited").inc()
            log.warning("GitHub asks to wait", repository=str(repository), until=error.retry_at.isoformat())
            looks.failed[f"repository {repository}"] = f"GitHub asks to wait until {error.retry_at.isoformat()}"
            break
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 # it is logged with its traceback, and the others go on
            await _not_looked_at(doors, repository, error, looks)
        else:
            telemetry.polls.labels("looked").inc()
            looks.well += 1
            await problem_ended(doors, f"repository {repository}")
    return looks


async def _not_looked_at(doors: Doors, repository: Repository, error: Exception, looks: Looks) -> None:
    """One repository stops no other."""
    telemetry.polls.labels("failed").inc()
    subject = f"repository {repository}"
    if not isinstance(error, GitopsBotError):
        log.error("could not look at a repository", repository=str(repository), exc_info=error)
        looks.failed[subject] = f"a fault of gitops-bot ({type(error).__name__}); its log has the details"
        return
    log.warning("could not look at a repository", repository=str(repository), reason=str(error))
    looks.failed[subject] = telemetry.without_tokens(str(error))
    if isinstance(error, GitHubError):
        await problem_began(doors, subject, error, repository=repository)


async def _snapshots(doors: Doors, looks: Looks) -> tuple[ClusterSnapshot, ...]:
    """Ask every cluster; one that does not answer is told of, and does not stop the others."""
    answers = await asyncio.gather(*(cluster.snapshot() for cluster in doors.clusters), return_exceptions=True)
    found = []
    for cluster, answer in zip(doors.clusters, answers, strict=True):
        if isinstance(answer, ClusterSnapshot):
            found.append(answer)
            await problem_ended(doors, f"cluster {cluster.name}")
        elif isinstance(answer, GitopsBotError):
            log.warning("a cluster does not answer", cluster=cluster.name, reason=str(answer))
            looks.failed[f"cluster {cluster.name}"] = telemetry.without_tokens(str(answer))
            await problem_began(doors, f"cluster {cluster.name}", answer)
        else:
            raise answer
    return tuple(found)


async def _poll_repository(
    doors: Doors, repository: Repository, branches: frozenset[str], unseen: frozenset[str]
) -> None:
    look = await doors.github.open_pull_requests(repository)
    known = {record.pull_request.key: record for record in await doors.store.open_pull_requests(repository)}
    # A pull request into a branch that no source follows reaches no cluster of ours; one that was turned
    # to such a branch has a message that must say so.
    ours = [pull for pull in look.pull_requests if pull.base_ref in branches or pull.key in known]
    tips = await _tips(doors, repository, {pull.base_ref for pull in ours})
    ours = [pull for pull in ours if pull.base_ref in tips]
    if await doors.store.first_listed_at(repository) is None:
        known |= await _first_look(doors, repository, ours, tips)
    for pull in ours:
        await _alone(pull.key, partial(_take_up, doors, pull, tips[pull.base_ref], known.get(pull.key)))
    for key in sorted(known.keys() - {pull.key for pull in look.pull_requests}):
        await _alone(key, partial(_gone_from_the_list, doors, known[key]))
    await report_statuses(doors, repository, look.pull_requests, branches, unseen=unseen)


async def _tips(doors: Doors, repository: Repository, branches: Iterable[str]) -> dict[str, str]:
    """Ask for the tips of base branches; one that is gone holds up its own pull requests only."""
    tips: dict[str, str] = {}
    for branch in sorted(branches):
        subject = f"branch {branch} of {repository}"
        try:
            tips[branch] = await doors.github.branch_tip(repository, branch)
        except GitHubRefused as error:
            log.warning("could not look at a branch", repository=str(repository), branch=branch, reason=str(error))
            await problem_began(doors, subject, error, repository=repository)
        else:
            await problem_ended(doors, subject)
    return tips


async def _alone(pull_request: str, work: Callable[[], Awaitable[None]]) -> None:
    """One pull request that cannot be taken up stops no other; what concerns all of them does."""
    try:
        await work()
    except (GitHubRateLimited, StoreError):
        raise
    except GitopsBotError as error:
        log.warning("could not take up a pull request", pull_request=pull_request, reason=str(error))
        telemetry.failures.labels("poll_repositories", type(error).__name__).inc()
    except Exception as error:
        log.exception("could not take up a pull request", pull_request=pull_request)
        telemetry.failures.labels("poll_repositories", type(error).__name__).inc()


async def _first_look(
    doors: Doors, repository: Repository, pulls: Iterable[PullRequest], tips: dict[str, str]
) -> dict[str, PullRequestRecord]:
    """List what was open before we came in one message, instead of flooding the channel."""
    shown: dict[str, list[PostedMessage]] = {}
    for channel in doors.channels.all:
        for key, posted in (await doors.chat.known_messages(channel)).items():
            shown.setdefault(key, []).append(posted)
    listed = {}
    for pull in pulls:
        # It has its own message already: our database was lost, not our past.
        progress = Progress.WAITING if message_key(doors, pull.key) in shown else Progress.LISTED
        record = PullRequestRecord(pull, tips[pull.base_ref], progress)
        await doors.store.save_pull_request(record, doors.clock())
        listed[pull.key] = record
        if record.progress is Progress.WAITING:
            for posted in shown[message_key(doors, pull.key)]:
                await adopt_message(doors, message_key(doors, pull.key), posted)
    waiting = [record.pull_request for record in listed.values() if record.progress is Progress.LISTED]
    if waiting:
        key = f"{doors.identity}|{repository.key}|open at the start"
        await show_message(doors, doors.channel, slack_message.open_pull_requests_message(repository, waiting, key=key))
    await doors.store.remember_first_list(repository, doors.clock())
    return listed


async def _take_up(doors: Doors, pull: PullRequest, tip: str, record: PullRequestRecord | None) -> None:
    """Enqueue a pull request when its newest state has not been reported, or its report has aged."""
    now = doors.clock()
    wanted = work_key(doors, pull, tip)
    # Before it is written down: a crash in between lets the next tick tell it.
    await gate_hears_of(doors, pull, record.pull_request if record is not None else None)
    if record is None:
        record = PullRequestRecord(pull, tip, Progress.WAITING)
        await doors.store.save_pull_request(record, now)
    elif record.pull_request.head_sha != pull.head_sha:
        # What was left alone for a while is another thing now.
        doors.patience.go_on(review_subject(pull.key))
    change = partial(_brought_up, pull=pull, tip=tip, wanted=wanted, oldest=_oldest(doors, now))
    if change(record) != record:
        record = await change_record(doors, pull.key, change)
    if record is None or record.progress is not Progress.WAITING or pull.key in doors.queue.busy_keys:
        return
    if doors.patience.pauses(review_subject(pull.key), now):
        return
    told = record.work_key == wanted and not record.lacks_a_cluster and not _is_older(record, _oldest(doors, now))
    work = partial(tell_kept_report if told else review_pull_request, doors, pull.key)
    doors.queue.put(pull.key, work, owner=pull.author)


def _brought_up(
    record: PullRequestRecord, *, pull: PullRequest, tip: str, wanted: str, oldest: datetime
) -> PullRequestRecord:
    """Give what a row should say of a pull request that looks so, now that its report may have aged."""
    known = record.pull_request
    moved = (known.head_sha, known.base_ref) != (pull.head_sha, pull.base_ref)
    changed = known != pull or record.base_tip != tip
    progress = record.progress
    if progress is Progress.LISTED and not moved:
        pass
    elif (record.work_key != wanted and (changed or progress is Progress.REPORTED)) or (
        progress in {Progress.REPORTED, Progress.PARKED} and _is_older(record, oldest)
    ):
        progress = Progress.WAITING
    return replace(record, pull_request=pull, base_tip=tip, progress=progress, failures=0 if moved else record.failures)


def _oldest(doors: Doors, now: datetime) -> datetime:
    """A report from before this moment is made anew."""
    return now - timedelta(seconds=doors.review.refresh_after)


def _is_older(record: PullRequestRecord, moment: datetime) -> bool:
    return record.looked_at is None or record.looked_at < moment


async def _gone_from_the_list(doors: Doors, record: PullRequestRecord) -> None:
    """Read a pull request that is not open any more once, to learn whether it was merged."""
    pull = record.pull_request
    try:
        fresh = await doors.github.pull_request(pull.repository, pull.number)
    except GitHubRefused as error:
        # The list was answered to the same token a moment ago: it is the pull request that is gone.
        log.info("a pull request is gone", pull_request=pull.key, reason=str(error))
        fresh = replace(pull, state="closed")
    if fresh.state == "open":
        return  # The list was a moment older than this answer.
    doors.queue.put(pull.key, partial(_tell_the_end, doors, fresh))


async def _tell_the_end(doors: Doors, fresh: PullRequest) -> None:
    """Closed or merged: the message says so, its buttons go, and only then is it written down."""
    try:
        await begin_following(doors, fresh)
        if await has_message(doors, fresh.key):
            await tell_newest_report(doors, fresh.key, now=fresh)
        await change_record(doors, fresh.key, lambda record: replace(record, pull_request=fresh))
    except GitopsBotError as error:
        log.warning("could not tell the end of a pull request", pull_request=fresh.key, reason=str(error))
