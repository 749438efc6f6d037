"""Whatever is posted as blocks, dialog or metadata, the stand-in takes or refuses it; it never stumbles."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops_bot.sandbox.slack.block_kit import check_message_blocks, check_metadata, check_modal
from gitops_bot.sandbox.slack.block_tables import BLOCKS, ELEMENTS
from gitops_bot.sandbox.slack.refusals import SlackRefusal

WORDS = sorted({*BLOCKS, *ELEMENTS, "plain_text", "mrkdwn", "modal", "rich_text_section", "text", "raw_text"})
FIELDS = sorted(
    {"type", "blocks", "title", "submit", "rows", "event_type", "event_payload"}
    | {name for table in (*BLOCKS.values(), *ELEMENTS.values()) for name in table}
)
scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(WORDS)
# Objects that look like blocks more often than chance would have it.
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=3), inner, max_size=6)
        | st.builds(
            lambda kind, more: {**more, "type": kind},
            st.sampled_from(WORDS),
            st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4),
        )
    ),
    max_leaves=25,
)


def outcome(check: Callable[[Any], Any], value: Any) -> str:
    try:
        check(value)
    except SlackRefusal as refused:
        return refused.error
    return "taken"


@pytest.mark.parametrize("check", [check_message_blocks, check_modal, check_metadata])
@given(value=values)
def test_garbage_is_taken_or_refused_with_a_name(check: Callable[[Any], Any], value: Any) -> None:
    assert outcome(check, value)


@given(value=values)
def test_what_was_taken_is_taken_again_unchanged(value: Any) -> None:
    try:
        kept = check_message_blocks([value])
    except SlackRefusal:
        return
    assert check_message_blocks(kept) == kept
