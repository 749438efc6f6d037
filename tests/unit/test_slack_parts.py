"""The parts of the Slack door that need no Slack: envelopes, translated errors, ways through a network."""

import inspect
from typing import Any

import aiohttp
import pytest
import slack_sdk.errors
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from gitops_bot.config import NetworkSettings
from gitops_bot.errors import SlackError, SlackRateLimited, SlackRefused, SlackUnavailable
from gitops_bot.models.chat import PostedMessage
from gitops_bot.models.pull_requests import ReviewRules
from gitops_bot.slack.envelopes import dialog_metadata, read_click, read_command
from gitops_bot.slack.translation import FOREIGN_ERRORS, translate
from gitops_bot.views.slack_dialogs import outlook_words

SECRET = "xoxb-1-secret"


def families(module: Any) -> list[type[Exception]]:
    found = [kind for _, kind in inspect.getmembers(module, inspect.isclass) if issubclass(kind, Exception)]
    return [kind for kind in found if kind.__module__.startswith(("slack_sdk", "aiohttp"))]


@pytest.mark.parametrize(
    "kind", [*families(slack_sdk.errors), *families(aiohttp.client_exceptions)], ids=lambda kind: kind.__name__
)
def test_every_error_of_the_libraries_is_caught_and_translated(kind: type[Exception]) -> None:
    assert issubclass(kind, FOREIGN_ERRORS)
    # Some cannot be made without a connection; a child with words of its own stands for them.
    child = type(
        kind.__name__,
        (kind,),
        {"__init__": lambda _self: None, "__str__": lambda _self: "words", "status": 500, "response": {}},
    )
    translated = translate(child(), "chat.postMessage")
    assert isinstance(translated, SlackError)
    assert "chat.postMessage" in str(translated)


def answer(status: int, data: Any, headers: dict[str, str] | None = None) -> SlackApiError:
    request = {"headers": {"Authorization": f"Bearer {SECRET}"}}
    response = AsyncSlackResponse(
        client=AsyncWebClient(token=SECRET), http_verb="POST", api_url="https://slack.com/api/chat.postMessage",
        req_args=request, data=data, headers=headers or {}, status_code=status,
    )  # fmt: skip
    return SlackApiError("failed", response)


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (answer(200, {"ok": False, "error": "not_in_channel"}), SlackRefused, "/invite @gitops-bot"),
        (
            answer(200, {"ok": False, "error": "missing_scope", "needed": "chat:write", "provided": "files:write"}),
            SlackRefused,
            "needed: chat:write; the token has: files:write",
        ),
        (
            answer(200, {"ok": False, "error": "invalid_blocks", "response_metadata": {"messages": ["[ERROR] no"]}}),
            SlackRefused,
            "[ERROR] no",
        ),
        (answer(200, {"ok": False, "error": "a_new_error"}), SlackRefused, "a_new_error"),
        (answer(200, {"ok": False, "error": "fatal_error"}), SlackUnavailable, "fatal_error"),
        (answer(200, {"ok": False}), SlackUnavailable, "status 200"),
        (answer(503, {}), SlackUnavailable, "status 503"),
        (answer(503, "<html>"), SlackUnavailable, "status 503"),
        (answer(500, {"ok": False, "error": "channel_not_found"}), SlackUnavailable, "status 500"),
        (answer(429, {}, {"Retry-After": "12"}), SlackRateLimited, "12 s"),
        (answer(429, {}, {"Retry-After": "soon"}), SlackRateLimited, "30 s"),
        (answer(200, {"ok": False, "error": "ratelimited"}), SlackRateLimited, "30 s"),
        (TimeoutError(), SlackUnavailable, "in time"),
        (ConnectionResetError("reset by peer"), SlackUnavailable, "reset by peer"),
        (AttributeError("'str' object has no attribute 'get'"), SlackUnavailable, "no answer"),
    ],
)
def test_what_an_error_becomes(error: Exception, kind: type[SlackError], words: str) -> None:
    translated = translate(error, "chat.postMessage")
    assert type(translated) is kind
    assert words in str(translated)
    assert SECRET not in f"{translated}{translated!r}{vars(translated)}"


