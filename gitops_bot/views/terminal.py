"""The report in a terminal: one screen of 100 columns says what a reviewer needs.

Everything is given to Rich as Text, never as markup: nothing of a pull request is parsed.
"""

from collections.abc import Iterable

from rich.console import Group as Renderables
from rich.console import RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.text import Text

from gitops_bot.models.opinions import Opinion
from gitops_bot.models.reports import ClusterReport, Finding, KustomizationReport, Report, RowState, Severity, Verdict
from gitops_bot.rules.cleaning import clean, clean_line
from gitops_bot.rules.rbac_rules import text_to_paste
from gitops_bot.views.lines import Line, Mark, Measure, alike, foreign_changes, indented, object_lines, own_changes
from gitops_bot.views.opinions import opinion_text
from gitops_bot.views.risks import risk_groups, risk_lines, risk_title, without_risks
from gitops_bot.views.summary import (
    Group,
    groups,
    headline,
    hidden_words,
    plain_remarks,
    row_sentence,
    row_sign,
    sign,
    tally,
    tally_row,
)
from gitops_bot.views.text import and_more, short_commit
from gitops_bot.views.words import ORIGINS, ROW_STATES, SEVERITIES, as_of, plural, verdict_words

_VERDICT_STYLES = {
    Verdict.NO_EFFECT: "bold green",
    Verdict.CHANGES: "bold blue",
    Verdict.BLOCKED: "bold red",
    Verdict.INCOMPLETE: "bold yellow",
    Verdict.HELD: "bold yellow",
}
_MARK_STYLES = {
    Mark.OBJECT: "bold",
    Mark.FIELD: "cyan",
    Mark.REMOVED: "red",
    Mark.ADDED: "green",
    Mark.SAME: "dim",
    Mark.NOTE: "dim italic",
}
_SEVERITY_STYLES = {Severity.CRITICAL: "red", Severity.WARNING: "yellow", Severity.INFO: "blue"}
# One screen: what is longer is counted, and --full shows it.
_BRIEF = Measure(value_lines=6, width=160, foreign=False)
_FULL = Measure()
_LINES = 40
_RISKS = 8
# All of them, each with all its places.
_EVERY_RISK = 1_000_000
_RISK_CHARACTERS = 300
_RISK_PLACES = 4
# Of the others only the line that counts.
_GROUPS = 6
_PLACES = 8
_EVERY_NAME = 1_000_000


def terminal_report(report: Report, *, full: bool = False, opinion: Opinion | None = None) -> RenderableType:
    """Give a report to print; ``full``: every line of every value, and what does not come from the pull request.

    ``opinion`` is what a model says of it, below everything else.
    """
    counts = tally(report.clusters)
    pull = report.pull_request
    style = "bold red" if counts.destroys else _VERDICT_STYLES[report.verdict]
    facts = (
        f"by {clean_line(pull.author)} · {short_commit(pull.head_sha)} onto {clean_line(pull.base_ref)} "
        f"{short_commit(report.base_tip)} · {as_of(report.looked_at)}"
    )
    only = f" in {report.clusters[0].cluster}" if len(report.clusters) == 1 else ""
    parts: list[RenderableType] = [
        Text(f"{pull.repository}#{pull.number}  {clean_line(pull.title)}", style="bold", overflow="fold"),
        Text(facts, style="dim"),
        Text(""),
        Text(f"{sign(report.verdict, counts)} {headline(report.verdict, counts)}{only}.", style=style),
        *(_below(said) for said in (verdict_words(report.verdict, len(report.clusters)), *plain_remarks(counts))),
    ]
    parts += _risks(report, full=full)
    found = groups(report)
    for cluster in report.clusters:
        parts += _cluster(cluster, found, titled=len(report.clusters) > 1, full=full)
    if not full and (folded := _folded(report)):
        parts += [Text(""), Text(folded, style="dim")]
    if opinion is not None:
        parts += [Text(""), opinion_text(opinion)]
    return Renderables(*parts)


def _risks(report: Report, *, full: bool) -> list[RenderableType]:
    """Give what a person must not miss, before everything else."""
    found = risk_groups(report)
    if not found:
        return []
    most, places = (_EVERY_RISK, _EVERY_RISK) if full else (_RISKS, _RISK_PLACES)
    lines = risk_lines(found, most=most, width=_EVERY_RISK if full else _RISK_CHARACTERS, places=places)
    signs = {SEVERITIES[severity].sign: style for severity, style in _SEVERITY_STYLES.items()}
    parts: list[RenderableType] = [
        Text(""),
        Text(risk_title(found), style=f"bold {_SEVERITY_STYLES[found[0].finding.severity]}"),
    ]
    for line in lines:
        text = Text(line.strip(), style=signs.get(line.partition(" ")[0], ""), overflow="fold")
        parts.append(Padding(text, (0, 0, 0, 6 if line.startswith(" ") else 3), expand=False))
    return parts


