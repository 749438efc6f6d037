"""How often the gate and the people came to the same: whom a month holds, what counts as agreement, what is said."""

import io
import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import sample_reports as samples
from rich.console import Console

from gitops_bot.models.gates import GateRule, GateVerdict
from gitops_bot.models.kustomizations import KustomizationId, ObjectReference
from gitops_bot.models.outcomes import Difference, Outcome, OutcomeState
from gitops_bot.models.records import Decision, Progress, PullRequestRecord
from gitops_bot.rules import gate
from gitops_bot.rules.agreement import Agreement, Did, Month, agreements, month_of, of_month
from gitops_bot.rules.decisions import Action
from gitops_bot.rules.fates import Ending, Past, ending
from gitops_bot.views.agreement import agreement_json, agreement_message, agreement_text, share_words

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 10, 15, 12, tzinfo=UTC)
HEAD, LATER = "a" * 40, "b" * 40
OCTOBER = Month(date(2026, 10, 1), UTC)


def verdict(
    number: int = 7, *, cleared: bool = True, at: datetime = NOW, commit: str = HEAD, **more: object
) -> GateVerdict:
    key = f"acme/fleet#{number}"
    made = GateVerdict(key, f"d{commit[:2]}", commit, "bumps", at, cleared, cleared_at=at if cleared else None)
    return replace(made, **more)  # type: ignore[arg-type]  # fields by name


def decision(action: Action, commit: str = HEAD, outcome: str = "done") -> Decision:
    return Decision("acme/fleet#7", action, outcome, "U1", "reviewer", commit, "r", f"{action}{commit}", NOW)


def past(state: str, *decisions: Decision, outcomes: tuple[Outcome, ...] = ()) -> Past:
    pull = samples.pull_request(state="open" if state == "open" else "closed", merged=state == "merged")
    return Past(PullRequestRecord(pull, "tip", Progress.REPORTED), decisions, outcomes)


def outcome(state: OutcomeState, *, compared: bool = True, wrong: bool = False) -> Outcome:
    place = KustomizationId("production", "flux-system", "apps")
    differences = (Difference(ObjectReference("Service", "apps", "web"), "is not there"),) if wrong else ()
    return Outcome("acme/fleet#7", place, HEAD, state, NOW, compared=compared, differences=differences)


APPROVE, CHANGES, HOLD = decision(Action.APPROVE), decision(Action.REQUEST_CHANGES), decision(Action.HOLD)


@pytest.mark.parametrize(
    ("found", "did"),
    [
        (past("merged", APPROVE), Did.APPROVED),
        (past("open", APPROVE), Did.APPROVED),
        (past("merged"), Did.MERGED),
        (past("open"), Did.UNDECIDED),
        (Past(), Did.UNDECIDED),
        (past("closed"), Did.CLOSED),
        (past("closed", APPROVE), Did.CLOSED),
        (past("merged", CHANGES, APPROVE), Did.OBJECTED),
        (past("merged", HOLD, decision(Action.RELEASE), APPROVE), Did.OBJECTED),
        # Of another commit than the one that the gate would have cleared.
        (past("merged", decision(Action.REQUEST_CHANGES, LATER), APPROVE), Did.APPROVED),
        (past("merged", decision(Action.APPROVE, LATER)), Did.APPROVED),
        (past("open", decision(Action.APPROVE, LATER)), Did.UNDECIDED),
        # Who was refused has decided nothing, and an approval of the gate's is none of people's.
        (past("open", decision(Action.APPROVE, outcome="refused")), Did.UNDECIDED),
        (past("merged", decision(Action.CLEAR)), Did.MERGED),
    ],
)
def test_what_people_did(found: Past, did: Did) -> None:
    (one,) = agreements([verdict()], {"acme/fleet#7": found})
    assert [case.did for case in one.cleared] == [did]
    assert one.decided == (did is not Did.UNDECIDED)
    assert one.agreed == (did in {Did.APPROVED, Did.MERGED})


