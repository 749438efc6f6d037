"""What a workspace is made of: people, channels, messages, files and dialogs, as Slack writes them in JSON."""

import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

UserKind = Literal["member", "guest", "single_channel_guest", "stranger", "colleague", "bot"]
# Whether a channel is shared: with another organisation, soon (an open invitation), with other workspaces of ours.
Sharing = Literal["", "external", "pending", "organisation"]


@dataclass
class User:
    """A person or a bot.

    A *stranger* belongs to another organisation (Slack Connect), a *colleague* to another workspace
    of the same Enterprise Grid organisation.
    """

    id: str
    name: str
    real_name: str
    kind: UserKind
    team_id: str
    updated: int
    deleted: bool = False
    # Set in a workspace of an Enterprise Grid organisation.
    enterprise_id: str = ""
    email: str = ""

    def as_json(self, *, with_email: bool = False) -> dict[str, Any]:
        """Give the user object of users.info; the address only for apps that may read it."""
        answer: dict[str, Any] = {
            "id": self.id,
            "team_id": self.team_id,
            "name": self.name,
            "deleted": self.deleted,
            "real_name": self.real_name,
            "tz": "Europe/Berlin",
            "tz_label": "Central European Time",
            "tz_offset": 3600,
            "profile": {
                "real_name": self.real_name,
                "real_name_normalized": self.real_name,
                "display_name": self.name,
                "display_name_normalized": self.name,
                "team": self.team_id,
            },
            "is_admin": False,
            "is_owner": False,
            "is_primary_owner": False,
            "is_restricted": self.kind in {"guest", "single_channel_guest"},
            "is_ultra_restricted": self.kind == "single_channel_guest",
            "is_bot": self.kind == "bot",
            "is_app_user": False,
            "updated": self.updated,
        }
        if with_email and self.email:
            answer["profile"]["email"] = self.email
        if self.kind == "stranger":
            answer["is_stranger"] = True
        if self.enterprise_id:
            answer["enterprise_user"] = {
                "id": self.id,
                "enterprise_id": self.enterprise_id,
                "enterprise_name": "Enterprise",
                "is_admin": False,
                "is_owner": False,
                "teams": [self.team_id],
            }
        return answer


@dataclass
class Channel:
    """A channel. ``shared`` "external" or "pending": with another organisation by Slack Connect."""

    id: str
    name: str
    created: int
    creator: str
    team_id: str
    shared: Sharing = ""
    private: bool = False
    archived: bool = False
    # For a direct message: the person at the other end.
    direct_with: str = ""
    members: set[str] = field(default_factory=set)

    @property
    def scope_family(self) -> str:
        """The first half of the scopes that rule this channel: channels:read, groups:history, …."""
        if self.direct_with:
            return "im"
        return "groups" if self.private else "channels"

    def as_json(self, *, app_user: str) -> dict[str, Any]:
        """Give the channel object of conversations.info, as the app's own user sees it."""
        if self.direct_with:
            return {
                "id": self.id,
                "created": self.created,
                "is_archived": self.archived,
                "is_im": True,
                "is_org_shared": False,
                "user": self.direct_with,
                "is_open": True,
            }
        return {
            "id": self.id,
            "name": self.name,
            "name_normalized": self.name,
            "is_channel": not self.private,
            "is_group": self.private,
            "is_im": False,
            "is_mpim": False,
            "is_private": self.private,
            "created": self.created,
            "creator": self.creator,
            "is_archived": self.archived,
            "is_general": False,
            "unlinked": 0,
            "is_shared": self.shared in {"external", "organisation"},
            "is_org_shared": self.shared == "organisation",
            "is_pending_ext_shared": self.shared == "pending",
            "is_ext_shared": self.shared == "external",
            "pending_shared": ["T0INVITED0"] if self.shared == "pending" else [],
            "context_team_id": self.team_id,
            "shared_team_ids": [self.team_id],
            "is_member": app_user in self.members,
            "topic": {"value": "", "creator": "", "last_set": 0},
            "purpose": {"value": "", "creator": "", "last_set": 0},
            "previous_names": [],
        }


