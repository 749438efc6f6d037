"""Which Kustomizations of one cluster does a change touch? Answered by renders of base and result alone."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from gitops_bot.journeys.fleet_renders import FleetRenders, Pair
from gitops_bot.models.kustomizations import Kustomization, KustomizationId, ObjectReference
from gitops_bot.rules.affected import AffectedKustomization, Candidate, Reason, Surroundings, spec_reason
from gitops_bot.rules.consequences import (
    ChildChange,
    refilled_sources,
    required_values,
    sources_in,
    spec_changes,
)
from gitops_bot.rules.fleet import Fleet
from gitops_bot.rules.variables import changed_keys, changed_variables, coming_or_going, uses

# Generations of children that are followed; a loop must end.
_MOST_ROUNDS = 16

Known = dict[KustomizationId, Kustomization]


@dataclass
class _Round:
    """What one round found out."""

    surroundings: Surroundings
    rendered: list[Pair]
    readers: list[Pair]
    # Sources that will hold something else, with the fields that change.
    refilled: dict[tuple[str, str, str], tuple[str, ...]] = field(default_factory=dict)


class FleetLook:
    """Looks at one cluster: first whom it has at base, then round after round what follows from the change."""

    def __init__(self, at_base: Fleet, at_result: Fleet, renders: FleetRenders) -> None:
        self._at_base = at_base
        self._at_result = at_result
        self._renders = renders
        self._base: Known = {known.id: known for known in at_base.kustomizations}
        self._result: Known = {known.id: known for known in at_result.kustomizations}
        # Through which parent a Kustomization got its spec.
        self._through: dict[KustomizationId, str] = {}
        renders.learn_sources((*at_base.sources, *at_result.sources))

    async def with_these(self) -> tuple[AffectedKustomization, ...]:
        """Look at the Kustomizations that were given, and at children that the change adds."""
        return await self._until_nothing_follows(dict(self._base))

    async def with_children(self) -> tuple[AffectedKustomization, ...]:
        """Look at the roots that were given, and at everything that they render to."""
        before, after = dict(self._base), dict(self._result)
        self._base = await self._renders.with_children(before)
        start = dict(self._base)
        for id_ in before.keys() | after.keys():
            if id_ not in after:
                start.pop(id_)
            # A root that renders itself (flux bootstrap's does) is compared as it is rendered.
            elif id_ not in before or (
                before[id_].spec != after[id_].spec and self._base[id_].spec == before[id_].spec
            ):
                start[id_] = after[id_]
        return await self._until_nothing_follows(start)

    async def _until_nothing_follows(self, start: Known) -> tuple[AffectedKustomization, ...]:
        self._result = start
        for _ in range(_MOST_ROUNDS):
            now = await self._round()
            follows = await self._what_follows(now, start)
            if _specs(follows) == _specs(self._result):
                break
            self._result = follows
        return self._rows(now)

    async def _round(self) -> _Round:
        surroundings = self._renders.surroundings({**self._base, **self._result}.values())
        candidates = self._candidates(surroundings)
        rendered = list(await asyncio.gather(*(self._renders.pair(candidate) for candidate in candidates)))
        return _Round(surroundings, rendered, await self._readers(surroundings, rendered))

    def _candidates(self, surroundings: Surroundings) -> Iterable[Candidate]:
        """Find whose files or spec change."""
        fed = {known.id for known in surroundings.fed.kustomizations}
        for id_ in sorted(self._base.keys() | self._result.keys()):
            base, result = self._base.get(id_), self._result.get(id_)
            if base is None or result is None or base.spec != result.spec:
                through = self._through.get(id_, "")
                change = ChildChange(id_, base.spec if base else None, result.spec if result else None, through)
                yield surroundings.judged(base, result, *spec_reason(change))
            elif id_ in fed and (candidate := surroundings.candidate(base)) is not None:
                yield candidate

    async def _readers(self, surroundings: Surroundings, rendered: Sequence[Pair]) -> list[Pair]:
        """Find Kustomizations that substitute a value which changes, and those that read theirs in turn."""
        changed: dict[ObjectReference, frozenset[str]] = {}
        moving: set[ObjectReference] = set()
        for one in rendered:
            if one.comparable:
                changed |= changed_keys(*one.objects, sealed=one.candidate.sealed)
                moving |= coming_or_going(*one.objects)
        found: dict[KustomizationId, Pair] = {}
        while True:
            news = [
                surroundings.judged(self._base[named.id], self._result[named.id], Reason.CHANGED, named.because)
                for named in surroundings.readers(changed)
                if named.id not in found and named.id in self._base and named.id in self._result
            ]
            pairs = await asyncio.gather(*(self._renders.pair(candidate) for candidate in news))
            touched = [(one, names) for one in pairs if (names := self._read_names(one, changed, moving)) is not None]
            if not touched:
                return list(found.values())
            for one, names in touched:
                found[one.candidate.id] = one
                for reference, keys in changed_keys(*one.objects, names=names).items():
                    changed[reference] = changed.get(reference, frozenset()) | keys

    def _read_names(
        self, reader: Pair, changed: Mapping[ObjectReference, frozenset[str]], moving: Iterable[ObjectReference]
    ) -> frozenset[str] | None:
        """Name the variables that come out otherwise in a reader's render; None when it stays as it is."""
        kustomization = reader.candidate.either
        names = changed_variables(kustomization, changed, self._renders.values["result"])
        namespace = kustomization.id.namespace
        required = {ObjectReference(kind, namespace, name) for kind, name in required_values(kustomization.spec)}
        if required & set(moving):
            return names
        used = not reader.comparable or any(uses(objects, names) for objects in reader.objects)
        return names if names and used else None

    async def _what_follows(self, now: _Round, start: Known) -> Known:
        """Apply what the renders say of children to the Kustomizations that were there at the start."""
        parents = []
        for one in (*now.rendered, *now.readers):
            if one.comparable:
                before = await self._renders.children(one.candidate, "base")
                after = await self._renders.children(one.candidate, "result")
                parents.append((str(one.candidate.id), before, after))
                now.refilled |= refilled_sources(*one.objects)
                self._renders.learn_sources(sources_in(one.objects[1]).values())
        follows = dict(start)
        for change in spec_changes(parents):
            if change.result is None:
                follows.pop(change.id, None)
            elif change.base != change.result:
                known = self._base.get(change.id) or Kustomization(change.id, {}, live=False)
                follows[change.id] = replace(known, spec=change.result)
            self._through[change.id] = change.through
        return follows

    def _rows(self, now: _Round) -> tuple[AffectedKustomization, ...]:
        rows: dict[KustomizationId, AffectedKustomization] = {}
        for known in now.surroundings.fed.kustomizations:
            reason = self._not_analysed(now, known)
            if reason:
                rows[known.id] = _row(known, Reason.NOT_ANALYSED, reason)
        for left_out in now.surroundings.fed.not_looked_at:
            rows[left_out.kustomization.id] = _row(left_out.kustomization, Reason.NOT_ANALYSED, left_out.reason)
        for id_, reason in self._renders.blind.items():
            rows[id_] = _row(self._result.get(id_) or self._base[id_], Reason.ERROR, reason)
        for one in (*now.readers, *(one for one in now.rendered if one.differs)):
            rows[one.candidate.id] = _told(one)
        implied = {
            known.id for fleet in (self._at_base, self._at_result) if fleet.implied for known in fleet.kustomizations
        }
        return tuple(row for id_, row in rows.items() if id_ not in implied or row.reason is Reason.ERROR)

    def _not_analysed(self, now: _Round, known: Kustomization) -> str:
        fields = now.refilled.get(known.source)
        if fields:
            return f"its source {'/'.join(known.source)} changes: {', '.join(fields)}"
        return "" if now.surroundings.has_folder(known) else f"./{known.path} is not in this repository"


def _specs(known: Known) -> dict[KustomizationId, Mapping[str, object]]:
    return {id_: kustomization.spec for id_, kustomization in known.items()}


def _told(one: Pair) -> AffectedKustomization:
    """Say what happens to a Kustomization, a fault of its result first."""
    candidate = one.candidate
    if candidate.reason is Reason.CHANGED and candidate.obstacle:
        return _row(candidate.either, Reason.NOT_ANALYSED, candidate.obstacle)
    if candidate.reason is not Reason.REMOVED and one.result is not None and one.result.error:
        return _row(candidate.either, Reason.ERROR, one.result.error)
    return _row(candidate.either, candidate.reason, candidate.because)


def _row(kustomization: Kustomization, reason: Reason, because: str) -> AffectedKustomization:
    id_, path = kustomization.id, str(kustomization.spec.get("path") or "./")
    return AffectedKustomization(id_.cluster, id_.namespace, id_.name, path, reason, because)