def test_what_was_cleared_once_counts_although_people_have_stopped_it_since() -> None:
    stopped = verdict(cleared=False, reasons=("It is on hold by reviewer.",), cleared_at=NOW)
    (one,) = agreements([stopped], {"acme/fleet#7": past("open", HOLD)})
    assert (one.looked, len(one.cleared), one.did(Did.OBJECTED)) == (1, 1, 1)
    on_github = verdict(cleared=False, reasons=("reviewer asked for changes on GitHub.",), cleared_at=NOW)
    (one,) = agreements([on_github], {"acme/fleet#7": past("open")})
    assert one.did(Did.OBJECTED) == 1


def test_the_gate_remembers_that_it_had_cleared_this_very_report() -> None:
    report, rule = samples.changes_report(), GateRule("bumps")
    now, later = NOW, NOW + timedelta(hours=1)
    asked = replace(verdict(cleared=False, commit=report.pull_request.head_sha), digest=report.digest, score=90.0)
    first = gate.verdict(report, rule, now, (), asked)
    assert (first.cleared, first.cleared_at) == (True, now)
    held = gate.verdict(report, rule, later, ("It is on hold by reviewer.",), first)
    assert (held.cleared, held.cleared_at) == (False, now)
    released = gate.verdict(report, rule, later, (), held)
    assert (released.cleared, released.cleared_at) == (True, now)
    never = gate.verdict(report, rule, later, ("It is a draft.",), asked)
    assert (never.cleared, never.cleared_at) == (False, None)


def test_an_objection_to_an_earlier_cleared_commit_is_not_forgotten_when_a_later_one_is_approved() -> None:
    given = [verdict(cleared_at=NOW), verdict(commit=LATER, at=NOW + timedelta(hours=1))]
    found = past("merged", CHANGES, decision(Action.APPROVE, LATER))
    (one,) = agreements(given, {"acme/fleet#7": found})
    assert (one.looked, one.did(Did.OBJECTED), one.agreed) == (1, 1, 0)


def test_what_it_leaves_to_people_is_no_disagreement() -> None:
    given = [verdict(7), verdict(8, cleared=False), verdict(9, cleared=False)]
    found = {f"acme/fleet#{number}": past("merged", APPROVE) for number in (7, 8)}
    (one,) = agreements(given, found)
    assert (one.looked, one.left, one.left_approved, one.agreed, one.decided) == (3, 2, 1, 1, 1)


def test_rules_are_told_apart_and_the_newest_look_says_whether_it_is_a_trial() -> None:
    given = [
        verdict(dry_run=True),
        verdict(8, dry_run=False, at=NOW + timedelta(days=1)),
        verdict(rule="charts", cleared=False),
    ]
    bumps, charts = agreements(given, {})
    assert (bumps.rule, bumps.dry_run, len(bumps.cleared)) == ("bumps", False, 2)
    assert (charts.rule, charts.dry_run, len(charts.cleared)) == ("charts", True, 0)


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ((), Ending.UNKNOWN),
        ((outcome(OutcomeState.WAITING),), Ending.UNKNOWN),
        ((outcome(OutcomeState.APPLIED, compared=False),), Ending.UNKNOWN),
        ((outcome(OutcomeState.APPLIED),), Ending.AS_REPORTED),
        ((outcome(OutcomeState.APPLIED), outcome(OutcomeState.WAITING)), Ending.UNKNOWN),
        ((outcome(OutcomeState.APPLIED), outcome(OutcomeState.APPLIED, wrong=True)), Ending.OTHERWISE),
        ((outcome(OutcomeState.FAILED), outcome(OutcomeState.APPLIED, wrong=True)), Ending.FAILED),
        ((outcome(OutcomeState.GIVEN_UP),), Ending.FAILED),
    ],
)
def test_how_a_merge_ended(outcomes: tuple[Outcome, ...], expected: Ending) -> None:
    assert ending(outcomes) is expected


