"""``gitops-bot tools``: brings the programs of the sandbox and says where they are."""

import asyncio
import json
import signal
from enum import StrEnum
from typing import Annotated, Self

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from gitops_bot.sandbox.errors import ToolsMissing
from gitops_bot.sandbox.tools import cache
from gitops_bot.sandbox.tools.bring import Toolbox, bring_tools, choose


class OutputFormat(StrEnum):
    """How a command's result is printed."""

    TEXT = "text"
    JSON = "json"


class ToolsProgress:
    """Shows one line per tool: live on a terminal, each new stage on a line of its own elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Progress(
            SpinnerColumn(finished_text="·"),
            TextColumn("{task.fields[tool]:<24}"),
            TimeElapsedColumn(),
            TextColumn("{task.description}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        self._stages: dict[str, str] = {}

    def __enter__(self) -> Self:
        """Begin to show."""
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the last state on the screen."""
        self._live.stop()

    def __call__(self, tool: str, text: str) -> None:
        """Show what happens to a tool now."""
        if not self._console.is_terminal:
            # The first word tells the stage; a line per compiled package or megabyte would drown it.
            stage = text.split(" ", 1)[0].rstrip(",")
            if self._stages.get(tool) != stage:
                self._console.print(f"{tool}: {text}", markup=False, highlight=False, soft_wrap=True)
            self._stages[tool] = stage
            return
        if tool not in self._tasks:
            self._tasks[tool] = self._live.add_task(text, tool=tool, total=None)
        self._live.update(self._tasks[tool], description=text[: max(20, self._console.width - 42)])


async def bring_with_progress(names: list[str] | None = None, *, offline: bool = False) -> Toolbox:
    """Bring tools while a person watches on standard error; ToolsMissing as `bring_tools` raises it."""
    with ToolsProgress(Console(stderr=True)) as progress:
        return await bring_tools(choose(names or ()), progress=progress, offline=offline)


async def _bring_until_stopped(names: list[str] | None, *, offline: bool) -> Toolbox:
    """End at a SIGTERM as at Ctrl-C: with what was begun cleared away, compilers included."""
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await bring_with_progress(names, offline=offline)


def _verify(box: Toolbox) -> None:
    damaged = [file for file in box.files.values() if not cache.is_intact(file)]
    if damaged:
        names = ", ".join(str(file.path.parent) for file in damaged)
        raise ToolsMissing(f"The checksum of a cached tool is wrong. Delete {names}, then run this again.")


def tools(
    only: Annotated[
        list[str] | None, typer.Option(help="Bring only this one. Can be repeated; kubectl is brought only so.")
    ] = None,
    output: Annotated[OutputFormat, typer.Option(help="How to print where they are.")] = OutputFormat.TEXT,
    *,
    offline: Annotated[bool, typer.Option("--offline", help="Only look; bring nothing.")] = False,
) -> None:
    """Bring the programs that the sandbox is made of: real etcd, kube-apiserver, flux and its controllers.

    Each comes from PATH (a tested version), from the cache, from its official release (verified by
    its published checksum), or is built with Go. What is there already is kept.
    """
    try:
        box = asyncio.run(_bring_until_stopped(only, offline=offline))
    except (asyncio.CancelledError, KeyboardInterrupt):
        raise typer.Exit(130) from None
    _verify(box)
    if output is OutputFormat.JSON:
        rows = [
            {"name": file.name, "version": file.version, "path": str(file.path), "sha256": file.sha256}
            | {"origin": file.origin}
            for file in box.files.values()
        ]
        typer.echo(json.dumps({"tools": rows, "definitions": str(box.definitions)}, indent=2))
        return
    table = Table("tool", "version", "sha256", "from", box=None)
    for file in box.files.values():
        table.add_row(file.name, file.version, file.sha256[:12], file.origin)
    console = Console()
    console.print(table)
    console.print(f"They are in {cache.tools_folder()}", highlight=False, soft_wrap=True)
