"""``llm eval``: made-up pull requests for the configured model."""
# ruff: noqa: PLC0415  (imports inside the command: --help answers at once)

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from gitops_bot.cli.options import Output, OutputOption, SettingsFile, settings_of
from gitops_bot.models.evaluation import CaseKind, CaseResult

_BROKEN_OFF = 130


def llm_eval(
    folder: Annotated[
        Path, typer.Argument(help="The folder with cases/ and templates/, such as tests/evaluation.", file_okay=False)
    ],
    settings: SettingsFile = None,
    case: Annotated[list[str] | None, typer.Option(help="Only this case, by its name; can be repeated.")] = None,
    kind: Annotated[list[CaseKind] | None, typer.Option(help="Only cases of this kind; can be repeated.")] = None,
    limit: Annotated[int | None, typer.Option(help="Only so many cases.", min=1)] = None,
    at_least: Annotated[
        float, typer.Option(help="The score, 0 to 100, below which the exit code is 1.", min=0, max=100)
    ] = 0,
    at_once: Annotated[int, typer.Option(help="Cases that are asked about side by side.", min=1, max=64)] = 4,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show made-up pull requests to the model, and score its answers by rule. Two calls for each case.

    Limits of a day and a month hold. Exit code 0: every case was asked, and the score reaches --at-least; 1: not;
    130: broken off, after what was there has been printed. Nothing of a repository is sent.
    """
    import json

    from gitops_bot.evaluating import evaluate, read_cases
    from gitops_bot.rules.evaluation import evaluation_of
    from gitops_bot.views.evaluation import evaluation_json, evaluation_view

    loaded = settings_of(settings)
    cases = read_cases(folder, case or (), kind or (), limit)
    results: list[CaseResult] = []
    stopped_by, broken_off = "", False
    with _counting(results, len(cases)) as tell:
        try:
            stopped_by = asyncio.run(evaluate(loaded, cases, at_once, tell))
        except KeyboardInterrupt:
            broken_off = True
    evaluation = evaluation_of(cases, results, stopped_by)
    if output is Output.JSON:
        typer.echo(json.dumps(evaluation_json(evaluation), indent=2, ensure_ascii=False))
    else:
        Console().print(evaluation_view(evaluation))
    if broken_off:
        raise typer.Exit(_BROKEN_OFF)
    raise typer.Exit(0 if not evaluation.not_asked and evaluation.score >= at_least else 1)


@contextmanager
def _counting(results: list[CaseResult], total: int) -> Iterator[Callable[[CaseResult], None]]:
    """Collect results, and say on standard error how many there are, where a person watches."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield results.append
        return
    with console.status(f"0 of {total} cases") as status:

        def tell(result: CaseResult) -> None:
            results.append(result)
            mean = sum(one.points for one in results) / len(results)
            status.update(f"{len(results)} of {total} cases, {mean:.0f} points on average")

        yield tell