@pytest.mark.parametrize(
    ("moment", "zone", "month"),
    [
        (datetime(2026, 10, 31, 22, 59, 59, tzinfo=UTC), BERLIN, "2026-10"),
        # Summer time is over: the month begins at 23:00 UTC, and not at 22:00.
        (datetime(2026, 10, 31, 23, 0, tzinfo=UTC), BERLIN, "2026-11"),
        (datetime(2026, 10, 31, 23, 0, tzinfo=UTC), UTC, "2026-10"),
        (datetime(2026, 6, 30, 22, 0, tzinfo=UTC), BERLIN, "2026-07"),
        (datetime(2027, 1, 1, 4, 59, tzinfo=UTC), ZoneInfo("America/New_York"), "2026-12"),
        (datetime(2028, 2, 29, 23, 59, tzinfo=UTC), UTC, "2028-02"),
    ],
)
def test_which_month_a_moment_belongs_to(moment: datetime, zone: ZoneInfo, month: str) -> None:
    found = month_of(moment, zone)
    assert found.name == month
    assert found.holds(moment)
    assert not found.before().holds(moment)
    assert found.before().end == found.start


def test_months_follow_each_other_over_the_year() -> None:
    january = Month(date(2027, 1, 1), UTC)
    assert january.before().name == "2026-12"
    assert january.before().end == january.start
    assert Month(date(2026, 12, 1), UTC).end == january.start


def test_a_verdict_belongs_to_the_month_in_which_it_cleared() -> None:
    november = NOW + timedelta(days=30)
    looked_again = verdict(cleared=False, at=november, cleared_at=NOW)
    never = verdict(8, cleared=False, at=november)
    assert of_month([looked_again, never], OCTOBER) == (looked_again,)
    assert of_month([looked_again, never], Month(date(2026, 11, 1), UTC)) == (never,)


def agreement_of_20() -> Agreement:
    given = [verdict(number) for number in range(20)] + [verdict(99, cleared=False)]
    broken = (outcome(OutcomeState.FAILED),)
    found = {f"acme/fleet#{number}": past("merged", APPROVE) for number in range(17)}
    found |= {
        "acme/fleet#3": past("merged", APPROVE, outcomes=broken),
        "acme/fleet#17": past("merged"),
        "acme/fleet#18": past("closed"),
        "acme/fleet#99": past("merged", APPROVE),
    }
    (one,) = agreements(given, found)
    return one


def shown(found: tuple[Agreement, ...]) -> str:
    output = io.StringIO()
    Console(file=output, width=220).print(agreement_text(found, OCTOBER))
    return output.getvalue()


def test_no_share_stands_without_its_counts() -> None:
    one = agreement_of_20()
    assert (one.agreed, one.decided, len(one.cleared), one.looked) == (18, 19, 20, 21)
    assert share_words(one) == "18 of 19 (94.7%)"
    message = agreement_message((one,), OCTOBER, key="k")
    for said in (shown((one,)), json.dumps(message.blocks), message.text):
        assert "94.7%" in said
        assert re.findall(r"[\d.]+ ?%", re.sub(r"\d+ of \d+ \([\d.]+%\)", "", said)) == []
    assert "%" not in json.dumps(agreement_json((one,), OCTOBER))


def test_a_month_in_a_message() -> None:
    message = agreement_message((agreement_of_20(),), OCTOBER, key="k")
    said = json.dumps(message.blocks, ensure_ascii=False)
    assert "The gate in October 2026" in said
    assert "`bumps`* (dry run) would have cleared 20 of 21 pull requests." in said
    assert "17 approved, 1 merged without an approval from here, 1 closed unmerged, 1 not decided yet" in said
    assert "After the merge: 1 could not be applied." in said
    assert "acme/fleet#18 (closed unmerged)" in said
    assert "acme/fleet#3 (could not be applied)" in said
    assert "Left to people: 1, of which they approved 1." in said
    assert len(message.blocks) < 50


def test_nothing_decided_is_no_share() -> None:
    (one,) = agreements([verdict()], {})
    assert share_words(one) == "none decided"
    assert "%" not in shown((one,))


def test_an_empty_month_says_so() -> None:
    assert agreements([], {}) == ()
    assert "No rule was applied to any pull request." in shown(())
    assert agreement_json((), OCTOBER) == {"month": "2026-10", "rules": []}


def test_many_rules_fit_a_message() -> None:
    found = agreements([verdict(rule=f"rule-{number}") for number in range(60)], {})
    message = agreement_message(found, OCTOBER, key="k")
    assert len(message.blocks) <= 50
    assert "48 more rules" in json.dumps(message.blocks)
