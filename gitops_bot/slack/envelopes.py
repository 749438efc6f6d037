"""What comes over the socket, as values: an envelope's payload in, a Click out. No I/O."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from gitops_bot.models.chat import Click, PostedMessage


def read_click(payload: Mapping[str, Any]) -> Click | None:
    """Read an interactive payload; None for a kind that we do not offer, or one that makes no sense.

    The key is made of what a replay repeats: a press is told by who, when and on what.
    https://docs.slack.dev/reference/interaction-payloads
    """
    try:
        if payload["type"] == "block_actions":
            return _press(payload)
        if payload["type"] == "view_submission":
            return _submission(payload)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError, OSError):
        return None
    return None


def read_command(payload: Mapping[str, Any]) -> Click | None:
    """Read a slash command; None for one that makes no sense. Its value is what was typed after it.

    https://docs.slack.dev/interactivity/implementing-slash-commands
    """
    try:
        return Click(
            key=_key("command", payload["user_id"], payload["command"], payload["trigger_id"]),
            action=str(payload["command"]).removeprefix("/"),
            value=str(payload.get("text") or ""),
            user=str(payload["user_id"]),
            team=str(payload.get("team_id") or ""),
            enterprise=str(payload.get("enterprise_id") or ""),
            message=PostedMessage(str(payload["channel_id"]), ""),
            trigger_id=str(payload["trigger_id"]),
            response_url=str(payload.get("response_url") or ""),
        )
    except (KeyError, TypeError):
        return None


def _press(payload: Mapping[str, Any]) -> Click:
    action = payload["actions"][0]
    container = payload["container"]
    channel = str(container.get("channel_id") or "")
    timestamp = str(container.get("message_ts") or "")
    parts = (payload["user"]["id"], action["action_id"], action["block_id"], action["action_ts"], channel, timestamp)
    asked, value = str(action["action_id"]), _chosen(action)
    if action.get("type") == "overflow":
        # One menu for several actions: its options say which, and about what.
        asked, _, value = value.partition(" ")
    # Slack wants each button of a row to have an id of its own: what follows the hyphen only counts.
    asked = asked.partition("-")[0]
    return Click(
        key=_key("press", *parts),
        action=asked,
        value=value,
        message=PostedMessage(channel, timestamp),
        response_url=str(payload.get("response_url") or ""),
        at=datetime.fromtimestamp(float(action["action_ts"]), UTC),
        inputs=_inputs(payload.get("state") or {}),
        **_person(payload),
    )


def _submission(payload: Mapping[str, Any]) -> Click:
    view = payload["view"]
    state = view.get("state") or {}
    # A view's hash changes with each version of it; what was typed tells two submissions of one version apart.
    typed = json.dumps(state, sort_keys=True)
    value, message = _from_metadata(str(view.get("private_metadata") or ""))
    return Click(
        key=_key("submission", payload["user"]["id"], view["id"], view.get("hash") or "", typed),
        action=str(view["callback_id"]),
        value=value,
        message=message,
        inputs=_inputs(state),
        from_dialog=True,
        **_person(payload),
    )


def dialog_metadata(value: str, message: PostedMessage) -> str:
    """Give what a dialog carries along: what it is about, and the message in which it was asked for."""
    return json.dumps({"value": value, "channel": message.channel, "timestamp": message.timestamp})


def _from_metadata(text: str) -> tuple[str, PostedMessage]:
    known = json.loads(text) if text.startswith("{") else {"value": text}
    return str(known["value"]), PostedMessage(str(known.get("channel") or ""), str(known.get("timestamp") or ""))


def _person(payload: Mapping[str, Any]) -> dict[str, Any]:
    user, team, enterprise = payload["user"], payload.get("team") or {}, payload.get("enterprise") or {}
    return {
        "user": str(user["id"]),
        # A guest of another workspace brings their own team id.
        "team": str(user.get("team_id") or team.get("id") or ""),
        "enterprise": str(enterprise.get("id") or ""),
        "trigger_id": str(payload.get("trigger_id") or ""),
    }


def _chosen(element: Mapping[str, Any]) -> str:
    """Give what was pressed, chosen or typed."""
    option = element.get("selected_option")
    if isinstance(option, Mapping):
        return str(option.get("value") or "")
    several = element.get("selected_options")
    if isinstance(several, list):
        return "\n".join(str(one["value"]) for one in several)
    names = ("value", "selected_user", "selected_channel", "selected_conversation", "selected_date", "selected_time")
    return next((str(element[name]) for name in names if element.get(name) is not None), "")


def _inputs(state: Mapping[str, Any]) -> Mapping[str, str]:
    """Give a dialog's fields by their action id."""
    values = state.get("values") or {}
    return {action: _chosen(element) for block in values.values() for action, element in block.items()}


def _key(*parts: object) -> str:
    return hashlib.sha256(json.dumps([str(part) for part in parts]).encode()).hexdigest()[:32]
