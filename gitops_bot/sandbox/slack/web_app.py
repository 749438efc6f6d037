"""Who am I, is anybody there, and where is the socket."""

from collections.abc import Callable
from typing import Any

from gitops_bot.sandbox.slack.arguments import Arguments
from gitops_bot.sandbox.slack.methods import Method
from gitops_bot.sandbox.slack.refusals import SlackRefusal
from gitops_bot.sandbox.slack.workspace import Workspace


class AppMethods:
    """The api.*, auth.* and apps.* methods."""

    def __init__(self, workspace: Workspace, new_socket_url: Callable[[], str]) -> None:
        self._workspace = workspace
        self._new_socket_url = new_socket_url

    def table(self) -> dict[str, Method]:
        """Give the methods by name."""
        return {
            "api.test": Method(self.api_test, 100, caller="anybody"),
            "auth.test": Method(self.auth_test, 300),
            "apps.connections.open": Method(self.open_connection, 50, caller="app"),
        }

    def api_test(self, arguments: Arguments) -> dict[str, Any]:
        """Echo."""
        given = {name: value for name, value in arguments.values.items() if name != "token"}
        if arguments.has("error"):
            raise SlackRefusal(arguments.text("error"), {"args": given})
        return {"args": given} if given else {}

    def auth_test(self, arguments: Arguments) -> dict[str, Any]:
        """Tell whose token it is."""
        del arguments
        workspace = self._workspace
        answer: dict[str, Any] = {
            "url": f"{workspace.origin}/",
            "team": workspace.team_name,
            "user": workspace.app_name,
            "team_id": workspace.team_id,
            "user_id": workspace.bot_user,
            "bot_id": workspace.bot_id,
            "is_enterprise_install": False,
        }
        if workspace.enterprise_id:
            answer["enterprise_id"] = workspace.enterprise_id
        return answer

    def open_connection(self, arguments: Arguments) -> dict[str, Any]:
        """Give the address of a socket, good for one connection."""
        del arguments
        return {"url": self._new_socket_url()}
