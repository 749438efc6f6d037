"""What a person types. Each command imports what it needs when it runs, so that ``--help`` answers at once."""
# ruff: noqa: PLC0415, FBT002  (imports inside the commands, for the reason above; flags are how Typer says options)

import asyncio
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from gitops_bot import __version__, telemetry
from gitops_bot.config import load_settings, settings_for_diff
from gitops_bot.errors import GitopsBotError, SettingsError
from gitops_bot.journeys.progress_board import ProgressBoard
from gitops_bot.models.checks import CheckState
from gitops_bot.models.reports import Report, Verdict
from gitops_bot.rules.cleaning import clean
from gitops_bot.screen import Color, show

# Commands that are imported when they are asked for; the sandbox brings libraries that the service does not need.
_ELSEWHERE = {
    "init": "gitops_bot.first_steps",
    "tools": "gitops_bot.sandbox.tools.commands",
    "sandbox": "gitops_bot.sandbox.commands",
    "demo": "gitops_bot.sandbox.commands",
}


class _Commands(TyperGroup):
    """The commands below, and those that are imported only when they are asked for.

    Any: Typer keeps the types of its command tree to itself.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        """Name them all."""
        return [*super().list_commands(ctx), *_ELSEWHERE]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import one."""
        if cmd_name not in _ELSEWHERE:
            return super().get_command(ctx, cmd_name)
        single = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
        single.command(cmd_name)(getattr(import_module(_ELSEWHERE[cmd_name]), cmd_name))
        return typer.main.get_command(single)


