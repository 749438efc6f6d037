"""The door to Slack: post, update, look up, upload, listen. Nothing is repeated that others can see."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from gitops_bot import telemetry
from gitops_bot.config import NetworkSettings, SlackSettings
from gitops_bot.errors import SlackRateLimited
from gitops_bot.models.chat import ChannelFacts, ChatFile, ChatIdentity, ChatMessage, ChatPerson, PostedMessage
from gitops_bot.rules.cleaning import clean
from gitops_bot.slack.channels import ChannelGate
from gitops_bot.slack.envelopes import dialog_metadata
from gitops_bot.slack.people import read_person
from gitops_bot.slack.sockets import OnClick, Sockets, library_log
from gitops_bot.slack.translation import FOREIGN_ERRORS, translate

log = telemetry.logger(__name__)

EVENT_TYPE = "gitops_bot"
# Seconds for one call; a post that takes longer is in doubt.
_TIMEOUT = 20
# How far back a lost message is looked for: pages of this many messages.
_PAGE = 200
_PAGES = 10
# Of a channel; whoever has more members knows who approves in it by other means.
_MOST_MEMBERS = 1_000
# A read that is refused for its rate waits and tries again, as long as this in all (seconds).
_LONGEST_WAIT = 90.0
# https://docs.slack.dev/reference/block-kit/composition-objects/text-object
_LONGEST_WHISPER = 3_000
# Slack shows larger snippets as plain files ("snippet_too_large").
_SNIPPET_BYTES = 1_000_000
_SNIPPETS = {"diff": "diff", "text": "text"}
# No call makes links, mentions or previews of what it finds in the text.
_INERT: Mapping[str, Any] = {"parse": "none", "link_names": False, "unfurl_links": False, "unfurl_media": False}

# A dialog that no message asked for.
_NOWHERE = PostedMessage("", "")

Answer = Awaitable[AsyncSlackResponse]


class SlackDoor:
    """Chat of journeys/ports.py, and the sockets that clicks arrive on."""

    def __init__(self, settings: SlackSettings, network: NetworkSettings) -> None:
        self._settings = settings
        self._network = network
        self._web = AsyncWebClient(
            base_url=settings.api_url,
            timeout=_TIMEOUT,
            ssl=network.certificates,
            # The library's own handler posts again after a lost connection.
            retry_handlers=[],
            logger=library_log(),
        )
        # After construction: with None, the library would take one from the environment.
        self._web.proxy = network.proxy_for(settings.api_url)
        self._identity: ChatIdentity | None = None
        self._channels = ChannelGate(self.channel_facts, allow_shared=settings.allow_shared_channels)
        self._sockets = Sockets(web=self._web, app_token=settings.read_app_token, proxy_for=network.proxy_for)

    def __repr__(self) -> str:
        return f"SlackDoor({self._settings.api_url!r})"

    @property
    def connected(self) -> bool:
        """Whether clicks can arrive: at least one socket is open."""
        return self._sockets.connected

    @property
    def problem(self) -> str:
        """What keeps the sockets from opening, in words; "" when nothing does."""
        return self._sockets.problem

    @property
    def channel_problem(self) -> str:
        """Why nothing is written to a channel, in words; "" when nothing keeps us."""
        return self._channels.problem

    async def start(self, on_click: OnClick) -> None:
        """Listen for clicks. Each is acknowledged only after ``on_click`` has returned.

        Comes back at once: Slack being away is no reason not to work, ``connected`` tells.
        """
        self._sockets.start(on_click)

    async def stop(self) -> None:
        """Close everything. May be called twice, and without start."""
        await self._sockets.stop()
        if self._web.session is not None:
            await self._web.session.close()
            self._web.session = None

    async def post(self, channel: str, message: ChatMessage, *, thread: str = "") -> PostedMessage:
        """Post once. SlackUnavailable: it may be there; look with ``find`` before posting again."""
        await self._channels.check(channel)
        answer = await self._call(
            "chat.postMessage",
            lambda: self._web.chat_postMessage(
                channel=channel, thread_ts=thread or None, **_content(message), **_INERT
            ),
        )
        return PostedMessage(str(answer["channel"]), str(answer["ts"]))

    async def update(self, posted: PostedMessage, message: ChatMessage) -> None:
        """Replace a message of ours."""
        await self._channels.check(posted.channel)
        await self._call(
            "chat.update",
            lambda: self._web.chat_update(
                channel=posted.channel, ts=posted.timestamp, parse="none", link_names=False, **_content(message)
            ),
        )

    async def find(self, channel: str, key: str, *, thread: str = "") -> PostedMessage | None:
        """Our message whose metadata carries this key: newest first in the recent history, or in this thread."""
        return (await self._scan(channel, until=key, thread=thread)).get(key)

    async def known_messages(self, channel: str) -> Mapping[str, PostedMessage]:
        """All messages of ours in the channel's recent history by their keys; of two with one key the newest."""
        return await self._scan(channel)

    async def files_in_thread(self, posted: PostedMessage) -> frozenset[str]:
        """Names of the files of ours that stand in the thread of a message."""
        return frozenset([str(file.get("name")) async for _, file in self._files(posted)])

    async def upload(self, posted: PostedMessage, file: ChatFile) -> str:
        """Put a file into the thread of a message; returns Slack's file id."""
        await self._channels.check(posted.channel)
        snippet = _SNIPPETS.get(file.kind) if len(file.content) <= _SNIPPET_BYTES else None
        answer = await self._call(
            "files.completeUploadExternal",
            lambda: self._web.files_upload_v2(
                filename=file.name,
                title=file.title,
                content=file.content,
                snippet_type=snippet,
                channel=posted.channel,
                thread_ts=posted.timestamp,
            ),
        )
        return str(answer["files"][0]["id"])

    async def remove_file(self, posted: PostedMessage, name: str) -> bool:
        """Take a file of ours out of the thread of a message; False when none of this name stands there."""
        found = [(said, str(file["id"])) async for said, file in self._files(posted) if file.get("name") == name]
        for timestamp, file_id in found:
            # The message first: a file that is gone has no name by which its message could be found again.
            await self._call("chat.delete", partial(self._web.chat_delete, channel=posted.channel, ts=timestamp))
            await self._call("files.delete", partial(self._web.files_delete, file=file_id))
        return bool(found)

    async def whisper(self, channel: str, user: str, text: str) -> None:
        """Tell one person something that only they see; nothing in it is parsed. Not guaranteed by Slack."""
        said = clean(text)
        if len(said) > _LONGEST_WHISPER:
            said = f"{said[: _LONGEST_WHISPER - 1]}…"
        words = {"type": "plain_text", "text": said or "-", "emoji": False}
        fallback = said.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        await self._call(
            "chat.postEphemeral",
            lambda: self._web.chat_postEphemeral(
                channel=channel,
                user=user,
                text=fallback,
                blocks=[{"type": "section", "text": words}],
                parse="none",
                link_names=False,
            ),
        )

    async def open_dialog(
        self, trigger_id: str, view: Mapping[str, object], *, value: str = "", message: PostedMessage = _NOWHERE
    ) -> str:
        """Open a modal within 3 s of the click; returns the view's id.

        Its submission comes as a Click with this ``value`` and ``message``, whose action is the view's ``callback_id``.
        """
        content = {"private_metadata": dialog_metadata(value, message), **view}
        answer = await self._call("views.open", lambda: self._web.views_open(trigger_id=trigger_id, view=content))
        return str(answer["view"]["id"])

    async def update_dialog(
        self, view_id: str, view: Mapping[str, object], *, value: str = "", message: PostedMessage = _NOWHERE
    ) -> None:
        """Show something else in an open modal. SlackRefused when it was closed meanwhile."""
        content = {"private_metadata": dialog_metadata(value, message), **view}
        await self._call("views.update", lambda: self._web.views_update(view_id=view_id, view=content))

    async def identity(self) -> ChatIdentity:
        """Who we are; asked once."""
        if self._identity is None:
            answer = await self._read("auth.test", self._web.auth_test)
            scopes = str(answer.headers.get("x-oauth-scopes") or answer.headers.get("X-OAuth-Scopes") or "")
            self._identity = ChatIdentity(
                team=str(answer["team_id"]),
                user=str(answer["user_id"]),
                bot=str(answer["bot_id"]),
                scopes=frozenset(scope.strip() for scope in scopes.split(",") if scope.strip()),
                enterprise=str(answer.get("enterprise_id") or ""),
            )
        return self._identity

    async def person(self, user: str) -> ChatPerson:
        """An account as it is at this moment. Needs users:read; SlackRefused for one that does not exist."""
        answer = await self._read("users.info", lambda: self._web.users_info(user=user))
        return read_person(answer["user"])

    async def channel_facts(self, channel: str) -> ChannelFacts:
        """What ``check`` wants to know of a channel. Needs channels:read (or groups:read)."""
        answer = await self._read("conversations.info", lambda: self._web.conversations_info(channel=channel))
        known = answer["channel"]
        return ChannelFacts(
            name=str(known.get("name") or ""),
            is_member=bool(known.get("is_member")),
            is_archived=bool(known.get("is_archived")),
            # ``is_shared`` alone is also true for a channel that only other workspaces of ours share.
            is_shared=bool(
                known.get("is_ext_shared")
                or known.get("is_pending_ext_shared")
                or known.get("pending_shared")
                or (known.get("is_shared") and not known.get("is_org_shared"))
            ),
        )

    async def members(self, channel: str) -> tuple[str, ...]:
        """Who is in a channel, apps included. Needs channels:read (or groups:read)."""
        found: list[str] = []
        cursor = ""
        while True:
            answer = await self._read(
                "conversations.members",
                partial(self._web.conversations_members, channel=channel, limit=200, cursor=cursor),
            )
            found += [str(member) for member in answer["members"]]
            cursor = str((answer.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor or len(found) >= _MOST_MEMBERS:
                return tuple(found)

    @property
    def other_sockets(self) -> int:
        """How many sockets Slack counts for this app beside ours: another program of the same app takes clicks."""
        return self._sockets.counted_beside_ours

    async def _files(self, posted: PostedMessage) -> AsyncIterator[tuple[str, Mapping[str, Any]]]:
        """Give the files of ours in the thread of a message, each with the timestamp of what it stands in."""
        us = await self.identity()
        call = partial(self._web.conversations_replies, channel=posted.channel, ts=posted.timestamp, limit=_PAGE)
        async for message in self._pages("conversations.replies", call):
            for file in message.get("files") or ():
                if file.get("user") == us.user:
                    yield str(message["ts"]), file

    async def _scan(self, channel: str, until: str = "", thread: str = "") -> dict[str, PostedMessage]:
        """Read the channel's history, newest first, or a thread, as far as allowed or until a key is found."""
        us = await self.identity()
        found: dict[str, PostedMessage] = {}
        common: dict[str, Any] = {"channel": channel, "limit": _PAGE, "include_all_metadata": True}
        method, call = "conversations.history", partial(self._web.conversations_history, **common)
        if thread:
            method, call = "conversations.replies", partial(self._web.conversations_replies, ts=thread, **common)
        async for message in self._pages(method, call):
            key = _key(message, us)
            if key:
                found.setdefault(key, PostedMessage(channel, str(message["ts"])))
            if key and key == until:
                break
        return found

    async def _pages(self, method: str, call: Callable[..., Answer]) -> AsyncIterator[Mapping[str, Any]]:
        """Give the messages of a paged method, as far as we look."""
        cursor = ""
        for _ in range(_PAGES):
            answer = await self._read(method, partial(call, cursor=cursor or None))
            for message in answer.get("messages") or ():
                yield message
            cursor = str((answer.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                break

    async def _read(self, method: str, call: Callable[[], Answer]) -> AsyncSlackResponse:
        """Call a method that changes nothing: it may wait for its turn and be repeated."""
        waited = 0.0
        while True:
            try:
                return await self._call(method, call)
            except SlackRateLimited as error:
                waited += error.retry_after
                if waited > _LONGEST_WAIT:
                    raise
                log.info("Slack asks to wait", method=method, seconds=error.retry_after)
                await asyncio.sleep(error.retry_after)

    async def _call(self, method: str, call: Callable[[], Answer]) -> AsyncSlackResponse:
        """Call once, with the token as it is now, and translate what goes wrong."""
        self._web.token = self._settings.read_bot_token()
        if self._web.session is None or self._web.session.closed:
            self._web.session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_TIMEOUT))
        try:
            return await call()
        except FOREIGN_ERRORS as error:
            raise translate(error, method) from error


def _content(message: ChatMessage) -> dict[str, Any]:
    content: dict[str, Any] = {"text": message.text, "blocks": [dict(block) for block in message.blocks]}
    if message.key:
        content["metadata"] = {"event_type": EVENT_TYPE, "event_payload": {"key": message.key}}
    return content


def _key(message: Mapping[str, Any], us: ChatIdentity) -> str:
    """Give the key of a message of ours, "" for any other: metadata alone could be somebody else's."""
    metadata = message.get("metadata") or {}
    if message.get("bot_id") != us.bot or metadata.get("event_type") != EVENT_TYPE:
        return ""
    return str((metadata.get("event_payload") or {}).get("key") or "")
