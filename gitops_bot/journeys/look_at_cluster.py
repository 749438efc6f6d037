"""What would one pull request do to one cluster?

candidates -> renders at base and at result -> children of changed parents -> diffs against live -> rows.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from gitops_bot import telemetry
from gitops_bot.errors import ClusterError, RunnerError, RunnerUnavailable, SettingsError
from gitops_bot.journeys.applied_trees import applied_trees
from gitops_bot.journeys.carried_looks import sights_of, still_holds
from gitops_bot.journeys.compare_with_live import compare_with_live
from gitops_bot.journeys.fetch_change import Change
from gitops_bot.journeys.kept_looks import Looked
from gitops_bot.journeys.look_for_contents import charts_may_change
from gitops_bot.journeys.ports import Cluster, Eyes
from gitops_bot.journeys.preflight import without_refused
from gitops_bot.journeys.progress_board import ProgressBoard
from gitops_bot.journeys.render_candidates import render_candidates
from gitops_bot.journeys.round_off import round_off
from gitops_bot.models.checks import GuardState
from gitops_bot.models.claims import Claimant
from gitops_bot.models.kustomizations import ClusterSnapshot
from gitops_bot.models.reports import ClusterReport, Finding, KustomizationReport, RowState, Severity, Verdict
from gitops_bot.rules.affected import Candidate, Surroundings, fed_by
from gitops_bot.rules.guards import how_to_mend
from gitops_bot.rules.left_out import left_out_of
from gitops_bot.rules.noise import without_noise
from gitops_bot.rules.risk import prune_risk
from gitops_bot.rules.verdict import cluster_verdict

log = telemetry.logger(__name__)

# What keeps us from looking at a cluster, whoever is at fault.
_FAILURES = (ClusterError, RunnerError, SettingsError)
# Code of the finding that says so.
NOT_LOOKED_AT = "cluster-not-looked-at"


async def look_at_cluster(
    eyes: Eyes, cluster: Cluster, change: Change, board: ProgressBoard, *, held: str = ""
) -> ClusterReport:
    """Report on one cluster. One that cannot be reached is a row of the report, not a silence."""
    try:
        snapshot = await cluster.snapshot()
    except _FAILURES as error:
        log.warning("could not look at a cluster", cluster=cluster.name, reason=str(error))
        return ClusterReport(cluster.name, Verdict.INCOMPLETE, findings=(_unreached(cluster.name, error),))
    return await _look(eyes, cluster, snapshot, change, board, held)


async def _look(
    eyes: Eyes, cluster: Cluster, snapshot: ClusterSnapshot, change: Change, board: ProgressBoard, held: str
) -> ClusterReport:
    pull = change.pull_request
    fed = fed_by(snapshot, pull.repository, pull.base_ref, github_url=eyes.github_url, artifacts=eyes.artifacts)
    surroundings = await asyncio.to_thread(Surroundings, fed, change.base, change.result, change.changed)
    candidates = await asyncio.to_thread(surroundings.candidates)
    left_out = await asyncio.to_thread(left_out_of, surroundings)
    if not candidates and not await asyncio.to_thread(charts_may_change, surroundings):
        return ClusterReport(cluster.name, Verdict.NO_EFFECT, left_out=left_out)
    if held:
        return _only_named(cluster.name, candidates, Verdict.HELD, _held(held))
    if change.conflicts:
        return _only_named(cluster.name, candidates, Verdict.BLOCKED, _conflict(change))
    try:
        guard = await cluster.guard()
        if not guard.may_run:
            return _only_named(cluster.name, candidates, Verdict.INCOMPLETE, _unguarded(cluster.name, guard))
        report = await _compared(eyes, cluster, change, surroundings, candidates, board)
    except _FAILURES as error:
        # It touches this cluster, and what it does there is not known: that has to be said.
        log.warning("could not compare with a cluster", cluster=cluster.name, reason=str(error))
        return _only_named(cluster.name, candidates, Verdict.INCOMPLETE, _unreached(cluster.name, error))
    return replace(report, left_out=left_out, files=surroundings.built_from(candidates, change.changed))


async def _compared(
    eyes: Eyes,
    cluster: Cluster,
    change: Change,
    surroundings: Surroundings,
    candidates: Sequence[Candidate],
    board: ProgressBoard,
) -> ClusterReport:
    """Render and compare, unless an earlier look still holds."""
    pull, started = change.pull_request, eyes.clock()
    applied = await applied_trees(eyes, change, surroundings, candidates)
    kept = eyes.looks.moved_base(pull, cluster.name, change.base_tip, oldest_report(eyes, started))
    holds = kept is not None and await asyncio.to_thread(still_holds, kept.sights, surroundings, candidates, applied)
    if kept is not None and holds:
        return eyes.looks.carry(pull, kept, change.base_tip)
    trees = {**surroundings.trees, **applied.trees}
    claimant = Claimant(pull.key, pull.author)
    async with eyes.flux.session(await cluster.diff_credentials(), trees, claimant=claimant) as cage:
        rendered = await render_candidates(eyes, cage, surroundings, candidates, board)
        compared = await compare_with_live(eyes, cluster, cage, rendered, applied, board)
        shown = without_refused(rendered, compared)
        rows = await round_off(cage, surroundings, shown, compared, eyes.github_url)
    # The verdict is of everything: what is switched off may be left out, not made undone.
    quiet, risks = without_noise(rows, eyes.noise), prune_risk(rows, eyes.risk)
    report = ClusterReport(cluster.name, cluster_verdict(rows), rows=quiet, findings=risks)
    came_to = [one.candidate for one in rendered]
    sights = await asyncio.to_thread(sights_of, surroundings, candidates, came_to, applied)
    eyes.looks.keep(pull, Looked(pull.head_sha, pull.base_ref, change.base_tip, started, report, sights))
    return report


def oldest_report(eyes: Eyes, now: datetime) -> datetime:
    """A report from before this moment is made anew."""
    return now - timedelta(seconds=eyes.review.refresh_after)


def _only_named(cluster: str, candidates: Sequence[Candidate], verdict: Verdict, finding: Finding) -> ClusterReport:
    """Say which Kustomizations it is about where nothing may, or can, be rendered."""
    rows = tuple(
        KustomizationReport(candidate.id, candidate.either.path, RowState.NOT_ANALYSED, candidate.because)
        for candidate in candidates
    )
    return ClusterReport(cluster, verdict, rows=rows, findings=(finding,))


def _held(reason: str) -> Finding:
    return Finding("held", Severity.WARNING, reason, "Nothing of it was rendered.", incomplete=True)


def _conflict(change: Change) -> Finding:
    paths = ", ".join(change.conflicts[:5]) + (f" and {len(change.conflicts) - 5} more" if change.conflicts[5:] else "")
    return Finding(
        "merge-conflict",
        Severity.CRITICAL,
        f"The branches conflict in {paths}.",
        f"Merge or rebase onto {change.pull_request.base_ref} and push again.",
        blocks=True,
    )


def _unguarded(cluster: str, guard: GuardState) -> Finding:
    why = (
        "rights of the diff identity lead past the guard"
        if guard.ways_around
        else ("a write of the diff identity is not refused")
    )
    return Finding(
        "guard-not-proved",
        Severity.CRITICAL,
        f"In cluster {cluster} {why}, so nothing was compared.",
        f"{how_to_mend(guard)} `gitops-bot check` tells when the guard holds.",
        detail=guard.reason if guard.ways_around else "",
        incomplete=True,
    )


def _unreached(cluster: str, error: Exception) -> Finding:
    if isinstance(error, RunnerError) and not isinstance(error, RunnerUnavailable):
        # The pull request itself may have brought it down: it has to wait for its turn like any other.
        return Finding(
            "runner-failed",
            Severity.WARNING,
            f"Nothing was compared with cluster {cluster}: the runner broke off while it looked at this pull request.",
            "gitops-bot looks again at the next commit, and when the report is renewed; its log may say more.",
            detail=telemetry.without_tokens(str(error)),
            incomplete=True,
        )
    return Finding(
        NOT_LOOKED_AT,
        Severity.WARNING,
        f"Cluster {cluster} was not looked at.",
        "gitops-bot tries again by itself; `gitops-bot check` tests the connection and the rights.",
        detail=telemetry.without_tokens(str(error)),
        incomplete=True,
    )
