"""Fields that Flux takes away although no diff shows it.

Before it applies an object, kustomize-controller takes over the fields of managers whose name
begins with ``kubectl`` (changes made by hand); what the render does not state is gone after the
apply. ``flux diff`` leaves this step out. Other managers, and sub-resources (``kubectl scale``),
are left alone.

Source: https://github.com/fluxcd/kustomize-controller/blob/v1.9.5/internal/controller/kustomization_controller.go
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from gitops_bot.rules.fields import MISSING, Entry, Path, Shape
from gitops_bot.rules.objects import marked
from gitops_bot.rules.origins import View

_OWN = "kustomize-controller"


def losses(live: Mapping[str, Any], shape: Shape) -> dict[Path, Entry]:
    """Return the fields of a live object that the next apply takes away from whoever does not state them."""
    if marked(live, "ssa", "merge") or any(marked(tree, "ssa", "merge") for tree in shape.trees):
        return {}
    found = {}
    for path in _lost_paths(live, shape):
        value = shape.value(live, path)
        if value is not MISSING:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
            found[path] = Entry("- removed", text, "", None)
    return found


def with_losses(view: View, lost: Mapping[Path, Entry], shape: Shape) -> View:
    """Complete what flux diff says of an object by what it leaves out."""
    if view.value is None:
        return view
    more = {
        path: entry
        for path, entry in lost.items()
        if shape.value(view.value, path) is MISSING and view.expansion.about(path) is None
    }
    return replace(view, expansion=replace(view.expansion, fields={**view.expansion.fields, **more})) if more else view


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
