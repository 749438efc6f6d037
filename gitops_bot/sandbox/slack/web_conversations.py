"""The conversations.* and users.* methods."""

import base64
import binascii
import time
from collections.abc import Sequence
from typing import Any, TypeVar

from gitops_bot.sandbox.slack.arguments import Arguments
from gitops_bot.sandbox.slack.methods import Method, need_scope
from gitops_bot.sandbox.slack.records import Channel, Message
from gitops_bot.sandbox.slack.refusals import SlackRefusal
from gitops_bot.sandbox.slack.workspace import Workspace

_Item = TypeVar("_Item")
MOST_ITEMS = 1000
_KINDS = {"public_channel", "private_channel", "mpim", "im"}


def page(items: Sequence[_Item], arguments: Arguments, default: int) -> tuple[list[_Item], str]:
    """Cut one page out of a list; give it with the cursor of the next, empty at the end."""
    limit = arguments.integer("limit", default)
    if not 0 < limit <= MOST_ITEMS:
        raise SlackRefusal("invalid_limit")
    start = 0
    cursor = arguments.text("cursor", "")
    if cursor:
        try:
            start = int(base64.b64decode(cursor, validate=True).removeprefix(b"offset:"))
        except (binascii.Error, ValueError):
            raise SlackRefusal("invalid_cursor") from None
    rest = start + limit
    following = base64.b64encode(f"offset:{rest}".encode()).decode() if rest < len(items) else ""
    return list(items[start:rest]), following


def in_time(messages: Sequence[Message], arguments: Arguments) -> list[Message]:
    """Keep what lies between ``oldest`` and ``latest``; the ends themselves only if ``inclusive``."""
    inclusive = arguments.flag("inclusive")
    try:
        oldest = _microseconds(arguments.text("oldest", "0"))
        latest = _microseconds(arguments.text("latest", "") or f"{time.time() + 3600:.6f}")
    except ValueError:
        raise SlackRefusal("invalid_ts_oldest") from None
    stamps = ((message, _microseconds(message.ts)) for message in messages)
    return [
        message for message, stamp in stamps if oldest < stamp < latest or (inclusive and stamp in {oldest, latest})
    ]


def _microseconds(stamp: str) -> int:
    """Read a timestamp exactly: a float would mix up neighbours."""
    seconds, _, fraction = stamp.partition(".")
    return int(seconds or "0") * 1_000_000 + int((fraction + "000000")[:6])


