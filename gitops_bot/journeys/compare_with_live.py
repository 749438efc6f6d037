"""Compare what was rendered with the live cluster, and say where each difference comes from."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import reduce
from itertools import islice

from gitops_bot.journeys.applied_trees import AppliedTrees
from gitops_bot.journeys.ports import Cluster, Eyes, FluxSession, LiveObjects
from gitops_bot.journeys.preflight import Clearance, clearances
from gitops_bot.journeys.progress_board import ProgressBoard
from gitops_bot.journeys.render_candidates import Rendered
from gitops_bot.models.changes import FluxOutcome, OutcomeStatus
from gitops_bot.models.kustomizations import Kustomization, ObjectReference
from gitops_bot.models.reports import Finding, KustomizationReport, RowState, Severity
from gitops_bot.rules.changes import parse_diff
from gitops_bot.rules.compare import Arriving, ComparisonInputs, Side, arriving_from, kustomization_report, moves
from gitops_bot.rules.looks import ungrouped
from gitops_bot.rules.marks import mark_of_all, moved_between
from gitops_bot.rules.objects import RenderedObject, UnreadableRenderError, load_objects
from gitops_bot.rules.rights import without_told
from gitops_bot.rules.risk import RiskPolicy, with_risks

_NOTHING = FluxOutcome(OutcomeStatus.UNCHANGED)
_NEVER_APPLIED = Side(_NOTHING, _NOTHING)
_UNKNOWN = Side(FluxOutcome(OutcomeStatus.FAILED))

# Objects of one Kustomization that are read one by one for who owns their fields; beyond that it would
# take longer than the diff itself.
_MOST_LIVE_OBJECTS = 200
# Looks at a Kustomization whose objects move while it is looked at.
_TRIES = 2


async def compare_with_live(
    eyes: Eyes,
    cluster: Cluster,
    cage: FluxSession,
    rendered: Sequence[Rendered],
    applied: AppliedTrees,
    board: ProgressBoard,
) -> tuple[KustomizationReport, ...]:
    """Make one row per candidate, side by side; nothing is read in the cluster before the rights are known."""
    arriving, cleared = await asyncio.gather(asyncio.to_thread(_arriving, rendered), clearances(cluster, rendered))

    async def row(one: Rendered) -> KustomizationReport:
        try:
            return await _row(eyes, cage, one, applied, arriving, cleared.get(one.candidate.id, Clearance()))
        finally:
            board.finished()

    return moves(await asyncio.gather(*(row(one) for one in rendered)))


def _arriving(rendered: Sequence[Rendered]) -> Arriving:
    """Collect what any of the renders brings that others may wait for."""
    texts = (one.result.text for one in rendered if one.result and one.result.usable and one.differs)
    return reduce(Arriving.__or__, map(arriving_from, texts), Arriving())


async def _row(
    eyes: Eyes, cage: FluxSession, one: Rendered, applied: AppliedTrees, arriving: Arriving, clearance: Clearance
) -> KustomizationReport:
    candidate = one.candidate
    if clearance.refused:
        row = KustomizationReport(candidate.id, candidate.either.path, RowState.NOT_ANALYSED, candidate.because)
        return replace(row, findings=clearance.refused)
    if candidate.obstacle:
        return _not_analysed(one)
    if not one.differs:
        return KustomizationReport(candidate.id, candidate.either.path, RowState.UNCHANGED, candidate.because)
    versions = await asyncio.to_thread(_versions, one)
    sides, (live, absent), moved = await _settled(eyes, cage, one, applied, clearance, versions)
    known = candidate.base if candidate.base is not None else candidate.either
    inputs = ComparisonInputs(
        kustomization=known,
        base=sides.base,
        result=sides.result,
        applied=sides.applied,
        rendered=candidate.result if candidate.spec_changed else None,
        result_by_live_spec=sides.by_live_spec,
        live_objects=live,
        absent=absent,
        arriving=arriving,
        noise=eyes.noise,
        reason=candidate.because,
    )
    async with eyes.shared.reading(one.base, one.result):
        # Thousands of objects take seconds to read and compare: not on the event loop.
        report = await asyncio.to_thread(_report, inputs, eyes.risk)
    return replace(
        report,
        findings=(*without_told(report.findings, clearance.findings), *_not_followed(one)),
        notes=(*report.notes, *_what_was_not_seen(moved, versions)),
    )


def _report(inputs: ComparisonInputs, policy: RiskPolicy) -> KustomizationReport:
    return with_risks(kustomization_report(inputs), inputs, policy)


def _not_followed(one: Rendered) -> tuple[Finding, ...]:
    """What the runner did not look up, on purpose, is missing from the report."""
    notes = dict.fromkeys(note for side in (one.base, one.result) if side for note in side.notes)
    return tuple(
        Finding("not-followed", Severity.WARNING, note, "What it would bring is not shown.", incomplete=True)
        for note in notes
    )


@dataclass(frozen=True)
class _Sides:
    """Everything that flux said of one Kustomization."""

    base: Side | None
    result: Side | None
    applied: Side | None
    by_live_spec: Side | None


async def _settled(
    eyes: Eyes,
    cage: FluxSession,
    one: Rendered,
    applied: AppliedTrees,
    clearance: Clearance,
    versions: Mapping[ObjectReference, str],
) -> tuple[_Sides, LiveObjects, tuple[ObjectReference, ...]]:
    """Look until no object has moved between the diffs, which come one after the other; name those that still do.

    What moves in between would look like somebody's change.
    """
    for left in reversed(range(_TRIES)):
        seen = await _live_objects(cage, one, versions)
        sides = await _sides(eyes, cage, one, applied, clearance, seen)
        now, gone = await _live_objects(cage, one, await asyncio.to_thread(_concerned, versions, sides))
        moved = moved_between(seen[0], now, (now.keys() | gone) & (seen[0].keys() | seen[1]))
        if not moved or not left:
            break
    return sides, seen, moved


async def _sides(
    eyes: Eyes,
    cage: FluxSession,
    one: Rendered,
    applied: AppliedTrees,
    clearance: Clearance,
    seen: LiveObjects,
) -> _Sides:
    candidate = one.candidate
    base, result, before, by_live_spec = await asyncio.gather(
        _base_side(eyes, cage, one, clearance, seen),
        _side(cage, candidate.result, candidate.result_tree, one.result, clearance),
        _applied_side(cage, one, applied, clearance),
        _side(cage, candidate.base, candidate.result_tree, one.result_by_live_spec, clearance),
    )
    return _Sides(base, result, before, by_live_spec)


async def _side(
    cage: FluxSession, kustomization: Kustomization | None, tree: str, build: FluxOutcome | None, clearance: Clearance
) -> Side | None:
    if kustomization is None or build is None:
        return None
    diff = await cage.diff(kustomization, tree, left_out=clearance.left_out) if build.usable else None
    return Side(build, diff, clearance.left_out)


async def _base_side(
    eyes: Eyes, cage: FluxSession, one: Rendered, clearance: Clearance, seen: LiveObjects
) -> Side | None:
    """The base's diff is the same for all pull requests: it is shared for a short time, while nothing moves."""
    base, kustomization, tree = one.base, one.candidate.base, one.candidate.base_tree
    if kustomization is None or base is None:
        return None
    if not base.usable:
        return Side(base)
    stands = await asyncio.to_thread(lambda: mark_of_all(*seen, _objects(base).keys()))
    revision = f"{kustomization.generation} {kustomization.applied_revision} {sorted(clearance.left_out)} {stands}"
    diff = await eyes.shared.get(
        f"diff {kustomization.id.cluster} {kustomization.id} {revision} {hash(base.text)}",
        lambda: cage.diff(kustomization, tree, left_out=clearance.left_out),
        fresh_for=timedelta(seconds=eyes.review.share_base_for),
    )
    return Side(base, diff, clearance.left_out)


