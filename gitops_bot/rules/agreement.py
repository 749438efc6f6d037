"""How often the gate and the people came to the same: values in, counts out, by rule and for one month.

A pull request counts once for each rule. The gate agrees with people when it would have cleared (or cleared) what
nobody objected to, and disagrees when it would have cleared what somebody stopped. What it left to people is no
disagreement: that is what it is for.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, tzinfo
from enum import StrEnum

from gitops_bot.models.gates import GateVerdict
from gitops_bot.rules.fates import Ending, Past, ending, was_approved, was_objected_to
from gitops_bot.rules.gate import CHANGES_WANTED_ON_GITHUB

_DECEMBER = 12


class Did(StrEnum):
    """What people did with a pull request that the gate would have cleared."""

    APPROVED = "approved"
    # Merged without an approval from here: perhaps one on GitHub, perhaps none.
    MERGED = "merged"
    # Asked for changes of the very commit, or put it on hold there.
    OBJECTED = "objected"
    CLOSED = "closed"
    # Still open, or not known any more.
    UNDECIDED = "undecided"

    @property
    def agrees(self) -> bool | None:
        """Whether that is what the gate would have done; None while nobody can say."""
        return {Did.APPROVED: True, Did.MERGED: True, Did.OBJECTED: False, Did.CLOSED: False}.get(self)


@dataclass(frozen=True)
class Case:
    """One pull request (its key) that a rule would have cleared."""

    pull_request: str
    did: Did
    ending: Ending


@dataclass(frozen=True)
class Agreement:
    """What one rule came to in a month. ``left`` counts what it left to people, ``left_approved`` those they took."""

    rule: str
    # Whether it only said what it would have done, at its newest look.
    dry_run: bool
    cleared: tuple[Case, ...]
    left: int
    left_approved: int

    @property
    def looked(self) -> int:
        """Pull requests that it was applied to."""
        return len(self.cleared) + self.left

    def did(self, what: Did) -> int:
        """Count what people did with those that it would have cleared."""
        return sum(case.did is what for case in self.cleared)

    @property
    def decided(self) -> int:
        """Those of them of which people have made up their minds."""
        return sum(case.did.agrees is not None for case in self.cleared)

    @property
    def agreed(self) -> int:
        """Those of them that people let through as well."""
        return sum(case.did.agrees is True for case in self.cleared)

    def ended(self, how: Ending) -> int:
        """Count how those of them that were merged ended in the clusters."""
        return sum(case.ending is how for case in self.cleared)

    @property
    def doubtful(self) -> tuple[Case, ...]:
        """Those that somebody should read before the rule is let loose: stopped by people, or broken afterwards."""
        bad = {Ending.OTHERWISE, Ending.FAILED}
        return tuple(case for case in self.cleared if case.did.agrees is False or case.ending in bad)


@dataclass(frozen=True)
class Month:
    """A month of the calendar in a zone, from its first moment to that of the next one."""

    first_day: date
    zone: tzinfo

    @property
    def start(self) -> datetime:
        """The first moment, aware."""
        return datetime.combine(self.first_day, time(), self.zone)

    @property
    def end(self) -> datetime:
        """The first moment that does not belong to it."""
        return self._next().start

    @property
    def name(self) -> str:
        """As people and keys write it: 2026-10."""
        return f"{self.first_day:%Y-%m}"

    def holds(self, moment: datetime) -> bool:
        """Whether a moment lies in it."""
        return self.start <= moment < self.end

    def before(self) -> "Month":
        """The month before."""
        year, month = self.first_day.year, self.first_day.month
        last = (year - 1, _DECEMBER) if month == 1 else (year, month - 1)
        return Month(date(*last, 1), self.zone)

    def _next(self) -> "Month":
        year, month = self.first_day.year, self.first_day.month
        return Month(date(year + 1, 1, 1) if month == _DECEMBER else date(year, month + 1, 1), self.zone)


def month_of(moment: datetime, zone: tzinfo) -> Month:
    """Give the month that a moment (aware) belongs to in a zone."""
    return Month(moment.astimezone(zone).date().replace(day=1), zone)


def of_month(verdicts: Iterable[GateVerdict], month: Month) -> tuple[GateVerdict, ...]:
    """Give the verdicts of a month: by when the gate cleared, else by its newest look."""
    return tuple(one for one in verdicts if month.holds(one.cleared_at or one.at))


def agreements(verdicts: Iterable[GateVerdict], pasts: Mapping[str, Past]) -> tuple[Agreement, ...]:
    """Compare with what people did, by rule; ``pasts`` has every pull request that is in the verdicts, by its key."""
    rules: dict[str, dict[str, list[GateVerdict]]] = {}
    for verdict in sorted(verdicts, key=lambda one: one.at):
        rules.setdefault(verdict.rule, {}).setdefault(verdict.pull_request, []).append(verdict)
    return tuple(_agreement(rule, pulls, pasts) for rule, pulls in sorted(rules.items()))


def _agreement(rule: str, pulls: Mapping[str, list[GateVerdict]], pasts: Mapping[str, Past]) -> Agreement:
    cleared, left = [], []
    for key, verdicts in pulls.items():
        past = pasts.get(key, Past())
        would = [one for one in verdicts if _was_cleared(one)]
        if would:
            cleared.append(Case(key, _did(would, past), ending(past.outcomes)))
        else:
            left.append(was_approved(past.decisions))
    newest = max((one for verdicts in pulls.values() for one in verdicts), key=lambda one: one.at)
    return Agreement(rule, newest.dry_run, tuple(cleared), len(left), sum(left))


def _was_cleared(verdict: GateVerdict) -> bool:
    return verdict.cleared or verdict.cleared_at is not None


def _did(would: Iterable[GateVerdict], past: Past) -> Did:
    """Say what people did with the commits that were cleared."""
    found = list(would)
    commits = {one.commit for one in found}
    about = [one for one in past.decisions if one.commit in commits]
    if was_objected_to(about) or any(_was_stopped_on_github(one) for one in found):
        return Did.OBJECTED
    if past.state == "closed":
        return Did.CLOSED
    merged = past.state == "merged"
    # What was merged may have been approved at a later commit.
    if was_approved(past.decisions if merged else about):
        return Did.APPROVED
    return Did.MERGED if merged else Did.UNDECIDED


def _was_stopped_on_github(verdict: GateVerdict) -> bool:
    """Whether somebody asked for changes there after the gate had cleared."""
    return any(reason.endswith(CHANGES_WANTED_ON_GITHUB) for reason in verdict.reasons)
