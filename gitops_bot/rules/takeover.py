"""Fields that Flux takes away although no diff shows it.

Before it applies an object, kustomize-controller takes over the fields of managers whose name
begins with ``kubectl`` (changes made by hand); what the render does not state is gone after the
apply. ``flux diff`` leaves this step out. Other managers, and sub-resources (``kubectl scale``),
are left alone.

Source: https://github.com/fluxcd/kustomize-controller/blob/v1.9.5/internal/controller/kustomization_controller.go
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from gitops_bot.models.changes import FieldChange, Origin
from gitops_bot.rules.fields import MISSING, Path, Shape, same
from gitops_bot.rules.objects import marked
from gitops_bot.rules.origins import View, is_noise

_OWN = "kustomize-controller"


def taken_away(live: Mapping[str, Any], base: View, result: View, shape: Shape) -> Iterator[FieldChange]:
    """Go through the fields that are lost, or saved by the result, without an entry in its diff."""
    if result.value is None or any(marked(value, "ssa", "merge") for value in (live, result.value)):
        return
    for path in _lost_paths(live, shape):
        value = shape.value(live, path)
        b, r = shape.value(base.value, path), shape.value(result.value, path)
        if value is MISSING or is_noise(path, shape) or result.expansion.about(path):
            continue
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        if r is MISSING:
            yield FieldChange(".".join(path), "- removed", text, "", _origin_of_loss(base, path, b))
        elif b is MISSING and base.value is not None and same(r, value):
            yield FieldChange(".".join(path), "= the cluster has it already", text, text, Origin.ADOPTED)


def _origin_of_loss(base: View, path: Path, b: Any) -> Origin:
    if b is MISSING:
        return Origin.DRIFT
    # Live is as the base wants it, and the result drops it: the pull request's own doing.
    return Origin.UNDONE if base.expansion.about(path) else Origin.PULL_REQUEST


def _lost_paths(live: Mapping[str, Any], shape: Shape) -> Iterator[Path]:
    metadata = live.get("metadata")
    entries = metadata.get("managedFields") if isinstance(metadata, dict) else None
    taken: dict[Path, None] = {}
    kept: set[Path] = set()
    for entry in entries if isinstance(entries, list) else ():
        if not isinstance(entry, dict):
            continue
        paths = _paths(entry.get("fieldsV1"), live, (), shape)
        if _is_taken(entry):
            taken |= dict.fromkeys(paths)
        elif entry.get("manager") != _OWN:
            kept |= set(paths)
    yield from (path for path in taken if not any(other[: len(path)] == path for other in kept))


def _is_taken(entry: Mapping[str, Any]) -> bool:
    manager, operation = str(entry.get("manager") or ""), entry.get("operation")
    if entry.get("subresource"):
        return False
    return manager.startswith("kubectl") or (manager.startswith(("before-first-apply", _OWN)) and operation == "Update")


def _paths(fields: Any, node: Any, path: Path, shape: Shape) -> Iterator[Path]:
    """Turn ``managedFields`` into the paths of fields, with the live object to name the items of lists.

    Format: https://github.com/kubernetes-sigs/structured-merge-diff (fieldpath, serialized)
    """
    inner = {key: value for key, value in fields.items() if key != "."} if isinstance(fields, dict) else {}
    if not inner:
        yield path
        return
    if isinstance(node, list) and not shape.keyed.get(path):
        # A list without names is one field; where a render states it, single items cannot be told apart.
        if not shape.states(path):
            yield path
        return
    for key, value in inner.items():
        if key.startswith("f:") and isinstance(node, dict):
            yield from _paths(value, node.get(key[2:]), (*path, key[2:]), shape)
        elif key.startswith("k:") and isinstance(node, list):
            item = _item(node, key[2:])
            name = item.get(shape.keyed[path]) if item else None
            at = (*path, str(name))
            if name is not None and not shape.states(at):
                yield at
            elif name is not None:
                yield from _paths(value, item, at, shape)


def _item(items: list[Any], key: str) -> Mapping[str, Any] | None:
    try:
        wanted = json.loads(key)
    except ValueError:
        return None
    if not isinstance(wanted, dict):
        return None
    matches = (
        item
        for item in items
        if isinstance(item, dict) and all(item.get(name) == value for name, value in wanted.items())
    )
    return next(matches, None)
