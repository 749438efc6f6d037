"""How often something outside has failed in a row, and what is left alone for a while.

Lost with the process, which only costs a little patience.
"""

from collections import Counter
from datetime import datetime, timedelta

# Seconds of the first pause after a failure that does not say how long to wait; each further one doubles it.
_FIRST_PAUSE = 5.0
_LONGEST_PAUSE = 300.0


class Patience:
    """Counts failures by subject."""

    # Failures in a row before people hear of it.
    LIMIT = 3

    def __init__(self) -> None:
        self._failures: Counter[str] = Counter()
        self._well: set[str] = set()
        self._paused: dict[str, tuple[datetime, float]] = {}

    def failed(self, subject: str) -> bool:
        """Count one failure; True when people should hear of it."""
        self._well.discard(subject)
        self._failures[subject] += 1
        return self._failures[subject] >= self.LIMIT

    def succeeded(self, subject: str) -> bool:
        """Forget the failures; True when this success is news: the first since a failure or since the start."""
        self._failures.pop(subject, None)
        news = subject not in self._well
        self._well.add(subject)
        return news

    def pause(self, subject: str, now: datetime, *, seconds: float = 0.0) -> None:
        """Leave a subject alone for so many seconds; without them a little longer each time."""
        _, last = self._paused.get(subject, (now, 0.0))
        pause = seconds or min(max(last * 2, _FIRST_PAUSE), _LONGEST_PAUSE)
        self._paused[subject] = (now + timedelta(seconds=pause), pause)

    def pauses(self, subject: str, now: datetime) -> bool:
        """Whether a subject should still be left alone."""
        until, _ = self._paused.get(subject, (now, 0.0))
        return now < until

    def go_on(self, subject: str) -> None:
        """Forget the pauses of a subject."""
        self._paused.pop(subject, None)
