"""The official release of a program, believed only when its published checksum agrees."""

import asyncio
import hashlib
import platform
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import httpx

from gitops_bot.sandbox.errors import ToolNotBrought
from gitops_bot.sandbox.tools import cache
from gitops_bot.sandbox.tools.cache import ToolFile
from gitops_bot.sandbox.tools.catalogue import Release, Tool

# Seconds without an answer after which a site counts as out of reach.
PATIENCE = 5.0
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_SHA256_DIGITS = 64


def architecture() -> str:
    """Give this machine's architecture as releases name it, or ToolNotBrought."""
    machine = platform.machine()
    if machine not in _ARCHITECTURES:
        raise ToolNotBrought(f"no official release for {machine}")
    return _ARCHITECTURES[machine]


def published_checksum(text: str, file_name: str) -> str:
    """Find the sum of ``file_name`` in what ``sha256sum`` prints, or in a file that is one bare sum."""
    for line in text.splitlines():
        words = line.split()
        alone = len(words) == 1
        if words and len(words[0]) == _SHA256_DIGITS and (alone or words[-1].lstrip("*") == file_name):
            return words[0].lower()
    raise ToolNotBrought(f"the published checksums do not name {file_name}")


async def download(
    tool: Tool, report: Callable[[str], None], *, transport: httpx.AsyncBaseTransport | None = None
) -> ToolFile:
    """Fetch, verify, unpack and keep a release; ToolNotBrought when there is none or it cannot be had."""
    if tool.release is None:
        raise ToolNotBrought("download: published as a container image only")
    release = tool.release
    url = release.url.format(arch=architecture())
    with cache.work_folder(tool.name) as folder:
        try:
            async with httpx.AsyncClient(timeout=PATIENCE, follow_redirects=True, transport=transport) as client:
                report("asking for the published checksum")
                sums = await client.get(release.checksums_url.format(arch=architecture()))
                sums.raise_for_status()
                expected = published_checksum(sums.text, url.rsplit("/", 1)[1])
                file = folder / "download"
                actual = await _fetch(client, url, file, report)
        except httpx.HTTPError as error:
            raise ToolNotBrought(f"download: {_reason(error)} ({url})") from error
        if actual != expected:
            raise ToolNotBrought(f"download: {url} has sha256 {actual}, published is {expected}: not used")
        program = await asyncio.to_thread(_unpack, file, release, folder)
        return await asyncio.to_thread(cache.keep, tool.name, tool.version, program, url)


def _reason(error: httpx.HTTPError) -> str:
    if isinstance(error, httpx.HTTPStatusError):
        return f"HTTP {error.response.status_code}"
    if isinstance(error, httpx.TimeoutException):
        return f"no answer within {PATIENCE:g} s"
    return str(error) or type(error).__name__


async def _fetch(client: httpx.AsyncClient, url: str, file: Path, report: Callable[[str], None]) -> str:
    """Write the body of ``url`` to ``file`` and give its sha256."""
    digest = hashlib.sha256()
    async with client.stream("GET", url) as answer:
        answer.raise_for_status()
        total = int(answer.headers.get("content-length", 0))
        received = 0
        with file.open("wb") as out:
            async for chunk in answer.aiter_bytes(1 << 20):
                out.write(chunk)
                digest.update(chunk)
                received += len(chunk)
                share = f" of {total >> 20}" if total else ""
                report(f"downloading, {received >> 20}{share} MB")
    return digest.hexdigest()


def _unpack(file: Path, release: Release, folder: Path) -> Path:
    if release.member is None:
        return file
    member = release.member.format(arch=architecture())
    program = folder / "program"
    try:
        with tarfile.open(file) as archive, program.open("wb") as out:
            source = archive.extractfile(member)
            if source is None:
                raise ToolNotBrought(f"download: {member} in the archive is no file")
            shutil.copyfileobj(source, out)
    except (tarfile.TarError, KeyError, OSError) as error:
        raise ToolNotBrought(f"download: the archive cannot be read or lacks {member}") from error
    return program
