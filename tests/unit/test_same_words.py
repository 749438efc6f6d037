"""The same report, the same words everywhere: what one view says of it, all of them say."""

import html
import io
import json
import re
from collections.abc import Callable, Mapping

import pytest
import sample_reports as samples
from rich.console import Console

from gitops_bot.models.reports import Report
from gitops_bot.views.github_comment import comment
from gitops_bot.views.html_report import html_report
from gitops_bot.views.json_report import json_report
from gitops_bot.views.risks import risk_groups
from gitops_bot.views.slack_message import review_message
from gitops_bot.views.summary import groups, headline, remarks, row_sentence, tally, tally_row
from gitops_bot.views.terminal import terminal_report
from gitops_bot.views.words import verdict_words


def strings(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for item in value.values() for text in strings(item)]
    return [text for item in value for text in strings(item)] if isinstance(value, list | tuple) else []


def slack(report: Report) -> str:
    message, _ = review_message(report, key="k", report_id="r")
    return html.unescape("\n".join(strings(message.blocks)))


def terminal(report: Report) -> str:
    console = Console(file=io.StringIO(), width=4_000, color_system=None)
    console.print(terminal_report(report))
    return console.file.getvalue()  # type: ignore[attr-defined]  # a StringIO


def page(report: Report) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", html_report(report)))


def program(report: Report) -> str:
    return "\n".join(strings(json.loads(json_report(report))))


VIEWS: dict[str, Callable[[Report], str]] = {
    "slack": slack,
    "comment": lambda report: comment(report, marker="<!-- m -->"),
    "terminal": terminal,
    "page": page,
}
# What fits into every view; "large" is about what does not.
SAMPLES = sorted(set(samples.SAMPLES) - {"large", "hostile"})


def plain(text: str) -> str:
    """Without what each place writes names and emphasis with."""
    return re.sub(r"[`*]", "", text)


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("view", sorted(VIEWS))
def test_every_view_says_what_it_comes_to_in_the_same_words(view: str, sample: str) -> None:
    report = samples.SAMPLES[sample]()
    counts, said = tally(report.clusters), plain(VIEWS[view](report))
    assert plain(headline(report.verdict, counts)) in said
    assert verdict_words(report.verdict, len(report.clusters)) in said
    for remark in remarks(counts):
        assert plain(remark) in said


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("view", sorted([*VIEWS, "json"]))
def test_every_view_has_every_finding_and_every_count(view: str, sample: str) -> None:
    report = samples.SAMPLES[sample]()
    said = plain(program(report) if view == "json" else VIEWS[view](report))
    # A risk that several objects have is told once for all of them.
    once = {} if view == "json" else {group.finding: group.message for group in risk_groups(report)}
    for cluster in report.clusters:
        for finding in (*cluster.findings, *(finding for row in cluster.rows for finding in row.findings)):
            if not finding.risk or view == "json":
                assert plain(finding.message) in said
                assert plain(finding.advice) in said
    assert [message for message in once.values() if plain(message) not in said] == []
    if view == "json" or len(groups(report)) == 1:
        # Of a single one the summary says it.
        return
    for group in groups(report):
        counts = tally_row(group.row)
        if counts.objects:
            assert row_sentence(counts, each=len(group.places) > 1 and view != "page") in said, group.row.id


@pytest.mark.parametrize("sample", SAMPLES)
def test_programs_read_the_words_and_the_numbers_that_people_read(sample: str) -> None:
    report = samples.SAMPLES[sample]()
    counts, given = tally(report.clusters), json.loads(json_report(report))
    assert given["verdict"] == report.verdict.value
    assert given["summary"] == headline(report.verdict, counts)
    assert given["counts"]["operations"] == {word: counts.operations[word] for word in given["counts"]["operations"]}
    assert sum(given["counts"]["findings"].values()) == counts.severities.total()
