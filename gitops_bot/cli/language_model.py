"""Commands around language models: ``review``, ``diagnose``, ``llm check``."""
# ruff: noqa: PLC0415, FBT002  (imports inside the commands: --help answers at once; flags are how Typer says options)

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

import typer
from rich.console import Console

from gitops_bot.cli.options import Output, OutputOption, SettingsFile, counting, print_checks, settings_of
from gitops_bot.models.checks import Check
from gitops_bot.models.opinions import Asking, ModelCheck

PullRequestAddress = Annotated[str, typer.Argument(help="The address of the pull request.")]
ShowPrompt = Annotated[
    bool, typer.Option("--show-prompt", help="Print all that would be sent to the model, and send nothing.")
]
KustomizationName = Annotated[
    str, typer.Option("--kustomization", help="Only about this one: [CLUSTER/]NAMESPACE/NAME, or its name.")
]


def review(
    url: PullRequestAddress,
    settings: SettingsFile = None,
    ask: Annotated[
        Asking,
        typer.Option(
            help="review: what speaks against the merge. audit: security and operations of the objects as they would "
            "be. diagnose: what is wrong, why, what to do. gate: a score from 0 to 100."
        ),
    ] = Asking.REVIEW,
    kustomization: KustomizationName = "",
    show_prompt: ShowPrompt = False,
    output: OutputOption = Output.TEXT,
) -> None:
    """Ask a language model about one pull request, and tell nobody. It decides nothing, and clears nothing.

    Exit code 0: there is an answer, whatever it says; 1: there is none.
    """
    _ask(url, settings, ask, kustomization, show_prompt=show_prompt, output=output)


def diagnose(
    url: PullRequestAddress,
    settings: SettingsFile = None,
    kustomization: KustomizationName = "",
    show_prompt: ShowPrompt = False,
    output: OutputOption = Output.TEXT,
) -> None:
    """Ask a language model what is wrong with one pull request, why, and how to mend it. It decides nothing.

    For what Flux or the API server refuses; the same as review --ask diagnose. Exit code as there.
    """
    _ask(url, settings, Asking.DIAGNOSE, kustomization, show_prompt=show_prompt, output=output)


def _ask(
    url: str, settings: SettingsFile, asking: Asking, kustomization: str, *, show_prompt: bool, output: Output
) -> None:
    import json

    from gitops_bot.errands import ask_once, prompt_once
    from gitops_bot.journeys.diff_pull_request import pull_request_of
    from gitops_bot.views.opinion_json import reply_json
    from gitops_bot.views.replies import reply_text

    loaded = settings_of(settings)
    repository, number = pull_request_of(url, loaded.github.html_url)
    if show_prompt:
        with counting() as board:
            text = asyncio.run(prompt_once(loaded, repository, number, board, asking, kustomization))
        typer.echo(text)
        return
    with counting() as board:
        reply = asyncio.run(ask_once(loaded, repository, number, board, asking, kustomization))
    if output is Output.JSON:
        typer.echo(json.dumps(reply_json(reply), indent=2))
    else:
        Console().print(reply_text(reply))
    raise typer.Exit(1 if reply.answer is None else 0)


llm_app = typer.Typer(help="The language model that is asked for opinions.", rich_markup_mode=None)


@llm_app.command("check")
def llm_check(settings: SettingsFile = None) -> None:
    """Show a few fixed cases to every model that is set up, in every way of asking, and say what it costs.

    Does it keep the schema, speak the language, see harm, resist planted instructions?
    Exit code 1: a case has no answer. Nothing of a repository is sent.
    """
    from gitops_bot.errands import check_language_model
    from gitops_bot.views import model_checks

    loaded = settings_of(settings)
    console = Console()
    found: dict[str, list[ModelCheck]] = {}

    async def each() -> AsyncIterator[Check]:
        async for name, check in check_language_model(loaded):
            if name not in found:
                console.print(model_checks.way_line(name))
            found.setdefault(name, []).append(check)
            yield check

    print_checks(each(), lambda: model_checks.table(found))
