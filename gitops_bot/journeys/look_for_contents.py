"""Find what a change alters and nobody renders here: HelmReleases, in any Kustomization of the cluster."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from gitops_bot.journeys.ports import FluxSession
from gitops_bot.journeys.render_candidates import Rendered
from gitops_bot.models.changes import ContentChange, FluxOutcome
from gitops_bot.models.kustomizations import Kustomization, KustomizationId, ObjectReference
from gitops_bot.rules.affected import Surroundings
from gitops_bot.rules.chart_files import chart_folders_touched, files_of_charts
from gitops_bot.rules.consequences import Objects
from gitops_bot.rules.helm_contents import (
    HELM_GROUP,
    RELEASE,
    SOURCE_GROUP,
    LiveRelease,
    RowObjects,
    Surrounded,
    changed_givers,
    chart_source,
    content_changes,
    plain,
)
from gitops_bot.rules.objects import UnreadableRenderError, load_objects
from gitops_bot.rules.sealed_files import comes_from

Contents = Mapping[KustomizationId, tuple[ContentChange, ...]]

_HELM_VERSION = f"{HELM_GROUP}/v2"
_SOURCE_VERSION = f"{SOURCE_GROUP}/v1"
# HelmReleases that are read in the cluster; a fleet with more says so by what is then missing here.
_MOST_RELEASES = 500
# What a render, or a folder, must mention for any of this to matter.
_WORDS = (HELM_GROUP, SOURCE_GROUP)


@dataclass(frozen=True)
class _Needed:
    """What is known before the cluster is asked."""

    rows: tuple[RowObjects, ...]
    sealed: frozenset[ObjectReference]
    # HelmReleases that no render has, by the Kustomization that applies them.
    elsewhere: Mapping[KustomizationId, tuple[ObjectReference, ...]]


def charts_may_change(surroundings: Surroundings) -> bool:
    """Whether files of a chart change while a Kustomization of the cluster applies HelmReleases."""
    return bool(_releases_of(surroundings.fed.others)) and chart_folders_touched(surroundings)


async def look_for_contents(
    cage: FluxSession, surroundings: Surroundings, rendered: Sequence[Rendered], github_url: str
) -> Contents:
    """Give what is not rendered by Kustomization; those that were no candidates are among them."""
    releases = _releases_of(surroundings.fed.others)
    if not releases and not any(_mentions(side) for one in rendered for side in (one.base, one.result)):
        return {}
    needed = await asyncio.to_thread(_needed, rendered, releases)
    owners = {known.id: known for known in surroundings.fed.others}
    wanted = needed.elsewhere if changed_givers(needed.rows, needed.sealed) or charts_may_change(surroundings) else {}
    found = await asyncio.gather(
        *(
            cage.live_objects(owners[id_], dict.fromkeys(references, _HELM_VERSION))
            for id_, references in list(wanted.items())[:_MOST_RELEASES]
        )
    )
    seen = {id_: (specs, absent) for id_, (specs, absent) in zip(wanted, found, strict=False)}
    live = tuple(
        LiveRelease(reference, _spec(value), id_)
        for id_, (specs, _) in seen.items()
        for reference, value in specs.items()
    )
    unread = tuple(
        (reference, id_)
        for id_, references in wanted.items()
        for reference in references
        if not any(reference in some for some in seen.get(id_, ()))
    )
    known = Surrounded(needed.rows, live, sealed=needed.sealed, github_url=github_url, unread=unread)
    known = replace(known, chart_files=await asyncio.to_thread(files_of_charts, surroundings, known))
    known = replace(known, sources=await _sources(cage, surroundings, known))
    return await asyncio.to_thread(content_changes, known)


def _releases_of(kustomizations: Iterable[Kustomization]) -> dict[KustomizationId, tuple[ObjectReference, ...]]:
    found = {
        known.id: tuple(one for one in known.inventory if one.kind == RELEASE and one.group == HELM_GROUP)
        for known in kustomizations
    }
    return {id_: references for id_, references in found.items() if references}


def _mentions(side: FluxOutcome | None) -> bool:
    return side is not None and any(word in side.text for word in _WORDS)


def _needed(rendered: Sequence[Rendered], releases: Mapping[KustomizationId, tuple[ObjectReference, ...]]) -> _Needed:
    rows: list[RowObjects] = []
    sealed: set[ObjectReference] = set()
    for one in rendered:
        if one.candidate.obstacle or not _may_change(one):
            continue
        try:
            row = RowObjects(one.candidate.id, _objects(one.base), _objects(one.result))
        except UnreadableRenderError:
            continue  # The comparison says so.
        rows.append(row)
        for change in one.candidate.sealed_changes:
            every = (*row.base, *row.result)
            sealed |= {plain(reference) for reference in every if comes_from(reference, change.object)}
    told = {plain(reference) for row in rows for reference in (*row.base, *row.result)}
    elsewhere = {
        id_: tuple(reference for reference in references if plain(reference) not in told)
        for id_, references in releases.items()
    }
    known = {id_: references for id_, references in elsewhere.items() if references}
    return _Needed(tuple(rows), frozenset(sealed), known)


def _may_change(one: Rendered) -> bool:
    """Whether renders are worth reading: of one that stays as it is the cluster tells as much."""
    sides = (one.base, one.result)
    if not all(side is None or side.usable for side in sides):
        return False
    equal = one.base is not None and one.result is not None and one.base.text == one.result.text
    return not equal or one.candidate.sealed


def _objects(side: FluxOutcome | None) -> Objects:
    return load_objects(side.text) if side else {}


async def _read(
    cage: FluxSession, owner: Kustomization, wanted: Mapping[ObjectReference, str]
) -> dict[ObjectReference, Mapping[str, object]]:
    """Read specs in the cluster, redacted; what cannot be read is left out."""
    found, _ = await cage.live_objects(owner, wanted)
    return {reference: _spec(value) for reference, value in found.items()}


async def _sources(
    cage: FluxSession, surroundings: Surroundings, known: Surrounded
) -> Mapping[ObjectReference, Mapping[str, object]]:
    """Find the sources that releases name and no render has: in the snapshot, else in the cluster."""
    specs = {
        ObjectReference(source.kind, source.namespace, source.name): source.spec
        for source in surroundings.fed.every_source
    }
    named = {
        (source, row.id)
        for row in known.rows
        for side in (row.base, row.result)
        for reference, rendered in side.items()
        if reference.kind in {RELEASE, "HelmChart"}
        and (source := chart_source(_spec(rendered.value), reference.namespace)) is not None
    }
    named |= {
        (source, release.applied_by)
        for release in known.releases
        if (source := chart_source(release.spec, release.reference.namespace)) is not None
    }
    rendered = {plain(reference) for row in known.rows for reference in row.result}
    owners = {one.id: one for one in surroundings.fed.others}
    wanted: dict[KustomizationId, dict[ObjectReference, str]] = {}
    for source, id_ in named:
        if source not in specs and source not in rendered and id_ in owners:
            wanted.setdefault(id_, {})[source] = _SOURCE_VERSION
    for found in await asyncio.gather(*(_read(cage, owners[id_], what) for id_, what in wanted.items())):
        specs |= found
    return specs


def _spec(value: Mapping[str, object]) -> Mapping[str, object]:
    spec = value.get("spec")
    return spec if isinstance(spec, Mapping) else {}
