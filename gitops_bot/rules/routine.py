"""Shapes that reviewers see every week: only images and charts, in a version that is not lower.

The word says what the change looks like, and nothing of what the new version does: it is no
verdict, and nothing may be decided by it.
"""

import re
from collections.abc import Iterable

from gitops_bot.models.changes import ContentChange, FieldChange, Operation, ResourceChange
from gitops_bot.models.kustomizations import ObjectReference
from gitops_bot.models.reports import ClusterReport, KustomizationReport, RowState, Severity, Verdict
from gitops_bot.rules.images import parse_image
from gitops_bot.rules.origins import ORIGINS_BY_WEIGHT
from gitops_bot.rules.verdict import has_effect
from gitops_bot.rules.versions import compare_versions

_IMAGE = re.compile(r"(?:.+\.)?(?:containers|initContainers|ephemeralContainers)\.[^.]+\.image")
_CHART_VERSION = "spec.chart.spec.version"
# A version, and not a range of them.
_EXACT = re.compile(r"v?\d+(?:\.\d+)*(?:[-+][0-9A-Za-z.+-]+)?", re.ASCII)
# Pull request and undone: what the merge brings.
_OWN = frozenset(ORIGINS_BY_WEIGHT[:2])


def is_routine(clusters: Iterable[ClusterReport]) -> bool:
    """Whether a report shows nothing but new versions of images and charts. Never for one with anything else to say."""
    clusters = tuple(clusters)
    rows = [row for cluster in clusters for row in cluster.rows if not _quiet(row)]
    settled = all(cluster.verdict in {Verdict.CHANGES, Verdict.NO_EFFECT} for cluster in clusters)
    followed = not any(left_out.at_once for cluster in clusters for left_out in cluster.left_out)
    silent = not any(finding.severity is not Severity.INFO for cluster in clusters for finding in cluster.findings)
    return settled and followed and silent and bool(rows) and all(map(is_routine_row, rows))


def is_routine_row(row: KustomizationReport) -> bool:
    """Whether one Kustomization gets nothing but new versions of images and charts."""
    loud = any(finding.severity is not Severity.INFO or finding.incomplete for finding in row.findings)
    if row.state is not RowState.CHANGED or loud or row.hidden or row.sealed:
        return False
    changes = [change for change in row.changes if has_effect(change) or change.operation is Operation.SKIP]
    charts = {source for one in row.contents for side in (one.before, one.after) if side and (source := side.source)}
    return (
        bool(changes or row.contents)
        and all(_routine_change(change, charts) for change in changes)
        and all(map(_routine_content, row.contents))
    )


def _quiet(row: KustomizationReport) -> bool:
    """Whether a row has nothing of the pull request in it, and nothing to say."""
    return (
        row.state in {RowState.CHANGED, RowState.UNCHANGED}
        and not (row.findings or row.hidden or row.unseen)
        and not any(has_effect(change) or change.operation is Operation.SKIP for change in row.changes)
    )


def _routine_change(change: ResourceChange, charts: Iterable[ObjectReference]) -> bool:
    own = [field for field in change.fields if field.origin in _OWN]
    if change.operation is not Operation.CHANGE or not own:
        return False
    return all(_routine_field(change.object, field, charts) for field in own)


def _routine_field(reference: ObjectReference, field: FieldChange, charts: Iterable[ObjectReference]) -> bool:
    if _IMAGE.fullmatch(field.path):
        old, new = parse_image(field.before), parse_image(field.after)
        if old is None or new is None or old.source != new.source or new.floating:
            return False
        return compare_versions(old.tag, new.tag) != -1
    version = field.path == _CHART_VERSION and reference.kind == "HelmRelease"
    tag = field.path == "spec.ref.tag" and any(
        (chart.kind, chart.namespace, chart.name) == (reference.kind, reference.namespace, reference.name)
        for chart in charts
    )
    return (version or tag) and _not_lower(field.before, field.after)


def _routine_content(content: ContentChange) -> bool:
    before, after = content.before, content.after
    if before is None or after is None or content.notes:
        return False
    same_chart = (before.chart, before.source, before.url) == (after.chart, after.source, after.url)
    only_version = all(what == _CHART_VERSION or what.endswith(": spec.ref") for what in content.what)
    return same_chart and only_version and _not_lower(before.version, after.version)


def _not_lower(old: str, new: str) -> bool:
    exact = _EXACT.fullmatch(old) and _EXACT.fullmatch(new)
    return bool(exact) and compare_versions(old, new) in {0, 1}
