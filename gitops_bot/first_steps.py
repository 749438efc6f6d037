"""``gitops-bot init``: ask what is needed, write the settings, link to forms of Slack and GitHub that are filled in."""

from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from rich.console import Console

from gitops_bot.config import load_settings
from gitops_bot.errors import SettingsError
from gitops_bot.rules import first_steps
from gitops_bot.rules.first_steps import Answers


def init(
    file: Annotated[Path, typer.Argument(help="The settings file to write.")] = Path("settings.yaml"),
    cluster: Annotated[str, typer.Option(help="The name of the cluster, as messages show it.")] = "",
    channel: Annotated[str, typer.Option(help="The id of the Slack channel (C…), from its details.")] = "",
    github: Annotated[
        str, typer.Option(help="Where GitHub is: https://github.com, SUBDOMAIN.ghe.com, or your server.")
    ] = "",
    owner: Annotated[str, typer.Option(help="The account that owns the repositories.")] = "",
    organisation: Annotated[bool | None, typer.Option(help="Whether the owner is an organisation.")] = None,
    app: Annotated[bool | None, typer.Option(help="Use a GitHub App instead of a token.")] = None,
    statuses: Annotated[
        bool | None, typer.Option(help="Write commit statuses that branch protection can require.")
    ] = None,
    person: Annotated[
        list[str] | None, typer.Option(help="Who may approve: SLACK-USER-ID=github-login; can be repeated.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,  # noqa: FBT002 # so Typer
) -> None:
    """Ask what the bot needs, write the settings file, and link to forms of Slack and GitHub that are filled in."""
    console = Console(highlight=False, soft_wrap=True)
    if file.exists() and not force:
        raise SettingsError(f"{file} exists. Name another file, or overwrite it with --force.")
    address = github or _ask("Where is GitHub", "https://github.com")
    answers = Answers(
        cluster=cluster or _ask("Name of the cluster", "production"),
        channel=channel or _ask("Id of the Slack channel (its details show it, C…)"),
        html_url=address if "://" in address else f"https://{address}",
        owner=owner or _ask("Who owns the repositories (organisation or user)"),
        organisation=_decide(organisation, "Is that an organisation", default=True),
        app=_decide(app, "Use a GitHub App (better limits, its own rights) instead of a token", default=True),
        statuses=_decide(statuses, "Write commit statuses that branch protection can require", default=False),
        people=_people(person or []),
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(first_steps.settings_file(answers), encoding="utf-8")
    try:
        load_settings(file)
    except SettingsError:
        file.unlink()
        raise
    _print_steps(console, file, answers)


def _ask(question: str, default: str = "") -> str:
    answer: str = typer.prompt(question, default=default or None)
    return answer.strip()


def _decide(given: bool | None, question: str, *, default: bool) -> bool:  # noqa: FBT001 # an option that was left out
    return typer.confirm(question + "?", default=default) if given is None else given


def _people(pairs: list[str]) -> dict[str, str]:
    people = {}
    for pair in pairs:
        user, equals, login = pair.partition("=")
        if not equals or not user or not login:
            raise SettingsError(f"--person {pair}: write SLACK-USER-ID=github-login, for example U0123456789=octocat.")
        people[user] = login
    return people


def _print_steps(console: Console, file: Path, answers: Answers) -> None:
    folder = answers.secrets
    key = "github-app.pem" if answers.app else "github-token"
    link = first_steps.github_app_link(answers) if answers.app else first_steps.github_token_link(answers)
    steps = [
        f"Make the Slack app (everything is filled in):\n{first_steps.slack_app_link(_manifest())}",
        f"Install it to your workspace; its bot token (xoxb-…) goes into {folder}/slack-bot-token.",
        f"Basic Information, App-Level Tokens: one with connections:write (xapp-…) goes into {folder}/slack-app-token.",
        f"In Slack, invite the bot to the channel {answers.channel}: /invite @gitops-bot",
        f"Make the GitHub {'App' if answers.app else 'token'} (exactly the rights that are needed):\n{link}",
    ]
    if answers.app:
        steps.append(
            f"Generate a private key for it, put it into {folder}/{key}, install the App for {answers.owner}, "
            f"and write its id into {file} (github.app.id)."
        )
    else:
        steps.append(f"Put the token into {folder}/{key}.")
    steps.append(f"Try everything: gitops-bot check --settings {file}")
    console.print(f"✓ {file} is written. What is left to do:\n", style="green")
    for number, step in enumerate(steps, 1):
        head, *rest = step.split("\n")
        console.print(f"{number}. {head}", markup=False)
        for line in rest:
            console.print(f"   {line}", style="cyan", markup=False)
    if not answers.people:
        console.print(
            f"\nNobody may approve yet: add people to {file} (Slack user id: GitHub login).",
            style="yellow",
            markup=False,
        )


def _manifest() -> dict[str, Any]:
    package = Path(__file__).parent
    for folder in (package / "_config", package.parent / "config"):
        manifest = folder / "slack-app-manifest.yaml"
        if manifest.is_file():
            found: dict[str, Any] = yaml.safe_load(manifest.read_text(encoding="utf-8"))
            return found
    raise SettingsError("config/slack-app-manifest.yaml is missing from this installation: install it anew.")
