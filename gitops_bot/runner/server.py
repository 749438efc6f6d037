"""The runner as a server: each session is a WebSocket, and behind it a child process of its own.

This process knows the secret and handles no file of a pull request; the child handles them and knows
nothing but the token of its session. Neither can read the other's memory.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from aiohttp import WSCloseCode, WSMsgType, web

from gitops_bot import telemetry
from gitops_bot.errors import RunnerError, SettingsError
from gitops_bot.flux import handshake, landlock, protocol
from gitops_bot.flux.child_runner import ChildChannel, child_runner
from gitops_bot.flux.program import FluxProgram
from gitops_bot.runner.certificate import Certificate
from gitops_bot.runner.doorkeeper import Doorkeeper
from gitops_bot.runner.strangers import Arrival, Strangers

log = telemetry.logger(__name__)


@dataclass(frozen=True)
class Bounds:
    """What all sessions together, and each, may take."""

    sessions: int = 16
    # Bytes that a bot may send in one session: the trees of a pull request, in base64.
    session_bytes: int = 512 << 20
    # Seconds that a session may last.
    session_seconds: float = 3600.0
    # What a run may use at most, whatever the bot asks for.
    limits: protocol.Limits = field(default_factory=protocol.Limits)
    # Runs side by side in one session.
    concurrency: int = 4
    # Seconds between two signs of life that are asked for; half of it later the bot counts as gone.
    heartbeat: float = 20.0


class _TooMuchError(Exception):
    """A session sent more than it may."""


class RunnerServer:
    """Answers over HTTPS until it is stopped."""

    def __init__(
        self, flux: FluxProgram, certificate: Certificate, read_secret: Callable[[], str], bounds: Bounds
    ) -> None:
        """Take a flux that was found good. ``read_secret`` reads the secret file anew."""
        self._flux = flux
        self._certificate = certificate
        self._doorkeeper = Doorkeeper(read_secret, certificate.fingerprint, time.monotonic)
        self._bounds = bounds
        self._sockets: set[web.WebSocketResponse] = set()
        self._strangers = Strangers()

    @asynccontextmanager
    async def serving(self, host: str, port: int) -> AsyncIterator[int]:
        """Listen while the block runs; gives the port. SettingsError when the address cannot be had."""
        application = web.Application(client_max_size=1024)
        application.add_routes(
            [
                web.get("/healthz", self._healthz),
                web.get(handshake.CHALLENGE_PATH, self._challenge),
                web.get(handshake.SESSION_PATH, self._session),
            ]
        )
        application.on_shutdown.append(self._say_goodbye)
        runner = web.AppRunner(application, access_log=None, handler_cancellation=True, shutdown_timeout=5.0)
        await runner.setup()
        try:
            async with await self._listener(runner, host, port) as listener:
                yield int(listener.sockets[0].getsockname()[1])
        finally:
            self._strangers.send_all_away()
            await runner.cleanup()

    async def _listener(self, runner: web.AppRunner, host: str, port: int) -> asyncio.Server:
        http = runner.server
        if http is None:
            raise AssertionError("it was set up")
        try:
            return await asyncio.get_running_loop().create_server(
                lambda: Arrival(self._strangers, self._certificate.context, http), host, port
            )
        except OSError as error:
            raise SettingsError(f"--listen: cannot listen on {host}:{port}: {error.strerror}") from error

    async def _healthz(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _challenge(self, _request: web.Request) -> web.Response:
        return web.json_response({"number": self._doorkeeper.number(), "certificate": self._certificate.fingerprint})

    async def _session(self, request: web.Request) -> web.StreamResponse:
        proof = self._doorkeeper.answer(request.headers.get("Authorization", ""))
        if not proof:
            log.warning("somebody without the secret was sent away", address=request.remote)
            raise web.HTTPUnauthorized(headers={"WWW-Authenticate": handshake.SCHEME})
        self._strangers.known(request.transport)
        if len(self._sockets) >= self._bounds.sessions:
            raise web.HTTPServiceUnavailable(headers={"Retry-After": "1"})
        socket = web.WebSocketResponse(
            heartbeat=self._bounds.heartbeat, max_msg_size=protocol.LINE_BYTES, compress=False
        )
        self._sockets.add(socket)
        try:
            await socket.prepare(request)
            about = {"flux": self._flux.version, "landlock": landlock.level()}
            await socket.send_str(json.dumps({"proof": proof, "about": about}))
            await self._serve(socket)
        finally:
            self._sockets.discard(socket)
        return socket

    async def _serve(self, socket: web.WebSocketResponse) -> None:
        """Let the bot and a child of ours talk until one of them has enough, or time is up."""
        code, reason = WSCloseCode.OK, ""
        try:
            async with asyncio.timeout(self._bounds.session_seconds), child_runner() as child:
                code = await self._pass_on(socket, child)
        except TimeoutError:
            code, reason = WSCloseCode.POLICY_VIOLATION, "the session took too long"
        except _TooMuchError:
            code, reason = WSCloseCode.MESSAGE_TOO_BIG, "the session sent too much"
        except (RunnerError, ValueError, KeyError, TypeError) as error:
            log.warning("a session failed", reason=type(error).__name__)
            code = WSCloseCode.INTERNAL_ERROR
        await socket.close(code=code, message=reason.encode())

    async def _pass_on(self, socket: web.WebSocketResponse, child: ChildChannel) -> WSCloseCode:
        from_bot = asyncio.create_task(self._to_child(socket, child), name="from the bot to the child")
        from_child = asyncio.create_task(_to_bot(socket, child), name="from the child to the bot")
        try:
            done, _ = await asyncio.wait({from_bot, from_child}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            return WSCloseCode.OK if from_bot in done else WSCloseCode.INTERNAL_ERROR
        finally:
            for task in (from_bot, from_child):
                task.cancel()
            await asyncio.gather(from_bot, from_child, return_exceptions=True)

    async def _to_child(self, socket: web.WebSocketResponse, child: ChildChannel) -> None:
        size, opened = 0, False
        async for message in socket:
            if message.type is not WSMsgType.BINARY:
                return
            size += len(message.data)
            if size > self._bounds.session_bytes:
                raise _TooMuchError
            line = message.data if opened else self._opening(message.data)
            opened = True
            with contextlib.suppress(ConnectionError):
                await child.send(line)

    def _opening(self, line: bytes) -> bytes:
        """Put our own flux and our own limits into a bot's first message."""
        opening = protocol.decode(line)
        if not isinstance(opening, protocol.Opening):
            raise TypeError("the first message must be an Opening")
        asked, ours = opening.limits, self._bounds.limits
        limits = protocol.Limits(
            **{name: min(getattr(asked, name), getattr(ours, name)) for name in protocol.Limits.__dataclass_fields__}
        )
        concurrency = min(opening.concurrency, self._bounds.concurrency)
        return protocol.encode(replace(opening, flux=self._flux.path, concurrency=concurrency, limits=limits))

    async def _say_goodbye(self, _application: web.Application) -> None:
        for socket in list(self._sockets):
            await socket.close(code=WSCloseCode.GOING_AWAY, message=b"the runner stops")


async def _to_bot(socket: web.WebSocketResponse, child: ChildChannel) -> None:
    while line := await child.receive():
        await socket.send_bytes(line)
    # For the log here; the bot hears that its session is over.
    await child.failure("")
