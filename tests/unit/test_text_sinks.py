"""Every view that says something to people is fed hostile text in every place; none of it acts.

A new view has to be given a place here: fed with the corpus, or named among those that only take words of ours.
"""

import ast
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sample_reports as samples
from hostile_reports import EVIL, SENTINEL, hostile_report
from markdown_it import MarkdownIt
from rich.console import Console, Group

from gitops_bot.models.checks import Check, CheckState
from gitops_bot.models.evaluation import CaseKind, CaseResult, Evaluation
from gitops_bot.models.gates import GateEffect, GateVerdict
from gitops_bot.models.kustomizations import KustomizationId, ObjectReference
from gitops_bot.models.opinions import (
    Answer,
    Asking,
    Diagnosis,
    Judgement,
    ModelCheck,
    Opinion,
    OpinionFinding,
    Reply,
    ReviewAnswer,
    Score,
)
from gitops_bot.models.outcomes import Difference, Outcome, OutcomeState
from gitops_bot.models.records import Decision
from gitops_bot.models.reports import Report, Severity
from gitops_bot.models.statuses import StatusState
from gitops_bot.rules.agreement import Agreement, Case, Did, month_of
from gitops_bot.rules.cleaning import has_hidden_characters
from gitops_bot.rules.decisions import Action
from gitops_bot.rules.fates import Ending
from gitops_bot.views import (
    agreement,
    commit_status,
    evaluation,
    gates,
    github_comment,
    html_report,
    model_checks,
    opinions,
    outcomes,
    replies,
    slack_actions,
    slack_calls,
    slack_dialogs,
    slack_digest,
    slack_message,
    terminal,
    terminal_checks,
    terminal_object,
)

MONTH = month_of(datetime.now(UTC), UTC)
VIEWS = Path(commit_status.__file__).parent
ALL_EVIL = SENTINEL.join(EVIL)
# Short pieces that act in Slack or on GitHub when they stand in parsed text.
ACTING = (
    "<!channel>",
    "<!here>",
    "<@U0123456789>",
    "<#C0123456789>",
    "<!subteam^S0123456789>",
    "<https://evil.example|ok>",
    "@org/team",
    "@octocat",
    "#1",
    "GH-123",
    "closes #2",
    "acme/other#3",
    "1234567890123456789012345678901234567890",
    "https://evil.example/?x=1",
    "www.evil.example",
    "![](https://evil.example/?x)",
    "[a](https://evil.example)",
    "[a]: https://evil.example",
    "<img src=https://evil.example>",
    "</details>",
    "````",
    "\r",
    "\x1b]8;;https://evil.example\x07x",
    "\u202e",
    "\u200b",
    "\U000e0041",
)


def hostile(text: str, seed: int = 1) -> Report:
    """A report with one text in every place that is not ours, and random ones elsewhere."""
    report = hostile_report(seed, clusters=2, kustomizations=4, objects=4)
    pull = replace(report.pull_request, title=text, author=text, head_ref=text, base_ref=text)
    return replace(report, pull_request=pull)


def deed(text: str, action: Action) -> Decision:
    return Decision("a/b#1", action, "done", text, text, text, "r", "c", datetime.now(UTC), text)


def opinion_of(text: str) -> Opinion:
    finding = OpinionFinding(text, text, Severity.CRITICAL, text, text)
    answer = ReviewAnswer(text, Judgement.BLOCK, (finding,) * 7)
    return Opinion(text, text, datetime.now(UTC), answer, problem=text, model=text)


def verdicts_of(text: str) -> tuple[GateVerdict, ...]:
    refused = GateVerdict(text, text, text, "images", datetime.now(UTC), cleared=False, reasons=(text,) * 5)
    cleared = replace(refused, cleared=True, reasons=(), score=90.0, model=text, said=(text,))
    live = [replace(cleared, effect=effect, dry_run=False, outcome=text) for effect in GateEffect]
    return refused, cleared, *live


def reply_of(text: str, answer: Answer | None) -> Reply:
    return Reply(Asking.AUDIT, text, text, datetime.now(UTC), answer, problem=text, model=text)


def agreement_of(text: str) -> list[Agreement]:
    """What rules came to that are called so, on pull requests that are called so."""
    cases = tuple(Case(text, did, how) for did in Did for how in Ending)
    return [Agreement(text, dry_run=True, cleared=cases, left=2, left_approved=1)] * 2


def evaluation_of(text: str) -> Evaluation:
    places = (f"ConfigMap/{text}/x {text}",)
    result = CaseResult(
        text, CaseKind.RISKY, 1.0, places, places, places, places, 1, Judgement.BLOCK, model=text, problems=(text,)
    )
    return Evaluation((result,), (text,), text, {CaseKind.RISKY: 1.0}, 1.0)


