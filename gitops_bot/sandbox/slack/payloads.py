"""What the app is sent when somebody presses, chooses, submits or types."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

from gitops_bot.sandbox.slack.block_kit import interactive_elements
from gitops_bot.sandbox.slack.records import Channel, Message, User
from gitops_bot.sandbox.slack.workspace import Workspace

# The field of an action in which each kind of element says what was chosen.
CHOICE_FIELDS = {
    "static_select": "selected_option",
    "external_select": "selected_option",
    "overflow": "selected_option",
    "radio_buttons": "selected_option",
    "multi_static_select": "selected_options",
    "checkboxes": "selected_options",
    "users_select": "selected_user",
    "channels_select": "selected_channel",
    "conversations_select": "selected_conversation",
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "datetimepicker": "selected_date_time",
    "plain_text_input": "value",
    "number_input": "value",
    "email_text_input": "value",
    "url_text_input": "value",
    "button": "value",
}
_INITIAL_FIELDS = {
    "selected_option": "initial_option",
    "selected_options": "initial_options",
    "selected_user": "initial_user",
    "selected_channel": "initial_channel",
    "selected_conversation": "initial_conversation",
    "selected_date": "initial_date",
    "selected_time": "initial_time",
    "selected_date_time": "initial_date_time",
    "value": "initial_value",
}


class WrongGesture(ValueError):
    """Nobody could have done that in Slack: there is no such button, option or dialog."""


def elements(blocks: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Give every block with every element in it that somebody can use."""
    for block in blocks:
        for element in interactive_elements(block):
            yield block, element


def find_element(
    blocks: list[dict[str, Any]], action_id: str, block_id: str = ""
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Look up an element by its action id; WrongGesture when there is none."""
    for block, element in elements(blocks):
        if element["action_id"] == action_id and block_id in {"", block["block_id"]}:
            return block, element
    known = ", ".join(sorted({element["action_id"] for _, element in elements(blocks)})) or "none"
    raise WrongGesture(f"no element with action_id {action_id!r} there; there are: {known}")


def chosen_value(element: Mapping[str, Any], given: Any) -> Any:
    """Turn what a person chose into what Slack sends: an option's value into the option, and so on.

    A whole option object is passed on as it is, so that a forged one can be tried.
    """
    field = CHOICE_FIELDS[element["type"]]
    if field == "selected_option":
        return _option(element, given)
    if field == "selected_options":
        return [_option(element, one) for one in (given if isinstance(given, list) else [given])]
    return given


def _option(element: Mapping[str, Any], given: Any) -> Any:
    if given is None or isinstance(given, dict):
        return given
    groups = element.get("option_groups", ())
    options = [*element.get("options", ()), *(option for group in groups for option in group["options"])]
    for option in options:
        if option["value"] == given:
            return option
    raise WrongGesture(f"no option {given!r}; there are: {', '.join(option['value'] for option in options)}")


def action(block: Mapping[str, Any], element: Mapping[str, Any], given: Any) -> dict[str, Any]:
    """Give one entry of ``actions``. ``given`` None: a button's own value."""
    kind = element["type"]
    answer: dict[str, Any] = {
        "type": kind,
        "action_id": element["action_id"],
        "block_id": block["block_id"],
        "action_ts": f"{time.time():.6f}",
    }
    if kind == "button":
        answer["text"] = element["text"]
        value = element.get("value") if given is None else given
        if value is not None:
            answer["value"] = value
        if "url" in element:
            answer["url"] = element["url"]
        return answer
    answer[CHOICE_FIELDS[kind]] = chosen_value(element, given)
    answer |= {name: element[name] for name in ("placeholder", "initial_option") if name in element}
    return answer


def state_value(element: Mapping[str, Any], given: Any) -> dict[str, Any]:
    """Give what ``state.values`` holds for one element."""
    return {"type": element["type"], CHOICE_FIELDS[element["type"]]: chosen_value(element, given)}


def initial_state(blocks: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Give ``state.values`` before anybody touched anything."""
    state: dict[str, dict[str, Any]] = {}
    for block, element in elements(blocks):
        field = CHOICE_FIELDS[element["type"]]
        if element["type"] in {"button", "overflow"}:
            continue
        empty: Any = [] if field == "selected_options" else None
        value = {"type": element["type"], field: element.get(_INITIAL_FIELDS[field], empty)}
        state.setdefault(block["block_id"], {})[element["action_id"]] = value
    return state


class Payloads:
    """Builds the payloads for one workspace."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def interactive(self, kind: str, user: User) -> dict[str, Any]:
        """Give what all interactive payloads share."""
        workspace = self._workspace
        team: dict[str, Any] = {"id": workspace.team_id, "domain": workspace.team_domain}
        enterprise = None
        if workspace.enterprise_id:
            enterprise = {"id": workspace.enterprise_id, "name": "Enterprise"}
            team |= {"enterprise_id": workspace.enterprise_id, "enterprise_name": "Enterprise"}
        person = {"id": user.id, "name": user.name, "team_id": user.team_id}
        if kind == "block_actions":
            person["username"] = user.name
        return {
            "type": kind,
            "user": person,
            "api_app_id": workspace.app_id,
            "token": workspace.verification_token,
            "team": team,
            "enterprise": enterprise,
            "is_enterprise_install": False,
        }

    def message_action(
        self, user: User, channel: Channel, message: Message, entry: dict[str, Any], state: dict[str, Any]
    ) -> dict[str, Any]:
        """Give the payload of a press in a message, without trigger and response address."""
        ephemeral = bool(message.ephemeral_for)
        payload = self.interactive("block_actions", user) | {
            "container": {
                "type": "message",
                "message_ts": message.ts,
                "channel_id": channel.id,
                "is_ephemeral": ephemeral,
            },
            "channel": {"id": channel.id, "name": "directmessage" if channel.direct_with else channel.name},
            "state": {"values": state},
            "actions": [entry],
        }
        if message.thread_ts:
            payload["container"]["thread_ts"] = message.thread_ts
        if not ephemeral:
            # Slack sends no message with a press in an ephemeral one.
            payload["message"] = self._workspace.message_json(message)
        return payload

    def command(self, user: User, channel: Channel, command: str, text: str) -> dict[str, Any]:
        """Give the payload of a slash command, without trigger and response address."""
        workspace = self._workspace
        payload = {
            "token": workspace.verification_token,
            "team_id": user.team_id,
            "team_domain": workspace.team_domain,
            "channel_id": channel.id,
            "channel_name": "directmessage" if channel.direct_with else channel.name,
            "user_id": user.id,
            "user_name": user.name,
            "command": command,
            "text": text,
            "api_app_id": workspace.app_id,
            "is_enterprise_install": "false",
        }
        if workspace.enterprise_id:
            payload |= {"enterprise_id": workspace.enterprise_id, "enterprise_name": "Enterprise"}
        return payload
