"""Patterns of ``.sourceignore`` files and of ``spec.ignore``, as source-controller reads them.

Its matcher is a fork of go-git's and differs from git: a pattern without a slash matches any part
of the path, excluded folders are still looked into (so ``!`` can bring a file back), a file is
matched by its first path parts alone, and ``**`` beside other characters matches nothing in a
pattern with a slash. That is why no gitignore library is used here.

Source: https://github.com/fluxcd/pkg/tree/sourceignore/v0.18.0/sourceignore
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

# bufio.Scanner gives up, without a word, at a line that is longer than this many bytes.
_LONGEST_LINE = 64 * 1024
_NEVER = "(?!)"
# Behind one part of a path: the next part, or the end.
_PART_ENDS = r"(?:/|\Z)"


@dataclass(frozen=True)
class IgnorePattern:
    """One line of an ignore file: a regular expression for whole paths, and what a match means."""

    expression: str
    includes: bool


class IgnoreRules:
    """Patterns in their order, the strongest last."""

    def __init__(self, patterns: Iterable[IgnorePattern]) -> None:
        """Put neighbours that mean the same into one expression: their order does not matter."""
        self._runs = [
            (includes, re.compile("|".join(pattern.expression for pattern in run)))
            for includes, run in groupby(patterns, key=lambda pattern: pattern.includes)
        ]
        self._runs.reverse()

    def ignores(self, path: str) -> bool:
        """Whether the file at ``path`` is left out: the last pattern that matches decides."""
        for includes, expression in self._runs:
            if expression.match(path):
                return not includes
        return False


def parse_patterns(text: str, folder: str = "") -> list[IgnorePattern]:
    """Read an ignore file that lies in ``folder``, or ``spec.ignore``."""
    found = []
    for line in text.split("\n"):
        if len(line.encode("utf-8", "surrogateescape")) >= _LONGEST_LINE:
            break
        shown = line.removesuffix("\r")
        if not shown.startswith("#") and shown.strip():
            found.append(_pattern(shown, folder))
    return found


def _pattern(line: str, folder: str) -> IgnorePattern:
    includes = line.startswith("!")
    line = line[1:] if includes else line
    if not line.endswith("\\ "):
        line = line.rstrip(" ")
    folders_only = line.endswith("/")
    line = line[:-1] if folders_only else line
    parts = line.split("/")
    below = f"{re.escape(folder)}/" if folder else ""
    inner = _from_folder(parts) if len(parts) > 1 else _anywhere(line)
    # A folder is what has something below it.
    return IgnorePattern(below + inner + ("(?=[^/])" if folders_only else ""), includes)


def _anywhere(pattern: str) -> str:
    part = _part(pattern)
    return _NEVER if part is None or not pattern else f"(?:[^/]*/)*?{part}{_PART_ENDS}"


def _from_folder(patterns: Sequence[str]) -> str:
    found, travels = [], False
    for at, pattern in enumerate(patterns):
        if pattern == "":
            travels = False
        elif pattern == "**":
            if at == len(patterns) - 1:
                break
            travels = True
        else:
            part = None if "**" in pattern else _part(pattern)
            if part is None:
                return _NEVER
            # The first part that matches is taken; if the rest then fails, no other is tried.
            found.append(f"(?>(?:[^/]*/)*?{part}{_PART_ENDS})" if travels else f"{part}{_PART_ENDS}")
            travels = False
    return "".join(found) or _NEVER


def _part(pattern: str) -> str | None:
    """Translate a pattern of Go's ``filepath.Match``; None when it is broken, and so matches nothing.

    What stands between two stars is taken at its first place, as Go does; trying every place
    would let a hostile pattern run for years.
    """
    chunks, at = [""], 0
    while at < len(pattern):
        found = _character_class(pattern, at + 1) if pattern[at] == "[" else _single(pattern, at)
        if found is None:
            return None
        text, at = found
        if text == "*":
            chunks.append("")
        else:
            chunks[-1] += text
    first, *starred = chunks
    if not starred:
        return first
    middle = "".join(f"(?>[^/]*?{chunk})" for chunk in starred[:-1] if chunk)
    return f"{first}{middle}[^/]*{starred[-1]}"


def _single(pattern: str, at: int) -> tuple[str, int] | None:
    character = pattern[at]
    if character == "*":
        return "*", at + 1
    if character == "?":
        return "[^/]", at + 1
    if character == "\\":
        return (re.escape(pattern[at + 1]), at + 2) if at + 1 < len(pattern) else None
    return re.escape(character), at + 1


def _character_class(pattern: str, at: int) -> tuple[str, int] | None:
    """Read ``[a-z]`` from behind its bracket: a regular expression, and where the pattern goes on."""
    negated = pattern[at : at + 1] == "^"
    at += negated
    ranges: list[str] = []
    while not (ranges and pattern[at : at + 1] == "]"):
        low = _class_character(pattern, at)
        if low is None:
            return None
        high, at = low
        if pattern[at] == "-":
            upper = _class_character(pattern, at + 1)
            if upper is None:
                return None
            high, at = upper
        # An empty range (z-a) matches nothing, and is no mistake.
        ranges.append(f"{re.escape(low[0])}-{re.escape(high)}" if low[0] <= high else "")
    inner = "".join(ranges)
    if not inner:
        return ("[^/]" if negated else _NEVER), at + 1
    return (f"(?!/)[^{inner}]" if negated else f"(?!/)[{inner}]"), at + 1


def _class_character(pattern: str, at: int) -> tuple[str, int] | None:
    """Read one character of a class; something must follow it."""
    character = pattern[at : at + 1]
    if character in {"", "-", "]"}:
        return None
    if character == "\\":
        at += 1
        character = pattern[at : at + 1]
        if not character:
            return None
    at += 1
    return (character, at) if at < len(pattern) else None