def outcomes_of(text: str) -> list[Outcome]:
    """What became of a merge, with one text in every place that is not ours."""
    place, now = KustomizationId("production", text, text), datetime.now(UTC)
    wrong = (Difference(ObjectReference("ConfigMap", text, text), text),)
    return [
        Outcome("a/b#1", place, text, state, now, text, now, text, 3, compared=True, differences=wrong)
        for state in OutcomeState
    ]


SLACK: dict[str, Callable[[str], Any]] = {
    "slack_message.review_message": lambda text: slack_message.review_message(
        hostile(text), key="k", report_id="r", actions=tuple(Action), decisions=[deed(text, one) for one in Action]
    )[0],
    "slack_message.progress_message": lambda text: slack_message.progress_message(
        hostile(text).pull_request, 1, 2, key="k"
    ),
    "slack_message.failure_message": lambda text: slack_message.failure_message(
        hostile(text).pull_request, text, key="k", gives_up=True
    ),
    "slack_message.problem_message": lambda text: slack_message.problem_message(text, text, key="k", may_ask=True),
    "slack_message.open_pull_requests_message": lambda text: slack_message.open_pull_requests_message(
        hostile(text).pull_request.repository, [hostile(text).pull_request], key="k"
    ),
    "slack_digest.digest_message": lambda text: slack_digest.digest_message(
        [hostile(text)], datetime.now(UTC), key="k"
    ),
    "gates.gate_blocks": lambda text: gates.gate_blocks(verdicts_of(text)),
    "opinions.opinion_blocks": lambda text: [
        *opinions.opinion_blocks(opinion_of(text), report_id="r"),
        *opinions.opinion_blocks(replace(opinion_of(text), answer=None)),
    ],
    "replies.diagnosis_message": lambda text: replies.diagnosis_message(
        reply_of(text, Diagnosis(text, text, text)), hostile(text).pull_request, key="k"
    ),
    "agreement.agreement_message": lambda text: agreement.agreement_message(agreement_of(text), MONTH, key="k"),
    "replies.explanation_message": lambda text: replies.explanation_message(
        reply_of(text, Diagnosis(text, text, text)), text, key="k"
    ),
    "outcomes.outcome_blocks": lambda text: outcomes.outcome_blocks(outcomes_of(text)),
    "slack_actions.buttons": lambda text: slack_actions.buttons(hostile(text), "r", tuple(Action)),
    "slack_actions.view_button": lambda text: slack_actions.view_button(
        replace(hostile(text).pull_request, html_url=f"https://github.com/{text}")
    ),
    "slack_actions.deeds": lambda text: slack_actions.deeds(
        [deed(text, one) for one in Action], hostile(text).pull_request
    ),
    "slack_calls.call_message": lambda text: slack_calls.call_message([f"U{text}", text]),
    "slack_dialogs.checking": lambda text: slack_dialogs.checking(Action.APPROVE, hostile(text).pull_request),
    "slack_dialogs.refused": lambda text: slack_dialogs.refused(Action.APPROVE, text),
    "slack_dialogs.confirm": lambda text: slack_dialogs.confirm(Action.APPROVE, hostile(text)),
    "slack_dialogs.ask_reason": lambda text: slack_dialogs.ask_reason(
        Action.REQUEST_CHANGES, hostile(text).pull_request
    ),
}
MARKDOWN: dict[str, Callable[[str], str]] = {
    "github_comment.comment": lambda text: github_comment.comment(
        hostile(text), marker="<!-- m -->", opinion=opinion_of(text)
    ),
    "gates.gate_markdown": lambda text: gates.gate_markdown(verdicts_of(text)),
    "gates.gate_approval_body": lambda text: gates.gate_approval_body(
        samples.changes_report(), verdicts_of(text)[-1], marker="m"
    ),
    "opinions.opinion_markdown": lambda text: opinions.opinion_markdown(opinion_of(text)),
    "github_comment.approval_body": lambda text: github_comment.approval_body(
        samples.changes_report(), person=text, marker="m"
    ),
    "github_comment.changes_body": lambda text: github_comment.changes_body(
        text, person=text, head="a" * 40, marker="m"
    ),
    "github_comment.what_github_makes_of_it": github_comment.what_github_makes_of_it,
}
ONE_LINE: dict[str, Callable[[str], str]] = {
    "commit_status.description": lambda text: commit_status.description(hostile(text).clusters[0], StatusState.FAILURE),
    "commit_status.not_followed": lambda text: commit_status.not_followed("production", text),
    "commit_status.parked": commit_status.parked,
    "gates.gate_status": lambda text: gates.gate_status(verdicts_of(text)[:2])[1],
    "commit_status.on_hold": commit_status.on_hold,
    "commit_status.no_answer": commit_status.no_answer,
    "commit_status.one_line": commit_status.one_line,
}
TERMINAL: dict[str, Callable[[str], Any]] = {
    "terminal.terminal_report": lambda text: terminal.terminal_report(
        hostile(text), full=True, opinion=opinion_of(text)
    ),
    "opinions.opinion_text": lambda text: opinions.opinion_text(opinion_of(text)),
    "replies.reply_text": lambda text: Group(
        *(
            replies.reply_text(reply_of(text, answer))
            for answer in (opinion_of(text).answer, Diagnosis(text, text, text), Score(50, (text,)), None)
        )
    ),
    "agreement.agreement_text": lambda text: agreement.agreement_text(agreement_of(text), MONTH),
    "evaluation.evaluation_view": lambda text: evaluation.evaluation_view(evaluation_of(text)),
    "outcomes.accuracy": lambda text: outcomes.accuracy(outcomes_of(text)),
    "terminal_checks.check_line": lambda text: terminal_checks.check_line(Check(text, CheckState.BAD, text, text)),
    "model_checks.way_line": model_checks.way_line,
    "model_checks.table": lambda text: model_checks.table(
        {text: [ModelCheck(text, CheckState.BAD, text, asking=Asking.GATE)]}
    ),
    "terminal_checks.summary_line": lambda _text: terminal_checks.summary_line([CheckState.BAD]),
    "terminal_object.object_report": lambda text: terminal_object.object_report(
        terminal_object.objects_named(hostile(text), terminal_object.names_of_objects(hostile(text))[0])
    ),
}
PAGES: dict[str, Callable[[str], str]] = {
    "html_report.html_report": lambda text: html_report.html_report(hostile(text), opinion_of(text))
}

