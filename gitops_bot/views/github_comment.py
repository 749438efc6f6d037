"""The report as one comment on the pull request, kept up to date in place.

Outside of fences there are only words of this program, numbers and inert names in code spans:
no text of a pull request can make a link, an image, a mention or HTML, or end a fence.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from gitops_bot.models.gates import GateVerdict
from gitops_bot.models.opinions import Opinion
from gitops_bot.models.reports import ClusterReport, Finding, Report, RowState
from gitops_bot.rules.cleaning import clean
from gitops_bot.rules.rbac_rules import text_to_paste
from gitops_bot.views.content_links import links_of
from gitops_bot.views.gates import gate_markdown
from gitops_bot.views.lines import Line, Mark, Measure, Shown, alike, foreign_changes, object_lines, own_changes
from gitops_bot.views.opinions import opinion_markdown
from gitops_bot.views.risks import (
    first_of,
    in_our_words,
    left_out,
    risk_groups,
    risk_lines,
    risk_title,
    without_risks,
)
from gitops_bot.views.summary import Group, groups, headline, remarks, row_sentence, row_sign, sign, tally, tally_row
from gitops_bot.views.text import and_more, code_span, fence, fence_length, short_commit, shorten, shorten_line, size
from gitops_bot.views.words import ROW_STATES, SEVERITIES, as_of, join, plural, verdict_words

# "Body is too long (maximum is 65536 characters)" is what GitHub says past this.
LIMIT = 65_536
_MEASURE = Measure(value_lines=60, width=400)
_FINDINGS = 10
_RISKS = 15
_RISK_CHARACTERS = 500
_RISK_PLACES = 8
_FINDING_CHARACTERS = 800
_DETAIL_CHARACTERS = 2_000
_RULES_CHARACTERS = 2_000
_CLUSTERS = 20
_PLACES = 20
_LINKS = 20
# The sentence that counts what is missing names as many Kustomizations as this.
_NAMES = 20
_NAME_CHARACTERS = 120
_RESERVE = 300 + _NAMES * _NAME_CHARACTERS
# The word "diff", newlines, and the line that counts the rest.
_FENCE_LINES = 60
# Groups that are open without a click.
_OPEN = 3


@dataclass
class _Missing:
    kustomizations: list[str] = field(default_factory=list)
    objects: int = 0

    def words(self) -> str:
        parts = [(len(self.kustomizations), "Kustomization"), (self.objects, "object")]
        counted = join([plural(number, noun) for number, noun in parts if number])
        names = [name for name in self.kustomizations if len(name) < _NAME_CHARACTERS][:_NAMES]
        return counted + (f" (among them {', '.join(names)})" if names else "")


def comment(report: Report, *, marker: str, opinion: Opinion | None = None, gate: Sequence[GateVerdict] = ()) -> str:
    """Write the comment; ``marker`` is the invisible line that it is found by. At most 65,536 characters."""
    counts = tally(report.clusters)
    missing = _Missing()
    said = headline(report.verdict, counts)
    where = f"`{report.clusters[0].cluster}`" if len(report.clusters) == 1 else plural(len(report.clusters), "cluster")
    parts = [
        marker,
        f"### {sign(report.verdict, counts)} {said} in {where}",
        _facts(report),
        " ".join([verdict_words(report.verdict, len(report.clusters)), *remarks(counts)]),
    ]
    parts += [
        *_risks(report),
        *_clusters(report.clusters),
        *filter(None, [opinion_markdown(opinion), gate_markdown(gate)]),
    ]
    room = LIMIT - _RESERVE - sum(size(part) + 2 for part in parts)
    found = groups(report)
    for number, group in enumerate(found):
        part = _group(group, report, room, opened=number < _OPEN, alone=len(found) == 1, missing=missing)
        if part:
            parts.append(part)
            room -= size(part) + 2
    if words := missing.words():
        parts.append(f"✂️ **Not shown here: {words}.** GitHub takes no longer comment; the full report has everything.")
    return "\n\n".join(parts) + "\n"


def approval_body(report: Report, *, person: str, marker: str) -> str:
    """Write the body of a review: who approves which commit on the strength of what."""
    said = "; ".join(filter(None, [headline(report.verdict, tally(report.clusters)), risk_title(risk_groups(report))]))
    return (
        f"Approved by {code_span(person, 'somebody')} in Slack, for exactly {report.pull_request.head_sha}.\n\n"
        f"What was shown: {said}, {as_of(report.looked_at)}.\n\n"
        f"{marker}\n"
    )


def changes_body(reason: str, *, person: str, head: str, marker: str) -> str:
    """Write the body of a request for changes: who asks, of which commit, and why in their own words."""
    return (
        f"{code_span(person, 'Somebody')} asks for changes of {head}, from Slack:\n\n"
        f"{fence(shorten(clean(reason), _DETAIL_CHARACTERS))}\n\n{marker}\n"
    )


def what_github_makes_of_it(decision: str) -> str:
    """Say what GitHub's ``reviewDecision`` means for an approval that was just given."""
    return {
        "APPROVED": "GitHub counts it, nothing more is needed",
        "REVIEW_REQUIRED": "GitHub still asks for another review",
        "CHANGES_REQUESTED": "somebody's request for changes still stands",
        "": "no rule of the branch asks for a review",
    }.get(decision, "GitHub does not say whether it counts")


