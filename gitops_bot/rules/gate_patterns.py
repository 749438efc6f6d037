"""Patterns and times of the gate's rules, read narrowly: what is unclear does not match.

The settings' other patterns are shell-like: there ``*`` goes over slashes, and ``renovate[bot]`` means one of
three letters. Who is let through without a person is worth a grammar of its own.
"""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta

from gitops_bot.models.gates import TimeWindow


def glob_matches(value: str, pattern: str, separator: str = "/") -> bool:
    """Whether a pattern describes all of a value: ``*`` is within a step, ``**`` over steps, ``?`` one character."""
    step = f"[^{re.escape(separator)}]" if separator else "."
    wild = {"**": ".*", "*": f"{step}*", "?": step}
    parts = [wild.get(token) or re.escape(token) for token in re.split(r"(\*\*|\*|\?)", pattern)]
    return re.fullmatch("".join(parts), value, re.DOTALL) is not None


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
