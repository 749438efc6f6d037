"""Block Kit, as much of it as we need: each kind of block in one place, with Slack's limits.

Two kinds of text: ``ours`` (mrkdwn: words of this program, numbers, inert names) and ``theirs``
(plain_text or preformatted: nothing in it is parsed). ``verbatim`` keeps Slack from making
links and channel names of what looks like them.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gitops_bot.rules.cleaning import clean, clean_line
from gitops_bot.views.text import shorten, size

Block = Mapping[str, Any]

# https://docs.slack.dev/reference/block-kit/blocks
MESSAGE_BLOCKS = 50
SECTION_CHARACTERS = 3_000
HEADER_CHARACTERS = 150
BUTTON_CHARACTERS = 75
CONTEXT_ELEMENTS = 10
MENU_OPTIONS = 100
OPTION_VALUE_CHARACTERS = 150
OVERFLOW_OPTIONS = 5
# Undocumented: messages of 11,341 characters were refused, of 9,597 accepted
# (https://github.com/slackapi/bolt-js/issues/2509).
MESSAGE_CHARACTERS = 9_000


def _ours(text: str, limit: int = SECTION_CHARACTERS) -> Block:
    return {"type": "mrkdwn", "text": shorten(text, limit), "verbatim": True}


def _theirs(text: str, limit: int = SECTION_CHARACTERS) -> Block:
    # Slack refuses an empty text.
    return {"type": "plain_text", "text": shorten(text, limit).strip() or "-", "emoji": False}


def plain(words: str) -> Block:
    """Give a short text of our own in which nothing is parsed: titles and labels of dialogs."""
    return _theirs(words, BUTTON_CHARACTERS)


def overflow(action: str, choices: Sequence[tuple[str, str]]) -> Block:
    """Give the small menu behind three dots: (label, value), as many as Slack allows."""
    options = [{"text": _theirs(label, BUTTON_CHARACTERS), "value": value} for label, value in choices]
    return {"type": "overflow", "action_id": action, "options": options[:OVERFLOW_OPTIONS]}


def header(foreign: str) -> Block:
    """Give a title in large letters."""
    return {"type": "header", "text": _theirs(clean_line(foreign).strip(), HEADER_CHARACTERS)}


def section(words: str) -> Block:
    """Give a paragraph of our own."""
    return {"type": "section", "text": _ours(words)}


def foreign_section(text: str) -> Block:
    """Give a paragraph in which nothing is parsed."""
    return {"type": "section", "text": _theirs(clean(text))}


def context(*words: str) -> Block:
    """Give small grey text of our own."""
    return {"type": "context", "elements": [_ours(text) for text in words[:CONTEXT_ELEMENTS]]}


def foreign_context(text: str) -> Block:
    """Give small grey text in which nothing is parsed."""
    return {"type": "context", "elements": [_theirs(clean(text))]}


def divider() -> Block:
    """Give a line between what does not belong together."""
    return {"type": "divider"}


def preformatted(text: str) -> Block:
    """Give text in fixed width, in which nothing is parsed. The caller keeps it short."""
    inside = {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": text or "-"}]}
    return {"type": "rich_text", "elements": [inside]}


def button(label: str, action: str, value: str = "", *, address: str = "", style: str = "") -> dict[str, Any]:
    """Give a button; ``style`` is "", "primary" or "danger", ``address`` makes it a link."""
    given: dict[str, Any] = {"type": "button", "text": _theirs(label, BUTTON_CHARACTERS), "action_id": str(action)}
    given |= {"value": value} if value else {}
    given |= {"url": address} if address else {}
    return given | ({"style": style} if style else {})


def menu(prompt: str, action: str, choices: Iterable[tuple[str, str]]) -> Block:
    """Give a menu of (foreign label, value); choices past Slack's limit, or with too long a value, are left out."""
    options = [
        {"text": _theirs(clean_line(label), BUTTON_CHARACTERS), "value": value}
        for label, value in choices
        if size(value) <= OPTION_VALUE_CHARACTERS
    ]
    return {
        "type": "static_select",
        "placeholder": _theirs(prompt, HEADER_CHARACTERS),
        "action_id": str(action),
        "options": options[:MENU_OPTIONS],
    }


def actions(elements: Sequence[Block]) -> Block:
    """Give a row of buttons and menus."""
    return {"type": "actions", "elements": list(elements)}


def measure(value: Any) -> int:
    """Count the characters of text in blocks, of every kind: what Slack adds up, or more."""
    if isinstance(value, Mapping):
        own = value.get("text")
        counted = size(own) if isinstance(own, str) else 0
        return counted + sum(measure(item) for item in value.values())
    if isinstance(value, list | tuple):
        return sum(measure(item) for item in value)
    return 0
