"""Loopback ports that nobody else takes between the moment they are chosen and the moment they are listened on.

The kernel hands out ports of its ephemeral range to any outgoing connection, so these come from
below it; a lock file per port keeps other sandboxes (parallel tests) away for as long as this one lives.
"""

import fcntl
import os
import secrets
import socket
import tempfile
from contextlib import suppress
from pathlib import Path

from gitops_bot.sandbox.errors import SandboxError

_LOWEST = 10240
_TRIES = 200


def _highest() -> int:
    """Give the port below the kernel's ephemeral range (32768 where it cannot be read, Linux' default)."""
    with suppress(OSError, ValueError, IndexError):
        text = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="utf-8")
        return int(text.split()[0]) - 1
    return 32767


class Ports:
    """Reservations, held until `release`."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.gettempdir()) / f"gitops-bot-ports-{os.getuid()}"
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._held: list[int] = []

    def reserve(self) -> int:
        """Give a free port of 127.0.0.1."""
        highest = max(_highest(), _LOWEST + 1000)
        for _ in range(_TRIES):
            port = _LOWEST + secrets.randbelow(highest - _LOWEST)
            descriptor = os.open(self._folder / str(port), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
            except OSError:
                os.close(descriptor)
                continue
            self._held.append(descriptor)
            return port
        raise SandboxError(f"no free port of 127.0.0.1 found in {_TRIES} tries between {_LOWEST} and {highest}")

    def release(self) -> None:
        """Let others have the ports."""
        while self._held:
            os.close(self._held.pop())
