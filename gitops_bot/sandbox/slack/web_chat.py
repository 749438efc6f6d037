"""The chat.* and reactions.* methods."""

import copy
import re
from typing import Any

from gitops_bot.sandbox.slack.arguments import Arguments
from gitops_bot.sandbox.slack.block_kit import check_message_blocks, check_metadata
from gitops_bot.sandbox.slack.methods import Method
from gitops_bot.sandbox.slack.records import Channel, Message
from gitops_bot.sandbox.slack.refusals import SlackRefusal
from gitops_bot.sandbox.slack.workspace import Workspace

# Slack cuts what is longer; a stand-in that cut it silently would hide the loss.
POST_CHARACTERS = 40_000
# chat.update refuses earlier: https://api.slack.com/methods/chat.update
UPDATE_CHARACTERS = 4_000


class ChatMethods:
    """Post, edit, delete and link messages of the app."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def table(self) -> dict[str, Method]:
        """Give the methods by name."""
        return {
            "chat.postMessage": Method(self.post_message, 300, "chat:write"),
            "chat.update": Method(self.update, 50, "chat:write"),
            "chat.delete": Method(self.delete, 50, "chat:write"),
            "chat.postEphemeral": Method(self.post_ephemeral, 100, "chat:write"),
            "chat.getPermalink": Method(self.get_permalink, 300),
            "reactions.add": Method(self.add_reaction, 50, "reactions:write"),
        }

    def post_message(self, arguments: Arguments) -> dict[str, Any]:
        """Post to a channel, a thread, or (by a user id) a direct message."""
        channel = self._writable(arguments.text("channel"))
        text, blocks = self._content(arguments, POST_CHARACTERS, listed=True)
        metadata = None
        if arguments.has("metadata"):
            metadata = check_metadata(arguments.structure("metadata", "invalid_metadata_format"))
        thread = self._thread(channel, arguments)
        message = self._workspace.add_message(
            self.new_message(channel, text, blocks=blocks, thread=thread, metadata=metadata)
        )
        answer = self._workspace.message_json(message, metadata=True)
        return {"channel": channel.id, "ts": message.ts, "message": answer}

    def new_message(
        self,
        channel: Channel,
        text: str,
        *,
        blocks: list[dict[str, Any]] | None = None,
        thread: str = "",
        metadata: dict[str, Any] | None = None,
        ephemeral_for: str = "",
    ) -> Message:
        """Give a message of the app, not yet in its channel."""
        workspace = self._workspace
        return Message(
            channel.id,
            workspace.stamp(),
            workspace.bot_user,
            text,
            workspace.team_id,
            blocks=blocks,
            thread_ts=thread,
            metadata=metadata,
            ephemeral_for=ephemeral_for,
            subtype="",
            app=workspace.app_fields(),
        )

    def update(self, arguments: Arguments) -> dict[str, Any]:
        """Replace a message of the app's own."""
        channel = self._writable(arguments.text("channel"))
        message = self._own(channel, arguments.text("ts"), "cant_update_message")
        given_text = arguments.has("text")
        text, blocks = self._content(arguments, UPDATE_CHARACTERS, needs_text=False)
        if arguments.has("metadata"):
            message.metadata = check_metadata(arguments.structure("metadata", "invalid_metadata_format"))
        replace(message, text=text if given_text else None, blocks=blocks, ts=self._workspace.stamp())
        self._workspace.changed()
        # The message in this answer has neither its timestamp nor anything of its thread.
        answer = message.as_json(metadata=True)
        answer = {name: value for name, value in answer.items() if name not in {"ts", "thread_ts"}}
        return {"channel": channel.id, "ts": message.ts, "text": message.text, "message": answer}

    def delete(self, arguments: Arguments) -> dict[str, Any]:
        """Delete a message of the app's own."""
        channel = self._writable(arguments.text("channel"))
        message = self._own(channel, arguments.text("ts"), "cant_delete_message")
        del self._workspace.messages[channel.id][message.ts]
        self._workspace.changed()
        return {"channel": channel.id, "ts": message.ts}

    def post_ephemeral(self, arguments: Arguments) -> dict[str, Any]:
        """Tell one person something that only they see."""
        channel = self._writable(arguments.text("channel"))
        user = arguments.text("user")
        if user not in channel.members or self._workspace.users[user].deleted:
            raise SlackRefusal("user_not_in_channel")
        text, blocks = self._content(arguments, POST_CHARACTERS)
        thread = self._thread(channel, arguments)
        message = self.new_message(channel, text, blocks=blocks, thread=thread, ephemeral_for=user)
        self._workspace.add_message(message)
        return {"message_ts": message.ts}

    def get_permalink(self, arguments: Arguments) -> dict[str, Any]:
        """Give the address of a message in the inbox page."""
        channel = self._workspace.channel(arguments.text("channel"))
        message = self._workspace.message(channel.id, arguments.text("message_ts"))
        link = f"{self._workspace.origin}/archives/{channel.id}/p{message.ts.replace('.', '')}"
        if message.thread_ts and message.thread_ts != message.ts:
            link += f"?thread_ts={message.thread_ts}&cid={channel.id}"
        return {"channel": channel.id, "permalink": link}

    def add_reaction(self, arguments: Arguments) -> dict[str, Any]:
        """Put an emoji under a message."""
        channel = self._writable(arguments.text("channel"))
        message = self._workspace.message(channel.id, arguments.text("timestamp"))
        name = arguments.text("name").strip(":")
        if not re.fullmatch(r"[a-z0-9_+'-]{1,100}(::skin-tone-[2-6])?", name):
            raise SlackRefusal("invalid_name")
        people = message.reactions.setdefault(name, [])
        if self._workspace.bot_user in people:
            raise SlackRefusal("already_reacted")
        people.append(self._workspace.bot_user)
        self._workspace.changed()
        return {}

    def _writable(self, name: str) -> Channel:
        workspace = self._workspace
        channel = workspace.direct_message(name) if name.startswith(("U", "W")) else workspace.channel(name)
        if channel.archived:
            raise SlackRefusal("is_archived")
        if workspace.bot_user not in channel.members and "chat:write.public" not in workspace.scopes:
            raise SlackRefusal("not_in_channel")
        return channel

    def _own(self, channel: Channel, ts: str, error: str) -> Message:
        message = self._workspace.message(channel.id, ts)
        if message.user != self._workspace.bot_user:
            raise SlackRefusal(error)
        return message

    def _thread(self, channel: Channel, arguments: Arguments) -> str:
        thread = arguments.text("thread_ts", "")
        if not thread:
            return ""
        parent = self._workspace.messages[channel.id].get(thread)
        if parent is None or parent.ephemeral_for:
            raise SlackRefusal("thread_not_found")
        # A reply to a reply joins the same thread.
        return parent.thread_ts or parent.ts

    def _content(
        self, arguments: Arguments, most: int, *, needs_text: bool = True, listed: bool = False
    ) -> tuple[str, list[dict[str, Any]] | None]:
        text = arguments.text("text", "")
        if len(text) > most:
            raise SlackRefusal("msg_too_long")
        blocks = None
        if arguments.has("blocks"):
            given = arguments.structure("blocks", "invalid_blocks_format")
            if not isinstance(given, list):
                raise SlackRefusal("invalid_blocks_format")
            # An empty list removes the blocks of a message.
            blocks = check_message_blocks(given, listed=listed) if given else []
        if not text and not blocks and (needs_text or not arguments.has("blocks")):
            raise SlackRefusal("no_text")
        return text, blocks


def replace(message: Message, *, text: str | None, blocks: list[dict[str, Any]] | None, ts: str) -> None:
    """Put new content into a message. Text without blocks removes the blocks, as chat.update does."""
    before = copy.copy(message)
    if text is not None:
        message.text = text
    if blocks is not None:
        message.blocks = blocks or None
    elif text is not None:
        message.blocks = None
    message.edited_ts = ts
    message.shows_edited = before.shows_edited or message.blocks is None
