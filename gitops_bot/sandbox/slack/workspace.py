"""The state of one Slack workspace, in memory, and who is told when it changes."""

import asyncio
import secrets
import string
import time
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from gitops_bot.sandbox.slack.records import Channel, Message, Sharing, StoredFile, User, UserKind, View
from gitops_bot.sandbox.slack.refusals import SlackRefusal

# What the app may do and is told of, unless it is installed from a manifest.
DEFAULT_SCOPES = (
    "app_mentions:read",
    "channels:history",
    "channels:join",
    "channels:read",
    "chat:write",
    "commands",
    "files:read",
    "files:write",
    "groups:history",
    "groups:read",
    "im:history",
    "reactions:write",
    "users:read",
)
DEFAULT_EVENTS = ("app_mention", "message.im")
# How many calls, frames and warnings are remembered for a look.
REMEMBERED = 20_000


def new_id(prefix: str, length: int = 10) -> str:
    """Give an id as Slack's look: a letter, then capitals and digits."""
    return prefix + "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(length))


class Workspace:
    """Channels, people, messages, files and dialogs of one team, and the one app that is installed in it."""

    def __init__(self, origin: str = "") -> None:
        self.origin = origin
        self.team_id = new_id("T")
        self.team_domain = "sandbox"
        self.team_name = "Sandbox"
        self.enterprise_id = ""
        self.app_id = new_id("A")
        self.bot_id = new_id("B")
        self.app_name = "gitops-bot"
        self.verification_token = secrets.token_urlsafe(18)
        self.bot_token = f"xoxb-{secrets.randbelow(10**12):012}-{secrets.randbelow(10**12):012}-{secrets.token_hex(12)}"
        self.app_token = f"xapp-1-{self.app_id}-{secrets.randbelow(10**12):012}-{secrets.token_hex(32)}"
        self.scopes: tuple[str, ...] = DEFAULT_SCOPES
        self.app_scopes: tuple[str, ...] = ("connections:write",)
        self.events: tuple[str, ...] = DEFAULT_EVENTS
        self.commands: dict[str, str] = {}
        self.users: dict[str, User] = {}
        self.channels: dict[str, Channel] = {}
        # Channel id to its messages by timestamp, oldest first; ephemeral ones among them.
        self.messages: dict[str, dict[str, Message]] = {}
        # Channel and parent's timestamp to the replies ever made there.
        self._threads: dict[tuple[str, str], list[Message]] = {}
        self.files: dict[str, StoredFile] = {}
        self.views: dict[str, View] = {}
        self.calls: deque[dict[str, Any]] = deque(maxlen=REMEMBERED)
        # Clicks that nobody acknowledged: what a person sees as a warning sign on the button.
        self.warnings: deque[dict[str, Any]] = deque(maxlen=REMEMBERED)
        self.revision = 0
        self._changed = asyncio.Event()
        self._last_stamp = 0
        self.bot_user = self.add_user(self.app_name, kind="bot", real_name=self.app_name).id

    def install(self, manifest: Mapping[str, Any]) -> None:
        """Install the app as its manifest describes it: name, scopes, events, commands.

        ValueError when an app made from it could not work over Socket Mode.
        https://docs.slack.dev/reference/app-manifest
        """
        settings = manifest.get("settings", {})
        features = manifest.get("features", {})
        if not settings.get("socket_mode_enabled"):
            raise ValueError("settings.socket_mode_enabled is not true: the app would get no presses")
        if not settings.get("interactivity", {}).get("is_enabled"):
            raise ValueError("settings.interactivity.is_enabled is not true: buttons would do nothing")
        self.scopes = tuple(manifest.get("oauth_config", {}).get("scopes", {}).get("bot", ()))
        self.events = tuple(settings.get("event_subscriptions", {}).get("bot_events", ()))
        self.commands = {one["command"]: one.get("description", "") for one in features.get("slash_commands", ())}
        self.app_name = features.get("bot_user", {}).get("display_name") or manifest["display_information"]["name"]
        bot = self.users[self.bot_user]
        bot.name = bot.real_name = self.app_name
        self.changed()

    def changed(self) -> None:
        """Tell everybody who waits in ``change_after``."""
        self.revision += 1
        self._changed.set()
        self._changed = asyncio.Event()

    async def change_after(self, revision: int) -> int:
        """Wait until something is newer than ``revision``; give the newest revision."""
        while self.revision <= revision:
            await self._changed.wait()
        return self.revision

    def stamp(self) -> str:
        """Give a timestamp that no message had before: Slack's message id within a channel."""
        self._last_stamp = max(self._last_stamp + 1, time.time_ns() // 1000)
        return f"{self._last_stamp // 1_000_000}.{self._last_stamp % 1_000_000:06}"

    def add_user(self, name: str, *, kind: UserKind = "member", real_name: str = "") -> User:
        """Let somebody join; strangers and colleagues come from another team, the latter of our own organisation."""
        team = new_id("T") if kind in {"stranger", "colleague"} else self.team_id
        enterprise = "" if kind == "stranger" else self.enterprise_id
        user = User(new_id("U"), name, real_name or name, kind, team, int(time.time()), enterprise_id=enterprise)
        self.users[user.id] = user
        for channel in self.channels.values():
            if not channel.private and not channel.direct_with and (channel.shared == "external" or kind != "stranger"):
                channel.members.add(user.id)
        self.changed()
        return user

    def add_channel(
        self,
        name: str,
        *,
        shared: Sharing = "",
        private: bool = False,
        bot_joins: bool = True,
        direct_with: str = "",
    ) -> Channel:
        """Make a channel in which everybody is who may be; the bot too, unless told otherwise."""
        people = {
            user.id
            for user in self.users.values()
            if user.kind not in {"stranger", "bot"} or (shared == "external" and user.kind == "stranger")
        }
        members = {direct_with} if direct_with else people - {self.bot_user}
        if bot_joins:
            members.add(self.bot_user)
        channel = Channel(
            new_id("D" if direct_with else "C"),
            name,
            int(time.time()),
            self.bot_user,
            self.team_id,
            shared=shared,
            private=private,
            direct_with=direct_with,
            members=members,
        )
        self.channels[channel.id] = channel
        self.messages[channel.id] = {}
        self.changed()
        return channel

    def channel(self, channel_id: str) -> Channel:
        """Look up a channel as the app sees it: a private one without the bot does not exist."""
        channel = self.channels.get(channel_id)
        if channel is None or (channel.private and self.bot_user not in channel.members):
            raise SlackRefusal("channel_not_found")
        return channel

    def direct_message(self, user_id: str) -> Channel:
        """Give the conversation between the bot and one person, made at need."""
        if user_id not in self.users or self.users[user_id].deleted:
            raise SlackRefusal("channel_not_found")
        for channel in self.channels.values():
            if channel.direct_with == user_id:
                return channel
        return self.add_channel(f"direct-{user_id}", direct_with=user_id)

    def message(self, channel_id: str, ts: str) -> Message:
        """Look up a message that everybody sees."""
        message = self.messages.get(channel_id, {}).get(ts)
        if message is None or message.ephemeral_for:
            raise SlackRefusal("message_not_found")
        return message

    def visible(self, channel_id: str, user: str = "") -> Iterator[Message]:
        """Give a channel's messages, oldest first, with what only ``user`` sees."""
        for message in self.messages.get(channel_id, {}).values():
            if not message.ephemeral_for or message.ephemeral_for == user:
                yield message

    def replies(self, parent: Message) -> list[Message]:
        """Give the replies in a thread, oldest first."""
        there = self.messages[parent.channel]
        replies = self._threads.get((parent.channel, parent.ts), ())
        return [reply for reply in replies if reply.ts in there and not reply.ephemeral_for]

    def add_message(self, message: Message) -> Message:
        """Put a message into its channel."""
        self.messages[message.channel][message.ts] = message
        if message.thread_ts and message.thread_ts != message.ts:
            self._threads.setdefault((message.channel, message.thread_ts), []).append(message)
        self.changed()
        return message

    def message_json(self, message: Message, *, metadata: bool = False) -> dict[str, Any]:
        """Give a message with what its thread adds to it."""
        answer = message.as_json(metadata=metadata)
        replies = self.replies(message) if not message.thread_ts or message.thread_ts == message.ts else []
        if replies:
            people = list(dict.fromkeys(reply.user for reply in replies))
            answer |= {
                "thread_ts": message.ts,
                "reply_count": len(replies),
                "reply_users_count": len(people),
                "reply_users": people[:5],
                "latest_reply": replies[-1].ts,
                "is_locked": False,
                "subscribed": False,
            }
        elif message.thread_ts and message.thread_ts != message.ts:
            parent = self.messages[message.channel].get(message.thread_ts)
            if parent is not None:
                answer["parent_user_id"] = parent.user
        return answer

    def app_fields(self) -> dict[str, Any]:
        """Give the fields that mark a message as the app's."""
        icons = {f"image_{size}": f"{self.origin}/inbox/static/bot.svg" for size in (36, 48, 72)}
        return {
            "bot_id": self.bot_id,
            "app_id": self.app_id,
            "bot_profile": {
                "id": self.bot_id,
                "app_id": self.app_id,
                "name": self.app_name,
                "icons": icons,
                "deleted": False,
                "updated": self.users[self.bot_user].updated,
                "team_id": self.team_id,
            },
        }
