"""Added and removed blocks of ``flux diff`` as values.

dyff prints them with its library *neat*, which is YAML for the eye only: most strings stand
without quotes, whatever they contain. A YAML parser would misread or refuse them.

Format: https://github.com/gonvenience/neat/blob/v1.3.16/output_yaml.go
"""

import json
import re
from collections.abc import Sequence
from typing import Any

_KEY = re.compile(r"(?P<key>[^\"].*?|):(?: (?P<rest>.*))?")
_INDENT = 2


class NotNeatError(ValueError):
    """The text is not what dyff would print; it was cut, redacted badly, or forged."""


def parse_neat(text: str) -> Any:
    """Read a mapping or a list; scalars stay the text that was printed (without quotes)."""
    lines = text.split("\n")
    if not text:
        raise NotNeatError("nothing was printed")
    try:
        value, at = _block(lines, 0, 0)
    except RecursionError as error:
        raise NotNeatError("nested too deeply") from error
    if any(lines[at:]):
        raise NotNeatError(f"line {at + 1} does not fit")
    return value


def _block(lines: list[str], at: int, indent: int) -> tuple[Any, int]:
    return _sequence(lines, at, indent) if _is_item(lines[at], indent) else _mapping(lines, at, indent)


def _is_item(line: str, indent: int) -> bool:
    return _indent(line) == indent and (line[indent:] == "-" or line[indent : indent + 2] == "- ")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _mapping(lines: list[str], at: int, indent: int) -> tuple[dict[str, Any], int]:
    found: dict[str, Any] = {}
    while at < len(lines) and lines[at] and _indent(lines[at]) == indent and not _is_item(lines[at], indent):
        key = _KEY.fullmatch(lines[at][indent:])
        if key is None:
            raise NotNeatError(f"line {at + 1} has no key")
        if key["key"] in found:
            raise NotNeatError(f"line {at + 1} repeats a key")
        found[key["key"]], at = _value(lines, at + 1, indent, key["rest"] or "")
    return found, at


def _value(lines: list[str], at: int, indent: int, rest: str) -> tuple[Any, int]:
    """Read what follows a key at ``indent``; ``at`` is the line after it."""
    if not rest and at < len(lines) and lines[at]:
        if _is_item(lines[at], indent):
            return _sequence(lines, at, indent)
        if _indent(lines[at]) == indent + _INDENT:
            return _block(lines, at, indent + _INDENT)
    return _scalar(lines, at, indent + _INDENT, rest)


def _sequence(lines: list[str], at: int, indent: int) -> tuple[list[Any], int]:
    items: list[Any] = []
    while at < len(lines) and _is_item(lines[at], indent):
        inner = indent + _INDENT
        rest = lines[at][inner:]
        if _is_item(rest, 0) or _KEY.fullmatch(rest):
            lines[at] = " " * inner + rest
            value, at = _block(lines, at, inner)
        else:
            value, at = _scalar(lines, at + 1, inner, rest)
        items.append(value)
    return items, at


def _scalar(lines: Sequence[str], at: int, indent: int, rest: str) -> tuple[Any, int]:
    if rest == "|":
        end = at
        while end < len(lines) and (not lines[end] or _indent(lines[end]) >= indent):
            end += 1
        if end > at:
            return "\n".join(line[indent:] for line in lines[at:end]), end
    if rest in {"{}", "[]"}:
        return ({} if rest == "{}" else []), at
    if len(rest) > 1 and rest[0] == rest[-1] == '"':
        try:
            return json.loads(rest), at
        except ValueError:
            return rest[1:-1], at
    return rest, at
