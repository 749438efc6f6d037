"""What a report on a Kustomization rests on, as a digest: equal digests need no second look.

Files, spec and what Flux applied are compared by content, not by commit: most commits on a base
branch touch nothing that a pull request is about.
"""

import hashlib
import json
from typing import Any

from gitops_bot.models.kustomizations import Kustomization
from gitops_bot.models.tree import Tree
from gitops_bot.rules.affected import Candidate, render_key
from gitops_bot.rules.closure import Closure
from gitops_bot.rules.feeds import Fed
from gitops_bot.rules.packed_trees import PackedTrees


def sight(candidate: Candidate, packed: PackedTrees, applied: str) -> str:
    """Digest what one Kustomization is built from at base and at result, and how it stands in the cluster.

    ``applied`` is the digest of what Flux applied last (`built_from`), or "" when that is the base.
    """
    base = built_from(candidate.base, candidate.base_closure, packed.tree(candidate.base_tree))
    told = [
        str(candidate.id),
        candidate.reason,
        candidate.because,
        candidate.obstacle,
        [candidate.spec_changed, candidate.always_compare, candidate.reads_changed_values, candidate.sealed],
        base,
        built_from(candidate.result, candidate.result_closure, packed.tree(candidate.result_tree)),
        applied or base,
        _standing(candidate.base),
    ]
    return _digest(told)


def _standing(kustomization: Kustomization | None) -> list[Any]:
    """How it stands in the cluster, as far as a report tells it.

    What Flux says of one that is well names the commit that it applied: that moves with every commit.
    """
    if kustomization is None:
        return []
    ill = kustomization.ready_message if kustomization.ready is False else None
    inventory = sorted(map(str, kustomization.inventory))
    return [kustomization.live, kustomization.generation, ill, inventory]


def built_from(kustomization: Kustomization | None, closure: Closure | None, tree: Tree) -> str:
    """Digest what a Kustomization is built from in one tree; "" where it is not there."""
    return "" if kustomization is None or closure is None else render_key(kustomization, closure, tree)


def neighbourhood(fed: Fed) -> str:
    """Digest who else is in the cluster: children, readers and sources are found among them."""
    others = sorted([str(one.id), one.generation] for one in fed.others)
    sources = sorted([*source.key, json.dumps(source.spec, sort_keys=True, default=str)] for source in fed.every_source)
    return _digest([others, sources])


def _digest(told: list[Any]) -> str:
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()