def test_the_address_of_a_socket_stays_out_of_words() -> None:
    address = "wss://wss.slack.com/link/?ticket=secret"
    info = aiohttp.RequestInfo(aiohttp.client.URL(address), "GET", None, aiohttp.client.URL(address))  # type: ignore[arg-type]
    for error in (aiohttp.WSServerHandshakeError(info, (), status=404), aiohttp.InvalidURL(address)):
        assert "secret" not in str(translate(error, "apps.connections.open"))


PRESS: dict[str, Any] = {
    "type": "block_actions",
    "user": {"id": "U1", "team_id": "T2"},
    "team": {"id": "T1"},
    "enterprise": {"id": "E1"},
    "trigger_id": "1.2.3",
    "response_url": "https://hooks.example/1",
    "container": {"type": "message", "channel_id": "C1", "message_ts": "1700000000.000100"},
    "actions": [
        {"type": "button", "action_id": "approve", "block_id": "b1", "value": "r1", "action_ts": "1700000001.5"}
    ],
}


def press(**changes: Any) -> dict[str, Any]:
    return {**PRESS, "actions": [{**PRESS["actions"][0], **changes}]}


def test_a_press() -> None:
    click = read_click(PRESS)
    assert click is not None
    assert (click.action, click.value, click.user, click.team, click.enterprise) == ("approve", "r1", "U1", "T2", "E1")
    assert (click.message.channel, click.message.timestamp) == ("C1", "1700000000.000100")
    assert click.at is not None
    assert click.at.isoformat() == "2023-11-14T22:13:21.500000+00:00"
    assert "hooks" not in repr(click)


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ({"value": None}, ""),
        ({"value": None, "selected_option": {"value": "o1"}}, "o1"),
        ({"value": None, "selected_options": [{"value": "a"}, {"value": "b"}]}, "a\nb"),
        ({"value": None, "selected_user": "U7"}, "U7"),
        ({"value": None, "selected_date": "2026-11-21"}, "2026-11-21"),
    ],
)
def test_what_was_chosen_is_the_value(change: dict[str, Any], value: str) -> None:
    click = read_click(press(**change))
    assert click is not None
    assert click.value == value


def test_a_replay_has_an_equal_key_and_anything_else_another() -> None:
    first, replay = read_click(PRESS), read_click({**PRESS, "trigger_id": "9.9.9", "response_url": "https://other"})
    assert first is not None
    assert replay is not None
    assert first.key == replay.key
    others = [
        press(action_ts="1700000001.6"),
        press(action_id="comment"),
        press(block_id="b2"),
        {**PRESS, "user": {"id": "U2"}},
        {**PRESS, "container": {**PRESS["container"], "message_ts": "1700000000.000200"}},
    ]
    keys = {click.key for click in map(read_click, others) if click is not None}
    assert len(keys) == len(others)
    assert first.key not in keys


def test_a_submitted_dialog() -> None:
    view = {
        "id": "V1",
        "hash": "h1",
        "callback_id": "hold",
        "private_metadata": "r1",
        "state": {"values": {"b": {"reason": {"type": "plain_text_input", "value": "why"}}}},
    }
    submission = {"type": "view_submission", "user": {"id": "U1"}, "team": {"id": "T1"}, "view": view}
    click = read_click(submission)
    assert click is not None
    assert (click.action, click.value, click.inputs, click.team) == ("hold", "r1", {"reason": "why"}, "T1")
    again = read_click({**submission, "view": {**view, "hash": "h2"}})
    assert again is not None
    assert again.key != click.key


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"type": "shortcut"},
        {"type": "block_actions"},
        {"type": "block_actions", "actions": []},
        press(action_ts="inf"),
        press(action_ts="1e300"),
        press(action_ts="nan"),
        press(action_ts="yesterday"),
    ],
)
def test_what_is_not_known_is_no_click(payload: dict[str, Any]) -> None:
    assert read_click(payload) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*PRESS, "id", "view", "value", "state"]), inner),
)


