"""The control API under ``/_control/``: what no Slack has, for tests and for the inbox page."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from gitops_bot.sandbox.faults import FaultList
from gitops_bot.sandbox.slack.faults import Fault
from gitops_bot.sandbox.slack.interactions import Interactions
from gitops_bot.sandbox.slack.payloads import WrongGesture
from gitops_bot.sandbox.slack.rates import RateLimits
from gitops_bot.sandbox.slack.refusals import SlackRefusal
from gitops_bot.sandbox.slack.sockets import Sockets
from gitops_bot.sandbox.slack.web_files import FileMethods
from gitops_bot.sandbox.slack.web_views import Views
from gitops_bot.sandbox.slack.workspace import Workspace

Gesture = Callable[[Mapping[str, Any]], Awaitable[dict[str, Any]]]


class Control:
    """Answers ``/_control/…``; bodies and answers are JSON."""

    def __init__(
        self,
        workspace: Workspace,
        *,
        sockets: Sockets,
        views: Views,
        files: FileMethods,
        rates: RateLimits,
        faults: FaultList[Fault],
        interactions: Interactions,
    ) -> None:
        self._workspace = workspace
        self._sockets = sockets
        self._views = views
        self._files = files
        self._rates = rates
        self._faults = faults
        self._interactions = interactions

    def routes(self) -> list[web.RouteDef]:
        """Give the routes."""
        people = self._interactions

        async def say(gesture: Mapping[str, Any]) -> dict[str, Any]:
            return people.say(gesture)

        gestures: dict[str, Gesture] = {
            "click": people.click,
            "view-click": people.click_in_view,
            "submit": people.submit,
            "close": people.close_view,
            "command": people.command,
            "say": say,
        }
        return [
            *(web.post(f"/_control/{name}", self._gesture(gesture)) for name, gesture in gestures.items()),
            web.get("/_control/messages", self.messages),
            web.get("/_control/calls", self.calls),
            web.get("/_control/views", self.views),
            web.get("/_control/warnings", self.warnings),
            web.get("/_control/sockets", self.sockets),
            web.post("/_control/sockets", self.turn_sockets),
            web.get("/_control/faults", self.list_faults),
            web.post("/_control/faults", self.add_fault),
            web.delete("/_control/faults", self.clear_faults),
            web.get("/_control/settings", self.settings),
            web.post("/_control/settings", self.change_settings),
            web.post("/_control/channels", self.add_channel),
            web.post("/_control/users", self.add_user),
        ]

    async def messages(self, request: web.Request) -> web.Response:
        """List all messages with everything; ``?channel=`` for one channel. Ephemeral ones name their person."""
        wanted = request.query.get("channel", "")
        answer = [
            self._workspace.message_json(message, metadata=True)
            | {"channel": channel}
            | ({"ephemeral_for": message.ephemeral_for} if message.ephemeral_for else {})
            for channel, messages in self._workspace.messages.items()
            if wanted in {"", channel}
            for message in messages.values()
        ]
        return web.json_response({"ok": True, "messages": answer})

    async def calls(self, request: web.Request) -> web.Response:
        """List the calls of the Web API, oldest first; ``?method=`` for one method."""
        wanted = request.query.get("method", "")
        calls = [call for call in self._workspace.calls if wanted in {"", call["method"]}]
        return web.json_response({"ok": True, "calls": calls})

    async def views(self, request: web.Request) -> web.Response:
        """List the open dialogs; ``?user=`` for one person's."""
        wanted = request.query.get("user", "")
        views = [
            self._views.json(view) | {"user": view.user, "errors": view.errors}
            for view in self._workspace.views.values()
            if not view.closed and wanted in {"", view.user}
        ]
        return web.json_response({"ok": True, "views": views})

    async def warnings(self, _request: web.Request) -> web.Response:
        """List the clicks that nobody acknowledged."""
        return web.json_response({"ok": True, "warnings": list(self._workspace.warnings)})

    async def sockets(self, _request: web.Request) -> web.Response:
        """List the open sockets."""
        connections = [
            {"id": one.id, "half_open": one.half_open, "draining": one.draining, "delivered": one.delivered}
            for one in self._sockets.connections
        ]
        return web.json_response({"ok": True, "opened": self._sockets.opened, "connections": connections})

    async def turn_sockets(self, request: web.Request) -> web.Response:
        """Disturb the sockets.

        ``{"action": "disconnect", "reason": "warning"|"refresh_requested"|"link_disabled", "lead": 10}``,
        ``{"action": "drop"}``, ``{"action": "half_open"}``, each with an optional ``connection`` id;
        ``{"drop_next": n, "duplicate_next": n, "delay": s, "ack_deadline": s, "retry_delays": [s, …]}``.
        """
        body = await _body(request)
        connection, touched = str(body.get("connection") or ""), 0
        action = body.get("action")
        if action == "disconnect":
            lead = float(body.get("lead", 10))
            reason = str(body.get("reason", "refresh_requested"))
            touched = await self._sockets.disconnect(reason, connection, lead=lead)
        elif action == "drop":
            touched = self._sockets.drop(connection)
        elif action == "half_open":
            touched = self._sockets.half_open(connection)
        elif action is not None:
            return _wrong(f"unknown action {action!r}")
        for name in ("drop_next", "duplicate_next", "delay", "ack_deadline", "retry_delays"):
            if name in body:
                setattr(self._sockets, name, body[name])
        return web.json_response({"ok": True, "connections": touched})

    async def list_faults(self, _request: web.Request) -> web.Response:
        """List what is switched on."""
        return web.json_response({"ok": True, "faults": self._faults.as_json()})

    async def add_fault(self, request: web.Request) -> web.Response:
        """Switch a fault on; see faults.Fault for the fields."""
        try:
            self._faults.add(await _body(request))
        except (TypeError, ValueError) as error:
            return _wrong(str(error))
        return await self.list_faults(request)

    async def clear_faults(self, request: web.Request) -> web.Response:
        """Switch all faults off."""
        self._faults.clear()
        return await self.list_faults(request)

    async def settings(self, _request: web.Request) -> web.Response:
        """Tell how the workspace is set up."""
        workspace = self._workspace
        return web.json_response(
            {
                "ok": True,
                "rate_limits": self._rates.enforced,
                "scopes": workspace.scopes,
                "app_scopes": workspace.app_scopes,
                "events": workspace.events,
                "commands": workspace.commands,
                "enterprise_id": workspace.enterprise_id,
                "trigger_life": self._views.trigger_life,
                "share_delay": self._files.share_delay,
                "file_uploads": self._files.enabled,
            }
        )

    async def change_settings(self, request: web.Request) -> web.Response:
        """Change what ``settings`` tells.

        Also ``{"archived": {channel: bool}, "shared": {channel: ""|"external"|"pending"|"organisation"},
        "deleted": {user: bool}, "kind": {user: kind}}``.
        """
        body = await _body(request)
        workspace = self._workspace
        if "rate_limits" in body:
            self._rates.enforced = bool(body["rate_limits"])
            self._rates.reset()
        for name in ("scopes", "app_scopes", "events"):
            if name in body:
                setattr(workspace, name, tuple(body[name]))
        workspace.commands = dict(body.get("commands", workspace.commands))
        if "enterprise_id" in body:
            workspace.enterprise_id = str(body["enterprise_id"])
            for user in workspace.users.values():
                if user.team_id == workspace.team_id:
                    user.enterprise_id = workspace.enterprise_id
        self._views.trigger_life = float(body.get("trigger_life", self._views.trigger_life))
        self._files.share_delay = float(body.get("share_delay", self._files.share_delay))
        self._files.enabled = bool(body.get("file_uploads", self._files.enabled))
        _change_each(workspace.channels, ("archived", "shared"), body)
        _change_each(workspace.users, ("deleted", "kind"), body)
        workspace.changed()
        return await self.settings(request)

    async def add_channel(self, request: web.Request) -> web.Response:
        """Make a channel: name, and shared, private, bot_joins."""
        try:
            channel = self._workspace.add_channel(**await _body(request))
        except TypeError as error:
            return _wrong(str(error))
        return web.json_response({"ok": True, "channel": channel.as_json(app_user=self._workspace.bot_user)})

    async def add_user(self, request: web.Request) -> web.Response:
        """Let somebody join: name, and kind, real_name."""
        try:
            user = self._workspace.add_user(**await _body(request))
        except TypeError as error:
            return _wrong(str(error))
        return web.json_response({"ok": True, "user": user.as_json()})

    def _gesture(self, gesture: Gesture) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(request: web.Request) -> web.Response:
            try:
                return web.json_response(await gesture(await _body(request)))
            except (WrongGesture, SlackRefusal) as error:
                return _wrong(str(error))

        return answer


def _change_each(items: Mapping[str, Any], fields: tuple[str, ...], body: Mapping[str, Any]) -> None:
    for name in fields:
        for item_id, value in body.get(name, {}).items():
            setattr(items[item_id], name, value)


async def _body(request: web.Request) -> dict[str, Any]:
    # A browser names the page that sends: no page but ours may press buttons here.
    if request.headers.get("Origin", "") not in {"", f"{request.scheme}://{request.host}"}:
        raise web.HTTPForbidden(text="only the inbox page and programs may do this")
    try:
        body = json.loads(await request.text() or "{}")
    except ValueError:
        raise web.HTTPBadRequest(text="the body is not JSON") from None
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(text="the body is not a JSON object")
    return body


def _wrong(what: str) -> web.Response:
    return web.json_response({"ok": False, "error": what}, status=400)
