"""Base against live, result against live: where each change of one Kustomization comes from.

Both the base branch and the merge result are compared with the same live cluster. For each
field, *b* is its value in the base render, *r* in the result render, *a* in the render at the
revision that Flux applied last (which is *b* unless main is ahead). "Live agrees with x" means
that the diff of x has no entry for the field; lines of two diffs are never compared.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gitops_bot.models.changes import FluxOutcome
from gitops_bot.models.kustomizations import Kustomization, ObjectReference
from gitops_bot.models.reports import KustomizationReport


@dataclass(frozen=True)
class Side:
    """One tree seen through one Kustomization: what it renders to, and how that differs from live.

    ``diff`` is None when no diff was made, for instance because the render failed.
    """

    build: FluxOutcome
    diff: FluxOutcome | None = None


@dataclass(frozen=True)
class Arriving:
    """What is not in the cluster yet and comes before the objects of this Kustomization.

    Collected over the renders that the merge applies first: the parents', and those of
    Kustomizations that this one depends on. What its own render brings is added by itself.
    """

    namespaces: frozenset[str] = frozenset()
    # (group, kind) that CustomResourceDefinitions define.
    kinds: frozenset[tuple[str, str]] = frozenset()
    # ConfigMaps and Secrets, for substituteFrom.
    objects: frozenset[ObjectReference] = frozenset()


@dataclass(frozen=True)
class ComparisonInputs:
    """Everything that the report of one Kustomization rests on. Texts are redacted already.

    Only ``kustomization``, ``base`` and ``result`` must be given; each further value makes the
    report more exact.
    """

    # As it is in the cluster, with its inventory; for a new one as the parent renders it (live=False).
    kustomization: Kustomization
    # None: the base has no such Kustomization (it is new).
    base: Side | None
    # None: the result has no such Kustomization (it is removed).
    result: Side | None
    # At the revision that Flux applied last; None when that is the base.
    applied: Side | None = None
    # As the result's parent renders it, when that differs from the live one.
    rendered: Kustomization | None = None
    # The result's tree through the live spec, when ``rendered`` differs from it: a child
    # reconciles the new commit with its old spec first.
    result_by_live_spec: Side | None = None
    # Objects as they are in the cluster (managedFields included), those that are known.
    live_objects: Mapping[ObjectReference, Mapping[str, Any]] = field(default_factory=dict)
    arriving: Arriving = field(default_factory=Arriving)
    # Why it was looked at; goes into the report.
    reason: str = ""


def kustomization_report(inputs: ComparisonInputs) -> KustomizationReport:
    """Return the row of one Kustomization: its changes with their origins, and what stands in the way.

    Never raises for what flux, the cluster or the pull request may say: what cannot be read
    becomes a finding that makes the report incomplete.
    """
    raise NotImplementedError(inputs)
