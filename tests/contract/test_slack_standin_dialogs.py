"""Dialogs of the Slack stand-in: opened by a trigger, filled in, submitted, refused, closed."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_world import App, actions, bot_client, button, connected, control, refusal, running_slack, section
from waiting import until

from gitops_bot.sandbox.slack import SlackStandIn

REASON = {
    "type": "input",
    "block_id": "reason",
    "label": {"type": "plain_text", "text": "Reason"},
    "element": {"type": "plain_text_input", "action_id": "text", "multiline": True, "min_length": 5},
}


def modal(*blocks: dict[str, Any], **more: Any) -> dict[str, Any]:
    texts = {name: {"type": "plain_text", "text": name} for name in ("title", "submit", "close")}
    return {"type": "modal", "callback_id": "why", "blocks": list(blocks), **texts} | more


@pytest.fixture
async def slack(tmp_path: Path) -> AsyncIterator[SlackStandIn]:
    async with running_slack(tmp_path) as standin:
        standin.rates.enforced = False
        yield standin


@pytest.fixture
async def app(slack: SlackStandIn) -> AsyncIterator[App]:
    async with connected(slack) as app:
        yield app


Press = Callable[[], Awaitable[dict[str, Any]]]


@pytest.fixture
async def press(slack: SlackStandIn) -> Press:
    """Press the button that opens the dialog; the dialog is what the app makes of it."""
    channel = slack.create_channel("deployments")
    alice = slack.create_user("alice")
    posted = await bot_client(slack).chat_postMessage(channel=channel, text="x", blocks=[actions(button("reject"))])
    gesture = {"user": alice, "channel": channel, "ts": posted["ts"], "action_id": "reject", "wait_for_answer": 5}

    async def pressing() -> dict[str, Any]:
        return await control(slack, "click", gesture)

    return pressing


def opens(slack: SlackStandIn, view: dict[str, Any]) -> Callable[[SocketModeRequest], Awaitable[None]]:
    async def open_dialog(request: SocketModeRequest) -> None:
        if request.payload["type"] == "block_actions" and "message" in request.payload:
            await bot_client(slack).views_open(trigger_id=request.payload["trigger_id"], view=view)

    return open_dialog


async def test_a_dialog_is_opened_filled_in_and_submitted(slack: SlackStandIn, app: App, press: Press) -> None:
    app.afterwards = opens(slack, modal(section("why?"), REASON, private_metadata="report-1"))
    view = (await press())["views"][0]
    empty = await control(slack, "submit", {"view_id": view["id"]})
    assert empty["errors"] == {"reason": "Please complete this required field."}
    short = await control(slack, "submit", {"view_id": view["id"], "values": {"reason": {"text": "no"}}})
    assert short["errors"] == {"reason": "Please enter at least 5 characters."}
    sent = await control(slack, "submit", {"view_id": view["id"], "values": {"reason": {"text": "too risky"}}})
    assert (sent["acknowledged"], sent["errors"]) == (True, {})
    submitted = app.requests[-1].payload
    assert submitted["type"] == "view_submission"
    assert submitted["view"]["private_metadata"] == "report-1"
    assert submitted["view"]["state"]["values"]["reason"]["text"]["value"] == "too risky"
    assert (await control(slack, "views"))["views"] == []
    assert [one.payload["type"] for one in app.requests] == ["block_actions", "view_submission"]


async def test_the_app_may_refuse_change_or_stack_what_was_submitted(
    slack: SlackStandIn, app: App, press: Press
) -> None:
    app.afterwards = opens(slack, modal(REASON))
    view = (await press())["views"][0]
    submit = {"view_id": view["id"], "values": {"reason": {"text": "because"}}}

    app.answer = lambda _: {"response_action": "errors", "errors": {"reason": "Be kind."}}
    assert (await control(slack, "submit", submit))["errors"] == {"reason": "Be kind."}
    app.answer = lambda _: {"response_action": "update", "view": modal(section("sure?"))}
    await control(slack, "submit", submit)
    shown = (await control(slack, "views"))["views"]
    assert [one["blocks"][0]["text"]["text"] for one in shown] == ["sure?"]
    app.answer = lambda _: {"response_action": "push", "view": modal(section("really?"))}
    await control(slack, "submit", {"view_id": view["id"]})
    stacked = (await control(slack, "views"))["views"]
    assert [one["previous_view_id"] for one in stacked] == [None, view["id"]]
    app.answer = lambda _: {"response_action": "clear"}
    await control(slack, "submit", {"view_id": stacked[1]["id"]})
    assert (await control(slack, "views"))["views"] == []


async def test_an_open_dialog_is_updated_and_hears_presses(slack: SlackStandIn, app: App, press: Press) -> None:
    web = bot_client(slack)
    app.afterwards = opens(slack, modal(section("checking …"), actions(button("again"))))
    view = (await press())["views"][0]
    updated = await web.views_update(
        view_id=view["id"], hash=view["hash"], view=modal(section("checked"), actions(button("again")))
    )
    stale = web.views_update(view_id=view["id"], hash=view["hash"], view=modal(section("late")))
    assert (await refusal(stale))["error"] == "hash_conflict"
    pressed = await control(slack, "view-click", {"view_id": view["id"], "action_id": "again"})
    assert pressed["acknowledged"] is True
    payload = app.requests[-1].payload
    assert (payload["container"]["type"], payload["view"]["hash"]) == ("view", updated["view"]["hash"])
    for depth in (2, 3):
        pushed = await web.views_push(trigger_id=payload["trigger_id"], view=modal(actions(button("again"))))
        await control(slack, "view-click", {"view_id": pushed["view"]["id"], "action_id": "again"})
        payload = app.requests[-1].payload
        assert len((await control(slack, "views"))["views"]) == depth
    fourth = web.views_push(trigger_id=payload["trigger_id"], view=modal(section("x")))
    assert (await refusal(fourth))["error"] == "push_limit_reached"


async def test_a_trigger_is_good_once_and_for_three_seconds(slack: SlackStandIn, app: App, press: Press) -> None:
    web = bot_client(slack)
    await control(slack, "settings", {"trigger_life": 60})
    view = modal(section("x"))
    pressing = press()
    app.afterwards = opens(slack, view)
    await pressing
    used = app.requests[0].payload["trigger_id"]
    assert (await refusal(web.views_open(trigger_id=used, view=view)))["error"] == "exchanged_trigger_id"
    await control(slack, "settings", {"trigger_life": 0})
    app.afterwards = None
    late = slack.views.new_trigger("U1")
    assert (await refusal(web.views_open(trigger_id=late, view=view)))["error"] == "expired_trigger_id"
    assert (await refusal(web.views_open(trigger_id="1.2.3", view=view)))["error"] == "invalid_trigger_id"


@pytest.mark.parametrize(
    ("view", "place"),
    [
        (modal(section("x"), title={"type": "plain_text", "text": "x" * 25}), "/view/title/text"),
        (modal(section("x"), submit={"type": "plain_text", "text": "x" * 25}), "/view/submit/text"),
        (modal(section("x"), private_metadata="x" * 3001), "/view/private_metadata"),
        (modal(section("x"), callback_id="x" * 256), "/view/callback_id"),
        (modal(*[{"type": "divider"}] * 101), "/view/blocks"),
        (modal(section("x" * 3001)), "/view/blocks/0/text/text"),
        (modal(section("x"), colour="red"), "/view"),
        ({"type": "modal", "title": {"type": "plain_text", "text": "x"}, "blocks": [REASON]}, "/view"),
        ({"type": "drawer"}, "/view/type"),
    ],
)
async def test_a_malformed_dialog_is_refused_and_its_trigger_stays_good(
    slack: SlackStandIn, view: dict[str, Any], place: str
) -> None:
    web = bot_client(slack)
    alice = slack.create_user("alice")
    trigger = slack.views.new_trigger(alice)
    refused = await refusal(web.views_open(trigger_id=trigger, view=view))
    assert refused["error"] == "invalid_arguments"
    assert any(f"[json-pointer:{place}]" in one for one in refused["response_metadata"]["messages"])
    good = modal(section("x"), title={"type": "plain_text", "text": "x" * 24}, private_metadata="x" * 3000)
    assert (await web.views_open(trigger_id=trigger, view=good))["view"]["state"] == {"values": {}}


async def test_closing_is_told_to_who_wants_to_know(slack: SlackStandIn, app: App, press: Press) -> None:
    app.afterwards = opens(slack, modal(section("x"), notify_on_close=True))
    view = (await press())["views"][0]
    assert (await control(slack, "close", {"view_id": view["id"]}))["acknowledged"] is True
    assert app.requests[-1].payload["type"] == "view_closed"
    app.afterwards = opens(slack, modal(section("x")))
    view = (await press())["views"][0]
    await control(slack, "close", {"view_id": view["id"]})
    assert app.requests[-1].payload["type"] == "block_actions"
    gone = await control(slack, "submit", {"view_id": view["id"]})
    assert gone["error"] == "no such dialog is open"


async def test_a_submission_that_nobody_takes_leaves_the_dialog_open(
    slack: SlackStandIn, app: App, press: Press
) -> None:
    app.afterwards = opens(slack, modal(section("x")))
    view = (await press())["views"][0]
    await control(slack, "sockets", {"ack_deadline": 0.1})
    app.acknowledges = False
    assert (await control(slack, "submit", {"view_id": view["id"]}))["acknowledged"] is False
    await until(lambda: len(app.requests) == 2, "the submission")
    assert len((await control(slack, "views"))["views"]) == 1
