"""What would one pull request do to one cluster?

candidates -> renders at base and at result -> children of changed parents -> diffs against live -> rows.
"""

from gitops_bot import telemetry
from gitops_bot.errors import ClusterError, RunnerError
from gitops_bot.journeys.compare_with_live import compare_with_live
from gitops_bot.journeys.fetch_change import Change
from gitops_bot.journeys.ports import Cluster, Eyes
from gitops_bot.journeys.progress_board import ProgressBoard
from gitops_bot.journeys.render_candidates import render_candidates
from gitops_bot.models.reports import ClusterReport, Finding, KustomizationReport, RowState, Severity, Verdict
from gitops_bot.rules import affected
from gitops_bot.rules.affected import Candidate
from gitops_bot.rules.verdict import cluster_verdict

log = telemetry.logger(__name__)


async def look_at_cluster(
    eyes: Eyes, cluster: Cluster, change: Change, board: ProgressBoard, *, held: str = ""
) -> ClusterReport:
    """Report on one cluster. One that cannot be reached is a row of the report, not a silence."""
    try:
        return await _look(eyes, cluster, change, board, held)
    except (ClusterError, RunnerError) as error:
        log.warning("could not look at a cluster", cluster=cluster.name, reason=str(error))
        return _not_looked_at(cluster.name, str(error))


async def _look(eyes: Eyes, cluster: Cluster, change: Change, board: ProgressBoard, held: str) -> ClusterReport:
    snapshot = await cluster.snapshot()
    pull = change.pull_request
    fed = affected.fed_by(snapshot, pull.repository, pull.base_ref, github_url=eyes.github_url)
    candidates = affected.candidates(fed, change.base, change.result, change.changed)
    if not candidates:
        return ClusterReport(cluster.name, Verdict.NO_EFFECT)
    if held:
        return _only_named(cluster.name, candidates, Verdict.HELD, _held(held))
    if change.conflicts:
        return _only_named(cluster.name, candidates, Verdict.BLOCKED, _conflict(change))
    if not await cluster.guard_is_proved():
        return _only_named(cluster.name, candidates, Verdict.INCOMPLETE, _unguarded(cluster.name))
    board.expect(len(candidates))
    credentials = await cluster.diff_credentials()
    async with eyes.flux.session(credentials, affected.trees(fed, change.base, change.result)) as cage:
        renders = await render_candidates(eyes, cage, fed, candidates, board)
        rows = await compare_with_live(eyes, cage, renders, board)
    return ClusterReport(cluster.name, cluster_verdict(rows), rows=rows)
