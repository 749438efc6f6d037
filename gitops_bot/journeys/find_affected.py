"""Which Kustomizations would a change touch? The list, without a cluster: ``gitops-bot affected``.

roots of each cluster -> their children by render -> candidates by files and specs -> render both sides
-> children and readers of what differs -> again, until nothing new follows.
"""

from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from typing import Protocol

from gitops_bot.errors import GitError
from gitops_bot.journeys.fleet_renders import FleetRenders
from gitops_bot.journeys.look_at_fleet import FleetLook
from gitops_bot.journeys.offline_renders import OfflineFlux, OfflineRenders
from gitops_bot.models.tree import Merge, Tree
from gitops_bot.rules.affected import AffectedKustomization
from gitops_bot.rules.fleet import Fleet, fleets_in
from gitops_bot.rules.packed_trees import PackedTrees


class Clone(Protocol):
    """git/: somebody's clone."""

    async def resolve(self, revision: str) -> str:
        """Give the commit that a revision names."""
        ...

    async def merge(self, base: str, head: str) -> Merge:
        """Merge two commits without a work tree."""
        ...

    async def tree(self, treeish: str) -> Tree:
        """All regular files of a commit or tree."""
        ...


async def find_affected_in_clone(
    clone: Clone,
    flux: OfflineFlux,
    base: str,
    head: str,
    *,
    fleets: Sequence[Fleet] = (),
    clusters: Sequence[str] = (),
    remote_urls: Sequence[str] = (),
) -> tuple[AffectedKustomization, ...]:
    """List what merging ``head`` into ``base`` would touch. GitError when the two conflict.

    ``fleets``: the Kustomizations of clusters that are known; without, they are found in the
    repository. ``clusters``: only these. ``remote_urls``: addresses of the clone, which tell its
    sources from those of other repositories.
    """
    base_commit, head_commit = await clone.resolve(base), await clone.resolve(head)
    merge = await clone.merge(base_commit, head_commit)
    if merge.conflicts:
        raise GitError(f"{head} conflicts with {base} in {', '.join(merge.conflicts)}. Merge or rebase it first.")
    return await find_affected(
        flux,
        await clone.tree(base_commit),
        await clone.tree(merge.tree),
        fleets=fleets,
        clusters=clusters,
        remote_urls=remote_urls,
    )


async def find_affected(
    flux: OfflineFlux,
    base: Tree,
    result: Tree,
    *,
    fleets: Sequence[Fleet] = (),
    clusters: Sequence[str] = (),
    remote_urls: Sequence[str] = (),
) -> tuple[AffectedKustomization, ...]:
    """List what becomes of each Kustomization that differs between two trees, sorted."""
    packed = PackedTrees(base, result)
    found: list[AffectedKustomization] = []
    async with AsyncExitStack() as stack:
        renders = OfflineRenders(flux, packed, stack)
        for at_base, at_result in _pairs(fleets, base, result):
            if not clusters or at_base.cluster in clusters:
                of_cluster = FleetRenders(at_base.cluster, packed, renders, remote_urls)
                look = FleetLook(at_base, at_result, of_cluster)
                found.extend(await (look.with_these() if fleets else look.with_children()))
    return tuple(sorted(found))


def _pairs(fleets: Sequence[Fleet], base: Tree, result: Tree) -> Iterable[tuple[Fleet, Fleet]]:
    """Give each cluster as it begins at base and at result; an empty fleet where there is none."""
    if fleets:
        return [(fleet, fleet) for fleet in fleets]
    before, after = fleets_in(base), fleets_in(result)
    return [
        (before.get(name, Fleet(name, ())), after.get(name, Fleet(name, ())))
        for name in sorted(before.keys() | after.keys())
    ]
