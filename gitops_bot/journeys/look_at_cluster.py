"""What would one pull request do to one cluster?

candidates -> renders at base and at result -> children of changed parents -> diffs against live -> rows.
"""

import asyncio
from collections.abc import Sequence

from gitops_bot import telemetry
from gitops_bot.errors import ClusterError, GitError, RunnerError, RunnerUnavailable, SettingsError
from gitops_bot.journeys.compare_with_live import AppliedTrees, applied_commit, compare_with_live
from gitops_bot.journeys.fetch_change import Change
from gitops_bot.journeys.look_for_contents import charts_may_change
from gitops_bot.journeys.ports import Cluster, Eyes
from gitops_bot.journeys.progress_board import ProgressBoard
from gitops_bot.journeys.render_candidates import render_candidates
from gitops_bot.journeys.round_off import round_off
from gitops_bot.models.kustomizations import ClusterSnapshot
from gitops_bot.models.reports import ClusterReport, Finding, KustomizationReport, RowState, Severity, Verdict
from gitops_bot.models.tree import Tree
from gitops_bot.rules.affected import Candidate, Surroundings, fed_by
from gitops_bot.rules.left_out import left_out_of
from gitops_bot.rules.noise import without_noise
from gitops_bot.rules.risk import prune_risk
from gitops_bot.rules.verdict import cluster_verdict

log = telemetry.logger(__name__)

# What keeps us from looking at a cluster, whoever is at fault.
_FAILURES = (ClusterError, RunnerError, SettingsError)
# Code of the finding that says so.
NOT_LOOKED_AT = "cluster-not-looked-at"
# Different revisions that Kustomizations were applied from; more than this many would be a strange cluster.
_MOST_APPLIED = 3


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
        if not await cluster.guard_is_proved():
            return _only_named(cluster.name, candidates, Verdict.INCOMPLETE, _unguarded(cluster.name))
        applied, more = await _applied_trees(eyes, change, surroundings, candidates)
        async with eyes.flux.session(await cluster.diff_credentials(), {**surroundings.trees, **more}) as cage:
            rendered = await render_candidates(eyes, cage, surroundings, candidates, board)
            compared = await compare_with_live(eyes, cluster, cage, rendered, applied, board)
            rows = await round_off(cage, surroundings, rendered, compared, eyes.github_url)
    except _FAILURES as error:
        # It touches this cluster, and what it does there is not known: that has to be said.
        log.warning("could not compare with a cluster", cluster=cluster.name, reason=str(error))
        return _only_named(cluster.name, candidates, Verdict.INCOMPLETE, _unreached(cluster.name, error))
    # The verdict is of everything: what is switched off may be left out, not made undone.
    shown, risks = without_noise(rows, eyes.noise), prune_risk(rows, eyes.risk)
    return ClusterReport(cluster.name, cluster_verdict(rows), rows=shown, findings=risks, left_out=left_out)


async def _applied_trees(
    eyes: Eyes, change: Change, surroundings: Surroundings, candidates: Sequence[Candidate]
) -> tuple[AppliedTrees, dict[str, Tree]]:
    """Where the base branch is ahead of what Flux applied, the trees that it applied are needed too."""
    commits = {applied_commit(candidate.base) for candidate in candidates if candidate.base} - {"", change.base_tip}
    names: dict[tuple[str, str], str] = {}
    trees: dict[str, Tree] = {}
    for commit in sorted(commits)[:_MOST_APPLIED]:
        try:
            tree = await eyes.git.tree(change.pull_request.repository, commit)
        except GitError as error:
            log.info("what Flux applied is not in the repository any more", commit=commit, reason=str(error))
            continue
        packed = await asyncio.to_thread(Surroundings, surroundings.fed, tree, None, frozenset())
        for name, content in packed.trees.items():
            if name.startswith("base-"):
                names[commit, name] = f"{commit}-{name}"
                trees[f"{commit}-{name}"] = content
    return AppliedTrees(names), trees


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


def _unguarded(cluster: str) -> Finding:
    return Finding(
        "guard-not-proved",
        Severity.CRITICAL,
        f"In cluster {cluster} a write of the diff identity is not refused, so nothing was compared.",
        "Apply config/guard to it; `gitops-bot check` tells when it holds.",
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
