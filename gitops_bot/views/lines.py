"""Changes as lines of a diff: what every view prints, each in its own colours.

A line has a mark of ours and a text of theirs. The text never brings a line of its own: values
are split first, everything else is put on one line, so that nothing can pretend to be a mark.
"""

import difflib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from gitops_bot.models.changes import (
    ContentChange,
    ContentVersion,
    FieldChange,
    Operation,
    Origin,
    ResourceChange,
    SealedChange,
)
from gitops_bot.models.reports import KustomizationReport
from gitops_bot.rules.cleaning import clean, clean_line
from gitops_bot.views.summary import DESTRUCTIVE, by_weight, is_own, own_fields
from gitops_bot.views.text import and_more, shorten_line
from gitops_bot.views.words import CONTENT, OPERATIONS, ORIGINS, SEALED, plural

# Lines of two values that are compared with each other; more take too long, and nobody reads them.
_COMPARABLE = 1_500
# Pairs of equal lines up to which each of them is tried, and lines from which difflib can leave out frequent ones.
_FEW_PAIRS = 25_000
_JUNK_FROM = 200
# Objects that are named beside the one that they change like.
_ALIKE = 4
# dyff's words for the plain case, which two values beside each other say already.
_OBVIOUS = {"", "± value change"}


class Mark(StrEnum):
    """What a line is; the value is what plain text begins it with."""

    OBJECT = "@@ "
    FIELD = "  "
    REMOVED = "- "
    ADDED = "+ "
    SAME = "    "
    NOTE = "  # "


@dataclass(frozen=True)
class Line:
    """One line. ``text`` is clean and has no newline."""

    mark: Mark
    text: str

    def __str__(self) -> str:
        """The line as plain text."""
        end = " @@" if self.mark is Mark.OBJECT else ""
        return f"{self.mark.value}{self.text}{end}".rstrip()


# Where nothing is coloured: only the line of an object starts at the edge, so no value can pretend to be one.
_INDENTED = {
    Mark.OBJECT: "",
    Mark.FIELD: "  ",
    Mark.REMOVED: "  - ",
    Mark.ADDED: "  + ",
    Mark.SAME: "    ",
    Mark.NOTE: "  # ",
}


def indented(line: Line) -> str:
    """Give a line for a place that does not colour diffs."""
    return f"{_INDENTED[line.mark]}{line.text}".rstrip()


@dataclass(frozen=True)
class Measure:
    """How much of something is shown; None: all of it."""

    # Lines of one value or body.
    value_lines: int | None = None
    # Characters of one line.
    width: int | None = None
    # Whether fields that do not come from the pull request are shown, or only counted.
    foreign: bool = True


EVERYTHING = Measure()

# What a row shows of a pull request's own.
Shown = ResourceChange | ContentChange | SealedChange


def alike(changes: Iterable[Shown]) -> list[tuple[Shown, tuple[ResourceChange, ...]]]:
    """Put objects that change in the same way together: the first of them, and the others."""
    found: dict[object, tuple[Shown, list[ResourceChange]]] = {}
    for place, change in enumerate(changes):
        if isinstance(change, ResourceChange) and change.operation is Operation.CHANGE and change.fields:
            key: object = (change.origin, change.fields, change.body, change.facts, change.notes)
            if key in found:
                found[key][1].append(change)
                continue
        else:
            key = place
        found[key] = (change, [])
    return [(first, tuple(others)) for first, others in found.values()]


def object_lines(change: Shown, measure: Measure = EVERYTHING, others: Sequence[ResourceChange] = ()) -> list[Line]:
    """Give the lines of one object: what happens to it, its fields, its body or its facts.

    ``others`` change in the same way, and are named with it.
    """
    if isinstance(change, ContentChange):
        return _content_lines(change, measure)
    if isinstance(change, SealedChange):
        return _sealed_lines(change, measure)
    label = OPERATIONS[change.operation]
    lines = [_line(Mark.OBJECT, f"{label.sign} {change.object} {label.words}", measure)]
    if others:
        names = and_more([str(other.object) for other in others], _ALIKE)
        lines.append(_line(Mark.NOTE, f"the same in {names}", measure))
    if change.origin is not Origin.PULL_REQUEST and change.operation is not Operation.SKIP:
        lines.append(_line(Mark.NOTE, ORIGINS[change.origin].words, measure))
    lines += [_line(Mark.NOTE, note, measure) for note in change.notes]
    lines += [_line(Mark.REMOVED, fact, measure) for fact in change.facts]
    shown = _shown_fields(change, measure)
    for entry in shown:
        lines += _field_lines(entry, change.origin, measure)
    if len(shown) < len(change.fields):
        folded = Counter(entry.origin for entry in change.fields if entry not in shown)
        lines += [
            Line(Mark.NOTE, f"{plural(number, 'field')}: {ORIGINS[origin].words}") for origin, number in folded.items()
        ]
    lines += _values(Mark.ADDED, change.body, measure)
    return lines


def _content_lines(change: ContentChange, measure: Measure) -> list[Line]:
    """Give what is not rendered: what of it changes, and both versions beside each other."""
    by = f" (applied by {change.applied_by})" if change.applied_by else ""
    lines = [_line(Mark.OBJECT, f"{CONTENT.sign} {change.object}{by} {CONTENT.words}", measure)]
    lines += [_line(Mark.NOTE, note, measure) for note in change.notes]
    lines += [_line(Mark.FIELD, what, measure) for what in change.what]
    before, after = (_version_words(version) if version else "" for version in (change.before, change.after))
    if before == after:
        return [*lines, _line(Mark.SAME, before, measure)]
    lines += [_line(Mark.REMOVED, before, measure)] if before else []
    return [*lines, *([_line(Mark.ADDED, after, measure)] if after else [])]


