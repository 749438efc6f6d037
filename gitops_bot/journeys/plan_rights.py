"""``gitops-bot rbac``: the rights that the *diff* identity needs in a cluster, and how those it has differ.

snapshot -> Kustomizations that can be reviewed -> what their inventories and reports need -> rules.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from gitops_bot.journeys.ports import Cluster, Eyes
from gitops_bot.models.kustomizations import ClusterSnapshot
from gitops_bot.models.reports import Report
from gitops_bot.rules.affected import not_reviewable
from gitops_bot.rules.fleet_rights import Choices, RightsPlan, canary_right, in_words, plan_rights, superfluous

# Namespaces that are looked at for superfluous rights besides those of the fleet: what is given everywhere shows here.
_ELSEWHERE = ("default", "kube-system")
_MOST_NAMESPACES = 200


@dataclass(frozen=True)
class Differences:
    """How the rights in a cluster differ from a plan."""

    missing: tuple[str, ...]
    superfluous: tuple[str, ...]
    # False: the API server cannot list all rights, so something superfluous may not be seen.
    whole: bool


async def plan_for(eyes: Eyes, cluster: Cluster, reports: Iterable[Report], choices: Choices) -> RightsPlan:
    """Plan the rights for one cluster; reports of other clusters say nothing here."""
    return await plan_of(eyes, cluster, await cluster.snapshot(), reports, choices)


async def plan_of(
    eyes: Eyes, cluster: Cluster, snapshot: ClusterSnapshot, reports: Iterable[Report], choices: Choices
) -> RightsPlan:
    """The same for a cluster that was looked at already."""
    kinds = await cluster.served_kinds()
    unreviewed = not_reviewable(snapshot, github_url=eyes.github_url, artifacts=eyes.artifacts)
    skipped = {one.id for group in unreviewed.values() for one in group}
    watched = [one for one in snapshot.kustomizations if one.id not in skipped]
    lacked = {
        right
        for report in reports
        for part in report.clusters
        if part.cluster == cluster.name
        for finding in part.all_findings
        for right in finding.lacks
    }
    return plan_rights(cluster.name, cluster.diff_service_account, watched, kinds, lacked, choices)


async def compare_rights(cluster: Cluster, plan: RightsPlan) -> Differences:
    """Ask the API server what the *diff* identity may do, and compare."""
    canary = canary_right(plan.account)
    lacks = await cluster.diff_lacks({*plan.rights, canary})
    places = sorted({scope for scope in plan.rules if scope} | {canary.namespace, *_ELSEWHERE})[:_MOST_NAMESPACES]
    found = await asyncio.gather(*(cluster.diff_granted(place) for place in places))
    granted = dict(zip(places, found, strict=True))
    return Differences(
        in_words(lacks),
        superfluous(plan, granted, {canary}),
        all(one.whole for one in found),
    )
