"""What a model may be asked about a report, and what it is shown in each way of asking."""

import io
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import sample_reports as samples
from rich.console import Console

from gitops_bot.models.opinions import (
    Asking,
    Diagnosis,
    Judgement,
    OpinionFinding,
    Reply,
    ReviewAnswer,
    Score,
    Usage,
)
from gitops_bot.models.reports import ClusterReport, Report, RowState, Severity, Verdict
from gitops_bot.rules.opinions import checked
from gitops_bot.rules.questions import has_failure, why_not_asked
from gitops_bot.views.lines import own_changes
from gitops_bot.views.opinion_json import reply_json
from gitops_bot.views.prompt import prompt_of
from gitops_bot.views.replies import diagnosis_message, reply_text

ALL = list(Asking)


@pytest.mark.parametrize("asking", ALL)
def test_of_a_held_or_closed_pull_request_nothing_is_ever_sent(asking: Asking) -> None:
    assert "is held" in why_not_asked(samples.held_report(), asking)
    # One cluster that holds it is enough, whatever the others found out.
    blocked, held = samples.blocked_report(), samples.held_report()
    both = replace(blocked, clusters=(*blocked.clusters, *held.clusters))
    assert "is held" in why_not_asked(both, asking)
    assert not has_failure(both)
    pull = replace(blocked.pull_request, state="closed")
    assert "is not open" in why_not_asked(replace(blocked, pull_request=pull), asking)


@pytest.mark.parametrize(
    ("report", "asked"),
    [
        (samples.changes_report(), {Asking.REVIEW, Asking.AUDIT, Asking.GATE}),
        (samples.blocked_report(), set(ALL)),
        (samples.unreachable_report(), set(ALL)),
        (samples.conflict_report(), {Asking.DIAGNOSE}),
        (samples.no_effect_report(), set()),
    ],
)
def test_what_there_is_to_ask(report: Report, asked: set[Asking]) -> None:
    assert {asking for asking in ALL if not why_not_asked(report, asking)} == asked
    assert has_failure(report) is (Asking.DIAGNOSE in asked)


@pytest.mark.parametrize("name", ["shop", "flux-system/shop", "production/flux-system/shop"])
def test_a_kustomization_is_asked_about_by_any_of_its_names(name: str) -> None:
    report = samples.report(ClusterReport("production", Verdict.CHANGES, (samples.shop_row(),)))
    row = report.clusters[0].rows[0]
    told = name.replace("flux-system", row.id.namespace).replace("shop", row.id.name)
    # Nothing of it fails, and a person may ask all the same.
    assert why_not_asked(report, Asking.DIAGNOSE, told) == ""
    assert f"has no Kustomization nobody; it has: production/{row.id}" in why_not_asked(
        report, Asking.DIAGNOSE, "nobody"
    )


def test_who_diagnoses_sees_what_failed_first_and_in_the_words_of_the_other_side() -> None:
    report = samples.every_state_report()
    prompt = prompt_of(report, Asking.DIAGNOSE)
    rows = [row for cluster in report.clusters for row in cluster.rows]
    failing = [row for row in rows if row.state in {RowState.FAILING, RowState.NOT_ANALYSED}]
    assert failing
    assert len(failing) < len(rows)
    told = prompt.text.index("What failed, in the words of Flux")
    first = prompt.text.index("A Kustomization, and what happens")
    assert told < first
    for row in failing:
        for finding in row.findings:
            assert all(line in prompt.text[told:first] for line in finding.detail.splitlines())
            assert finding.advice in prompt.text[told:first]
    shown = [prompt.text.index(f"{row.id} in {row.id.cluster} (") for row in failing]
    others = [prompt.text.find(f"{row.id} in {row.id.cluster} (") for row in rows if row not in failing]
    assert max(shown) < min(place for place in others if place != -1)


def test_of_what_nobody_asks_about_there_is_a_sentence() -> None:
    report = samples.every_state_report()
    [one, *others] = [row for row in report.clusters[0].rows if own_changes(row)]
    prompt = prompt_of(report, Asking.DIAGNOSE, about=str(one.id))
    assert all(str(change.object) in prompt.text for change in own_changes(one))
    assert "for whose changes there is no room here" in prompt.text
    assert others
    assert any("Kustomization" in words for words in prompt.missing)
    for row in others:
        assert not any(str(change.object) in prompt.known for change in own_changes(row))


