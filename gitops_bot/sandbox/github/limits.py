"""GitHub's rate limits, counted as GitHub counts them, and readable without cost.

https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
"""

import time
from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from typing import Any

from gitops_bot.sandbox.github.records import Token
from gitops_bot.sandbox.github.refusals import Refusal

_HOUR = 3600
_ANONYMOUS_LIMIT = 60
# Secondary limits: points a minute; what makes content, a minute and an hour.
_POINTS = 900
_CONTENT_A_MINUTE = 80
_CONTENT_AN_HOUR = 500
_SECONDARY = (
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again. "
    "If you reach out to GitHub Support for help, please include the request ID."
)


@dataclass(slots=True)
class _Window:
    """The primary limit of one token for one resource: a fixed window of an hour."""

    limit: int
    used: int = 0
    reset: float = 0.0


@dataclass(slots=True)
class _Account:
    counts: Counter[str] = field(default_factory=Counter)
    windows: dict[str, _Window] = field(default_factory=dict)
    # Moments and points of the last minute, moments of content made in the last hour.
    points: deque[tuple[float, int]] = field(default_factory=deque)
    content: deque[float] = field(default_factory=deque)


class Limits:
    """Counters and limits per token. ``secondary`` switches the secondary limits."""

    def __init__(self) -> None:
        self.secondary = True
        self._accounts: defaultdict[str, _Account] = defaultdict(_Account)

    def _window(self, token: Token | None, resource: str) -> _Window:
        limit = token.limit if token else _ANONYMOUS_LIMIT
        windows = self._accounts[token.value if token else ""].windows
        window = windows.get(resource)
        if window is None or window.reset <= time.time():
            window = windows[resource] = _Window(limit, reset=time.time() + _HOUR)
        window.limit = limit
        return window

    def headers(self, token: Token | None, resource: str) -> dict[str, str]:
        """Give the x-ratelimit headers as they stand now."""
        window = self._window(token, resource)
        return {
            "X-RateLimit-Limit": str(window.limit),
            "X-RateLimit-Remaining": str(max(0, window.limit - window.used)),
            "X-RateLimit-Used": str(window.used),
            "X-RateLimit-Reset": str(int(window.reset)),
            "X-RateLimit-Resource": resource,
        }

    def primary_exceeded(self, token: Token | None, resource: str) -> bool:
        """Whether the next request would go beyond the primary limit."""
        window = self._window(token, resource)
        return window.used >= window.limit and not (token and token.unlimited)

    def refuse_secondary(self, token: Token | None, *, points: int, content: bool) -> None:
        """Count a request against the secondary limits. Refusal 403 with Retry-After when there is too much of it."""
        if token is not None and token.unlimited:
            return
        account = self._accounts[token.value if token else ""]
        moment = time.monotonic()
        while account.points and account.points[0][0] <= moment - 60:
            account.points.popleft()
        while account.content and account.content[0] <= moment - _HOUR:
            account.content.popleft()
        if self.secondary:
            lately = sum(made > moment - 60 for made in account.content)
            if sum(points for _, points in account.points) + points > _POINTS:
                raise secondary_limit(60)
            if content and (lately >= _CONTENT_A_MINUTE or len(account.content) >= _CONTENT_AN_HOUR):
                raise secondary_limit(60 if lately >= _CONTENT_A_MINUTE else _HOUR)
        account.points.append((moment, points))
        if content:
            account.content.append(moment)

    def spend(self, token: Token | None, resource: str, points: int = 1) -> None:
        """Take from the primary limit."""
        self._window(token, resource).used += points
        self._accounts[token.value if token else ""].counts["cost"] += points

    def count(self, token: Token | None, what: str) -> None:
        """Count something that costs nothing: ``requests``, ``not_modified``, ``git``."""
        self._accounts[token.value if token else ""].counts[what] += 1

    def set_remaining(self, token: Token | None, resource: str, remaining: int, reset_in: float | None) -> None:
        """Move a limit, so that a test need not make thousands of requests."""
        window = self._window(token, resource)
        window.used = window.limit - remaining
        if reset_in is not None:
            window.reset = time.time() + reset_in

    def counters(self, value: str) -> dict[str, int]:
        """Give the counters of one token: requests, not_modified, cost, git."""
        counts = self._accounts[value].counts if value in self._accounts else Counter[str]()
        return {name: counts[name] for name in ("requests", "not_modified", "cost", "git")}

    def overview(self, token: Token | None, resource: str) -> dict[str, Any]:
        """Give one entry of ``GET /rate_limit``."""
        window = self._window(token, resource)
        return {
            "limit": window.limit,
            "used": window.used,
            "remaining": max(0, window.limit - window.used),
            "reset": int(window.reset),
        }

    def reset(self) -> None:
        """Forget all counts."""
        self._accounts.clear()


def primary_limit(login: str) -> Refusal:
    """Give the answer beyond the primary limit."""
    return Refusal(403, f"API rate limit exceeded for user ID {login}.")


def secondary_limit(retry_after: int | None, status: int = 403) -> Refusal:
    """Give the answer beyond a secondary limit; GitHub does not always say for how long."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return Refusal(status, _SECONDARY, headers=headers)
