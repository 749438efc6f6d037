"""One call of the API: who asks, for what, and the questions that nearly every handler has about it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from gitops_bot.sandbox.github.records import App, PullRequest, Repository, Token, User, at_least
from gitops_bot.sandbox.github.refusals import (
    LONGEST_BODY,
    Refusal,
    forbidden,
    invalid,
    not_found,
    requires_authentication,
    too_long,
)
from gitops_bot.sandbox.github.state import State
from gitops_bot.sandbox.github.syncing import Syncing

_LARGEST_PAGE = 100
_PAGE = 30


@dataclass(slots=True)
class Answer:
    """What a handler gives back. ``body`` None: no content."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class Call:
    """A request, its caller, and what it is about. Every question raises the Refusal that GitHub would give."""

    def __init__(
        self, request: web.Request, *, state: State, syncing: Syncing, token: Token | None, app: App | None, body: Any
    ) -> None:
        self.request = request
        self.state = state
        self.syncing = syncing
        self.token = token
        self.app = app
        self.body = body

    @property
    def caller(self) -> User:
        """Who asks. 401 for nobody."""
        if self.token is None:
            raise requires_authentication()
        return self.state.users[self.token.login.lower()]

    def parameter(self, name: str) -> str:
        """Give a part of the path."""
        return self.request.match_info[name]

    def number(self, name: str) -> int:
        """Give a number in the path."""
        text = self.parameter(name)
        if not text.isascii() or not text.isdigit():
            raise not_found()
        return int(text)

    def query(self, name: str, default: str = "") -> str:
        """Give a query parameter."""
        return self.request.query.get(name, default)

    def choice(self, name: str, allowed: Sequence[str], default: str) -> str:
        """Give a query parameter that must be one of some words."""
        value = self.query(name, default)
        if value not in allowed:
            raise invalid("PullRequest", name, "invalid")
        return value

    def permission(self, repository: Repository) -> str:
        """Give what the caller may do, an App's limits included."""
        return self.state.permission_of_token(repository, self.token)

    async def repository(self, wanted: str = "read") -> Repository:
        """Give the repository of the path, in step with its branches. 404 without right to read, else 403."""
        repository = self.state.repository(self.parameter("owner"), self.parameter("repo"))
        if repository is None:
            raise not_found()
        permission = self.permission(repository)
        if not at_least(permission, "read"):
            raise not_found()
        if not at_least(permission, wanted):
            raise forbidden("Must have admin rights to Repository." if wanted == "admin" else "Resource not accessible")
        await self.syncing.sync(repository)
        return repository

    def writes(self) -> User:
        """Give the caller of something that changes. 401 for nobody, 403 for a token that may only read."""
        caller = self.caller
        if self.token is not None and self.token.read_only:
            raise forbidden("Resource not accessible by personal access token")
        return caller

    def pull(self, repository: Repository, name: str = "pull_number") -> PullRequest:
        """Give the pull request of the path."""
        pull = repository.pulls.get(self.number(name))
        if pull is None:
            raise not_found()
        return pull

    def field(self, name: str, default: Any = None) -> Any:
        """Give a field of the body."""
        if not isinstance(self.body, dict):
            raise Refusal(400, "Problems parsing JSON")
        return self.body.get(name, default)

    def text(self, name: str, resource: str, *, required: bool = True) -> str:
        """Give a text of the body. 422 when it is missing, no text or too long."""
        value = self.field(name)
        if value is None and not required:
            return ""
        if not isinstance(value, str):
            raise invalid(resource, name, "missing_field" if value is None else "invalid")
        if required and not value.strip():
            raise invalid(resource, name, "missing_field", f"{name.capitalize()} cannot be blank")
        if len(value) > LONGEST_BODY:
            raise too_long(resource)
        return value

    def page(self, items: Sequence[Any]) -> tuple[Sequence[Any], dict[str, str]]:
        """Give the page that is asked for, and a Link header. Pages count from 1."""
        size = min(max(_positive(self.query("per_page"), _PAGE), 1), _LARGEST_PAGE)
        page = max(_positive(self.query("page"), 1), 1)
        last = max(1, -(-len(items) // size))
        relations: dict[str, int] = {}
        if page > 1:
            relations |= {"prev": min(page - 1, last), "first": 1}
        if page < last:
            relations |= {"next": page + 1, "last": last}
        # GitHub's own order.
        ordered = [name for name in ("prev", "next", "last", "first") if name in relations]
        links = ", ".join(f'<{self._address(relations[name])}>; rel="{name}"' for name in ordered)
        return items[(page - 1) * size : page * size], {"Link": links} if links else {}

    def _address(self, page: int) -> str:
        query = {name: value for name, value in self.request.query.items() if name != "page"} | {"page": str(page)}
        return f"{self.state.origin}{self.request.path}?{urlencode(query)}"


def _positive(text: str, default: int) -> int:
    return int(text) if text.isascii() and text.isdigit() else default


def parse(raw: bytes) -> Any:
    """Read a JSON body; nothing is an empty object. Refusal 400."""
    if not raw.strip():
        return {}
    try:
        return json.loads(raw)
    except ValueError as wrong:
        raise Refusal(400, "Problems parsing JSON") from wrong


def query_of(request: web.Request) -> Mapping[str, str]:
    """Give the query as it was sent."""
    return dict(request.query)
