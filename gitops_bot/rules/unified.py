"""One object before and after the merge, as a unified diff: what lives in the cluster, and what becomes of it.

Before is the live object without the API server's bookkeeping; after is the same with every field that
the merge, or what Flux applies along with it, sets otherwise. Both come redacted, so the text is.
"""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from gitops_bot.models.changes import Origin
from gitops_bot.rules.fields import MISSING, ORDER, Path, Shape
from gitops_bot.rules.objects import body_of
from gitops_bot.rules.origins import BOOKKEEPING, Found, View

# A report keeps this for thousands of objects.
_MOST_CHARACTERS = 6_000
# Lines of one object; comparing more takes too long.
_MOST_LINES = 3_000
_AROUND = 3
_STAYS = {Origin.ADOPTED, Origin.WITHDRAWN}


def unified_view(live: Mapping[str, Any], found: Iterable[Found], result: View, shape: Shape) -> str:
    """Return hunks of ``@@``, `` ``, ``-`` and ``+`` lines, 6,000 characters at most.

    "" where it cannot be told: nothing known of the live object, a Secret (its values are not read at all),
    an object that is too long, or a live structure that the renders do not explain.
    """
    if not live or live.get("kind") == "Secret":
        return ""
    before: dict[str, Any] = _copied(live)
    for noise in BOOKKEEPING:
        _remove(before, noise, shape)
    before.pop("status", None)
    old, differing = body_of(before).splitlines(), list(found)
    # Each difference looks for its item in its list.
    if len(old) > _MOST_LINES or len(differing) > _MOST_LINES:
        return ""
    after = merged(before, differing, result, shape)
    if after is None:
        return ""
    new = body_of(after).splitlines()
    if len(old) + len(new) > _MOST_LINES:
        return ""
    lines = list(difflib.unified_diff(old, new, n=_AROUND, lineterm=""))[2:]
    return _bounded(lines)


def merged(live: Mapping[str, Any], found: Iterable[Found], result: View, shape: Shape) -> Mapping[str, Any] | None:
    """Return a live object with every difference made; None when it does not have the structure for it."""
    after: dict[str, Any] = _copied(live)
    happens = [item for item in found if item.origin not in _STAYS and not item.hidden_by]
    # An item of a list is found by its name, so that goes last.
    for item in sorted(happens, key=lambda item: shape.keyed.get(item.path[:-2]) == item.path[-1]):
        if not _apply(after, item, result, shape):
            return None
    return after


def _bounded(lines: list[str]) -> str:
    room = _MOST_CHARACTERS
    for number, line in enumerate(lines):
        room -= len(line) + 1
        if room < 0:
            return "\n".join([*lines[:number], f"@@ … {len(lines) - number:,} more lines @@"])
    return "\n".join(lines)


def _apply(tree: dict[str, Any], item: Found, result: View, shape: Shape) -> bool:
    """Make one field what it becomes; False when the tree does not have the structure for it."""
    if item.path[-1:] == (ORDER,):
        return _reorder(tree, item.path[:-1], result, shape)
    value = shape.value(result.value, item.path)
    if value is MISSING:
        # Neither render states it: the API server derives it, and flux has seen what.
        value = item.entry.after or MISSING
    if value is MISSING:
        return _remove(tree, item.path, shape)
    return _set(tree, item.path, value, shape)


def _set(tree: Any, path: Path, value: Any, shape: Shape) -> bool:
    here = tree
    for depth, token in enumerate(path[:-1]):
        here = _inner(here, token, path[: depth + 1], shape)
    if not path or not isinstance(here, dict):
        return False
    here[path[-1]] = _copied(value)
    return True


def _inner(here: Any, token: str, path: Path, shape: Shape) -> Any:
    """Go one token down, making what is not there."""
    if isinstance(here, dict):
        return here.setdefault(token, [] if path in shape.keyed else {})
    identifier = shape.keyed.get(path[:-1])
    if not isinstance(here, list) or identifier is None:
        return None
    item = _named(here, token, identifier)
    if item is None:
        item = {identifier: token}
        here.append(item)
    return item


def _named(items: Iterable[Any], name: str, identifier: str) -> Any:
    return next((item for item in items if isinstance(item, dict) and str(item.get(identifier)) == name), None)


def _remove(tree: Any, path: Path, shape: Shape) -> bool:
    """Take a field out, and what is empty after that; nothing to do where it is not there."""
    trail: list[tuple[Any, Any]] = []
    here = tree
    for depth, token in enumerate(path):
        key: Any = token
        if isinstance(here, list):
            identifier = shape.keyed.get(path[:depth], "")
            inner = _named(here, token, identifier)
            if inner is None:
                return True
            key = here.index(inner)
        elif isinstance(here, dict) and token in here:
            inner = here[token]
        else:
            return True
        trail.append((here, key))
        here = inner
    for container, key in reversed(trail):
        del container[key]
        if container:
            break
    return True


def _reorder(tree: Any, path: Path, result: View, shape: Shape) -> bool:
    items = shape.value(tree, path)
    wanted = shape.value(result.value, path)
    identifier = shape.keyed.get(path)
    if not isinstance(items, list) or not isinstance(wanted, list) or identifier is None:
        return False
    places = {str(item.get(identifier)): place for place, item in enumerate(wanted) if isinstance(item, dict)}
    items.sort(key=lambda item: places.get(str(item.get(identifier)), len(places)))
    return True


def _copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copied(inner) for key, inner in value.items()}
    return [_copied(inner) for inner in value] if isinstance(value, list) else value
