"""One object in a terminal, on its own: before and after, where each difference comes from, what is wrong with it."""

from collections.abc import Iterator

from rich.console import Group as Renderables
from rich.console import RenderableType
from rich.text import Text

from gitops_bot.models.changes import ResourceChange
from gitops_bot.models.reports import KustomizationReport, Report
from gitops_bot.rules.cleaning import clean_line
from gitops_bot.views.lines import unified_lines
from gitops_bot.views.terminal import coloured, finding_text

Found = tuple[KustomizationReport, ResourceChange]


def objects_named(report: Report, name: str) -> tuple[Found, ...]:
    """Find the objects that a person means by ``Kind/namespace/name``: one for each place; capitals do not matter."""
    return tuple(
        (row, change) for row, change in _changes(report) if str(change.object).casefold() == name.strip().casefold()
    )


def names_of_objects(report: Report, most: int = 20) -> tuple[str, ...]:
    """Name objects of a report, to choose from."""
    return tuple(clean_line(name) for name in sorted({str(change.object) for _, change in _changes(report)})[:most])


def object_report(found: tuple[Found, ...]) -> RenderableType:
    """Give the unified view of each."""
    parts: list[RenderableType] = []
    for row, change in found:
        parts += [Text("")] if parts else []
        parts.append(Text(f"{row.id.cluster}  {clean_line(str(row.id))}", style="bold underline"))
        parts += [finding_text(finding) for finding in row.findings if _is_about(change, finding.object)]
        parts.append(coloured(unified_lines(change)))
    return Renderables(*parts)


def _is_about(change: ResourceChange, reference: object) -> bool:
    return reference is not None and str(reference) == str(change.object)


def _changes(report: Report) -> Iterator[Found]:
    for cluster in report.clusters:
        for row in cluster.rows:
            for change in row.changes:
                yield row, change
