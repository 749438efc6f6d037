"""What became of a pull request, as far as it can be told from here: what people did in the channel, and how it ended.

What people do on GitHub itself is not written down; that it was merged, or closed, is.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from gitops_bot.models.outcomes import Outcome, OutcomeState
from gitops_bot.models.records import Decision, PullRequestRecord
from gitops_bot.rules.decisions import Action


@dataclass(frozen=True)
class Past:
    """All that is remembered of one pull request. ``record`` is None when nothing is."""

    record: PullRequestRecord | None = None
    # Oldest first.
    decisions: tuple[Decision, ...] = ()
    outcomes: tuple[Outcome, ...] = ()

    @property
    def state(self) -> str:
        """``open``, ``closed`` (unmerged), ``merged``, or ``unknown``."""
        if self.record is None:
            return "unknown"
        pull = self.record.pull_request
        return "merged" if pull.merged else pull.state


class Ending(StrEnum):
    """What became of a merge in the clusters."""

    # Nobody has looked, or looks still.
    UNKNOWN = "unknown"
    # Applied, and every object that was compared ended as the report said.
    AS_REPORTED = "as_reported"
    # Applied, and objects ended otherwise.
    OTHERWISE = "otherwise"
    # Flux could not apply it, or not in time.
    FAILED = "failed"


def ending(outcomes: Iterable[Outcome]) -> Ending:
    """Say how a merge ended; the worst of its Kustomizations counts."""
    found = list(outcomes)
    if any(one.state in {OutcomeState.FAILED, OutcomeState.GIVEN_UP} for one in found):
        return Ending.FAILED
    if any(one.differences for one in found):
        return Ending.OTHERWISE
    applied = bool(found) and all(one.state is OutcomeState.APPLIED for one in found)
    return Ending.AS_REPORTED if applied and any(one.compared for one in found) else Ending.UNKNOWN


def was_approved(decisions: Iterable[Decision]) -> bool:
    """Whether a person approved from here, also when that was taken back because the head moved."""
    return Action.APPROVE in _done(decisions)


def was_objected_to(decisions: Iterable[Decision]) -> bool:
    """Whether somebody asked for changes, or put it on hold."""
    return bool({Action.REQUEST_CHANGES, Action.HOLD} & _done(decisions))


def about_report(decisions: Iterable[Decision], digest: str) -> tuple[Decision, ...]:
    """Give those of people who had this very report before them."""
    return tuple(one for one in decisions if one.report_digest == digest)


def deeds_of_people(decisions: Sequence[Decision]) -> tuple[str, ...]:
    """Name what people did, each once, in the order in which it was first done."""
    told = {Action.APPROVE, Action.REQUEST_CHANGES, Action.HOLD, Action.RELEASE, Action.MERGE}
    return tuple(dict.fromkeys(one.action for one in decisions if one.outcome == "done" and one.action in told))


def _done(decisions: Iterable[Decision]) -> set[str]:
    return {one.action for one in decisions if one.outcome == "done"}
