"""What ``gitops-bot check`` found."""

from dataclasses import dataclass
from enum import StrEnum


class CheckState(StrEnum):
    """How one check ended."""

    GOOD = "good"
    # It works, but not everything does.
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True)
class Check:
    """One thing that was tried: what, how it ended, what was seen, and what to do."""

    subject: str
    state: CheckState
    seen: str
    advice: str = ""


@dataclass(frozen=True)
class GuardState:
    """What is known of the fence around the *diff* identity of one cluster."""

    # A real write of it was refused by the guard.
    proved: bool
    # Why it is not proved; "" when it is.
    reason: str = ""
    # The operator accepts, by the name of the cluster, that flux runs all the same.
    accepted: bool = False
    # Rights of the *diff* identity that lead past the guard, in words; then it refuses, and does not help.
    ways_around: tuple[str, ...] = ()
    # Namespaces with Kustomizations that were not asked for such rights: there are too many.
    unasked_namespaces: int = 0

    @property
    def may_run(self) -> bool:
        """Whether flux may be given this identity."""
        return self.proved or self.accepted


@dataclass(frozen=True)
class RunnerFacts:
    """The runner as it is now."""

    # "a child process", or its address.
    where: str
    flux_version: str
    # Version of Landlock in its kernel; 0: flux is kept in its folders by what stands before that alone.
    landlock: int
    # Whether a NetworkPolicy can be meant for it alone: policies select Pods, not containers.
    own_network: bool
