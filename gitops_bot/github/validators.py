"""What GitHub said last, by URL and token, with its ETag: the next look costs nothing when nothing changed.

An ETag is bound to the token that got it, so an entry of another token is as good as none.
"""

import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from gitops_bot import telemetry

log = telemetry.logger(__name__)

# All kept answers together, as JSON. Some hundred repositories with their open pull requests.
_MOST_BYTES = 32 << 20


@dataclass(frozen=True)
class KeptAnswer:
    """One answer, cut down to what we read of it."""

    token: str  # The fingerprint, never the token.
    etag: str
    value: Any
    next_url: str | None = None


class Validators:
    """The answers kept, bounded; what was not asked for longest goes first."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._kept: OrderedDict[str, tuple[KeptAnswer, int]] = OrderedDict()
        self._bytes = 0

    def get(self, url: str, token: str) -> KeptAnswer | None:
        """Give what this token was told at this URL."""
        found = self._kept.get(url)
        if found is None or found[0].token != token:
            return None
        self._kept.move_to_end(url)
        return found[0]

    def holder(self, url: str) -> str:
        """Give the fingerprint of the token that the answer kept of this URL was for; "" when none is kept."""
        found = self._kept.get(url)
        return found[0].token if found else ""

    def put(self, url: str, answer: KeptAnswer) -> None:
        """Keep an answer; without an ETag there is nothing to ask with."""
        self._drop(url)
        size = len(url) + len(json.dumps(asdict(answer)))
        if not answer.etag or size > self._most_bytes:
            return
        self._kept[url] = (answer, size)
        self._bytes += size
        while self._bytes > self._most_bytes:
            self._drop(next(iter(self._kept)))

    def _drop(self, url: str) -> None:
        _, size = self._kept.pop(url, (None, 0))
        self._bytes -= size

    def export(self) -> dict[str, Any]:
        """Give a JSON value per URL, from which import_() makes the same again."""
        return {url: asdict(answer) for url, (answer, _) in self._kept.items()}

    def import_(self, exported: Mapping[str, Any]) -> None:
        """Take up what export() gave. What does not have its shape is left out: it only costs a request."""
        for url, value in exported.items():
            try:
                answer = KeptAnswer(**value)
            except TypeError:
                log.warning("a kept answer of GitHub could not be taken up", url=url)
                continue
            self.put(url, answer)
