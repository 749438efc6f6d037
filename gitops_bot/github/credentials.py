"""The token of this moment, and the fingerprint by which everything else knows it."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from gitops_bot.errors import GitHubRefused, SettingsError

# What a header can carry. Anything else would be told by the HTTP library in an error, secret included.
_TOKEN = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True)
class Credential:
    """A token, left out of repr, and what it may be called in caches and on disk."""

    token: str = field(repr=False)
    fingerprint: str

    @property
    def authorization(self) -> str:
        """The value of the header."""
        return f"Bearer {self.token}"


def read_credential(read_token: Callable[[], str]) -> Credential:
    """Read the token anew: its file may have been replaced. GitHubRefused when there is none to use."""
    try:
        token = read_token()
    except SettingsError as error:
        raise GitHubRefused(str(error)) from error
    if not _TOKEN.fullmatch(token):
        raise GitHubRefused("github.token holds a space, a line break or another character that no token has.")
    return Credential(token, hashlib.sha256(token.encode("ascii")).hexdigest()[:16])
