"""The device flow: a program asks for a code, a person types it in, the program gets a token of theirs.

https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps#device-flow
"""

import html
import secrets
import time
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from gitops_bot.sandbox.github.state import State

_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_LIFE = 900
_HEADERS = {"Content-Security-Policy": "default-src 'none'; form-action 'self'; frame-ancestors 'none'"}
_PAGE = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Device activation</title></head><body>
<h1>Device activation</h1>
<form method="post">
<p><label>Code shown in Slack <input name="code" required autocomplete="off" placeholder="ABCD-EFGH"></label></p>
<p><label>Continue as <select name="login">{people}</select></label></p>
<p><button>Authorize</button></p>
</form></body></html>
"""


@dataclass
class _Code:
    client_id: str
    user_code: str
    expires: float
    login: str = ""
    denied: bool = False
    asked: float = 0.0


class DeviceFlows:
    """Codes that were handed out."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._codes: dict[str, _Code] = {}
        # Apps by client id that have the device flow switched on.
        self.clients: set[str] = set()
        # Seconds that a program has to leave between two questions.
        self.interval = 5

    def routes(self) -> list[web.RouteDef]:
        """Give the routes, beside the pages and not below the API."""
        return [
            web.post("/login/device/code", self.code),
            web.post("/login/oauth/access_token", self.token),
            web.get("/login/device", self.page),
            web.post("/login/device", self.typed),
        ]

    async def code(self, request: web.Request) -> web.Response:
        """Hand out a code."""
        form = await request.post()
        client = str(form.get("client_id") or "")
        if client not in self.clients:
            return web.json_response({"error": "incorrect_client_credentials"}, status=404)
        letters = "".join(secrets.choice("BCDFGHJKLMNPQRSTVWXZ") for _ in range(8))
        device, user_code = secrets.token_hex(20), f"{letters[:4]}-{letters[4:]}"
        self._codes[device] = _Code(client, user_code, time.monotonic() + _LIFE)
        return web.json_response(
            {
                "device_code": device,
                "user_code": user_code,
                "verification_uri": f"{self._state.origin}/login/device",
                "expires_in": _LIFE,
                "interval": self.interval,
            }
        )

    async def token(self, request: web.Request) -> web.Response:
        """Give the token once the person has agreed; GitHub says everything else with status 200 as well."""
        form = await request.post()
        code = self._codes.get(str(form.get("device_code") or ""))
        if form.get("grant_type") != _GRANT:
            return _error("unsupported_grant_type")
        if code is None or form.get("client_id") != code.client_id:
            return _error("incorrect_device_code")
        if wrong := self._why_not(code):
            return wrong
        del self._codes[str(form["device_code"])]
        token = self._state.add_token(code.login, f"gho_{secrets.token_hex(18)}")
        return web.json_response({"access_token": token.value, "token_type": "bearer", "scope": "repo"})

    async def page(self, _request: web.Request) -> web.Response:
        """Let a person type a code in, as whomever they choose: nobody is logged in here."""
        people = "".join(f"<option>{html.escape(user.login)}</option>" for user in self._state.users.values())
        return web.Response(text=_PAGE.format(people=people), content_type="text/html", headers=_HEADERS)

    async def typed(self, request: web.Request) -> web.Response:
        """Take the code."""
        form = await request.post()
        try:
            self.agree(str(form["code"]).strip().upper(), self._state.users[str(form["login"]).lower()].login)
        except KeyError:
            return web.Response(status=404, text="There is no such code, or it has expired.")
        return web.Response(text="Your device is now connected.")

    def _why_not(self, code: _Code) -> web.Response | None:
        now = time.monotonic()
        too_fast, code.asked = now - code.asked < self.interval * 0.9, now
        answers = (
            (now > code.expires, _error("expired_token")),
            (code.denied, _error("access_denied")),
            (too_fast, _error("slow_down", interval=self.interval + 5)),
            (not code.login, _error("authorization_pending")),
        )
        return next((answer for holds, answer in answers if holds), None)

    def agree(self, user_code: str, login: str) -> None:
        """Type a code in, as somebody who is logged in, and agree. KeyError: there is no such code."""
        self._named(user_code).login = login

    def deny(self, user_code: str) -> None:
        """Type a code in and cancel."""
        self._named(user_code).denied = True

    def _named(self, user_code: str) -> _Code:
        return {code.user_code: code for code in self._codes.values()}[user_code]


def _error(name: str, **more: Any) -> web.Response:
    return web.json_response({"error": name, "error_description": name.replace("_", " ")} | more)
