"""What a person types."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from gitops_bot import telemetry
from gitops_bot.config import load_settings
from gitops_bot.errors import GitopsBotError

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None, add_completion=False)

SettingsFile = Annotated[
    Path | None,
    typer.Option(
        "--settings", help="The settings file. Default: $GITOPS_BOT_SETTINGS, then /etc/gitops-bot/settings.yaml."
    ),
]


@app.command()
def run(settings: SettingsFile = None) -> None:
    """Watch pull requests and tell Slack what they would do: the service."""
    # Kept here: the other commands start faster without it.
    from gitops_bot.service import run_service  # noqa: PLC0415

    loaded = load_settings(settings)
    telemetry.set_up_logging(loaded.log.level, as_json=loaded.log.format == "json")
    asyncio.run(run_service(loaded))


def main() -> None:
    """Run the command line; a failure that we know is told in one line, without a traceback."""
    try:
        app()
    except GitopsBotError as error:
        Console(stderr=True, soft_wrap=True).print(f"gitops-bot: {error}", style="red", markup=False, highlight=False)
        raise SystemExit(1) from None