@dataclass
class StoredFile:
    """A file in the three steps of its upload: announced, uploaded, shared."""

    id: str
    name: str
    size: int
    user: str
    created: int
    origin: str
    snippet_type: str = ""
    title: str = ""
    content: bytes | None = None
    completed: bool = False
    # Channel id to the timestamps of the messages that show it.
    shares: dict[str, list[str]] = field(default_factory=dict)

    @property
    def mimetype(self) -> str:
        """The media type, from the name as Slack does."""
        if self.name.endswith((".diff", ".patch", ".yaml", ".yml", ".md", ".log")):
            return "text/plain"
        return mimetypes.guess_type(self.name)[0] or "application/octet-stream"

    @property
    def filetype(self) -> str:
        """Slack's short word for the kind of file."""
        return self.snippet_type or self.name.rpartition(".")[2].lower() or "binary"

    def as_json(self) -> dict[str, Any]:
        """Give the file object of files.info."""
        private = f"{self.origin}/files-pri/{self.id}/{self.name}"
        return {
            "id": self.id,
            "created": self.created,
            "timestamp": self.created,
            "name": self.name,
            "title": self.title or self.name,
            "mimetype": self.mimetype,
            "filetype": self.filetype,
            "pretty_type": self.filetype.upper(),
            "user": self.user,
            "editable": bool(self.snippet_type),
            "size": self.size,
            "mode": "snippet" if self.snippet_type else "hosted",
            "is_external": False,
            "external_type": "",
            "is_public": True,
            "public_url_shared": False,
            "display_as_bot": False,
            "username": "",
            "url_private": private,
            "url_private_download": f"{private}?download=1",
            "permalink": f"{self.origin}/inbox/files/{self.id}/{self.name}",
            "comments_count": 0,
            "shares": {
                "public": {channel: [{"ts": ts} for ts in stamps] for channel, stamps in self.shares.items()},
            },
            "channels": list(self.shares),
            "groups": [],
            "ims": [],
            "has_rich_preview": False,
        }


@dataclass
class Message:
    """A message in a channel or thread; ``ephemeral_for`` names the only person who sees it."""

    channel: str
    ts: str
    user: str
    text: str
    team: str
    blocks: list[dict[str, Any]] | None = None
    thread_ts: str = ""
    metadata: dict[str, Any] | None = None
    edited_ts: str = ""
    # Slack shows "edited" only when the text was edited, not when blocks were replaced.
    shows_edited: bool = False
    ephemeral_for: str = ""
    subtype: str = ""
    # The fields that say which app wrote it; empty for a person.
    app: Mapping[str, Any] = field(default_factory=dict)
    files: list[StoredFile] = field(default_factory=list)
    reactions: dict[str, list[str]] = field(default_factory=dict)

    def as_json(self, *, metadata: bool = False) -> dict[str, Any]:
        """Give the message object; what replies say about it is added by the workspace."""
        answer: dict[str, Any] = {"type": "message", "user": self.user, "ts": self.ts, "text": self.text}
        answer["team"] = self.team
        answer.update(self.app)
        if self.subtype:
            answer["subtype"] = self.subtype
        if self.blocks is not None:
            answer["blocks"] = self.blocks
        if self.thread_ts:
            answer["thread_ts"] = self.thread_ts
        if metadata and self.metadata is not None:
            answer["metadata"] = self.metadata
        if self.edited_ts:
            answer["edited"] = {"user": self.user, "ts": self.edited_ts}
        if self.files:
            answer["files"] = [file.as_json() for file in self.files]
            answer["upload"] = False
        if self.reactions:
            answer["reactions"] = [
                {"name": name, "users": users, "count": len(users)} for name, users in self.reactions.items()
            ]
        return answer


@dataclass
class View:
    """An open dialog of one person."""

    id: str
    user: str
    content: dict[str, Any]
    hash: str
    root: str
    previous: str = ""
    external_id: str = ""
    state: dict[str, dict[str, Any]] = field(default_factory=dict)
    # What the app answered to the last submission, by block id.
    errors: dict[str, str] = field(default_factory=dict)
    closed: bool = False

    def as_json(self, *, team: str, app: str, bot: str) -> dict[str, Any]:
        """Give the view object of views.open."""
        content = self.content
        return {
            "id": self.id,
            "team_id": team,
            "type": content["type"],
            "blocks": content["blocks"],
            "private_metadata": content.get("private_metadata", ""),
            "callback_id": content.get("callback_id", ""),
            "state": {"values": self.state},
            "hash": self.hash,
            "title": content["title"],
            "clear_on_close": bool(content.get("clear_on_close", False)),
            "notify_on_close": bool(content.get("notify_on_close", False)),
            "close": content.get("close"),
            "submit": content.get("submit"),
            "previous_view_id": self.previous or None,
            "root_view_id": self.root,
            "app_id": app,
            "external_id": self.external_id,
            "app_installed_team_id": team,
            "bot_id": bot,
        }
