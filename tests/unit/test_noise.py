"""What people switch off is left out and counted; what destroys, and what is wrong, is not."""

from dataclasses import replace

import dyff_text
import pytest
import sample_reports as samples
from flux_texts import config_map, kustomization, side
from hypothesis import given
from hypothesis import strategies as st

from gitops_bot.models.changes import FieldChange, Operation, Origin, ResourceChange
from gitops_bot.models.kustomizations import ObjectReference
from gitops_bot.models.reports import Finding, Hidden, KustomizationReport, Severity, Verdict
from gitops_bot.rules.compare import ComparisonInputs, kustomization_report
from gitops_bot.rules.fields import Shape
from gitops_bot.rules.noise import FieldRule, NoisePolicy, without_noise
from gitops_bot.rules.verdict import cluster_verdict

WEB = ObjectReference("ConfigMap", "apps", "web")
POD = {
    "spec": {
        "replicas": 2,
        "containers": [{"name": "web", "image": "a"}, {"name": "proxy", "image": "b"}],
        "args": ["one", "two"],
    }
}


def names(row: KustomizationReport) -> list[str]:
    return [f"{change.operation} {change.object.kind}/{change.object.name}" for change in row.changes]


@pytest.mark.parametrize(
    ("pointer", "path", "covered"),
    [
        ("/spec/replicas", ("spec", "replicas"), True),
        ("/spec", ("spec", "replicas"), True),
        ("/spec/replica", ("spec", "replicas"), False),
        ("/spec/replicas/more", ("spec", "replicas"), False),
        ("/metadata/annotations/example", ("metadata", "annotations", "example.com/rev"), False),
        ("/metadata/annotations/example.com~1rev", ("metadata", "annotations", "example.com/rev"), True),
        ("/data/a~0b", ("data", "a~b"), True),
        ("/spec/containers/web/image", ("spec", "containers", "web", "image"), True),
        ("/spec/containers/0/image", ("spec", "containers", "web", "image"), True),
        ("/spec/containers/1/image", ("spec", "containers", "web", "image"), False),
        ("/spec/containers/2/image", ("spec", "containers", "web", "image"), False),
        ("/spec/containers/*/image", ("spec", "containers", "proxy", "image"), True),
        ("/spec/args/0", ("spec", "args"), False),
    ],
)
def test_a_pointer_covers_a_field_and_what_lies_below(pointer: str, path: tuple[str, ...], covered: bool) -> None:  # noqa: FBT001
    assert FieldRule((pointer,)).covers(WEB, path, Shape.of(POD)) is covered


def test_a_rule_is_about_the_objects_that_all_its_patterns_fit() -> None:
    def covers(**patterns: str) -> bool:
        return FieldRule(("/data",), **patterns).covers(WEB, ("data", "a"), Shape.of({"data": {"a": "1"}}))

    assert covers(kind="Config*", namespace="app?", name="web")
    assert not covers(kind="Secret")
    assert not covers(kind="configmap")
    assert not covers(namespace="other-*")
    assert not covers(name="web-2")


def compared(*rules: FieldRule) -> KustomizationReport:
    """A ConfigMap: the pull request changes two values, a third was changed by hand."""
    added = dyff_text.added_entries("map", ["one: 1", "two: 2"], 2)
    drift = dyff_text.Block("± value change", ("x",), ("y",))
    before = [dyff_text.difference("data.hand", [drift])]
    after = [*before, dyff_text.difference("data", [added])]
    base = side(config_map("web", {"hand": "y"}), dyff_text.diffed_object(str(WEB), before))
    result = side(config_map("web", {"hand": "y", "one": "1", "two": "2"}), dyff_text.diffed_object(str(WEB), after))
    policy = NoisePolicy(fields=rules)
    row = kustomization_report(ComparisonInputs(kustomization(("ConfigMap/web",)), base, result, noise=policy))
    return without_noise([row], policy)[0]


def test_nothing_is_hidden_by_default() -> None:
    (change,) = compared().changes
    assert [(entry.path, entry.origin) for entry in change.fields] == [
        ("data", Origin.PULL_REQUEST),
        ("data.hand", Origin.DRIFT),
    ]
    assert compared().hidden == ()


def test_one_of_two_fields_that_flux_prints_together_is_hidden() -> None:
    row = compared(FieldRule(("/data/two",)))
    (change,) = row.changes
    assert [(entry.path, entry.after) for entry in change.fields] == [("data.one", "1"), ("data.hand", "y")]
    assert row.hidden == (Hidden("noise.fields[0]", fields=1),)
    assert not any(entry.hidden_by for entry in change.fields)


