"""`gitops-bot init`: what it asks, what it writes, and the links that it prints."""

import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from typer.testing import CliRunner

from gitops_bot.cli import app
from gitops_bot.config import load_settings
from gitops_bot.rules.first_steps import Answers, api_url, github_app_link, github_token_link

RUN = CliRunner()


def query(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query, strict_parsing=True).items()}


def links(output: str) -> list[str]:
    return [line.strip() for line in output.splitlines() if line.strip().startswith("https://")]


@pytest.mark.parametrize(
    ("html_url", "expected"),
    [
        ("https://github.com", "https://api.github.com"),
        ("https://github.com/", "https://api.github.com"),
        ("https://acme.ghe.com", "https://api.acme.ghe.com"),
        ("https://github.acme.example", "https://github.acme.example/api/v3"),
    ],
)
def test_the_api_follows_from_where_github_is(html_url: str, expected: str) -> None:
    assert api_url(html_url) == expected


def test_the_apps_form_asks_for_exactly_what_is_needed() -> None:
    answers = Answers("production", "C0123456789", html_url="https://acme.ghe.com/", owner="acme", app=True)
    address = github_app_link(answers)
    assert address.startswith("https://acme.ghe.com/organizations/acme/settings/apps/new?")
    rights = {"metadata": "read", "contents": "read", "pull_requests": "write"}
    asked = query(address)
    assert {name: value for name, value in asked.items() if value in {"read", "write"}} == rights
    assert (asked["public"], asked["webhook_active"]) == ("false", "false")
    with_statuses = query(github_app_link(Answers("p", "C1", owner="acme", app=True, statuses=True)))
    assert with_statuses["checks"] == "write"


def test_an_app_or_a_token_of_a_person() -> None:
    person = Answers("production", "C0123456789", owner="octocat", organisation=False, statuses=True)
    assert github_app_link(person).startswith("https://github.com/settings/apps/new?")
    asked = query(github_token_link(person))
    assert (asked["target_name"], asked["contents"], asked["pull_requests"], asked["statuses"]) == (
        "octocat",
        "read",
        "write",
        "write",
    )


def test_options_answer_every_question_and_the_settings_are_right(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "settings.yaml"
    done = RUN.invoke(
        app,
        [
            *("init", str(file), "--cluster", "production", "--channel", "C0123456789", "--github", "acme.ghe.com"),
            *("--owner", "acme", "--organisation", "--app", "--statuses", "--person", "U0123456789=octocat"),
        ],
    )
    assert done.exit_code == 0, done.output
    settings = load_settings(file)
    assert settings.github.api_url == "https://api.acme.ghe.com"
    assert settings.github.app is not None
    assert settings.status.enabled
    assert settings.people == {"U0123456789": "octocat"}
    slack, github = links(done.output)
    manifest = json.loads(query(slack)["manifest_json"])
    assert manifest["settings"]["socket_mode_enabled"] is True
    assert {"chat:write", "channels:history"} <= set(manifest["oauth_config"]["scopes"]["bot"])
    assert github.startswith("https://acme.ghe.com/organizations/acme/")


def test_what_no_option_answers_is_asked(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    typed = "\nstaging\nC0123456789\nacme\nn\nn\n\n"
    done = RUN.invoke(app, ["init", str(file)], input=typed)
    assert done.exit_code == 0, done.output
    settings = load_settings(file)
    assert settings.clusters[0].name == "staging"
    assert str(settings.github.token_file).endswith("/github-token")
    assert not settings.status.enabled
    assert "Nobody may approve yet" in done.output


def test_a_file_that_is_there_is_left_alone_and_a_wrong_answer_leaves_none(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("mine", encoding="utf-8")
    assert "--force" in str(RUN.invoke(app, ["init", str(file)]).exception)
    assert file.read_text(encoding="utf-8") == "mine"
    other = tmp_path / "other.yaml"
    options = ["--cluster", "production", "--channel", "#general", "--github", "github.com", "--owner", "acme"]
    wrong = RUN.invoke(app, ["init", str(other), *options, "--organisation", "--no-app", "--no-statuses"])
    assert "slack.channel" in str(wrong.exception)
    assert not other.exists()
