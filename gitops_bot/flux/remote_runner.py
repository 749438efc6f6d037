"""A runner in another container or Pod, spoken to over HTTPS: one WebSocket for each session.

The session lives as long as its connection: whoever vanishes, the other side ends it.
"""

import asyncio
import json
import secrets
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp

from gitops_bot.errors import RunnerError, RunnerUnavailable, SettingsError
from gitops_bot.flux import handshake, protocol
from gitops_bot.flux.handshake import Meeting

# Seconds until a connection is made, and until a question without a body is answered.
_SECONDS = 10.0
# Seconds between two signs of life that are asked for on a silent connection.
_HEARTBEAT = 20.0
# Seconds in which a runner that has no room may get some.
_WAIT_FOR_ROOM = 60.0
_BETWEEN_TRIES = 1.0
# Of several runners behind one address, each with a certificate of its own, the second connection may meet another.
_MOST_RUNNERS_MET = 10


# Gives a client that talks to the holder of one certificate only.
_Pinned = Callable[[str], Awaitable[aiohttp.ClientSession]]


class _NoRoomError(Exception):
    """The runner has as many sessions as it takes."""


class _NotAcceptedError(Exception):
    """The runner does not know this secret."""


@dataclass(frozen=True)
class RemoteRunner:
    """Where the runner is, and how it knows us. ``read_secret`` gives the text of the secret file."""

    url: str
    read_secret: Callable[[], str]
    ca_file: Path | None = None

    @asynccontextmanager
    async def connect(self) -> AsyncIterator["RemoteChannel"]:
        """Open a session; RunnerUnavailable when that is worth another try, SettingsError when it is not."""
        known = self._secrets()
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(_client())
            # With an authority, the session needs both: its word, and that it is the certificate of the proof.
            pinned = partial(self._pinned, stack) if self.ca_file is not None else None
            try:
                channel = await self._meet_any(client, known, pinned)
            except (aiohttp.ClientError, OSError, ValueError, KeyError, TypeError) as error:
                raise RunnerUnavailable(
                    f"The runner at {self.url} cannot be reached: {str(error) or type(error).__name__}"
                ) from error
            try:
                yield channel
            finally:
                await channel.close()

    def _secrets(self) -> list[str]:
        try:
            return list(handshake.secrets_of(self.read_secret()))
        except ValueError as error:
            raise SettingsError(f"flux.runner_secret: {error}") from None

    async def _pinned(self, stack: AsyncExitStack, certificate: str) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(ssl=self._only(certificate))
        return await stack.enter_async_context(_client(connector))

    async def _meet_any(
        self, client: aiohttp.ClientSession, known: list[str], pinned: _Pinned | None
    ) -> "RemoteChannel":
        """Try each secret, for it may be being replaced; wait where there is no room."""
        deadline = asyncio.get_running_loop().time() + _WAIT_FOR_ROOM
        # One for all tries: the question stays on one connection, and so with one runner, until the session meets it.
        anybody = self._any_certificate()
        others_met = 0
        while True:
            for secret in known:
                try:
                    return await self._meet(client, secret, anybody, pinned)
                except _NotAcceptedError:
                    continue
                except aiohttp.ServerFingerprintMismatch:
                    others_met += 1
                    if others_met == _MOST_RUNNERS_MET:
                        raise
                    break
                except _NoRoomError:
                    if asyncio.get_running_loop().time() > deadline:
                        raise RunnerUnavailable(f"The runner at {self.url} has no room for another session.") from None
                    await asyncio.sleep(_BETWEEN_TRIES)
                    break
            else:
                raise RunnerUnavailable(
                    f"The runner at {self.url} does not accept our secret (flux.runner_secret_file). "
                    "Both must have the same one; a changed one takes a minute to arrive in a Pod."
                )

    async def _meet(
        self, client: aiohttp.ClientSession, secret: str, anybody: ssl.SSLContext, pinned: _Pinned | None
    ) -> "RemoteChannel":
        async with asyncio.timeout(_SECONDS):
            async with client.get(
                f"{self.url}{handshake.CHALLENGE_PATH}", ssl=anybody, allow_redirects=False
            ) as answer:
                if answer.status != HTTPStatus.OK:
                    raise RunnerUnavailable(f"The runner at {self.url} answered with {answer.status}.")
                challenge = await answer.json()
            meeting = Meeting(str(challenge["number"]), secrets.token_hex(32), str(challenge["certificate"]))
            if pinned is not None:
                socket = await self._open(await pinned(meeting.certificate), meeting, secret, self._authority())
            else:
                socket = await self._open(client, meeting, secret, self._only(meeting.certificate))
            introduction = json.loads(await socket.receive_str())
        if not handshake.same(str(introduction["proof"]), meeting.proof_of_runner(secret)):
            await socket.close()
            raise RunnerUnavailable(f"Whoever answers at {self.url} does not know the secret: it is not our runner.")
        return RemoteChannel(socket, self.url, introduction["about"])

    async def _open(
        self,
        client: aiohttp.ClientSession,
        meeting: Meeting,
        secret: str,
        trusted: ssl.SSLContext | aiohttp.Fingerprint,
    ) -> aiohttp.ClientWebSocketResponse:
        try:
            return await client.ws_connect(
                f"{self.url}{handshake.SESSION_PATH}",
                headers={"Authorization": handshake.authorization(meeting, secret)},
                ssl=trusted,
                heartbeat=_HEARTBEAT,
                max_msg_size=protocol.LINE_BYTES,
                compress=0,
            )
        except aiohttp.WSServerHandshakeError as error:
            if error.status == HTTPStatus.UNAUTHORIZED:
                raise _NotAcceptedError from None
            if error.status == HTTPStatus.SERVICE_UNAVAILABLE:
                raise _NoRoomError from None
            raise

    def _any_certificate(self) -> ssl.SSLContext:
        """For the first question, whose answer is believed only after the proof."""
        if self.ca_file is not None:
            return self._authority()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context

    def _only(self, certificate: str) -> aiohttp.Fingerprint:
        """Talk to the holder of this certificate alone: the proof is made for it, and for nobody else's ears."""
        try:
            return aiohttp.Fingerprint(bytes.fromhex(certificate))
        except ValueError:
            raise RunnerUnavailable(f"Whoever answers at {self.url} is no runner of gitops-bot.") from None

    def _authority(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(
                f"flux.runner_ca_file: {self.ca_file} cannot be read as certificates ({error.strerror or error})."
            ) from error


def _client(connector: aiohttp.TCPConnector | None = None) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=None), trust_env=False)


