"""Escaping, fences and cuts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from sample_reports import LOOKED_AT

from gitops_bot.views import text as view
from gitops_bot.views.words import as_of, join, plural, progress


@given(st.text(), st.integers(1, 80))
def test_a_prefix_is_a_prefix_and_fits(text: str, limit: int) -> None:
    kept = view.prefix(text, limit)
    assert text.startswith(kept)
    assert view.size(kept) <= limit
    assert view.size(view.shorten(text, limit)) <= limit


@pytest.mark.parametrize(
    ("text", "limit", "kept"),
    [
        ("e\u0301x", 1, ""),
        ("ae\u0301x", 2, "a"),
        ("ae\u0301x", 3, "ae\u0301"),
        ("👍🏽!", 2, ""),
        ("👍🏽!", 4, "👍🏽"),
        ("a👍", 2, "a"),
        ("abc", 3, "abc"),
    ],
)
def test_no_sign_is_cut_in_two(text: str, limit: int, kept: str) -> None:
    assert view.prefix(text, limit) == kept


def test_a_short_line_says_what_is_missing() -> None:
    cut = view.shorten_line("x" * 1_234, 100)
    assert cut == "x" * 70 + "… (1,164 more characters)"
    assert view.shorten_line("short\nline", 100) == r"short\nline"


@given(st.lists(st.sampled_from(["```", "`", "~~~", "\n", " ", "a", "</details>", "- "])).map("".join))
def test_nothing_ends_a_fence(text: str) -> None:
    tokens = MarkdownIt("commonmark").parse(f"before\n\n{view.fence(text, 'diff')}\n\nafter")
    assert [token.type for token in tokens if token.type != "inline"] == [
        "paragraph_open", "paragraph_close", "fence", "paragraph_open", "paragraph_close",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["apps/web", "renovate[bot]", "v1.2.3", "a", "feature/x_y"])
def test_names_of_the_field_are_inert(name: str) -> None:
    assert view.code_span(name) == f"`{name}`"


@pytest.mark.parametrize(
    "name",
    ["", "a b", "a`b", "@team", "<!here>", "a\n", "-x", "https://evil", "a|b", "é", "a" * 300, "a[bot]x", "x\u200b"],
)
def test_anything_else_is_not(name: str) -> None:
    assert view.code_span(name, "?") == "?"


@pytest.mark.parametrize(
    ("address", "linked"),
    [
        ("https://github.com/a/b/pull/1?x=1&y=2", "<https://github.com/a/b/pull/1?x=1&amp;y=2|a&amp;b>"),
        ("javascript:alert(1)", "a&amp;b"),
        ("https://evil|x", "a&amp;b"),
        ("https://evil>x", "a&amp;b"),
        ("https://[broken", "a&amp;b"),
        ("https:///x", "a&amp;b"),
        ("https://exämple", "a&amp;b"),
        ("", "a&amp;b"),
    ],
)
def test_only_a_plain_address_becomes_a_link(address: str, linked: str) -> None:
    assert view.slack_link(address, "a&b") == linked


def test_small_words() -> None:
    assert view.short_commit("1a2b3c4d5e") == "1a2b3c4"
    assert view.short_commit("main") == "unknown"
    assert view.slack_mention("U0123456789") == "<@U0123456789>"
    assert view.slack_mention("!channel") == "somebody"
    assert view.and_more(["a", "b", "c"], 2) == "a, b and 1 more"
    assert view.and_more(["a", "b"], 2) == "a, b"
    assert plural(1, "object") == "1 object"
    assert plural(1_204, "object") == "1,204 objects"
    assert join([]) == ""
    assert join(["a", "b", "c"]) == "a, b and c"
    assert as_of(LOOKED_AT) == "as of 14:02 UTC, 21 Nov 2026"
    assert progress(36, 120) == "looking at 37 of 120"
    assert progress(120, 120) == "looking at 120 of 120"
    assert progress(0, 0) == "looking for what it touches"