def _facts(report: Report) -> str:
    pull = report.pull_request
    return (
        f"`{short_commit(pull.head_sha)}` merged into {code_span(pull.base_ref, 'its base')} "
        f"`{short_commit(report.base_tip)}`, compared with what runs {as_of(report.looked_at)}."
    )


def _risks(report: Report) -> list[str]:
    """Give what a person must not miss: in our own words, which a phone can wrap, then exactly, in a fence."""
    found = risk_groups(report)
    if not found:
        return []
    shown = first_of(found, _RISKS)
    words = [f"- {in_our_words(group)}" for group in shown]
    words += [f"- … {rest}" for rest in [left_out(found, shown)] if rest]
    lines = risk_lines(found, most=_RISKS, width=_RISK_CHARACTERS, places=_RISK_PLACES)
    opened = " open" if len(found) <= _OPEN else ""
    before = f"<details{opened}><summary>What exactly, and what to do</summary>"
    exactly = "\n\n".join([before, fence("\n".join(lines)), "</details>"])
    return [f"**{risk_title(found)}**", "\n".join(words), exactly]


def _clusters(clusters: Sequence[ClusterReport]) -> list[str]:
    """Give a line for each cluster when there are several, and the findings of clusters as a whole."""
    parts = []
    if len(clusters) > 1:
        rows = [
            f"| `{cluster.cluster}` | {sign(cluster.verdict, tally([cluster]))} "
            f"{headline(cluster.verdict, tally([cluster]))} |"
            for cluster in clusters[:_CLUSTERS]
        ]
        rest = len(clusters) - len(rows)
        rows += [f"| {plural(rest, 'more cluster')} | |"] if rest else []
        parts.append("\n".join(["| cluster | |", "|---|---|", *rows]))
    return parts + [
        f"**Cluster `{cluster.cluster}`**\n\n{_findings(without_risks(cluster.findings))}"
        for cluster in clusters[:_CLUSTERS]
        if without_risks(cluster.findings)
    ]


def _findings(findings: Sequence[Finding]) -> str:
    lines: list[str] = []
    for finding in findings[:_FINDINGS]:
        lines.append(f"{SEVERITIES[finding.severity].sign} {shorten_line(finding.message, _FINDING_CHARACTERS)}")
        if finding.advice:
            lines.append(f"   → {shorten_line(finding.advice, _FINDING_CHARACTERS)}")
        if finding.lacks:
            rules = shorten(clean(text_to_paste(finding.lacks)), _RULES_CHARACTERS)
            lines += [f"     {text}" for text in rules.splitlines()]
        if finding.detail:
            detail = shorten(clean(finding.detail), _DETAIL_CHARACTERS)
            lines += [f"   | {text}" for text in detail.splitlines()]
    rest = len(findings) - _FINDINGS
    return fence("\n".join([*lines, *([f"… {plural(rest, 'more finding')}"] if rest > 0 else [])]))


