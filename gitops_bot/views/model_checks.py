"""What ``gitops-bot llm check`` prints: a line for each case below who was asked, and a table of all of it."""

from collections.abc import Iterable, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gitops_bot.models.checks import CheckState
from gitops_bot.models.opinions import Asking, ModelCheck, Usage
from gitops_bot.rules.cleaning import clean_line

_TITLES = ("", "right", "calls", "tokens", "cost", "s each")
_WIDTHS = (11, 7, 6, 9, 8, 7)


def way_line(name: str) -> Text:
    """Who is asked from here on. Foreign: models have any name."""
    return Text(f"\n{clean_line(name)}", style="bold", overflow="fold")


def table(found: Mapping[str, Sequence[ModelCheck]]) -> Group:
    """Every way of asking by who was asked: how many cases were right, and what an answer took."""
    parts: list[RenderableType] = [_row(Text(title, style="dim") for title in _TITLES)]
    for name, checks in found.items():
        parts.append(Text(clean_line(name), style="bold", overflow="fold"))
        by_way = {asking: [one for one in checks if one.asking is asking] for asking in Asking}
        parts += [_row([Text(f"  {asking.value}"), *_cells(cases)]) for asking, cases in by_way.items() if cases]
    return Group(*parts)


def _row(cells: Iterable[Text]) -> Table:
    row = Table.grid(padding=(0, 1, 0, 0))
    for width in _WIDTHS:
        row.add_column(width=width, justify="left" if width == _WIDTHS[0] else "right", no_wrap=True)
    row.add_row(*cells)
    return row


def _cells(cases: Sequence[ModelCheck]) -> list[Text]:
    right, used = sum(one.state is CheckState.GOOD for one in cases), sum((one.usage for one in cases), Usage())
    style = "green" if right == len(cases) else "red" if any(one.state is CheckState.BAD for one in cases) else "yellow"
    answered = [one.seconds for one in cases if one.state is not CheckState.BAD]
    each = f"{sum(answered) / len(answered):.1f}" if answered else "-"
    money = f"{used.money:.4f}" if used.money else "-"
    right_of = Text(f"{right} of {len(cases)}", style=style)
    return [right_of, *map(Text, (f"{used.calls:,}", f"{used.tokens:,}", money, each))]
