"""The whole report as plain text, a diff that Slack and editors colour: nothing is left out of it."""

from gitops_bot.models.reports import ClusterReport, KustomizationReport, Report
from gitops_bot.rules.cleaning import clean_line
from gitops_bot.views.lines import EVERYTHING, Line, Mark, finding_lines, foreign_changes, object_lines, own_changes
from gitops_bot.views.summary import headline, remarks, sign, tally
from gitops_bot.views.text import short_commit
from gitops_bot.views.words import ROW_STATES


def plain_report(report: Report) -> str:
    """Write everything that the report knows but when: two looks that saw the same give the same text."""
    pull = report.pull_request
    counts = tally(report.clusters)
    lines = [
        f"# {pull.repository}#{pull.number} {clean_line(pull.title)}",
        f"# by {clean_line(pull.author)}",
        f"# {short_commit(pull.head_sha)} onto {clean_line(pull.base_ref)} {short_commit(report.base_tip)}",
        f"# {sign(report.verdict, counts)} {headline(report.verdict, counts)}",
    ]
    lines += [f"# {said}" for said in remarks(counts)]
    for cluster in report.clusters:
        lines += _cluster(cluster)
    return "\n".join(lines) + "\n"


def _cluster(cluster: ClusterReport) -> list[str]:
    counts = tally([cluster])
    said = f"{sign(cluster.verdict, counts)} {headline(cluster.verdict, counts)}"
    lines = ["", f"# == Cluster {cluster.cluster}: {said}"]
    for finding in cluster.findings:
        lines += _commented(finding_lines(finding))
    for row in cluster.rows:
        lines += _row(row)
    return lines


def _row(row: KustomizationReport) -> list[str]:
    label = ROW_STATES[row.state]
    lines = ["", f"# -- Kustomization {clean_line(str(row.id))} ({clean_line(row.path)}): {label}"]
    if row.reason:
        lines.append(f"#    looked at because: {clean_line(row.reason)}")
    lines += [f"#    {clean_line(note)}" for note in row.notes]
    for finding in row.findings:
        lines += _commented(finding_lines(finding))
    for change in [*own_changes(row), *foreign_changes(row)]:
        lines += ["", *(_plain(line) for line in object_lines(change, EVERYTHING))]
    return lines


def _commented(lines: list[str]) -> list[str]:
    return [f"#    {line}" for line in lines]


def _plain(line: Line) -> str:
    # "#" begins a comment for whoever colours diffs only at the start of a line.
    return f"# {line.text}" if line.mark is Mark.NOTE else str(line)
