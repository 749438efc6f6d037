"""Slack's rate limits: a bucket per method, and one per channel for chat.postMessage."""

import math
import time
from dataclasses import dataclass

# One message a second and channel, "short bursts" allowed: https://api.slack.com/apis/rate-limits
POSTS_PER_SECOND = 1.0
POST_BURST = 5


@dataclass
class _Bucket:
    level: float
    at: float


class RateLimits:
    """Says how long a caller must wait. ``enforced`` may be switched off, for tests that are not about limits."""

    def __init__(self) -> None:
        self.enforced = True
        self._buckets: dict[str, _Bucket] = {}

    def reset(self) -> None:
        """Forget what was used."""
        self._buckets.clear()

    def seconds_to_wait(self, method: str, per_minute: int, channel: str) -> int:
        """Count one call; 0 if it may pass, else the whole seconds for Retry-After."""
        if not self.enforced:
            return 0
        wait = self._take(method, per_minute, per_minute / 60)
        if not wait and method == "chat.postMessage" and channel:
            wait = self._take(f"{method} {channel}", POST_BURST, POSTS_PER_SECOND)
        return wait

    def _take(self, key: str, size: int, per_second: float) -> int:
        now = time.monotonic()
        bucket = self._buckets.setdefault(key, _Bucket(size, now))
        bucket.level = min(size, bucket.level + (now - bucket.at) * per_second)
        bucket.at = now
        if bucket.level >= 1:
            bucket.level -= 1
            return 0
        return max(1, math.ceil((1 - bucket.level) / per_second))
