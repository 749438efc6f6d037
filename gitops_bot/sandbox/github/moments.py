"""Stories told at an exact moment: just before a request is carried out, or just before its answer is sent."""

import fnmatch
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

Story = Callable[[], Awaitable[None]]
When = Literal["before", "after"]


@dataclass(frozen=True)
class _Moment:
    method: str
    path: str
    when: When
    story: Story


class Moments:
    """What is to happen while a request is under way, each once: what no test can hit by waiting."""

    def __init__(self) -> None:
        self._moments: list[_Moment] = []

    def at(self, method: str, path: str, story: Story, *, when: When = "before") -> None:
        """Tell ``story`` at the next request of this method whose path matches (a shell pattern, as of faults).

        ``before``: what the request finds is what the story left; ``after``: it was carried out, and whoever
        asked does not know yet.
        """
        self._moments.append(_Moment(method, path, when, story))

    def clear(self) -> None:
        """Forget the moments that have not come."""
        self._moments.clear()

    def left(self) -> list[str]:
        """Name the moments that have not come."""
        return [f"{one.when} {one.method} {one.path}" for one in self._moments]

    async def come(self, when: When, method: str, path: str) -> None:
        """Tell the first story that waits for this moment."""
        for moment in self._moments:
            if (moment.when, moment.method) == (when, method) and fnmatch.fnmatchcase(path, moment.path):
                self._moments.remove(moment)
                await moment.story()
                return
