"""``gitops-bot sandbox`` and ``gitops-bot demo``."""

import asyncio
import json
import logging
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from gitops_bot.sandbox.errors import SandboxError
from gitops_bot.sandbox.state import StateFolder, default_state_folder
from gitops_bot.sandbox.tools.commands import OutputFormat, bring_with_progress
from gitops_bot.sandbox.tour import Tour
from gitops_bot.sandbox.tour_rows import print_table
from gitops_bot.sandbox.world import Wishes, World

# Seconds between two looks whether everything still runs.
_WATCH_INTERVAL = 1.0

Clusters = Annotated[int, typer.Option(min=1, max=8, help="How many clusters. Each takes about 700 MB of memory.")]
State = Annotated[
    Path | None,
    typer.Option(help="The folder for everything, begun anew. Default: ~/.local/state/gitops-bot/sandbox."),
]


class _Stopped(Exception):
    """Somebody asked us to stop."""


@asynccontextmanager
async def _stoppable() -> AsyncIterator[asyncio.Event]:
    """Give an event that SIGINT and SIGTERM set, instead of ending this process at once."""
    event = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, event.set)
    yield event


async def _unless_stopped(work: Any, stop: asyncio.Event) -> Any:
    """Await ``work``; _Stopped when the event comes first."""
    task, stopping = asyncio.ensure_future(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise _Stopped
        return task.result()
    finally:
        for one in (task, stopping):
            one.cancel()
        # What was begun ends before the world below it does: a `go build` and its compilers, for instance.
        await asyncio.gather(task, stopping, return_exceptions=True)


async def _watch(world: World, stop: asyncio.Event) -> None:
    """Return when asked to stop; SandboxError when a part ends by itself."""
    while not stop.is_set():
        for process in world.supervisor.ended():
            raise SandboxError(
                f"{process.name} ended by itself (exit code {process.popen.returncode}); its log is {process.log}:\n"
                f"{process.log_tail()}"
            )
        try:
            await asyncio.wait_for(stop.wait(), _WATCH_INTERVAL)
        except TimeoutError:
            continue


@asynccontextmanager
async def _world(wishes: Wishes, state: Path | None, stop: asyncio.Event, console: Console) -> AsyncIterator[World]:
    """Give a started world and leave nothing of it running."""
    toolbox = await _unless_stopped(bring_with_progress(), stop)

    def say(text: str) -> None:
        console.print(f"· {text}", markup=False, highlight=False, soft_wrap=True)

    began = time.monotonic()
    world = World(StateFolder(state or default_state_folder()), toolbox, wishes, say)
    # What the stand-ins log is for who looks for a fault in them, not for the screen.
    logging.basicConfig(filename=world.logs / "sandbox.log", level=logging.INFO, force=True)
    try:
        await _unless_stopped(world.start(), stop)
        say(f"Started in {time.monotonic() - began:.1f} s. Logs: {world.logs}")
        yield world
    finally:
        await world.stop()


def _print_addresses(description: dict[str, Any], console: Console) -> None:
    github, slack = description["github"], description["slack"]
    repository = github["repositories"][0]
    rows = {
        "Slack inbox": slack["inbox_url"],
        "GitHub": f"{github['html_url']}/{repository}/pulls",
        "API": github["api_url"],
        "git": f"{github['git_url']}/{repository}.git",
        "LLM": description["llm"]["base_url"],
        "kubectl": f"export KUBECONFIG={description['kubernetes']['kubeconfig']}",
        "bot settings": description["settings_file"],
        **{f"token of {login}": token for login, token in github["tokens"].items()},
        "Slack tokens": f"{slack['bot_token']}  {slack['app_token']}",
    }
    for name, value in rows.items():
        console.print(f"{name:<20} {value}", markup=False, highlight=False, soft_wrap=True)


def sandbox(
    clusters: Clusters = 1,
    source: Annotated[
        Path | None,
        typer.Option("--from", help="Your own fleet repository instead of the sample.", exists=True, file_okay=False),
    ] = None,
    state: State = None,
    output: Annotated[OutputFormat, typer.Option(help="How to print addresses and tokens.")] = OutputFormat.TEXT,
    *,
    with_bot: Annotated[bool, typer.Option("--with-bot", help="Start the bot in it.")] = False,
) -> None:
    """Start a whole world on this machine: clusters with Flux, GitHub, Slack and LLM stand-ins, all on loopback.

    It runs until it is stopped (Ctrl-C) and leaves nothing behind but its state folder.
    """
    notes, screen = Console(stderr=True), Console()

    async def run() -> None:
        wishes = Wishes(clusters=clusters, source=source, with_bot=with_bot, opinions=with_bot)
        async with _stoppable() as stop, _world(wishes, state, stop, notes) as world:
            description = world.description()
            if output is OutputFormat.JSON:
                print(json.dumps(description), flush=True)  # noqa: T201 - the result, one line for programs
            else:
                _print_addresses(description, screen)
                screen.print("Ctrl-C stops everything.", style="dim")
            await _watch(world, stop)

    _run(run())


def demo(
    clusters: Clusters = 1,
    state: State = None,
    *,
    once: Annotated[bool, typer.Option("--once", help="Play the tour, print what was seen, and end.")] = False,
) -> None:
    """Show it: the sandbox with the bot in it and three pull requests.

    With --once the whole tour is played without a person, clicks included; the exit code is 0 only
    when everything was as expected.
    """
    console, held = Console(), True

    async def run() -> None:
        nonlocal held
        async with (
            _stoppable() as stop,
            _world(Wishes(clusters=clusters, opinions=True), state, stop, console) as world,
        ):
            tour = Tour(world.description(), say=lambda text: console.print(text, markup=False, highlight=False))
            await asyncio.to_thread(world.start_bot)
            if once:
                rows = await _unless_stopped(tour.play(), stop)
                print_table(rows, console)
                held = all(row.held for row in rows)
                return
            numbers = await _unless_stopped(tour.open_pull_requests(), stop)
            description = world.description()
            _print_addresses(description, console)
            pages = f"{description['github']['html_url']}/{description['github']['repositories'][0]}/pull"
            for number in numbers.values():
                console.print(f"{f'pull request #{number}':<20} {pages}/{number}", markup=False, highlight=False)
            console.print("Ctrl-C stops everything.", style="dim")
            await _watch(world, stop)

    _run(run())
    if not held:
        raise typer.Exit(1)


def _run(work: Any) -> None:
    try:
        asyncio.run(work)
    except _Stopped:
        raise typer.Exit(130) from None
