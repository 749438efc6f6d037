"""What a report comes to: counts, the sentence that a person grasps at a glance, and what can be shown once."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from gitops_bot.models.changes import ContentChange, FieldChange, Operation, Origin, ResourceChange, SealedChange
from gitops_bot.models.kustomizations import KustomizationId
from gitops_bot.models.reports import (
    SEVERITIES_BY_WEIGHT,
    ClusterReport,
    Finding,
    KustomizationReport,
    Report,
    RowState,
    Severity,
    Verdict,
)
from gitops_bot.rules.cleaning import has_hidden_characters
from gitops_bot.rules.routine import is_routine, is_routine_row
from gitops_bot.views.risks import is_told_above, neutral
from gitops_bot.views.text import and_more, code_span
from gitops_bot.views.words import DESTROYS, ORIGINS, ROUTINE, ROW_STATES, VERDICTS, join, plural

# Origins that the merge itself brings to the cluster; the others are folded and counted.
OWN = frozenset({Origin.PULL_REQUEST, Origin.UNDONE})
# Kustomizations in one sentence.
_NAMED = 3
# Objects that are called otherwise in another place.
_CALLED = 2
# Names of settings in one sentence.
_SETTINGS = 4
DESTRUCTIVE = frozenset({Operation.DELETE, Operation.RECREATE})
_OPERATIONS = (Operation.DELETE, Operation.RECREATE, Operation.CHANGE, Operation.CREATE, Operation.SKIP)
# Rows without own changes, the more telling first.
_STATES = (
    RowState.FAILING,
    RowState.NOT_ANALYSED,
    RowState.REMOVED,
    RowState.CHANGED,
    RowState.NEW,
    RowState.SUSPENDED,
    RowState.REMOTE,
    RowState.UNCHANGED,
)


@dataclass(frozen=True)
class Tally:
    """Objects by what happens to them because of the pull request, and by the origin of everything else."""

    operations: Counter[Operation] = field(default_factory=Counter)
    # Objects with at least one entry of an origin that is not the pull request's own; UNDONE as well.
    origins: Counter[Origin] = field(default_factory=Counter)
    severities: Counter[Severity] = field(default_factory=Counter)
    # Those among the findings that stand in a place of their own.
    risks: Counter[Severity] = field(default_factory=Counter)
    # Of a report, and of one row.
    routine: bool = False
    routine_row: bool = False
    # Objects whose text has characters that a person does not see.
    hidden: Counter[Operation] = field(default_factory=Counter)
    # Objects that something happens to only when a suspended Kustomization is resumed.
    on_resume: Counter[Operation] = field(default_factory=Counter)
    # What people switched off: fields and objects, by setting.
    off_fields: Counter[str] = field(default_factory=Counter)
    off_objects: Counter[str] = field(default_factory=Counter)
    # What changes without being rendered ("contents") or seen ("sealed").
    unseen: Counter[str] = field(default_factory=Counter)
    # namespace/name of Kustomizations that the repository may feed in a way that cannot be followed.
    left_out: list[str] = field(default_factory=list)

    @property
    def objects(self) -> int:
        """How many objects the pull request itself touches."""
        return sum(count for operation, count in self.operations.items() if operation is not Operation.SKIP)

    @property
    def destroys(self) -> bool:
        """Whether an object goes, for good or to be created anew, now or on resume."""
        return any(self.operations[operation] + self.on_resume[operation] for operation in DESTRUCTIVE)


def own_fields(change: ResourceChange) -> tuple[FieldChange, ...]:
    """Give the fields that differ because of the pull request."""
    return tuple(entry for entry in change.fields if entry.origin in OWN)


def is_own(change: ResourceChange) -> bool:
    """Whether the pull request itself does something to the object."""
    return change.origin in OWN or bool(own_fields(change))


def origins_of(change: ResourceChange) -> frozenset[Origin]:
    """Give every origin that occurs in a change."""
    return frozenset({change.origin} | {entry.origin for entry in change.fields})


def has_hidden_text(change: ResourceChange) -> bool:
    """Whether a change has characters that a person does not see."""
    fields = [text for entry in change.fields for text in (entry.path, entry.headline, entry.before, entry.after)]
    texts = (str(change.object), change.body, *change.facts, *change.notes, *fields)
    return any(has_hidden_characters(text) for text in texts)


def _has_hidden_text(change: ContentChange | SealedChange) -> bool:
    """Whether what is not rendered has characters that a person does not see."""
    if isinstance(change, SealedChange):
        texts = [change.path, str(change.object), *change.added, *change.removed, *change.changed]
    else:
        versions = [version for version in (change.before, change.after) if version]
        texts = [str(change.object), *change.what, change.applied_by]
        texts += [text for one in versions for text in (one.chart, one.version, one.url, str(one.source))]
    return any(has_hidden_characters(text) for text in texts)


def findings_of(cluster: ClusterReport) -> tuple[Finding, ...]:
    """Give all findings of a cluster, its rows' included, the gravest first."""
    return tuple(sorted(cluster.all_findings, key=lambda finding: SEVERITIES_BY_WEIGHT.index(finding.severity)))


