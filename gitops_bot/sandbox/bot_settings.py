"""The settings file of the bot in a sandbox: what a person would write for this world."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gitops_bot.sandbox.github import GitHubStandIn
from gitops_bot.sandbox.slack import SlackStandIn
from gitops_bot.sandbox.state import StateFolder

# Of the App whose device flow `/link` uses.
CLIENT_ID = "Iv1.sandbox"
# Seconds between two looks of the bot at a repository. On GitHub it is 30; nobody wants to wait in a demo.
_POLL_INTERVAL = 2.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the bot finds around it: kubeconfigs by cluster, GitHub and Slack, who is who."""

    clusters: Mapping[str, Path]
    github: GitHubStandIn
    github_token: str
    slack: SlackStandIn
    channel: str
    # Slack user id to GitHub login.
    people: Mapping[str, str]
    # Logins of Apps whose pull requests are compared.
    apps: tuple[str, ...]
    flux: Path


def bot_settings(around: Surroundings, state: StateFolder) -> Mapping[str, Any]:
    """Give the settings, and write the secrets that they name."""
    github, slack, secret = around.github, around.slack, state.write_secret
    return {
        "clusters": [{"name": name, "kubeconfig": str(kubeconfig)} for name, kubeconfig in around.clusters.items()],
        "github": {
            "api_url": github.api_url,
            "html_url": github.html_url,
            "token_file": str(secret("github-token", around.github_token)),
            "oauth_client_id": CLIENT_ID,
            "oauth_key_file": str(secret("oauth-key", secrets.token_hex(32))),
        },
        "watch": {"interval": _POLL_INTERVAL},
        "slack": {
            "api_url": slack.api_url,
            "bot_token_file": str(secret("slack-bot-token", slack.bot_token)),
            "app_token_file": str(secret("slack-app-token", slack.app_token)),
            "channel": around.channel,
        },
        "trust": {"apps": list(around.apps)},
        # In a demo everything is to be tried.
        "decisions": {"merge": "squash"},
        "people": dict(around.people),
        "store": {"folder": str(state.part("bot"))},
        "flux": {"binary": str(around.flux)},
        "web": {"port": 0},
        "log": {"format": "json"},
    }


def model_settings(base_url: str, repository: str, *, updater: str) -> Mapping[str, Any]:
    """Let a model be asked about a repository, at prices such as providers have, and try a gate for ``updater``."""
    endpoint = {"base_url": base_url, "model": "stand-in-large", "prices": {"input": 2, "output": 8}}
    rule = {
        "name": "image-updates",
        "repositories": [repository],
        "paths": ["infrastructure/base/**"],
        "kinds": ["Deployment"],
        "authors": [updater],
        "fields": ["spec.template.spec.containers.*.image"],
        # The stand-in knows nobody's keys.
        "signed_commits": False,
    }
    # On trial: it says what it would have done.
    gate = {"enabled": True, "show_dry_run": True, "rules": [rule]}
    return {"repositories": [repository], "endpoints": [endpoint], "gate": gate}
