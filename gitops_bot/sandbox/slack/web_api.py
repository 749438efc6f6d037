"""The door of the Web API: token, scope, rate limit, fault, method, record."""

import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from gitops_bot.sandbox.faults import FaultList
from gitops_bot.sandbox.slack.arguments import Arguments, read_arguments, token_of
from gitops_bot.sandbox.slack.exchanges import Exchanges
from gitops_bot.sandbox.slack.faults import Fault, carry_out, too_many_requests
from gitops_bot.sandbox.slack.methods import Method, need_scope
from gitops_bot.sandbox.slack.rates import RateLimits
from gitops_bot.sandbox.slack.refusals import SlackRefusal
from gitops_bot.sandbox.slack.workspace import Workspace

Respond = Callable[[web.Request], Awaitable[web.Response]]


class WebApi:
    """Answers ``/api/<method>``."""

    def __init__(
        self,
        workspace: Workspace,
        methods: Mapping[str, Method],
        *,
        rates: RateLimits,
        faults: FaultList[Fault],
        exchanges: Exchanges,
    ) -> None:
        self._workspace = workspace
        self._methods = methods
        self._rates = rates
        self._faults = faults
        self._exchanges = exchanges

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one call, as Slack would or as a fault has it."""
        name = request.match_info["method"]
        arguments: Arguments | None
        try:
            arguments = await read_arguments(request)
            early = None
        except SlackRefusal as refused:
            arguments, early = Arguments({}), refused
        fault = self._faults.first(lambda one: one.meets(name))
        call: dict[str, Any] = {
            "method": name,
            "arguments": {key: value for key, value in arguments.values.items() if key != "token"},
            "at": time.time(),
            "fault": fault.kind if fault else "",
        }
        self._workspace.calls.append(call)
        if fault and fault.when == "before":
            broken = await carry_out(fault, request)
            if broken is not None:
                return self._record(name, broken, call, fault=fault.kind)
        response = self._answer(name, arguments, token_of(request, arguments), early)
        if fault and fault.when == "after":
            broken = await carry_out(fault, request)
            if broken is not None:
                return self._record(name, broken, call, fault=fault.kind)
        return self._record(name, response, call)

    async def beside(self, name: str, request: web.Request, respond: Respond) -> web.Response:
        """Pass an address beside the methods through the same faults and the same record."""
        fault = self._faults.first(lambda one: one.meets(name))
        call: dict[str, Any] = {
            "method": name,
            "arguments": {},
            "at": time.time(),
            "fault": fault.kind if fault else "",
        }
        self._workspace.calls.append(call)
        broken = await carry_out(fault, request) if fault and fault.when == "before" else None
        response: web.Response = broken or await respond(request)
        if fault and fault.when == "after":
            broken = await carry_out(fault, request)
        return self._record(name, broken or response, call, fault=fault.kind if fault and broken else "")

    def _answer(self, name: str, arguments: Arguments, token: str, early: SlackRefusal | None) -> web.Response:
        headers = {"x-oauth-scopes": ",".join(self._workspace.scopes)}
        try:
            self._refuse_early(name, early)
            method = self._methods[name]
            self._authorise(method, token)
            channel = arguments.values.get("channel")
            wait = self._rates.seconds_to_wait(name, method.per_minute, channel if isinstance(channel, str) else "")
            if wait:
                return too_many_requests(wait)
            if method.scope:
                headers["x-accepted-oauth-scopes"] = method.scope
            answer = {"ok": True, **method.handler(arguments)}
        except SlackRefusal as refused:
            answer = refused.as_json()
        return web.json_response(answer, headers=headers)

    def _refuse_early(self, name: str, unreadable: SlackRefusal | None) -> None:
        if unreadable is not None:
            raise unreadable
        if name not in self._methods:
            raise SlackRefusal("unknown_method", {"req_method": name})

    def _authorise(self, method: Method, token: str) -> None:
        workspace = self._workspace
        if method.caller == "anybody":
            return
        if not token:
            raise SlackRefusal("not_authed")
        wanted, other = workspace.bot_token, workspace.app_token
        if method.caller == "app":
            wanted, other = other, wanted
        if token == other:
            raise SlackRefusal("not_allowed_token_type")
        if token != wanted:
            raise SlackRefusal("invalid_auth")
        if method.caller == "app":
            if "connections:write" not in workspace.app_scopes:
                extra = {"needed": "connections:write", "provided": ",".join(workspace.app_scopes)}
                raise SlackRefusal("missing_scope", extra)
            return
        need_scope(workspace, method.scope)

    def _record(self, name: str, response: web.Response, call: dict[str, Any], *, fault: str = "") -> web.Response:
        text = response.text or ""
        try:
            body: Any = json.loads(text)
        except ValueError:
            body = text
        call["status"] = response.status
        call["error"] = body.get("error", "") if isinstance(body, dict) else ""
        self._exchanges.add(name, response.status, body, fault=fault)
        return response
