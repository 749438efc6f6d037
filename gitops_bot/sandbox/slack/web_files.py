"""The files.* methods: announce, upload, complete."""

import asyncio
import re
import time
from typing import Any

from aiohttp import web

from gitops_bot.sandbox.slack.arguments import Arguments
from gitops_bot.sandbox.slack.block_kit import check_message_blocks
from gitops_bot.sandbox.slack.methods import Method
from gitops_bot.sandbox.slack.records import StoredFile
from gitops_bot.sandbox.slack.refusals import SlackRefusal
from gitops_bot.sandbox.slack.web_chat import ChatMethods
from gitops_bot.sandbox.slack.workspace import Workspace, new_id

SNIPPET_BYTES = 1 << 20
# Slack takes 1 GB; these are kept in memory.
FILE_BYTES = 64 << 20
# Seconds until an uploaded file shows up in its channel: Slack works on it in the background.
SHARE_DELAY = 0.2


class FileMethods:
    """Upload files in three steps."""

    def __init__(self, workspace: Workspace, chat: ChatMethods) -> None:
        self._workspace = workspace
        self._chat = chat
        self._sharing: set[asyncio.Task[None]] = set()
        self.share_delay = SHARE_DELAY
        self.enabled = True

    def table(self) -> dict[str, Method]:
        """Give the methods by name."""
        return {
            "files.getUploadURLExternal": Method(self.get_upload_url, 100, "files:write"),
            "files.completeUploadExternal": Method(self.complete, 100, "files:write"),
            "files.delete": Method(self.delete, 50, "files:write"),
            "files.info": Method(self.info, 100, "files:read"),
        }

    def get_upload_url(self, arguments: Arguments) -> dict[str, Any]:
        """Announce a file."""
        if not self.enabled:
            raise SlackRefusal("file_uploads_disabled")
        name, length = arguments.text("filename"), arguments.integer("length", 0)
        if length <= 0:
            raise SlackRefusal("missing_argument")
        snippet = arguments.text("snippet_type", "")
        if snippet and length > SNIPPET_BYTES:
            raise SlackRefusal("snippet_too_large")
        if length > FILE_BYTES:
            raise SlackRefusal("file_upload_size_restricted")
        workspace = self._workspace
        file = StoredFile(
            new_id("F"),
            re.sub(r"[\x00-\x1f/\\]", "_", name),
            length,
            workspace.bot_user,
            int(time.time()),
            workspace.origin,
            snippet_type=snippet,
        )
        workspace.files[file.id] = file
        return {"upload_url": f"{workspace.origin}/upload/v1/{file.id}", "file_id": file.id}

    async def upload(self, request: web.Request) -> web.Response:
        """Take the bytes, raw or as the first file of a form."""
        file = self._workspace.files.get(request.match_info["file"])
        if file is None or file.completed:
            return web.Response(status=404, text="not found")
        content = await _bytes_of(request)
        if len(content) != file.size:
            return web.Response(status=400, text="the size is not what was announced")
        file.content = content
        return web.Response(text=f"OK - {len(content)}")

    def complete(self, arguments: Arguments) -> dict[str, Any]:
        """Publish uploaded files, in a channel or thread if one is named."""
        items = arguments.structure("files", "invalid_arguments")
        if not isinstance(items, list) or not items or not all(isinstance(one, dict) and "id" in one for one in items):
            raise SlackRefusal("invalid_arguments")
        files = [self._uploaded(str(item["id"])) for item in items]
        channels = [arguments.text("channel_id", ""), *arguments.text("channels", "").split(",")]
        channels = list(dict.fromkeys(channel for channel in channels if channel))
        thread = arguments.text("thread_ts", "")
        if thread and len(channels) > 1:
            raise SlackRefusal("invalid_arguments")
        comment = arguments.text("initial_comment", "")
        blocks = None
        if arguments.has("blocks") and not comment:
            blocks = check_message_blocks(arguments.structure("blocks", "invalid_blocks_format"))
        for channel_id in channels:
            channel = self._workspace.channel(channel_id)
            if channel.archived:
                raise SlackRefusal("is_archived")
            if self._workspace.bot_user not in channel.members:
                raise SlackRefusal("not_in_channel")
            if thread and thread not in self._workspace.messages[channel_id]:
                raise SlackRefusal("invalid_arguments")
        for file, item in zip(files, items, strict=True):
            file.title, file.completed = str(item.get("title") or file.name), True
        if channels:
            task = asyncio.get_running_loop().create_task(
                self._share(files, channels, thread, comment, blocks), name="share an uploaded file"
            )
            self._sharing.add(task)
            task.add_done_callback(self._sharing.discard)
        return {"files": [file.as_json() for file in files]}

    def delete(self, arguments: Arguments) -> dict[str, Any]:
        """Delete a file of the app's own; messages that show it say so."""
        file = self._workspace.files.get(arguments.text("file"))
        if file is None or not file.completed:
            raise SlackRefusal("file_not_found")
        if file.user != self._workspace.bot_user:
            raise SlackRefusal("cant_delete_file")
        del self._workspace.files[file.id]
        self._workspace.changed()
        return {}

    def info(self, arguments: Arguments) -> dict[str, Any]:
        """Give one file."""
        file = self._workspace.files.get(arguments.text("file"))
        if file is None or not file.completed:
            raise SlackRefusal("file_not_found")
        return {"file": file.as_json(), "comments": [], "response_metadata": {"next_cursor": ""}}

    async def close(self) -> None:
        """Stop what is still on its way into a channel."""
        for task in tuple(self._sharing):
            task.cancel()
        await asyncio.gather(*self._sharing, return_exceptions=True)

    def _uploaded(self, file_id: str) -> StoredFile:
        file = self._workspace.files.get(file_id)
        if file is None or file.content is None or file.completed:
            raise SlackRefusal("file_not_found")
        return file

    async def _share(
        self,
        files: list[StoredFile],
        channels: list[str],
        thread: str,
        comment: str,
        blocks: list[dict[str, Any]] | None,
    ) -> None:
        await asyncio.sleep(self.share_delay)
        for channel_id in channels:
            channel = self._workspace.channels[channel_id]
            parent = self._workspace.messages[channel_id].get(thread) if thread else None
            root = (parent.thread_ts or parent.ts) if parent else thread
            message = self._chat.new_message(channel, comment, blocks=blocks, thread=root)
            message.files = list(files)
            for file in files:
                file.shares.setdefault(channel_id, []).append(message.ts)
            self._workspace.add_message(message)


async def _bytes_of(request: web.Request) -> bytes:
    if request.content_type != "multipart/form-data":
        return await request.read()
    form = await request.post()
    for value in form.values():
        if isinstance(value, web.FileField):
            return value.file.read()
    return b""
