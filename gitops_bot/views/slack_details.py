"""The middle of the Slack message: clusters and Kustomizations within what is left of Slack's limits.

What matters most gets its room first; every group has a fair share, what one does not need goes
to the next; what does not fit is counted, never dropped in silence.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gitops_bot.models.kustomizations import KustomizationId
from gitops_bot.models.reports import Finding, Report, RowState
from gitops_bot.rules.cleaning import clean, clean_line
from gitops_bot.views.lines import Measure, indented, object_lines, own_changes
from gitops_bot.views.slack_blocks import (
    Block,
    context,
    foreign_context,
    foreign_section,
    measure,
    preformatted,
    section,
)
from gitops_bot.views.summary import Group, groups, headline, remarks, row_sign, sentence, sign, tally, tally_row
from gitops_bot.views.text import and_more, code_span, shorten, shorten_line, size
from gitops_bot.views.words import ROW_STATES, SEVERITIES, join, plural

# What a person reads on a phone before opening the file.
_MEASURE = Measure(value_lines=8, width=160, foreign=False)
_LINES_OF_A_GROUP = 40
_CHARACTERS_OF_A_GROUP = 2_400
_LEAST_DETAIL = 120
# Lines of a cut object that say something, and room for the line that counts what is missing.
_LEAST_LINES = 3
_COUNTING_LINE = 40
_GROUPS = 12
_CLUSTERS = 8
_FINDINGS = 3
_PLACES = 6
_FINDING_CHARACTERS = 600
_DETAIL_CHARACTERS = 400


@dataclass(frozen=True)
class Room:
    """How much a message still takes."""

    blocks: int
    characters: int


@dataclass
class _Missing:
    """What had no room."""

    groups: int = 0
    objects: int = 0
    cut: int = 0
    findings: int = 0
    clusters: int = 0

    def words(self) -> str:
        parts = [
            (self.clusters, plural(self.clusters, "cluster")),
            (self.groups, plural(self.groups, "Kustomization")),
            (self.objects, plural(self.objects, "object")),
            (self.findings, plural(self.findings, "finding")),
            (self.cut, f"parts of {plural(self.cut, 'object')}"),
        ]
        return join([words for number, words in parts if number])


@dataclass(frozen=True)
class Details:
    """The middle of a message. ``missing`` says in words what is not in it, "" when all of it is."""

    blocks: tuple[Block, ...]
    missing: str


def details(report: Report, room: Room) -> Details:
    """Show as much of a report as there is room for."""
    missing = _Missing()
    found = groups(report)
    heads: dict[int, list[Block]] = {}
    clusters = _cluster_heads(report, found, missing)
    left = Room(
        room.blocks - sum(map(len, clusters.values())),
        room.characters - sum(measure(blocks) for blocks in clusters.values()),
    )
    for number, group in enumerate(found):
        head = _group_head(group, report, alone=len(found) == 1, missing=missing)
        # A head and its details are what a group may need; keep at least that.
        if number >= _GROUPS or len(head) + 1 > left.blocks or measure(head) + _LEAST_DETAIL > left.characters:
            missing.groups += len(group.places)
            missing.objects += sum(len(own_changes(group.row)) for _ in group.places)
            continue
        heads[number] = head
        left = Room(left.blocks - len(head) - 1, left.characters - measure(head))
    bodies = _bodies({number: found[number] for number in heads}, left.characters, missing)
    blocks: list[Block] = []
    for cluster in report.clusters:
        blocks += clusters.get(cluster.cluster, [])
        for number, head in heads.items():
            if found[number].places[0].cluster == cluster.cluster:
                blocks += head + bodies[number]
    return Details(tuple(blocks), missing.words())


def _cluster_heads(report: Report, found: Sequence[Group], missing: _Missing) -> Mapping[str, list[Block]]:
    """Give each cluster's own line and findings; one cluster needs no line, the summary says it."""
    heads: dict[str, list[Block]] = {}
    for number, cluster in enumerate(report.clusters):
        if number >= _CLUSTERS:
            missing.clusters += 1
            continue
        blocks: list[Block] = []
        if len(report.clusters) > 1:
            counts = tally([cluster])
            said = f"{sign(cluster.verdict, counts)} *Cluster {code_span(cluster.cluster)}*"
            blocks.append(section(f"{said}\n{headline(cluster.verdict, counts)}."))
        above = [code_span(str(place)) for place in _shown_above(cluster.cluster, found)]
        blocks += [context(f"As above: {and_more(above, _PLACES)}")] if above else []
        heads[cluster.cluster] = blocks + _finding_blocks(cluster.findings, missing)
    return heads


