"""Until when GitHub asks us to be quiet, per token.

https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#handle-rate-limit-errors-appropriately
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from gitops_bot import telemetry
from gitops_bot.errors import GitHubRateLimited

_FORBIDDEN, _TOO_MANY = 403, 429

# "If the secondary limit persists": at least a minute, then twice as long each time.
_FIRST_WAIT = timedelta(minutes=1)
_LONGEST_WAIT = timedelta(minutes=15)
# A window of the primary limit is an hour; a reset further away is a mistake that must not stop us for ever.
_LONGEST_WINDOW = timedelta(minutes=65)
_LONGEST_RETRY_AFTER = timedelta(hours=24)
# Of a token's hourly limit: with less left it is spared where another one can ask.
_NEARLY_SPENT = 0.1

# A secondary limit is one for REST and GraphQL together.
_EVERYTHING = "*"


class RateLimits:
    """Remembers until when no request may be made. Tokens are known by their fingerprint only."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._until: dict[tuple[str, str], datetime] = {}
        self._refusals: dict[str, int] = {}
        # Requests left and the whole limit, and when it begins anew.
        self._left: dict[tuple[str, str], tuple[int, int, datetime]] = {}

    def until(self, token: str, resource: str) -> datetime:
        """Give until when no request may be made; the present when one may."""
        now = self._clock()
        return max(self._until.get((token, what), now) for what in (resource, _EVERYTHING))

    def waits(self, token: str, resource: str) -> bool:
        """Whether a request would come too early."""
        return self.until(token, resource) > self._clock()

    def remaining(self, token: str, resource: str) -> float:
        """Give how many requests are left, as GitHub said last; infinity when it has not, or the hour is over."""
        left, _, reset = self._left.get((token, resource), (0, 0, self._clock()))
        return left if reset > self._clock() else float("inf")

    def nearly_spent(self, token: str, resource: str) -> bool:
        """Whether little is left of the limit."""
        _, limit, _ = self._left.get((token, resource), (0, 0, self._clock()))
        return self.remaining(token, resource) < limit * _NEARLY_SPENT

    def check(self, token: str, resource: str) -> None:
        """Raise GitHubRateLimited when a request would come too early."""
        until = self.until(token, resource)
        if until > self._clock():
            raise GitHubRateLimited(f"GitHub asks to wait until {until:%H:%M:%S} UTC.", until)

    def note(self, token: str, resource: str, status: int, headers: Mapping[str, str], words: str) -> datetime | None:
        """Learn from an answer (header names in lower case). Gives until when to wait if it was refused for a limit."""
        now = self._clock()
        self._until = {key: until for key, until in self._until.items() if until > now}
        spent = headers.get("x-ratelimit-remaining") == "0"
        counted = headers.get("x-ratelimit-resource", resource)
        if counted == "core" and headers.get("x-ratelimit-remaining", "").isdigit():
            telemetry.github_limit_remaining.set(int(headers["x-ratelimit-remaining"]))
        limit, left = headers.get("x-ratelimit-limit", ""), headers.get("x-ratelimit-remaining", "")
        if limit.isdigit() and left.isdigit():
            self._left[token, counted] = (int(left), int(limit), now + _until_reset(headers, now))
        if spent:
            self._until[token, counted] = now + _until_reset(headers, now)
        asked = _retry_after(headers, now)
        if asked is not None:
            self._until[token, _EVERYTHING] = now + asked
        if not _is_limit(status, words, spent=spent, asked=asked is not None):
            if status < _FORBIDDEN:
                self._refusals.pop(token, None)
            return None
        if not spent and asked is None:
            self._refusals[token] = self._refusals.get(token, 0) + 1
            wait = min(_FIRST_WAIT * 2 ** (self._refusals[token] - 1), _LONGEST_WAIT)
            self._until[token, _EVERYTHING] = now + wait
        return max(self._until.get((token, what), now) for what in (counted, _EVERYTHING))


def _is_limit(status: int, words: str, *, spent: bool, asked: bool) -> bool:
    """Tell a limit from a lacking right: both are 403."""
    if status == _TOO_MANY:
        return True
    text = words.lower()
    return status == _FORBIDDEN and (spent or asked or "rate limit" in text or "abuse detection" in text)


def _retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """Read Retry-After, seconds or a date (RFC 9110, 10.2.3)."""
    text = headers.get("retry-after", "").strip()
    if text.isdigit():
        return min(timedelta(seconds=int(text[:9])), _LONGEST_RETRY_AFTER)
    moment = _http_date(text)
    if moment is None:
        return None
    return min(max(moment - _their_now(headers, now), timedelta()), _LONGEST_RETRY_AFTER)


def _until_reset(headers: Mapping[str, str], now: datetime) -> timedelta:
    """Read x-ratelimit-reset, seconds since the epoch by GitHub's clock, so measured against GitHub's clock."""
    text = headers.get("x-ratelimit-reset", "")
    if not text.isdigit():
        return _FIRST_WAIT
    wait = timedelta(seconds=int(text[:12]) - _their_now(headers, now).timestamp())
    return min(max(wait, timedelta(seconds=1)), _LONGEST_WINDOW)


def _their_now(headers: Mapping[str, str], now: datetime) -> datetime:
    return _http_date(headers.get("date", "")) or now


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
