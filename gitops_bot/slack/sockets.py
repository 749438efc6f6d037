"""Socket Mode: two sockets kept open, each click handed on before it is acknowledged.

slack-sdk's own reconnecting closes the old socket before it opens the new one, and tries one
address for ever (https://github.com/slackapi/python-slack-sdk/issues/1110). So a socket is never
mended here: its successor is opened first, then it is closed.
"""

import asyncio
import contextlib
import json
import logging
import random
import re
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.web.async_client import AsyncWebClient

from gitops_bot import telemetry
from gitops_bot.errors import GitopsBotError, SlackRateLimited, SlackUnavailable
from gitops_bot.models.chat import Click
from gitops_bot.slack.envelopes import read_click, read_command
from gitops_bot.slack.translation import FOREIGN_ERRORS, translate

log = telemetry.logger(__name__)

OnClick = Callable[[Click], Awaitable[None]]

# Two, so that a refresh of one, which Slack asks for every few hours, loses no click.
# https://github.com/slackapi/bolt-python/issues/1071
_SOCKETS = 2
# Seconds. Slack shows a warning when there is no acknowledgement after 3.
_TIME_TO_STORE = 2.5
# Seconds for the whole way to an open socket, and the longest pause between two tries.
_TIME_TO_CONNECT = 10.0
_LONGEST_PAUSE = 30.0
# Seconds between two pings; four without a pong and the socket is given up.
_PING = 5.0
# Seconds between two looks at a socket's health.
_LOOK = 0.5
# Seconds that a socket stays open beside its successor. Slack itself ends it 10 s after its warning.
_LINGER = 12.0
# Farewells that are part of the plan; after any other, a socket that lived for less than these seconds
# is replaced only after a pause.
_ORDERLY = {"warning", "refresh_requested"}
_SHORT_LIFE = 5.0


def library_log() -> logging.Logger:
    """Give the library a log of its own, without tracebacks and without the ticket in a socket's address."""

    def quiet(record: logging.LogRecord) -> bool:
        record.msg, record.args = re.sub(r"\?\S+", "?…", record.getMessage()), ()
        record.exc_info = record.exc_text = None
        return True

    library = logging.getLogger(f"{__name__}.library")
    library.setLevel(logging.WARNING)
    if not library.filters:
        library.addFilter(quiet)
    return library


class _Socket(SocketModeClient):
    """One web socket of slack-sdk, from open to closed; what it hears goes straight to ``heard``."""

    def __init__(self, *, web: AsyncWebClient, app_token: str, heard: Callable[["_Socket", str], None]) -> None:
        super().__init__(
            app_token=app_token,
            logger=library_log(),
            web_client=web,
            auto_reconnect_enabled=False,
            ping_interval=_PING,
        )
        self._heard = heard
        # Slack has said the first word: hello, or why there is none.
        self.greeted = asyncio.Event()
        # Slack wants the socket replaced; the reason in its words.
        self.leaving = asyncio.Event()
        self.farewell = ""

    async def enqueue_message(self, message: str) -> None:
        """Hand on what arrives. The library would keep no hold of the task that works on it."""
        self._heard(self, message)

    async def connect_to_new_endpoint(self, force: bool = False) -> None:  # noqa: FBT001, FBT002 - the library's own
        """Do not: the supervisor opens a successor."""
        del force
        self.leaving.set()

    @property
    def is_open(self) -> bool:
        """Whether clicks can arrive here."""
        return self.greeted.is_set() and not self.closed and not self.is_cut

    @property
    def is_cut(self) -> bool:
        """Whether the line is gone."""
        return self.current_session is None or self.current_session.closed