def tally(clusters: Iterable[ClusterReport]) -> Tally:
    """Count the changes and findings of clusters."""
    clusters = tuple(clusters)
    result = Tally(routine=is_routine(clusters))
    for cluster in clusters:
        result.severities.update(finding.severity for finding in findings_of(cluster))
        result.risks.update(finding.severity for finding in findings_of(cluster) if is_told_above(finding))
        result.left_out.extend(str(left_out.id) for left_out in cluster.left_out)
        for row in cluster.rows:
            _count(row, result)
    return result


def tally_row(row: KustomizationReport) -> Tally:
    """Count the changes and findings of one row."""
    result = Tally(severities=Counter(finding.severity for finding in row.findings), routine_row=is_routine_row(row))
    result.risks.update(finding.severity for finding in row.findings if is_told_above(finding))
    _count(row, result)
    return result


def _count(row: KustomizationReport, result: Tally) -> None:
    result.unseen.update(contents=len(row.contents), sealed=len(row.sealed))
    unseen: list[ContentChange | SealedChange] = [*row.contents, *row.sealed]
    result.hidden[Operation.CHANGE] += sum(map(_has_hidden_text, unseen))
    for hidden in row.hidden:
        result.off_fields[hidden.setting] += hidden.fields
        result.off_objects[hidden.setting] += hidden.objects
    # What a risk says is not said again.
    told = {finding.object for finding in row.findings if finding.risk and finding.code == "hidden-characters"}
    operations = result.on_resume if row.state is RowState.SUSPENDED else result.operations
    for change in row.changes:
        if change.operation is Operation.SKIP or is_own(change):
            operations[change.operation] += 1
        if has_hidden_text(change) and change.object not in told:
            result.hidden[change.operation] += 1
        result.origins.update(origins_of(change) - {Origin.PULL_REQUEST})


def sentence(counts: Tally) -> str:
    """Say what the pull request does: "2 objects change, 1 is created, nothing is deleted"."""
    done = [
        (counts.operations[Operation.CHANGE], "changes", "change"),
        (counts.operations[Operation.CREATE], "is created", "are created"),
        (counts.operations[Operation.RECREATE], "is deleted and created anew", "are deleted and created anew"),
        (counts.operations[Operation.DELETE], "is deleted", "are deleted"),
    ]
    parts = [(number, one, many) for number, one, many in done if number]
    if not parts:
        return "nothing changes"
    words = []
    for place, (number, one, many) in enumerate(parts):
        subject = plural(number, "object") if place == 0 else f"{number:,}"
        words.append(f"{subject} {one if number == 1 else many}")
    if not counts.destroys:
        words.append("nothing is deleted")
    return ", ".join(words)


