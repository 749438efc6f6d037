"""Where an opinion is shown it is folded, marked as a model's, and touches nothing of what rules found."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # its stubs are a package of their own, for one call
import pytest
import sample_reports as samples
from rich.console import Console

from gitops_bot.models.opinions import Judgement, Opinion, OpinionFinding, ReviewAnswer, Usage, Votes
from gitops_bot.models.records import Decision, Progress, PullRequestRecord
from gitops_bot.models.reports import Report, Severity
from gitops_bot.rules.decisions import Action
from gitops_bot.rules.fates import Past
from gitops_bot.views import slack_blocks as block
from gitops_bot.views.github_comment import LIMIT, comment
from gitops_bot.views.html_report import html_report
from gitops_bot.views.json_report import content_to_digest, json_report, schema
from gitops_bot.views.opinion_export import KeptOpinion, csv_table, json_lines
from gitops_bot.views.opinion_words import counted_findings, votes_words
from gitops_bot.views.opinions import is_cut, opinion_blocks
from gitops_bot.views.slack_message import review_message
from gitops_bot.views.terminal import terminal_report
from gitops_bot.views.text import size

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def finding(severity: Severity = Severity.WARNING, message: str = "It is bad.", suggestion: str = "") -> OpinionFinding:
    return OpinionFinding("Deployment/apps/web", "spec.replicas", severity, message, suggestion)


def opinion(*findings: OpinionFinding, **more: object) -> Opinion:
    answer = ReviewAnswer("It scales. It is fine.", Judgement.BLOCK, findings or (finding(),))
    made = Opinion("acme/fleet#7", "d", NOW, answer, model="small", usage=Usage(1, 900, 100, 0.5), seconds=2.0)
    return replace(made, **more)  # type: ignore[arg-type]  # fields by name


def terminal(report: Report, said: Opinion | None) -> str:
    output = io.StringIO()
    Console(file=output, width=100).print(terminal_report(report, opinion=said))
    return output.getvalue()


def message(report: Report, said: Opinion | None) -> str:
    return json.dumps(review_message(report, key="k", report_id="r", opinion=said)[0].blocks, ensure_ascii=False)


PLACES: dict[str, Callable[[Report, Opinion | None], str]] = {
    "slack": message,
    "page": html_report,
    "comment": lambda report, said: comment(report, marker="<!-- m -->", opinion=said),
    "terminal": terminal,
}


@pytest.mark.parametrize("place", PLACES)
def test_it_is_marked_with_model_cost_time_and_what_it_rests_on(place: str) -> None:
    said = PLACES[place](samples.changes_report(), opinion(dropped=2, missing=("three Kustomizations",)))
    said = " ".join(said.replace("&#39;", "'").split())
    for words in (
        "A model's opinion: should not be merged as it is",
        "It scales. It is fine.",
        "It is bad.",
        "small",
        "in 2.0 s",
        "1,000 tokens, cost 0.5000",
        "2 findings about what it was not shown left out",
        "It did not see three Kustomizations",
        "It decides nothing",
    ):
        assert words in said, words


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("sample", ["changes", "risky", "blocked", "no-effect", "held", "two-clusters"])
def test_it_changes_nothing_of_the_report(place: str, sample: str) -> None:
    """A block by the model, with critical findings, colours no verdict and joins no list of risks."""
    report = samples.SAMPLES[sample]()
    without, with_it = (
        PLACES[place](report, said).splitlines() for said in (None, opinion(finding(Severity.CRITICAL)))
    )
    if place == "slack":
        blocks_without, blocks_with = json.loads(without[0]), json.loads(with_it[0])
        extra = [one for one in blocks_with if one not in blocks_without]
        assert [one for one in blocks_with if one not in extra] == blocks_without
        assert {one["type"] for one in extra} == {"divider", "section", "context", "actions"}
    else:
        kept = iter(with_it)
        assert all(line in kept for line in without), "lines of the report are changed, or gone"


def test_it_stands_below_the_report_and_above_what_people_may_do() -> None:
    said = message(samples.changes_report(), opinion())
    assert said.index("shop/web:1.9.0") < said.index("A model's opinion") < said.index("Post diff as comment")


@pytest.mark.parametrize("place", ["page", "comment"])
def test_it_is_folded(place: str) -> None:
    said = PLACES[place](samples.changes_report(), opinion())
    before, _, after = said.partition("A model&#39;s opinion" if place == "page" else "A model's opinion")
    opening = before[before.rindex("<details") :]
    assert " open" not in opening.split(">", maxsplit=1)[0]
    assert "</summary>" in after


@pytest.mark.parametrize("place", ["page", "comment"])
def test_where_there_is_no_review_a_page_and_a_comment_say_nothing(place: str) -> None:
    none = replace(opinion(), answer=None, problem="no answer")
    report = samples.changes_report()
    assert PLACES[place](report, none) == PLACES[place](report, None)


def test_the_first_findings_stand_in_the_message_and_the_rest_is_counted() -> None:
    said = opinion(*(finding(message=f"Number {number}.") for number in range(7)))
    shown = json.dumps(opinion_blocks(said), ensure_ascii=False)
    assert "Number 4." in shown
    assert "Number 5." not in shown
    assert "… and 2 more findings" in shown
    assert is_cut(said)
    _, (file,) = review_message(samples.routine_report(), key="k", report_id="r", opinion=said)
    assert b"Number 6." in file.content


def test_the_longest_findings_that_are_shown_fit_a_section_whole() -> None:
    said = opinion(*(finding(message="🤖" * 2_000, suggestion="🤖" * 2_000) for _ in range(9)))
    (told,) = [one for one in opinion_blocks(said) if "more findings" in json.dumps(one)]
    assert size(told["text"]["text"]) <= block.SECTION_CHARACTERS
    assert told["text"]["text"].endswith("the file in the thread has all")
    assert told["text"]["text"].count("→") == 5


@pytest.mark.parametrize(
    ("given", "cut"),
    [
        (opinion(), False),
        (opinion(*(finding() for _ in range(5))), False),
        (opinion(*(finding() for _ in range(6))), True),
        (opinion(finding(message="long " * 100)), True),
        (opinion(finding(suggestion="long " * 100)), True),
        (opinion(answer=ReviewAnswer("One. Two. Three.", Judgement.APPROVE)), True),
        (opinion(answer=None), False),
        (None, False),
    ],
)
def test_when_a_message_has_no_room_for_all_of_it(given: Opinion | None, cut: bool) -> None:  # noqa: FBT001 # a parameter
    assert is_cut(given) is cut
    _, files = review_message(samples.routine_report(), key="k", report_id="r", opinion=given)
    assert [file.replaces != "" for file in files] == [True] * cut


@pytest.mark.parametrize("sample", ["large", "every-state", "hostile", "component"])
def test_the_limits_of_slack_and_github_hold_with_the_longest_opinion(sample: str) -> None:
    report = samples.SAMPLES[sample]()
    findings = tuple(finding(message="🤖 word " * 400, suggestion="word " * 400) for _ in range(40))
    longest = opinion(*findings, answer=ReviewAnswer("word " * 2_000, Judgement.BLOCK, findings))
    longest = replace(longest, missing=("something " * 50,) * 20)
    posted, _ = review_message(report, key="k", report_id="r", actions=tuple(Action), opinion=longest)
    assert len(posted.blocks) <= block.MESSAGE_BLOCKS
    assert block.measure(posted.blocks) <= block.MESSAGE_CHARACTERS
    assert len(comment(report, marker="<!-- m -->", opinion=longest).encode("utf-16-le")) // 2 <= LIMIT


def test_lines_of_a_comment_need_no_scrolling() -> None:
    said = comment(samples.routine_report(), marker="m", opinion=opinion(finding(message="several words " * 40)))
    folded = said[said.index("A model's opinion") :]
    fenced = folded.split("```")[1]
    assert max(map(len, fenced.splitlines())) <= 75


@pytest.mark.parametrize(
    ("votes", "words"),
    [
        (None, ""),
        (Votes(), ""),
        (Votes(2, 0), "2 found it useful"),
        (Votes(1, 3), "1 found it useful, 3 did not"),
        (Votes(0, 1), "1 did not find it useful"),
    ],
)
def test_what_people_thought_of_it(votes: Votes | None, words: str) -> None:
    assert votes_words(votes) == words
    assert words in json.dumps(opinion_blocks(opinion(), votes, report_id="r"))


def test_findings_are_counted_in_words() -> None:
    severities = (Severity.CRITICAL, Severity.CRITICAL, Severity.WARNING, Severity.INFO, Severity.INFO)
    assert counted_findings(opinion(*map(finding, severities))) == "2 critical, 1 warning and 2 notes"
    assert counted_findings(opinion(answer=ReviewAnswer("x", Judgement.APPROVE))) == ""


@pytest.mark.parametrize(
    "given", [None, opinion(finding(Severity.CRITICAL, suggestion="Do.")), opinion(answer=None, problem="gone")]
)
def test_json_has_it_beside_the_report_and_keeps_the_schema(given: Opinion | None) -> None:
    report = samples.risky_report()
    values = json.loads(json_report(report, given))
    jsonschema.Draft202012Validator(schema()).validate(values)
    said = values.pop("opinion")
    bare = json.loads(json_report(report))
    assert bare.pop("opinion") is None
    assert values == bare
    assert (said or {}).get("problem") == (given.problem if given else None)


def test_a_decision_is_not_bound_to_it() -> None:
    """The digest that people approve is of the report alone."""
    assert "opinion" not in json.loads(content_to_digest(samples.changes_report()))


EVIL = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", '=HYPERLINK("https://evil.example")', "\uff1d1")


def kept(text: str = "x", **more: object) -> KeptOpinion:
    said = opinion(OpinionFinding(text, text, Severity.WARNING, text, text), model=text, missing=(text,))
    answer = said.answer
    assert answer is not None
    said = replace(said, answer=replace(answer, summary=text), problem=text, **more)  # type: ignore[arg-type]  # by name
    deed = Decision("acme/fleet#7", "approve", "done", "U1", "reviewer", "a" * 40, "r", "c", NOW, report_digest="d")
    record = PullRequestRecord(samples.pull_request(state="closed", merged=True), "tip", Progress.REPORTED)
    later = replace(deed, action="request_changes", report_digest="later")
    return KeptOpinion(said, Votes(2, 1), Past(record, (deed, later)))


def rows(text: str) -> list[dict[str, Any]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("evil", EVIL)
def test_no_cell_of_a_table_is_a_formula(evil: str) -> None:
    (row,) = rows(csv_table([kept(evil)]))
    for name, cell in row.items():
        assert not cell.lstrip().startswith(("=", "+", "-", "@", "\uff1d")), name
    assert row["summary"].startswith("'") or evil[0] in "\t\r"
    assert row["model"] == row["summary"]
    assert json.loads(row["findings"])[0]["severity"] == "warning"


def test_an_export_says_what_became_of_the_pull_request() -> None:
    (line,) = json_lines([kept()]).splitlines()
    values = json.loads(line)
    assert values | {"findings": []} == {
        "pull_request": "acme/fleet#7",
        "digest": "d",
        "at": NOW.isoformat(),
        "judgement": "block",
        "summary": "x",
        "findings": [],
        "problem": "x",
        "model": "x",
        "calls": 1,
        "prompt_tokens": 900,
        "answer_tokens": 100,
        "money": 0.5,
        "seconds": 2.0,
        "findings_left_out": 0,
        "not_seen": ["x"],
        "useful": 2,
        "not_useful": 1,
        "approved": True,
        "changes_requested": True,
        "held": False,
        "people_on_this_report": ["approve"],
        "state": "merged",
        "ending": "unknown",
    }
    (row,) = rows(csv_table([kept()]))
    assert set(row) == set(values)
    assert (row["useful"], row["approved"], row["state"]) == ("2", "True", "merged")


def test_an_export_is_ascii_json_and_a_table_even_of_nothing() -> None:
    assert json_lines([kept("\u202e\x1b[31mü")]).isascii()
    assert json_lines([]) == ""
    assert csv_table([]).startswith('"at","pull_request"')
    assert rows(csv_table([])) == []
