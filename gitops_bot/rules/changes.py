r"""The text of ``flux diff`` as values.

flux prints one heading per object (``► Kind/namespace/name state``) and below it what dyff, its
diff library, says in its human format: a path, then one or more details. The texts inside are
the pull request's, so nothing here trusts their look:

- A heading stands in column 0 and matches the whole line.
- Lines end at ``\n`` only; other control characters are part of a value.
- A line that fits nowhere is kept in ``unknown_lines``; whoever reads the result must take such a
  diff for not understood. dyff prints the items of a reordered list raw, so a value *can* forge a
  heading: what it leaves behind are lines that fit nowhere, and counts that do not add up.

Format: https://github.com/homeport/dyff/blob/v1.10.2/pkg/dyff/output_human.go and
https://github.com/fluxcd/flux2/blob/v2.9.5/internal/build/diff.go
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from gitops_bot.models.changes import DiffedObject, DiffEntry, ParsedDiff
from gitops_bot.models.kustomizations import ObjectReference

# What dyff itself takes for colour when it measures columns.
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_ESCAPE = "\x1b"
_IN_COLOUR = frozenset("0123456789;\x1b")

# A skipped object that does not exist has an empty name.
_HEADING = re.compile(
    r"(?:► (?P<kind>[A-Za-z][A-Za-z0-9]*)/(?:(?P<namespace>[^/]*)/)?(?P<name>[^/]*)"
    r" (?P<state>created|drifted|deleted|skipped)"
    r"|📁 (?P<child_kind>Kustomization)/(?P<child_namespace>[^/]*)/(?P<child_name>[^/]*) changed)"
)
_ROOT_PATHS = {"(root level)", "(file level)"}

_REMOVED = r"- \S+ (?:map entr(?:y|ies)|list entr(?:y|ies)|documents?) removed:"
_ADDED = r"\+ \S+ (?:map entr(?:y|ies)|list entr(?:y|ies)|documents?) added:"
_ORDER = r"⇆ order changed"
_MODIFIED = (
    r"± (?:value change|content change|certificate change|whitespace only change"
    r"|type change from \S+ to \S+"
    r"|value change in multiline text \(\S+ inserts?, \S+ deletions?\))"
)
_HEADLINE = re.compile(
    rf"(?P<modified>{_MODIFIED})"
    # Up to three columns, each at least three spaces after the one before.
    rf"|(?=[⇆+-])(?P<order>{_ORDER})?(?: {{3,}})?(?P<removed>{_REMOVED})?(?: {{3,}})?(?P<added>{_ADDED})?"
)
_FOLLOWING = {"order": re.compile(rf"{_REMOVED}|{_ADDED}"), "removed": re.compile(_ADDED)}
_ADDED_INDENT = 2
# Characters of an item up to which the two columns of a reordered list are told apart: each place is tried.
_WIDEST_COLUMN = 2_000
_GAP = 3


@dataclass
class _Open:
    """An object whose heading was read, while the lines below it are collected."""

    subject: ObjectReference
    state: str
    lines: list[str] = field(default_factory=list)


def parse_diff(text: str) -> ParsedDiff:
    """Read what ``flux diff kustomization`` printed on standard output. Never raises."""
    objects: list[_Open] = []
    unknown: list[str] = []
    for line in _without_colour(text).split("\n"):
        heading = _HEADING.fullmatch(line)
        if heading:
            objects.append(_opened(heading))
        elif objects:
            objects[-1].lines.append(line)
        elif line:
            unknown.append(line)
    parsed = []
    for item in objects:
        entries, rest = _entries(item.lines) if item.state == "drifted" else ([], [x for x in item.lines if x])
        parsed.append(DiffedObject(item.subject, item.state, tuple(entries)))
        unknown += rest
    return ParsedDiff(tuple(parsed), tuple(unknown))


def _without_colour(text: str) -> str:
    return "\n".join(_plain_line(line) if _COLOUR.search(line) else line for line in text.split("\n"))


def _plain_line(line: str) -> str:
    """Take sequences out until there is none, in one pass: taking one out may join the halves of another one."""
    kept: list[str] = []
    # Where sequences begin that may still become whole, the innermost last.
    begun: list[int] = []
    for character in line:
        before = kept[-1] if kept else ""
        if character == "[" and before == _ESCAPE:
            begun.append(len(kept) - 1)
        elif before == _ESCAPE and character != _ESCAPE:
            begun.clear()
        elif character == "m" and begun:
            del kept[begun.pop() :]
            continue
        elif character not in _IN_COLOUR:
            begun.clear()
        kept.append(character)
    return "".join(kept)


def _opened(heading: re.Match[str]) -> _Open:
    part = heading.groupdict()
    if part["child_kind"]:
        return _Open(ObjectReference("Kustomization", part["child_namespace"], part["child_name"]), "changed")
    return _Open(ObjectReference(part["kind"], part["namespace"] or "", part["name"]), part["state"])


def _entries(lines: Sequence[str]) -> tuple[list[DiffEntry], list[str]]:
    """Cut what stands below a heading into entries, and lines that belong to none."""
    starts = [at for at in range(len(lines) - 2) if _begins_difference(lines, at)]
    entries: list[DiffEntry] = []
    rest = [line for line in lines[: starts[0] if starts else None] if line]
    for at, end in zip(starts, [*starts[1:], len(lines)], strict=False):
        path = "" if lines[at + 1] in _ROOT_PATHS else lines[at + 1]
        printed = tuple(lines[at + 1 : end])
        for headline, rows in _details(lines[at + 2 : end]):
            removed, added, strange = _values(headline, rows)
            entries.append(DiffEntry(path, headline, removed, added, printed))
            rest += strange
    return entries, rest


def _begins_difference(lines: Sequence[str], at: int) -> bool:
    """Whether a blank line, a path and a headline follow each other."""
    path = lines[at + 1]
    return not lines[at] and bool(path) and path[0] not in " \t" and bool(_headline(lines[at + 2]))


def _headline(line: str) -> re.Match[str] | None:
    found = _HEADLINE.fullmatch(line) if line else None
    return found if found and any(found.groupdict().values()) else None


def _details(block: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Cut one difference into (headline, rows): side by side when they fit in 80 columns, else in sequence."""
    first = _headline(block[0])
    if first is None or first["modified"]:
        return [(block[0], list(block[1:]))]
    columns = [(kind, first.start(kind), str(first[kind])) for kind in ("order", "removed", "added") if first[kind]]
    if len(columns) == 1:
        return _in_sequence(block, columns[0][0])
    rows = [_cut(row, [start for _, start, _ in columns[1:]]) for row in block[1:]]
    return [(headline, [row[at] for row in rows]) for at, (_, _, headline) in enumerate(columns)]


