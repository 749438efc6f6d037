"""What an object was before, seen with the eyes of the pull request; and which objects it touches."""

from typing import Any

import pytest
from flux_texts import config_map, kustomization, rendered, side
from hypothesis import given
from hypothesis import strategies as st

from gitops_bot.models.changes import FieldChange, Operation, Origin, ResourceChange
from gitops_bot.models.kustomizations import ObjectReference
from gitops_bot.models.reports import KustomizationReport, RowState
from gitops_bot.rules.compare import ComparisonInputs, Side
from gitops_bot.rules.fields import MISSING
from gitops_bot.rules.touched import old_value, touched_objects

APP, CAR = {"name": "app", "image": "web:1"}, {"name": "car", "image": "car:1"}


@pytest.mark.parametrize(
    ("base", "live", "result", "expected"),
    [
        # The pull request's: as it lives.
        ({"a": 1}, {"a": 1}, {"a": 2}, {"a": 1}),
        # Changed by hand, too: the merge overwrites what lives.
        ({"a": 1}, {"a": 5}, {"a": 2}, {"a": 5}),
        # The cluster has it already.
        ({"a": 1}, {"a": 2}, {"a": 2}, {"a": 2}),
        # Drift is not the pull request's.
        ({"a": 1, "b": 1}, {"a": 9, "b": 1}, {"a": 1, "b": 2}, {"a": 1, "b": 1}),
        # Defaults of the API server, which nobody states, are nobody's change.
        ({}, {"a": 1, "b": {"c": 1}}, {}, {}),
        # The default of what is stated now was there before.
        ({}, {"a": 1}, {"a": 0}, {"a": 1}),
        ({"a": 1}, {}, {"a": 0}, {}),
        ({"a": 1}, {"a": 1}, {}, {"a": 1}),
        ({"a": {"b": 1, "c": 1}}, {"a": {"b": 1, "c": 7, "d": 1}}, {"a": {"b": 2, "c": 1}}, {"a": {"b": 1, "c": 1}}),
        # Lists by name.
        ([APP], [APP], [APP, CAR], [APP]),
        ([APP, CAR], [CAR, APP], [APP], [APP, CAR]),
        ([APP], [{**APP, "image": "web:9"}], [{**APP, "image": "web:2"}], [{**APP, "image": "web:9"}]),
        ([1], [1, 2], [3], [1, 2]),
        ([APP], [APP, "odd"], [], [APP, "odd"]),
        ({"a": 1}, "odd", {"a": 2}, "odd"),
        ("odd", {"a": 1}, {"a": 2}, {"a": 1}),
        # Nothing before: what lives is taken over.
        (MISSING, {"a": 1, "z": 1}, {"a": 2}, {"a": 1}),
        (MISSING, MISSING, {"a": 2}, MISSING),
    ],
)
def test_what_was_before(base: Any, live: Any, result: Any, expected: Any) -> None:
    assert old_value(base, live, result) == expected


def test_without_the_cluster_the_base_counts() -> None:
    assert old_value({"a": 1}, MISSING, {"a": 2}, known=False) == {"a": 1}


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.just(MISSING),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "a", "b"]), inner, max_size=3),
    max_leaves=8,
)


@given(values, values, values)
def test_any_values_can_be_put_together(base: Any, live: Any, result: Any) -> None:
    old_value(base, live, result)
    assert old_value(base, result, result) == result or base == result
    assert old_value(result, live, result) is result


def reference(name: str, kind: str = "ConfigMap") -> ObjectReference:
    return ObjectReference(kind, "apps", name)


def change(
    name: str, operation: Operation, origin: Origin = Origin.PULL_REQUEST, kind: str = "ConfigMap"
) -> ResourceChange:
    fields = (FieldChange("data.a", "± value change", "1", "2", origin),) if operation is Operation.CHANGE else ()
    return ResourceChange(reference(name, kind), operation, origin, fields)


def found(*changes: ResourceChange, base: Side | None, result: Side | None, **more: Any) -> dict[str, tuple[Any, Any]]:
    inputs = ComparisonInputs(kustomization(), base, result, **more)
    row = KustomizationReport(inputs.kustomization.id, "apps", RowState.CHANGED, changes=changes)
    return {item.reference.name: (item.old.get("data"), item.new.get("data")) for item in touched_objects(inputs, row)}


def test_only_what_the_pull_request_does_is_looked_at() -> None:
    text = "".join(config_map(name, {"a": "1"}) for name in ("own", "drift", "undone", "gone"))
    after = "".join(config_map(name, {"a": "2"}) for name in ("own", "drift", "undone", "new"))
    assert found(
        change("own", Operation.CHANGE),
        change("drift", Operation.CHANGE, Origin.DRIFT),
        change("undone", Operation.CHANGE, Origin.UNDONE),
        change("gone", Operation.DELETE),
        change("new", Operation.CREATE),
        change("skipped", Operation.SKIP),
        base=side(text),
        result=side(after),
        live_objects={reference("undone"): {"kind": "ConfigMap", "data": {"a": "9"}}},
    ) == {
        "own": ({"a": "1"}, {"a": "2"}),
        "undone": ({"a": "9"}, {"a": "2"}),
        "gone": ({"a": "1"}, None),
        "new": (None, {"a": "2"}),
    }


def test_a_removed_kustomization_has_no_result() -> None:
    assert found(change("gone", Operation.DELETE), base=None, result=None) == {"gone": (None, None)}


def test_a_live_object_of_which_only_the_head_is_told_decides_nothing() -> None:
    head = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "own", "labels": {"x": "y"}}}
    assert found(
        change("own", Operation.CHANGE),
        base=side(config_map("own", {"a": "1"})),
        result=side(config_map("own", {"a": "2"})),
        live_objects={reference("own"): head},
    ) == {"own": ({"a": "1"}, {"a": "2"})}


def test_many_objects_and_few_are_read_alike() -> None:
    names = [f"object-{number}" for number in range(60)]
    text, after = ("".join(config_map(name, {"a": value}) for name in names) for value in "12")
    for some in (names, names[:3]):
        changes = [change(name, Operation.CHANGE) for name in some]
        assert found(*changes, base=side(text), result=side(after)) == dict.fromkeys(some, ({"a": "1"}, {"a": "2"}))


def test_a_render_that_cannot_be_read_gives_nothing() -> None:
    broken = Side(rendered("{web: ["), None)
    assert found(change("web", Operation.CHANGE), base=broken, result=broken) == {}


def test_a_generated_object_has_a_successor() -> None:
    inputs = ComparisonInputs(kustomization(), side(""), side(config_map("web-7fg2m9t4hk") + config_map("x")))
    changes = (
        change("web-8g96d4h2bc", Operation.DELETE),
        change("other-8g96d4h2bc", Operation.DELETE),
        change("web-7fg2m9t4hk", Operation.CREATE),
        change("x", Operation.DELETE),
    )
    row = KustomizationReport(inputs.kustomization.id, "apps", RowState.CHANGED, changes=changes)
    assert [(item.reference.name, item.has_successor) for item in touched_objects(inputs, row)] == [
        ("web-8g96d4h2bc", True),
        ("other-8g96d4h2bc", False),
        ("web-7fg2m9t4hk", False),
        ("x", False),
    ]
