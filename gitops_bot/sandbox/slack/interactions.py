"""What a person does: press, choose, fill in, type. Each gesture becomes an envelope for the app."""

import asyncio
import html
from collections.abc import Mapping
from typing import Any

from gitops_bot.sandbox.slack.block_kit import check_modal
from gitops_bot.sandbox.slack.payloads import (
    CHOICE_FIELDS,
    Payloads,
    WrongGesture,
    action,
    elements,
    find_element,
    initial_state,
    state_value,
)
from gitops_bot.sandbox.slack.records import Channel, Message, User, View
from gitops_bot.sandbox.slack.refusals import SlackRefusal
from gitops_bot.sandbox.slack.response_urls import ResponseUrls
from gitops_bot.sandbox.slack.sockets import Acknowledgement, Sockets
from gitops_bot.sandbox.slack.web_views import Views
from gitops_bot.sandbox.slack.workspace import Workspace

# What a message event calls its channel, and the subscription that asks for it, by family of scopes.
_CHANNEL_KINDS = {
    "im": ("im", "message.im"),
    "groups": ("group", "message.groups"),
    "channels": ("channel", "message.channels"),
}


class Interactions:
    """The people of the workspace."""

    def __init__(self, workspace: Workspace, *, sockets: Sockets, views: Views, response_urls: ResponseUrls) -> None:
        self._workspace = workspace
        self._sockets = sockets
        self._views = views
        self._response_urls = response_urls
        self._payloads = Payloads(workspace)

    async def click(self, gesture: Mapping[str, Any]) -> dict[str, Any]:
        """Press or choose something in a message, as one person; tell what that person saw.

        ``gesture``: user, channel, ts, action_id; and as the element wants it block_id, value,
        selected_option, selected_options, selected_date, …; ``state`` for inputs beside it;
        ``wait_for_answer`` seconds to wait for an ephemeral answer or a dialog.
        """
        user, channel = self._who_where(gesture)
        message = self._workspace.messages[channel.id].get(str(gesture.get("ts")))
        if message is None or message.ephemeral_for not in {"", user.id}:
            raise WrongGesture(f"there is no message {gesture.get('ts')!r} that {user.name} sees in #{channel.name}")
        blocks = message.blocks or []
        block, element = find_element(blocks, str(gesture.get("action_id")), str(gesture.get("block_id") or ""))
        entry = action(block, element, _given(element, gesture))
        state = _state(blocks, gesture.get("state"), block, element, entry)
        payload = self._payloads.message_action(user, channel, message, entry, state)
        payload["trigger_id"] = self._views.new_trigger(user.id)
        payload["response_url"] = self._response_urls.new(channel.id, user.id, message.ts)
        began = self._workspace.stamp()
        views_before = set(self._workspace.views)
        taken = await self._sockets.deliver("interactive", payload)
        self._warn(user, message, entry, over=taken.taken)
        await self._wait_for_answer(gesture, user, channel, began, views_before)
        return _outcome(taken) | self._seen(user, channel, began, views_before)

    async def click_in_view(self, gesture: Mapping[str, Any]) -> dict[str, Any]:
        """Press or choose something in a dialog."""
        view = self._open_view(gesture)
        user = self._workspace.users[view.user]
        self._remember(view, gesture.get("values"))
        blocks = view.content["blocks"]
        block, element = find_element(blocks, str(gesture.get("action_id")), str(gesture.get("block_id") or ""))
        entry = action(block, element, _given(element, gesture))
        if element["type"] not in {"button", "overflow"}:
            self._remember(view, {block["block_id"]: {element["action_id"]: _given(element, gesture)}})
        payload = self._payloads.interactive("block_actions", user) | {
            "container": {"type": "view", "view_id": view.id},
            "view": self._views.json(view),
            "state": {"values": view.state},
            "actions": [entry],
            "trigger_id": self._views.new_trigger(user.id, view.id),
        }
        return _outcome(await self._sockets.deliver("interactive", payload))

    async def submit(self, gesture: Mapping[str, Any]) -> dict[str, Any]:
        """Submit a dialog. ``values``: block id to action id to what was typed or chosen."""
        view = self._open_view(gesture)
        self._remember(view, gesture.get("values"))
        view.errors = _missing(view)
        if view.errors:
            self._workspace.changed()
            return {"ok": True, "acknowledged": False, "errors": view.errors}
        user = self._workspace.users[view.user]
        payload = self._payloads.interactive("view_submission", user) | {
            "trigger_id": self._views.new_trigger(user.id, view.id),
            "view": self._views.json(view),
            "response_urls": [],
        }
        taken = await self._sockets.deliver("interactive", payload, accepts_response=True)
        if taken.taken:
            self._obey(view, taken.payload)
        return _outcome(taken) | {"errors": view.errors}

    async def close_view(self, gesture: Mapping[str, Any]) -> dict[str, Any]:
        """Close a dialog (``clear``: all of the stack); the app is told if it asked to be."""
        view = self._open_view(gesture)
        clear = bool(gesture.get("clear")) or bool(view.content.get("clear_on_close"))
        self._close(view, everything=clear)
        if not view.content.get("notify_on_close"):
            return {"ok": True}
        payload = self._payloads.interactive("view_closed", self._workspace.users[view.user]) | {
            "view": self._views.json(view),
            "is_cleared": clear,
        }
        return _outcome(await self._sockets.deliver("interactive", payload))

    async def command(self, gesture: Mapping[str, Any]) -> dict[str, Any]:
        """Type a slash command: user, channel, ``command`` and ``text``, or the whole line as ``text``."""
        user, channel = self._who_where(gesture)
        command, text = str(gesture.get("command") or ""), str(gesture.get("text") or "")
        if not command:
            command, _, text = text.partition(" ")
        if self._workspace.commands and command not in self._workspace.commands:
            raise WrongGesture(f"{command} is not a valid command")
        payload = self._payloads.command(user, channel, command, html.escape(text, quote=False))
        payload["trigger_id"] = self._views.new_trigger(user.id)
        payload["response_url"] = self._response_urls.new(channel.id, user.id)
        began = self._workspace.stamp()
        views_before = set(self._workspace.views)
        taken = await self._sockets.deliver("slash_commands", payload, accepts_response=True)
        if taken.taken and (taken.payload.get("text") or taken.payload.get("blocks")):
            self._response_urls.respond(channel.id, user.id, "", taken.payload)
        await self._wait_for_answer(gesture, user, channel, began, views_before)
        return _outcome(taken) | self._seen(user, channel, began, views_before)

    def say(self, gesture: Mapping[str, Any]) -> dict[str, Any]:
        """Type a message: user, channel, text, thread_ts. ``raw``: the text is in Slack's own spelling already."""
        user, channel = self._who_where(gesture)
        given = str(gesture.get("text") or "")
        if not given:
            raise WrongGesture("an empty message cannot be sent")
        if channel.archived:
            raise WrongGesture(f"#{channel.name} is archived")
        text = given if gesture.get("raw") else html.escape(given, quote=False)
        if not gesture.get("raw"):
            text = text.replace(f"@{self._workspace.app_name}", f"<@{self._workspace.bot_user}>")
        thread = str(gesture.get("thread_ts") or "")
        message = self._workspace.add_message(
            Message(
                channel.id,
                self._workspace.stamp(),
                user.id,
                text,
                user.team_id,
                thread_ts=thread,
            )
        )
        self._announce(channel, message)
        return {"ok": True, "ts": message.ts}

    def _announce(self, channel: Channel, message: Message) -> None:
        workspace = self._workspace
        if workspace.bot_user not in channel.members:
            return
        kind, subscription = _CHANNEL_KINDS[channel.scope_family]
        event = message.as_json() | {"channel": channel.id, "event_ts": message.ts}
        if subscription in workspace.events:
            self._sockets.announce(event | {"channel_type": kind})
        if f"<@{workspace.bot_user}>" in message.text and "app_mention" in workspace.events:
            self._sockets.announce(event | {"type": "app_mention"})

    def _who_where(self, gesture: Mapping[str, Any]) -> tuple[User, Channel]:
        user = self._workspace.users.get(str(gesture.get("user")))
        channel = self._workspace.channels.get(str(gesture.get("channel")))
        if user is None or channel is None:
            raise WrongGesture(f"no such {'user' if user is None else 'channel'}")
        return user, channel

    def _open_view(self, gesture: Mapping[str, Any]) -> View:
        view = self._workspace.views.get(str(gesture.get("view_id")))
        if view is None or view.closed:
            raise WrongGesture("no such dialog is open")
        if str(gesture.get("user") or view.user) != view.user:
            raise WrongGesture("this dialog is open for somebody else")
        return view

    def _remember(self, view: View, values: Any) -> None:
        state = initial_state(view.content["blocks"])
        for block_id, by_action in state.items():
            kept = view.state.get(block_id, {})
            state[block_id] = {name: kept.get(name, value) for name, value in by_action.items()}
        for block_id, given in (values or {}).items():
            for action_id, value in given.items():
                _, element = find_element(view.content["blocks"], action_id, block_id)
                state[block_id][action_id] = state_value(element, value)
        view.state = state

    def _obey(self, view: View, answer: Mapping[str, Any]) -> None:
        wanted = answer.get("response_action")
        try:
            if wanted == "errors":
                view.errors = {str(block): str(text) for block, text in (answer.get("errors") or {}).items()}
                self._workspace.changed()
            elif wanted == "update":
                self._views.replace(view, check_modal(answer.get("view")))
            elif wanted == "push":
                self._views.show(view.user, check_modal(answer.get("view")), below=view)
            else:
                self._close(view, everything=wanted == "clear")
        except SlackRefusal as refused:
            view.errors = {"": f"the app's answer was refused: {refused.error} {refused.extra}"}
            self._workspace.changed()

    def _close(self, view: View, *, everything: bool) -> None:
        for one in self._workspace.views.values():
            if one is view or (everything and one.root == view.root):
                one.closed = True
        self._workspace.changed()

    def _warn(self, user: User, message: Message, entry: Mapping[str, Any], *, over: bool) -> None:
        """Put up the warning sign on a button; ``over``: take it down, for this press was acknowledged."""
        where = {
            "user": user.id,
            "channel": message.channel,
            "ts": message.ts,
            "block_id": entry["block_id"],
            "action_id": entry["action_id"],
        }
        if not over:
            self._workspace.warnings.append(where | {"over": False})
        else:
            for warning in self._workspace.warnings:
                if warning.items() >= where.items():
                    warning["over"] = True
        self._workspace.changed()

    async def _wait_for_answer(
        self, gesture: Mapping[str, Any], user: User, channel: Channel, began: str, views_before: set[str]
    ) -> None:
        seconds = float(gesture.get("wait_for_answer") or 0)
        if seconds <= 0:
            return
        try:
            async with asyncio.timeout(seconds):
                revision = 0
                while not any(self._seen(user, channel, began, views_before).values()):
                    revision = await self._workspace.change_after(revision)
        except TimeoutError:
            return

    def _seen(self, user: User, channel: Channel, began: str, views_before: set[str]) -> dict[str, Any]:
        """Give what came for this person alone since ``began``."""
        return {
            "ephemeral": [
                message.as_json()
                for message in self._workspace.visible(channel.id, user.id)
                if message.ephemeral_for == user.id and message.ts > began
            ],
            "views": [
                self._views.json(view)
                for view in self._workspace.views.values()
                if view.id not in views_before and view.user == user.id
            ],
        }


