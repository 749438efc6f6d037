"""Faults of the Slack stand-in: what a client sees, and whether Slack did it all the same."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_world import bot_client, control, refusal, running_slack

from gitops_bot.sandbox.slack import SlackStandIn


@pytest.fixture
async def slack(tmp_path: Path) -> AsyncIterator[SlackStandIn]:
    async with running_slack(tmp_path) as standin:
        standin.rates.enforced = False
        yield standin


@pytest.fixture
def channel(slack: SlackStandIn) -> str:
    return slack.create_channel("deployments")


async def failing_post(slack: SlackStandIn, channel: str) -> BaseException:
    """Post once; give what slack-sdk makes of the fault."""
    try:
        await bot_client(slack).chat_postMessage(channel=channel, text="x")
    except (SlackClientError, aiohttp.ClientError, TimeoutError) as error:
        return error
    raise AssertionError("the fault did not show")


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "reset"},
        {"kind": "status", "status": 502},
        {"kind": "garbage"},
        {"kind": "error", "error": "internal_error"},
    ],
    ids=lambda fault: fault["kind"],
)
async def test_a_fault_hits_once_before_or_after_the_effect(
    slack: SlackStandIn, channel: str, fault: dict[str, Any], when: str
) -> None:
    await control(slack, "faults", {"method": "chat.postMessage", "when": when, **fault})
    await failing_post(slack, channel)
    assert len(slack.workspace.messages[channel]) == (1 if when == "after" else 0)
    await bot_client(slack).chat_postMessage(channel=channel, text="y")
    assert (await control(slack, "faults"))["faults"] == []


async def test_the_rate_limit_fault_says_how_long_to_wait(slack: SlackStandIn, channel: str) -> None:
    await control(slack, "faults", {"method": "*", "kind": "rate_limited", "seconds": 7})
    error = await failing_post(slack, channel)
    assert isinstance(error, SlackApiError)
    assert (error.response.status_code, error.response.headers["Retry-After"]) == (429, "7")
    assert (await refusal(bot_client(slack).users_info(user="U404")))["error"] == "user_not_found"


async def test_a_call_may_hang_and_a_late_one_still_works(slack: SlackStandIn, channel: str) -> None:
    web = bot_client(slack)
    web.timeout = 1
    await control(slack, "faults", {"method": "chat.postMessage", "kind": "hang", "when": "after"})
    with pytest.raises(TimeoutError):
        await web.chat_postMessage(channel=channel, text="x")
    assert len(slack.workspace.messages[channel]) == 1
    await control(slack, "faults", {"method": "chat.postMessage", "kind": "latency", "seconds": 0.1})
    await web.chat_postMessage(channel=channel, text="y")


async def test_faults_count_and_are_switched_off(slack: SlackStandIn, channel: str) -> None:
    web = bot_client(slack)
    fault = {"method": "chat.postMessage", "kind": "error", "error": "fatal_error", "count": None, "after_calls": 1}
    await control(slack, "faults", fault)
    await web.chat_postMessage(channel=channel, text="passes")
    for _ in range(3):
        assert (await refusal(web.chat_postMessage(channel=channel, text="x")))["error"] == "fatal_error"
    async with aiohttp.ClientSession() as session:
        await session.delete(f"{slack.control_url}/faults")
    await web.chat_postMessage(channel=channel, text="passes")
    assert [one["error"] for one in (await control(slack, "calls?method=chat.postMessage"))["calls"]] == [
        "",
        *["fatal_error"] * 3,
        "",
    ]


@pytest.mark.parametrize("step", ["files.getUploadURLExternal", "upload", "files.completeUploadExternal"])
async def test_each_step_of_an_upload_may_fail(slack: SlackStandIn, channel: str, step: str) -> None:
    await control(slack, "faults", {"method": step, "kind": "status", "status": 500})
    with pytest.raises((SlackClientError, aiohttp.ClientError)):
        await bot_client(slack).files_upload_v2(channel=channel, filename="a.diff", content="x")
    assert not [one for one in slack.workspace.files.values() if one.completed]


async def test_a_wrong_fault_is_refused(slack: SlackStandIn) -> None:
    assert "kind is one of" in (await control(slack, "faults", {"method": "x", "kind": "flood"}))["error"]
    assert "unknown here: ['colour']" in (await control(slack, "faults", {"method": "x", "colour": 1}))["error"]


async def test_a_busy_standin_does_not_block_its_loop(slack: SlackStandIn, channel: str) -> None:
    """The loop is shared with the rest of the sandbox: no answer may hold it for long."""
    web = bot_client(slack)
    longest = 0.0
    running = True

    async def watch() -> None:
        nonlocal longest
        while running:
            # Of this thread alone: what others do on a busy machine blocks nobody here.
            before = time.thread_time()
            await asyncio.sleep(0.005)
            longest = max(longest, time.thread_time() - before)

    watching = asyncio.create_task(watch())
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 200}}] * 50
    for _ in range(5):
        await asyncio.gather(*(web.chat_postMessage(channel=channel, text="x", blocks=blocks) for _ in range(20)))
    await web.conversations_history(channel=channel, limit=100)
    running = False
    await watching
    # Generous: the client's own work is in it.
    assert longest < 1.0
