"""Socket Mode: up to ten web sockets, each envelope to one of them, acknowledged within three seconds.

https://docs.slack.dev/apis/events-api/using-socket-mode/
"""

import asyncio
import contextlib
import json
import secrets
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from gitops_bot.sandbox.slack.exchanges import Exchanges
from gitops_bot.sandbox.slack.workspace import Workspace

CONNECTIONS = 10
ACK_DEADLINE = 3.0
TICKET_LIFE = 30.0
PING_INTERVAL = 10.0
# Slack hands an event out three times more: at once, after a minute, after five.
RETRY_DELAYS = (0.0, 60.0, 300.0)
# Seconds between the warning and the end of a connection.
WARNING_LEAD = 10.0


@dataclass
class Acknowledgement:
    """Whether the app took an envelope in time, after how many seconds, and what it said."""

    taken: bool
    seconds: float
    payload: dict[str, Any] = field(default_factory=dict)
    envelope_id: str = ""


@dataclass(eq=False)
class Connection:
    """One open socket. ``half_open``: the line is dead although nobody was told."""

    id: str
    socket: web.WebSocketResponse
    transport: asyncio.Transport | None
    half_open: bool = False
    draining: bool = False
    delivered: int = 0


class Sockets:
    """The connections of the app, and what goes over them."""

    def __init__(self, workspace: Workspace, exchanges: Exchanges) -> None:
        self._workspace = workspace
        self._exchanges = exchanges
        self._tickets: dict[str, float] = {}
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.connections: list[Connection] = []
        self.opened = 0
        # What the control API may turn: see control.py.
        self.ack_deadline = ACK_DEADLINE
        self.retry_delays: Sequence[float] = RETRY_DELAYS
        self.delay = 0.0
        self.drop_next = 0
        self.duplicate_next = 0

    def new_url(self) -> str:
        """Give an address for one connection."""
        now = time.monotonic()
        self._tickets = {ticket: until for ticket, until in self._tickets.items() if until > now}
        ticket = secrets.token_urlsafe(24)
        self._tickets[ticket] = now + TICKET_LIFE
        origin = self._workspace.origin.replace("http", "ws", 1)
        return f"{origin}/link/?ticket={ticket}&app_id={self._workspace.app_id}"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one socket until it ends."""
        if self._tickets.pop(request.query.get("ticket", ""), 0) < time.monotonic():
            return web.Response(status=404, text="this address was used or is too old")
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        if len(self.connections) >= CONNECTIONS:
            await self._send(socket, self._goodbye("too_many_websockets"))
            await socket.close()
            return socket
        connection = Connection(uuid.uuid4().hex, socket, request.transport)
        self.connections.append(connection)
        self.opened += 1
        self._workspace.changed()
        pinging = asyncio.get_running_loop().create_task(self._ping(connection), name="ping a Socket Mode client")
        try:
            await self._send(socket, self._hello())
            await self._listen(connection)
        finally:
            pinging.cancel()
            self.connections.remove(connection)
            self._workspace.changed()
        return socket

    async def deliver(
        self, kind: str, payload: dict[str, Any], *, accepts_response: bool = False, retry: int = 0
    ) -> Acknowledgement:
        """Send an envelope to one connection and wait for its acknowledgement, at most ``ack_deadline``."""
        envelope_id = str(uuid.uuid4())
        envelope: dict[str, Any] = {
            "envelope_id": envelope_id,
            "type": kind,
            "accepts_response_payload": accepts_response,
            "payload": payload,
        }
        if kind == "events_api":
            envelope |= {"retry_attempt": retry, "retry_reason": "timeout" if retry else ""}
        self._exchanges.add(f"socket:{payload.get('type', kind) if kind == 'interactive' else kind}", 200, payload)
        began = time.monotonic()
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[envelope_id] = answer
        try:
            async with asyncio.timeout(self.ack_deadline):
                if not await self._hand_out(envelope):
                    return Acknowledgement(taken=False, seconds=0.0, envelope_id=envelope_id)
                said = await answer
        except TimeoutError:
            return Acknowledgement(taken=False, seconds=time.monotonic() - began, envelope_id=envelope_id)
        finally:
            del self._waiting[envelope_id]
        return Acknowledgement(taken=True, seconds=time.monotonic() - began, payload=said, envelope_id=envelope_id)

    def announce(self, event: dict[str, Any]) -> None:
        """Tell the app of an event, with Slack's retries, in the background."""
        now = int(time.time())
        workspace = self._workspace
        payload = {
            "token": workspace.verification_token,
            "team_id": workspace.team_id,
            "context_team_id": workspace.team_id,
            "api_app_id": workspace.app_id,
            "event": event,
            "type": "event_callback",
            "event_id": f"Ev{secrets.token_hex(5).upper()}",
            "event_time": now,
            "authorizations": [
                {
                    "enterprise_id": workspace.enterprise_id or None,
                    "team_id": workspace.team_id,
                    "user_id": workspace.bot_user,
                    "is_bot": True,
                    "is_enterprise_install": False,
                }
            ],
            "is_ext_shared_channel": False,
            "event_context": secrets.token_urlsafe(16),
        }
        if workspace.enterprise_id:
            payload["context_enterprise_id"] = workspace.enterprise_id
        self.in_background(self._announce(payload), "tell the app of an event")

    def in_background(self, story: Any, name: str) -> None:
        """Run a coroutine that ``close`` will end."""
        task = asyncio.get_running_loop().create_task(story, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def disconnect(self, reason: str, connection_id: str = "", *, lead: float = WARNING_LEAD) -> int:
        """Say goodbye as Slack does; give how many were told.

        ``warning`` announces the end ``lead`` seconds ahead; ``refresh_requested`` and
        ``link_disabled`` end the connection.
        """
        chosen = self._chosen(connection_id)
        for connection in chosen:
            await self._send(connection.socket, self._goodbye(reason))
            if reason == "warning":
                self.in_background(self._refresh_later(connection, lead), "end a connection after its warning")
            else:
                connection.draining = True
                self.in_background(self._close(connection), "close a connection")
        return len(chosen)

    def drop(self, connection_id: str = "") -> int:
        """Cut the line without a word."""
        chosen = self._chosen(connection_id)
        for connection in chosen:
            if connection.transport is not None:
                connection.transport.abort()
        return len(chosen)

    def half_open(self, connection_id: str = "") -> int:
        """Let the line die unnoticed: nothing is answered, what is sent is lost."""
        chosen = self._chosen(connection_id)
        for connection in chosen:
            connection.half_open = True
        return len(chosen)

    async def close(self) -> None:
        """End everything."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.drop()

    async def _announce(self, payload: dict[str, Any]) -> None:
        for attempt, delay in enumerate((0.0, *self.retry_delays)):
            await asyncio.sleep(delay)
            if (await self.deliver("events_api", payload, retry=attempt)).taken:
                return

    async def _hand_out(self, envelope: dict[str, Any]) -> bool:
        if self.delay:
            await asyncio.sleep(self.delay)
        open_ones = [one for one in self.connections if not one.draining and not one.socket.closed]
        if not open_ones:
            return False
        if self.drop_next > 0:
            self.drop_next -= 1
            return True
        copies = 1 + self.duplicate_next
        self.duplicate_next = 0
        for _ in range(copies):
            connection = secrets.choice(open_ones)
            connection.delivered += 1
            if not connection.half_open:
                await self._send(connection.socket, envelope)
        return True

    async def _listen(self, connection: Connection) -> None:
        async for frame in connection.socket:
            if connection.half_open:
                continue
            if frame.type is WSMsgType.PING:
                await connection.socket.pong(frame.data)
            elif frame.type is WSMsgType.TEXT:
                self._hear(frame.data)

    def _hear(self, text: str) -> None:
        with contextlib.suppress(ValueError, AttributeError):
            said = json.loads(text)
            answer = self._waiting.get(str(said.get("envelope_id")))
            payload = said.get("payload")
            if answer is not None and not answer.done():
                answer.set_result(payload if isinstance(payload, dict) else {})

    async def _ping(self, connection: Connection) -> None:
        while not connection.socket.closed:
            await asyncio.sleep(PING_INTERVAL)
            if not connection.half_open:
                with contextlib.suppress(ConnectionError):
                    await connection.socket.ping(f"Ping from {self._workspace.team_domain}".encode())

    async def _refresh_later(self, connection: Connection, lead: float) -> None:
        await asyncio.sleep(lead)
        if connection in self.connections:
            await self.disconnect("refresh_requested", connection.id)

    async def _close(self, connection: Connection) -> None:
        with contextlib.suppress(ConnectionError):
            await connection.socket.close()

    async def _send(self, socket: web.WebSocketResponse, frame: dict[str, Any]) -> None:
        with contextlib.suppress(ConnectionError):
            await socket.send_str(json.dumps(frame))

    def _chosen(self, connection_id: str) -> list[Connection]:
        return [one for one in self.connections if connection_id in {"", one.id}]

    def _debug(self) -> dict[str, Any]:
        return {"host": "applink-sandbox", "build_number": 1, "approximate_connection_time": 18060}

    def _hello(self) -> dict[str, Any]:
        return {
            "type": "hello",
            "num_connections": len(self.connections),
            "debug_info": self._debug(),
            "connection_info": {"app_id": self._workspace.app_id},
        }

    def _goodbye(self, reason: str) -> dict[str, Any]:
        return {"type": "disconnect", "reason": reason, "debug_info": self._debug()}