@given(
    st.dictionaries(st.sampled_from([*PRESS, "view"]), json_values),
    st.sampled_from(["block_actions", "view_submission"]),
)
def test_no_payload_brings_the_reader_down(payload: dict[str, Any], kind: str) -> None:
    read_click({**PRESS, **payload, "type": kind})


@pytest.mark.parametrize(
    ("no_proxy", "address", "direct"),
    [
        ((), "https://slack.com/api/", False),
        (("slack.com",), "https://slack.com/api/", True),
        (("slack.com",), "wss://wss-primary.slack.com/link/?ticket=1", True),
        ((".slack.com",), "https://slack.com/api/", True),
        (("*.slack.com",), "wss://wss.slack.com/link", True),
        (("lack.com",), "https://slack.com/api/", False),
        (("*",), "https://slack.com/api/", True),
        (("",), "https://slack.com/api/", False),
        (("slack.com:443",), "https://slack.com/api/", True),
        (("slack.com:80",), "https://slack.com/api/", False),
        (("127.0.0.1",), "http://127.0.0.1:8080/api/", True),
        (("127.0.0.0/8",), "http://127.0.0.1:8080/api/", True),
        (("10.0.0.0/8",), "http://127.0.0.1:8080/api/", False),
        (("127.0.0.1:8080",), "http://127.0.0.1:8080/api/", True),
        (("::1",), "http://[::1]:8080/api/", True),
    ],
)
def test_exceptions_from_the_proxy(no_proxy: tuple[str, ...], address: str, direct: bool) -> None:  # noqa: FBT001 - a column of the table
    network = NetworkSettings(proxy="http://proxy.example:3128", no_proxy=no_proxy)
    assert (network.proxy_for(address) is None) is direct


def test_without_a_proxy_the_way_is_direct() -> None:
    assert NetworkSettings().proxy_for("https://slack.com/api/") is None


@pytest.mark.parametrize(
    ("rules", "can_link", "words"),
    [
        (ReviewRules(), True, ""),
        (ReviewRules(approvals=1), True, ""),
        (ReviewRules(approvals=2), False, "🔐 `main` asks for 2 approvals, and this is one"),
        (ReviewRules(code_owners=True), False, "🔐 `main` asks for code owners, whom this does not stand for"),
        (ReviewRules(code_owners=True), True, "code owners, whose approval counts after /link, and not before"),
        (ReviewRules(not_the_last_pusher=True), False, "somebody else than who pushed last"),
    ],
)
def test_what_an_approval_will_be_worth(rules: ReviewRules, words: str, *, can_link: bool) -> None:
    said = outlook_words(rules, "main", can_link=can_link)
    assert words in said
    assert bool(said) is bool(words)


def test_a_choice_in_the_menu_is_a_click_of_its_own() -> None:
    chosen = {"text": {"type": "plain_text", "text": "Hold"}, "value": "hold r1"}
    action = {"type": "overflow", "action_id": "more", "block_id": "b", "action_ts": "1.0", "selected_option": chosen}
    payload = {
        "type": "block_actions",
        "user": {"id": "U1"},
        "container": {"channel_id": "C1", "message_ts": "2.0"},
        "actions": [action],
    }
    click = read_click(payload)
    assert click is not None
    assert (click.action, click.value, click.from_dialog) == ("hold", "r1", False)


def test_a_dialog_carries_along_where_it_was_asked_for() -> None:
    view = {"id": "V1", "callback_id": "approve", "private_metadata": dialog_metadata("r1", PostedMessage("C1", "2.0"))}
    click = read_click({"type": "view_submission", "user": {"id": "U1"}, "view": view})
    assert click is not None
    assert (click.action, click.value, click.message, click.from_dialog) == (
        "approve",
        "r1",
        PostedMessage("C1", "2.0"),
        True,
    )


def test_a_command_is_a_click_too() -> None:
    payload = {
        "command": "/link",
        "text": "off",
        "user_id": "U1",
        "team_id": "T1",
        "channel_id": "C1",
        "trigger_id": "t",
    }
    click = read_command(payload)
    assert click is not None
    assert (click.action, click.value, click.user, click.message.channel) == ("link", "off", "U1", "C1")
    assert read_command({"command": "/link"}) is None
