"""Where the differences of one object come from.

For a field, *b*, *r* and *a* are what the base, the result and the render at the applied revision
say of it. *Live agrees with x* when the diff of x against live has no entry for it.

1. Neither the base's nor the result's diff has an entry: nothing to tell.
2. b = r: *pending* if live agrees with a, else *drift*.
3. b and r differ. Live agrees with b: *pull_request*; with r: *adopted*, or *withdrawn* when
   a = r too; with a: *pull_request*; with none: *undone*.

One case stands between 1 and 2: b = r although only one of the two diffs has an entry. Where
neither states the field, the API server derives it from what does differ (a node port from the
type of a Service), so it belongs to the pull request.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gitops_bot.models.changes import FieldChange, Origin
from gitops_bot.rules.fields import MISSING, ORDER, Entry, Expansion, Path, Shape, same

# What a person wants to know first.
ORIGINS_BY_WEIGHT = (
    Origin.PULL_REQUEST,
    Origin.UNDONE,
    Origin.PENDING,
    Origin.DRIFT,
    Origin.ADOPTED,
    Origin.WITHDRAWN,
)
# The API server's own bookkeeping.
BOOKKEEPING = {
    ("metadata", "generation"),
    ("metadata", "resourceVersion"),
    ("metadata", "uid"),
    ("metadata", "creationTimestamp"),
    ("metadata", "managedFields"),
    ("metadata", "selfLink"),
    ("metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration"),
}
_SETTLED = {Origin.ADOPTED: "= the cluster has it already", Origin.WITHDRAWN: "= taken back before it was applied"}


@dataclass(frozen=True)
class View:
    """One object as one tree has it.

    ``value`` is None when the render has no such object. ``known`` is False when the diff says
    nothing of the object although it may differ, because flux could not finish.
    """

    value: Mapping[str, Any] | None
    expansion: Expansion = field(default_factory=Expansion)
    known: bool = True


@dataclass(frozen=True)
class Found:
    """One field that differs: where, what the diff says of it, why, and the setting that switches it off."""

    path: Path
    entry: Entry
    origin: Origin
    hidden_by: str = ""


def _nothing_hidden(_: Path) -> str:
    return ""


def differences(
    base: View,
    result: View,
    applied: View | None,
    shape: Shape,
    hidden_by: Callable[[Path], str] = _nothing_hidden,
) -> list[Found]:
    """Return the fields, leaf by leaf, of an object that exists in the cluster and in the result.

    ``hidden_by`` names the setting that switches a field off, "" for none: such fields are marked.
    """
    found = []
    for path in _candidates(base, result, shape):
        origin = field_origin(path, base, result, applied, shape)
        entry = result.expansion.about(path) if result.known else None
        if origin is not None:
            entry = entry or base.expansion.about(path) or _by_renders(path, base, result, shape)
            found.append(Found(path, entry, origin, hidden_by(path)))
    return found


def field_changes(found: list[Found], base: View, result: View) -> tuple[FieldChange, ...]:
    """Return differences as they are shown, the weightiest first."""
    changes = list(_shown(found, base, result))
    return tuple(sorted(changes, key=lambda change: ORIGINS_BY_WEIGHT.index(change.origin)))


def field_origin(path: Path, base: View, result: View, applied: View | None, shape: Shape) -> Origin | None:
    """Apply the definition to one field; None when there is nothing to tell."""
    b, r = shape.value(base.value, path), shape.value(result.value, path)
    in_base = base.known and base.expansion.about(path) is not None
    in_result = result.expansion.about(path) is not None if result.known else in_base or not same(b, r)
    agrees_with_applied = applied is not None and applied.known and applied.expansion.about(path) is None
    if not in_base and not in_result:
        return None
    if same(b, r):
        derived = b is MISSING and base.known and in_base != in_result
        if not derived:
            return Origin.PENDING if agrees_with_applied else Origin.DRIFT
    if not in_base:
        return Origin.PULL_REQUEST
    if not in_result:
        withdrawn = applied is not None and same(shape.value(applied.value, path), r)
        return Origin.WITHDRAWN if withdrawn else Origin.ADOPTED
    return Origin.PULL_REQUEST if agrees_with_applied else Origin.UNDONE


def moved(base: View, result: View, shape: Shape) -> bool:
    """Whether two diffs contradict each other: a field that both renders state alike, and one diff calls changed."""
    if not (base.known and result.known):
        return False
    for path in _candidates(base, result, shape):
        b, r = shape.value(base.value, path), shape.value(result.value, path)
        alike = b is not MISSING and same(b, r)
        if alike and (base.expansion.about(path) is None) != (result.expansion.about(path) is None):
            return True
    return False


def weightiest(origins: Iterable[Origin]) -> Origin:
    """Return the origin of an object whose fields have these; not for none."""
    return min(origins, key=ORIGINS_BY_WEIGHT.index)


def _candidates(base: View, result: View, shape: Shape) -> list[Path]:
    """Return the fields that either diff has an entry for; the coarser of two that overlap."""
    paths = dict.fromkeys(result.expansion.fields if result.known else _differing(base, result, shape))
    paths |= dict.fromkeys(base.expansion.fields if base.known else ())
    return [
        path
        for path in paths
        if not is_noise(path, shape) and not any(path[:length] in paths for length in range(len(path)))
    ]


def _differing(base: View, result: View, shape: Shape) -> Iterator[Path]:
    """Go through the fields in which two renders differ."""
    paths = dict.fromkeys(
        path for view in (result, base) if view.value is not None for path, _ in shape.leaves(view.value, ())
    )
    paths |= dict.fromkeys((*path, ORDER) for path in shape.keyed)
    for path in paths:
        if not same(shape.value(base.value, path), shape.value(result.value, path)):
            yield path


def is_noise(path: Path, shape: Shape) -> bool:
    """Whether a field is the API server's own bookkeeping."""
    if any(path[: len(noise)] == noise for noise in BOOKKEEPING):
        return True
    return path[:1] == ("status",) and not any("status" in tree for tree in shape.trees)


