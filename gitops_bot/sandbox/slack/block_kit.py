"""Whether Slack would take these blocks, this dialog, this metadata; and what it makes of them."""

import copy
import json
import re
import secrets
from collections.abc import Iterator
from typing import Any

from gitops_bot.sandbox.slack.block_checks import at, structure, typed
from gitops_bot.sandbox.slack.block_tables import BLOCKS, MARKDOWN_CHARACTERS, MODAL, TABLE_CHARACTERS
from gitops_bot.sandbox.slack.refusals import SlackRefusal, refusal_with_messages

MESSAGE_BLOCKS = 50
MODAL_BLOCKS = 100
# Undocumented: 11,341 characters of text in 45 blocks were refused, 9,597 in 50 accepted
# (https://github.com/slackapi/bolt-js/issues/2509). Markdown and table blocks have sums of their own.
MESSAGE_CHARACTERS = 11_300
# Not published either; larger metadata has been seen to be refused with metadata_too_large.
METADATA_BYTES = 8_000

_block = typed(BLOCKS)
_modal = structure(MODAL)


def check_message_blocks(blocks: Any, *, listed: bool = False) -> list[dict[str, Any]]:
    """Give the blocks as Slack keeps them, or refuse; ``listed``: problems also under ``errors``."""
    problems = _problems(blocks, MESSAGE_BLOCKS, "/blocks")
    if problems:
        raise refusal_with_messages("invalid_blocks", problems, listed=listed)
    if sum(1 for block in blocks if block["type"] == "table") > 1:
        raise SlackRefusal("only_one_table_allowed")
    if _characters(block for block in blocks if block["type"] not in {"markdown", "table"}) > MESSAGE_CHARACTERS:
        raise SlackRefusal("msg_blocks_too_long")
    if _characters(block for block in blocks if block["type"] == "markdown") > MARKDOWN_CHARACTERS:
        raise SlackRefusal("msg_blocks_too_long")
    if _characters(block for block in blocks if block["type"] == "table") > TABLE_CHARACTERS:
        raise refusal_with_messages("invalid_blocks", ["table has too many characters"], listed=listed)
    return completed(blocks)


def check_modal(view: Any) -> dict[str, Any]:
    """Give the dialog as Slack keeps it, or refuse as views.open does."""
    problems: list[str] = []
    _modal(view, "/view", problems)
    if isinstance(view, dict):
        problems.extend(_problems(view.get("blocks"), MODAL_BLOCKS, "/view/blocks", least=0))
        if not problems and "submit" not in view and any(block["type"] == "input" for block in view["blocks"]):
            problems.append(at("missing required field: submit", "/view"))
    if problems:
        raise refusal_with_messages("invalid_arguments", problems)
    return {**view, "blocks": completed(view["blocks"])}


def check_metadata(metadata: Any) -> dict[str, Any]:
    """Give a message's metadata, or refuse what is not ``{event_type, event_payload}``."""
    if not isinstance(metadata, dict):
        raise SlackRefusal("invalid_metadata_format")
    event_type, payload = metadata.get("event_type"), metadata.get("event_payload")
    named = isinstance(event_type, str) and re.fullmatch(r"[A-Za-z0-9_.\-]{1,255}", event_type)
    if not named or not isinstance(payload, dict) or set(metadata) - {"event_type", "event_payload", "entities"}:
        raise SlackRefusal("invalid_metadata_schema")
    if len(json.dumps(metadata).encode()) > METADATA_BYTES:
        raise SlackRefusal("metadata_too_large")
    return metadata


def completed(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Fill in what Slack fills in: block and action ids, ``emoji`` and ``verbatim``."""
    answer: list[dict[str, Any]] = copy.deepcopy(blocks)
    for block in answer:
        block.setdefault("block_id", secrets.token_urlsafe(4))
        for element in interactive_elements(block):
            element.setdefault("action_id", secrets.token_urlsafe(4))
        if block["type"] not in {"rich_text", "table", "markdown"}:
            _complete_texts(block)
    return answer


def interactive_elements(block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Give the elements of a block that somebody can press, choose or fill in."""
    if block["type"] == "actions":
        yield from block["elements"]
    elif block["type"] == "input":
        yield block["element"]
    elif block["type"] == "section" and block.get("accessory", {}).get("type", "image") != "image":
        yield block["accessory"]


def _complete_texts(value: Any) -> None:
    if isinstance(value, list):
        for one in value:
            _complete_texts(one)
    elif isinstance(value, dict):
        if value.get("type") == "plain_text":
            value.setdefault("emoji", True)
        elif value.get("type") == "mrkdwn":
            value.setdefault("verbatim", False)
        for one in value.values():
            _complete_texts(one)


def _problems(blocks: Any, most: int, pointer: str, least: int = 1) -> list[str]:
    if not isinstance(blocks, list):
        return [at("must provide an array", pointer)]
    problems: list[str] = []
    if len(blocks) > most:
        problems.append(at(f"no more than {most} items allowed", pointer))
    if len(blocks) < least:
        problems.append(at(f"no fewer than {least} items allowed", pointer))
    for index, block in enumerate(blocks):
        before = len(problems)
        _block(block, f"{pointer}/{index}", problems)
        if len(problems) == before:
            problems.extend(_relations(block, f"{pointer}/{index}"))
    names = [block["block_id"] for block in blocks if isinstance(block, dict) and "block_id" in block]
    problems.extend(
        at(f"`block_id` {name!r} is used more than once", pointer)
        for name in sorted(map(str, names))
        if _twice(names, name)
    )
    return list(dict.fromkeys(problems))


def _twice(names: list[Any], name: str) -> bool:
    return sum(1 for one in names if str(one) == name) > 1


def _relations(block: dict[str, Any], pointer: str) -> list[str]:
    """Check what no single field shows. The block has passed its table."""
    problems: list[str] = []
    if block["type"] == "section" and not ({"text", "fields"} & set(block)):
        problems.append(at("must define either `text` or `fields`", pointer))
    if block["type"] == "image" and not ({"image_url", "slack_file"} & set(block)):
        problems.append(at("must define either `image_url` or `slack_file`", pointer))
    names: list[str] = []
    for element in interactive_elements(block):
        if "action_id" in element:
            names.append(element["action_id"])
        if element["type"].endswith("static_select") and ("options" in element) == ("option_groups" in element):
            problems.append(at("must define either `options` or `option_groups`", pointer))
        if element["type"] != "overflow" and any("url" in option for option in element.get("options", ())):
            problems.append(at("invalid additional property: url", pointer))
    problems.extend(
        at(f"`action_id` {name!r} already exists in this block", pointer) for name in set(names) if _twice(names, name)
    )
    return problems


def _characters(value: Any) -> int:
    """Count the characters that a reader would see."""
    if isinstance(value, dict):
        own = len(value["text"]) if isinstance(value.get("text"), str) else 0
        return own + sum(_characters(one) for one in value.values() if isinstance(one, (dict, list)))
    if isinstance(value, str):
        return 0
    return sum(_characters(one) for one in value)