class ConversationMethods:
    """Read channels and people."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def table(self) -> dict[str, Method]:
        """Give the methods by name."""
        return {
            "conversations.history": Method(self.history, 50),
            "conversations.replies": Method(self.replies, 50),
            "conversations.info": Method(self.info, 50),
            "conversations.members": Method(self.members, 100),
            "conversations.list": Method(self.list_channels, 20),
            "conversations.join": Method(self.join, 50, "channels:join"),
            "users.info": Method(self.user, 100, "users:read"),
            "users.list": Method(self.list_users, 20, "users:read"),
        }

    def history(self, arguments: Arguments) -> dict[str, Any]:
        """Give a channel's messages, newest first, without the replies in threads."""
        channel = self._readable(arguments, "history")
        messages = [
            message
            for message in self._workspace.visible(channel.id)
            if not message.thread_ts or message.thread_ts == message.ts
        ]
        some, cursor = page(in_time(messages, arguments)[::-1], arguments, 100)
        return self._messages(some, cursor, arguments) | {"pin_count": 0}

    def replies(self, arguments: Arguments) -> dict[str, Any]:
        """Give a thread, oldest first, its parent at the head."""
        channel = self._readable(arguments, "history")
        parent = self._workspace.messages[channel.id].get(arguments.text("ts"))
        if parent is None or parent.ephemeral_for:
            raise SlackRefusal("thread_not_found")
        replies = in_time(self._workspace.replies(parent), arguments)
        some, cursor = page([parent, *replies], arguments, MOST_ITEMS)
        return self._messages(some, cursor, arguments)

    def info(self, arguments: Arguments) -> dict[str, Any]:
        """Give one channel."""
        channel = self._channel(arguments, "read")
        answer = channel.as_json(app_user=self._workspace.bot_user)
        if arguments.flag("include_num_members"):
            answer["num_members"] = len(channel.members)
        return {"channel": answer}

    def members(self, arguments: Arguments) -> dict[str, Any]:
        """Give the ids of who is in a channel, apps included."""
        channel = self._channel(arguments, "read")
        some, cursor = page(sorted(channel.members), arguments, 100)
        return {"members": some, "response_metadata": {"next_cursor": cursor}}

    def list_channels(self, arguments: Arguments) -> dict[str, Any]:
        """Give the channels of the kinds asked for."""
        kinds = {kind.strip() for kind in arguments.text("types", "public_channel").split(",")}
        if kinds - _KINDS:
            raise SlackRefusal("invalid_types")
        families = {"public_channel": "channels", "private_channel": "groups", "im": "im", "mpim": "mpim"}
        wanted = {families[kind] for kind in kinds}
        for family in sorted(wanted):
            need_scope(self._workspace, f"{family}:read")
        bot = self._workspace.bot_user
        channels = [
            channel
            for channel in self._workspace.channels.values()
            if channel.scope_family in wanted
            and not (channel.private and bot not in channel.members)
            and not (channel.archived and arguments.flag("exclude_archived"))
        ]
        some, cursor = page(channels, arguments, 100)
        answers = [
            channel.as_json(app_user=bot) | ({} if channel.direct_with else {"num_members": len(channel.members)})
            for channel in some
        ]
        return {"channels": answers, "response_metadata": {"next_cursor": cursor}}

    def join(self, arguments: Arguments) -> dict[str, Any]:
        """Let the bot join a public channel."""
        channel = self._workspace.channel(arguments.text("channel"))
        if channel.private or channel.direct_with:
            raise SlackRefusal("method_not_supported_for_channel_type")
        if channel.archived:
            raise SlackRefusal("is_archived")
        already = self._workspace.bot_user in channel.members
        channel.members.add(self._workspace.bot_user)
        self._workspace.changed()
        answer: dict[str, Any] = {"channel": channel.as_json(app_user=self._workspace.bot_user)}
        if already:
            answer |= {"warning": "already_in_channel", "response_metadata": {"warnings": ["already_in_channel"]}}
        return answer

    def user(self, arguments: Arguments) -> dict[str, Any]:
        """Give one person."""
        user = self._workspace.users.get(arguments.text("user"))
        if user is None:
            raise SlackRefusal("user_not_found")
        return {"user": user.as_json(with_email="users:read.email" in self._workspace.scopes)}

    def list_users(self, arguments: Arguments) -> dict[str, Any]:
        """Give everybody of this team; strangers are known by users.info only."""
        people = [user for user in self._workspace.users.values() if user.team_id == self._workspace.team_id]
        some, cursor = page(people, arguments, 200)
        return {
            "members": [user.as_json() for user in some],
            "cache_ts": int(time.time()),
            "response_metadata": {"next_cursor": cursor},
        }

    def _channel(self, arguments: Arguments, right: str) -> Channel:
        channel = self._workspace.channel(arguments.text("channel"))
        need_scope(self._workspace, f"{channel.scope_family}:{right}")
        return channel

    def _readable(self, arguments: Arguments, right: str) -> Channel:
        channel = self._channel(arguments, right)
        if self._workspace.bot_user not in channel.members:
            raise SlackRefusal("not_in_channel")
        return channel

    def _messages(self, messages: list[Message], cursor: str, arguments: Arguments) -> dict[str, Any]:
        metadata = arguments.flag("include_all_metadata")
        answer: dict[str, Any] = {
            "messages": [self._workspace.message_json(message, metadata=metadata) for message in messages],
            "has_more": bool(cursor),
        }
        if cursor:
            answer["response_metadata"] = {"next_cursor": cursor}
        return answer
