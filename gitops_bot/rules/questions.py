"""What a model may be asked about a report: whether there is anything to ask, and about which Kustomizations."""

from collections.abc import Mapping

from gitops_bot.models.opinions import Asking
from gitops_bot.models.reports import KustomizationReport, Report, RowState, Verdict
from gitops_bot.rules.opinions import has_something_to_review

_FAILED = {Verdict.BLOCKED, Verdict.INCOMPLETE}
_FAILED_ROWS = {RowState.FAILING, RowState.NOT_ANALYSED}
_NOTHING: Mapping[Asking, str] = {
    Asking.REVIEW: "There is nothing to review",
    Asking.AUDIT: "There is nothing to audit",
    Asking.DIAGNOSE: "There is nothing to diagnose",
    Asking.GATE: "There is nothing to judge",
}


def has_failure(report: Report) -> bool:
    """Whether something of it was refused, or could not be looked at. Of a held pull request nothing is known."""
    if report.verdict is Verdict.HELD or report.pull_request.state != "open":
        return False
    return any(cluster.verdict in _FAILED for cluster in report.clusters)


def failed(row: KustomizationReport) -> bool:
    """Whether a Kustomization is among what failed."""
    return row.state in _FAILED_ROWS or any(one.blocks or one.incomplete for one in row.findings)


def is_about(row: KustomizationReport, name: str) -> bool:
    """Whether a person means this Kustomization: ``name``, ``namespace/name`` or ``cluster/namespace/name``."""
    return name in {row.id.name, str(row.id), f"{row.id.cluster}/{row.id}"}


def why_not_asked(report: Report, asking: Asking, about: str = "") -> str:
    """Say why nothing is sent about a report, as a sentence; "" when it may be.

    ``about``: the one Kustomization that a person asks about; "" for all of them.
    """
    name = f"{report.pull_request.repository}#{report.pull_request.number}"
    nothing = _NOTHING[asking]
    if report.verdict is Verdict.HELD:
        return f"{nothing}: {name} is held, so nothing of it was rendered, and nothing is sent."
    if report.pull_request.state != "open":
        return f"{nothing}: {name} is not open."
    if about and not any(is_about(row, about) for cluster in report.clusters for row in cluster.rows):
        rows = [f"{row.id.cluster}/{row.id}" for cluster in report.clusters for row in cluster.rows]
        return f"The report on {name} has no Kustomization {about}; it has: {', '.join(sorted(rows)) or 'none'}."
    if asking is Asking.DIAGNOSE and not (about or has_failure(report)):
        return f"{nothing}: everything of {name} was looked at, and would be accepted."
    if not (asking is Asking.DIAGNOSE or has_something_to_review(report)):
        return f"{nothing}: {name} changes nothing here."
    return ""
