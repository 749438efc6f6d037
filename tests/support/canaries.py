"""Secrets that are planted to be found again, in any form; written without a look at how they are hidden.

A canary is random digits (its core) in a value of some shape. Of the core any ten digits in a row count, in
any case, in base64 at any offset, in hexadecimal, backwards, and inside of what is compressed.
"""

import base64
import re
import secrets
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_WINDOW = 10
# Characters of a word that a pattern branches on; every word is longer.
_BRANCHES = 4
_DEEPEST = 2
# gzip, and zlib at its usual levels.
_COMPRESSED = re.compile(rb"\x1f\x8b\x08|\x78[\x01\x5e\x9c\xda]")
_MOST_STREAMS = 2000
_MOST_BYTES = 64 << 20


@dataclass(frozen=True)
class Canary:
    """A planted value. ``place`` says where, for people."""

    name: str
    place: str
    value: str
    cores: tuple[str, ...]


def canary(name: str, place: str, shape: str = "{}", *, digits: bool = False) -> Canary:
    """Make one; each ``{}`` of the shape gets a core of its own."""
    cores = tuple(_digits() if digits else secrets.token_hex(12) for _ in range(shape.count("{}")))
    value = shape
    for core in cores:
        value = value.replace("{}", core, 1)
    return Canary(name, place, value, cores)


def known(name: str, place: str, value: str) -> Canary:
    """Take a token that somebody else made: its end is the core, for its beginning may be no secret."""
    return Canary(name, place, value, (value[-24:],))


def _digits() -> str:
    return str(secrets.randbelow(9 * 10**19) + 10**19)


def _traces(core: str) -> Iterator[bytes]:
    for window in {core[:_WINDOW], core[len(core) // 2 - 5 :][:_WINDOW], core[-_WINDOW:]}:
        yield window.encode().lower()
        yield window[::-1].encode().lower()
        yield window.encode().hex().encode()
    if core.isdigit():
        # A number as a float: the same digits behind a point.
        yield f"{core[0]}.{core[1:9]}".encode()


def _exact_traces(core: str) -> Iterator[bytes]:
    """Base64, where capitals matter."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for offset in range(3):
            yield encode(b"\0" * offset + core.encode())[4:-4][: _WINDOW + 2]


def _one_of(words: Iterable[bytes], depth: int = 0) -> bytes:
    """A pattern for any of these words, branching character by character: `re` tries plain ones one after the other."""
    by_next: dict[bytes, list[bytes]] = {}
    for word in words:
        by_next.setdefault(word[depth : depth + 1], []).append(word)
    if depth == _BRANCHES:
        return b"|".join(re.escape(word[depth:]) for word in words)
    branches = [re.escape(first) + b"(?:" + _one_of(those, depth + 1) + b")" for first, those in by_next.items()]
    return b"|".join(branches)


class Hunter:
    """Looks for canaries in bytes."""

    def __init__(self, canaries: Iterable[Canary]) -> None:
        self._names: dict[bytes, str] = {}
        exact: dict[bytes, str] = {}
        for one in canaries:
            for core in one.cores:
                self._names |= dict.fromkeys(_traces(core), one.name)
                exact |= dict.fromkeys(_exact_traces(core), one.name)
        self._any_case = re.compile(_one_of(self._names))
        self._exact = re.compile(_one_of(exact))
        self._names |= exact

    def find(self, content: bytes | str, depth: int = 0) -> dict[str, str]:
        """Give the names of the canaries in there, each with what stands around it."""
        data = content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content
        found: dict[str, str] = {}
        for pattern, text in ((self._any_case, data.lower()), (self._exact, data)):
            for match in pattern.finditer(text):
                around = data[max(0, match.start() - 80) : match.end() + 40]
                found.setdefault(self._names[match[0]], around.decode("utf-8", "replace"))
        if depth < _DEEPEST:
            for inner in _decompressed(data):
                found = self.find(inner, depth + 1) | found
        return found

    def find_in_folder(self, folder: Path, *, without: str = "") -> dict[str, str]:
        """Look into the names and the contents of all files below; ``without``: names of folders that are left out."""
        found: dict[str, str] = {}
        for file in folder.rglob("*"):
            if without and re.search(without, file.relative_to(folder).as_posix()):
                continue
            found |= self.find(str(file.relative_to(folder)))
            if file.is_file() and not file.is_symlink():
                found |= self.find(file.read_bytes())
        return found

    def find_in_database(self, file: Path) -> dict[str, str]:
        """Look into the pages of an SQLite database, and into each value, which may go over several pages."""
        found: dict[str, str] = {}
        for part in (file, file.with_name(file.name + "-wal"), file.with_name(file.name + "-journal")):
            if part.exists():
                found |= self.find(part.read_bytes())
        with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as connection:
            tables = [row[0] for row in connection.execute("select name from sqlite_master where type = 'table'")]
            for table in tables:
                for row in connection.execute(f'select * from "{table}"'):  # noqa: S608 - names out of the database
                    for value in row:
                        found |= self.find(value if isinstance(value, bytes) else str(value))
        connection.close()
        return found


def _decompressed(data: bytes) -> Iterator[bytes]:
    for number, match in enumerate(_COMPRESSED.finditer(data)):
        if number >= _MOST_STREAMS:
            return
        try:
            # 32: gzip or zlib, whichever it is.
            yield zlib.decompressobj(wbits=32 + zlib.MAX_WBITS).decompress(data[match.start() :], _MOST_BYTES)
        except zlib.error:
            continue
