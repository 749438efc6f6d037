"""Patterns and times of the gate's rules, read narrowly: what is unclear does not match.

The settings' other patterns are shell-like: there ``*`` goes over slashes, and ``renovate[bot]`` means one of
three letters. Who is let through without a person is worth a grammar of its own.
"""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta

from gitops_bot.models.gates import TimeWindow

_WILD = {"**", "*", "?"}


def glob_matches(value: str, pattern: str, separator: str = "/") -> bool:
    """Whether a pattern describes all of a value: ``*`` is within a step, ``**`` over steps, ``?`` one character.

    Every token is tried at every place at most once: values are long where somebody wants them to be.
    """
    places = {0}
    for token in filter(None, re.split(r"(\*\*|\*|\?)", pattern)):
        places = set(_after(token, value, places, separator))
        if not places:
            return False
    return len(value) in places


def _after(token: str, value: str, places: set[int], separator: str) -> Iterable[int]:
    """Give the places at which a token may end that begins at one of these."""
    if token not in _WILD:
        return (at + len(token) for at in places if value.startswith(token, at))
    if token == "**":  # noqa: S105 - a pattern's part
        return range(min(places), len(value) + 1)
    within = {at for at, one in enumerate(value) if not separator or one != separator}
    if token == "?":  # noqa: S105 - the same
        return (at + 1 for at in places & within)
    found = set(places)
    for at in sorted(within):
        if at in found:
            found.add(at + 1)
    return found


def path_matches(path: str, patterns: Iterable[str]) -> bool:
    """Whether one of the patterns describes a path. One with a step that leads elsewhere matches nothing."""
    if any(step in {"", ".", ".."} for step in path.split("/")):
        return False
    return any(glob_matches(path, pattern) for pattern in patterns)


def field_matches(field: str, patterns: Iterable[str]) -> bool:
    """Whether one of the patterns describes the path of a field, whose steps are parted by dots."""
    return bool(field) and any(glob_matches(field, pattern, ".") for pattern in patterns)


def name_matches(name: str, patterns: Iterable[str]) -> bool:
    """Whether one of the patterns describes a name; case counts for nothing, as in GitHub's names."""
    return bool(name) and any(glob_matches(name.lower(), pattern.lower()) for pattern in patterns)


def kind_matches(kind: str, group: str, patterns: Iterable[str]) -> bool:
    """Whether one of the patterns describes a kind: ``Deployment``, ``Deployment.apps``."""
    names = (kind, f"{kind}.{group}" if group else kind)
    return any(glob_matches(name, pattern, "") for name in names for pattern in patterns)


def is_open(now: datetime, window: TimeWindow) -> bool:
    """Whether a moment lies within a window. One that goes over midnight belongs to the day that it begins on."""
    local = now.astimezone(window.zone)
    start, end = window.start, window.end
    moment, today = local.time(), local.weekday()
    yesterday = (local - timedelta(days=1)).weekday()

    def of(day: int) -> bool:
        return not window.days or day in window.days

    if start is None or end is None or start == end:
        return of(today)
    if start < end:
        return of(today) and start <= moment < end
    return (of(today) and moment >= start) or (of(yesterday) and moment < end)
