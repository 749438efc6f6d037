"""Presses, commands and messages over Socket Mode, and what can go wrong with a socket."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from slack_sdk.webhook.async_client import AsyncWebhookClient
from slack_world import App, actions, bot_client, button, connected, control, refusal, running_slack, section
from waiting import eventually, until

from gitops_bot.sandbox.slack import SlackStandIn


@pytest.fixture
async def slack(tmp_path: Path) -> AsyncIterator[SlackStandIn]:
    async with running_slack(tmp_path) as standin:
        standin.rates.enforced = False
        yield standin


@pytest.fixture
def channel(slack: SlackStandIn) -> str:
    return slack.create_channel("deployments")


@pytest.fixture
def alice(slack: SlackStandIn, channel: str) -> str:
    del channel
    return slack.create_user("alice", real_name="Alice Archer")


@pytest.fixture
async def message(slack: SlackStandIn, channel: str) -> str:
    elements = actions(
        button("approve", value="report-1", style="primary"),
        button("view", url="https://example.com"),
        {"type": "static_select", "action_id": "menu", "options": [option("a"), option("b")]},
        {"type": "overflow", "action_id": "more", "options": [option("c"), option("d")]},
        {"type": "datepicker", "action_id": "day", "initial_date": "2026-01-01"},
        {"type": "checkboxes", "action_id": "boxes", "options": [option("e"), option("f")]},
    )
    posted = await bot_client(slack).chat_postMessage(channel=channel, text="x", blocks=[section("x"), elements])
    ts: str = posted["ts"]
    return ts


def option(value: str) -> dict[str, Any]:
    return {"text": {"type": "plain_text", "text": value.upper()}, "value": value}


async def click(slack: SlackStandIn, user: str, channel: str, ts: str, action_id: str, **more: Any) -> dict[str, Any]:
    gesture = {"user": user, "channel": channel, "ts": ts, "action_id": action_id} | more
    async with aiohttp.ClientSession() as session, session.post(slack.click_url, json=gesture) as response:
        answer: dict[str, Any] = await response.json()
        return answer


async def test_a_press_reaches_the_app_and_its_answer_the_person(
    slack: SlackStandIn, channel: str, alice: str, message: str
) -> None:
    async with connected(slack) as app:

        async def whisper(request: Any) -> None:
            user = request.payload["user"]["id"]
            await bot_client(slack).chat_postEphemeral(channel=channel, user=user, text="done")

        app.afterwards = whisper
        answer = await click(slack, alice, channel, message, "approve", wait_for_answer=5)
        assert answer["acknowledged"] is True
        assert answer["milliseconds"] < 3000
        assert [one["text"] for one in answer["ephemeral"]] == ["done"]
        payload = app.requests[0].payload
    assert app.requests[0].type == "interactive"
    assert payload["actions"][0]["value"] == "report-1"
    assert payload["user"] == {"id": alice, "username": "alice", "name": "alice", "team_id": slack.workspace.team_id}
    assert payload["container"]["message_ts"] == payload["message"]["ts"] == message
    assert (await control(slack, "warnings"))["warnings"] == []


@pytest.mark.parametrize(
    ("action_id", "given", "field", "expected"),
    [
        ("view", {}, "url", "https://example.com"),
        ("menu", {"selected_option": "b"}, "selected_option", option("b")),
        ("more", {"value": "d"}, "selected_option", option("d")),
        ("day", {"selected_date": "2026-05-05"}, "selected_date", "2026-05-05"),
        ("boxes", {"selected_options": ["e", "f"]}, "selected_options", [option("e"), option("f")]),
        ("approve", {"value": "forged"}, "value", "forged"),
    ],
)
async def test_each_element_says_what_was_chosen(
    slack: SlackStandIn,
    channel: str,
    alice: str,
    message: str,
    action_id: str,
    given: dict[str, Any],
    field: str,
    expected: Any,
) -> None:
    async with connected(slack) as app:
        assert (await click(slack, alice, channel, message, action_id, **given))["acknowledged"] is True
    chosen = app.requests[0].payload["actions"][0][field]
    if field.startswith("selected_option"):
        chosen = [one["value"] for one in chosen] if isinstance(chosen, list) else chosen["value"]
        expected = [one["value"] for one in expected] if isinstance(expected, list) else expected["value"]
    assert chosen == expected


async def test_what_is_not_there_cannot_be_pressed(slack: SlackStandIn, channel: str, alice: str, message: str) -> None:
    wrong = [
        await click(slack, alice, channel, message, "nothing"),
        await click(slack, alice, channel, "1.000000", "approve"),
        await click(slack, "U404", channel, message, "approve"),
        await click(slack, alice, channel, message, "menu", selected_option="z"),
    ]
    assert [one["ok"] for one in wrong] == [False] * 4
    assert "there are: approve, boxes, day, menu, more, view" in wrong[0]["error"]


async def test_a_press_that_nobody_takes_shows_a_warning_and_is_not_repeated(
    slack: SlackStandIn, channel: str, alice: str, message: str
) -> None:
    await control(slack, "sockets", {"ack_deadline": 0.1})
    alone = await click(slack, alice, channel, message, "approve")
    assert alone["acknowledged"] is False
    async with connected(slack) as app:
        app.acknowledges = False
        assert (await click(slack, alice, channel, message, "approve"))["acknowledged"] is False
        warnings = (await control(slack, "warnings"))["warnings"]
        assert [(one["user"], one["action_id"], one["over"]) for one in warnings] == [(alice, "approve", False)] * 2
        app.acknowledges = True
        await control(slack, "sockets", {"ack_deadline": 3})
        assert (await click(slack, alice, channel, message, "approve"))["acknowledged"] is True
        assert len(app.requests) == 2
    assert all(one["over"] for one in (await control(slack, "warnings"))["warnings"])


async def test_events_are_handed_out_three_times_more(slack: SlackStandIn, channel: str, alice: str) -> None:
    await control(slack, "sockets", {"ack_deadline": 0.05, "retry_delays": [0, 0, 0]})
    async with connected(slack) as app:
        app.acknowledges = False
        await control(slack, "say", {"user": alice, "channel": channel, "text": "@gitops-bot what is wrong?"})
        await until(lambda: len(app.requests) == 4, "the event and its three repetitions")
        assert {one.payload["event_id"] for one in app.requests} == {app.requests[0].payload["event_id"]}
        assert app.requests[0].payload["event"]["text"] == f"<@{slack.workspace.bot_user}> what is wrong?"
        app.acknowledges = True
        await control(slack, "settings", {"events": ["message.channels"]})
        await control(slack, "say", {"user": alice, "channel": channel, "text": "hello"})
        await until(lambda: len(app.requests) == 5, "the message event, taken at once")
        assert app.requests[4].payload["event"]["type"] == "message"


async def test_a_command_is_answered_in_its_acknowledgement(slack: SlackStandIn, channel: str, alice: str) -> None:
    async with connected(slack) as app:
        app.answer = lambda request: {"text": f"you said {request.payload['text']}"}
        gesture = {
            "user": alice,
            "channel": channel,
            "text": "/flux get all --namespace=flux-system",
            "wait_for_answer": 5,
        }
        answer = await control(slack, "command", gesture)
    assert app.requests[0].payload["command"] == "/flux"
    assert [one["text"] for one in answer["ephemeral"]] == ["you said get all --namespace=flux-system"]
    await control(slack, "settings", {"commands": {"/flux": "Flux"}})
    unknown = await control(slack, "command", {"user": alice, "channel": channel, "text": "/nothing"})
    assert unknown["error"] == "/nothing is not a valid command"


async def test_a_response_url_is_good_for_five_uses(
    slack: SlackStandIn, channel: str, alice: str, message: str
) -> None:
    async with connected(slack) as app:
        await click(slack, alice, channel, message, "approve")
    webhook = AsyncWebhookClient(app.requests[0].payload["response_url"], retry_handlers=[])
    assert (await webhook.send(text="only you")).body == "ok"
    assert (await webhook.send(text="everybody", response_type="in_channel")).status_code == 200
    assert (await webhook.send(text="replaced", replace_original=True)).status_code == 200
    refused = await webhook.send(text="x", blocks=[{"type": "fold"}])
    assert (refused.status_code, "invalid_blocks" in refused.body) == (400, True)
    history = (await bot_client(slack).conversations_history(channel=channel))["messages"]
    assert [one["text"] for one in history] == ["everybody", "replaced"]
    assert (await webhook.send(delete_original=True)).status_code == 200
    assert (await webhook.send(text="fifth")).status_code == 200
    sixth = await webhook.send(text="sixth")
    assert (sixth.status_code, "used_url" in sixth.body) == (404, True)
    history = (await bot_client(slack).conversations_history(channel=channel))["messages"]
    assert [one["text"] for one in history] == ["everybody"]


async def test_two_sockets_share_the_presses(slack: SlackStandIn, channel: str, alice: str, message: str) -> None:
    async with connected(slack) as one, connected(slack) as other:
        for _ in range(30):
            assert (await click(slack, alice, channel, message, "approve"))["acknowledged"] is True
        assert one.requests
        assert other.requests
        assert len(one.requests) + len(other.requests) == 30


async def test_a_disconnect_leads_to_a_new_socket(slack: SlackStandIn, channel: str, alice: str, message: str) -> None:
    async with connected(slack, ping_interval=0.2) as app:
        for reason in ("refresh_requested", "link_disabled"):
            opened = slack.sockets.opened

            async def is_sent_away(reason: str = reason) -> bool:
                # slack-sdk may just be replacing its socket: then there is none, or two.
                answer = await control(slack, "sockets", {"action": "disconnect", "reason": reason})
                return bool(answer["connections"])

            await eventually(is_sent_away, f"a socket is sent away: {reason}")
            await until(lambda before=opened: slack.sockets.opened > before, f"a new socket after {reason}")

        async def taken() -> bool:
            # slack-sdk may replace its socket once more: a press in between is lost, as it is on Slack.
            answer = await click(slack, alice, channel, message, "approve")
            return bool(answer["acknowledged"])

        await eventually(taken, "a press is taken again")
        assert app.requests


async def test_a_warning_comes_before_the_end(slack: SlackStandIn) -> None:
    frames = []
    async with aiohttp.ClientSession() as session:
        url = (await bot_client(slack).apps_connections_open(app_token=slack.app_token))["url"]
        async with session.ws_connect(url) as socket:
            assert (await socket.receive_json())["type"] == "hello"
            await control(slack, "sockets", {"action": "disconnect", "reason": "warning", "lead": 0.05})
            frames = [await socket.receive_json(), await socket.receive_json()]
            assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
        again = await session.get(url.replace("ws", "http", 1))
        assert again.status == 404
    assert [frame["reason"] for frame in frames] == ["warning", "refresh_requested"]


@pytest.mark.parametrize("action", ["drop", "half_open"])
async def test_a_lost_line_is_noticed_by_the_client(
    slack: SlackStandIn, channel: str, alice: str, message: str, action: str
) -> None:
    await control(slack, "sockets", {"ack_deadline": 0.1})
    async with connected(slack, ping_interval=0.2):
        before = slack.sockets.opened
        await control(slack, "sockets", {"action": action})
        if action == "half_open":
            assert (await click(slack, alice, channel, message, "approve"))["acknowledged"] is False
        await until(lambda: slack.sockets.opened > before, "the client comes back")
        await control(slack, "sockets", {"ack_deadline": 3})
        fresh = [one for one in slack.sockets.connections if not one.half_open]
        assert len(fresh) == 1


async def test_an_envelope_may_come_twice_late_or_never(
    slack: SlackStandIn, channel: str, alice: str, message: str
) -> None:
    async with connected(slack) as app:
        await control(slack, "sockets", {"duplicate_next": 4})
        assert (await click(slack, alice, channel, message, "approve"))["acknowledged"] is True
        await until(lambda: len(app.requests) == 5, "the envelope and four copies")
        assert len({one.envelope_id for one in app.requests}) == 1

        await control(slack, "sockets", {"drop_next": 1, "ack_deadline": 0.1})
        assert (await click(slack, alice, channel, message, "approve"))["acknowledged"] is False
        assert len(app.requests) == 5

        await control(slack, "sockets", {"delay": 0.2, "ack_deadline": 3})
        late = await click(slack, alice, channel, message, "approve")
        assert late["milliseconds"] >= 200


async def test_an_eleventh_socket_is_turned_away(slack: SlackStandIn) -> None:
    web = bot_client(slack)
    async with aiohttp.ClientSession() as session:
        sockets = []
        for number in range(11):
            url = (await web.apps_connections_open(app_token=slack.app_token))["url"]
            sockets.append(await session.ws_connect(url))
            frame = await sockets[-1].receive_json()
            assert frame["type"] == ("hello" if number < 10 else "disconnect")
        assert frame["reason"] == "too_many_websockets"
        await asyncio.gather(*(socket.close() for socket in sockets))
    wrong = await refusal(web.apps_connections_open(app_token="xapp-wrong"))
    assert wrong["error"] == "invalid_auth"


async def test_stopping_ends_every_socket(tmp_path: Path) -> None:
    async with running_slack(tmp_path) as slack:
        app = App(slack)
        await app.client.connect()
    await app.client.close()
    others = [task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert [name for name in others if "Socket Mode" in name] == []
