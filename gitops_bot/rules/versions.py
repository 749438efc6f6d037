"""Versions as people write them into tags: which of two is the higher one, where that can be told.

Compared is the dotted number (``v1.25`` and ``1.25.0`` are the same); what follows it only where
both numbers are equal. Precedence of pre-releases: https://semver.org/#spec-item-11
"""

import re
from itertools import zip_longest

_VERSION = re.compile(
    r"(?P<prefix>[A-Za-z][A-Za-z_-]*[-_])?[vV]?(?P<numbers>\d{1,18}(?:\.\d{1,18}){0,7})"
    r"(?P<rest>[-_+.].{0,200}|(?:a|b|rc|alpha|beta)\d{1,4})?",
    re.ASCII,
)
_PRE_RELEASE = re.compile(
    r"[-_.]?(?:a|b|rc|alpha|beta|pre|preview|dev|snapshot|nightly|canary)(?![a-z])", re.IGNORECASE
)
_PARTS = re.compile(r"\d{1,18}|[^\d]+", re.ASCII)
# From here on a single number is a date or a build, not to be compared with 1.2.3.
_DATE = 100_000


def compare_versions(old: str, new: str) -> int | None:
    """Return -1 when ``new`` is lower than ``old``, 1 when it is higher, 0 for the same; None: cannot be told."""
    before, after = _VERSION.fullmatch(old), _VERSION.fullmatch(new)
    if before is None or after is None or (before["prefix"] or "") != (after["prefix"] or ""):
        return None
    numbers = [[int(part) for part in found["numbers"].split(".")] for found in (before, after)]
    if len({len(one) == 1 and one[0] >= _DATE for one in numbers}) > 1:
        return None
    for one, other in zip_longest(*numbers, fillvalue=0):
        if one != other:
            return 1 if other > one else -1
    return _compare_rest(_without_build(before["rest"]), _without_build(after["rest"]))


def _without_build(rest: str | None) -> str:
    """Leave out what semver calls build metadata: it says nothing of precedence."""
    return (rest or "").partition("+")[0]


def _compare_rest(old: str, new: str) -> int | None:
    if old == new:
        return 0
    early = [_PRE_RELEASE.match(rest) is not None for rest in (old, new)]
    if early == [True, False] and not new:
        return 1
    if early == [False, True] and not old:
        return -1
    parts = [_PARTS.findall(rest) for rest in (old, new)]
    if early == [True, True]:
        return _compare_parts(*parts)
    # A flavour such as "-alpine3.19": comparable only where nothing but its numbers differ.
    words = [[part for part in one if not part[0].isdigit()] for one in parts]
    return _compare_parts(*parts) if words[0] == words[1] else None


def _compare_parts(old: list[str], new: list[str]) -> int:
    for one, other in zip_longest(old, new, fillvalue=""):
        if one == other:
            continue
        if one[:1].isdigit() and other[:1].isdigit():
            if int(one) != int(other):
                return 1 if int(other) > int(one) else -1
            continue
        return 1 if other > one else -1
    return 0
