"""Keep a status beside every commit that is about to be merged, so that branch protection can require it.

A required context that never reports blocks its pull request for ever: so every open pull request
has one, also what reaches no cluster of ours, and every commit that GitHub's merge queue makes.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from gitops_bot import telemetry
from gitops_bot.errors import GitHubRefused, GitopsBotError
from gitops_bot.journeys.change_record import change_record
from gitops_bot.journeys.keys import work_key
from gitops_bot.journeys.look_at_pull_request import look_at_pull_request
from gitops_bot.journeys.ports import Doors
from gitops_bot.journeys.progress_board import ProgressBoard
from gitops_bot.journeys.report_problem import problem_began, problem_ended
from gitops_bot.models.pull_requests import PullRequest, Repository
from gitops_bot.models.records import Effect, EffectState, Progress, PullRequestRecord, StoredReport
from gitops_bot.models.reports import Report
from gitops_bot.models.statuses import CommitStatus, StatusState
from gitops_bot.rules.decisions import hold_on
from gitops_bot.rules.statuses import gravest, queued_pull_request, state_of
from gitops_bot.views import commit_status

log = telemetry.logger(__name__)

# GitHub wants a second between writes: what a first start finds open is told of in several ticks.
_MOST_WRITES = 30


async def report_statuses(
    doors: Doors,
    repository: Repository,
    pulls: Iterable[PullRequest],
    branches: frozenset[str],
    *,
    unseen: frozenset[str] = frozenset(),
) -> None:
    """Write what has changed since the last tick. ``branches``: those that a source of our clusters follows.

    ``unseen``: clusters that did not answer, of which nobody knows what they follow.
    """
    if not doors.statuses.enabled:
        return
    subject = f"statuses of {repository}"
    wanted = [
        *[
            (pull.head_sha, status)
            for pull in pulls
            for status in await _of_pull_request(doors, pull, branches, unseen)
        ],
        *await _of_queue(doors, repository, branches, unseen),
    ]
    written = 0
    for commit, status in gravest(wanted):
        try:
            written += await write_status(doors, repository, commit, status)
        except GitHubRefused as error:
            # Whatever is missing, it is missing for all of them.
            log.warning("may not write statuses", repository=str(repository), reason=str(error))
            await problem_began(doors, subject, error, repository=repository)
            return
        if written == _MOST_WRITES:
            return
    await problem_ended(doors, subject)


async def write_status(doors: Doors, repository: Repository, commit: str, status: CommitStatus) -> bool:
    """Write one status unless GitHub shows it already; whether it was written."""
    target = f"{status.context}|{repository.key}@{commit}"
    digest = hashlib.sha256(f"{status.state}\n{status.description}".encode()).hexdigest()
    known = await doors.store.effect("status", target)
    if known is not None and known.digest == digest and known.state is EffectState.DONE:
        return False
    await doors.store.save_effect(Effect("status", target, digest, EffectState.BEGUN), doors.clock())
    # Written twice after a crash, it says the same.
    await doors.github.set_commit_status(repository, commit, status)
    await doors.store.save_effect(Effect("status", target, digest, EffectState.DONE), doors.clock())
    return True


async def _of_pull_request(
    doors: Doors, pull: PullRequest, branches: frozenset[str], unseen: frozenset[str]
) -> list[CommitStatus]:
    record = await doors.store.pull_request(pull.key)
    if pull.base_ref not in branches and record is None:
        return _not_followed(doors, pull.base_ref, unseen)
    if record is not None and record.progress is Progress.PARKED:
        return _all(doors, StatusState.FAILURE, commit_status.parked(record.problem))
    reported = await _of_newest_report(doors, pull, record)
    if reported is None:
        listed = record is not None and record.progress is Progress.LISTED
        if listed and pull.key not in doors.queue.busy_keys and not _waits(doors, pull.key):
            doors.queue.put(pull.key, partial(_look_in_silence, doors, pull.key), owner=pull.author)
        return _all(doors, StatusState.PENDING, commit_status.LOOKING)
    hold = hold_on(await doors.store.decisions(pull.key))
    if hold is not None:
        return _all(doors, StatusState.PENDING, commit_status.on_hold(hold.github_login))
    return [*reported]


async def _of_newest_report(
    doors: Doors, pull: PullRequest, record: PullRequestRecord | None
) -> tuple[CommitStatus, ...] | None:
    """Give what the report on exactly this head into exactly this base says; None while there is none."""
    if record is None or not record.report_id or record.work_key != work_key(doors, pull, record.base_tip):
        return None
    if (kept := doors.kept_statuses.of(record)) is not None:
        return kept
    stored = await doors.store.report(record.report_id)
    if stored is None or stored.report.pull_request.head_sha != pull.head_sha:
        return None
    statuses = tuple(_of_report(doors, stored.report))
    doors.kept_statuses.keep(record, statuses)
    return statuses


def _of_report(doors: Doors, report: Report) -> list[CommitStatus]:
    found = []
    for cluster in report.clusters:
        state = state_of(cluster, doors.statuses)
        found.append(_status(doors, cluster.cluster, state, commit_status.description(cluster, state)))
    return found


def _all(doors: Doors, state: StatusState, words: str) -> list[CommitStatus]:
    return [_status(doors, cluster.name, state, words) for cluster in doors.clusters]


def _not_followed(doors: Doors, branch: str, unseen: frozenset[str]) -> list[CommitStatus]:
    """A cluster that does not answer may follow it all the same."""
    return [
        _status(doors, cluster.name, StatusState.PENDING, commit_status.no_answer(cluster.name))
        if cluster.name in unseen
        else _status(doors, cluster.name, StatusState.SUCCESS, commit_status.not_followed(cluster.name, branch))
        for cluster in doors.clusters
    ]


def _status(doors: Doors, cluster: str, state: StatusState, words: str) -> CommitStatus:
    return CommitStatus(f"{doors.statuses.context}/{cluster}", state, words)


async def _look_in_silence(doors: Doors, key: str) -> None:
    """Look at a pull request that was open at the first start: its status is asked for, its message is not."""
    record = await doors.store.pull_request(key)
    if record is None or record.progress is not Progress.LISTED or record.pull_request.state != "open":
        return
    try:
        report = await _look(doors, record.pull_request, record.base_tip)
    except Exception as error:
        # Looks for statuses are nobody's in particular: one that fails must not take its place at every tick.
        doors.patience.pause(_subject(key), doors.clock())
        if not isinstance(error, GitopsBotError):
            raise
        log.warning("a look for a status has to wait", pull_request=key, reason=str(error))
        return
    doors.patience.go_on(_subject(key))
    work, report_id = work_key(doors, report.pull_request, record.base_tip), f"status-{report.digest[:24]}"
    await doors.store.save_report(StoredReport(report_id, report), work)

    def keep(now: PullRequestRecord) -> PullRequestRecord:
        # Somebody asked for it, or it moved, in the meantime: that review tells more.
        if now.progress is not Progress.LISTED or now.pull_request.head_sha != report.pull_request.head_sha:
            return now
        return replace(now, report_id=report_id, work_key=work, looked_at=report.looked_at)

    await change_record(doors, key, keep)


async def _look(doors: Doors, pull: PullRequest, base_tip: str) -> Report:
    return await look_at_pull_request(doors, pull, base_tip, ProgressBoard(shown=False, quiet=True))


async def _of_queue(
    doors: Doors, repository: Repository, branches: frozenset[str], unseen: frozenset[str]
) -> list[tuple[str, CommitStatus]]:
    """What GitHub's merge queue is about to merge: everything that stands before it in the queue is in its commit."""
    found = []
    for branch, commit in (await doors.github.queued_commits(repository)).items():
        named = queued_pull_request(branch)
        if named is None:
            continue
        base, number = named
        if base not in branches:
            found += [(commit, status) for status in _not_followed(doors, base, unseen)]
            continue
        stored = await doors.store.report(_queue_report(base, commit))
        if stored is not None:
            found += [(commit, status) for status in _of_report(doors, stored.report)]
            continue
        found += [(commit, status) for status in _all(doors, StatusState.PENDING, commit_status.LOOKING)]
        key = f"{repository.key}@{commit}"
        if key not in doors.queue.busy_keys and not _waits(doors, key):
            doors.queue.put(key, partial(_look_at_queued, doors, repository, number, branch, base, commit))
    return found


