"""Reads single objects of the API server as the *diff* identity, inside the runner.

The kubernetes client is the bot's; the runner must start in a fraction of a second and holds no
more code than it needs: GETs over HTTP/1.1, on the event loop, without threads, on few connections.
"""

import asyncio
import contextlib
import json
import re
import socket
import ssl
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from gitops_bot.flux.protocol import Opening

# Seconds for one object.
_SECONDS = 15.0
# No object of etcd is larger; a list of kinds may be some hundred kilobytes.
_MOST_BYTES = 4 << 20
# Connections side by side.
_AT_ONCE = 8
# What a server that is away, or is none, makes of a request.
_NO_ANSWER = (OSError, TimeoutError, ssl.SSLError, EOFError, ValueError, IndexError, asyncio.LimitOverrunError)
_NAME = re.compile(r"[A-Za-z0-9._:-]{1,253}")

_Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class NotReadableError(Exception):
    """The API server refuses; the text has its words."""


class ApiUnreachableError(Exception):
    """The API server did not answer, or not to us: nothing is known."""


def is_name(text: str) -> bool:
    """Whether a text can be a name in an address, and leads nowhere else."""
    return bool(_NAME.fullmatch(text)) and text not in {".", ".."}


class ApiReader:
    """Reads each object once in a session, so that base and result see the same."""

    def __init__(self, opening: Opening) -> None:
        """Connect to nothing yet."""
        self._token = opening.token
        parts = urlsplit(opening.server)
        self._host = parts.hostname or ""
        self._port = parts.port or 443
        self._prefix = parts.path.rstrip("/")
        self._tls = _tls(opening) if parts.scheme == "https" else None
        self._known: dict[tuple[str, str], asyncio.Task[Mapping[str, Any] | None]] = {}
        self._room = asyncio.Semaphore(_AT_ONCE)
        # Open, and free; what is left of them goes with this process.
        self._idle: list[_Line] = []

    async def get(
        self, path: str, accept: str = "application/json", *, fresh: bool = False
    ) -> Mapping[str, Any] | None:
        """Read one object; None when there is none. NotReadableError, ApiUnreachableError.

        ``fresh``: as it is now, whatever this session has seen of it before.
        """
        key = (path, accept)
        if fresh:
            self._known.pop(key, None)
        if key not in self._known:
            self._known[key] = asyncio.create_task(self._request(path, accept), name=f"reader of {path}")
        try:
            return await asyncio.shield(self._known[key])
        except ApiUnreachableError:
            self._known.pop(key, None)
            raise

    async def get_if_readable(self, path: str) -> Mapping[str, Any] | None:
        """Read one object; {} when there is none, None when this identity may not read it. ApiUnreachableError."""
        try:
            return await self.get(path) or {}
        except NotReadableError:
            return None

    async def _request(self, path: str, accept: str) -> Mapping[str, Any] | None:
        request = (
            f"GET {self._prefix}{path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n"
            f"Authorization: Bearer {self._token}\r\nAccept: {accept}\r\nUser-Agent: gitops-bot-runner\r\n\r\n"
        )
        try:
            async with self._room, asyncio.timeout(_SECONDS):
                status, body = await self._exchange(request.encode("ascii"))
            content = json.loads(body)
        except _NO_ANSWER as error:
            raise ApiUnreachableError(f"✗ the API server did not answer: {type(error).__name__}") from error
        return _judged(status, content)

    async def _exchange(self, request: bytes) -> tuple[int, bytes]:
        while self._idle:
            # The server may have closed it since: a GET can be asked again.
            with contextlib.suppress(OSError, EOFError):
                return await self._ask(self._idle.pop(), request)
        return await self._ask(await self._connect(), request)

    async def _connect(self) -> _Line:
        address = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)[0]
        connection = socket.socket(address[0], socket.SOCK_STREAM)
        connection.setblocking(False)  # noqa: FBT003 # the standard library's signature
        try:
            await asyncio.get_running_loop().sock_connect(connection, address[4])
        except BaseException:
            connection.close()
            raise
        name = self._host if self._tls else None
        return await asyncio.open_connection(sock=connection, ssl=self._tls, server_hostname=name)

    async def _ask(self, line: _Line, request: bytes) -> tuple[int, bytes]:
        """Say one thing and hear the answer; the connection is kept when it can be used again."""
        reader, writer = line
        reusable = False
        try:
            writer.write(request)
            first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip().split("\r\n")
            headers = {
                name.strip().lower(): value.strip() for name, _, value in (entry.partition(":") for entry in lines)
            }
            body, ended = await _body(reader, headers)
            version, status, *_ = first.split()
            reusable = ended and version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
            return int(status), body
        finally:
            if reusable:
                self._idle.append(line)
            else:
                writer.close()


async def _body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> tuple[bytes, bool]:
    """Read what follows the head, and tell whether another answer may follow it (RFC 9112, section 6.3)."""
    if headers.get("transfer-encoding", "").lower() == "chunked":
        answer = bytearray()
        while size := int((await reader.readline()).partition(b";")[0], 16):
            answer += await reader.readexactly(_bounded(len(answer) + size) - len(answer))
            await reader.readline()
        # After the last chunk there may be trailers.
        while (await reader.readline()).strip():
            continue
        return bytes(answer), True
    if "content-length" in headers:
        return await reader.readexactly(_bounded(int(headers["content-length"]))), True
    answer = bytearray()
    while chunk := await reader.read(1 << 16):
        answer += chunk
        _bounded(len(answer))
    return bytes(answer), False


def _bounded(size: int) -> int:
    if size > _MOST_BYTES:
        raise OSError("the answer is too large")
    return size


def _tls(opening: Opening) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=opening.ca_pem or None)
    # As Go sees it: certificate authorities of clusters often lack what RFC 5280 asks for.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def _judged(status: int, content: Any) -> Mapping[str, Any] | None:
    message = str(content.get("message") or "") if isinstance(content, dict) else ""
    if status == HTTPStatus.OK and isinstance(content, dict):
        return content
    if status == HTTPStatus.NOT_FOUND:
        return None
    if status == HTTPStatus.FORBIDDEN:
        raise NotReadableError(message)
    raise ApiUnreachableError(f"✗ the API server answered with {status}: {message or 'no reason'}")
