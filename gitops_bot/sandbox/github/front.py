"""GitHub's manners around every call: who asks, limits, faults, ETags, and a record of it all."""

import base64
import binascii
import hashlib
import json
import re
import secrets
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from gitops_bot.sandbox.faults import FaultList
from gitops_bot.sandbox.github.app_tokens import app_of_jwt
from gitops_bot.sandbox.github.calls import Answer, Call, parse
from gitops_bot.sandbox.github.exchanges import Exchanges
from gitops_bot.sandbox.github.faults import Fault, carry_out
from gitops_bot.sandbox.github.limits import Limits, primary_limit
from gitops_bot.sandbox.github.moments import Moments
from gitops_bot.sandbox.github.records import App, Token, now
from gitops_bot.sandbox.github.refusals import Refusal, bad_credentials
from gitops_bot.sandbox.github.state import State
from gitops_bot.sandbox.github.syncing import Syncing

Handler = Callable[[Call], Awaitable[Answer]]
API = "/api/v3"
# Requests that the control API can show.
_REMEMBERED = 50_000
_VERSIONS = ("2022-11-28", "2026-03-10")
# What the later version left out. https://docs.github.com/en/rest/about-the-rest-api/breaking-changes
_GONE = {"2026-03-10": frozenset({"merge_commit_sha", "assignee", "has_downloads", "rate"})}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A method and a path of the API, with the parameters named as in GitHub's OpenAPI description.

    ``content``: it makes something that people see (the stricter secondary limit). ``free``: costs nothing.
    """

    method: str
    path: str
    handler: Handler
    content: bool = False
    free: bool = False
    resource: str = "core"

    @property
    def template(self) -> str:
        """The path as the OpenAPI description has it."""
        return re.sub(r":[^{}]*}", "}", self.path)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who asks: a token, an App by its own JWT, or nobody."""

    token: Token | None = None
    app: App | None = None

    @property
    def login(self) -> str:
        """The account, for faults and for the record."""
        return self.token.login if self.token else self.app.slug if self.app else ""


class Front:
    """Stands before every handler."""

    def __init__(
        self, state: State, syncing: Syncing, *, limits: Limits, faults: FaultList[Fault], exchanges: Exchanges
    ) -> None:
        self._state = state
        self._syncing = syncing
        self._limits = limits
        self._faults = faults
        self._exchanges = exchanges
        self.requests: deque[dict[str, Any]] = deque(maxlen=_REMEMBERED)
        self.moments = Moments()

    def route(self, endpoint: Endpoint, prefix: str = API) -> web.RouteDef:
        """Give the route of an endpoint."""

        async def handle(request: web.Request) -> web.StreamResponse:
            return await self._handle(request, endpoint, request.path.removeprefix(prefix))

        return web.route(endpoint.method, prefix + endpoint.path, handle)

    async def unknown(self, request: web.Request) -> web.StreamResponse:
        """Answer what no endpoint answers."""

        async def missing(_call: Call) -> Answer:
            raise Refusal(404, "Not Found")

        endpoint = Endpoint(request.method, "/{path}", missing)
        return await self._handle(request, endpoint, request.path.removeprefix(API))

    def remember(self, request: web.Request, path: str, login: str, kind: str) -> dict[str, Any]:
        """Write a request down before anything is done about it; the answer's fields follow."""
        entry = {
            "at": now().isoformat(),
            "kind": kind,
            "method": request.method,
            "path": path,
            "query": dict(request.query),
            "login": login,
            "conditional": "If-None-Match" in request.headers,
            "status": None,
            "cost": 0,
            "fault": None,
        }
        self.requests.append(entry)
        return entry

    def take_fault(self, request: web.Request, path: str, login: str, entry: dict[str, Any]) -> Fault | None:
        """Give the fault that meets a request, and write it down."""
        fault = self._faults.first(lambda one: one.meets(request.method, path, login))
        if fault is not None:
            entry["fault"] = fault.kind
        return fault

    async def _handle(self, request: web.Request, endpoint: Endpoint, path: str) -> web.StreamResponse:
        raw = await request.read()
        try:
            who, wrong = credentials(request, self._state), None
        except Refusal as refusal:
            who, wrong = Credentials(), refusal
        entry = self.remember(request, path, who.login, "api")
        self._limits.count(who.token, "requests")
        fault = self.take_fault(request, path, who.login, entry)
        needs_answer = fault is not None and (fault.when == "after" or fault.kind in {"truncated", "cut"})
        if fault is not None and not needs_answer:
            broken = await carry_out(fault, request, b"")
            if broken is not None:
                entry["status"] = broken.status
                return broken
        await self.moments.come("before", request.method, path)
        answer = await self._answer(request, endpoint, raw, who=who, wrong=wrong)
        response = self._respond(request, endpoint, answer, who.token)
        entry["status"] = response.status
        if not endpoint.free and not (response.status == web.HTTPNotModified.status_code and who.token):
            self._limits.spend(who.token, endpoint.resource)
            entry["cost"] = 1
        elif response.status == web.HTTPNotModified.status_code:
            self._limits.count(who.token, "not_modified")
        # Told as they are after this request.
        response.headers.update(self._limits.headers(who.token, endpoint.resource))
        self._exchanges.add(
            endpoint.method,
            endpoint.template,
            response.status,
            version=response.headers["X-GitHub-Api-Version-Selected"],
            body=json.loads(response.body) if isinstance(response.body, bytes) and response.body else None,
        )
        await self.moments.come("after", request.method, path)
        if fault is not None and needs_answer:
            broken = await carry_out(fault, request, response.body if isinstance(response.body, bytes) else b"")
            if broken is not None:
                return broken
        return response

    async def _answer(
        self, request: web.Request, endpoint: Endpoint, raw: bytes, *, who: Credentials, wrong: Refusal | None
    ) -> Answer:
        try:
            if wrong is not None:
                raise wrong
            if not endpoint.free and self._limits.primary_exceeded(who.token, endpoint.resource):
                raise primary_limit(who.login)
            points = 1 if request.method in {"GET", "HEAD", "OPTIONS"} or endpoint.resource == "graphql" else 5
            self._limits.refuse_secondary(who.token, points=points, content=endpoint.content)
            _check_version(request)
            call = Call(
                request, state=self._state, syncing=self._syncing, token=who.token, app=who.app, body=parse(raw)
            )
            return await endpoint.handler(call)
        except Refusal as refusal:
            return Answer(refusal.body, refusal.status, refusal.headers)

    def _respond(self, request: web.Request, endpoint: Endpoint, answer: Answer, token: Token | None) -> web.Response:
        asked = request.headers.get("X-GitHub-Api-Version", _VERSIONS[0])
        version = asked if asked in _VERSIONS else _VERSIONS[0]
        body = (
            b"" if answer.body is None else json.dumps(_without(answer.body, _GONE.get(version, frozenset()))).encode()
        )
        headers = {
            "X-GitHub-Media-Type": "github.v3; format=json",
            "X-GitHub-Api-Version-Selected": version,
            "X-GitHub-Request-Id": ":".join(secrets.token_hex(2).upper() for _ in range(5)),
            "Vary": "Accept, Authorization, Cookie, X-GitHub-OTP, Accept-Encoding",
            **answer.headers,
        }
        if token is not None and token.installation is None:
            headers["X-OAuth-Scopes"] = ", ".join(token.scopes)
        if endpoint.method == "GET" and answer.status == web.HTTPOk.status_code and endpoint.resource == "core":
            tag = _entity_tag(request, body)
            headers |= {"ETag": f'W/"{tag}"', "Cache-Control": "private, max-age=60, s-maxage=60"}
            if tag in _wanted_tags(request):
                return web.Response(status=web.HTTPNotModified.status_code, headers=headers)
        if answer.body is None:
            return web.Response(status=answer.status, headers=headers)
        return web.Response(
            status=answer.status, body=body, content_type="application/json", charset="utf-8", headers=headers
        )