# Views that only prepare what those above say, or whose text goes to programs: the reason, by module.
PREPARING = {
    "affected_list": "a list for programs, and test_affected's own",
    "audit_list": "test_audit's own",
    "content_links": "is_link decides; the comment and the page are fed above",
    "html_template": "the template of html_report",
    "json_report": "JSON for programs, which shows values as they are",
    "lines": "the lines of everything above",
    "opinion_export": "JSON and CSV for programs, test_opinion_views' own",
    "opinion_json": "JSON for programs, which shows values as they are",
    "opinion_words": "the lines of opinions, which are fed above",
    "prompt": "fences for a model, test_opinions' own",
    "rights_manifests": "YAML for programs, test_rights' own",
    "risks": "the findings of everything above",
    "slack_blocks": "the blocks of everything above",
    "slack_details": "the middle of review_message",
    "summary": "the sentences of everything above",
    "text": "what cleans",
    "words": "words of ours",
}
# Parts of fed modules that give no text of their own.
PARTS = {
    "outcomes.share",
    "agreement.agreement_json",
    "agreement.month_words",
    "agreement.share_words",
    # What the page and programs get: values, which html_report escapes and json_report gives as they are.
    "opinions.opinion_values",
    "opinions.is_cut",
    "evaluation.evaluation_json",
    # Its caller fills words of the administrator with what it escapes itself.
    "slack_message.command_message",
    "slack_actions.extra_row",
    "terminal.coloured",
    "terminal.finding_text",
    "terminal_object.objects_named",
    "terminal_object.names_of_objects",
    "slack_dialogs.outlook_words",
    "gates.shown_verdicts",
    # Lines of gate_blocks and gate_markdown; a decision, which slack_actions.deeds says.
    "gates.gate_line",
    "gates.gate_deed",
}


def test_every_view_has_its_place() -> None:
    fed = {*SLACK, *MARKDOWN, *ONE_LINE, *TERMINAL, *PAGES} | PARTS
    known = {f"{name}.{function}" for name, function in public_functions() if name not in PREPARING}
    assert known - fed == set()
    assert {name for name, _ in public_functions()} >= {name.split(".")[0] for name in fed}


def public_functions() -> Iterator[tuple[str, str]]:
    for file in VIEWS.glob("*.py"):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                yield file.stem, node.name