def row_sentence(counts: Tally, *, each: bool = False) -> str:
    """Say what the pull request does to one Kustomization, or to each of several, and whether that is a usual thing."""
    said = f"{sentence(counts)}, in each" if each else sentence(counts)
    return f"{said} · {ROUTINE.words}" if counts.routine_row else said


def remarks(counts: Tally) -> list[str]:
    """Say what else there is to know, in sentences: what is overwritten, and what does not come from here."""
    found = counts.origins
    said = []
    if counts.routine:
        said.append(f"{ROUTINE.sign} Routine: only image or chart versions change. This is no safety verdict.")
    if number := counts.hidden.total():
        said.append(f"⚠️ Hidden characters in {plural(number, 'object')}, shown here as escapes like \\u202e.")
    if number := counts.on_resume.total():
        said.append(f"{plural(number, 'object')} would change only when a suspended Kustomization is resumed.")
    said += _unseen_remarks(counts)
    if number := found[Origin.UNDONE]:
        said.append(f"Overwrites what somebody changed in the cluster by hand, in {plural(number, 'object')}.")
    before = [
        (found[Origin.DRIFT], "drift in {}"),
        (found[Origin.PENDING], "{} waiting on the base branch"),
    ]
    parts = [words.format(plural(number, "object")) for number, words in before if number]
    if parts:
        said.append(f"Not from this pull request: {join(parts)}.")
    if number := found[Origin.ADOPTED]:
        said.append(f"Already so in the cluster: {plural(number, 'object')}.")
    if number := found[Origin.WITHDRAWN]:
        said.append(f"Taken back before it was ever applied: {plural(number, 'object')}.")
    if number := counts.operations[Operation.SKIP]:
        said.append(f"Left alone by Flux, so not reviewed: {plural(number, 'object')}.")
    if words := hidden_words(counts):
        said.append(f"{words}.")
    return said + _left_out_remarks(counts)


def plain_remarks(counts: Tally) -> list[str]:
    """Give the remarks for a place that knows no markup: names there are in code spans, which nothing else is."""
    return [said.replace("`", "") for said in remarks(counts)]


def _unseen_remarks(counts: Tally) -> list[str]:
    """Say what changes without being rendered, or read."""
    said = []
    if number := counts.unseen["contents"]:
        said.append(f"Content not rendered: {plural(number, 'chart')}; only what is taken from where is shown.")
    if number := counts.unseen["sealed"]:
        said.append(f"Encrypted values of {plural(number, 'object')} change; only the names of their keys are shown.")
    return said


def _left_out_remarks(counts: Tally) -> list[str]:
    """Name in one line what could not be followed."""
    if not counts.left_out:
        return []
    names = and_more([code_span(name) for name in counts.left_out], _NAMED)
    return [f"Not looked at, though this repository may feed it: {names}. `gitops-bot check` says why."]


def hidden_words(counts: Tally) -> str:
    """Say how much people switched off, and where: "Hidden by your settings: 2 fields (noise.fields[0])"; or ""."""
    known = [(counts.off_fields.total(), "field"), (counts.off_objects.total(), "object")]
    parts = [plural(number, noun) for number, noun in known if number]
    settings = sorted({*counts.off_fields, *counts.off_objects})
    return f"Hidden by your settings: {join(parts)} ({and_more(settings, _SETTINGS)})" if parts else ""


def headline(verdict: Verdict, counts: Tally) -> str:
    """Say in one sentence what a report, or a cluster's part of it, comes to."""
    said = sentence(counts) if counts.objects else ""
    if verdict is Verdict.HELD:
        return "Held"
    if verdict is Verdict.BLOCKED:
        return f"Blocked: {said}" if said else "Blocked"
    if verdict is Verdict.INCOMPLETE:
        return f"Incomplete: {said}, as far as could be seen" if said else "Incomplete"
    if verdict is Verdict.NO_EFFECT:
        return "No effect on what runs"
    if said or counts.unseen.total():
        said = said or "something changes that cannot be seen before the merge"
        return said[0].upper() + said[1:]
    hidden = counts.off_fields.total() + counts.off_objects.total()
    return "Nothing changes but what your settings hide" if hidden else "Nothing changes at once"


