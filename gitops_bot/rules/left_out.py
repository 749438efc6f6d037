"""Kustomizations that the repository may feed in a way that cannot be followed: named, without crying wolf."""

from gitops_bot.models.reports import LeftOut
from gitops_bot.models.tree import Tree
from gitops_bot.rules.affected import Surroundings
from gitops_bot.rules.feeds import Fed


def left_out_of(surroundings: Surroundings) -> tuple[LeftOut, ...]:
    """Name those that something ties to this repository.

    One that follows a tag or a commit is named only when it is built from a file that changes: the next
    tag brings that. Of an artifact nobody knows from which files it is made.
    """
    fed = surroundings.fed
    later = [left for left in fed.not_looked_at if left.plausible and not left.at_once]
    sources = {source.key: source for source in fed.every_source}
    followed = {left.kustomization.source: sources[left.kustomization.source] for left in later}
    as_if = Fed(fed.cluster, followed, tuple(left.kustomization for left in later))
    touched = {
        candidate.id
        for candidate in Surroundings(as_if, Tree(), None, frozenset(), packed=surroundings.packed).candidates()
    }
    return tuple(
        LeftOut(left.kustomization.id, left.reason, left.at_once)
        for left in fed.not_looked_at
        if left.plausible and (left.at_once or left.kustomization.id in touched)
    )