def _version_words(version: ContentVersion) -> str:
    words = [version.chart, version.version or "(the newest version)"]
    words += [f"from {version.source}"] if version.source else []
    words += [f"({version.url})"] if version.url else []
    return " ".join(word for word in words if word)


def _sealed_lines(change: SealedChange, measure: Measure) -> list[Line]:
    """Give the names of keys of an encrypted file."""
    whose = f" ({change.object})" if change.object else ""
    lines = [_line(Mark.OBJECT, f"{SEALED.sign} {change.path}{whose} {SEALED.words}", measure)]
    lines += [_line(Mark.NOTE, note, measure) for note in change.notes]
    marked = ((Mark.REMOVED, change.removed, ""), (Mark.ADDED, change.added, ""), (Mark.FIELD, change.changed, "± "))
    for mark, keys, sign in marked:
        lines += _at_most([_line(mark, f"{sign}{key}", measure) for key in keys], measure.value_lines)
    return lines


def _shown_fields(change: ResourceChange, measure: Measure) -> Sequence[FieldChange]:
    return change.fields if measure.foreign or not is_own(change) else own_fields(change)


def _field_lines(entry: FieldChange, around: Origin, measure: Measure) -> list[Line]:
    said = [entry.path or "(the whole object)"]
    if entry.headline not in _OBVIOUS:
        said.append(entry.headline)
    if entry.origin is not around:
        said.append(f"({ORIGINS[entry.origin].words})")
    return [_line(Mark.FIELD, "  ".join(said), measure), *value_lines(entry.before, entry.after, measure)]


def value_lines(before: str, after: str, measure: Measure = EVERYTHING) -> list[Line]:
    """Give two values as removed and added lines; of long texts only what differs, with a line around it."""
    old, new = clean(before).splitlines(), clean(after).splitlines()
    if len(old) < 2 or len(new) < 2 or len(old) + len(new) > _COMPARABLE:  # noqa: PLR2004 - one line is no text
        return _values(Mark.REMOVED, before, measure) + _values(Mark.ADDED, after, measure)
    # What costs time are the pairs of equal lines. Many of them: lines that stand everywhere begin no match.
    counted = Counter(new)
    often = sum(counted[line] for line in old) > _FEW_PAIRS
    if often and len(new) < _JUNK_FROM:
        return _values(Mark.REMOVED, before, measure) + _values(Mark.ADDED, after, measure)
    lines: list[Line] = []
    for number, hunk in enumerate(difflib.SequenceMatcher(None, old, new, autojunk=often).get_grouped_opcodes(1)):
        if number or hunk[0][1]:
            lines.append(Line(Mark.NOTE, "…"))
        for tag, old_from, old_to, new_from, new_to in hunk:
            if tag == "equal":
                lines += [_line(Mark.SAME, text, measure) for text in old[old_from:old_to]]
                continue
            lines += [_line(Mark.REMOVED, text, measure) for text in old[old_from:old_to]]
            lines += [_line(Mark.ADDED, text, measure) for text in new[new_from:new_to]]
    return _at_most(lines, measure.value_lines and 2 * measure.value_lines)


def _values(mark: Mark, value: str, measure: Measure) -> list[Line]:
    return _at_most([_line(mark, text, measure) for text in clean(value).splitlines()], measure.value_lines)


def _at_most(lines: list[Line], most: int | None) -> list[Line]:
    if most is None or len(lines) <= most + 1:
        return lines
    return [*lines[:most], Line(Mark.NOTE, f"… {plural(len(lines) - most, 'more line')}")]


def _line(mark: Mark, text: str, measure: Measure) -> Line:
    return Line(mark, clean_line(text) if measure.width is None else shorten_line(text, measure.width))


# How lines of a unified diff begin.
_UNIFIED = {"-": Mark.REMOVED, "+": Mark.ADDED, " ": Mark.SAME}


def unified_lines(change: ResourceChange) -> list[Line]:
    """Give the unified view of one object; what it is made of, where there is no such view."""
    title, *details = object_lines(change)
    if not change.unified:
        return [title, *details]
    notes = [
        *change.notes,
        *(
            f"{entry.path or '(the whole object)'}: {ORIGINS[entry.origin].words}"
            for entry in change.fields
            if entry.origin is not Origin.PULL_REQUEST
        ),
    ]
    return [title, *(_line(Mark.NOTE, note, EVERYTHING) for note in notes), *unified_hunks(change)]


def unified_hunks(change: ResourceChange) -> list[Line]:
    """Give the unified diff of an object as lines; none where it is not known."""
    return [
        _line(_UNIFIED[text[0]], text[1:], EVERYTHING) if text[:1] in _UNIFIED else _line(Mark.NOTE, text, EVERYTHING)
        for text in clean(change.unified).splitlines()
    ]


def own_changes(row: KustomizationReport) -> list[Shown]:
    """Give what the pull request itself does in a row, the gravest first, and what of it nobody could see."""
    own = by_weight(change for change in row.changes if is_own(change))
    destroyed = [change for change in own if change.operation in DESTRUCTIVE]
    others = [change for change in own if change.operation not in DESTRUCTIVE]
    return [*destroyed, *row.contents, *others, *row.sealed]


def foreign_changes(row: KustomizationReport) -> list[ResourceChange]:
    """Give the objects of a row that differ from the cluster for other reasons only."""
    return by_weight(change for change in row.changes if not is_own(change))
