"""Renders without a cluster, each made once: as the files are, or with variables that are known."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from gitops_bot.journeys.one_at_a_time import OneAtATime
from gitops_bot.models.changes import FluxOutcome
from gitops_bot.models.kustomizations import Kustomization
from gitops_bot.models.tree import Tree
from gitops_bot.rules.affected import render_key
from gitops_bot.rules.closure import Closure
from gitops_bot.rules.consequences import Objects
from gitops_bot.rules.objects import UnreadableRenderError, load_objects
from gitops_bot.rules.packed_trees import PackedTrees

# What a render without a cluster must do without; ``postBuild`` is compared as data.
_LEFT_OUT = ("postBuild", "decryption", "kubeConfig")


class OfflineSession(Protocol):
    """Some trees, ready for renders that ask no cluster."""

    async def build(self, kustomization: Kustomization, tree: str) -> FluxOutcome:
        """Render; substitutes ``postBuild.substitute`` strictly, and nothing when there is no ``postBuild``."""
        ...


class OfflineFlux(Protocol):
    """flux without a cluster."""

    def offline(self, trees: Mapping[str, Tree]) -> AbstractAsyncContextManager[OfflineSession]:
        """Open a cage with these trees."""
        ...


@dataclass(frozen=True)
class Render:
    """What a Kustomization renders to, or the reason why it does not."""

    objects: Objects = field(default_factory=dict)
    error: str = ""


class OfflineRenders:
    """Makes renders side by side; whoever asks for the same one waits for it."""

    def __init__(self, flux: OfflineFlux, packed: PackedTrees, stack: AsyncExitStack) -> None:
        self._flux = flux
        self._packed = packed
        self._stack = stack
        self._sessions: dict[str, OfflineSession] = {}
        self._made: dict[str, Render] = {}
        self._makers = OneAtATime()

    async def of(
        self, kustomization: Kustomization, tree: str, closure: Closure, variables: Mapping[str, str] | None = None
    ) -> Render:
        """Render from one tree; every ``${NAME}`` stays as it is unless ``variables`` are given."""
        if closure.refusal:
            return Render(error=closure.refusal)
        spec: dict[str, Any] = {key: value for key, value in kustomization.spec.items() if key not in _LEFT_OUT}
        if variables is not None:
            spec["postBuild"] = {"substitute": dict(variables)}
        plain = replace(kustomization, spec=spec, live=False)
        key = f"{kustomization.id.cluster} {render_key(plain, closure, self._packed.tree(tree))}"
        async with self._makers.alone(key):
            if key not in self._made:
                self._made[key] = await self._make(plain, tree)
        return self._made[key]

    async def _make(self, kustomization: Kustomization, tree: str) -> Render:
        session = await self._session(tree)
        outcome = await session.build(kustomization, tree)
        if not outcome.usable:
            return Render(error=outcome.message or "flux gave no reason")
        try:
            return Render(load_objects(outcome.text))
        except UnreadableRenderError as error:
            return Render(error=str(error))

    async def _session(self, tree: str) -> OfflineSession:
        async with self._makers.alone(f"session {tree}"):
            if tree not in self._sessions:
                cage = self._flux.offline({tree: self._packed.tree(tree)})
                self._sessions[tree] = await self._stack.enter_async_context(cage)
        return self._sessions[tree]
