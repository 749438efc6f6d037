"""What counts as routine: only images and charts, in a version that is not lower; and nothing else."""

from dataclasses import replace
from typing import Any

import pytest
import sample_reports as samples

from gitops_bot.models.changes import ContentChange, ContentVersion, Operation, Origin, ResourceChange, SealedChange
from gitops_bot.models.kustomizations import KustomizationId, ObjectReference
from gitops_bot.models.reports import (
    ClusterReport,
    Finding,
    Hidden,
    KustomizationReport,
    LeftOut,
    RowState,
    Severity,
    Verdict,
)
from gitops_bot.rules.routine import is_routine, is_routine_row

IMAGE = "spec.template.spec.containers.web.image"
VERSION = "spec.chart.spec.version"


def image(old: str, new: str, path: str = IMAGE, origin: Origin = Origin.PULL_REQUEST) -> ResourceChange:
    return samples.changed("Deployment", "web", samples.field_change(path, old, new, origin), origin=origin)


def chart(old: str, new: str, kind: str = "HelmRelease", path: str = VERSION) -> ResourceChange:
    return samples.changed(kind, "web", samples.field_change(path, old, new))


@pytest.mark.parametrize(
    ("change", "routine"),
    [
        (image("web:1.8", "web:1.9"), True),
        (image("web:1.8@sha256:" + "a" * 64, "web:1.8@sha256:" + "b" * 64), True),
        (image("web:main-0a1b", "web:main-ff00"), True),
        (image("web:1", "web:2", "spec.jobTemplate.spec.template.spec.initContainers.setup.image"), True),
        (chart("1.2.3", "1.3.0"), True),
        # Undone: somebody changed it by hand, and the merge brings what was asked for.
        (image("web:1", "web:2", origin=Origin.UNDONE), True),
        # Lower, unnamed, or from elsewhere.
        (image("web:1.9", "web:1.8"), False),
        (image("web:1.9", "web:latest"), False),
        (image("web:1.9", "other:2.0"), False),
        (image("web:1.9", "evil.example/web:2.0"), False),
        (image("web:1.9", "${IMAGE}"), False),
        (chart("1.3.0", "1.2.3"), False),
        (chart(">=1.0.0", ">=2.0.0"), False),
        (chart("1.0.0", "*"), False),
        # Not an image or a chart.
        (image("web:1", "web:2", "metadata.annotations.image"), False),
        (image("web:1", "web:2", "data.containers.image"), False),
        (image("3", "4", "spec.replicas"), False),
        (chart("1.0.0", "1.1.0", kind="ConfigMap"), False),
        (chart("1.0.0", "1.1.0", kind="OCIRepository", path="spec.ref.tag"), False),
        (samples.created("Deployment", "web", "kind: Deployment"), False),
        (samples.deleted("Deployment", "web"), False),
        (replace(image("web:1", "web:2"), operation=Operation.RECREATE), False),
        (ResourceChange(ObjectReference("Deployment", "apps", "web"), Operation.SKIP, Origin.PULL_REQUEST), False),
        (samples.changed("Deployment", "web"), False),
    ],
)
def test_one_change(change: ResourceChange, routine: bool) -> None:  # noqa: FBT001 # the table reads better so
    assert is_routine_row(samples.row("shop", change)) is routine


def test_one_other_field_is_enough() -> None:
    both = samples.changed(
        "Deployment",
        "web",
        samples.field_change(IMAGE, "web:1", "web:2"),
        samples.field_change("spec.replicas", "1", "2"),
    )
    assert not is_routine_row(samples.row("shop", both))
    drifted = samples.changed(
        "Deployment",
        "web",
        samples.field_change(IMAGE, "web:1", "web:2"),
        samples.field_change("spec.replicas", "1", "2", Origin.DRIFT),
    )
    assert is_routine_row(samples.row("shop", drifted))


GOOD = samples.row("shop", image("web:1", "web:2"))


@pytest.mark.parametrize(
    "more",
    [
        {"state": RowState.SUSPENDED},
        {"state": RowState.NEW},
        {"state": RowState.FAILING},
        {"findings": (Finding("any", Severity.WARNING, "…"),)},
        {"findings": (Finding("any", Severity.INFO, "…", incomplete=True),)},
        {"hidden": (Hidden("noise.kinds[0]", objects=1),)},
        {"sealed": (SealedChange("secret.yaml"),)},
        {"changes": ()},
    ],
)
def test_a_row_with_anything_else_to_say_is_not_routine(more: dict[str, Any]) -> None:
    assert is_routine_row(GOOD)
    assert not is_routine_row(replace(GOOD, **more))


SOURCE = ObjectReference("OCIRepository", "apps", "web")


def content(old: str, new: str, what: str = VERSION, **after: Any) -> ContentChange:
    before = ContentVersion("web", old, SOURCE, "oci://a.example/web")
    return ContentChange(
        ObjectReference("HelmRelease", "apps", "web"), (what,), before, replace(before, version=new, **after)
    )


@pytest.mark.parametrize(
    ("change", "routine"),
    [
        (content("1.0.0", "1.1.0"), True),
        (content("1.0.0", "1.1.0", "OCIRepository/apps/web: spec.ref"), True),
        (content("1.1.0", "1.0.0"), False),
        (content("1.0.0", "1.1.0", "spec.values"), False),
        (content("1.0.0", "1.1.0", url="oci://b.example/web"), False),
        (content("1.0.0", "1.1.0", chart="other"), False),
        (replace(content("1.0.0", "1.1.0"), before=None), False),
        (replace(content("1.0.0", "1.1.0"), notes=("suspended",)), False),
    ],
)
def test_a_chart_that_is_not_rendered(change: ContentChange, routine: bool) -> None:  # noqa: FBT001 # the same
    source = chart("1.0.0", "1.1.0", kind="OCIRepository", path="spec.ref.tag")
    assert is_routine_row(samples.row("shop", source, contents=(change,))) is routine


def cluster(*rows: KustomizationReport, verdict: Verdict = Verdict.CHANGES, **more: Any) -> ClusterReport:
    return replace(ClusterReport("production", verdict, rows), **more)


UNCHANGED = samples.row("docs", state=RowState.UNCHANGED)
DRIFT = samples.row("drift", image("web:1", "web:2", origin=Origin.DRIFT))


@pytest.mark.parametrize(
    ("clusters", "routine"),
    [
        ([cluster(GOOD)], True),
        ([cluster(GOOD, UNCHANGED, DRIFT)], True),
        ([cluster(GOOD), cluster(GOOD, verdict=Verdict.NO_EFFECT)], True),
        ([cluster(UNCHANGED)], False),
        ([cluster(DRIFT)], False),
        ([], False),
        ([cluster(GOOD, samples.shop_row())], False),
        ([cluster(GOOD), cluster(verdict=Verdict.INCOMPLETE)], False),
        ([cluster(GOOD, verdict=Verdict.BLOCKED)], False),
        ([cluster(GOOD, verdict=Verdict.HELD)], False),
        ([cluster(GOOD, findings=(Finding("prunes-many", Severity.WARNING, "…", risk=True),))], False),
        ([cluster(GOOD, left_out=(LeftOut(KustomizationId("production", "a", "b"), "…"),))], False),
        ([cluster(GOOD, samples.row("new", state=RowState.NEW))], False),
        ([cluster(GOOD, samples.row("remote", state=RowState.REMOTE))], False),
    ],
)
def test_a_report(clusters: list[ClusterReport], routine: bool) -> None:  # noqa: FBT001 # the same
    assert is_routine(clusters) is routine
