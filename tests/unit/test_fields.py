"""Paths through renders, blocks as values."""

from contextlib import suppress

import pytest
from dyff_text import added_entries, removed_entries
from hypothesis import given
from hypothesis import strategies as st

from gitops_bot.models.changes import DiffEntry
from gitops_bot.rules import fields
from gitops_bot.rules.fields import MISSING, ORDER, Shape, expand, same
from gitops_bot.rules.neat import NotNeatError, parse_neat

DEPLOYMENT = {
    "metadata": {"annotations": {"example.com/a.b": "x"}},
    "spec": {
        "containers": [
            {"name": "app", "image": "web:1", "args": ["--a", "--b"], "env": [{"name": "LOG.LEVEL", "value": "1"}]},
            {"name": "app.side", "image": "log:1"},
        ]
    },
}


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", ()),
        ("spec.containers.app.image", ("spec", "containers", "app", "image")),
        ("spec.containers.app.side.image", ("spec", "containers", "app.side", "image")),
        ("spec.containers.app.env.LOG.LEVEL.value", ("spec", "containers", "app", "env", "LOG.LEVEL", "value")),
        ("spec.containers.app.args.0", ("spec", "containers", "app", "args")),
        ("metadata.annotations.example.com/a.b", ("metadata", "annotations", "example.com/a.b")),
        ("metadata.annotations.other.com/c", ("metadata", "annotations", "other.com/c")),
        ("metadata.labels.a.b/c", ("metadata", "labels", "a.b/c")),
        ("spec.strategy.type", ("spec", "strategy", "type")),
    ],
)
def test_a_dotted_path_is_followed_through_the_render(text: str, path: tuple[str, ...]) -> None:
    assert Shape.of(DEPLOYMENT).resolve(text) == path


keys = st.text("ab.", max_size=4)
values = st.recursive(
    st.just("x"),
    lambda inner: (
        st.dictionaries(keys | st.integers(1, 3), inner, min_size=1, max_size=3)
        | st.dictionaries(keys, inner, min_size=1, max_size=3).map(
            lambda items: [{"name": k, "v": items[k]} for k in items]
        )
    ),
    max_leaves=8,
)


@given(st.dictionaries(keys, values, min_size=1, max_size=3), st.text("ab.1", max_size=8))
def test_looking_for_what_a_path_begins_with_finds_what_looking_at_every_key_does(
    tree: dict[str, object], text: str
) -> None:
    """Keys may hold dots, be empty, or be numbers."""
    shape = Shape.of(tree)
    for wanted in (text, *(".".join(path) for path, _ in shape.leaves(tree, ()))):
        found = shape.resolve(wanted)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(fields, "_MOST_DOTS", -1)
            assert shape.resolve(wanted) == found


def test_a_key_of_very_many_dots_is_found_too() -> None:
    long = "a." * 300
    assert Shape.of({long: {"x": 1}}).resolve(f"{long}.x") == (long, "x")


def test_values_of_fields() -> None:
    shape = Shape.of(DEPLOYMENT)
    assert shape.value(DEPLOYMENT, ("spec", "containers", "app", "args")) == ["--a", "--b"]
    assert shape.value(DEPLOYMENT, ("spec", "containers", "nobody", "image")) is MISSING
    assert shape.value(None, ("spec",)) is MISSING
    leaves = dict(shape.leaves(DEPLOYMENT, ()))
    assert leaves["spec", "containers", "app.side", "image"] == "log:1"
    assert leaves["spec", "containers", "app", "args"] == ["--a", "--b"]


def test_a_list_that_has_names_in_one_render_only_is_one_field() -> None:
    shape = Shape.of({"ports": [{"name": "a", "port": 1}]}, {"ports": [{"port": 1}, {"port": 2}]})
    assert shape.resolve("ports.a.port") == ("ports",)


def test_what_differs() -> None:
    shape = Shape.of({"l": [{"name": "a"}, {"name": "b"}]}, {"l": [{"name": "b"}, {"name": "c"}, {"name": "a"}]})
    one, other = (shape.value(tree, ("l", ORDER)) for tree in shape.trees)
    assert not same(one, other)
    assert same(one, shape.value({"l": [{"name": "a"}, {"name": "x"}, {"name": "b"}]}, ("l", ORDER)))
    assert not same(1, True)  # noqa: FBT003 # the values themselves are the point
    assert same({"a": 1, "b": 2}, {"b": 2, "a": 1})
    assert not same(MISSING, None)


def entry(
    path: str, *, removed: tuple[str, ...] = (), added: tuple[str, ...] = (), number: int, kind: str
) -> DiffEntry:
    block = added_entries(kind, added, number) if added else removed_entries(kind, removed, number)
    return DiffEntry(path, block.headline, "\n".join(removed), "\n".join(added), ())


def test_an_item_that_is_removed_and_added_differs_in_some_fields_only() -> None:
    """dyff looks at a list without names when live has items that lack them."""
    shape = Shape.of({"env": [{"name": "A", "value": "1"}]})
    found = expand(
        [
            entry("env", removed=("- name: A", "  value: 1"), number=1, kind="list"),
            entry("env", added=("- name: A", "  value: 2"), number=1, kind="list"),
        ],
        shape,
    )
    assert {path: (part.before, part.after) for path, part in found.fields.items()} == {
        ("env", "A", "value"): ("1", "2")
    }


@pytest.mark.parametrize("number", [1, 3])
def test_a_block_whose_count_does_not_fit_is_not_believed(number: int) -> None:
    found = expand([entry("data", added=("a: 1", "b: 2"), number=number, kind="map")], Shape.of({"data": {"x": "y"}}))
    assert len(found.unread) == 1
    assert found.about(("data", "anything")) is not None


def test_blocks_as_values() -> None:
    text = 'a: |\n  one\n\n  two\nb:\n- x\n- name: y\n  z: {}\nc:\n  d: "q: r"\ne: \nf: []\ng: |\nh: not: quoted'
    assert parse_neat(text) == {
        "a": "one\n\ntwo",
        "b": ["x", {"name": "y", "z": {}}],
        "c": {"d": "q: r"},
        "e": "",
        "f": [],
        "g": "|",
        "h": "not: quoted",
    }
    assert parse_neat('- "a: b"\n- |\n  c\n- - d\n  - e') == ["a: b", "c", ["d", "e"]]


@pytest.mark.parametrize("text", ["", "no key", "a: 1\na: 2", "a: 1\n      b: 2", "- x\ny"])
def test_what_dyff_would_not_print(text: str) -> None:
    with pytest.raises(NotNeatError):
        parse_neat(text)


def test_a_block_that_is_nested_without_end() -> None:
    with pytest.raises(NotNeatError):
        parse_neat("\n".join("  " * depth + "a:" for depth in range(5000)))


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(NotNeatError):
        assert isinstance(parse_neat(text), dict | list)
