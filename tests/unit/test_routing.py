from dataclasses import replace
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest
from sample_reports import pull_request

from gitops_bot.models.kustomizations import KustomizationId
from gitops_bot.models.reports import ClusterReport, Finding, KustomizationReport, Report, RowState, Severity, Verdict
from gitops_bot.rules.routing import ChannelPolicy, QuietHours, Route, called, channels_for, is_quiet

PULL = replace(pull_request(), labels=("web",))
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)  # a Saturday


def report(*risks: Severity, state: RowState = RowState.CHANGED) -> Report:
    findings = tuple(Finding("x", severity, "m", risk=True) for severity in risks)
    row = KustomizationReport(
        KustomizationId("production", "flux-system", "apps"), "apps/web", state, findings=findings
    )
    return Report(PULL, "b" * 40, (ClusterReport("production", Verdict.CHANGES, (row,)),), NOON)


@pytest.mark.parametrize(
    ("route", "wanted"),
    [
        (Route("C1"), True),
        (Route("C1", repositories=("acme/*",)), True),
        (Route("C1", repositories=("other/*",)), False),
        (Route("C1", labels=("web", "db")), True),
        (Route("C1", labels=("db",)), False),
        (Route("C1", clusters=("prod*",)), True),
        (Route("C1", clusters=("staging",)), False),
        (Route("C1", kustomizations=("flux-system/apps",)), True),
        (Route("C1", kustomizations=("flux-system/infra",)), False),
        (Route("C1", paths=("apps/*",)), True),
        (Route("C1", clusters=("production",), paths=("infra/*",)), False),
        (Route("C1", risk=Severity.WARNING), True),
        (Route("C1", risk=Severity.CRITICAL), False),
        (Route("C1", labels=("web",), risk=Severity.WARNING, clusters=("production",)), True),
    ],
)
def test_what_a_route_wants(route: Route, wanted: bool) -> None:  # noqa: FBT001
    policy = ChannelPolicy("C0", (route,))
    assert channels_for(PULL, report(Severity.WARNING), policy) == (("C1",) if wanted else ("C0",))


def test_every_route_that_matches_hears_of_it_once() -> None:
    policy = ChannelPolicy("C0", (Route("C1"), Route("C2", labels=("web",)), Route("C1", labels=("web",))))
    assert channels_for(PULL, report(), policy) == ("C1", "C2")
    assert policy.all == ("C0", "C1", "C2")


def test_before_there_is_a_report_only_what_needs_none_is_decided() -> None:
    assert channels_for(PULL, None, ChannelPolicy("C0")) == ("C0",)
    assert channels_for(PULL, None, ChannelPolicy("C0", (Route("C1", labels=("web",)),))) == ("C1",)
    assert channels_for(PULL, None, ChannelPolicy("C0", (Route("C1", clusters=("production",)),))) == ()


def test_a_row_that_does_not_change_interests_nobody() -> None:
    policy = ChannelPolicy("C0", (Route("C1", clusters=("production",)),))
    assert channels_for(PULL, report(state=RowState.UNCHANGED), policy) == ("C0",)


def test_a_row_without_changes_that_could_not_be_compared_does_interest() -> None:
    policy = ChannelPolicy("C0", (Route("C1", clusters=("production",)),))
    assert channels_for(PULL, report(Severity.WARNING, state=RowState.UNCHANGED), policy) == ("C1",)


@pytest.mark.parametrize(
    ("at", "quiet"),
    [(21, False), (22, True), (23, True), (0, True), (5, True), (6, False), (12, False)],
)
def test_quiet_hours_go_over_midnight(at: int, quiet: bool) -> None:  # noqa: FBT001
    hours = QuietHours(time(22), time(6), zone=ZoneInfo("Europe/Berlin"))
    moment = datetime(2026, 11, 18, at, 0, tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)
    assert is_quiet(moment, report(), hours) is quiet


def test_quiet_days_and_what_is_told_all_the_same() -> None:
    weekend = QuietHours(days=frozenset({5, 6}))
    assert is_quiet(NOON, report(), weekend)
    assert is_quiet(NOON, report(Severity.WARNING), weekend)
    assert not is_quiet(NOON, report(Severity.CRITICAL), weekend)
    assert is_quiet(NOON, report(Severity.CRITICAL), replace(weekend, unless_risk=None))
    assert not is_quiet(datetime(2026, 11, 23, 12, tzinfo=UTC), report(), weekend)
    assert not is_quiet(NOON, report(), QuietHours())


def test_people_are_called_for_a_risk_that_is_grave_enough() -> None:
    policy = ChannelPolicy("C0", mention=("S0123",))
    assert called(report(Severity.CRITICAL), policy) == ("S0123",)
    assert called(report(Severity.WARNING), policy) == ()
    assert called(report(), replace(policy, mention_at=Severity.INFO)) == ()