def texts(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every text object of Block Kit, and the texts in preformatted blocks."""
    if isinstance(value, Mapping):
        if value.get("type") in {"mrkdwn", "plain_text", "text"} and isinstance(value.get("text"), str):
            yield value
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts(item)


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from strings(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from strings(item)


def acting(text: str) -> str:
    """Put a piece between signs by which it is found again."""
    return f"{SENTINEL}{text}{SENTINEL}"


@pytest.mark.parametrize("view", SLACK)
@pytest.mark.parametrize("evil", [*map(acting, ACTING), ALL_EVIL], ids=[*map(repr, ACTING), "all"])
def test_slack_parses_nothing_of_it(view: str, evil: str) -> None:
    made = SLACK[view](evil)
    blocks = getattr(made, "blocks", made)
    for one in texts(blocks):
        if one["type"] == "mrkdwn":
            assert one["verbatim"] is True
            said = one["text"]
            # In a deed a person's own words stand escaped; nothing else of others stands in parsed text.
            if view not in {"slack_actions.deeds", "slack_message.review_message"}:
                assert SENTINEL not in said, one
            for piece in ("<!", "<@U0123456789", "<#", "<https://evil"):
                assert piece not in said, one
        elif one["type"] == "plain_text":
            assert one["emoji"] is False
    for said in strings(blocks):
        assert not has_hidden_characters(said), said
        said.encode()
    if hasattr(made, "text"):
        assert "<" not in made.text
        assert not has_hidden_characters(made.text)


@pytest.mark.parametrize("view", MARKDOWN)
@pytest.mark.parametrize("evil", [*map(acting, ACTING), ALL_EVIL], ids=[*map(repr, ACTING), "all"])
def test_markdown_parses_nothing_of_it(view: str, evil: str) -> None:
    text = MARKDOWN[view](evil)
    assert not has_hidden_characters(text)
    assert "evil.example" not in markdown_outside_of_code(text)
    for piece in ("@org", "@octocat", "GH-123", "closes #2", "acme/other#3", SENTINEL):
        assert piece not in markdown_outside_of_code(text)


def markdown_outside_of_code(text: str) -> str:
    """What GitHub looks for mentions, references and links in."""
    parts = []
    for token in MarkdownIt("gfm-like", {"linkify": False}).parse(text):
        if token.type in {"fence", "code_block"}:
            continue
        for child in token.children or []:
            if child.type != "code_inline":
                parts += [child.content, *map(str, child.attrs.values())]
        if token.type == "html_block":
            parts.append(re.sub(r"<code>[^<]*</code>", "", token.content))
    return "\n".join(parts)


@pytest.mark.parametrize("view", ONE_LINE)
@pytest.mark.parametrize("evil", [*ACTING, ALL_EVIL, "a\nb"], ids=repr)
def test_a_status_is_one_clean_line(view: str, evil: str) -> None:
    said = ONE_LINE[view](evil)
    assert len(said) <= 140
    assert "\n" not in said
    assert not has_hidden_characters(said)


@pytest.mark.parametrize("view", TERMINAL)
@pytest.mark.parametrize("evil", [*ACTING, ALL_EVIL, "[bold red]x[/] [link=https://evil.example]x[/link]"], ids=repr)
@pytest.mark.parametrize("colour", [True, False])
def test_a_terminal_gets_no_sequence_of_others(view: str, evil: str, colour: bool) -> None:  # noqa: FBT001 # a parameter
    output = io.StringIO()
    Console(file=output, force_terminal=colour, width=100, legacy_windows=False).print(
        TERMINAL[view](evil), markup=False
    )
    said = output.getvalue()
    assert "\x1b]" not in said
    assert "\x07" not in said
    assert "\r" not in said
    for character in ("\u202e", "\u200b", "\U000e0041", "\x9b", "\x00"):
        assert character not in said
    if not colour:
        assert "\x1b" not in said


@pytest.mark.parametrize("view", PAGES)
@pytest.mark.parametrize("evil", [*ACTING, ALL_EVIL, "<script>x</script>", "'\"><svg onload=x>"], ids=repr)
def test_a_page_runs_and_loads_nothing_of_others(view: str, evil: str) -> None:
    page = PAGES[view](evil)
    assert not has_hidden_characters(page)
    for piece in ("<script", "<svg", "<img", "onload=x>", 'href="https://evil', "javascript:"):
        assert piece not in page


def test_the_corpus_would_act_if_it_were_not_cleaned() -> None:
    """The tests above can fail."""
    assert all(any(piece in one for one in ACTING) for piece in ("<!channel>", "@org/team", "\x1b]", "\u202e"))
    assert "@org/team" in markdown_outside_of_code("see @org/team and `@octocat`")
    assert "@octocat" not in markdown_outside_of_code("see @org/team and `@octocat`")
    assert json.dumps(ALL_EVIL)