def credentials(request: web.Request, state: State) -> Credentials:
    """Read who asks from the Authorization header. 401 for somebody who is not known."""
    header = request.headers.get("Authorization", "")
    if not header:
        return Credentials()
    scheme, _, value = header.partition(" ")
    value = value.strip()
    if scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(value, validate=True).decode("utf-8").partition(":")
        except (binascii.Error, UnicodeDecodeError) as wrong:
            raise bad_credentials() from wrong
        # A token may stand in either place: `https://TOKEN@host`, or as the password with any name.
        return Credentials(state.token(user if password in {"", "x-oauth-basic"} else password))
    if scheme.lower() not in {"bearer", "token"}:
        raise bad_credentials()
    if value.count(".") == 2 and value not in state.tokens:  # noqa: PLR2004 - the three parts of a JWT
        return Credentials(app=app_of_jwt(value, state.apps))
    return Credentials(state.token(value))


def _check_version(request: web.Request) -> None:
    if request.headers.get("X-GitHub-Api-Version", _VERSIONS[0]) not in _VERSIONS:
        raise Refusal(400, "Unsupported API version")


def _entity_tag(request: web.Request, body: bytes) -> str:
    """Hash what GitHub is seen to hash: two headers that say who asks for what, and the body.

    https://github.com/bored-engineer/github-conditional-http-transport
    """
    parts = [
        request.headers[name].encode() for name in ("Accept", "Authorization", "Cookie") if name in request.headers
    ]
    return hashlib.sha256(b":".join([*parts, body])).hexdigest()


def _wanted_tags(request: web.Request) -> set[str]:
    """Read If-None-Match; GitHub wants the quotes, and compares weakly."""
    return set(re.findall(r'"([^"]*)"', request.headers.get("If-None-Match", "")))


def _without(value: Any, names: frozenset[str]) -> Any:
    if not names:
        return value
    if isinstance(value, dict):
        return {name: _without(one, names) for name, one in value.items() if name not in names}
    return [_without(one, names) for one in value] if isinstance(value, list) else value
