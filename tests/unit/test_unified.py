"""The unified view of one object: the live one, and what becomes of it."""

from collections.abc import Mapping
from typing import Any

import dyff_text
import yaml
from flux_texts import kustomization, side
from hypothesis import given, settings
from hypothesis import strategies as st

from gitops_bot.models.kustomizations import ObjectReference
from gitops_bot.rules.compare import ComparisonInputs, kustomization_report
from gitops_bot.rules.fields import Entry, Shape
from gitops_bot.rules.origins import Found, Origin, View
from gitops_bot.rules.unified import merged, unified_view

WEB = ObjectReference("Deployment", "apps", "web", "apps")


def deployment(**spec: Any) -> dict[str, Any]:
    metadata = {"name": "web", "namespace": "apps"}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def found(path: tuple[str, ...], origin: Origin = Origin.PULL_REQUEST, after: str = "") -> Found:
    return Found(path, Entry("± value change", "", after, None), origin)


def view(live: Mapping[str, Any], result: Mapping[str, Any], *fields: Found) -> list[str]:
    return unified_view(live, fields, View(result), Shape.of(live, result)).splitlines()


def test_it_shows_what_lives_and_what_becomes_of_it() -> None:
    live = deployment(replicas=2, paused=False, template={"containers": [{"name": "web", "image": "a:1"}]})
    live["metadata"] |= {"uid": "1", "resourceVersion": "2", "generation": 3, "managedFields": [{"manager": "x"}]}
    live["status"] = {"replicas": 2}
    result = deployment(replicas=3, template={"containers": [{"name": "web", "image": "a:2"}]})
    assert view(
        live, result, found(("spec", "replicas")), found(("spec", "template", "containers", "web", "image"))
    ) == [
        "@@ -4,9 +4,9 @@",
        "   name: web",
        "   namespace: apps",
        " spec:",
        "-  replicas: 2",
        "+  replicas: 3",
        "   paused: false",
        "   template:",
        "     containers:",
        "     - name: web",
        "-      image: a:1",
        "+      image: a:2",
    ]


def test_drift_that_goes_along_is_in_it_and_what_stays_is_not() -> None:
    live, result = deployment(a=1, b=1, c=1), deployment(a=2, b=2, c=2)
    lines = view(
        live, result, found(("spec", "a")), found(("spec", "b"), Origin.DRIFT), found(("spec", "c"), Origin.ADOPTED)
    )
    assert [line for line in lines if line[0] in "+-"] == ["-  a: 1", "-  b: 1", "+  a: 2", "+  b: 2"]


def test_items_come_and_go_whole() -> None:
    live = deployment(containers=[{"name": "old", "image": "o"}, {"name": "web", "image": "w"}])
    result = deployment(containers=[{"name": "web", "image": "w"}, {"name": "new", "image": "n"}])
    lines = view(
        live,
        result,
        found(("spec", "containers", "old", "name")),
        found(("spec", "containers", "old", "image")),
        found(("spec", "containers", "new", "name")),
        found(("spec", "containers", "new", "image")),
    )
    changed = [line for line in lines if line[0] in "+-"]
    assert changed == ["-  - name: old", "-    image: o", "+  - name: new", "+    image: n"]


def test_a_field_that_only_the_api_server_knows() -> None:
    live, result = deployment(type="NodePort", port=30000), deployment(type="ClusterIP")
    lines = view(live, result, found(("spec", "type")), found(("spec", "port")))
    assert [line for line in lines if line[0] in "+-"] == ["-  type: NodePort", "-  port: 30000", "+  type: ClusterIP"]


def test_order_is_shown_as_order() -> None:
    live = deployment(env=[{"name": "a"}, {"name": "b"}])
    result = deployment(env=[{"name": "b"}, {"name": "a"}])
    lines = view(live, result, found(("spec", "env", "⇆")))
    assert [line for line in lines if line[0] in "+-"] == ["+  - name: b", "-  - name: b"]


def test_nothing_is_told_that_is_not_known() -> None:
    result = deployment(a=2)
    assert view({}, result, found(("spec", "a"))) == []
    assert view({"kind": "Secret", "data": {"a": "x"}}, result, found(("spec", "a"))) == []
    # A list without names where the render has one with names.
    assert view(deployment(a=[1]), deployment(a=[{"name": "x", "v": 1}]), found(("spec", "a", "x", "v"))) == []


def test_it_is_bounded() -> None:
    live = deployment(**{f"key{number}": "x" * 50 for number in range(1_000)})
    result = deployment(**{f"key{number}": "y" * 50 for number in range(1_000)})
    lines = view(live, result, *(found(("spec", f"key{number}")) for number in range(1_000)))
    assert len("\n".join(lines)) < 6_100
    assert lines[-1].startswith("@@ … 1,9")
    too_long = deployment(**{f"key{number}": "x" for number in range(2_000)})
    assert view(too_long, result, found(("spec", "key1"))) == []


names = st.sampled_from(["a", "b", "c"])
scalars = st.one_of(st.integers(0, 3), st.text("xyz\n:-", max_size=4), st.none())
items = st.dictionaries(names, scalars, max_size=3)
lists = st.lists(names, max_size=3, unique=True).flatmap(
    lambda chosen: st.tuples(*(items.map(lambda item, name=name: {"name": name, **item}) for name in chosen)).map(list)
)
trees = st.dictionaries(names, st.one_of(scalars, items, lists), max_size=3)


@settings(max_examples=200, deadline=None)
@given(trees, trees)
def test_any_difference_leads_from_one_to_the_other(before: dict[str, Any], after: dict[str, Any]) -> None:
    """With all leaves that differ made so, the object states what the result states, and nothing else."""
    live, result = deployment(**before), deployment(**after)
    shape = Shape.of(live, result)
    leaves = {path for tree in (live, result) for path, _ in shape.leaves(tree, ())}
    fields = [found(path) for path in sorted(leaves) if shape.value(live, path) != shape.value(result, path)]
    made = merged(live, fields, View(result), shape)
    alike = [type(before.get(name)) is type(after.get(name)) for name in {*before, *after} if before.get(name)]
    if made is None:
        assert not all(alike)
        return
    again = Shape.of(live, result, made)
    for path, value in again.leaves(result, ()):
        assert again.value(made, path) == value
    kept = {path for path, _ in again.leaves(made, ())} - {path for path, _ in again.leaves(result, ())}
    # What is empty says nothing.
    assert all(again.value(made, path) in ({}, []) for path in kept)


def test_the_report_has_it() -> None:
    block = dyff_text.Block("± value change", ("2",), ("3",))
    diff = dyff_text.diffed_object("Deployment/apps/web", [dyff_text.difference("spec.replicas", [block])])
    live, base, result = deployment(replicas=2, other="x"), deployment(replicas=2), deployment(replicas=3)
    report = kustomization_report(
        ComparisonInputs(
            kustomization(("Deployment/web",)),
            side("---\n" + yaml.safe_dump(base)),
            side("---\n" + yaml.safe_dump(result), diff),
            live_objects={WEB: live},
        )
    )
    (change,) = report.changes
    assert [line for line in change.unified.splitlines() if line[0] in "+-"] == ["-  replicas: 2", "+  replicas: 3"]
    assert "   other: x" in change.unified
