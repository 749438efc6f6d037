"""Renders of one fleet: of candidates at both sides, of parents for their children, of what gives variables."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gitops_bot.journeys.offline_renders import OfflineRenders, Render
from gitops_bot.models.kustomizations import Kustomization, KustomizationId, ObjectReference, Source
from gitops_bot.models.tree import Tree
from gitops_bot.rules.affected import Candidate, Reason, Surroundings
from gitops_bot.rules.closure import Closure
from gitops_bot.rules.consequences import Objects, Specs, kustomizations_in, sources_in, substitutes_from
from gitops_bot.rules.fleet import Fleet, fed_offline
from gitops_bot.rules.packed_trees import PackedTrees, Side
from gitops_bot.rules.variables import mentions_variables, values_in, variables_of

_FLUX = "kustomize.toolkit.fluxcd.io"
# A root that renders itself may state another spec than the file that it was found in.
_MOST_STARTS = 4


@dataclass(frozen=True)
class Pair:
    """A candidate with both renders; None where it does not exist or cannot be built."""

    candidate: Candidate
    base: Render | None
    result: Render | None

    @property
    def objects(self) -> tuple[Objects, Objects]:
        """What it renders to at base and at result; nothing where it is not rendered."""
        return self.base.objects if self.base else {}, self.result.objects if self.result else {}

    @property
    def comparable(self) -> bool:
        """Whether both sides that exist were rendered."""
        return not self.candidate.obstacle and not any(side and side.error for side in (self.base, self.result))

    @property
    def differs(self) -> bool:
        """Whether it belongs on the list."""
        if not self.comparable or self.candidate.sealed or self.candidate.reason is not Reason.CHANGED:
            return True
        base, result = ({key: item.value for key, item in side.items()} for side in self.objects)
        return base != result


class FleetRenders:
    """Renders for the Kustomizations of one cluster."""

    def __init__(self, cluster: str, packed: PackedTrees, renders: OfflineRenders, remote_urls: Sequence[str]) -> None:
        self._cluster = cluster
        self._packed = packed
        self._renders = renders
        self._remote_urls = remote_urls
        self._sources: dict[tuple[str, str, str], Source] = {}
        # Values of the ConfigMaps that were rendered so far.
        self.values: Mapping[Side, dict[ObjectReference, Mapping[str, str]]] = {"base": {}, "result": {}}
        # Parents whose children could not be found, and why.
        self.blind: dict[KustomizationId, str] = {}
        self._known: dict[KustomizationId, Kustomization] = {}

    def learn_sources(self, sources: Iterable[Source]) -> None:
        """Remember sources; the first that is heard of one counts."""
        for source in sources:
            self._sources.setdefault((source.kind, source.namespace, source.name), source)

    def surroundings(self, known: Iterable[Kustomization]) -> Surroundings:
        """Say who is fed by the clone, as far as is known by now."""
        self._known = {kustomization.id: kustomization for kustomization in known}
        fleet = Fleet(self._cluster, tuple(self._known.values()), tuple(self._sources.values()))
        return Surroundings(fed_offline(fleet, self._remote_urls), Tree(), None, frozenset(), packed=self._packed)

    async def pair(self, candidate: Candidate) -> Pair:
        """Render a candidate at both sides."""
        base, result = await asyncio.gather(self._render(candidate, "base"), self._render(candidate, "result"))
        return Pair(candidate, base, result)

    async def _render(
        self, candidate: Candidate, side: Side, variables: Mapping[str, str] | None = None
    ) -> Render | None:
        kustomization, tree, closure = _at(candidate, side)
        if kustomization is None or closure is None:
            return None
        render = await self._renders.of(kustomization, tree, closure, variables)
        if variables is None:
            self.values[side].update(values_in(render.objects))
        return render

    async def with_children(
        self, roots: Mapping[KustomizationId, Kustomization]
    ) -> dict[KustomizationId, Kustomization]:
        """Find everything that the roots render to at base, at any depth, the roots among it."""
        starts = dict(roots)
        for _ in range(_MOST_STARTS):
            self.blind.clear()
            found = await self._descend(starts)
            again = {id_: found[id_] for id_ in starts}
            if all(again[id_].spec == starts[id_].spec for id_ in starts):
                break
            starts = again
        return found

    async def _descend(self, starts: Mapping[KustomizationId, Kustomization]) -> dict[KustomizationId, Kustomization]:
        found, waiting = dict(starts), list(starts.values())
        rendered: set[KustomizationId] = set()
        while waiting:
            rendered.update(known.id for known in waiting)
            surroundings = self.surroundings(found.values())
            parents = [surroundings.judged(known, None, Reason.REMOVED, "") for known in waiting]
            parents = [parent for parent in parents if self._may_have_children(parent)]
            specs: dict[KustomizationId, Mapping[str, object]] = {}
            for children in await asyncio.gather(*(self.children(parent, "base") for parent in parents)):
                specs |= children
            found |= {id_: Kustomization(id_, spec, live=False) for id_, spec in specs.items()}
            waiting = [found[id_] for id_ in sorted(specs) if id_ not in rendered]
        return found

    def _may_have_children(self, candidate: Candidate) -> bool:
        """Whether anything that it is built from speaks of Kustomizations; else no render is needed."""
        if candidate.base is None or candidate.base_closure is None:
            return False
        files = self._packed.tree(candidate.base_tree).files
        spoken = any(_FLUX.encode() in files.get(path, b"") for path in candidate.base_closure.files)
        return spoken or _FLUX in str(candidate.base.spec)

    async def children(self, candidate: Candidate, side: Side) -> Specs:
        """Give the specs of a parent's children, substituted where they mention variables."""
        render = await self._render(candidate, side)
        if render is None or render.error:
            if render is not None:
                self.blind[candidate.id] = render.error
            return {}
        self.learn_sources(sources_in(render.objects).values())
        found = kustomizations_in(self._cluster, render.objects)
        kustomization = _at(candidate, side)[0]
        after = kustomization.spec.get("postBuild") if kustomization else None
        if kustomization is None or not after or not mentions_variables(list(found.values())):
            return found
        await self._bring_values(kustomization, side)
        variables = variables_of(kustomization, self.values[side])
        substituted = await self._render(candidate, side, variables.values)
        if substituted is not None and not substituted.error:
            return kustomizations_in(self._cluster, substituted.objects)
        missing = f" ({', '.join(variables.unknown)} is not known here)" if variables.unknown else ""
        error = substituted.error if substituted else ""
        self.blind[candidate.id] = f"not all of its children can be found{missing}: {error}"
        return {id_: spec for id_, spec in found.items() if not mentions_variables(spec)}

    async def _bring_values(self, kustomization: Kustomization, side: Side) -> None:
        """Render whoever may give the ConfigMaps that a Kustomization reads."""
        wanted = {
            name.encode()
            for kind, name in substitutes_from(kustomization.spec)
            if ObjectReference(kind, kustomization.id.namespace, name) not in self.values[side]
        }
        if not wanted:
            return
        surroundings = self.surroundings(self._known.values())
        givers = []
        for other in self._known.values():
            candidate = surroundings.judged(other, other, Reason.CHANGED, "")
            _, tree, closure = _at(candidate, side)
            files = self._packed.tree(tree).files
            if closure and any(name in files.get(path, b"") for path in closure.files for name in wanted):
                givers.append(candidate)
        await asyncio.gather(*(self._render(giver, side) for giver in givers))


def _at(candidate: Candidate, side: Side) -> tuple[Kustomization | None, str, Closure | None]:
    if side == "base":
        return candidate.base, candidate.base_tree, candidate.base_closure
    return candidate.result, candidate.result_tree, candidate.result_closure
