"""Commands around language models: ``review``, ``llm check``."""
# ruff: noqa: PLC0415, FBT002  (imports inside the commands: --help answers at once; flags are how Typer says options)

import asyncio
from typing import Annotated

import typer
from rich.console import Console

from gitops_bot import telemetry
from gitops_bot.cli.options import SettingsFile, counting, print_checks
from gitops_bot.config import load_settings
from gitops_bot.journeys.progress_board import ProgressBoard


def review(
    url: Annotated[str, typer.Argument(help="The address of the pull request.")],
    settings: SettingsFile = None,
    show_prompt: Annotated[
        bool, typer.Option("--show-prompt", help="Print all that would be sent to the model, and send nothing.")
    ] = False,
) -> None:
    """Let a language model review one pull request, and tell nobody. It decides nothing.

    Exit code 0: there is a review, whatever it says; 1: there is none.
    """
    from gitops_bot.errands import opinion_once, prompt_once
    from gitops_bot.journeys.diff_pull_request import pull_request_of
    from gitops_bot.views.opinions import opinion_text

    loaded = load_settings(settings)
    telemetry.set_up_logging("ERROR", as_json=False)
    repository, number = pull_request_of(url, loaded.github.html_url)
    board = ProgressBoard(shown=False, quiet=True)
    if show_prompt:
        with counting(board):
            text = asyncio.run(prompt_once(loaded, repository, number, board))
        typer.echo(text)
        return
    with counting(board):
        opinion = asyncio.run(opinion_once(loaded, repository, number, board))
    Console().print(opinion_text(opinion))
    raise typer.Exit(1 if opinion.answer is None else 0)


llm_app = typer.Typer(help="The language model that is asked for opinions.", rich_markup_mode=None)


@llm_app.callback()
def llm() -> None:
    """Keep ``check`` a command of its own as long as it is the only one."""


@llm_app.command("check")
def llm_check(settings: SettingsFile = None) -> None:
    """Show a few fixed cases to the model: does it keep the schema, see harm, resist planted instructions; its cost.

    Exit code 1: a case has no answer. Nothing of a repository is sent.
    """
    from gitops_bot.errands import check_language_model

    loaded = load_settings(settings)
    telemetry.set_up_logging("ERROR", as_json=False)
    print_checks(check_language_model(loaded))