def test_what_is_left_has_the_origin_of_what_is_left() -> None:
    row = compared(FieldRule(("/other",)), FieldRule(("/data/one", "/data/two")))
    (change,) = row.changes
    assert change.origin is Origin.DRIFT
    # Flux printed the two as one entry, and all of it is hidden.
    assert row.hidden == (Hidden("noise.fields[1]", fields=1),)


def test_an_object_of_which_nothing_is_left_goes() -> None:
    row = compared(FieldRule(("/data",)))
    assert row.changes == ()
    assert row.hidden == (Hidden("noise.fields[0]", fields=2),)


def shop() -> KustomizationReport:
    destroyed = samples.deleted("Service", "gone")
    recreated = ResourceChange(ObjectReference("Job", "apps", "j"), Operation.RECREATE, Origin.PULL_REQUEST)
    row = samples.shop_row()
    return replace(row, changes=(*row.changes, destroyed, recreated))


def test_kinds_are_hidden_but_not_what_goes() -> None:
    (row,) = without_noise([shop()], NoisePolicy(kinds=("Service", "Job", "Config*")))
    assert names(row) == [
        "change Deployment/web",
        "create PodDisruptionBudget/web",
        "delete Service/gone",
        "recreate Job/j",
    ]
    assert row.hidden == (Hidden("noise.kinds[0]", objects=1), Hidden("noise.kinds[2]", objects=1))


@pytest.mark.parametrize("pattern", ["flux-system/shop", "*/shop", "production/flux-system/*"])
def test_a_kustomization_is_hidden_but_not_what_goes_and_not_its_findings(pattern: str) -> None:
    finding = Finding("risk", Severity.WARNING, "look out")
    row = replace(shop(), findings=(finding,))
    (quiet,) = without_noise([row], NoisePolicy(kustomizations=("flux-system/other", pattern)))
    assert names(quiet) == ["delete Service/gone", "recreate Job/j"]
    assert quiet.findings == (finding,)
    assert quiet.hidden == (Hidden("noise.kustomizations[1]", objects=4),)


@pytest.mark.parametrize(("below", "shown"), [(0, 1), (1, 1), (2, 0)])
def test_little_drift_is_hidden(below: int, shown: int) -> None:
    (row,) = without_noise([samples.shop_row()], NoisePolicy(hide_drift_below=below))
    assert sum(change.origin is Origin.DRIFT for change in row.changes) == shown
    assert sum(hidden.objects for hidden in row.hidden) == 1 - shown
    # Drift in an object that the pull request changes too stays where it is.
    assert any(entry.origin is Origin.DRIFT for entry in row.changes[0].fields)


operations, origins = st.sampled_from(Operation), st.sampled_from(Origin)
fields = st.builds(
    FieldChange, st.just("spec.a"), st.just("± value change"), st.just("1"), st.just("2"), origins,
    st.sampled_from(["", "noise.fields[0]"]),
)  # fmt: skip
changes = st.builds(ResourceChange, st.just(WEB), operations, origins, st.lists(fields, max_size=3).map(tuple))


@given(st.lists(changes, max_size=8))
def test_nothing_is_lost_and_nothing_that_destroys_is_hidden(found: list[ResourceChange]) -> None:
    row = samples.row("any", *found)
    policy = NoisePolicy(kinds=("*",), kustomizations=("*",), hide_drift_below=100)
    (quiet,) = without_noise([row], policy)
    destructive = [change for change in found if change.operation in {Operation.DELETE, Operation.RECREATE}]
    assert [change.operation for change in quiet.changes] == [change.operation for change in destructive]
    assert sum(hidden.objects for hidden in quiet.hidden) == len(found) - len(destructive)
    marked = [change for change in found if any(entry.hidden_by for entry in change.fields)]
    (some,) = without_noise([row], NoisePolicy())
    assert sum(hidden.fields for hidden in some.hidden) == sum(
        bool(entry.hidden_by) for change in marked for entry in change.fields
    )


def test_the_verdict_is_of_everything() -> None:
    policy = NoisePolicy(fields=(FieldRule(("/data/one", "/data/two")),))
    quiet = compared(*policy.fields)
    # Only drift is left, which alone would be no effect: that is why the verdict comes first.
    assert cluster_verdict([quiet]) is Verdict.NO_EFFECT