def _subject(key: str) -> str:
    """What the patience with a look for a status is counted by."""
    return f"status of {key}"


def _waits(doors: Doors, key: str) -> bool:
    return doors.patience.pauses(_subject(key), doors.clock())


def _queue_report(base: str, commit: str) -> str:
    """A name for the report on a commit into a branch: into another one it would say something else."""
    return f"queue-{commit}-{hashlib.sha256(base.encode()).hexdigest()[:12]}"


async def _look_at_queued(
    doors: Doors, repository: Repository, number: int, branch: str, base: str, commit: str
) -> None:
    """Look at a commit of the merge queue as at a pull request of its own.

    Only people who may write can put one into the queue, and its branch lies in the repository itself: the
    commit is trusted as a merge is.
    """
    try:
        pull = await doors.github.pull_request(repository, number)
        queued = replace(pull, head_sha=commit, head_ref=branch, head_repository=str(repository), base_ref=base)
        tip = await doors.github.branch_tip(repository, base)
        board = ProgressBoard(shown=False, quiet=True)
        report = await look_at_pull_request(doors, queued, tip, board, released=frozenset({commit}))
    except Exception as error:
        doors.patience.pause(_subject(f"{repository.key}@{commit}"), doors.clock())
        if not isinstance(error, GitopsBotError):
            raise
        log.warning("a look at the merge queue has to wait", branch=branch, reason=str(error))
        return
    await doors.store.save_report(StoredReport(_queue_report(base, commit), report), work_key(doors, queued, tip))
