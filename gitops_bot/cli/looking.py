"""Commands that look at a change: ``diff``, ``affected``."""
# ruff: noqa: PLC0415, FBT002  (imports inside the commands: --help answers at once; flags are how Typer says options)

import asyncio
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from gitops_bot.cli.options import Output, OutputOption, SettingsFile, counting, log_errors_only
from gitops_bot.config import settings_for_diff
from gitops_bot.errors import SettingsError
from gitops_bot.models.reports import Report, Verdict
from gitops_bot.screen import Color, show

# 0 and 10 are complete answers; 20 asks for a person.
_EXIT_CODES = {
    Verdict.NO_EFFECT: 0,
    Verdict.CHANGES: 10,
    Verdict.BLOCKED: 20,
    Verdict.INCOMPLETE: 20,
    Verdict.HELD: 20,
}


def diff(
    url: Annotated[str, typer.Argument(help="The address of the pull request.")],
    settings: SettingsFile = None,
    kubeconfig: Annotated[
        Path | None, typer.Option(help="Without a settings file: the cluster to compare with.")
    ] = None,
    context: Annotated[str | None, typer.Option(help="A context of that kubeconfig.")] = None,
    as_myself: Annotated[
        bool, typer.Option("--as-myself", help="Run flux with your own rights instead of the diff identity's.")
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", help="Every line, and what does not come from the pull request.")
    ] = False,
    object_name: Annotated[
        str,
        typer.Option("--object", help="Only this object (Kind/namespace/name), before and after, as a unified diff."),
    ] = "",
    output: OutputOption = Output.TEXT,
    color: Annotated[Color, typer.Option(help="When to colour the text.")] = Color.AUTO,
    no_pager: Annotated[bool, typer.Option("--no-pager", help="Print at once what is longer than the screen.")] = False,
) -> None:
    """Print what one pull request would do to the cluster.

    Exit code 0: no effect; 10: changes; 20: blocked, incomplete or held; 1: error; 2: wrong usage.
    """
    from gitops_bot.errands import diff_once, kept_opinion
    from gitops_bot.journeys.diff_pull_request import pull_request_of
    from gitops_bot.views import json_report, terminal

    if object_name and (full or output is Output.JSON):
        raise typer.BadParameter("--object is a view of its own: leave out --full and --output.")
    loaded = settings_for_diff(settings, kubeconfig, context)
    log_errors_only()
    repository, number = pull_request_of(url, loaded.github.html_url)
    with counting() as board:
        report = asyncio.run(diff_once(loaded, repository, number, board, as_myself=as_myself))
    opinion = asyncio.run(kept_opinion(loaded, report))
    if output is Output.JSON:
        typer.echo(json_report.json_report(report, opinion))
    elif object_name:
        show(_one_object(report, object_name), color=color, pager=not no_pager)
    else:
        show(terminal.terminal_report(report, full=full, opinion=opinion), color=color, pager=not no_pager)
    raise typer.Exit(_EXIT_CODES[report.verdict])


def _one_object(report: Report, name: str) -> Any:
    """Give the view of one object. Any: what Rich can print."""
    from gitops_bot.views import terminal_object

    found = terminal_object.objects_named(report, name)
    if not found:
        known = ", ".join(terminal_object.names_of_objects(report)) or "none"
        raise SettingsError(f"The report has no object {name}. Name one as Kind/namespace/name; it has: {known}.")
    return terminal_object.object_report(found)


def affected(
    base: Annotated[str, typer.Option(help="The branch or commit that is merged into.")],
    head: Annotated[str, typer.Option(help="The branch or commit to merge.")],
    repository_path: Annotated[Path, typer.Option(help="Your clone.", exists=True, file_okay=False)] = Path(),
    kustomizations: Annotated[
        str,
        typer.Option(
            help="What 'kubectl get kustomizations -A -o yaml' prints: a file, or - for standard input. "
            "Without it they are found in the repository."
        ),
    ] = "",
    cluster: Annotated[
        list[str] | None, typer.Option(help="Only this cluster (its folder's name); can be repeated.")
    ] = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """List the Kustomizations that a change touches, without a cluster. Needs flux on PATH."""
    from gitops_bot.errands import affected_offline
    from gitops_bot.rules.fleet import fleet_of
    from gitops_bot.rules.manifests import UnreadableManifestError
    from gitops_bot.views import affected_list

    log_errors_only()
    try:
        text = b""
        if kustomizations:
            text = sys.stdin.buffer.read() if kustomizations == "-" else Path(kustomizations).read_bytes()
        fleets = [fleet_of(kustomizations, text, (cluster or ["cluster"])[0])] if kustomizations else []
    except (OSError, UnreadableManifestError) as error:
        raise SettingsError(f"--kustomizations {kustomizations}: {error}") from error
    found = asyncio.run(affected_offline(repository_path, base, head, fleets=fleets, clusters=cluster or ()))
    if output is Output.JSON:
        typer.echo(affected_list.as_json(found))
        if complaints := affected_list.complaints(found):
            typer.echo(complaints, err=True)
    else:
        typer.echo(affected_list.as_text(found))
