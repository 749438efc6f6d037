"""A look at one cluster stays good when only the base branch moved, and nothing that was looked at moved with it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from gitops_bot.journeys.applied_trees import AppliedTrees
from gitops_bot.journeys.kept_looks import Sights
from gitops_bot.journeys.look_for_contents import charts_may_change
from gitops_bot.models.kustomizations import Kustomization, KustomizationId
from gitops_bot.rules.affected import Candidate, Surroundings
from gitops_bot.rules.sights import neighbourhood, sight


def sights_of(
    surroundings: Surroundings,
    candidates: Sequence[Candidate],
    rendered: Iterable[Candidate],
    applied: AppliedTrees,
) -> Sights:
    """Digest what a look rests on. ``rendered``: everything that it came to, candidates included."""
    known = {candidate.id for candidate in candidates}
    followed = tuple(candidate for candidate in rendered if candidate.id not in known)
    everything = (*candidates, *followed)
    digests = {one.id: sight(one, surroundings.packed, applied.content(one.base, one.base_tree)) for one in everything}
    light = tuple(replace(candidate, base_closure=None, result_closure=None) for candidate in followed)
    return Sights(neighbourhood(surroundings.fed), digests, light)


def still_holds(
    sights: Sights, surroundings: Surroundings, candidates: Sequence[Candidate], applied: AppliedTrees
) -> bool:
    """Whether a look at base and result as they are now would rest on the same."""
    # Charts lie outside of what Kustomizations are built from.
    if neighbourhood(surroundings.fed) != sights.neighbourhood or charts_may_change(surroundings):
        return False
    live = {kustomization.id: kustomization for kustomization in surroundings.fed.others}
    again = [_again(candidate, surroundings, live) for candidate in sights.followed]
    return sights_of(surroundings, candidates, again, applied).digests == sights.digests


def _again(
    candidate: Candidate, surroundings: Surroundings, live: Mapping[KustomizationId, Kustomization]
) -> Candidate:
    """Judge a child or a reader anew: the renders that led to it are the same, its own files may not be."""
    base = live.get(candidate.id, candidate.base) if candidate.base else None
    result = base if candidate.result == candidate.base else candidate.result
    judged = surroundings.judged(base, result, candidate.reason, candidate.because)
    return replace(
        judged,
        always_compare=candidate.always_compare,
        reads_changed_values=candidate.reads_changed_values,
        spec_changed=candidate.spec_changed,
        obstacle=candidate.obstacle,
    )
