"""What is written as flux would print it is read back as the change that was meant."""

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gitops_bot.models.kustomizations import ObjectReference
from gitops_bot.rules.changes import parse_diff
from gitops_bot.rules.fields import MISSING, ORDER, Shape, expand, same
from gitops_bot.rules.objects import RenderedObject
from gitops_bot.rules.written_diff import written_diff

WEB = ObjectReference("Widget", "apps", "web", "acme.example")
TEXTS = st.sampled_from(["", "x", "a b", "1", "true", "8081", "* 2 * * *", "http://x:80/y", "a: b", "{}", "|", "é"])
SCALARS = st.one_of(TEXTS, st.integers(-5, 5), st.booleans(), st.sampled_from(["one\ntwo\n", "one\nthree"]))
KEYS = st.sampled_from(["a", "b", "image", "dotted.key/x", "replicas"])
ITEMS = st.lists(SCALARS, max_size=3)
NAMED = st.lists(st.sampled_from(["web", "side"]), unique=True, max_size=2).flatmap(
    lambda names: st.tuples(
        *(
            st.dictionaries(KEYS, SCALARS, max_size=2).map(lambda rest, name=name: {"name": name, **rest})
            for name in names
        )
    ).map(list)
)
VALUES = st.recursive(
    st.one_of(SCALARS, ITEMS, NAMED), lambda inner: st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=4)


def rendered(spec: object) -> RenderedObject:
    return RenderedObject(WEB, {"kind": "Widget", "metadata": {"name": "web"}, "spec": spec})


@settings(max_examples=200, deadline=None)
@given(OBJECTS, OBJECTS)
def test_every_field_that_differs_is_read_back_and_no_other(
    before: dict[str, object], after: dict[str, object]
) -> None:
    old, new = rendered(before), rendered(after)
    text = written_diff({WEB: old}, {WEB: new})
    if same(old.value, new.value):
        assert text == ""
        return
    parsed = parse_diff(text)
    assert parsed.unknown_lines == ()
    (found,) = parsed.objects
    shape = Shape.of(old.value, new.value)
    expansion = expand(found.entries, shape)
    leaves = {path for value in (old.value, new.value) for path, _ in shape.leaves(value, ())}
    leaves |= {(*path, ORDER) for path in shape.keyed if shape.keyed[path]}
    for path in leaves:
        one, other = shape.value(old.value, path), shape.value(new.value, path)
        if path[-1:] == (ORDER,) and MISSING in (one, other):
            continue
        assert (expansion.about(path) is not None) is not same(one, other), (path, text)


def test_what_comes_and_goes_is_named() -> None:
    assert written_diff({}, {WEB: rendered({})}) == "► Widget/apps/web created\n"
    assert written_diff({WEB: rendered({})}, {}) == "► Widget/apps/web deleted\n"


def test_another_order_is_a_change() -> None:
    one, other = {"name": "web"}, {"name": "side"}
    old, new = rendered({"containers": [one, other]}), rendered({"containers": [other, one]})
    text = written_diff({WEB: old}, {WEB: new})
    assert text == "► Widget/apps/web drifted\n\nspec.containers\n⇆ order changed\n- web, side\n+ side, web\n\n"
    shape = Shape.of(old.value, new.value)
    assert [*expand(parse_diff(text).objects[0].entries, shape).fields] == [("spec", "containers", ORDER)]


def test_it_looks_as_flux_prints_it() -> None:
    old = yaml.safe_load("{replicas: 2, containers: [{name: web, image: 'web:1'}], args: [a, b], gone: {x: 1}}")
    new = yaml.safe_load("{replicas: two, containers: [{name: web, image: 'web:2'}, {name: side}], args: [b, c]}")
    assert written_diff({WEB: rendered(old)}, {WEB: rendered(new)}) == (
        "► Widget/apps/web drifted\n"
        "\nspec\n- one map entry removed:\ngone:\n  x: 1\n"
        "\nspec.replicas\n± type change from int to string\n- 2\n+ two\n"
        "\nspec.containers\n+ one list entry added:\n  - name: side\n"
        "\nspec.containers.web.image\n± value change\n- web:1\n+ web:2\n"
        "\nspec.args\n- one list entry removed:\n- a\n"
        "\nspec.args\n+ one list entry added:\n  - c\n"
        "\n"
    )
    assert Shape.of(old).value(old, ("gone", "y")) is MISSING