class RemoteChannel:
    """One WebSocket: a line of the protocol is one message."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, url: str, about: dict[str, Any]) -> None:
        """Take an open socket whose other side has proved itself."""
        self._socket = socket
        self._url = url
        # What the runner said of itself: "flux" is a version, "landlock" a number.
        self.about = about

    async def send(self, line: bytes) -> None:
        """Send one message; ConnectionError when nobody listens any more."""
        await self._socket.send_bytes(line)

    async def receive(self) -> bytes:
        """Wait for one message; b"" when there will be none."""
        message = await self._socket.receive()
        return message.data if message.type is aiohttp.WSMsgType.BINARY else b""

    async def failure(self, why: str) -> RunnerError:
        """Tell, once there are no more messages, what that means; ``why`` is what the runner itself said."""
        code = self._socket.close_code
        if why or code == aiohttp.WSCloseCode.INTERNAL_ERROR:
            return RunnerError(f"The runner ended before it answered{': ' if why else ''}{why}.")
        if code == aiohttp.WSCloseCode.MESSAGE_TOO_BIG:
            return RunnerError(f"The runner at {self._url} does not take as much as this pull request is made of.")
        if code == aiohttp.WSCloseCode.POLICY_VIOLATION:
            return RunnerError(f"The runner at {self._url} ended the session: it took too long.")
        return RunnerUnavailable(f"The runner at {self._url} went away before it answered.")

    async def close(self) -> None:
        """End the session: the runner stops every run of it."""
        await self._socket.close()
