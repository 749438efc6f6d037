from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sample_reports import pull_request

from gitops_bot.models.reports import ClusterReport, Report, Verdict
from gitops_bot.rules.publishing import Publish, PublishPolicy, publishes_by_itself

NEVER, ON_CLICK, WHEN_COMPLETE, ALWAYS = Publish


def report(verdict: Verdict = Verdict.CHANGES, **changes: object) -> Report:
    pull = replace(pull_request(), **changes)  # type: ignore[arg-type]  # names of fields, checked by replace itself
    return Report(pull, "b" * 40, (ClusterReport("production", verdict),), datetime(2026, 11, 21, tzinfo=UTC))


@pytest.mark.parametrize(
    ("decided", "verdict", "has_comment", "expected"),
    [
        (NEVER, Verdict.CHANGES, False, False),
        (NEVER, Verdict.CHANGES, True, False),
        (ON_CLICK, Verdict.CHANGES, False, False),
        (ON_CLICK, Verdict.CHANGES, True, True),
        (WHEN_COMPLETE, Verdict.CHANGES, False, True),
        (WHEN_COMPLETE, Verdict.NO_EFFECT, False, True),
        (WHEN_COMPLETE, Verdict.INCOMPLETE, False, False),
        (WHEN_COMPLETE, Verdict.INCOMPLETE, True, True),
        (WHEN_COMPLETE, Verdict.BLOCKED, False, False),
        (ALWAYS, Verdict.BLOCKED, False, True),
        (ALWAYS, Verdict.INCOMPLETE, False, True),
        (ALWAYS, Verdict.HELD, False, False),
        (ALWAYS, Verdict.HELD, True, True),
    ],
)
def test_when_a_report_is_published_by_itself(
    decided: Publish,
    verdict: Verdict,
    has_comment: bool,  # noqa: FBT001
    expected: bool,  # noqa: FBT001
) -> None:
    assert publishes_by_itself(report(verdict), PublishPolicy(decided), has_comment=has_comment) is expected


def test_a_repository_may_have_a_rule_of_its_own_and_the_first_one_counts() -> None:
    policy = PublishPolicy(NEVER, (("Acme/fl*", ALWAYS), ("acme/*", ON_CLICK)))
    assert policy.of(report().pull_request.repository) is ALWAYS


def test_nothing_is_published_where_everybody_reads_it_or_when_it_is_over() -> None:
    policy = PublishPolicy(ALWAYS)
    assert not publishes_by_itself(report(repository_is_private=False), policy, has_comment=True)
    assert publishes_by_itself(
        report(repository_is_private=False), replace(policy, allow_public=True), has_comment=True
    )
    assert not publishes_by_itself(report(state="closed"), policy, has_comment=True)
