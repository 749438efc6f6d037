"""Compares what a report said with what the merge then did to the objects."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gitops_bot.models.changes import FieldChange, Operation, Origin, ResourceChange
from gitops_bot.models.kustomizations import KustomizationId, ObjectReference
from gitops_bot.models.reports import KustomizationReport, RowState
from gitops_bot.rules.fields import ORDER, Shape, same
from gitops_bot.rules.neat import parse_neat

Objects = Mapping[ObjectReference, Mapping[str, Any]]

_SETTLED = {Origin.ADOPTED, Origin.WITHDRAWN}
_BOOKKEEPING = {"generation", "resourceVersion", "uid", "creationTimestamp", "managedFields"}


def unexplained(report: KustomizationReport, before: Objects, after: Objects) -> list[str]:
    """Return every difference between the report and the outcome, in words."""
    told = {change.object: change for change in report.changes}
    return [
        problem
        for reference in {*before, *after, *told}
        for problem in _problems(report, told.get(reference), reference, before.get(reference), after.get(reference))
    ]


def problems_of(rows: Iterable[KustomizationReport], before: Objects, after: Objects) -> list[str]:
    """Return every difference between the rows of several Kustomizations and the outcome, in words.

    An object of which two rows speak moves between them, and may come through or be made anew.
    """
    told: dict[ObjectReference, list[tuple[KustomizationReport, ResourceChange]]] = {}
    for row in rows:
        for change in row.changes:
            told.setdefault(change.object, []).append((row, change))
    found = []
    for reference in {*before, *after, *told}:
        about = told.get(reference, [])
        one, other = before.get(reference), after.get(reference)
        if len(about) > 1:
            found += [f"{reference}: it was to move, and is gone"] if other is None else []
        elif about:
            unsure = any("may stay" in note for note in about[0][1].notes)
            if not (unsure and one is not None and other is not None):
                found += _problems(*about[0], reference, one, other)
        else:
            found += _problems(_NOBODY, None, reference, one, other)
    return found


_NOBODY = KustomizationReport(KustomizationId("", "", ""), "", RowState.CHANGED)


def _problems(
    report: KustomizationReport,
    change: ResourceChange | None,
    reference: ObjectReference,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
) -> Iterator[str]:
    expected = change.operation if change and change.origin not in _SETTLED else None
    early = {finding.object for finding in report.findings if finding.code == "half-applied"}
    if report.state is RowState.FAILING and reference not in early:
        # What is refused leaves everything as it was, but for the namespaces and definitions before it.
        expected = None
    if before is None and after is None:
        happened = None
    elif before is None:
        happened = Operation.CREATE
    elif after is None:
        happened = Operation.DELETE
    elif before["metadata"]["uid"] != after["metadata"]["uid"]:
        happened = Operation.RECREATE
    else:
        yield from _field_problems(change if expected or not change else None, reference, before, after)
        return
    if happened is not expected and not (happened is None and expected is Operation.SKIP):
        yield f"{reference}: {expected} was told, {happened} happened"


def _field_problems(
    change: ResourceChange | None, reference: ObjectReference, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[str]:
    fields = [item for item in change.fields if item.origin not in _SETTLED] if change else []
    told = {path for item in fields for path in _paths(item)}
    shape = Shape.of(_cleaned(before), _cleaned(after))
    really = set()
    paths = {path for tree in shape.trees for path, _ in shape.leaves(tree, ())}
    for path in paths | {(*path, ORDER) for path in shape.keyed}:
        if not same(shape.value(shape.trees[0], path), shape.value(shape.trees[1], path)):
            really.add(".".join(path).removesuffix(f".{ORDER}"))
    for path in really:
        # A list without names is one field, in which flux may still point at a place.
        if not any(path == known or path.startswith(f"{known}.") or known.startswith(f"{path}.") for known in told):
            yield f"{reference}: {path} changed, which was not told"
    for known in told:
        if not any(path == known or path.startswith(f"{known}.") or known.startswith(f"{path}.") for path in really):
            yield f"{reference}: {known} was told to change, and did not"


def _paths(field: FieldChange) -> Iterator[str]:
    """The places that a told change is about; a block of added or removed entries names several."""
    block = field.headline.endswith(("added:", "removed:"))
    value = parse_neat(field.after or field.before) if block else None
    prefix = f"{field.path}." if field.path else ""
    if isinstance(value, dict):
        yield from (f"{prefix}{key}" for key in value)
    elif isinstance(value, list) and all(isinstance(item, dict) and "name" in item for item in value):
        yield from (f"{prefix}{item['name']}" for item in value)
    else:
        yield field.path


def _cleaned(value: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {key: inner for key, inner in value["metadata"].items() if key not in _BOOKKEEPING}
    return {**{key: inner for key, inner in value.items() if key != "status"}, "metadata": metadata}


def described(report: KustomizationReport) -> str:
    """Write a report as the table of scenes does."""
    lines = [] if report.state is RowState.CHANGED else [f"[{report.state}]"]
    for change in report.changes:
        lines.append(f"{change.operation} {_name(change.object)} ({change.origin})")
        lines += [_field(field) for field in change.fields]
    for finding in (finding for finding in report.findings if not finding.risk):
        words = ["!", finding.code, _name(finding.object) if finding.object else ""]
        words += ["blocks"] if finding.blocks else []
        words += ["incomplete"] if finding.incomplete else []
        lines.append(" ".join(word for word in words if word))
    return "\n".join(lines)


def _name(reference: ObjectReference) -> str:
    return f"{reference.kind}/{reference.name}"


def _field(field: FieldChange) -> str:
    before, after = (text.replace("\n", "\\n") for text in (field.before, field.after))
    return f"  {field.origin} {field.path}: {before} -> {after}".replace(":  ->", ": ->").rstrip()
