"""Commands that read what was kept: ``accuracy``, ``audit``, ``llm export``, ``gate report``."""
# ruff: noqa: PLC0415  (imports inside the commands: --help answers at once)

import asyncio
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console

from gitops_bot.cli.options import Output, OutputOption, SettingsFile, settings_of


def accuracy(settings: SettingsFile = None, output: OutputOption = Output.TEXT) -> None:
    """Say how often reports came true: what Flux applied after the merges, and which objects ended otherwise."""
    import json

    from gitops_bot.errands import read_outcomes
    from gitops_bot.views import outcomes

    found = asyncio.run(read_outcomes(settings_of(settings)))
    if output is Output.JSON:
        right, total = outcomes.share(found)
        typer.echo(json.dumps({"objects": total, "as_reported": right, "kustomizations": len(found)}))
    else:
        Console().print(outcomes.accuracy(found))


audit_app = typer.Typer(help="Who decided what: list, export and verify the audit trail.", rich_markup_mode=None)


@audit_app.callback(invoke_without_command=True)
def audit(
    ctx: typer.Context,
    settings: SettingsFile = None,
    pull_request: Annotated[str, typer.Option(help="Only this one: owner/name#number.")] = "",
    person: Annotated[str, typer.Option(help="Only this person: a GitHub login or a Slack user id.")] = "",
    output: OutputOption = Output.TEXT,
) -> None:
    """List every decision and refusal, oldest first; --output json gives a line of JSON for each."""
    from gitops_bot.errands import read_audit_trail
    from gitops_bot.views import audit_list

    if ctx.invoked_subcommand:
        return
    entries, _ = asyncio.run(read_audit_trail(settings_of(settings)))
    found = [
        entry
        for entry in entries
        if (not pull_request or entry.decision.pull_request == pull_request.lower())
        and (not person or person.lower() in {entry.decision.github_login.lower(), entry.decision.slack_user.lower()})
    ]
    if output is Output.JSON:
        for entry in found:
            typer.echo(audit_list.json_line(entry))
    else:
        Console().print(audit_list.table(found))


@audit_app.command()
def verify(
    settings: SettingsFile = None,
    newest: Annotated[
        list[str] | None,
        typer.Option(help="A digest that has to be there, out of the log of the bot; can be repeated."),
    ] = None,
) -> None:
    """Check that no row was edited, deleted or cut off, and name the one that was. Exit code 1: it was."""
    from gitops_bot.errands import read_audit_trail
    from gitops_bot.rules.audit import broken
    from gitops_bot.views import audit_list

    entries, anchors = asyncio.run(read_audit_trail(settings_of(settings)))
    anchors = (*anchors, *(newest or ()))
    problem = broken(entries, anchors)
    Console().print(audit_list.verification(entries, len(anchors), problem))
    raise typer.Exit(1 if problem else 0)


class ExportOutput(StrEnum):
    """How opinions are written."""

    JSON = "json"
    CSV = "csv"


def llm_export(
    settings: SettingsFile = None,
    since: Annotated[str, typer.Option(help="Only from this day on: 2026-10-01.")] = "",
    output: Annotated[
        ExportOutput, typer.Option("--output", "-o", help="json: a line for each; csv: for spreadsheets.")
    ] = ExportOutput.JSON,
) -> None:
    """Write every opinion that is kept, with who found it useful and what became of the pull request."""
    from gitops_bot.errands import read_opinions
    from gitops_bot.views import opinion_export

    kept = asyncio.run(read_opinions(settings_of(settings), since))
    write = opinion_export.csv_table if output is ExportOutput.CSV else opinion_export.json_lines
    typer.echo(write(kept), nl=False)


gate_app = typer.Typer(help="The gate: what its rules came to.", rich_markup_mode=None)


@gate_app.callback()
def gate() -> None:
    """Keep ``report`` a command of its own as long as it is the only one."""


@gate_app.command("report")
def gate_report(
    settings: SettingsFile = None,
    month: Annotated[str, typer.Option(help="Year and month: 2026-10. Default: this one.")] = "",
    output: OutputOption = Output.TEXT,
) -> None:
    """Say for one month how often each rule would have cleared, what people did with those, and what broke."""
    import json

    from gitops_bot.errands import read_agreement
    from gitops_bot.views import agreement

    of, found = asyncio.run(read_agreement(settings_of(settings), month))
    if output is Output.JSON:
        typer.echo(json.dumps(agreement.agreement_json(found, of), indent=2))
    else:
        Console().print(agreement.agreement_text(found, of))