def _by_renders(path: Path, base: View, result: View, shape: Shape) -> Entry:
    """Say what two renders say, where flux could not."""
    before, after = (shape.value(view.value, path) for view in (base, result))
    secret = path[:1] == ("data",) and (result.value or {}).get("kind") == "Secret"
    if before is MISSING:
        headline = "+ added"
    elif after is MISSING:
        headline = "- removed"
    else:
        headline = "⇆ order changed" if path[-1:] == (ORDER,) else "± value change"
    texts = ["" if value is MISSING else "***" if secret else _text(value) for value in (before, after)]
    return Entry(headline, texts[0], texts[1], None)


def _text(value: Any) -> str:
    structured = isinstance(value, dict | list)
    return json.dumps(value, ensure_ascii=False, default=str) if structured else str(value)


def _shown(found: list[Found], base: View, result: View) -> Iterator[FieldChange]:
    """Turn fields into what is shown: an entry as a whole where all of it has one origin."""
    sizes = Counter(id(entry.source) for view in (base, result) for entry in view.expansion.fields.values())
    parts: dict[int, list[Found]] = {}
    for item in found:
        parts.setdefault(id(item.entry.source), []).append(item)
    mixed = {key for key, items in parts.items() if len({(item.origin, item.hidden_by) for item in items}) > 1}
    for item in found:
        source = item.entry.source
        others = parts[id(source)]
        # What is settled shows live's side only: of a whole entry that may be nothing, not even a name.
        apart = len(others) < sizes[id(source)] or id(source) in mixed or item.origin in _SETTLED
        if source is None or apart:
            yield _change(_dotted(item.path), item.entry, item)
        elif others[0] is item:
            yield _change(source.path, Entry(source.headline, source.removed, source.added, source), item)


def _dotted(path: Path) -> str:
    return ".".join(path[:-1] if path[-1:] == (ORDER,) else path)


def _change(path: str, entry: Entry, found: Found) -> FieldChange:
    if found.origin in _SETTLED:
        # Live stays as it is: the entry comes from the base's diff, whose left side is live.
        return FieldChange(path, _SETTLED[found.origin], entry.before, entry.before, found.origin, found.hidden_by)
    return FieldChange(path, entry.headline, entry.before, entry.after, found.origin, found.hidden_by)
