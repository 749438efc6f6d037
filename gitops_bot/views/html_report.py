"""The whole report as one HTML file that needs nothing else: no script, no picture, no request."""

from collections.abc import Iterable, Mapping
from typing import Any

import jinja2
from markupsafe import Markup

from gitops_bot.models.changes import ContentChange, Operation, ResourceChange
from gitops_bot.models.kustomizations import KustomizationId
from gitops_bot.models.opinions import Opinion
from gitops_bot.models.reports import ClusterReport, Finding, KustomizationReport, Report, RowState
from gitops_bot.rules.cleaning import clean, clean_line
from gitops_bot.rules.rbac_rules import text_to_paste
from gitops_bot.views.content_links import pages_of
from gitops_bot.views.html_template import PAGE, PARTS, STYLE
from gitops_bot.views.lines import (
    Line,
    Mark,
    Shown,
    foreign_changes,
    indented,
    object_lines,
    own_changes,
    unified_hunks,
)
from gitops_bot.views.opinions import opinion_values
from gitops_bot.views.risks import risk_groups, risk_title
from gitops_bot.views.summary import (
    Tally,
    groups,
    headline,
    hidden_words,
    plain_remarks,
    row_sentence,
    row_sign,
    sign,
    tally,
    tally_row,
    weight,
)
from gitops_bot.views.text import is_link, short_commit
from gitops_bot.views.words import ROW_STATES, SEVERITIES, as_of, plural, verdict_words

# Rows that are open without a click: everything of a small report.
_OPEN = 12
# Of one risk.
_PLACES = 200

_environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
_parts = _environment.from_string(PARTS).module
_page = _environment.from_string(PAGE)


def html_report(report: Report, opinion: Opinion | None = None) -> str:
    """Write the page; a model's opinion stands folded and apart from what was found."""
    return _page.render(
        page=_page_values(report) | {"opinion": opinion_values(opinion)},
        # Ours, and without a character that would end the element.
        style=Markup(STYLE),  # noqa: S704 - a constant
        show_finding=_parts.show_finding,  # type: ignore[attr-defined]  # macros are attributes of the module
        show_object=_parts.show_object,  # type: ignore[attr-defined]  # the same
    )


def _page_values(report: Report) -> dict[str, Any]:
    pull, counts = report.pull_request, tally(report.clusters)
    same = _repeated(report)
    only = f" in {report.clusters[0].cluster}" if len(report.clusters) == 1 else ""
    return {
        "name": f"{pull.repository}#{pull.number}",
        "link": pull.html_url if is_link(pull.html_url) else "",
        "title": clean_line(pull.title),
        "author": clean_line(pull.author),
        "head": short_commit(pull.head_sha),
        "base": short_commit(report.base_tip),
        "branch": clean_line(pull.base_ref),
        "as_of": as_of(report.looked_at),
        "style": "destroys" if counts.destroys else report.verdict.value,
        "sign": sign(report.verdict, counts),
        "said": headline(report.verdict, counts),
        "where": only,
        "sentences": [verdict_words(report.verdict, len(report.clusters)), *plain_remarks(counts)],
        "counts": _counts(counts),
        "risks": _risks(report),
        "clusters": [
            _cluster(number, cluster, same, alone=len(report.clusters) == 1)
            for number, cluster in enumerate(report.clusters)
        ],
        "digest": report.digest,
    }


def _repeated(report: Report) -> dict[KustomizationId, str]:
    """Name, for each Kustomization that says the same as one before it, that one."""
    many = len(report.clusters) > 1
    firsts = [(group.places[0], group.places[1:]) for group in groups(report)]
    return {
        place: clean_line(f"{first} in {first.cluster}" if many else str(first))
        for first, others in firsts
        for place in others
    }


def _risks(report: Report) -> dict[str, Any]:
    found = risk_groups(report)
    told = [{**_finding(group.finding), "message": clean_line(group.message), "detail": ""} for group in found]
    for values, group in zip(told, found, strict=True):
        values["where"] = clean_line(group.where(_PLACES))
    return {"title": risk_title(found), "told": told}


def _counts(counts: Tally) -> list[dict[str, Any]]:
    shown = [
        (Operation.CHANGE, "changed"),
        (Operation.CREATE, "created"),
        (Operation.RECREATE, "deleted and created anew"),
        (Operation.DELETE, "deleted"),
    ]
    bad = {Operation.RECREATE, Operation.DELETE}
    return [
        {"number": f"{number:,}", "words": words, "bad": operation in bad and number}
        for operation, words in shown
        for number in [counts.operations[operation]]
    ]


def _cluster(
    number: int, cluster: ClusterReport, same: Mapping[KustomizationId, str], *, alone: bool
) -> dict[str, Any]:
    counts = tally([cluster])
    rows = sorted(cluster.rows, key=weight)
    return {
        "name": cluster.cluster,
        "sign": sign(cluster.verdict, counts),
        # What a report of one cluster comes to stands above already.
        "said": "" if alone else headline(cluster.verdict, counts),
        "findings": [_finding(finding) for finding in cluster.findings],
        "left_out": [f"{clean_line(str(one.id))}: {clean_line(one.reason)}" for one in cluster.left_out],
        "rows": [
            _row(f"row-{number}-{place}", row, opened=place < _OPEN, same_as=same.get(row.id, ""))
            for place, row in enumerate(rows)
        ],
    }


def _row(identifier: str, row: KustomizationReport, *, opened: bool, same_as: str) -> dict[str, Any]:
    counts = tally_row(row)
    said = [] if row.state is RowState.CHANGED else [ROW_STATES[row.state].words]
    said += [row_sentence(counts)] if counts.objects else []
    foreign = foreign_changes(row)
    return {
        "id": identifier,
        "open": opened and not same_as,
        "same_as": same_as,
        "sign": row_sign(row),
        "name": clean_line(str(row.id)),
        "said": ": ".join(said) + (f" · the same as in {same_as}" if same_as else ""),
        "path": clean_line(row.path),
        "reason": clean_line(row.reason),
        "notes": [clean_line(note) for note in row.notes],
        "hidden": hidden_words(counts),
        "findings": [_finding(finding) for finding in row.findings],
        "own": [_object(change) for change in own_changes(row)],
        "foreign": [_object(change) for change in foreign],
        "foreign_words": f"{plural(len(foreign), 'object')} not from this pull request",
    }


def _finding(finding: Finding) -> dict[str, str]:
    return {
        "severity": finding.severity.value,
        "sign": SEVERITIES[finding.severity].sign,
        "where": "",
        "message": clean_line(finding.message),
        "advice": clean_line(finding.advice),
        "rules": clean(text_to_paste(finding.lacks)),
        "detail": clean(finding.detail),
    }


def _object(change: Shown) -> dict[str, Any]:
    title, *lines = object_lines(change)
    return {
        "operation": change.operation.value if isinstance(change, ResourceChange) else "unseen",
        "title": title.text,
        "links": pages_of(change) if isinstance(change, ContentChange) else (),
        "lines": _lines(lines),
        "unified": _lines(unified_hunks(change)) if isinstance(change, ResourceChange) else (),
    }


def _lines(lines: Iterable[Line]) -> list[dict[str, str]]:
    # A long path would be broken after its indentation; the style indents it.
    return [
        {"style": _STYLES[line.mark], "text": line.text if line.mark is Mark.FIELD else indented(line)}
        for line in lines
    ]


_STYLES = {
    Mark.OBJECT: "field",
    Mark.FIELD: "field",
    Mark.REMOVED: "removed",
    Mark.ADDED: "added",
    Mark.SAME: "same",
    Mark.NOTE: "note",
}