def _group(group: Group, report: Report, room: int, *, opened: bool, alone: bool, missing: _Missing) -> str:
    """Write one Kustomization, or several that say the same, in at most ``room`` characters; "" when it cannot."""
    row = group.row
    title, intro = _title(group, report, alone=alone)
    before = f"<details{' open' if opened else ''}><summary>{title}</summary>\n\n"
    after = "\n\n</details>"
    body = [intro] if intro else []
    if row.notes:
        body.append(fence("\n".join(shorten_line(note, _FINDING_CHARACTERS) for note in row.notes[:_FINDINGS])))
    body += [links.in_markdown() for links in links_of(row, _LINKS)]
    if told := without_risks(row.findings):
        body.append(_findings(told))
    taken = size(before) + size(after) + sum(size(part) + 2 for part in body)
    own, foreign = own_changes(row), foreign_changes(row)
    diff, left = _diff(own, room - taken)
    if taken > room or (left and not diff):
        missing.kustomizations += [code_span(str(place)) for place in group.places]
        missing.objects += len(row.changes) * len(group.places)
        return ""
    body += [diff] if diff else []
    title_of_rest = f"<details><summary>{plural(len(foreign), 'object')} not from this pull request</summary>\n\n"
    rest, left_of_rest = _diff(foreign, room - taken - size(diff) - 2 - size(title_of_rest) - size(after))
    body += [title_of_rest + rest + after] if rest else []
    missing.objects += (left + left_of_rest) * len(group.places)
    return before + "\n\n".join(body) + after if body else title


def _title(group: Group, report: Report, *, alone: bool) -> tuple[str, str]:
    row, counts = group.row, tally_row(group.row)
    more = len(group.places) - 1
    name = _html_code(str(row.id)) + (f" and {plural(more, 'more Kustomization')}" if more else "")
    many = len(report.clusters) > 1
    title = f"{row_sign(row)} <b>{name}</b>" + (f" in {_html_code(row.id.cluster)}" if many and not more else "")
    said = [] if row.state is RowState.CHANGED else [ROW_STATES[row.state].words]
    if counts.objects and not alone:
        said.append(row_sentence(counts, each=bool(more)))
    title += f": {': '.join(said)}" if said else ""
    words = []
    if more:
        names = [
            code_span(f"{place.cluster}/{place}" if many else str(place)) + (f" ({called})" if called else "")
            for place, called in group.others()
        ]
        first = f"This is {code_span(f'{row.id.cluster}/{row.id}')}. " if many else ""
        words.append(f"{first}The same in {and_more(names, _PLACES)}.")
    if not alone:
        words += remarks(counts)
    return title, " ".join(words)


def _html_code(name: str) -> str:
    # Markdown is not parsed in a <summary>; an inert name has nothing that HTML parses.
    return code_span(name, "a name with unusual characters").replace("`", "<code>", 1).replace("`", "</code>", 1)


def _diff(changes: Sequence[Shown], room: int) -> tuple[str, int]:
    """Write whole objects into one fence as long as they fit; count the others."""
    kept: list[str] = []
    ticks = shown = 0
    room -= _FENCE_LINES
    for change, others in alike(changes):
        text = "\n".join(_diff_line(line) for line in object_lines(change, _MEASURE, others))
        ticks = max(ticks, fence_length(text))
        room -= size(text) + 2
        if room < 2 * ticks:
            break
        kept.append(text)
        shown += 1 + len(others)
    rest = len(changes) - shown
    return (_fenced(kept, rest) if kept else ""), rest


def _fenced(kept: Sequence[str], rest: int) -> str:
    return fence("\n\n".join([*kept, *([f"# … {plural(rest, 'more object')}"] if rest else [])]), "diff")


def _diff_line(line: Line) -> str:
    """As GitHub colours diffs: ``@@`` for objects, ``+`` and ``-`` for values, ``#`` for what we add."""
    return f"# {line.text}" if line.mark is Mark.NOTE else str(line)
