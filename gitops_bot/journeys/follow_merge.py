"""After the merge: has Flux applied it, and did the objects end as the report said?"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from gitops_bot import telemetry
from gitops_bot.errors import ClusterError, GitError, GitHubError, RunnerError, SettingsError
from gitops_bot.journeys.applied_trees import applied_commit
from gitops_bot.journeys.ports import Cluster, Doors
from gitops_bot.journeys.tell_pull_request import tell_newest_report
from gitops_bot.models.claims import Claimant
from gitops_bot.models.kustomizations import ClusterSnapshot, Kustomization
from gitops_bot.models.outcomes import Outcome, OutcomeState
from gitops_bot.models.pull_requests import PullRequest, Repository
from gitops_bot.models.records import PullRequestRecord
from gitops_bot.models.reports import KustomizationReport, Report, RowState
from gitops_bot.rules.affected import Surroundings, fed_by
from gitops_bot.rules.changes import parse_diff
from gitops_bot.rules.outcomes import differences, is_followed, predicted, shown_message

log = telemetry.logger(__name__)

# What keeps us from looking this time; the next tick tries again.
_FAILURES = (ClusterError, RunnerError, SettingsError, GitError, GitHubError)


class _Branches:
    """The branches that merges went into, fetched once in a tick."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._fetched: set[tuple[Repository, str]] = set()

    async def fetch(self, pull: PullRequest) -> None:
        """Make sure that all commits of the branch are there."""
        repository, base = pull.repository, pull.base_ref
        if (repository, base) not in self._fetched:
            tip = await self._doors.github.branch_tip(repository, base)
            await self._doors.git.fetch(repository, {f"refs/heads/{base}": tip})
            self._fetched.add((repository, base))


@dataclass(frozen=True)
class _Merge:
    """One merged pull request that is followed, with what was said about it."""

    branches: _Branches
    record: PullRequestRecord
    report: Report
    outcomes: tuple[Outcome, ...]

    @property
    def pull(self) -> PullRequest:
        return self.record.pull_request

    def row(self, outcome: Outcome) -> KustomizationReport | None:
        """Give what the report said of the outcome's Kustomization."""
        rows = (row for cluster in self.report.clusters for row in cluster.rows)
        return next((row for row in rows if row.id == outcome.id), None)


async def begin_following(doors: Doors, pull: PullRequest) -> None:
    """Write down what a merge is said to bring, before anything of it can be seen."""
    record = await doors.store.pull_request(pull.key)
    stored = await doors.store.report(record.report_id) if record is not None else None
    if stored is None or not pull.merged or not pull.merge_commit_sha or not doors.review.follow_merges_for:
        return
    if stored.report.pull_request.head_sha != pull.head_sha or await doors.store.outcomes.of(pull.key):
        return
    now = doors.clock()
    for cluster in stored.report.clusters:
        for row in cluster.rows:
            if is_followed(row):
                await doors.store.outcomes.save(
                    Outcome(
                        pull.key,
                        row.id,
                        pull.merge_commit_sha,
                        OutcomeState.WAITING,
                        now,
                        predicted=len(predicted(row)),
                    )
                )


async def follow_merges(doors: Doors) -> None:
    """Look how far Flux has come with every merge that is followed, and let their messages say so."""
    waiting = await doors.store.outcomes.waiting()
    if not waiting:
        return
    snapshots, branches = await _snapshots(doors), _Branches(doors)
    for key in dict.fromkeys(outcome.pull_request for outcome in waiting):
        record = await doors.store.pull_request(key)
        stored = await doors.store.report(record.report_id) if record is not None else None
        if record is None or stored is None:
            continue
        merge = _Merge(branches, record, stored.report, tuple(one for one in waiting if one.pull_request == key))
        if await _follow(doors, merge, snapshots):
            await tell_newest_report(doors, key)


async def _snapshots(doors: Doors) -> Mapping[str, ClusterSnapshot]:
    answers = await asyncio.gather(*(cluster.snapshot() for cluster in doors.clusters), return_exceptions=True)
    return {answer.cluster: answer for answer in answers if isinstance(answer, ClusterSnapshot)}


