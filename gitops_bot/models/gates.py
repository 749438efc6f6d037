"""The gate: the rules that a person writes, and what came of them for one report."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, time, tzinfo
from enum import StrEnum

from gitops_bot.models.opinions import Usage
from gitops_bot.models.reports import Severity


class GateEffect(StrEnum):
    """What it means that a pull request is cleared, from the weakest."""

    # A line in the message. Nothing on GitHub.
    BADGE = "badge"
    # A commit status of its own context becomes green.
    STATUS = "status"
    # A review of the bot's approves the commit.
    APPROVAL = "approval"


@dataclass(frozen=True)
class TimeWindow:
    """When a gate may act: on ``days`` (Monday is 0; empty: every day), from ``start`` to ``end``.

    Both are times of day in ``zone``; an ``end`` before ``start`` is on the next day, which then belongs to the
    day of the start. None: from midnight, to midnight.
    """

    days: frozenset[int] = frozenset()
    start: time | None = None
    end: time | None = None
    zone: tzinfo = UTC


@dataclass(frozen=True)
class GateSize:
    """The most that a pull request may change: objects, fields of them, lines of their values, files."""

    objects: int = 10
    fields: int = 50
    lines: int = 200
    files: int = 10


@dataclass(frozen=True)
class GateRule:
    """One rule as a person wrote it. What must match and names nothing matches nothing.

    Patterns: ``*`` stays within one step of a path (folders of a file, keys of a field), ``**`` goes over
    steps, ``?`` is one character; nothing else is special, so ``renovate[bot]`` means just that.
    """

    name: str
    # owner/name.
    repositories: tuple[str, ...] = ()
    # Every changed file must match one.
    paths: tuple[str, ...] = ()
    # Kind, or Kind.group; every object that the pull request changes must match one.
    kinds: tuple[str, ...] = ()
    # Logins; "*" is everybody who is trusted. The author and whoever made a commit must be among them.
    authors: tuple[str, ...] = ()
    # Whether every commit needs a signature that GitHub verified. Without, whoever may push can pretend to be anybody.
    signed_commits: bool = True
    # Every changed field must match one; empty: any field.
    fields: tuple[str, ...] = ()
    # All of these labels must be there, and none of those.
    labels: tuple[str, ...] = ()
    forbidden_labels: tuple[str, ...] = ()
    # Empty: always.
    windows: tuple[TimeWindow, ...] = ()
    most: GateSize = field(default_factory=GateSize)
    # The gravest risk that is allowed; None: no risk at all. Never CRITICAL.
    risk: Severity | None = Severity.INFO
    # The least score that clears.
    threshold: float = 60.0
    effect: GateEffect = GateEffect.BADGE
    dry_run: bool = True


@dataclass(frozen=True)
class GateVerdict:
    """What one rule came to for one report. Kept for each pull request, report digest and rule.

    ``cleared`` with ``dry_run`` means *would have been cleared*: nothing was done. ``reasons`` says why not, one
    sentence each, readable by a person (parts are foreign: names of objects and files); empty when cleared.
    """

    pull_request: str  # key
    # Digest of the report that was judged, and the head that it is of.
    digest: str
    commit: str
    rule: str
    at: datetime
    cleared: bool
    reasons: tuple[str, ...] = ()
    # From 0 to 100; None: the model was not asked, or gave none.
    score: float | None = None
    threshold: float = 60.0
    dry_run: bool = True
    effect: GateEffect = GateEffect.BADGE
    # What the model said for and against: foreign words.
    said: tuple[str, ...] = ()
    # Why the model gave no score; "" when it did or was not asked.
    problem: str = ""
    model: str = ""
    usage: Usage = field(default_factory=Usage)
    seconds: float = 0.0
    # How often the model was asked; one that gave no score is asked again a few times.
    tries: int = 0
    # What came of the effect, in words; "" before, and where there is none.
    outcome: str = ""
    # When this very report was first cleared, whatever came after: people may have objected since.
    cleared_at: datetime | None = None
