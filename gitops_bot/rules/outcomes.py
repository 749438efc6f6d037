"""Did the objects end as the report said?

After Flux has applied a commit, ``flux diff`` of that very commit says what is not as the commit
states it. What the report predicted has come true when that diff has no entry for it, and when what
was to be deleted is in the inventory no more. Differences that the report did not speak of (drift,
a later commit's) are none of its business.
"""

from collections.abc import Iterable, Mapping

from gitops_bot.models.changes import DiffedObject, Operation, Origin, ParsedDiff, ResourceChange
from gitops_bot.models.kustomizations import Kustomization, ObjectReference
from gitops_bot.models.outcomes import Difference
from gitops_bot.models.reports import KustomizationReport, RowState
from gitops_bot.rules.consequences import substitutes_from
from gitops_bot.telemetry import without_tokens

# What the merge itself brings: only that is a prediction of the report's.
_OWN = frozenset({Origin.PULL_REQUEST, Origin.UNDONE})
# Flux counts there, nobody else; https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta/
_NOT_CONTENT = "metadata.generation"
_MOST_PATHS = 3
_MOST_CHARACTERS = 1_500


def predicted(row: KustomizationReport) -> tuple[ResourceChange, ...]:
    """Give the changes of a row that a merge was said to bring at once."""
    if row.state in {RowState.SUSPENDED, RowState.REMOTE, RowState.NOT_ANALYSED, RowState.FAILING}:
        return ()
    return tuple(
        change
        for change in row.changes
        if change.operation is not Operation.SKIP
        and (change.origin in _OWN or any(entry.origin in _OWN for entry in change.fields))
    )


def is_followed(row: KustomizationReport) -> bool:
    """Whether a merge is expected to move a Kustomization: also one that was said to fail, or was not looked at."""
    return bool(predicted(row)) or row.state in {RowState.FAILING, RowState.NOT_ANALYSED}


def differences(
    changes: Iterable[ResourceChange], diff: ParsedDiff, inventory: Iterable[ObjectReference]
) -> tuple[Difference, ...]:
    """Say what did not end as predicted. ``diff`` is of the commit that was applied, ``inventory`` what it left."""
    left = {_bare(reference): reference for reference in inventory}
    now = {_bare(found.subject): found for found in diff.objects}
    found = []
    for change in changes:
        words = _difference(change, now, left)
        if words:
            found.append(Difference(change.object, words))
    return tuple(found)


def shown_message(kustomization: Kustomization) -> str:
    """Give Flux's own words on a failure, as far as they may be shown.

    The API server's errors echo values; where values come out of Secrets nobody could tell them apart.
    """
    if any(kind == "Secret" for kind, _ in substitutes_from(kustomization.spec)):
        return "Its words are not shown, because this Kustomization substitutes values of Secrets."
    return without_tokens(kustomization.ready_message)[:_MOST_CHARACTERS]


def _difference(
    change: ResourceChange,
    now: Mapping[ObjectReference, DiffedObject],
    left: Mapping[ObjectReference, ObjectReference],
) -> str:
    key = _bare(change.object)
    live = now.get(key)
    if change.operation is Operation.DELETE:
        return "is still there" if key in left else ""
    if live is None:
        return ""
    if live.state == "skipped":
        return "was left alone by Flux"
    if live.state == "created":
        return "is not there"
    paths = [entry.path for entry in live.entries if entry.path != _NOT_CONTENT]
    if change.operation is Operation.CHANGE:
        said = [entry.path for entry in change.fields if entry.origin in _OWN]
        paths = [path for path in paths if any(_overlap(path, one) for one in said)]
    if not paths:
        return ""
    more = f" and {len(paths) - _MOST_PATHS} more" if len(paths) > _MOST_PATHS else ""
    return f"is not as the commit states it in {', '.join(paths[:_MOST_PATHS])}{more}"


def _overlap(one: str, other: str) -> bool:
    """Whether a field is the other, or lies in it."""
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.") or not one or not other


def _bare(reference: ObjectReference) -> ObjectReference:
    """Give a reference without its group: flux does not print it."""
    return ObjectReference(reference.kind, reference.namespace, reference.name)