async def _follow(doors: Doors, merge: _Merge, snapshots: Mapping[str, ClusterSnapshot]) -> bool:
    """Bring the outcomes of one merge up to date; whether any has changed."""
    changed = False
    for outcome in merge.outcomes:
        cluster = next((one for one in doors.clusters if one.name == outcome.id.cluster), None)
        snapshot = snapshots.get(outcome.id.cluster)
        now = outcome
        if cluster is not None and snapshot is not None:
            try:
                now = await _look(doors, merge, outcome, cluster, snapshot)
            except _FAILURES as error:
                log.warning("could not follow a merge", kustomization=str(outcome.id), reason=str(error))
            except Exception:
                # One that cannot be looked at stops no other, and is given up in time.
                log.exception("could not follow a merge", kustomization=str(outcome.id))
                telemetry.failures.labels("follow_merges", "unexpected").inc()
        if not now.state.final and doors.clock() - outcome.since > timedelta(hours=doors.review.follow_merges_for):
            now = replace(now, state=OutcomeState.GIVEN_UP)
        if now != outcome:
            await doors.store.outcomes.save(now)
            telemetry.outcomes.labels(now.id.cluster, now.state).inc()
            changed = True
    return changed


async def _look(doors: Doors, merge: _Merge, outcome: Outcome, cluster: Cluster, snapshot: ClusterSnapshot) -> Outcome:
    known = next((one for one in snapshot.kustomizations if one.id == outcome.id), None)
    row = merge.row(outcome)
    if known is None:
        # A Kustomization that goes is applied when it is gone; one that comes is waited for.
        gone = row is not None and row.state is RowState.REMOVED
        return replace(outcome, state=OutcomeState.APPLIED, at=doors.clock()) if gone else outcome
    applied = applied_commit(known)
    if await _holds(doors, merge, applied):
        return await _compare(doors, merge, outcome, cluster, snapshot, known)
    if known.ready is False and await _holds(doors, merge, known.attempted_commit):
        return replace(
            outcome, state=OutcomeState.FAILED, revision=known.attempted_revision, message=shown_message(known)
        )
    return replace(outcome, state=OutcomeState.WAITING, message="")


async def _holds(doors: Doors, merge: _Merge, commit: str) -> bool:
    """Whether a commit is the merge, or comes after it."""
    merged = merge.pull.merge_commit_sha
    if not commit or not merged:
        return False
    if commit == merged:
        return True
    await merge.branches.fetch(merge.pull)
    return await doors.git.is_ancestor(merge.pull.repository, merged, commit)


async def _compare(
    doors: Doors,
    merge: _Merge,
    outcome: Outcome,
    cluster: Cluster,
    snapshot: ClusterSnapshot,
    known: Kustomization,
) -> Outcome:
    """Compare the cluster with the commit that Flux applied: what the report said has come true, or not."""
    pull, row = merge.pull, merge.row(outcome)
    done = replace(outcome, state=OutcomeState.APPLIED, revision=known.applied_revision, at=doors.clock(), message="")
    if row is None or not predicted(row) or any(finding.lacks for finding in row.findings):
        # Where a right is lacking flux takes what it may not read for different.
        return done
    if not await cluster.guard_is_proved():
        log.warning("what was applied is not compared: the guard is not proved", cluster=cluster.name)
        return done
    commit = applied_commit(known)
    await merge.branches.fetch(pull)
    tree = await doors.git.tree(pull.repository, commit)
    fed = fed_by(snapshot, pull.repository, pull.base_ref, github_url=doors.github_url, artifacts=doors.artifacts)
    if known.source not in fed.sources:
        # It takes its files from elsewhere by now: there is nothing to compare with.
        return done
    surroundings = await asyncio.to_thread(Surroundings, fed, tree, None, frozenset())
    claimant = Claimant(pull.key, pull.author)
    async with doors.flux.session(await cluster.diff_credentials(), surroundings.trees, claimant=claimant) as cage:
        diff = await cage.diff(known, surroundings.tree_of("base", known.source))
    if not diff.usable:
        log.info("could not compare what was applied", kustomization=str(known.id), reason=diff.message)
        return done
    found = await asyncio.to_thread(differences, predicted(row), parse_diff(diff.text), known.inventory)
    return replace(done, compared=True, differences=found)
