"""What goes to and comes from Slack."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class ChatMessage:
    """A message ready to be posted.

    ``text`` is the fallback for notifications and screen readers; ``blocks`` are Block Kit
    blocks as JSON values; ``key`` goes into the message's metadata, so that a message whose
    post was doubtful can be found again.
    """

    text: str
    blocks: tuple[Mapping[str, Any], ...]
    key: str = ""


@dataclass(frozen=True)
class PostedMessage:
    """Where a message stands: Slack's channel id and timestamp."""

    channel: str
    timestamp: str


@dataclass(frozen=True)
class ChatFile:
    """A file for a thread."""

    name: str
    title: str
    content: bytes
    # "text", "html", "diff": what Slack should take it for.
    kind: str = "text"
    # Name of a file in the same thread whose place this one takes; "" for none.
    replaces: str = ""


@dataclass(frozen=True)
class Click:
    """A button or menu that somebody pressed, as it came over the socket.

    ``key`` is unique per press and equal for a replay of it. ``value`` is the button's own:
    an opaque id of ours, believed only after a look into the store.
    """

    key: str
    action: str
    value: str
    user: str
    team: str
    message: PostedMessage
    trigger_id: str = field(default="", repr=False)
    response_url: str = field(default="", repr=False)
    at: datetime | None = None
    # Empty unless the workspace belongs to an Enterprise Grid organisation.
    enterprise: str = ""
    # What a submitted dialog says, by field.
    inputs: Mapping[str, str] = field(default_factory=dict)
    # Whether it is the submission of a dialog that we opened, so that its person has confirmed what it showed.
    from_dialog: bool = False


@dataclass(frozen=True)
class ChatIdentity:
    """Who the bot token belongs to, and what it may do."""

    team: str
    user: str
    bot: str
    scopes: frozenset[str]
    # Empty unless the workspace belongs to an Enterprise Grid organisation.
    enterprise: str = ""


@dataclass(frozen=True)
class ChatPerson:
    """An account of the chat as it is at this moment: what decides whether its owner is one of us."""

    user: str
    team: str
    # Empty unless the account belongs to an Enterprise Grid organisation.
    enterprise: str = ""
    # Let into some channels only: https://slack.com/help/articles/202518103
    is_guest: bool = False
    # Of another organisation, here by Slack Connect.
    is_stranger: bool = False
    is_bot: bool = False
    is_deactivated: bool = False
    # "" without the scope users:read.email.
    email: str = field(default="", repr=False)


@dataclass(frozen=True)
class ChannelFacts:
    """What decides whether the bot can and should write to a channel."""

    name: str
    is_member: bool
    is_archived: bool
    # Shared with another organisation by Slack Connect, or about to be: an invitation is open.
    is_shared: bool
