"""What Flux applied last, where the base branch is ahead of it: the trees, and what each Kustomization was made of."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gitops_bot import telemetry
from gitops_bot.errors import GitError
from gitops_bot.journeys.fetch_change import Change
from gitops_bot.journeys.ports import Eyes
from gitops_bot.models.kustomizations import Kustomization
from gitops_bot.models.tree import Tree
from gitops_bot.rules.affected import Candidate, Surroundings
from gitops_bot.rules.sights import built_from

log = telemetry.logger(__name__)

# Different revisions that Kustomizations were applied from; more than this many would be a strange cluster.
_MOST_APPLIED = 3


@dataclass(frozen=True)
class AppliedTrees:
    """The trees by commit; what is not among them is the base itself, or could not be had."""

    base_tip: str = ""
    at: Mapping[str, Surroundings] = field(default_factory=dict)

    def of(self, kustomization: Kustomization, base_tree: str) -> str:
        """Give the name of the tree that this Kustomization was applied from; "" when that is the base, or unknown."""
        commit = applied_commit(kustomization)
        there = commit in self.at and base_tree in self.at[commit].trees
        return f"{commit}-{base_tree}" if there else ""

    def unknown(self, kustomization: Kustomization) -> bool:
        """Whether this Kustomization was applied from something else than the base that could not be had."""
        commit = applied_commit(kustomization)
        return bool(kustomization.applied_revision) and commit != self.base_tip and commit not in self.at

    def content(self, kustomization: Kustomization | None, base_tree: str) -> str:
        """Digest what this Kustomization was made of when it was applied; "" when that was the base."""
        commit = applied_commit(kustomization) if kustomization else ""
        if kustomization is None or not kustomization.live or commit == self.base_tip:
            return ""
        if not self.of(kustomization, base_tree):
            return f"unknown {kustomization.applied_revision}"
        packed = self.at[commit].packed
        return built_from(kustomization, packed.closure(base_tree, kustomization), packed.tree(base_tree))

    @property
    def trees(self) -> dict[str, Tree]:
        """The trees by the names that `of` gives."""
        return {
            f"{commit}-{name}": tree
            for commit, there in self.at.items()
            for name, tree in there.trees.items()
            if name.startswith("base-")
        }


def applied_commit(kustomization: Kustomization) -> str:
    """The commit in ``status.lastAppliedRevision`` (``main@sha1:…``), or of an artifact's origin; "" without one."""
    for revision in (kustomization.applied_revision, kustomization.origin_revision):
        _, mark, commit = revision.rpartition("@sha1:")
        if mark:
            return commit
    return ""


async def applied_trees(
    eyes: Eyes, change: Change, surroundings: Surroundings, candidates: Sequence[Candidate]
) -> AppliedTrees:
    """Read the trees that Flux applied the candidates from, where that is not the base."""
    commits = {applied_commit(candidate.base) for candidate in candidates if candidate.base} - {"", change.base_tip}
    found = {}
    for commit in sorted(commits)[:_MOST_APPLIED]:
        try:
            tree = await eyes.git.tree(change.pull_request.repository, commit)
        except GitError as error:
            log.info("what Flux applied is not in the repository any more", commit=commit, reason=str(error))
            continue
        found[commit] = await asyncio.to_thread(Surroundings, surroundings.fed, tree, None, frozenset())
    return AppliedTrees(change.base_tip, found)
