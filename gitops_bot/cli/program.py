"""The program: every command by its name, and what is said when one fails."""

import asyncio
import gc
import sys
from importlib import import_module
from typing import Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from gitops_bot import __version__, telemetry
from gitops_bot.cli import evaluation, installation, language_model, looking, records
from gitops_bot.cli.options import SettingsFile
from gitops_bot.config import load_settings
from gitops_bot.errors import GitopsBotError
from gitops_bot.rules.cleaning import clean

# Commands that are imported when they are asked for; the sandbox brings libraries that the service does not need.
_ELSEWHERE = {
    "init": "gitops_bot.first_steps",
    "tools": "gitops_bot.sandbox.tools.commands",
    "sandbox": "gitops_bot.sandbox.commands",
    "demo": "gitops_bot.sandbox.commands",
}


_USUAL_THRESHOLDS = gc.get_threshold()


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


@app.command()
def run(settings: SettingsFile = None) -> None:
    """Watch pull requests and tell Slack what they would do: the service."""
    from gitops_bot.service import run_service  # noqa: PLC0415 # --help answers at once

    # From here on garbage is looked for as usual, but not among what was loaded: all of that stays.
    gc.freeze()
    gc.set_threshold(*_USUAL_THRESHOLDS)
    loaded = load_settings(settings)
    telemetry.set_up_logging(loaded.log.level, as_json=loaded.log.format == "json")
    asyncio.run(run_service(loaded))


app.command()(looking.diff)
app.command()(language_model.review)
app.command()(language_model.diagnose)
app.command()(looking.affected)
app.command()(installation.check)
app.command()(installation.rbac)
app.command()(records.accuracy)
language_model.llm_app.command("eval")(evaluation.llm_eval)
language_model.llm_app.command("export")(records.llm_export)
app.add_typer(language_model.llm_app, name="llm")
app.add_typer(records.gate_app, name="gate")
app.add_typer(records.audit_app, name="audit")


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def main() -> None:
    """Run the command line; a failure that we know is told in its own words, without a traceback."""
    # Python's own 700 looks for garbage hundreds of times while modules are loaded: a tenth of a start.
    gc.set_threshold(20_000, 20, 20)
    gc.enable()
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
