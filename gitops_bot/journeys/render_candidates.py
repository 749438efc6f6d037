"""Render what a pull request may touch, at base and at result, and follow parents to children and values to readers."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from gitops_bot.journeys.ports import Eyes, FluxSession
from gitops_bot.journeys.progress_board import ProgressBoard
from gitops_bot.models.changes import FluxOutcome
from gitops_bot.models.kustomizations import Kustomization, KustomizationId, Source
from gitops_bot.models.reports import Finding
from gitops_bot.rules.affected import Candidate, Reason, Surroundings, render_key
from gitops_bot.rules.closure import Closure
from gitops_bot.rules.consequences import Objects, child_changes, refilled_sources, sources_in, substitutes_from
from gitops_bot.rules.new_values import NewValues, merged, new_values, unseen_values, value_notes, with_values
from gitops_bot.rules.objects import UnreadableRenderError, load_objects

# How deep children are followed: clusters, apps, tenants, … A loop must end.
_GENERATIONS = 8


@dataclass(frozen=True)
class Rendered:
    """One candidate with its renders. None: that side has no such Kustomization, or cannot be built at all."""

    candidate: Candidate
    base: FluxOutcome | None
    result: FluxOutcome | None
    # The result's tree through the live spec, where the rendered spec differs from it.
    result_by_live_spec: FluxOutcome | None = None
    # What a reader must know of values that it substitutes and that the change makes.
    notes: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether base and result may come to different things."""
        if self.base is None or self.result is None or not (self.base.usable and self.result.usable):
            return True
        candidate = self.candidate
        return self.base.text != self.result.text or candidate.always_compare or candidate.spec_changed


async def render_candidates(
    eyes: Eyes, cage: FluxSession, surroundings: Surroundings, candidates: Sequence[Candidate], board: ProgressBoard
) -> tuple[Rendered, ...]:
    """Render generation by generation until nothing more follows from what changed."""
    found: dict[KustomizationId, Rendered] = {}
    given: dict[KustomizationId, NewValues] = {}
    waiting: Sequence[Candidate] = candidates
    for _ in range(_GENERATIONS):
        news = _news(surroundings, found, waiting, merged(given.values()))
        if not news:
            break
        board.expect(sum(candidate.id not in found for candidate in news))
        rendered = await asyncio.gather(*(_render(eyes, cage, surroundings, candidate) for candidate in news))
        found |= {one.candidate.id: one for one in rendered}
        # Reading renders takes a second per megabyte: not on the event loop.
        waiting = await asyncio.to_thread(_what_follows, surroundings, rendered, given)
    else:
        for candidate in _news(surroundings, found, waiting, merged(given.values())):
            board.expect(1)
            deep = f"it lies more than {_GENERATIONS} generations of children, or of values, deep"
            found[candidate.id] = Rendered(replace(candidate, obstacle=deep), None, None)
    values = merged(given.values())
    return tuple(_told(surroundings, found[key], values) for key in sorted(found))


def _told(surroundings: Surroundings, one: Rendered, values: NewValues) -> Rendered:
    findings = unseen_values(one.candidate, values, surroundings.mentioned)
    return replace(one, notes=value_notes(one.candidate, values), findings=findings)


def _news(
    surroundings: Surroundings,
    found: Mapping[KustomizationId, Rendered],
    waiting: Iterable[Candidate],
    values: NewValues,
) -> list[Candidate]:
    """Candidates that have not been rendered in this form; what is known of one twice is put together."""
    known = {id_: one.candidate for id_, one in found.items()}
    pool = dict(known)
    for candidate in waiting:
        pool[candidate.id] = _put_together(pool.get(candidate.id), candidate)
    news = (with_values(candidate, values, surroundings.mentioned) for candidate in pool.values())
    return [candidate for candidate in news if candidate != known.get(candidate.id)]


def _put_together(known: Candidate | None, candidate: Candidate) -> Candidate:
    if known is None:
        return candidate
    # A spec that its parent changes decides what is rendered; a reader only looks more closely.
    main, other = (known, candidate) if candidate.reason is Reason.CHANGED else (candidate, known)
    return replace(
        main,
        always_compare=main.always_compare or other.always_compare,
        reads_changed_values=main.reads_changed_values or other.reads_changed_values,
        sealed_changes=main.sealed_changes or other.sealed_changes,
        obstacle=main.obstacle or other.obstacle,
    )


async def _render(eyes: Eyes, cage: FluxSession, surroundings: Surroundings, candidate: Candidate) -> Rendered:
    if candidate.obstacle:
        return Rendered(candidate, None, None)
    old_spec = candidate.base if candidate.spec_changed else None
    base, result, by_live_spec = await asyncio.gather(
        _build(eyes, cage, surroundings, candidate.base, candidate.base_tree, candidate.base_closure),
        _build(eyes, cage, surroundings, candidate.result, candidate.result_tree, candidate.result_closure),
        _build(eyes, cage, surroundings, old_spec, candidate.result_tree, None),
    )
    return Rendered(candidate, base, result, by_live_spec)


async def _build(
    eyes: Eyes,
    cage: FluxSession,
    surroundings: Surroundings,
    kustomization: Kustomization | None,
    tree: str,
    closure: Closure | None,
) -> FluxOutcome | None:
    if kustomization is None or not tree:
        return None
    if closure is None:
        return await cage.build(kustomization, tree)
    digest = render_key(kustomization, closure, surroundings.trees[tree])
    # Values of the cluster are not part of the digest: such a render is shared for a short time only.
    fresh_for = timedelta(seconds=eyes.review.share_base_for) if substitutes_from(kustomization.spec) else None
    return await eyes.shared.get(
        f"build {kustomization.id.cluster} {digest}", lambda: cage.build(kustomization, tree), fresh_for=fresh_for
    )


def _what_follows(
    surroundings: Surroundings, rendered: Iterable[Rendered], given: dict[KustomizationId, NewValues]
) -> list[Candidate]:
    """Children that these parents add, change or remove, and readers of values that they change (``given``)."""
    parents: list[tuple[str, Objects, Objects]] = []
    sources: dict[tuple[str, str, str], Source] = {}
    bringers: set[KustomizationId] = set()
    refilled: dict[tuple[str, str, str], tuple[str, ...]] = {}
    readers: list[Candidate] = []
    for one in rendered:
        if not one.differs or not all(side is None or side.usable for side in (one.base, one.result)):
            continue
        try:
            base = load_objects(one.base.text) if one.base else {}
            result = load_objects(one.result.text) if one.result else {}
        except UnreadableRenderError:
            continue  # The comparison says so.
        parents.append((str(one.candidate.id), base, result))
        sources |= sources_in(result)
        changed = refilled_sources(base, result)
        refilled |= changed
        # flux bootstrap's root brings its own source: it is applied once more from the old one.
        bringers |= {one.candidate.id} if changed else set()
        values = given[one.candidate.id] = new_values(one.candidate, base, result)
        readers += surroundings.readers(values.changed, through=str(one.candidate.id))
    changes = child_changes(surroundings.fed.cluster, parents)
    return [*surroundings.children(changes, sources), *surroundings.refilled(refilled, but=bringers), *readers]