class Sockets:
    """Keeps the sockets open, and turns what arrives into clicks."""

    def __init__(
        self, *, web: AsyncWebClient, app_token: Callable[[], str], proxy_for: Callable[[str], str | None]
    ) -> None:
        self._web = web
        self._app_token = app_token
        self._proxy_for = proxy_for
        self._on_click: OnClick | None = None
        self._keepers: list[asyncio.Task[None]] = []
        self._open: set[_Socket] = set()
        self._busy: set[asyncio.Task[None]] = set()
        self._retiring: set[asyncio.Task[None]] = set()
        # What keeps the sockets from opening, in words; "" when nothing does.
        self.problem = ""
        # How many sockets Slack counts for this app, ours included: more than ours and another program listens too.
        self.counted_by_slack = 0

    @property
    def counted_beside_ours(self) -> int:
        """How many sockets of this app Slack counts that are not ours, as of the last one that we opened."""
        return max(self.counted_by_slack - sum(socket.is_open for socket in self._open), 0)

    @property
    def connected(self) -> bool:
        """Whether at least one socket is open."""
        return any(socket.is_open for socket in self._open)

    def start(self, on_click: OnClick) -> None:
        """Begin to listen; comes back at once, ``connected`` tells when it works."""
        self._on_click = on_click
        self._keepers = [
            asyncio.create_task(self._keep(number), name=f"Slack socket {number} of {_SOCKETS}")
            for number in range(1, _SOCKETS + 1)
        ]

    async def stop(self) -> None:
        """Close the sockets; clicks that are being stored are waited for."""
        waiting = [*self._keepers, *self._retiring]
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        self._keepers = []
        if self._busy:
            await asyncio.wait(self._busy, timeout=_TIME_TO_STORE)
        await asyncio.gather(*(self._close(socket) for socket in list(self._open)))

    async def _keep(self, number: int) -> None:
        """Hold one socket open for ever: open, watch, open the next, close the old."""
        old: _Socket | None = None
        failures = 0
        while True:
            try:
                new = await self._connect()
            except Exception as error:  # noqa: BLE001 - whatever it is: without a socket nobody can press anything
                failures += 1
                words = str(error) if isinstance(error, GitopsBotError) else f"a fault of ours: {error!r}"
                if self.problem != words:
                    log.warning("no Slack socket", socket=number, reason=words)
                self.problem = words
                await asyncio.sleep(_pause(error, failures))
                continue
            self.problem = ""
            if old is not None:
                self._in_background(self._retire(old), "retire a Slack socket", self._retiring)
            old, opened = new, asyncio.get_running_loop().time()
            await self._watch(new)
            log.info("a Slack socket is replaced", socket=number, farewell=new.farewell)
            if new.farewell in _ORDERLY or asyncio.get_running_loop().time() - opened > _SHORT_LIFE:
                failures = 0
            else:
                # Cut or sent away as soon as it was open: not again and again without a pause.
                failures += 1
                await asyncio.sleep(_pause(None, failures))

    async def _connect(self) -> _Socket:
        """Open one socket and wait for its hello; SlackError when that fails."""
        socket = _Socket(web=self._web, app_token=self._app_token(), heard=self._hear)
        self._open.add(socket)
        try:
            async with asyncio.timeout(_TIME_TO_CONNECT):
                answer = await self._web.apps_connections_open(app_token=socket.app_token)
                socket.wss_uri = str(answer["url"])
                socket.proxy = self._proxy_for(socket.wss_uri)
                await socket.connect()  # type: ignore[no-untyped-call]
                await socket.greeted.wait()
        except FOREIGN_ERRORS as error:
            await self._close(socket)
            raise translate(error, "apps.connections.open") from error
        except BaseException:
            await self._close(socket)
            raise
        if socket.farewell:
            await self._close(socket)
            raise SlackUnavailable(f"Slack closes the socket at once: {socket.farewell}.")
        return socket

    async def _watch(self, socket: _Socket) -> None:
        """Come back when a socket should be replaced: Slack says so, it is cut, or it is silent."""
        while not socket.leaving.is_set() and await socket.is_connected():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(socket.leaving.wait(), _LOOK)

    async def _retire(self, socket: _Socket) -> None:
        """Close a socket that has a successor, after a while: a click may be on its way over it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LINGER):
                while await socket.is_connected():  # noqa: ASYNC110 - the library has no event for it
                    await asyncio.sleep(_LOOK)
        await self._close(socket)

    async def _close(self, socket: _Socket) -> None:
        with contextlib.suppress(*FOREIGN_ERRORS):
            await asyncio.wait_for(socket.close(), timeout=_TIME_TO_STORE)  # type: ignore[no-untyped-call]
        tasks = [socket.message_processor, socket.current_session_monitor, socket.message_receiver]
        await asyncio.gather(*(task for task in tasks if task is not None), return_exceptions=True)
        # Last, so that stop() finds a socket whose closing was cancelled.
        self._open.discard(socket)

    def _hear(self, socket: _Socket, text: str) -> None:
        """Take one frame.

        https://docs.slack.dev/apis/events-api/using-socket-mode
        """
        try:
            frame = json.loads(text)
            kind = frame["type"]
        except (ValueError, KeyError, TypeError):
            return
        if kind == "hello":
            socket.greeted.set()
            self.counted_by_slack = int(frame.get("num_connections") or 0)
        elif kind == "disconnect":
            socket.farewell = str(frame.get("reason") or "no reason given")[:40]
            socket.leaving.set()
            socket.greeted.set()
        elif "envelope_id" in frame:
            self._in_background(self._take(socket, frame), f"Slack envelope {frame['envelope_id']}", self._busy)

    def _in_background(self, work: Coroutine[Any, Any, None], name: str, kept: set[asyncio.Task[None]]) -> None:
        """Start a task and keep hold of it until it is done."""
        task = asyncio.create_task(work, name=name)
        kept.add(task)
        task.add_done_callback(kept.discard)

    async def _take(self, socket: _Socket, frame: dict[str, Any]) -> None:
        """Store a click, then acknowledge it. Not stored: no acknowledgement, and Slack warns the person."""
        if frame["type"] == "interactive":
            payload = frame.get("payload") or {}
            click = read_click(payload)
            if click is None and payload.get("type") != "view_closed":
                log.warning("Slack sent an interaction that is not known here", kind=str(payload.get("type"))[:40])
                return
            if click is not None and not await self._stored(click):
                return
        if frame["type"] == "slash_commands":
            command = read_command(frame.get("payload") or {})
            if command is None or not await self._stored(command):
                return
        # A socket that was cut in between has a successor; slack-sdk answers over that one as well.
        for line in (socket, *(one for one in self._open if one.is_open and one is not socket)):
            with contextlib.suppress(*FOREIGN_ERRORS):
                await line.send_socket_mode_response({"envelope_id": frame["envelope_id"]})
                return
        log.warning("an envelope could not be acknowledged", kind=frame["type"])

    async def _stored(self, click: Click) -> bool:
        assert self._on_click is not None  # noqa: S101 - no socket is open before start()
        try:
            async with asyncio.timeout(_TIME_TO_STORE):
                await self._on_click(click)
        except Exception as error:  # noqa: BLE001 - whatever it is, the click is not stored and must not be acknowledged
            log.error("a click could not be stored", action=click.action, user=click.user, reason=repr(error))  # noqa: TRY400 - one line is enough, and no values
            return False
        return True


def _pause(error: Exception | None, failures: int) -> float:
    """Seconds before the next try: what Slack asks for, or longer each time, and not all at once."""
    if isinstance(error, SlackRateLimited):
        return error.retry_after
    longest: float = min(0.5 * 2 ** min(failures, 6), _LONGEST_PAUSE)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
