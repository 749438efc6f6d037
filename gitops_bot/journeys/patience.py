"""How often something outside has failed in a row. Lost with the process, which only costs a little patience."""

from collections import Counter


class Patience:
    """Counts failures by subject."""

    # Failures in a row before people hear of it.
    LIMIT = 3

    def __init__(self) -> None:
        self._failures: Counter[str] = Counter()
        self._well: set[str] = set()

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