async def _applied_side(cage: FluxSession, one: Rendered, applied: AppliedTrees, clearance: Clearance) -> Side | None:
    kustomization, base = one.candidate.base, one.base
    if kustomization is None or base is None or not base.usable or not kustomization.live:
        return None
    if not kustomization.applied_revision:
        # Flux never got through with it: whatever is on the base branch waits.
        return _NEVER_APPLIED
    tree = applied.of(kustomization, one.candidate.base_tree)
    if not tree:
        return _UNKNOWN if applied.unknown(kustomization) else None
    build = await cage.build(kustomization, tree)
    if not build.usable:
        return Side(build)
    if build.text == base.text:
        return None
    return Side(build, await cage.diff(kustomization, tree, left_out=clearance.left_out), clearance.left_out)


async def _live_objects(cage: FluxSession, one: Rendered, wanted: Mapping[ObjectReference, str]) -> LiveObjects:
    """Who owns which field of the objects concerned, as far as it can be read: it costs exactness, not the report."""
    bounded = dict(islice(wanted.items(), _MOST_LIVE_OBJECTS))
    return await cage.live_objects(one.candidate.either, bounded) if bounded else ({}, frozenset())


def _versions(one: Rendered) -> dict[ObjectReference, str]:
    """Give the apiVersion of every object that either side renders, those that differ first."""
    base, result = _objects(one.base), _objects(one.result)
    versions = {
        reference: str(found.value.get("apiVersion"))
        for objects in (base, result)
        for reference, found in objects.items()
    }
    differ = [reference for reference in versions if base.get(reference) != result.get(reference)]
    return {reference: versions[reference] for reference in dict.fromkeys((*differ, *versions))}


def _objects(build: FluxOutcome | None) -> Mapping[ObjectReference, RenderedObject]:
    try:
        return load_objects(build.text) if build and build.usable else {}
    except UnreadableRenderError:
        return {}  # The comparison says so.


def _concerned(versions: Mapping[ObjectReference, str], sides: _Sides) -> dict[ObjectReference, str]:
    """Give the objects of which any of the diffs says something."""
    diffs = [side.diff.text for side in (sides.base, sides.result, sides.applied) if side and side.diff]
    named = {item.subject for text in diffs for item in parse_diff(text).objects}
    return {reference: version for reference, version in versions.items() if ungrouped(reference) in named}


def _what_was_not_seen(moved: Sequence[ObjectReference], versions: Mapping[ObjectReference, str]) -> Iterator[str]:
    if moved:
        names = ", ".join(map(str, moved[:3])) + (f" and {len(moved) - 3} more" if moved[3:] else "")
        yield f"{names} changed while this was looked at, twice; look again to be sure where a change comes from"
    if len(versions) > _MOST_LIVE_OBJECTS:
        rest = len(versions) - _MOST_LIVE_OBJECTS
        yield f"{rest} of {len(versions)} objects were not read: what kubectl left on them goes without being shown"


def _not_analysed(one: Rendered) -> KustomizationReport:
    candidate = one.candidate
    finding = Finding(
        code="not-analysed",
        severity=Severity.WARNING,
        message=f"It was not looked at: {candidate.obstacle}.",
        advice="Look at its changes by hand.",
        incomplete=True,
    )
    return KustomizationReport(
        candidate.id, candidate.either.path, RowState.NOT_ANALYSED, candidate.because, findings=(finding,)
    )
