"""How far a review has come."""

from collections.abc import Callable


class ProgressBoard:
    """How many Kustomizations are to be looked at, and how many have been."""

    def __init__(self, *, shown: bool, quiet: bool) -> None:
        self.total = 0
        self.done = 0
        # Whether the pull request has a message: it must then be brought to an end.
        self.shown = shown
        # Whether a report that is still right would be overwritten by the counting.
        self.quiet = quiet
        # Called after each change, for a terminal.
        self.on_change: Callable[[], None] | None = None

    def expect(self, number: int) -> None:
        """Add Kustomizations to look at."""
        self.total += number
        self._tell()

    def finished(self) -> None:
        """Count one that has been looked at."""
        self.done += 1
        self._tell()

    def _tell(self) -> None:
        if self.on_change is not None:
            self.on_change()
