"""What Slack would refuse, the stand-in refuses by the same name."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_world import actions, bot_client, button, control, refusal, running_slack, section

from gitops_bot.sandbox.slack import SlackStandIn


@pytest.fixture
async def slack(tmp_path: Path) -> AsyncIterator[SlackStandIn]:
    async with running_slack(tmp_path) as standin:
        standin.rates.enforced = False
        yield standin


@pytest.fixture
def channel(slack: SlackStandIn) -> str:
    return slack.create_channel("deployments")


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def option(number: int, **more: Any) -> dict[str, Any]:
    return {"text": plain(f"option {number}"), "value": str(number), **more}


def menu(**more: Any) -> dict[str, Any]:
    return {"type": "static_select", "action_id": "menu", **more}


def rich(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"type": "rich_text", "elements": list(elements)}


def pre(text: str) -> dict[str, Any]:
    return {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": text}]}


CONFIRM = {"title": plain("t"), "text": plain("t"), "confirm": plain("yes"), "deny": plain("no")}

# What is just allowed, and the same with one too many. Each is one message's blocks.
AT_THE_LIMIT: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]]]] = {
    "blocks": ([{"type": "divider"}] * 50, [{"type": "divider"}] * 51),
    "section text": ([section("x" * 3000)], [section("x" * 3001)]),
    "section fields": (
        [{"type": "section", "fields": [plain("x" * 2000)] + [plain("x")] * 9}],
        [{"type": "section", "fields": [plain("x")] * 11}],
    ),
    "field text": (
        [{"type": "section", "fields": [plain("x" * 2000)]}],
        [{"type": "section", "fields": [plain("x" * 2001)]}],
    ),
    "header": ([{"type": "header", "text": plain("x" * 150)}], [{"type": "header", "text": plain("x" * 151)}]),
    "button text": ([actions(button("a", text=plain("x" * 75)))], [actions(button("a", text=plain("x" * 76)))]),
    "button value": ([actions(button("a", value="x" * 2000))], [actions(button("a", value="x" * 2001))]),
    "button url": (
        [actions(button("a", url="https://example.com/".ljust(3000, "x")))],
        [actions(button("a", url="https://example.com/".ljust(3001, "x")))],
    ),
    "actions": ([actions(*(button(f"a{n}") for n in range(25)))], [actions(*(button(f"a{n}") for n in range(26)))]),
    "context": (
        [{"type": "context", "elements": [plain("x")] * 10}],
        [{"type": "context", "elements": [plain("x")] * 11}],
    ),
    "options": (
        [actions(menu(options=[option(n) for n in range(100)]))],
        [actions(menu(options=[option(n) for n in range(101)]))],
    ),
    "option value": (
        [actions(menu(options=[{"text": plain("x"), "value": "x" * 150}]))],
        [actions(menu(options=[{"text": plain("x"), "value": "x" * 151}]))],
    ),
    "overflow options": (
        [actions({"type": "overflow", "options": [option(n) for n in range(5)]})],
        [actions({"type": "overflow", "options": [option(n) for n in range(6)]})],
    ),
    "action_id": ([actions(button("a" * 255, text=plain("x")))], [actions(button("a" * 256, text=plain("x")))]),
    "block_id": ([section("x", block_id="b" * 255)], [section("x", block_id="b" * 256)]),
    "confirm title": (
        [actions(button("a", confirm=CONFIRM | {"title": plain("x" * 100)}))],
        [actions(button("a", confirm=CONFIRM | {"title": plain("x" * 101)}))],
    ),
    "confirm text": (
        [actions(button("a", confirm=CONFIRM | {"text": plain("x" * 300)}))],
        [actions(button("a", confirm=CONFIRM | {"text": plain("x" * 301)}))],
    ),
    "confirm button": (
        [actions(button("a", confirm=CONFIRM | {"confirm": plain("x" * 30)}))],
        [actions(button("a", confirm=CONFIRM | {"confirm": plain("x" * 31)}))],
    ),
    "markdown": ([{"type": "markdown", "text": "x" * 12_000}], [{"type": "markdown", "text": "x" * 12_001}]),
    "table columns": (
        [{"type": "table", "rows": [[{"type": "raw_text", "text": "x"}] * 20]}],
        [{"type": "table", "rows": [[{"type": "raw_text", "text": "x"}] * 21]}],
    ),
}


@pytest.mark.parametrize("limit", AT_THE_LIMIT)
async def test_a_message_at_a_limit_passes_and_one_beyond_it_does_not(
    slack: SlackStandIn, channel: str, limit: str
) -> None:
    web = bot_client(slack)
    allowed, too_much = AT_THE_LIMIT[limit]
    posted = await web.chat_postMessage(channel=channel, text="x", blocks=allowed)
    refused = await refusal(web.chat_postMessage(channel=channel, text="x", blocks=too_much))
    assert refused["error"] == "invalid_blocks"
    assert refused["response_metadata"]["messages"] == [f"[ERROR] {one}" for one in refused["errors"]]
    assert "[json-pointer:/blocks" in refused["errors"][0]
    edited = await refusal(web.chat_update(channel=channel, ts=posted["ts"], text="x", blocks=too_much))
    assert edited["error"] == "invalid_blocks"


MALFORMED: dict[str, tuple[dict[str, Any], str]] = {
    "unknown block": ({"type": "fold"}, "unsupported type: fold"),
    "no type": ({"text": plain("x")}, "missing required field: type"),
    "empty section": ({"type": "section"}, "must define either `text` or `fields`"),
    "empty text": (section(""), "must be more than 0 characters"),
    "mrkdwn in a header": ({"type": "header", "text": {"type": "mrkdwn", "text": "x"}}, "unsupported type: mrkdwn"),
    "unknown field": (section("x", colour="red"), "invalid additional property: colour"),
    "wrong style": (actions(button("a", style="huge")), "must be a valid enum value"),
    "no button text": (actions({"type": "button", "action_id": "a"}), "missing required field: text"),
    "same action_id": (actions(button("a"), button("a")), "already exists"),
    "menu without options": (actions(menu()), "must define either `options` or `option_groups`"),
    "input element in a message's actions": (
        actions({"type": "plain_text_input", "action_id": "a"}),
        "unsupported type: plain_text_input",
    ),
    "bad link": (actions(button("a", url="not a link")), "invalid url"),
    "text is a number": ({"type": "section", "text": {"type": "mrkdwn", "text": 5}}, "must provide a string"),
    "no list": ({"type": "actions", "elements": "x"}, "must provide an array"),
    "block is a string": ("x", "must provide an object"),  # type: ignore[dict-item]  # malformed on purpose
    "bold in preformatted list": (
        rich({"type": "rich_text_list", "style": "bullet", "elements": [pre("x")]}),
        "unsupported type: rich_text_preformatted",
    ),
    "empty rich text": (rich(pre("")), "must be more than 0 characters"),
}


@pytest.mark.parametrize("case", MALFORMED)
async def test_malformed_blocks_are_refused_with_the_place(slack: SlackStandIn, channel: str, case: str) -> None:
    block, message = MALFORMED[case]
    posting = bot_client(slack).chat_postMessage(channel=channel, text="x", blocks=[{"type": "divider"}, block])
    refused = await refusal(posting)
    assert refused["error"] == "invalid_blocks"
    assert message in refused["errors"][0]
    assert "[json-pointer:/blocks/1" in refused["errors"][0]


async def test_the_undocumented_sum_over_all_blocks_is_kept(slack: SlackStandIn, channel: str) -> None:
    web = bot_client(slack)
    accepted = [section("x" * 190)] * 50
    await web.chat_postMessage(channel=channel, text="x", blocks=accepted)
    refused = await refusal(web.chat_postMessage(channel=channel, text="x", blocks=[section("x" * 253)] * 45))
    assert refused["error"] == "msg_blocks_too_long"
    richly = await refusal(web.chat_postMessage(channel=channel, text="x", blocks=[rich(pre("x" * 11_400))]))
    assert richly["error"] == "msg_blocks_too_long"


async def test_long_and_missing_text(slack: SlackStandIn, channel: str) -> None:
    web = bot_client(slack)
    ts = (await web.chat_postMessage(channel=channel, text="x" * 40_000))["ts"]
    assert (await refusal(web.chat_postMessage(channel=channel, text="x" * 40_001)))["error"] == "msg_too_long"
    assert (await refusal(web.chat_update(channel=channel, ts=ts, text="x" * 4_001)))["error"] == "msg_too_long"
    assert (await refusal(web.api_call("chat.postMessage", json={"channel": channel})))["error"] == "no_text"


@pytest.mark.parametrize(
    ("metadata", "error"),
    [
        ("{", "invalid_metadata_format"),
        ("[]", "invalid_metadata_format"),
        ({"event_type": "x"}, "invalid_metadata_schema"),
        ({"event_type": "x", "event_payload": []}, "invalid_metadata_schema"),
        ({"event_type": "with space", "event_payload": {}}, "invalid_metadata_schema"),
        ({"event_type": "x", "event_payload": {}, "more": 1}, "invalid_metadata_schema"),
        ({"event_type": "x", "event_payload": {"k": "x" * 9_000}}, "metadata_too_large"),
    ],
)
async def test_metadata_must_have_its_shape(slack: SlackStandIn, channel: str, metadata: Any, error: str) -> None:
    posting = bot_client(slack).api_call(
        "chat.postMessage", json={"channel": channel, "text": "x", "metadata": metadata}
    )
    assert (await refusal(posting))["error"] == error


async def test_one_channel_takes_a_short_burst_then_one_message_a_second(slack: SlackStandIn, channel: str) -> None:
    await control(slack, "settings", {"rate_limits": True})
    web = bot_client(slack)
    with pytest.raises(SlackApiError) as refused:
        await asyncio.gather(*(web.chat_postMessage(channel=channel, text=f"{number}") for number in range(20)))
    assert refused.value.response.status_code == 429
    assert refused.value.response.headers["Retry-After"] == "1"
    passed = [call for call in slack.workspace.calls if call["method"] == "chat.postMessage" and call["status"] == 200]
    assert 5 <= len(passed) <= 8
    # Another channel is not meant.
    await web.chat_postMessage(channel=slack.create_channel("other"), text="x")


async def test_each_tier_has_its_limit(slack: SlackStandIn) -> None:
    await control(slack, "settings", {"rate_limits": True})
    web = bot_client(slack)
    with pytest.raises(SlackApiError) as refused:
        await asyncio.gather(*(web.users_list() for _ in range(40)))
    assert refused.value.response.status_code == 429
    await web.auth_test()
    await control(slack, "settings", {"rate_limits": False})
    await web.users_list()
