"""The middle of the Slack message: clusters and Kustomizations within what is left of Slack's limits.

Room goes first to one line for each, then to findings, then to changes, what matters most
before the rest; every Kustomization has a fair share. What does not fit is counted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gitops_bot.models.kustomizations import KustomizationId
from gitops_bot.models.reports import VERDICTS_BY_WEIGHT, ClusterReport, Finding, Report, RowState
from gitops_bot.rules.cleaning import clean, clean_line
from gitops_bot.rules.rbac_rules import text_to_paste
from gitops_bot.views.content_links import links_of
from gitops_bot.views.lines import Measure, alike, indented, object_lines, own_changes
from gitops_bot.views.risks import without_risks
from gitops_bot.views.slack_blocks import (
    Block,
    context,
    foreign_context,
    foreign_section,
    measure,
    preformatted,
    section,
)
from gitops_bot.views.summary import Group, groups, headline, remarks, row_sentence, row_sign, sign, tally, tally_row
from gitops_bot.views.text import and_more, code_span, prefix, shorten_line, size
from gitops_bot.views.words import ROW_STATES, SEVERITIES, join, plural

# What a person reads on a phone before opening the file.
_BRIEF = Measure(value_lines=8, width=160, foreign=False)
_WHOLE = Measure(foreign=False)
_LINES_OF_A_GROUP = 40
_CHARACTERS_OF_A_GROUP = 2_400
_GROUPS = 12
_CLUSTERS = 8
# Of one cluster, and of one Kustomization.
_FINDINGS = 3
_NOTES = 2
_LINKS = 2
# Short enough for one section, however long the names are.
_PLACES = 4
# What objects are called in another place.
_CALLED_CHARACTERS = 150
_SENTENCE_CHARACTERS = 400
_DETAIL_CHARACTERS = 300
# Of the rules that are lacking, which are meant to be copied whole.
_RULES_CHARACTERS = 900
# Lines of a cut object that say something, and room for the line that counts what is missing.
_LEAST_LINES = 3
_COUNTING_LINE = 40


@dataclass
class Room:
    """How much a message still takes."""

    blocks: int
    characters: int

    def take(self, blocks: Sequence[Block]) -> bool:
        """Take the room that blocks need, all of it or nothing."""
        needed = measure(blocks)
        if len(blocks) > self.blocks or needed > self.characters:
            return False
        self.blocks -= len(blocks)
        self.characters -= needed
        return True


@dataclass
class _Missing:
    """What had no room."""

    clusters: int = 0
    groups: int = 0
    objects: int = 0
    findings: int = 0
    notes: int = 0
    cut_objects: int = 0
    cut_findings: int = 0

    def words(self) -> str:
        parts = [
            (self.clusters, plural(self.clusters, "cluster")),
            (self.groups, plural(self.groups, "Kustomization")),
            (self.objects, plural(self.objects, "object")),
            (self.findings, plural(self.findings, "finding")),
            (self.notes, plural(self.notes, "note")),
            (self.cut_objects, f"parts of {plural(self.cut_objects, 'object')}"),
            (self.cut_findings, f"parts of {plural(self.cut_findings, 'finding')}"),
        ]
        return join([words for number, words in parts if number])


@dataclass
class _Part:
    """What is shown of a cluster, or of a group: its line, its findings, its changes."""

    head: list[Block]
    rest: list[Block] = field(default_factory=list)


@dataclass(frozen=True)
class Details:
    """The middle of a message. ``missing`` says in words what is not in it, "" when all of it is."""

    blocks: tuple[Block, ...]
    missing: str


def details(report: Report, room: Room) -> Details:
    """Show as much of a report as there is room for."""
    missing, found = _Missing(), groups(report)
    clusters = _clusters(report, found, room, missing)
    shown = _groups(report, found, clusters, room, missing)
    for cluster in report.clusters:
        if cluster.cluster in clusters:
            clusters[cluster.cluster].rest += _findings(without_risks(cluster.findings), room, missing)
    for number, part in shown.items():
        part.rest += _findings(without_risks(found[number].row.findings), room, missing)
    for number, text in _changes({number: found[number] for number in shown}, room, missing).items():
        shown[number].rest.append(preformatted(text))
    blocks: list[Block] = []
    for cluster in report.clusters:
        if cluster.cluster in clusters:
            blocks += clusters[cluster.cluster].head + clusters[cluster.cluster].rest
        for number, part in shown.items():
            if found[number].places[0].cluster == cluster.cluster:
                blocks += part.head + part.rest
    return Details(tuple(blocks), missing.words())


def _clusters(report: Report, found: Sequence[Group], room: Room, missing: _Missing) -> dict[str, _Part]:
    """Give each cluster its line; one alone needs none, the summary says it."""
    by_weight = sorted(report.clusters, key=lambda cluster: VERDICTS_BY_WEIGHT.index(cluster.verdict))
    parts: dict[str, _Part] = {}
    for cluster in by_weight:
        head = _cluster_head(cluster, found) if len(report.clusters) > 1 else []
        if len(parts) < _CLUSTERS and room.take(head):
            parts[cluster.cluster] = _Part(head)
        else:
            missing.clusters += 1
            missing.findings += len(without_risks(cluster.findings))
    return parts


def _cluster_head(cluster: ClusterReport, found: Sequence[Group]) -> list[Block]:
    counts = tally([cluster])
    said = f"{sign(cluster.verdict, counts)} *Cluster {code_span(cluster.cluster)}*"
    elsewhere = [group for group in found if group.places[0].cluster != cluster.cluster]
    shared = [place for group in elsewhere for place in group.places if place.cluster == cluster.cluster]
    above = context(f"As above: {and_more(map(_name, shared), _PLACES)}")
    return [section(f"{said}\n{headline(cluster.verdict, counts)}."), *([above] if shared else [])]


def _groups(
    report: Report, found: Sequence[Group], clusters: Mapping[str, _Part], room: Room, missing: _Missing
) -> dict[int, _Part]:
    """Give each group its line and its notes."""
    parts: dict[int, _Part] = {}
    # A block more for each, for its changes.
    for number, group in enumerate(found):
        head = _group_head(group, report, alone=len(found) == 1)
        fits = len(parts) < _GROUPS and room.blocks > len(head) + len(parts)
        if fits and group.places[0].cluster in clusters and room.take(head):
            parts[number] = _Part(head)
            missing.notes += max(len(group.row.notes) - _NOTES, 0)
            continue
        missing.groups += len(group.places)
        missing.objects += len(own_changes(group.row)) * len(group.places)
        missing.findings += len(without_risks(group.row.findings))
    room.blocks -= len(parts)
    return parts


def _group_head(group: Group, report: Report, *, alone: bool) -> list[Block]:
    """Give the line of a Kustomization, or of several that say the same."""
    row, counts = group.row, tally_row(group.row)
    more = len(group.places) - 1
    others = f" and {plural(more, 'more Kustomization')}" if more else ""
    lines = [f"{row_sign(row)} *{_name(row.id)}*{others}"]
    if more:
        many = len(report.clusters) > 1
        names = [
            (f"{_name(place)} in {code_span(place.cluster)}" if many else _name(place))
            + (f" ({called})" if called and size(called) <= _CALLED_CHARACTERS else "")
            for place, called in group.others()
        ]
        lines.append(f"The same in {and_more(names, _PLACES)}.")
    said = [] if row.state is RowState.CHANGED else [ROW_STATES[row.state].words]
    if counts.objects and not alone:
        said.append(row_sentence(counts, each=bool(more)))
    if said:
        lines.append(f"{said[0][0].upper()}{': '.join(said)[1:]}.")
    if not alone:
        lines += remarks(counts)
    notes = row.notes[:_NOTES]
    if row.reason and not (row.notes or row.changes or row.findings):
        notes = (row.reason,)
    return [
        section("\n".join(lines)),
        *(foreign_context(shorten_line(note, _SENTENCE_CHARACTERS)) for note in notes if note),
        *(context(links.in_slack()) for links in links_of(row, _LINKS)),
    ]


def _name(place: KustomizationId) -> str:
    return code_span(str(place))


def _findings(findings: Sequence[Finding], room: Room, missing: _Missing) -> list[Block]:
    blocks: list[Block] = []
    for number, finding in enumerate(findings):
        shown, whole = _finding(finding)
        if number < _FINDINGS and room.take(shown):
            blocks += shown
            missing.cut_findings += not whole
        else:
            missing.findings += 1
    return blocks


def _finding(finding: Finding) -> tuple[list[Block], bool]:
    """Give a finding, and whether that is all of it."""
    said = [f"{SEVERITIES[finding.severity].sign} {shorten_line(finding.message, _SENTENCE_CHARACTERS)}"]
    if finding.advice:
        said.append(f"→ {shorten_line(finding.advice, _SENTENCE_CHARACTERS)}")
    blocks = [foreign_section("\n".join(said))]
    rules = clean(text_to_paste(finding.lacks)).rstrip("\n")
    shown = prefix(rules, _RULES_CHARACTERS)
    if shown:
        blocks.append(preformatted(shown if shown == rules else f"{shown}…"))
    detail = clean(finding.detail)
    kept = prefix(detail, _DETAIL_CHARACTERS)
    if kept.strip():
        blocks.append(preformatted(kept if kept == detail else f"{kept}…"))
    whole = (kept, shown) == (detail, rules) and all(
        size(clean_line(text)) <= _SENTENCE_CHARACTERS for text in (finding.message, finding.advice)
    )
    return blocks, whole


def _changes(wanted: Mapping[int, Group], room: Room, missing: _Missing) -> Mapping[int, str]:
    """Share the characters: an equal part for each group still waiting, the first being the most important."""
    texts: dict[int, str] = {}
    waiting = [number for number in wanted if own_changes(wanted[number].row)]
    for place, number in enumerate(waiting):
        share = min(room.characters // (len(waiting) - place), _CHARACTERS_OF_A_GROUP)
        text = _changes_text(wanted[number], share, missing)
        if text:
            texts[number] = text
            room.characters -= size(text)
    return texts


def _changes_text(group: Group, characters: int, missing: _Missing) -> str:
    """Write whole objects as long as they fit; only the first may be cut."""
    kept: list[str] = []
    changes = own_changes(group.row)
    shown = 0
    for change, others in alike(changes):
        brief = object_lines(change, _BRIEF, others)
        lines = [indented(line) for line in brief]
        taken = sum(size(line) + 1 for line in kept)
        fitting = _fitting(lines, characters - taken - _COUNTING_LINE, _LINES_OF_A_GROUP - len(kept))
        if fitting < len(lines) and (shown or fitting < _LEAST_LINES):
            break
        kept += lines[:fitting]
        shown += 1 + len(others)
        if fitting < len(lines):
            kept.append(f"  … {plural(len(lines) - fitting, 'more line')}")
        missing.cut_objects += fitting < len(lines) or brief != object_lines(change, _WHOLE, others)
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
