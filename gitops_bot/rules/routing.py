"""Which channels hear of a pull request, and who is called when it is dangerous."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, tzinfo

from gitops_bot.models.pull_requests import PullRequest
from gitops_bot.models.reports import Report, Severity
from gitops_bot.rules.patterns import matches


@dataclass(frozen=True)
class Route:
    """A channel and what it wants to hear of. An empty condition is no condition; all others must hold.

    ``paths`` are folders of Kustomizations (``spec.path``), ``kustomizations`` are ``namespace/name``;
    all are shell-like patterns. ``risk`` is the lightest risk.
    """

    channel: str
    repositories: tuple[str, ...] = ()
    clusters: tuple[str, ...] = ()
    kustomizations: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    risk: Severity | None = None


@dataclass(frozen=True)
class QuietHours:
    """From ``start`` to ``end`` (which may be on the next day), and all of the ``days`` (Monday is 0)."""

    start: time | None = None
    end: time | None = None
    days: frozenset[int] = frozenset()
    zone: tzinfo = UTC
    # A risk of this severity and more is told all the same.
    unless_risk: Severity | None = Severity.CRITICAL


@dataclass(frozen=True)
class ChannelPolicy:
    """Where messages go. ``default`` takes what no route wants."""

    default: str
    routes: tuple[Route, ...] = ()
    quiet: QuietHours = field(default_factory=QuietHours)
    # Slack's ids of people (U…) and groups (S…) that are called when a risk is at least ``mention_at``.
    mention: tuple[str, ...] = ()
    mention_at: Severity = Severity.CRITICAL

    @property
    def all(self) -> tuple[str, ...]:
        """Every channel that may have a message, the default first, each once."""
        return tuple(dict.fromkeys((self.default, *(route.channel for route in self.routes))))


def channels_for(pull: PullRequest, report: Report | None, policy: ChannelPolicy) -> tuple[str, ...]:
    """Give the channels that hear of a pull request. Without a report only what needs none can be decided."""
    found = [route.channel for route in policy.routes if _wants(route, pull, report)]
    if not found and report is None and any(_needs_report(route) for route in policy.routes):
        return ()
    return tuple(dict.fromkeys(found)) or (policy.default,)


def called(report: Report, policy: ChannelPolicy) -> tuple[str, ...]:
    """Give who is called because of the risks of a report."""
    return policy.mention if report.has_risk(policy.mention_at) else ()


def is_quiet(now: datetime, report: Report | None, quiet: QuietHours) -> bool:
    """Whether a new message has to wait. Edits do not: nobody's phone rings for them."""
    if quiet.unless_risk is not None and report is not None and report.has_risk(quiet.unless_risk):
        return False
    local = now.astimezone(quiet.zone)
    if local.weekday() in quiet.days:
        return True
    if quiet.start is None or quiet.end is None or quiet.start == quiet.end:
        return False
    moment = local.time()
    if quiet.start < quiet.end:
        return quiet.start <= moment < quiet.end
    return moment >= quiet.start or moment < quiet.end


def _wants(route: Route, pull: PullRequest, report: Report | None) -> bool:
    if not _any(route.repositories, [str(pull.repository)]) or not _any(route.labels, pull.labels):
        return False
    if not _needs_report(route):
        return True
    if report is None or (route.risk is not None and not report.has_risk(route.risk)):
        return False
    rows = [
        (cluster.cluster, str(row.id), row.path)
        for cluster in report.clusters
        for row in cluster.rows
        if row.tells_something
    ]
    if not (route.clusters or route.kustomizations or route.paths):
        return True
    return any(
        _any(route.clusters, [cluster]) and _any(route.kustomizations, [name]) and _any(route.paths, [path])
        for cluster, name, path in rows
    )


def _needs_report(route: Route) -> bool:
    return bool(route.clusters or route.kustomizations or route.paths or route.risk)


def _any(patterns: tuple[str, ...], values: Iterable[str]) -> bool:
    """Whether a pattern matches a value; no pattern is no condition."""
    return not patterns or any(matches(value, patterns) for value in values)
