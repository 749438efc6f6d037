"""What became of a merged pull request in a cluster."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gitops_bot.models.kustomizations import KustomizationId, ObjectReference


class OutcomeState(StrEnum):
    """How far Flux has come with one Kustomization."""

    WAITING = "waiting"
    APPLIED = "applied"
    # Flux tried the merge commit, or a later one, and says why it cannot. It may still succeed.
    FAILED = "failed"
    # Not applied within the time that we follow a merge.
    GIVEN_UP = "given_up"

    @property
    def final(self) -> bool:
        """Whether nothing more is waited for."""
        return self in {OutcomeState.APPLIED, OutcomeState.GIVEN_UP}


@dataclass(frozen=True)
class Difference:
    """An object that did not end as the report said; ``words`` continue its name ("is still there")."""

    object: ObjectReference
    words: str


@dataclass(frozen=True)
class Outcome:
    """What became of one Kustomization after a merge.

    ``revision`` is what Flux applied (or tried), ``message`` Flux's own words, redacted. ``predicted``
    counts the objects that the report said something about, ``differences`` those that ended otherwise;
    ``compared`` is False while, or because, nobody could look.
    """

    pull_request: str  # key
    id: KustomizationId
    merge_commit: str
    state: OutcomeState
    since: datetime
    revision: str = ""
    at: datetime | None = None
    message: str = ""
    predicted: int = 0
    compared: bool = False
    differences: tuple[Difference, ...] = ()
