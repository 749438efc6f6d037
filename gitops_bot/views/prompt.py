"""What a model is shown of a report: whole Kustomizations as long as there is room, the rest as a sentence each.

Each way of asking sees what it needs: who diagnoses sees what failed first, and the words of flux and the API server;
who audits sees what is around a changed field, as far as the report has it.

The report is redacted already. Every text that is not ours stands in a fence that nothing in it can end, with hidden
characters made visible and the marks of a conversation taken apart; what looks like a token is taken out of what the
author wrote.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gitops_bot.models.changes import ResourceChange
from gitops_bot.models.opinions import Asking, Prompt
from gitops_bot.models.pull_requests import PullRequest, Repository
from gitops_bot.models.reports import Finding, Report
from gitops_bot.rules.chat_marks import without_chat_marks
from gitops_bot.rules.cleaning import clean, clean_line
from gitops_bot.rules.opinions import fields_of_body
from gitops_bot.rules.questions import failed, is_about
from gitops_bot.telemetry import without_tokens
from gitops_bot.views.lines import indented, object_lines, own_changes, unified_lines
from gitops_bot.views.risks import is_told_above, risk_groups, risk_lines
from gitops_bot.views.summary import Group, findings_of, groups, headline, plain_remarks, row_sentence, tally, tally_row
from gitops_bot.views.text import and_more, fence, short_commit, shorten
from gitops_bot.views.words import ROW_STATES, SEVERITIES, plural, verdict_words

# Shares of the room, so that no part pushes the others out.
_INTENT = 8
_RISKS = 8
_SUMMARIES = 8
# Of a diagnosis, what failed is what it is about.
_FAILURES = 2
_TITLE = 300
_LINE = 400
_PLACES = 10
# What fences, titles and the list of what is missing take.
_OWN_WORDS = 1_500
# A key in a line of a unified diff of YAML.
_KEY = re.compile(r"^[ +](?:[ ]*- )*[ ]*([A-Za-z0-9_./-]+):", re.MULTILINE)


@dataclass
class _Sheet:
    """The prompt as it grows."""

    room: int
    parts: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def add(self, title: str, text: str) -> None:
        """Add a part; its text is foreign."""
        part = f"{title}\n{fence(without_chat_marks(text), 'text')}" if text else title
        self.parts.append(part)
        self.room -= len(part) + 2

    def add_cut(self, title: str, text: str, room: int, lost: str) -> None:
        """Add a part as far as there is room; ``lost`` is what is missing where it is cut."""
        if len(text) > room:
            self.missing.append(lost)
        if text:
            self.add(title, _cut(text, room))

    def fits(self, text: str) -> bool:
        return len(text) + 100 <= self.room


def prompt_of(report: Report, asking: Asking = Asking.REVIEW, *, characters: int = 60_000, about: str = "") -> Prompt:
    """Render a report for a model, in ``characters`` at most; ``missing`` says what of it is not in there.

    ``about``: the one Kustomization that is asked about; of the others there is a sentence each.
    """
    sheet = _Sheet(characters - _OWN_WORDS)
    _add_intent(sheet, report.pull_request, characters // _INTENT)
    counts = tally(report.clusters)
    said = [
        headline(report.verdict, counts),
        verdict_words(report.verdict, len(report.clusters)),
        *plain_remarks(counts),
    ]
    sheet.add(
        f"What a program found that merging it would do, in {plural(len(report.clusters), 'cluster')}:",
        _cut("\n".join(clean_line(one) for one in said), characters // _RISKS),
    )
    if asking is Asking.DIAGNOSE:
        _add_failures(sheet, report, about, characters // _FAILURES)
    else:
        _add_findings(sheet, report, characters // _RISKS)
    known = _add_rows(sheet, _in_order(report, asking, about), asking, characters // _SUMMARIES)
    if not report.complete_without_a_person:
        sheet.missing.append("what the program could not render, read or look at")
    parts = [*sheet.parts, *([f"Not in here: {'; '.join(sheet.missing)}."] if sheet.missing else [])]
    repository = str(report.pull_request.repository)
    return Prompt(asking, "\n\n".join(parts), known, tuple(sheet.missing), repository)


def prompt_of_problem(repository: Repository, subject: str, problem: str) -> Prompt:
    """Render what keeps us from looking at a repository, for a model that is to say why. Both texts are foreign."""
    text = fence(without_chat_marks(without_tokens(f"{clean_line(subject)}:\n{clean(problem)}")), "text")
    intro = (
        "A program compares the pull requests of a repository with the clusters that Flux feeds from it. Something "
        f"keeps it from that. The repository is {clean_line(str(repository))}. What the program says:"
    )
    return Prompt(Asking.DIAGNOSE, f"{intro}\n{text}", {}, (), str(repository))


def shown_prompt(instructions: str, prompt: Prompt) -> str:
    """Give all that would be sent, for a person who wants to see it before."""
    tail = (
        f"({len(instructions) + len(prompt.text):,} characters. Not in it: {'; '.join(prompt.missing) or 'nothing'}.)"
    )
    return f"--- system\n{clean(instructions)}\n--- user\n{prompt.text}\n---\n{tail}"


def _add_intent(sheet: _Sheet, pull: PullRequest, room: int) -> None:
    where = f"{pull.repository}#{pull.number}, {short_commit(pull.head_sha)}"
    lines = [
        f"pull request: {clean_line(where)} onto {clean_line(pull.base_ref)}",
        f"author: {clean_line(pull.author)}{' (a fork)' if pull.from_fork else ''}",
        f"branch: {_cut(clean_line(without_tokens(pull.head_ref)), _TITLE)}",
        f"title: {_cut(clean_line(without_tokens(pull.title)), _TITLE)}",
        # Behind a mark, so that no line of it can pretend to be one of the lines above.
        *(f"   | {line}" for line in clean(without_tokens(pull.body)).strip().splitlines()),
    ]
    title = "What its author says it is for, which nobody has checked:"
    sheet.add_cut(title, without_tokens("\n".join(lines)), room, "the end of what the author wrote")


def _add_findings(sheet: _Sheet, report: Report, room: int) -> None:
    risks = risk_lines(risk_groups(report), most=1_000, width=_LINE, places=_PLACES)
    told = [one for cluster in report.clusters for one in findings_of(cluster) if not is_told_above(one)]
    lines = [*risks, *dict.fromkeys(line for finding in told for line in _finding(finding))]
    title = "What fixed rules and the API server say about it:"
    sheet.add_cut(title, "\n".join(lines), room, "some of what the rules found")


def _add_failures(sheet: _Sheet, report: Report, about: str, room: int) -> None:
    """Add what was refused or could not be looked at, each with where that is and in the other side's words."""
    lines: list[str] = []
    for cluster in report.clusters:
        told = [(cluster.cluster, one) for one in cluster.findings]
        rows = [row for row in cluster.rows if not about or is_about(row, about)]
        told += [(f"{row.id} in {cluster.cluster}", one) for row in rows for one in row.findings]
        lines += [line for where, one in told if not one.risk for line in _failure(where, one)]
    title = "What failed, in the words of Flux, the API server and the program that looked:"
    sheet.add_cut(title, "\n".join(lines), room, "some of what failed")


