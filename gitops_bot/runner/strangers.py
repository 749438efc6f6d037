"""Connections of somebody who has not proved anything yet: few, and for a short time.

Whoever opens connections and says nothing, or says it slowly, must not keep the bot out. A stranger has some
seconds for the handshake of TLS, the question and the proof; when there are too many, the oldest goes.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

_SECONDS = 15.0
_MOST = 64


class Strangers:
    """Counts them by their address and port."""

    def __init__(self, *, most: int = _MOST, seconds: float = _SECONDS) -> None:
        """Know nobody yet."""
        self._most = most
        self._seconds = seconds
        self._open: dict[Any, tuple[asyncio.BaseTransport, asyncio.TimerHandle]] = {}

    def arrived(self, transport: asyncio.Transport) -> None:
        """Somebody has connected."""
        if len(self._open) >= self._most:
            self._send_away(next(iter(self._open)))
        name = _name(transport)
        timer = asyncio.get_running_loop().call_later(self._seconds, self._send_away, name)
        self._open[name] = (transport, timer)

    def known(self, transport: asyncio.BaseTransport | None) -> None:
        """Somebody has proved to be the bot: their connection may last."""
        if transport is not None and (found := self._open.pop(_name(transport), None)) is not None:
            found[1].cancel()

    def send_all_away(self) -> None:
        """End every such connection."""
        for name in list(self._open):
            self._send_away(name)

    def _send_away(self, name: Any) -> None:
        transport, timer = self._open.pop(name)
        timer.cancel()
        if isinstance(transport, asyncio.WriteTransport):
            transport.abort()


def _name(transport: asyncio.BaseTransport) -> Any:
    # TLS has a transport of its own; who is at the other end is the same.
    return transport.get_extra_info("peername")


class Arrival(asyncio.Protocol):
    """A connection before TLS: counted, and given to whoever speaks HTTP once the handshake is over."""

    def __init__(self, strangers: Strangers, context: ssl.SSLContext, http: Callable[[], asyncio.Protocol]) -> None:
        """Take what makes the protocol that goes on."""
        self._strangers = strangers
        self._context = context
        self._http = http
        self._welcome: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Nothing is read before TLS can read it."""
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("a TCP connection reads and writes")
        transport.pause_reading()
        self._strangers.arrived(transport)
        self._welcome = asyncio.create_task(self._go_on(transport), name="handshake of TLS")

    async def _go_on(self, transport: asyncio.Transport) -> None:
        loop, http = asyncio.get_running_loop(), self._http()
        try:
            secure = await loop.start_tls(
                transport, http, self._context, server_side=True, ssl_handshake_timeout=_SECONDS
            )
        except (OSError, ssl.SSLError):
            # Not TLS, too slow, or gone: whoever it was is nobody to us.
            transport.abort()
            return
        if secure is not None:
            http.connection_made(secure)
