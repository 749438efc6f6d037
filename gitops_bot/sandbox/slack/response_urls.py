"""The addresses at which the app may answer a gesture: five times within thirty minutes."""

import secrets
import time
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from gitops_bot.sandbox.slack.block_kit import check_message_blocks
from gitops_bot.sandbox.slack.records import Message
from gitops_bot.sandbox.slack.refusals import SlackRefusal
from gitops_bot.sandbox.slack.web_chat import ChatMethods, replace
from gitops_bot.sandbox.slack.workspace import Workspace

USES = 5
LIFE = 1800.0


@dataclass
class _Address:
    channel: str
    user: str
    original: str
    expires: float
    uses: int = 0


class ResponseUrls:
    """Hands out addresses and takes what is posted there."""

    def __init__(self, workspace: Workspace, chat: ChatMethods) -> None:
        self._workspace = workspace
        self._chat = chat
        self._addresses: dict[str, _Address] = {}

    def new(self, channel: str, user: str, original: str = "") -> str:
        """Give an address. ``original``: the message in which the gesture was made."""
        now = time.monotonic()
        self._addresses = {key: one for key, one in self._addresses.items() if one.expires > now}
        key = secrets.token_urlsafe(18)
        self._addresses[key] = _Address(channel, user, original, now + LIFE)
        team = self._workspace.team_id
        return f"{self._workspace.origin}/actions/{team}/{secrets.randbelow(10**13)}/{key}"

    async def response_url(self, request: web.Request) -> web.Response:
        """Take an answer."""
        address = self._addresses.get(request.match_info["key"])
        if address is None or time.monotonic() > address.expires:
            return web.json_response({"ok": False, "error": "expired_url"}, status=404)
        if address.uses >= USES:
            return web.json_response({"ok": False, "error": "used_url"}, status=404)
        try:
            body = await request.json()
        except ValueError:
            return web.Response(status=400, text="invalid_payload")
        if not isinstance(body, dict):
            return web.Response(status=400, text="invalid_payload")
        try:
            self.respond(address.channel, address.user, address.original, body)
        except SlackRefusal as refused:
            status = 404 if refused.error == "message_not_found" else 400
            return web.json_response(refused.as_json(), status=status)
        address.uses += 1
        return web.Response(text="ok")

    def respond(self, channel_id: str, user: str, original: str, body: dict[str, Any]) -> Message | None:
        """Carry out an answer; give the message that it made or changed."""
        text = str(body.get("text") or "")
        blocks = check_message_blocks(body["blocks"]) if body.get("blocks") else None
        messages = self._workspace.messages[channel_id]
        if body.get("delete_original"):
            if messages.pop(original, None) is None:
                raise SlackRefusal("message_not_found")
            self._workspace.changed()
            return None
        if not text and not blocks:
            raise SlackRefusal("no_text")
        if body.get("replace_original") and original:
            message = messages.get(original)
            if message is None:
                raise SlackRefusal("message_not_found")
            replace(message, text=text, blocks=blocks, ts=self._workspace.stamp())
            self._workspace.changed()
            return message
        channel = self._workspace.channels[channel_id]
        everybody = body.get("response_type") == "in_channel"
        return self._workspace.add_message(
            self._chat.new_message(
                channel,
                text,
                blocks=blocks,
                thread=str(body.get("thread_ts") or ""),
                ephemeral_for="" if everybody else user,
            )
        )
