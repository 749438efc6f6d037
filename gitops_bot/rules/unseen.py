"""What changes without being seen, put into the rows that are concerned."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from gitops_bot.models.changes import ContentChange, SealedChange
from gitops_bot.models.kustomizations import Kustomization, KustomizationId
from gitops_bot.models.reports import KustomizationReport, RowState


@dataclass(frozen=True)
class Unseen:
    """Charts and encrypted files that change, by the Kustomization that they are told of."""

    contents: Mapping[KustomizationId, tuple[ContentChange, ...]] = field(default_factory=dict)
    sealed: Mapping[KustomizationId, tuple[SealedChange, ...]] = field(default_factory=dict)


def with_unseen(
    rows: Iterable[KustomizationReport], unseen: Unseen, known: Iterable[Kustomization]
) -> tuple[KustomizationReport, ...]:
    """Add what rows do not show; a row that shows nothing else is no longer called unchanged.

    A Kustomization (one of ``known``) that has no row gets one.
    """
    told = {row.id: row for row in rows}
    paths = {one.id: one.path for one in known}
    for id_ in sorted(unseen.contents.keys() - told.keys()):
        because = "a chart that a HelmRelease of it takes changes"
        told[id_] = KustomizationReport(id_, paths.get(id_, ""), RowState.UNCHANGED, because)
    return tuple(_with(row, unseen.contents.get(id_, ()), unseen.sealed.get(id_, ())) for id_, row in told.items())


def _with(
    row: KustomizationReport, contents: tuple[ContentChange, ...], sealed: tuple[SealedChange, ...]
) -> KustomizationReport:
    if not contents and not sealed:
        return row
    state = RowState.CHANGED if row.state is RowState.UNCHANGED else row.state
    return replace(row, state=state, contents=contents, sealed=sealed)
