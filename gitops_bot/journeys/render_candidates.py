"""Render what a pull request may touch, at base and at result, and follow parents to their children."""

import asyncio
from dataclasses import dataclass, replace

from gitops_bot.journeys.ports import Eyes, FluxSession
from gitops_bot.journeys.progress_board import ProgressBoard
from gitops_bot.models.changes import FluxOutcome
from gitops_bot.models.kustomizations import Kustomization, KustomizationId
from gitops_bot.rules import affected
from gitops_bot.rules.affected import Candidate, Surroundings

# How deep children are followed: clusters -> apps -> tenants -> … A loop must end.
_GENERATIONS = 8


@dataclass(frozen=True)
class Rendered:
    """One candidate with its renders. None: that side has no such Kustomization."""

    candidate: Candidate
    base: FluxOutcome | None
    result: FluxOutcome | None
    # The result through the live spec, where the rendered spec differs from it.
    result_by_live_spec: FluxOutcome | None = None

    @property
    def differs(self) -> bool:
        """Whether base and result render to different things, or cannot be compared."""
        if self.base is None or self.result is None or not (self.base.usable and self.result.usable):
            return True
        return self.base.text != self.result.text or self.candidate.spec_changed or self.candidate.always_compare