def _outcome(taken: Acknowledgement) -> dict[str, Any]:
    return {
        "ok": True,
        "acknowledged": taken.taken,
        "milliseconds": round(taken.seconds * 1000, 1),
        "envelope_id": taken.envelope_id,
    }


def _given(element: Mapping[str, Any], gesture: Mapping[str, Any]) -> Any:
    field = CHOICE_FIELDS[element["type"]]
    return gesture.get(field, gesture.get("value"))


def _state(
    blocks: list[dict[str, Any]],
    given: Any,
    block: Mapping[str, Any],
    element: Mapping[str, Any],
    entry: Mapping[str, Any],
) -> dict[str, Any]:
    """Give ``state.values`` of a message: what is preset, what was filled in, what was chosen just now."""
    state = initial_state(blocks)
    for block_id, by_action in (given or {}).items():
        for action_id, value in by_action.items():
            _, one = find_element(blocks, action_id, block_id)
            state[block_id][action_id] = state_value(one, value)
    if element["type"] not in {"button", "overflow"}:
        field = CHOICE_FIELDS[element["type"]]
        state[block["block_id"]][element["action_id"]] = {"type": element["type"], field: entry[field]}
    return state


def _missing(view: View) -> dict[str, str]:
    """Give what Slack's own client complains of before it submits, by block id."""
    errors: dict[str, str] = {}
    for block, element in elements(view.content["blocks"]):
        if block["type"] != "input":
            continue
        value = view.state[block["block_id"]][element["action_id"]][CHOICE_FIELDS[element["type"]]]
        if value in (None, "", []):
            if not block.get("optional"):
                errors[block["block_id"]] = "Please complete this required field."
        elif isinstance(value, str):
            if len(value) < element.get("min_length", 0):
                errors[block["block_id"]] = f"Please enter at least {element['min_length']} characters."
            elif len(value) > element.get("max_length", 3000):
                errors[block["block_id"]] = f"Please enter at most {element.get('max_length', 3000)} characters."
    return errors
