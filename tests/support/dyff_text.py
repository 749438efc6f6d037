"""Writes what dyff would print, from changes that a test made up: the inverse of rules/changes.py.

An independent retelling of dyff 1.10's human format at 80 columns.
"""

from collections.abc import Sequence
from dataclasses import dataclass

_WIDTH = 80
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


@dataclass(frozen=True)
class Block:
    """One detail: its headline, and its values line by line (without marks and indentation)."""

    headline: str
    removed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()


def count(number: int, one: str, many: str) -> str:
    """``two list entries``."""
    word = _NUMBERS[number] if number < len(_NUMBERS) else str(number)
    return f"{word} {one if number == 1 else many}"


def removed_entries(kind: str, lines: Sequence[str], number: int) -> Block:
    """Entries that go; ``kind`` is "map" or "list"."""
    return Block(f"- {count(number, f'{kind} entry', f'{kind} entries')} removed:", removed=tuple(lines))


def added_entries(kind: str, lines: Sequence[str], number: int) -> Block:
    """Entries that come."""
    return Block(f"+ {count(number, f'{kind} entry', f'{kind} entries')} added:", added=tuple(lines))


def difference(path: str, blocks: Sequence[Block]) -> str:
    """One path with its details, side by side when they fit."""
    texts = [_text(block) for block in blocks]
    widest = sum(max(len(line) for line in text.split("\n")) for text in texts) + 3 * (len(texts) - 1)
    body = _table(texts) if widest <= _WIDTH else "".join(f"{line}\n" for text in texts for line in text.split("\n"))
    return f"\n{path or '(root level)'}\n{body}"


def diffed_object(subject: str, differences: Sequence[str]) -> str:
    """A heading and what stands below it."""
    return f"► {subject} drifted\n" + "".join(differences) + "\n"


def _text(block: Block) -> str:
    mark = block.headline[0]
    if mark == "+":
        return "\n".join([block.headline, *(f"  {line}" for line in block.added), ""])
    if mark == "-":
        return "\n".join([block.headline, *block.removed, ""])
    return "\n".join([block.headline, *_marked("- ", block.removed), *_marked("+ ", block.added), ""])


def _marked(mark: str, lines: Sequence[str]) -> list[str]:
    return [f"{mark if at == 0 else '  '}{line}" for at, line in enumerate(lines)]


def _table(texts: Sequence[str]) -> str:
    columns = [text.split("\n") for text in texts]
    widths = [max(len(line) for line in column) for column in columns]
    rows = max(len(column) for column in columns)
    lines = []
    for at in range(rows):
        cells = [
            (column[at] if at < len(column) else "").ljust(width) for column, width in zip(columns, widths, strict=True)
        ]
        lines.append("   ".join(cells).rstrip(" "))
    return "\n".join(lines)