def sign(verdict: Verdict, counts: Tally) -> str:
    """Give the sign of a verdict; red when something is destroyed."""
    return DESTROYS.sign if verdict is Verdict.CHANGES and counts.destroys else VERDICTS[verdict].sign


def row_sign(row: KustomizationReport) -> str:
    """Give the sign of a row by what matters most in it."""
    counts = tally_row(row)
    if any(finding.blocks for finding in row.findings):
        return VERDICTS[Verdict.BLOCKED].sign
    if counts.destroys:
        return DESTROYS.sign
    if any(finding.incomplete for finding in row.findings):
        return VERDICTS[Verdict.INCOMPLETE].sign
    if row.state is RowState.CHANGED and not counts.objects and row.changes:
        return ORIGINS[Origin.DRIFT].sign
    return ROW_STATES[row.state].sign


@dataclass(frozen=True)
class Group:
    """One row, or several that say the same and are shown once. ``places`` has the first row's own place first."""

    row: KustomizationReport
    places: tuple[KustomizationId, ...]
    # As Kind/name, for each place: the objects that are called otherwise than those of the first row.
    called: tuple[tuple[str, ...], ...]

    def others(self, most: int = _CALLED) -> list[tuple[KustomizationId, str]]:
        """Give the places after the first, each with what its objects are called there: "" for the same names."""
        return [
            (place, and_more([code_span(name) for name in called], most))
            for place, called in zip(self.places[1:], self.called[1:], strict=True)
        ]


def groups(report: Report) -> tuple[Group, ...]:
    """Put rows that say the same together, over all clusters; what matters most first."""
    found: dict[object, list[KustomizationReport]] = {}
    for cluster in report.clusters:
        for row in cluster.rows:
            found.setdefault(_fingerprint(row), []).append(row)
    result = [
        Group(rows[0], tuple(row.id for row in rows), tuple(_called(row, rows[0]) for row in rows))
        for rows in found.values()
    ]
    return tuple(sorted(result, key=lambda group: weight(group.row)))


def _fingerprint(row: KustomizationReport) -> object:
    """Give what two rows must share to be shown once: everything but where they are."""
    return (
        row.state,
        tuple(
            (finding.code, finding.severity, neutral(finding), finding.detail, finding.lacks)
            for finding in row.findings
        ),
        tuple(_without_place(change) for change in row.changes),
        row.notes,
        row.contents,
        row.sealed,
        # A row that says nothing else is told apart by its name only.
        row.id.name if not (row.changes or row.findings or row.unseen) else "",
    )


def _called(row: KustomizationReport, first: KustomizationReport) -> tuple[str, ...]:
    pairs = zip(row.changes, first.changes, strict=True)
    return tuple(f"{one.object.kind}/{one.object.name}" for one, other in pairs if one.object.name != other.object.name)


def _without_place(change: ResourceChange) -> ResourceChange:
    if change.body:
        # A created object's body states its namespace: there, equal means equal.
        return change
    # A component does the same to objects of many names; what goes has a name that matters.
    name = "" if change.operation is Operation.CHANGE and change.fields else change.object.name
    return replace(change, object=replace(change.object, namespace="", name=name), unified="")


def weight(row: KustomizationReport) -> tuple[int, ...]:
    """Give the place of a row: blocked, destructive, changing, then the rest. Equal rows keep their order."""
    counts = tally_row(row)
    blocking = any(finding.blocks for finding in row.findings)
    return (
        0 if blocking else 1,
        0 if counts.destroys else 1,
        0 if counts.severities[Severity.CRITICAL] else 1,
        0 if counts.objects or row.unseen else 1,
        _STATES.index(row.state),
    )


def by_weight(changes: Iterable[ResourceChange]) -> list[ResourceChange]:
    """Sort changes: what destroys first, then changes, then what is new. Equal ones keep their order."""
    return sorted(changes, key=lambda change: _OPERATIONS.index(change.operation))
