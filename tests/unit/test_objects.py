"""Renders as objects: whatever a value is called, and however deep it is nested."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gitops_bot.rules.objects import UnreadableRenderError, load_objects
from gitops_bot.rules.yaml_nodes import UnreadableTextError, compose


def _value_of(text: str) -> object:
    (found,) = load_objects(f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata:\n  x: {text}\n").values()
    return found.value["data"]["x"]


@pytest.mark.parametrize("word", ["false-positive", "Trueblue", "truefalse", "=", "yes", "on", "2024-01-01", "1.2.3"])
def test_a_text_that_begins_like_something_else_is_a_text(word: str) -> None:
    assert _value_of(word) == word


@pytest.mark.parametrize(("word", "value"), [("true", True), ("FALSE", False), ("3", 3), ("~", None), ('"3"', "3")])
def test_what_is_no_text_is_none(word: str, value: object) -> None:
    assert _value_of(word) == value


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=40), max_size=4))
def test_every_text_comes_back(data: dict[str, str]) -> None:
    document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data}
    (found,) = load_objects(yaml.safe_dump(document)).values()
    assert found.value["data"] == data


@pytest.mark.parametrize("nested", ["[" * 30_000 + "]" * 30_000, "- " * 50_000 + "x", "{a: " * 30_000])
def test_nesting_that_would_overflow_the_stack_is_refused(nested: str) -> None:
    text = f"apiVersion: v1\nkind: Secret\nmetadata: {{name: a}}\nspec:\n  {nested}\n"
    with pytest.raises(UnreadableRenderError, match="nested deeper"):
        load_objects(text)
    with pytest.raises(UnreadableTextError, match="nested deeper"):
        compose(text)


@pytest.mark.parametrize("text", ["a: [b", "- 1\n", "kind: X\nmetadata: 3\n", "just text"])
def test_what_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(UnreadableRenderError):
        load_objects(text)
