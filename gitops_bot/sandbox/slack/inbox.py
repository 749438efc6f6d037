"""The page on which a person sees what Slack would show them."""

import contextlib
import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

from aiohttp import web

from gitops_bot.sandbox.slack.records import Message, View
from gitops_bot.sandbox.slack.web_views import Views
from gitops_bot.sandbox.slack.workspace import Workspace

_STATIC = files("gitops_bot.sandbox.slack") / "static"
_KINDS = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
# The page loads nothing from elsewhere, and no text of a message becomes a script.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
# An uploaded file may hold anything: opened in the browser it gets no script and no origin.
_FILE_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
# Messages of a channel on the page, without their replies: the newest.
_SHOWN = 200


class Inbox:
    """Serves the page, its data and its live updates."""

    def __init__(self, workspace: Workspace, views: Views) -> None:
        self._workspace = workspace
        self._views = views

    def routes(self) -> list[web.RouteDef]:
        """Give the routes."""
        return [
            web.get("/", self.home),
            web.get("/inbox", self.page),
            web.get("/inbox/static/{name}", self.static),
            web.get("/inbox/state", self.state),
            web.get("/inbox/events", self.events),
            web.get("/inbox/files/{file}/{name}", self.file),
            web.get("/files-pri/{file}/{name}", self.private_file),
            web.get("/archives/{channel}/{stamp}", self.permalink),
        ]

    async def home(self, _request: web.Request) -> web.Response:
        """Lead to the inbox."""
        raise web.HTTPFound("/inbox")

    async def page(self, _request: web.Request) -> web.Response:
        """Serve the page."""
        return _static("inbox.html")

    async def static(self, request: web.Request) -> web.Response:
        """Serve what the page is made of."""
        return _static(request.match_info["name"])

    async def permalink(self, request: web.Request) -> web.Response:
        """Lead from a message's address to it."""
        stamp = request.match_info["stamp"].removeprefix("p")
        raise web.HTTPFound(f"/inbox#{request.match_info['channel']}/{stamp[:-6]}.{stamp[-6:]}")

    async def state(self, request: web.Request) -> web.Response:
        """Give everything that one person sees, as JSON."""
        workspace = self._workspace
        user = request.query.get("user", "")
        channels = [channel for channel in workspace.channels.values() if not user or user in channel.members]
        chosen = request.query.get("channel", "")
        if chosen not in {channel.id for channel in channels}:
            chosen = channels[0].id if channels else ""
        dialogs = [view for view in workspace.views.values() if not view.closed and view.user == user]
        answer = {
            "revision": workspace.revision,
            "team": workspace.team_name,
            "bot": {"id": workspace.bot_user, "name": workspace.app_name},
            "people": [
                {"id": one.id, "name": one.name, "real_name": one.real_name, "kind": one.kind, "deleted": one.deleted}
                for one in workspace.users.values()
            ],
            "channels": [
                {
                    "id": channel.id,
                    "name": workspace.app_name if channel.direct_with else channel.name,
                    "direct": bool(channel.direct_with),
                    "external": channel.shared == "external",
                    "private": channel.private,
                    "archived": channel.archived,
                    "latest": next(reversed(workspace.messages[channel.id]), ""),
                }
                for channel in channels
            ],
            "channel": chosen,
            "messages": list(self._messages(chosen, user)),
            "dialog": self._dialog(dialogs[-1]) if dialogs else None,
        }
        return web.json_response(answer)

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Tell the page, as server-sent events, that there is something new."""
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )
        await response.prepare(request)
        revision = -1
        with contextlib.suppress(ConnectionError):
            while True:
                revision = await self._workspace.change_after(revision)
                await response.write(f"data: {json.dumps({'revision': revision})}\n\n".encode())
        return response

    async def file(self, request: web.Request) -> web.Response:
        """Serve an uploaded file to the page: to look at, or (``?download=1``) to keep."""
        file = self._workspace.files.get(request.match_info["file"])
        if file is None or not file.completed or file.content is None:
            raise web.HTTPNotFound(text="no such file")
        inline = file.mimetype.startswith(("text/", "image/")) and "download" not in request.query
        return web.Response(
            body=file.content,
            headers={
                "Content-Type": file.mimetype + ("; charset=utf-8" if file.mimetype.startswith("text/") else ""),
                "Content-Disposition": "inline" if inline else "attachment",
                "Content-Security-Policy": _FILE_POLICY,
                "X-Content-Type-Options": "nosniff",
            },
        )

    async def private_file(self, request: web.Request) -> web.Response:
        """Serve an uploaded file to the app, which must show its token."""
        if request.headers.get("Authorization") != f"Bearer {self._workspace.bot_token}":
            raise web.HTTPFound("/inbox")
        return await self.file(request)

    def _messages(self, channel: str, user: str) -> Iterator[dict[str, Any]]:
        warnings = [
            one
            for one in self._workspace.warnings
            if one["user"] == user and one["channel"] == channel and not one["over"]
        ]
        messages = list(self._workspace.visible(channel, user))
        tops = [one.ts for one in messages if one.thread_ts in {"", one.ts}]
        since = tops[-_SHOWN] if len(tops) > _SHOWN else ""
        for message in messages:
            if (message.thread_ts or message.ts) >= since:
                yield self._message(message, warnings)

    def _message(self, message: Message, warnings: list[dict[str, Any]]) -> dict[str, Any]:
        answer = self._workspace.message_json(message)
        answer.pop("bot_profile", None)
        answer["edited"] = message.shows_edited
        answer["ephemeral"] = bool(message.ephemeral_for)
        answer["warnings"] = [[one["block_id"], one["action_id"]] for one in warnings if one["ts"] == message.ts]
        return answer

    def _dialog(self, view: View) -> dict[str, Any]:
        answer = self._views.json(view)
        answer["errors"] = view.errors
        answer["depth"] = len(self._views.stack(view))
        return answer


def _static(name: str) -> web.Response:
    kind = _KINDS.get(name.rpartition(".")[2])
    resource = _STATIC / name
    if kind is None or "/" in name or not resource.is_file():
        raise web.HTTPNotFound(text="no such file")
    return web.Response(
        body=resource.read_bytes(),
        headers={
            "Content-Type": f"{kind}; charset=utf-8",
            "Cache-Control": "no-store",
            "Content-Security-Policy": _POLICY,
            "X-Content-Type-Options": "nosniff",
        },
    )
