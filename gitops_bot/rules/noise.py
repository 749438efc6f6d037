"""What people switched off: left out of the report, and counted where it was.

Only what does not destroy can be hidden, and no finding can. The verdict is found before anything is
hidden (see look_at_cluster), so that hiding never makes a report look better than it is.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from gitops_bot.models.changes import Operation, Origin, ResourceChange
from gitops_bot.models.kustomizations import KustomizationId, ObjectReference
from gitops_bot.models.reports import Hidden, KustomizationReport
from gitops_bot.rules.fields import Path, Shape
from gitops_bot.rules.origins import weightiest

_DESTRUCTIVE = {Operation.DELETE, Operation.RECREATE}
_BELOW = "noise.hide_drift_below"


@dataclass(frozen=True)
class FieldRule:
    """Fields of some objects. ``paths`` are JSON pointers (RFC 6901); the others shell-like patterns.

    An item of a list with names is addressed by its name, its place, or ``*``; a list without is one field.
    """

    paths: tuple[str, ...]
    kind: str = "*"
    namespace: str = "*"
    name: str = "*"

    def covers(self, reference: ObjectReference, path: Path, shape: Shape) -> bool:
        """Whether a field of an object is meant: one that is named, or lies below one."""
        return (
            fnmatchcase(reference.kind, self.kind)
            and fnmatchcase(reference.namespace, self.namespace)
            and fnmatchcase(reference.name, self.name)
            and any(_leads_to(tokens, path, shape) for tokens in map(_tokens, self.paths))
        )


@dataclass(frozen=True)
class NoisePolicy:
    """Everything that is switched off; nothing by default."""

    fields: tuple[FieldRule, ...] = ()
    # Patterns of kinds.
    kinds: tuple[str, ...] = ()
    # Patterns of ``namespace/name``, or of ``cluster/namespace/name``.
    kustomizations: tuple[str, ...] = ()
    # Fewer drifted objects than this in one Kustomization are hidden.
    hide_drift_below: int = 0

    def hides_field(self, reference: ObjectReference, path: Path, shape: Shape) -> str:
        """Name the setting that hides a field; "" when none does."""
        found = (number for number, rule in enumerate(self.fields) if rule.covers(reference, path, shape))
        number = next(found, None)
        return "" if number is None else f"noise.fields[{number}]"

    def hides_object(self, row: KustomizationId, change: ResourceChange) -> str:
        """Name the setting that hides an object as a whole; "" when none does."""
        if change.operation in _DESTRUCTIVE:
            return ""
        for number, pattern in enumerate(self.kustomizations):
            if fnmatchcase(str(row), pattern) or fnmatchcase(f"{row.cluster}/{row}", pattern):
                return f"noise.kustomizations[{number}]"
        for number, pattern in enumerate(self.kinds):
            if fnmatchcase(change.object.kind, pattern):
                return f"noise.kinds[{number}]"
        return ""


NOTHING = NoisePolicy()


def without_noise(rows: Iterable[KustomizationReport], policy: NoisePolicy) -> tuple[KustomizationReport, ...]:
    """Leave out what is switched off, and say of each row how much that was, by setting."""
    return tuple(_quiet(row, policy) for row in rows)


def _quiet(row: KustomizationReport, policy: NoisePolicy) -> KustomizationReport:
    objects: Counter[str] = Counter()
    fields: Counter[str] = Counter()
    kept = []
    for change in row.changes:
        setting = policy.hides_object(row.id, change)
        if setting:
            objects[setting] += 1
            continue
        shown, hidden = _without_fields(change)
        fields.update(hidden)
        kept += [shown] if shown else []
    drifted = [change for change in kept if _only_drifted(change)]
    if 0 < len(drifted) < policy.hide_drift_below:
        objects[_BELOW] += len(drifted)
        kept = [change for change in kept if not _only_drifted(change)]
    counted = tuple(Hidden(setting, fields[setting], objects[setting]) for setting in sorted({*objects, *fields}))
    return replace(row, changes=tuple(kept), hidden=counted) if counted else row


def _without_fields(change: ResourceChange) -> tuple[ResourceChange | None, Counter[str]]:
    """Take the marked fields out of a change; None when nothing is left of it."""
    hidden = Counter(entry.hidden_by for entry in change.fields if entry.hidden_by)
    if not hidden:
        return change, hidden
    left = tuple(entry for entry in change.fields if not entry.hidden_by)
    if change.operation is not Operation.CHANGE:
        return replace(change, fields=left), hidden
    if not left:
        return None, hidden
    return replace(change, fields=left, origin=weightiest(entry.origin for entry in left)), hidden


def _only_drifted(change: ResourceChange) -> bool:
    origins = {change.origin, *(entry.origin for entry in change.fields)}
    return change.operation not in _DESTRUCTIVE and origins == {Origin.DRIFT}


def _tokens(pointer: str) -> Path:
    """Take a JSON pointer apart."""
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:])


def _leads_to(tokens: Path, path: Path, shape: Shape) -> bool:
    if len(tokens) > len(path):
        return False
    return all(_means(token, path, depth, shape) for depth, token in enumerate(tokens))


def _means(token: str, path: Path, depth: int, shape: Shape) -> bool:
    """Whether a token of a pointer names a token of a path."""
    if token in {"*", path[depth]}:
        return True
    identifier = shape.keyed.get(path[:depth])
    if not token.isdigit() or identifier is None:
        return False
    lists = (shape.value(tree, path[:depth]) for tree in shape.trees)
    return any(_named_at(items, int(token), identifier) == path[depth] for items in lists)


def _named_at(items: object, place: int, identifier: str) -> str:
    if not isinstance(items, Sequence) or place >= len(items) or not isinstance(items[place], Mapping):
        return ""
    return str(items[place].get(identifier))