def _cut(row: str, starts: Sequence[int]) -> list[str]:
    """Cut a row into columns. A redacted value is not as wide as what it stands for: look for the gap near by."""
    if not starts:
        return [row.rstrip(" ")]
    start = starts[0]
    if row[max(start - _GAP, 0) : start].strip(" "):
        gaps = [found.end() - _ADDED_INDENT for found in re.finditer(r"(?<=\S) {3,}(?=\S)", row)]
        start = min(gaps, key=lambda end: abs(end - starts[0]), default=len(row))
    return [row[:start].rstrip(" "), *_cut(row[start:], [later - starts[0] for later in starts[1:]])]


def _in_sequence(block: Sequence[str], kind: str) -> list[tuple[str, list[str]]]:
    following = _FOLLOWING.get(kind)
    for at, line in enumerate(block[1:], start=1):
        if following and following.fullmatch(line):
            return [(block[0], list(block[1:at])), *_in_sequence(block[at:], "added" if line[0] == "+" else "removed")]
    return [(block[0], list(block[1:]))]


def _values(headline: str, rows: list[str]) -> tuple[str, str, list[str]]:
    """Return removed value, added value, and rows that cannot belong to this detail."""
    rows = rows[: next((end for end in range(len(rows), 0, -1) if rows[end - 1]), 0)]
    if headline[0] == "+":
        strange = [row for row in rows if row and not row.startswith(" " * _ADDED_INDENT)]
        return "", "\n".join(row[_ADDED_INDENT:] for row in rows), strange
    if headline[0] == "-":
        return "\n".join(rows), "", []
    if headline[0] == "⇆":
        return _order(rows)
    if "multiline text" in headline:
        return _prefixed(rows)
    if "whitespace" in headline or "certificate" in headline or "content" in headline:
        rows = _stacked(rows)
    return _before_and_after(rows)


def _prefixed(rows: Sequence[str]) -> tuple[str, str, list[str]]:
    removed = "\n".join(row[2:] for row in rows if row.startswith("- "))
    added = "\n".join(row[2:] for row in rows if row.startswith("+ "))
    return removed, added, [row for row in rows if row and row[:2] not in {"- ", "+ "}]


def _before_and_after(rows: Sequence[str]) -> tuple[str, str, list[str]]:
    """``- `` and ``+ ``, each followed by rows that are indented by two."""
    sides: dict[str, list[str]] = {"-": [], "+": []}
    side = ""
    strange = []
    for row in rows:
        mark = row[:1] if row[:2] in {"- ", "+ ", "-", "+"} else ""
        if (mark == "-" and not side) or (mark == "+" and side == "-"):
            side = mark
            sides[side].append(row[2:])
        elif side and (not row or row.startswith("  ")):
            sides[side].append(row[2:])
        elif row:
            strange.append(row)
    return "\n".join(sides["-"]), "\n".join(sides["+"]), strange


def _stacked(rows: list[str]) -> list[str]:
    """Put a left and a right column one below the other; rows that are so already stay."""
    split = rows[0].find("   + ") if rows and rows[0].startswith("-") else -1
    if split < 0:
        return rows
    start = split + _GAP
    return [left for row in rows if (left := row[:start].rstrip(" "))] + [row[start:] for row in rows if row[start:]]


def _order(rows: Sequence[str]) -> tuple[str, str, list[str]]:
    two_rows = 2
    if len(rows) == two_rows and rows[0].startswith("- ") and rows[1].startswith("+ "):
        return rows[0][2:], rows[1][2:], []
    if not all(row.startswith("  ") or not row for row in rows):
        return "", "", [row for row in rows if row]
    # A table without headers: the right column starts where both hold the same items.
    for start in range(3, min(max((len(row) for row in rows), default=0), _WIDEST_COLUMN)):
        left = [row[:start].strip(" ") for row in rows]
        right = [row[start:].strip(" ") for row in rows]
        if all(left) and sorted(left) == sorted(right):
            return "\n".join(left), "\n".join(right), []
    return "", "", []
