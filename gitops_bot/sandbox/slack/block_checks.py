"""Small checks that are put together into the tables of Block Kit; each adds Slack's words to a list of problems."""

import re
from collections.abc import Callable, Mapping
from typing import Any

# A check gets a value, the JSON pointer to it, and the list to which it adds what is wrong.
Check = Callable[[Any, str, list[str]], None]
Fields = Mapping[str, tuple[Check, bool]]


def at(message: str, pointer: str) -> str:
    """Say where."""
    return f"{message} [json-pointer:{pointer}]"


def required(check: Check) -> tuple[Check, bool]:
    """Mark a field that must be there."""
    return check, True


def optional(check: Check) -> tuple[Check, bool]:
    """Mark a field that may be there."""
    return check, False


def string(most: int, least: int = 1, pattern: str = "") -> Check:
    """Accept a string of ``least`` to ``most`` characters."""

    def check(value: Any, pointer: str, problems: list[str]) -> None:
        if not isinstance(value, str):
            problems.append(at("must provide a string", pointer))
        elif len(value) < least:
            problems.append(at(f"must be more than {least - 1} characters", pointer))
        elif len(value) > most:
            problems.append(at(f"must be less than {most + 1} characters", pointer))
        elif pattern and not re.fullmatch(pattern, value):
            problems.append(at("failed to match the required pattern", pointer))

    return check


def url(most: int = 3000) -> Check:
    """Accept an absolute address."""
    length = string(most)

    def check(value: Any, pointer: str, problems: list[str]) -> None:
        length(value, pointer, problems)
        if isinstance(value, str) and not re.match(r"[a-z][a-z0-9+.-]*:\S+$", value, re.IGNORECASE):
            problems.append(at("invalid url", pointer))

    return check


def boolean(value: Any, pointer: str, problems: list[str]) -> None:
    """Accept true and false."""
    if not isinstance(value, bool):
        problems.append(at("must provide a boolean", pointer))


def integer(value: Any, pointer: str, problems: list[str]) -> None:
    """Accept a whole number."""
    if isinstance(value, bool) or not isinstance(value, int):
        problems.append(at("must provide an integer", pointer))


def anything(value: Any, pointer: str, problems: list[str]) -> None:
    """Accept whatever comes: for fields that this stand-in keeps but does not look into."""
    del value, pointer, problems


def one_of(*allowed: str) -> Check:
    """Accept one of a few words."""

    def check(value: Any, pointer: str, problems: list[str]) -> None:
        if value not in allowed:
            problems.append(at(f"must be a valid enum value: {', '.join(allowed)}", pointer))

    return check


def array(item: Check, most: int, least: int = 1) -> Check:
    """Accept a list of ``least`` to ``most`` items."""

    def check(value: Any, pointer: str, problems: list[str]) -> None:
        if not isinstance(value, list):
            problems.append(at("must provide an array", pointer))
            return
        if len(value) < least:
            problems.append(at(f"no fewer than {least} items allowed", pointer))
        if len(value) > most:
            problems.append(at(f"no more than {most} items allowed", pointer))
            return
        for index, one in enumerate(value):
            item(one, f"{pointer}/{index}", problems)

    return check


def structure(fields: Fields) -> Check:
    """Accept an object with exactly these fields."""

    def check(value: Any, pointer: str, problems: list[str]) -> None:
        if not isinstance(value, dict):
            problems.append(at("must provide an object", pointer))
            return
        problems.extend(
            at(f"missing required field: {name}", pointer)
            for name, (_, needed) in fields.items()
            if needed and name not in value
        )
        for name, one in value.items():
            if name in fields:
                fields[name][0](one, f"{pointer}/{name}", problems)
            else:
                problems.append(at(f"invalid additional property: {name}", pointer))

    return check


def typed(kinds: Mapping[str, Fields], *allowed: str) -> Check:
    """Accept an object whose ``type`` names one of the tables, or one of ``allowed`` among them."""

    def check(value: Any, pointer: str, problems: list[str]) -> None:
        if not isinstance(value, dict):
            problems.append(at("must provide an object", pointer))
            return
        kind = value.get("type")
        if kind is None:
            problems.append(at("missing required field: type", pointer))
        elif not isinstance(kind, str) or kind not in kinds or (allowed and kind not in allowed):
            problems.append(at(f"unsupported type: {kind}", f"{pointer}/type"))
        else:
            structure({"type": required(string(255)), **kinds[kind]})(value, pointer, problems)

    return check


def text_fields(most: int, least: int = 1) -> dict[str, Fields]:
    """Give the tables of the two text objects."""
    return {
        "plain_text": {"text": required(string(most, least)), "emoji": optional(boolean)},
        "mrkdwn": {"text": required(string(most, least)), "verbatim": optional(boolean)},
    }


def text(most: int, *kinds: str) -> Check:
    """Accept a text object (``plain_text`` or ``mrkdwn``) of 1 to ``most`` characters."""
    return typed(text_fields(most), *kinds)
