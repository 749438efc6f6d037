"""The control API under ``/_control/``: what no GitHub has, for tests and for the sandbox."""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from aiohttp import web

from gitops_bot.sandbox.faults import FaultList
from gitops_bot.sandbox.github.faults import Fault
from gitops_bot.sandbox.github.front import Front
from gitops_bot.sandbox.github.limits import Limits
from gitops_bot.sandbox.github.records import PERMISSIONS, BranchRule, Repository, Token
from gitops_bot.sandbox.github.state import State


class WrongOrder(Exception):
    """The control API cannot do what it was told; the text says why."""


class Control:
    """Answers ``/_control/…``; bodies and answers are JSON."""

    def __init__(self, state: State, *, front: Front, limits: Limits, faults: FaultList[Fault]) -> None:
        self._state = state
        self._front = front
        self._limits = limits
        self._faults = faults

    def routes(self) -> list[web.RouteDef]:
        """Give the routes."""
        return [
            web.get("/_control/counters", self.counters),
            web.get("/_control/requests", self.requests),
            web.post("/_control/reset", self.reset),
            web.get("/_control/faults", self.list_faults),
            web.post("/_control/faults", self.add_fault),
            web.delete("/_control/faults", self.clear_faults),
            web.get("/_control/limits", self.show_limits),
            web.post("/_control/limits", self.change_limits),
            web.get("/_control/settings", self.settings),
            web.post("/_control/settings", self.change_settings),
            web.get("/_control/users", self.users),
            web.post("/_control/users", self.add_user),
            web.post("/_control/tokens", self.add_token),
            web.post("/_control/tokens/expire", self.expire_token),
            web.post("/_control/repositories", self.add_repository),
            web.post("/_control/grants", self.grant),
            web.post("/_control/rules", self.rule),
            web.post("/_control/pulls", self.change_pull),
        ]

    async def counters(self, _request: web.Request) -> web.Response:
        """Give per token what it asked and what that cost; reading costs nothing."""
        tokens = {
            token.value: {"login": token.login} | self._limits.counters(token.value)
            for token in self._state.tokens.values()
        }
        logins: dict[str, dict[str, int]] = {}
        for counted in tokens.values():
            total = logins.setdefault(str(counted["login"]), {})
            for name, value in counted.items():
                if isinstance(value, int):
                    total[name] = total.get(name, 0) + value
        return web.json_response({"tokens": tokens, "logins": logins, "anonymous": self._limits.counters("")})

    async def requests(self, request: web.Request) -> web.Response:
        """List what was asked, oldest first; ``?method=``, ``?login=``, ``?path=`` (a part of it) narrow it down."""
        wanted = {name: request.query[name] for name in ("method", "login", "kind") if name in request.query}
        part = request.query.get("path", "")
        found = [
            entry
            for entry in self._front.requests
            if part in entry["path"] and all(entry[name] == value for name, value in wanted.items())
        ]
        return web.json_response({"requests": found})

    async def reset(self, _request: web.Request) -> web.Response:
        """Forget requests, counters and faults; repositories and people stay."""
        self._front.requests.clear()
        self._limits.reset()
        self._faults.clear()
        return web.json_response({"ok": True})

    async def list_faults(self, _request: web.Request) -> web.Response:
        """List the faults that are switched on."""
        return web.json_response({"faults": self._faults.as_json()})

    async def add_fault(self, request: web.Request) -> web.Response:
        """Switch a fault on (fields of faults.Fault)."""
        try:
            fault = self._faults.add(await _body(request))
        except (TypeError, ValueError) as wrong:
            raise WrongOrder(str(wrong)) from wrong
        return web.json_response({"fault": asdict(fault)}, status=201)

    async def clear_faults(self, _request: web.Request) -> web.Response:
        """Switch all faults off."""
        self._faults.clear()
        return web.json_response({"ok": True})

    async def show_limits(self, _request: web.Request) -> web.Response:
        """Say whether the secondary limits are on."""
        return web.json_response({"secondary": self._limits.secondary})

    async def change_limits(self, request: web.Request) -> web.Response:
        """Turn ``secondary`` on or off; ``login`` or ``token`` with ``limit``, ``remaining``, ``reset_in`` (s)."""
        body = await _body(request)
        if "secondary" in body:
            self._limits.secondary = bool(body["secondary"])
        for token in self._state.tokens.values():
            if body.get("token") != token.value and str(body.get("login", "")).lower() != token.login.lower():
                continue
            token.limit = int(body.get("limit", token.limit))
            if "remaining" in body:
                resource = str(body.get("resource", "core"))
                self._limits.set_remaining(token, resource, int(body["remaining"]), body.get("reset_in"))
        return web.json_response({"ok": True})

    async def settings(self, _request: web.Request) -> web.Response:
        """Give the switches (State.settings)."""
        return web.json_response(self._state.settings)

    async def change_settings(self, request: web.Request) -> web.Response:
        """Turn switches."""
        body = await _body(request)
        unknown = set(body) - set(self._state.settings)
        if unknown:
            raise WrongOrder(f"unknown: {sorted(unknown)}; known: {sorted(self._state.settings)}")
        self._state.settings |= body
        return web.json_response(self._state.settings)

    async def users(self, _request: web.Request) -> web.Response:
        """List the accounts with their tokens."""
        tokens: dict[str, list[str]] = {}
        for token in self._state.tokens.values():
            tokens.setdefault(token.login, []).append(token.value)
        shapes = [
            {"login": user.login, "type": user.kind, "tokens": tokens.get(user.login, [])}
            for user in self._state.users.values()
        ]
        return web.json_response({"users": shapes})

    async def add_user(self, request: web.Request) -> web.Response:
        """Make an account with a token: login, and if wanted ``bot``, ``name``, ``token``."""
        body = await _body(request)
        login = str(body.get("login") or "")
        if not login:
            raise WrongOrder("login is missing")
        user = self._state.add_user(login, kind="Bot" if body.get("bot") else "User", name=body.get("name"))
        token = self._state.add_token(user.login, body.get("token"))
        return web.json_response({"login": user.login, "token": token.value}, status=201)

    async def add_token(self, request: web.Request) -> web.Response:
        """Make another token: login, ``read_only``, ``scopes``, ``limit`` (fields of records.Token)."""
        body = dict(await _body(request))
        login = str(body.pop("login", ""))
        unknown = set(body) - {field.name for field in fields(Token)}
        if login.lower() not in self._state.users or unknown:
            raise WrongOrder(f"login {login!r} must be known; unknown fields: {sorted(unknown)}")
        return web.json_response({"token": self._state.add_token(login, **body).value}, status=201)

    async def expire_token(self, request: web.Request) -> web.Response:
        """Let a token end: ``token``."""
        value = str((await _body(request)).get("token") or "")
        if value not in self._state.tokens:
            raise WrongOrder("there is no such token")
        self._state.expire(value)
        return web.json_response({"ok": True})

    async def add_repository(self, request: web.Request) -> web.Response:
        """Make an empty repository: owner, name, ``private``, ``default_branch``."""
        body = await _body(request)
        try:
            made = self._state.add_repository(
                str(body["owner"]),
                str(body["name"]),
                private=bool(body.get("private", True)),
                default_branch=str(body.get("default_branch", "main")),
            )
        except (KeyError, ValueError) as wrong:
            raise WrongOrder(str(wrong)) from wrong
        answer = {"full_name": made.full_name, "folder": str(made.folder), "clone_url": self._clone_url(made)}
        return web.json_response(answer, status=201)

    def _clone_url(self, repository: Repository) -> str:
        return f"{self._state.origin}/{repository.full_name}.git"

    def _repository(self, body: Mapping[str, Any]) -> Repository:
        owner, _, name = str(body.get("repository") or "").partition("/")
        found = self._state.repository(owner, name)
        if found is None:
            raise WrongOrder(f"there is no repository {owner}/{name}")
        return found

    async def grant(self, request: web.Request) -> web.Response:
        """Give somebody a right: repository (``owner/name``), login, permission (``none`` takes it away)."""
        body = await _body(request)
        repository = self._repository(body)
        login, permission = str(body.get("login") or "").lower(), body.get("permission")
        if login not in self._state.users or permission not in PERMISSIONS:
            raise WrongOrder(f"login must be known, permission one of {', '.join(PERMISSIONS)}")
        repository.collaborators[login] = permission
        return web.json_response({"ok": True})

    async def rule(self, request: web.Request) -> web.Response:
        """Protect a branch: repository, branch, and fields of records.BranchRule; ``{"off": true}`` ends it."""
        body = dict(await _body(request))
        repository, branch = self._repository(body), str(body.get("branch") or "")
        if body.get("off"):
            repository.rules.pop(branch, None)
            return web.json_response({"ok": True})
        known = {field.name for field in fields(BranchRule)}
        values = {name: value for name, value in body.items() if name not in {"repository", "branch"}}
        if not branch or set(values) - known:
            raise WrongOrder(f"branch is needed; rules are {', '.join(sorted(known))}")
        repository.rules[branch] = BranchRule(**values)
        return web.json_response({"ok": True})

    async def change_pull(self, request: web.Request) -> web.Response:
        """Change what has no REST call of its own: repository, number, and ``draft``, ``locked``."""
        body = await _body(request)
        repository = self._repository(body)
        pull = repository.pulls.get(int(body.get("number", 0)))
        if pull is None:
            raise WrongOrder("there is no such pull request")
        pull.draft, pull.locked = bool(body.get("draft", pull.draft)), bool(body.get("locked", pull.locked))
        self._state.touch(repository, pull)
        return web.json_response({"ok": True})


@web.middleware
async def explain(request: web.Request, handler: Any) -> web.StreamResponse:
    """Answer a wrong order with 400 and the reason."""
    try:
        answer: web.StreamResponse = await handler(request)
    except WrongOrder as wrong:
        return web.json_response({"error": str(wrong)}, status=400)
    return answer


async def _body(request: web.Request) -> Mapping[str, Any]:
    try:
        body = json.loads(await request.read() or b"{}")
    except ValueError as wrong:
        raise WrongOrder(f"no JSON: {wrong}") from wrong
    if not isinstance(body, dict):
        raise WrongOrder("a JSON object is needed")
    return body
