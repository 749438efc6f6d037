"""What changes without being seen, put into the rows that are concerned."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from gitops_bot.models.changes import ContentChange, SealedChange
from gitops_bot.models.kustomizations import KustomizationId
from gitops_bot.models.reports import KustomizationReport, RowState


def with_unseen(
    row: KustomizationReport, contents: tuple[ContentChange, ...] = (), sealed: tuple[SealedChange, ...] = ()
) -> KustomizationReport:
    """Add what a row does not show; a row that shows nothing else is no longer called unchanged."""
    if not contents and not sealed:
        return row
    state = RowState.CHANGED if row.state is RowState.UNCHANGED else row.state
    return replace(row, state=state, contents=row.contents + contents, sealed=row.sealed + sealed)


def with_contents(
    rows: Iterable[KustomizationReport],
    contents: Mapping[KustomizationId, tuple[ContentChange, ...]],
    paths: Mapping[KustomizationId, str],
) -> tuple[KustomizationReport, ...]:
    """Put contents into their rows; a Kustomization without one gets one (``paths``: by its id)."""
    rows = tuple(rows)
    known = {row.id for row in rows}
    told = [with_unseen(row, contents.get(row.id, ())) for row in rows]
    more = [
        KustomizationReport(id_, paths.get(id_, ""), RowState.CHANGED, "what a HelmRelease of it is made of changes")
        for id_ in sorted(contents.keys() - known)
    ]
    return (*told, *(with_unseen(row, contents[row.id]) for row in more))
