"""What every Web API method is: a handler, the scope that it needs, its rate limit and the kind of token."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from gitops_bot.sandbox.slack.arguments import Arguments
from gitops_bot.sandbox.slack.refusals import SlackRefusal
from gitops_bot.sandbox.slack.workspace import Workspace

Handler = Callable[[Arguments], dict[str, Any]]


@dataclass(frozen=True)
class Method:
    """One method. ``per_minute`` is what its tier allows (https://api.slack.com/apis/rate-limits)."""

    handler: Handler
    per_minute: int
    scope: str = ""
    caller: Literal["bot", "app", "anybody"] = "bot"


def need_scope(workspace: Workspace, scope: str) -> None:
    """Refuse when the bot token lacks a scope."""
    if scope and scope not in workspace.scopes:
        raise SlackRefusal("missing_scope", {"needed": scope, "provided": ",".join(workspace.scopes)})
