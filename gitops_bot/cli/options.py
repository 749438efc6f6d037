"""What several commands have in common: their options, and how they show progress and checks."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console, RenderableType

from gitops_bot import telemetry
from gitops_bot.config import Settings, load_settings
from gitops_bot.journeys.progress_board import ProgressBoard
from gitops_bot.models.checks import Check, CheckState
from gitops_bot.views.terminal_checks import check_line, summary_line

SettingsFile = Annotated[
    Path | None,
    typer.Option(
        "--settings", help="The settings file. Default: $GITOPS_BOT_SETTINGS, then /etc/gitops-bot/settings.yaml."
    ),
]


class Output(StrEnum):
    """How a result is printed."""

    TEXT = "text"
    JSON = "json"


OutputOption = Annotated[Output, typer.Option("--output", "-o", help="text for people, json for programs.")]


def settings_of(file: Path | None) -> Settings:
    """Read the settings for a command that a person waits for."""
    loaded = load_settings(file)
    log_errors_only()
    return loaded


def log_errors_only() -> None:
    """Leave standard error to what a person has to know."""
    telemetry.set_up_logging("ERROR", as_json=False)


@contextmanager
def counting() -> Iterator[ProgressBoard]:
    """Give a board, and show on standard error how far the work has come, where a person watches."""
    board = ProgressBoard(shown=False, quiet=True)
    console = Console(stderr=True)
    if not console.is_terminal:
        yield board
        return
    with console.status("looking at the pull request") as status:

        def count() -> None:
            if board.total:
                status.update(f"looking at {board.done} of {board.total} Kustomizations")

        board.on_change = count
        yield board


def print_checks(
    checks: AsyncIterator[Check], in_the_end: Callable[[], RenderableType | None] = lambda: None
) -> NoReturn:
    """Print each check when it is done, and what all come to. Ends with exit code 1 where one is bad, else 0."""
    console = Console()

    async def print_each() -> list[CheckState]:
        states = []
        async for found in checks:
            console.print(check_line(found))
            states.append(found.state)
        return states

    states = asyncio.run(print_each())
    if (more := in_the_end()) is not None:
        console.print("", more, "", sep="\n")
    console.print(summary_line(states))
    raise typer.Exit(1 if CheckState.BAD in states else 0)