def test_who_audits_sees_what_stands_around_a_change_and_may_speak_of_it() -> None:
    report = samples.changes_report()
    changes = [change for row in report.clusters[0].rows for change in row.changes if change.unified]
    assert changes
    audit, review = prompt_of(report, Asking.AUDIT), prompt_of(report, Asking.REVIEW)
    assert "containers:" in audit.text
    assert "containers:" not in review.text
    name = str(changes[0].object)
    beside = OpinionFinding(name, "spec.selector", Severity.WARNING, "It selects too much.")
    invented = OpinionFinding(name, "spec.hostNetwork", Severity.CRITICAL, "It listens everywhere.")
    answer = ReviewAnswer("Hm.", Judgement.COMMENT, (beside, invented))
    assert checked(answer, audit.known) == (replace(answer, findings=(beside,)), 1)
    assert checked(answer, review.known)[1] == 2


@pytest.mark.parametrize("asking", ALL)
@pytest.mark.parametrize("characters", [4_000, 20_000])
def test_every_way_keeps_to_its_room_and_says_what_is_missing(asking: Asking, characters: int) -> None:
    prompt = prompt_of(samples.large_report(), asking, characters=characters)
    assert len(prompt.text) <= characters
    assert prompt.missing
    assert prompt.repository == str(samples.large_report().pull_request.repository)


def reply(asking: Asking, answer: ReviewAnswer | Diagnosis | Score | None, **more: str) -> Reply:
    usage = Usage(1, 900, 100, 0.0012)
    return Reply(
        asking, "acme/fleet#7", "d", datetime(2026, 11, 21, tzinfo=UTC), answer, model="small", usage=usage, **more
    )


REVIEW = ReviewAnswer("It scales.", Judgement.COMMENT, (OpinionFinding("ConfigMap/a/b", "data", Severity.INFO, "Hm."),))
DIAGNOSIS = Diagnosis("The namespace is missing.", "Nobody makes it.", "1. Make it.\n2. Look again.")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (reply(Asking.REVIEW, REVIEW), ["A model's opinion: worth a look", "It scales.", "ConfigMap/a/b data: Hm"]),
        (reply(Asking.AUDIT, REVIEW), ["An audit: security and operations", "worth a look", "It decides nothing"]),
        (
            reply(Asking.DIAGNOSE, DIAGNOSIS),
            ["A model's diagnosis", "What is wrong", "Nobody makes it.", "2. Look again.", "By small", "1,000 tokens"],
        ),
        (
            reply(Asking.GATE, Score(62.5, ("It is small.",))),
            ["A model's score: 62.5 of 100", "- It is small.", "Nothing is cleared by a command"],
        ),
        (reply(Asking.GATE, None, problem="small said: no money"), ["No score by a model: small said: no money"]),
        (reply(Asking.DIAGNOSE, None, problem="gone"), ["No diagnosis by a model: gone"]),
    ],
)
def test_each_way_has_a_form_of_its_own_in_a_terminal(given: Reply, words: list[str]) -> None:
    console = Console(file=io.StringIO(), width=200)
    console.print(reply_text(given))
    said = console.file.getvalue()  # type: ignore[attr-defined]  # the StringIO above
    for word in words:
        assert word in said


def test_programs_get_the_answer_or_the_problem() -> None:
    assert reply_json(reply(Asking.AUDIT, REVIEW))["answer"]["findings"][0]["object"] == "ConfigMap/a/b"
    assert reply_json(reply(Asking.GATE, Score(7, ("No.",))))["answer"] == {"score": 7, "reasons": ["No."]}
    told = reply_json(reply(Asking.DIAGNOSE, DIAGNOSIS, about="flux-system/shop"))
    assert told["answer"]["how"] == "1. Make it.\n2. Look again."
    assert (told["ask"], told["kustomization"], told["money"]) == ("diagnose", "flux-system/shop", 0.0012)
    none = reply_json(reply(Asking.GATE, None, problem="gone"))
    assert (none["answer"], none["problem"]) == (None, "gone")


def test_a_diagnosis_of_any_length_fits_into_a_message() -> None:
    long = Diagnosis("x" * 20_000, "why\n" * 5_000, "how " * 5_000)
    message = diagnosis_message(reply(Asking.DIAGNOSE, long), samples.pull_request(), key="k")
    assert sum(len(str(block["text"]["text"])) for block in message.blocks if block["type"] == "section") < 9_000
    assert all(len(block["text"]["text"]) <= 3_000 for block in message.blocks if block["type"] == "section")
    assert len(message.text) <= 600