app = typer.Typer(
    cls=_Commands,
    help="What a pull request would do to a cluster that Flux manages, told before the merge.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)

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


@app.command()
def run(settings: SettingsFile = None) -> None:
    """Watch pull requests and tell Slack what they would do: the service."""
    from gitops_bot.service import run_service

    loaded = load_settings(settings)
    telemetry.set_up_logging(loaded.log.level, as_json=loaded.log.format == "json")
    asyncio.run(run_service(loaded))


@app.command()
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
    from gitops_bot.errands import diff_once
    from gitops_bot.journeys.diff_pull_request import pull_request_of
    from gitops_bot.views import json_report, terminal

    if object_name and (full or output is Output.JSON):
        raise typer.BadParameter("--object is a view of its own: leave out --full and --output.")
    loaded = settings_for_diff(settings, kubeconfig, context)
    telemetry.set_up_logging("ERROR", as_json=False)
    repository, number = pull_request_of(url, loaded.github.html_url)
    board = ProgressBoard(shown=False, quiet=True)
    with _counting(board):
        report = asyncio.run(diff_once(loaded, repository, number, board, as_myself=as_myself))
    if output is Output.JSON:
        typer.echo(json_report.json_report(report))
    elif object_name:
        show(_one_object(report, object_name), color=color, pager=not no_pager)
    else:
        show(terminal.terminal_report(report, full=full), color=color, pager=not no_pager)
    raise typer.Exit(_EXIT_CODES[report.verdict])


@app.command()
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
        with _counting(board):
            text = asyncio.run(prompt_once(loaded, repository, number, board))
        typer.echo(text)
        return
    with _counting(board):
        opinion = asyncio.run(opinion_once(loaded, repository, number, board))
    Console().print(opinion_text(opinion))
    raise typer.Exit(1 if opinion.answer is None else 0)


def _one_object(report: Report, name: str) -> Any:
    """Give the view of one object. Any: what Rich can print."""
    from gitops_bot.views import terminal_object

    found = terminal_object.objects_named(report, name)
    if not found:
        known = ", ".join(terminal_object.names_of_objects(report)) or "none"
        raise SettingsError(f"The report has no object {name}. Name one as Kind/namespace/name; it has: {known}.")
    return terminal_object.object_report(found)


# 0 and 10 are complete answers; 20 asks for a person.
_EXIT_CODES = {
    Verdict.NO_EFFECT: 0,
    Verdict.CHANGES: 10,
    Verdict.BLOCKED: 20,
    Verdict.INCOMPLETE: 20,
    Verdict.HELD: 20,
}


@contextmanager
def _counting(board: ProgressBoard) -> Iterator[None]:
    """Show on standard error how far the work has come, where a person watches."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status("looking at the pull request") as status:

        def count() -> None:
            if board.total:
                status.update(f"looking at {board.done} of {board.total} Kustomizations")

        board.on_change = count
        yield


@app.command()
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

    telemetry.set_up_logging("ERROR", as_json=False)
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


@app.command()
def check(settings: SettingsFile = None) -> None:
    """Try every setting, token, scope and right, and say what to mend. Exit code 1: something does not work."""
    from gitops_bot.errands import check_settings
    from gitops_bot.views.terminal_checks import check_line, summary_line

    loaded = load_settings(settings)
    telemetry.set_up_logging("ERROR", as_json=False)

    async def try_all() -> list[CheckState]:
        states = []
        async for found in check_settings(loaded):
            console.print(check_line(found))
            states.append(found.state)
        return states

    console = Console()
    states = asyncio.run(try_all())
    console.print(summary_line(states))
    raise typer.Exit(1 if CheckState.BAD in states else 0)


@app.command()
def rbac(
    settings: SettingsFile = None,
    cluster: Annotated[list[str] | None, typer.Option(help="Only this cluster; can be repeated.")] = None,
    with_secrets: Annotated[
        bool, typer.Option("--with-secrets", help="Secrets too, in the namespaces where the fleet has them.")
    ] = False,
    with_roles: Annotated[
        bool, typer.Option("--with-roles", help="Roles and their bindings too, with escalate and bind.")
    ] = False,
    namespaced: Annotated[
        bool, typer.Option("--namespaced", help="Roles in the fleet's namespaces instead of one ClusterRole.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option(help="A folder to write the manifests into, with a kustomization.yaml.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only compare with the cluster. Exit code 1: its rights differ.")
    ] = False,
) -> None:
    """Print the rights that the diff identity needs, as manifests: out of inventories, and of what reports lacked."""
    from gitops_bot.errands import plan_rights
    from gitops_bot.rules.fleet_rights import Choices, RightsPlan
    from gitops_bot.views import rights_manifests as view

    loaded = load_settings(settings)
    telemetry.set_up_logging("ERROR", as_json=False)
    choices = Choices(secrets=with_secrets, roles=with_roles, namespaced=namespaced)
    console = Console(soft_wrap=True, highlight=False)
    plans: list[RightsPlan] = []
    differs: list[bool] = []

    async def plan_all() -> None:
        async for plan, found in plan_rights(loaded, cluster or (), choices, compare=check):
            plans.append(plan)
            if found is not None:
                console.print(view.differences(plan.cluster, found.missing, found.superfluous, whole=found.whole))
                differs.append(bool(found.missing or found.superfluous))

    asyncio.run(plan_all())
    if output is not None:
        for plan in plans:
            folder = output / plan.cluster if len(plans) > 1 else output
            for name, text in ((view.FILE, view.manifests(plan)), ("kustomization.yaml", view.kustomization())):
                _write(folder / name, text)
                console.print(f"wrote {folder / name}", style="dim")
    elif not check:
        console.print(view.for_terminal("---\n".join(map(view.manifests, plans))), end="")
    raise typer.Exit(1 if any(differs) else 0)


def _write(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"--output: cannot write {file}: {error.strerror}. Name another folder.") from error


@app.command()
def accuracy(settings: SettingsFile = None, output: OutputOption = Output.TEXT) -> None:
    """Say how often reports came true: what Flux applied after the merges, and which objects ended otherwise."""
    import json

    from gitops_bot.errands import read_outcomes
    from gitops_bot.views import outcomes

    telemetry.set_up_logging("ERROR", as_json=False)
    found = asyncio.run(read_outcomes(load_settings(settings)))
    if output is Output.JSON:
        right, total = outcomes.share(found)
        typer.echo(json.dumps({"objects": total, "as_reported": right, "kustomizations": len(found)}))
    else:
        Console().print(outcomes.accuracy(found))


llm_app = typer.Typer(help="The language model that is asked for opinions.", rich_markup_mode=None)
app.add_typer(llm_app, name="llm")


@llm_app.callback()
def llm() -> None:
    """Keep ``check`` a command of its own as long as it is the only one."""


@llm_app.command("check")
def llm_check(settings: SettingsFile = None) -> None:
    """Show a few fixed cases to the model: does it keep the schema, see harm, resist planted instructions; its cost.

    Exit code 1: a case has no answer. Nothing of a repository is sent.
    """
    from gitops_bot.errands import check_language_model
    from gitops_bot.views.terminal_checks import check_line, summary_line

    loaded = load_settings(settings)
    telemetry.set_up_logging("ERROR", as_json=False)

    async def try_all() -> list[CheckState]:
        states = []
        async for found in check_language_model(loaded):
            console.print(check_line(found))
            states.append(found.state)
        return states

    console = Console()
    states = asyncio.run(try_all())
    console.print(summary_line(states))
    raise typer.Exit(1 if CheckState.BAD in states else 0)


audit_app = typer.Typer(help="Who decided what: list, export and verify the audit trail.", rich_markup_mode=None)
app.add_typer(audit_app, name="audit")


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
    telemetry.set_up_logging("ERROR", as_json=False)
    entries, _ = asyncio.run(read_audit_trail(load_settings(settings)))
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

    telemetry.set_up_logging("ERROR", as_json=False)
    entries, anchors = asyncio.run(read_audit_trail(load_settings(settings)))
    anchors = (*anchors, *(newest or ()))
    problem = broken(entries, anchors)
    Console().print(audit_list.verification(entries, len(anchors), problem))
    raise typer.Exit(1 if problem else 0)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def main() -> None:
    """Run the command line; a failure that we know is told in its own words, without a traceback."""
    # Python's own 700 looks for garbage hundreds of times while modules are loaded: a tenth of a start.
    gc.set_threshold(20_000, 20, 20)
    try:
        app()
    except GitopsBotError as error:
        console = Console(stderr=True, soft_wrap=True)
        said = clean(telemetry.without_tokens(str(error)))
        console.print(f"gitops-bot: {said}", style="red", markup=False, highlight=False)
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 # whatever it is: Python itself would print it unfiltered
        sys.stderr.write(telemetry.filtered_traceback(error))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
