"""What the tour expected beside what it saw, as rows of a table."""

from collections.abc import Iterable
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gitops_bot.sandbox.observer import SeenMessage

_TABLE_WIDTH = 150


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    what: str
    expected: str
    seen: str
    held: bool


def line_with(text: str, word: str) -> str:
    """Give the first line with a word in it, shortened for the table."""
    found = next((line for line in text.splitlines() if word.casefold() in line.casefold()), "")
    return found.strip()[:100] or "nothing of it"


def quote(message: SeenMessage | None, word: str) -> str:
    """Give the line of a message with a word in it, shortened for the table."""
    return line_with(message.text, word) if message else "no message"


def print_table(rows: Iterable[Row], console: Console) -> None:
    """Print what was expected and what was seen."""
    if not console.is_terminal:
        # A log has no edge: nothing is folded that need not be.
        console.width = _TABLE_WIDTH
    table = Table("", "what", "expected", "seen")
    count = failed = 0
    for row in rows:
        count, failed = count + 1, failed + (not row.held)
        # Text of others: no markup is read in it.
        table.add_row(*(Text(text) for text in ("✓" if row.held else "✗", row.what, row.expected, row.seen)))
    console.print(table)
    console.print(f"{count - failed} of {count} as expected", style="green" if not failed else "bold red")