def _cluster(cluster: ClusterReport, found: Iterable[Group], *, titled: bool, full: bool) -> list[RenderableType]:
    parts: list[RenderableType] = []
    if titled:
        counts = tally([cluster])
        title = Text(f"{cluster.cluster}: {sign(cluster.verdict, counts)} {headline(cluster.verdict, counts)}")
        parts += [Text(""), Rule(title, align="left", style="dim")]
    parts += [finding_text(finding) for finding in without_risks(cluster.findings)]
    above: list[str] = []
    for number, group in enumerate(found):
        if group.places[0].cluster == cluster.cluster:
            parts += _group(group, detailed=number < _GROUPS, full=full)
        else:
            above += [str(place) for place in group.places if place.cluster == cluster.cluster]
    if above:
        parts += [Text(""), Text(f"As above: {clean_line(and_more(above, _PLACES))}", style="dim")]
    return parts


def _group(group: Group, *, detailed: bool, full: bool) -> list[RenderableType]:
    row, counts = group.row, tally_row(group.row)
    title = Text(f"{row_sign(row)} ").append(clean_line(str(row.id)), style="bold underline")
    said = [] if row.state is RowState.CHANGED else [ROW_STATES[row.state].words]
    said += [row_sentence(counts, each=len(group.places) > 1)] if counts.objects else []
    title.append(f"  {': '.join(said)}" if said else "")
    parts: list[RenderableType] = [Text(""), title]
    others = [
        (str(place) if place.cluster == row.id.cluster else f"{place} in {place.cluster}")
        + (f" ({called.replace('`', '')})" if called else "")
        for place, called in (group.others(_EVERY_NAME) if full else group.others())
    ]
    if others:
        parts.append(_below(f"the same in {and_more(others, _EVERY_NAME if full else _PLACES)}", "dim"))
    brief = bool(row.changes) and not full
    details = [*row.notes, *([] if brief else [row.reason, hidden_words(counts)])]
    parts += [_below(said, "dim") for said in details if said]
    parts += [finding_text(finding) for finding in without_risks(row.findings)]
    if full:
        return parts + _everything(row)
    return parts + (_what_matters(row) if detailed else [])


def _below(said: str, style: str = "") -> RenderableType:
    return Padding(Text(clean_line(said), style=style, overflow="fold"), (0, 0, 0, 3), expand=False)


def _everything(row: KustomizationReport) -> list[RenderableType]:
    return [coloured(object_lines(change, _FULL)) for change in (*own_changes(row), *foreign_changes(row))]


def _what_matters(row: KustomizationReport) -> list[RenderableType]:
    """Give the pull request's own changes, as many as fit a screen; at least one."""
    parts: list[RenderableType] = []
    room = _LINES
    changes = own_changes(row)
    shown = 0
    for change, others in alike(changes):
        lines = object_lines(change, _BRIEF, others)
        room -= len(lines)
        if parts and room < 0:
            break
        parts.append(coloured(lines))
        shown += 1 + len(others)
    if rest := len(changes) - shown:
        parts.append(Text(f"   … {plural(rest, 'more object')}: --full shows them", style="dim"))
    return parts


def coloured(lines: Iterable[Line]) -> RenderableType:
    """Give lines of a diff in their colours."""
    text = Text(overflow="fold")
    for number, line in enumerate(lines):
        text.append("\n" if number else "")
        text.append(indented(line).expandtabs(4), style=_MARK_STYLES[line.mark])
    return Padding(text, (0, 0, 0, 3), expand=False)


def finding_text(finding: Finding) -> RenderableType:
    """Give a finding: what, what to do, the other side's own words."""
    style = _SEVERITY_STYLES[finding.severity]
    text = Text(f"{SEVERITIES[finding.severity].sign} {clean_line(finding.message)}", style=style, overflow="fold")
    if finding.advice:
        text.append(f"\n   → {clean_line(finding.advice)}", style="default")
    for said in clean(text_to_paste(finding.lacks)).splitlines():
        text.append(f"\n     {said}", style="dim" if said.startswith("#") else "cyan")
    for said in clean(finding.detail).splitlines():
        text.append(f"\n   | {said}", style="dim")
    return Padding(text, (0, 0, 0, 3), expand=False)


def _folded(report: Report) -> str:
    """Count what the brief form does not show."""
    rows = [row for cluster in report.clusters for row in cluster.rows]
    foreign = sum(len(foreign_changes(row)) for row in rows)
    if not foreign:
        return ""
    origins = {change.origin for row in rows for change in foreign_changes(row)}
    why = ", ".join(sorted(ORIGINS[origin].words for origin in origins))
    return f"{plural(foreign, 'object')} not shown ({why}): --full shows everything."
