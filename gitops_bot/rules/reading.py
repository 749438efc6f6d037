"""Reading YAML values whose shape nobody guarantees: what is not of the expected kind counts as not there."""

from collections.abc import Iterable, Mapping
from typing import Any

_SHOWN = 80


def mapping(value: Any) -> Mapping[str, Any]:
    """Return a mapping as it is, anything else as an empty one."""
    return value if isinstance(value, Mapping) else {}


def mappings(value: Any) -> list[Mapping[str, Any]]:
    """Return the mappings of a list; what is no list has none."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def at(value: Any, *keys: str) -> Any:
    """Follow keys through mappings; None where there is nothing."""
    for key in keys:
        value = mapping(value).get(key)
    return value


def text(value: Any) -> str:
    """Return a scalar as text; "" for what is none."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else ""


def texts(value: Any) -> tuple[str, ...]:
    """Return the scalars of a list as texts."""
    return tuple(text(item) for item in value if text(item)) if isinstance(value, list) else ()


def shown(value: Any) -> str:
    """Write a value on one short line, for a sentence; "none" for nothing."""
    said = _plain(value) or "none"
    return said if len(said) <= _SHOWN else f"{said[:_SHOWN]}…"


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_plain(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return ", ".join(_plain(inner) for inner in value)
    return text(value)


def listed(names: Iterable[str], most: int = 4) -> str:
    """Write names one after the other, and count those past ``most``."""
    known = list(dict.fromkeys(names))
    rest = len(known) - most
    return ", ".join(known[:most]) + (f" and {rest:,} more" if rest > 0 else "")
