"""Rows and findings to a verdict: the one word that a reviewer reads first.

*blocked* outweighs *incomplete*, which outweighs *changes*. Adopted and withdrawn rows, drift and
what waits on the base branch are shown, but the merge is not what makes them happen.
"""

from collections.abc import Iterable

from gitops_bot.models.changes import Operation, Origin, ResourceChange
from gitops_bot.models.reports import Finding, KustomizationReport, RowState, Verdict

_EFFECTIVE = {Origin.PULL_REQUEST, Origin.UNDONE}
_UNSEEN = {RowState.REMOTE, RowState.NOT_ANALYSED}


def cluster_verdict(rows: Iterable[KustomizationReport], findings: Iterable[Finding] = ()) -> Verdict:
    """Return the verdict of one cluster: its rows, and what was found about it as a whole. Never ``held``."""
    rows = tuple(rows)
    told = [*findings, *(finding for row in rows for finding in row.findings)]
    if any(finding.blocks for finding in told) or any(row.state is RowState.FAILING for row in rows):
        return Verdict.BLOCKED
    if any(finding.incomplete for finding in told) or any(row.state in _UNSEEN for row in rows):
        return Verdict.INCOMPLETE
    if any(has_effect(change) for row in rows for change in row.changes):
        return Verdict.CHANGES
    # An encrypted file, or a chart: something changes, though nobody can see what.
    if any(row.unseen or row.state in {RowState.NEW, RowState.REMOVED} for row in rows):
        return Verdict.CHANGES
    return Verdict.NO_EFFECT


def has_effect(change: ResourceChange) -> bool:
    """Whether the merge is what makes this happen."""
    return change.operation is not Operation.SKIP and bool(
        {change.origin, *(item.origin for item in change.fields)} & _EFFECTIVE
    )
