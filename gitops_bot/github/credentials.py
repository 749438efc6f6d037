"""Who we are to GitHub at this moment: a token, several in rotation, or a GitHub App where it is installed.

Limits are counted per account, ETags per token. Reads may be spread over several accounts; what others
see (comments, reviews, statuses) comes from one, the first: somebody else could not edit it.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from gitops_bot.errors import GitHubRateLimited, GitHubRefused, SettingsError
from gitops_bot.github.limits import RateLimits

# What a header can carry. Anything else would be told by the HTTP library in an error, secret included.
_TOKEN = re.compile(r"[\x21-\x7e]+")
_OWNER = re.compile(r"/repos/([^/]+)/")


@dataclass(frozen=True)
class Credential:
    """A token, left out of repr, and what it may be called in caches and on disk.

    ``account`` is whose limits it spends: all tokens of one installation have the same.
    """

    token: str = field(repr=False)
    fingerprint: str
    account: str

    @property
    def authorization(self) -> str:
        """The value of the header."""
        return f"Bearer {self.token}"


class Credentials(Protocol):
    """Gives the credential for each request. Every method raises GitHubError only."""

    async def for_reading(self, owner: str, resource: str, *, holder: str = "") -> Credential:
        """Give the credential to read with. ``holder`` is the fingerprint that got the ETag at hand, if any."""
        ...

    async def for_writing(self, owner: str) -> Credential:
        """Give the one credential that everything visible of an owner's repositories is written with."""
        ...

    async def renewed(self, refused: Credential, owner: str) -> Credential | None:
        """Give another credential after a 401; None when there is none to be had."""
        ...


def owner_in(path: str) -> str:
    """Give the account that a path of the API is about; "" for one that is about no repository."""
    found = _OWNER.search(path)
    return found.group(1) if found else ""


def credential_of(token: str, account: str = "") -> Credential:
    """Wrap a token. GitHubRefused when no header could carry it."""
    if not _TOKEN.fullmatch(token):
        raise GitHubRefused("github.token holds a space, a line break or another character that no token has.")
    fingerprint = hashlib.sha256(token.encode("ascii")).hexdigest()[:16]
    return Credential(token, fingerprint, account or fingerprint)


class Tokens:
    """One token or several, read anew for each request: their files may have been replaced."""

    def __init__(self, read: Sequence[Callable[[], str]], limits: RateLimits) -> None:
        """``read`` gives the tokens; the first is the one that writes."""
        self._read = read
        self._limits = limits

    async def for_reading(self, owner: str, resource: str, *, holder: str = "") -> Credential:
        """Give the holder of the ETag while it may ask, else the token with most left of its limit."""
        del owner
        found = self._all()
        able = [one for one in found if not self._limits.waits(one.account, resource)]
        if not able:
            # The one that may ask soonest tells until when everybody waits.
            soonest = min(found, key=lambda one: self._limits.until(one.account, resource))
            until = self._limits.until(soonest.account, resource)
            raise GitHubRateLimited(f"GitHub asks to wait until {until:%H:%M:%S} UTC.", until)
        # A condition costs nothing, but a token that is nearly spent leaves what it has to those who need it.
        kept = next((one for one in able if one.fingerprint == holder), None)
        if kept is not None and not self._limits.nearly_spent(kept.account, resource):
            return kept
        return max(able, key=lambda one: self._limits.remaining(one.account, resource))

    async def for_writing(self, owner: str) -> Credential:
        """Give the first token."""
        del owner
        return _read(self._read[0])

    async def renewed(self, refused: Credential, owner: str) -> Credential | None:
        """Give another token only if the file was replaced since."""
        del owner
        now = next((one for one in self._all() if one.fingerprint != refused.fingerprint), None)
        return now if now is not None and refused not in self._all() else None

    def _all(self) -> list[Credential]:
        """Give every token that can be read; the first one's fault is told, the others' is not worth a stop."""
        found = [_read(self._read[0])]
        for read in self._read[1:]:
            try:
                found.append(_read(read))
            except GitHubRefused:
                continue
        return found


def _read(read: Callable[[], str]) -> Credential:
    try:
        return credential_of(read())
    except SettingsError as error:
        raise GitHubRefused(str(error)) from error
