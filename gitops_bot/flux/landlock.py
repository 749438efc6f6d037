"""Landlock: the kernel lets flux see its own folders and reach the API server's port, and nothing else.

The last wall of the cage. The walk over the files, the in-memory build and the dead proxy stand
before it; this one does not depend on knowing every field from which kustomize reads or fetches. It also
keeps flux from signalling and tracing processes of the same user. Kernels before 5.13 have none of it,
before 6.7 not the network part, before 6.12 not the part about signals: ``level`` tells.
https://docs.kernel.org/userspace-api/landlock.html
"""

import ctypes
import os
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)
# The same numbers on every architecture.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION = 1
_BENEATH, _PORT = 1, 2

_EXECUTE, _WRITE, _READ, _LIST = (1 << bit for bit in range(4))
# By version of the interface: how many rights over files it knows.
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
_NEWEST_FILE_RIGHTS = 16
_BIND, _CONNECT = 1, 2
_NETWORK_SINCE, _SCOPES_SINCE = 4, 6
_SCOPES = 0b11  # abstract sockets, signals
# Rights that make sense for a file; the others are refused for one.
_FILE_ONLY = _EXECUTE | _WRITE | _READ | (1 << 14) | (1 << 15)

# What Go reads of a system: names of hosts, certificates, time zones; and libraries, if flux was linked to any.
_READABLE = (
    "/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf", "/etc/services",
    "/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates",
    "/etc/localtime", "/usr/share/zoneinfo", "/sys/kernel/mm/transparent_hugepage", "/dev/urandom", "/dev/random",
    "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache",
)  # fmt: skip
_DNS_PORT = 53


@dataclass(frozen=True)
class Enclosure:
    """What a program may do."""

    program: Path
    readable: tuple[Path, ...]
    writable: tuple[Path, ...]
    ports: tuple[int, ...]


def level() -> int:
    """Give the version of Landlock that this kernel offers; 0 for none."""
    return max(0, int(_libc.syscall(_CREATE_RULESET, None, 0, _ASK_VERSION)))


@contextmanager
def enclosed(enclosure: Enclosure) -> Iterator[Callable[[], None]]:
    """Prepare the walls; give what raises them around the calling process, for good. No Landlock: no walls."""
    version = level()
    if not version:
        yield lambda: None
        return
    ruleset = _ruleset(version, enclosure)

    def enclose() -> None:
        if _libc.syscall(_RESTRICT_SELF, ruleset, 0):
            os._exit(126)

    try:
        yield enclose
    finally:
        os.close(ruleset)


def _ruleset(version: int, enclosure: Enclosure) -> int:
    every = (1 << _FILE_RIGHTS.get(version, _NEWEST_FILE_RIGHTS)) - 1
    network = _BIND | _CONNECT if version >= _NETWORK_SINCE else 0
    scopes = _SCOPES if version >= _SCOPES_SINCE else 0
    attributes = struct.pack("=QQQ", every, network, scopes)[: 8 if not network else 16 if not scopes else 24]
    ruleset = _checked(_libc.syscall(_CREATE_RULESET, attributes, len(attributes), 0))
    try:
        system = (Path(path) for path in _READABLE)
        loaders = (path for folder in ("/lib", "/lib64") for path in Path(folder).glob("ld-*.so*"))
        _allow(ruleset, [enclosure.program, *loaders], _EXECUTE | _READ)
        _allow(ruleset, [*enclosure.readable, *system], _READ | _LIST)
        _allow(ruleset, enclosure.writable, every & ~_EXECUTE)
        _allow(ruleset, [Path("/dev/null")], _READ | _WRITE)
        for port in (*enclosure.ports, _DNS_PORT) if network else ():
            rule = struct.pack("=QQ", _CONNECT, port)
            _checked(_libc.syscall(_ADD_RULE, ruleset, _PORT, rule, 0))
    except BaseException:
        os.close(ruleset)
        raise
    return ruleset


def _allow(ruleset: int, paths: Iterable[Path], rights: int) -> None:
    """Allow what is there; what is not there needs no rule."""
    for path in paths:
        with suppress(FileNotFoundError, NotADirectoryError):
            found = os.open(path, os.O_PATH | os.O_CLOEXEC)
            try:
                meant = rights if path.is_dir() else rights & _FILE_ONLY
                rule = struct.pack("=Qi", meant, found)
                _checked(_libc.syscall(_ADD_RULE, ruleset, _BENEATH, rule, 0))
            finally:
                os.close(found)


def _checked(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"Landlock: {os.strerror(code)}")
    return result
