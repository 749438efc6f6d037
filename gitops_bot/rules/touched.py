"""The objects that a pull request touches, before and after, as values: what the rules for risks look at.

*Before* is not simply the base's render. A field that base and result state alike is not the pull
request's; one in which they differ is taken as it lives in the cluster, where that is known. So what
drifts, and what the cluster has already (*adopted*), looks the same before and after.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from gitops_bot.models.changes import Operation, ResourceChange
from gitops_bot.models.kustomizations import ObjectReference
from gitops_bot.models.reports import KustomizationReport
from gitops_bot.rules.compare import ComparisonInputs
from gitops_bot.rules.fields import MISSING, same
from gitops_bot.rules.looks import Side
from gitops_bot.rules.objects import UnreadableRenderError, load_objects
from gitops_bot.rules.pods import Pod, pod_of
from gitops_bot.rules.verdict import has_effect

Value = Mapping[str, Any]

# All that is told of a live object whose content is secret.
_HEAD = {"apiVersion", "kind", "metadata"}
# So many names are looked for in the text of a render; for more of them reading all of it is quicker.
_FEW = 50
_DOCUMENT = re.compile(r"^---(?:\s|$)", re.MULTILINE)
# What kustomize appends to the names of what it generates: ten of these characters.
# https://github.com/kubernetes-sigs/kustomize/blob/master/api/hasher/hasher.go
_GENERATED = re.compile(r"(?P<stem>.+)-[2456789bcdfghkmt]{10}", re.ASCII)


@dataclass(frozen=True)
class Touched:
    """One object. ``old`` is empty for what is created, ``new`` for what is deleted."""

    reference: ObjectReference
    operation: Operation
    old: Value = field(default_factory=dict)
    new: Value = field(default_factory=dict)
    # Deleted or made anew: what is lost, as it lives.
    lost: Value = field(default_factory=dict)
    # Deleted, and one of the same generated name with another hash is created.
    has_successor: bool = False

    def __str__(self) -> str:
        """The object's name."""
        return str(self.reference)

    @property
    def stays(self) -> bool:
        """Whether it is there before and after."""
        return bool(self.old) and bool(self.new)

    @cached_property
    def old_pod(self) -> Pod:
        """What it runs before."""
        return pod_of(self.old)

    @cached_property
    def new_pod(self) -> Pod:
        """What it runs after."""
        return pod_of(self.new)

    @property
    def of(self) -> tuple[str, str]:
        """The API group and kind."""
        return self.reference.group, self.reference.kind


def touched_objects(inputs: ComparisonInputs, row: KustomizationReport) -> tuple[Touched, ...]:
    """Give the objects to which the pull request itself does something."""
    own = [change for change in row.changes if has_effect(change)]
    if not own:
        return ()
    names = {change.object.name for change in own}
    base, result, applied = (_values(side, names) for side in (inputs.base, inputs.result, inputs.applied))
    found = []
    for change in own:
        reference = change.object
        live = inputs.live_objects.get(reference)
        known = base.get(reference), result.get(reference)
        if change.operation is Operation.DELETE:
            old = live or known[0] or applied.get(reference) or {}
            found.append(Touched(reference, change.operation, old, lost=old))
        elif known[1] is not None:
            old = _before(change, known[0], live, known[1])
            found.append(Touched(reference, change.operation, old, known[1], lost=live or old))
    return tuple(_with_successors(found))


def _before(change: ResourceChange, base: Value | None, live: Value | None, result: Value) -> Value:
    if base is None and (live is None or change.operation is Operation.CREATE):
        return {}
    known = live is not None and not live.keys() <= _HEAD
    given = (MISSING if base is None else base, live if known else MISSING)
    old = old_value(*given, result, known=known)
    return old if isinstance(old, Mapping) else {}


def old_value(base: Any, live: Any, result: Any, *, known: bool = True) -> Any:
    """Return what a value is before the merge, seen with the eyes of the pull request.

    MISSING stands for what is not stated. ``known`` says whether ``live`` is.
    """
    if same(base, result):
        return result
    if not known:
        return base
    if same(live, result):
        return result
    if _mergeable(base, result) and isinstance(live, Mapping):
        keys = dict.fromkeys([*_keys(base), *_keys(result)])
        parts = {key: old_value(*(_child(tree, key) for tree in (base, live, result))) for key in keys}
        return {key: part for key, part in parts.items() if part is not MISSING}
    named = [_by_name(tree) for tree in (base, live, result)]
    if isinstance(base, list) and all(tree is not None for tree in named):
        keys = dict.fromkeys([*(named[0] or ()), *(named[2] or ())])
        items = [old_value(*((tree or {}).get(key, MISSING) for tree in named)) for key in keys]
        return [item for item in items if item is not MISSING]
    return live


def _mergeable(*trees: Any) -> bool:
    return all(tree is MISSING or isinstance(tree, Mapping) for tree in trees)


def _keys(tree: Any) -> Iterable[str]:
    return tree if isinstance(tree, Mapping) else ()


def _child(tree: Any, key: str) -> Any:
    return tree.get(key, MISSING) if isinstance(tree, Mapping) else MISSING


def _by_name(tree: Any) -> dict[str, Any] | None:
    """Return the items of a list by name; None when they have none of their own."""
    if not isinstance(tree, list) or not all(isinstance(item, Mapping) for item in tree):
        return None
    found = {item["name"]: item for item in tree if isinstance(item.get("name"), str)}
    return found if len(found) == len(tree) else None


def _values(side: Side | None, names: Collection[str]) -> dict[ObjectReference, Value]:
    """Read the documents of a render that may be one of these objects; reading all of a large one takes seconds."""
    if side is None or not side.build.usable:
        return {}
    text = side.build.text
    if len(names) <= _FEW:
        text = "\n---\n".join(part for part in _DOCUMENT.split(text) if any(name in part for name in names))
    try:
        found = load_objects(text)
    except UnreadableRenderError:
        return {}  # The comparison says so.
    return {reference: rendered.value for reference, rendered in found.items()}


def _with_successors(found: list[Touched]) -> Iterator[Touched]:
    made = {
        (item.of, item.reference.namespace, stem)
        for item in found
        if item.operation is Operation.CREATE and (stem := _stem(item.reference.name))
    }
    for item in found:
        stem = _stem(item.reference.name)
        follows = item.operation is Operation.DELETE and (item.of, item.reference.namespace, stem) in made
        yield replace(item, has_successor=True) if follows else item


def _stem(name: str) -> str:
    found = _GENERATED.fullmatch(name)
    return found["stem"] if found else ""