def _shown_above(cluster: str, found: Sequence[Group]) -> list[KustomizationId]:
    """Name the Kustomizations of a cluster that say the same as one of another cluster."""
    elsewhere = [group for group in found if group.places[0].cluster != cluster]
    return [place for group in elsewhere for place in group.places if place.cluster == cluster]


def _group_head(group: Group, report: Report, *, alone: bool, missing: _Missing) -> list[Block]:
    """Give the line of a Kustomization (or of several that say the same), and its findings."""
    row, counts = group.row, tally_row(group.row)
    changed = row.state is RowState.CHANGED
    more = len(group.places) - 1
    others = f" and {plural(more, 'more Kustomization')}" if more else ""
    lines = [f"{row_sign(row)} *{code_span(str(row.id))}*{others}"]
    if more:
        lines.append(f"The same in {_other_places(group, report)}.")
    said = [] if changed else [ROW_STATES[row.state].words]
    if counts.objects and not alone:
        said.append(sentence(counts) + (" in each" if more else ""))
    if said:
        lines.append(_capitalised(": ".join(said)))
    if not alone:
        lines += remarks(counts)
    blocks = [section("\n".join(lines))]
    if not row.changes and not row.findings:
        why = next((note for note in (*row.notes, row.reason) if note), "")
        blocks += [foreign_context(shorten_line(why, _FINDING_CHARACTERS))] if why else []
    return blocks + _finding_blocks(row.findings, missing)


def _other_places(group: Group, report: Report) -> str:
    many = len(report.clusters) > 1
    names = [
        f"{code_span(str(place))} in {code_span(place.cluster)}" if many else code_span(str(place))
        for place in group.places[1:]
    ]
    return and_more(names, _PLACES)


def _capitalised(words: str) -> str:
    return words[0].upper() + words[1:] + "."


def _finding_blocks(findings: Sequence[Finding], missing: _Missing) -> list[Block]:
    blocks: list[Block] = []
    for finding in findings[:_FINDINGS]:
        advice = f"\n→ {clean_line(finding.advice)}" if finding.advice else ""
        said = f"{SEVERITIES[finding.severity].sign} {clean_line(finding.message)}"
        blocks.append(foreign_section(shorten(said, _FINDING_CHARACTERS) + shorten(advice, _FINDING_CHARACTERS)))
        if finding.detail:
            blocks.append(preformatted(shorten(clean(finding.detail), _DETAIL_CHARACTERS)))
    missing.findings += max(len(findings) - _FINDINGS, 0)
    return blocks


def _bodies(wanted: Mapping[int, Group], characters: int, missing: _Missing) -> Mapping[int, list[Block]]:
    """Share the characters: an equal part for each group still waiting, the first being the most important."""
    bodies: dict[int, list[Block]] = {number: [] for number in wanted}
    waiting = [number for number in wanted if own_changes(wanted[number].row)]
    for place, number in enumerate(waiting):
        share = min(characters // (len(waiting) - place), _CHARACTERS_OF_A_GROUP)
        text = _changes_text(wanted[number], share, missing)
        if text:
            bodies[number] = [preformatted(text)]
            characters -= measure(bodies[number])
    return bodies


def _changes_text(group: Group, characters: int, missing: _Missing) -> str:
    """Write whole objects as long as they fit; only the first may be cut."""
    kept: list[str] = []
    changes = own_changes(group.row)
    shown = 0
    for change in changes:
        lines = [indented(line) for line in object_lines(change, _MEASURE)]
        taken = sum(size(line) + 1 for line in kept)
        fitting = _fitting(lines, characters - taken - _COUNTING_LINE, _LINES_OF_A_GROUP - len(kept))
        if fitting == len(lines):
            kept += lines
        elif shown or fitting < _LEAST_LINES:
            break
        else:
            kept += [*lines[:fitting], f"  … {plural(len(lines) - fitting, 'more line')}"]
            missing.cut += 1
        shown += 1
        if fitting < len(lines):
            break
    rest = len(changes) - shown
    missing.objects += rest * len(group.places)
    return "\n".join([*kept, f"… {plural(rest, 'more object')}"] if rest and kept else kept)


def _fitting(lines: Sequence[str], characters: int, most: int) -> int:
    """Count the lines that fit."""
    for number, line in enumerate(lines):
        characters -= size(line) + 1
        if characters < 0 or number >= most:
            return number
    return len(lines)