def _failure(where: str, finding: Finding) -> list[str]:
    advice = [f"   → {clean_line(finding.advice)}"] if finding.advice else []
    return [clean_line(f"{where}:"), *_finding(finding), *advice]


def _finding(finding: Finding) -> list[str]:
    lines = [f"{SEVERITIES[finding.severity].sign} {clean_line(finding.message)}"]
    return lines + [f"   | {line}" for line in clean(finding.detail).splitlines()]


def _in_order(report: Report, asking: Asking, about: str) -> Sequence[tuple[Group, bool]]:
    """Give the Kustomizations, what matters most first, and whether more than a sentence is wanted of each."""
    found = groups(report)
    if asking is Asking.DIAGNOSE:
        found = tuple(sorted(found, key=lambda group: not failed(group.row)))
    meant = {row.id for cluster in report.clusters for row in cluster.rows if not about or is_about(row, about)}
    return [(group, not meant.isdisjoint(group.places)) for group in found]


def _add_rows(
    sheet: _Sheet, found: Sequence[tuple[Group, bool]], asking: Asking, for_summaries: int
) -> Mapping[str, frozenset[str]]:
    """Add the Kustomizations; give the objects that are shown, with their fields."""
    known: dict[str, frozenset[str]] = {}
    rest: list[Group] = []
    sheet.room -= for_summaries
    for group, wanted in found:
        text = _whole(group, around=asking is Asking.AUDIT) if wanted else ""
        if not wanted or not sheet.fits(text):
            rest.append(group)
            continue
        sheet.add("A Kustomization, and what happens to its objects:", text)
        for change in own_changes(group.row):
            if change.object is not None:
                name = without_chat_marks(clean_line(str(change.object)))
                known[name] = known.get(name, frozenset()) | _fields(change, around=asking is Asking.AUDIT)
    sheet.room += for_summaries
    if rest:
        _add_summaries(sheet, rest, for_summaries)
    return known


def _whole(group: Group, *, around: bool) -> str:
    row, counts = group.row, tally_row(group.row)
    lines = [clean_line(f"{row.id} in {row.id.cluster} ({ROW_STATES[row.state].words}): {row_sentence(counts)}")]
    if others := [f"{place} in {place.cluster}" for place in group.places[1:]]:
        lines.append(clean_line(f"the same in {and_more(others, _PLACES)}"))
    lines += [f"  # {clean_line(note)}" for note in row.notes]
    for change in own_changes(row):
        shown = unified_lines(change) if around and isinstance(change, ResourceChange) else object_lines(change)
        lines += [indented(line) for line in shown]
    return "\n".join(lines)


def _add_summaries(sheet: _Sheet, rest: list[Group], room: int) -> None:
    lines, left = [], room
    for group in rest:
        said = clean_line(f"{group.row.id} in {group.row.id.cluster}: {row_sentence(tally_row(group.row))}")
        left -= len(said) + 1
        if left < 0:
            break
        lines.append(said)
    objects = sum(tally_row(group.row).objects * len(group.places) for group in rest)
    count = sum(len(group.places) for group in rest)
    sheet.missing.append(f"the changes of {plural(objects, 'object')} in {plural(count, 'Kustomization')}")
    if unnamed := len(rest) - len(lines):
        lines.append(f"and {unnamed:,} more")
    sheet.add("Further Kustomizations, for whose changes there is no room here:", "\n".join(lines))


def _fields(change: object, *, around: bool) -> frozenset[str]:
    if not isinstance(change, ResourceChange):
        return frozenset()
    paths = frozenset(entry.path for entry in change.fields)
    if around and change.unified:
        # What stands beside a changed field is shown too.
        parents = {path.rpartition(".")[0] for path in paths}
        paths |= {f"{parent}.{key}" if parent else key for parent in parents for key in _KEY.findall(change.unified)}
    return paths | fields_of_body(change.operation, change.body)


def _cut(text: str, room: int) -> str:
    return shorten(text, max(room, 1))
