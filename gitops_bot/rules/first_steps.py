"""What `gitops-bot init` makes of its answers: a settings file, and links to forms that are filled in already."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import yaml


@dataclass(frozen=True)
class Answers:
    """What was asked.

    ``html_url`` is where people look at GitHub; ``owner`` owns the repositories, ``organisation`` says of
    which kind it is; ``app`` whether the bot is to be a GitHub App instead of a token; ``statuses`` whether
    it writes the status of commits; ``people`` are Slack user ids to GitHub logins.
    """

    cluster: str
    channel: str
    html_url: str = "https://github.com"
    owner: str = ""
    organisation: bool = True
    app: bool = False
    app_id: str = ""
    statuses: bool = False
    people: Mapping[str, str] = field(default_factory=dict)
    secrets: str = "/var/run/secrets/gitops-bot"


def api_url(html_url: str) -> str:
    """Give the REST API that belongs to GitHub's pages.

    ghe.com: https://docs.github.com/en/enterprise-cloud@latest/rest/using-the-rest-api/getting-started-with-the-rest-api
    Own servers: https://docs.github.com/en/enterprise-server@latest/rest/quickstart
    """
    host = urlsplit(html_url).hostname or ""
    if host in {"github.com", "www.github.com"}:
        return "https://api.github.com"
    if host.endswith(".ghe.com"):
        return f"https://api.{host}"
    return f"{html_url.rstrip('/')}/api/v3"


def slack_app_link(manifest: Mapping[str, Any]) -> str:
    """Open Slack's form for a new app with our manifest in it.

    https://docs.slack.dev/app-manifests/configuring-apps-with-app-manifests#sharing
    """
    text = json.dumps(manifest, separators=(",", ":"), ensure_ascii=False)
    return f"https://api.slack.com/apps?new_app=1&manifest_json={quote(text, safe='')}"


def github_app_link(answers: Answers) -> str:
    """Open GitHub's form for a new App with exactly our permissions.

    https://docs.github.com/en/apps/sharing-github-apps/registering-a-github-app-using-url-parameters
    """
    place = f"organizations/{quote(answers.owner)}/settings" if answers.organisation and answers.owner else "settings"
    wanted = {
        "name": f"gitops-bot {answers.cluster}",
        "url": f"{answers.html_url.rstrip('/')}/{answers.owner}",
        "description": "Shows what a pull request will really do to the cluster, before the merge.",
        "public": "false",
        "webhook_active": "false",
        "metadata": "read",
        "contents": "read",
        "pull_requests": "write",
        **({"checks": "write"} if answers.statuses else {}),
    }
    return f"{answers.html_url.rstrip('/')}/{place}/apps/new?{urlencode(wanted)}"


def github_token_link(answers: Answers) -> str:
    """Open GitHub's form for a fine-grained token.

    https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/managing-your-personal-access-tokens#pre-filling-fine-grained-personal-access-token-details-using-url-parameters
    """
    wanted = {
        "name": f"gitops-bot {answers.cluster}",
        "description": "Shows what pull requests would do to the cluster",
        **({"target_name": answers.owner} if answers.owner else {}),
        "expires_in": "90",
        "contents": "read",
        "pull_requests": "write",
        **({"statuses": "write"} if answers.statuses else {}),
    }
    return f"{answers.html_url.rstrip('/')}/settings/personal-access-tokens/new?{urlencode(wanted)}"


def settings_file(answers: Answers) -> str:
    """Write the settings as YAML. They hold names of files with secrets, never a secret."""
    github: dict[str, Any] = {}
    if api_url(answers.html_url) != "https://api.github.com":
        github |= {"api_url": api_url(answers.html_url), "html_url": answers.html_url.rstrip("/")}
    if answers.app:
        github["app"] = {
            "id": answers.app_id or "REPLACEME",
            "private_key_file": f"{answers.secrets}/github-app.pem",
        }
    else:
        github["token_file"] = f"{answers.secrets}/github-token"
    settings: dict[str, Any] = {
        "clusters": [{"name": answers.cluster}],
        "github": github,
        "slack": {
            "channel": answers.channel,
            "bot_token_file": f"{answers.secrets}/slack-bot-token",
            "app_token_file": f"{answers.secrets}/slack-app-token",
        },
        "people": dict(answers.people),
    }
    if answers.statuses:
        settings["status"] = {"enabled": True}
    heading = "# Settings of gitops-bot, made by `gitops-bot init`. All of them: docs/settings.md.\n"
    return heading + str(yaml.safe_dump(settings, sort_keys=False, allow_unicode=True))
