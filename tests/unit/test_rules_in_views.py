"""A lacking right stands in every sink as a rule that can be copied, where nothing is parsed."""

import html
import io
import json
import textwrap
from collections.abc import Iterator
from typing import Any

import pytest
import sample_reports as samples
from rich.console import Console

from gitops_bot.models.reports import ClusterReport, Finding, Report, RowState, Severity, Verdict
from gitops_bot.models.rights import Right
from gitops_bot.rules.rbac_rules import text_to_paste
from gitops_bot.views.github_comment import comment
from gitops_bot.views.html_report import html_report
from gitops_bot.views.json_report import json_report
from gitops_bot.views.slack_message import review_message
from gitops_bot.views.terminal import terminal_report

LACKS = (
    *(Right("", "secrets", verb, "apps") for verb in ("create", "get", "patch")),
    *(Right("cert-manager.io", "certificates", verb, "apps") for verb in ("create", "get", "patch")),
)
RULES = """\
# ClusterRole gitops-bot-diff, rules:
- apiGroups: [cert-manager.io]
  resources: [certificates]
  verbs: [get, patch, create]
# Role gitops-bot-diff in the namespace apps, rules:
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, patch, create]
"""


@pytest.fixture
def report() -> Report:
    finding = Finding("missing-right", Severity.WARNING, "Not compared.", "Give it.", incomplete=True, lacks=LACKS)
    row = samples.row("web", state=RowState.CHANGED, findings=(finding,))
    return samples.report(ClusterReport("production", Verdict.INCOMPLETE, (row,)))


def test_the_rules_are_these() -> None:
    assert text_to_paste(LACKS) == RULES


def test_slack_shows_them_preformatted(report: Report) -> None:
    message, _ = review_message(report, key="k", report_id="r1")
    shown = ["".join(part["text"] for part in block["elements"]) for block in preformatted(list(message.blocks))]
    assert RULES.rstrip("\n") in shown


def preformatted(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if value.get("type") == "rich_text_preformatted":
            yield value
        for inner in value.values():
            yield from preformatted(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from preformatted(inner)


def test_a_comment_shows_them_inside_a_fence(report: Report) -> None:
    text = comment(report, marker="<!-- m -->")
    rules = textwrap.indent(RULES, "     ")
    assert rules in text
    before = text[: text.index(rules)]
    assert before.count("```") % 2 == 1


def test_a_page_shows_them_as_they_are(report: Report) -> None:
    assert f"<pre>{RULES}</pre>" in html.unescape(html_report(report))


def test_a_terminal_shows_them_indented_alike(report: Report) -> None:
    output = io.StringIO()
    Console(file=output, width=100).print(terminal_report(report))
    lines = [line.rstrip() for line in output.getvalue().splitlines()]
    first = next(number for number, line in enumerate(lines) if RULES.splitlines()[0] in line)
    shown = textwrap.dedent("\n".join(lines[first : first + len(RULES.splitlines())]))
    assert shown == RULES.rstrip("\n")


def test_json_has_them_as_values_and_as_text(report: Report) -> None:
    (row,) = json.loads(json_report(report))["clusters"][0]["kustomizations"]
    (finding,) = row["findings"]
    assert finding["rules"] == RULES
    assert {"group": "", "resource": "secrets", "verb": "get", "namespace": "apps"} in finding["lacks"]
