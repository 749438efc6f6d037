"""Real git repositories, served as GitHub serves them: smart HTTP by git's own http-backend, behind a token."""

import asyncio
import base64
import os
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

TOKEN = "ghp_tokenOfTheTestsThatNobodyMaySee"

# Plain git for the other side: no settings of the person who runs the tests.
_GIT_ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Test",
    "GIT_AUTHOR_EMAIL": "test@example.invalid",
    "GIT_COMMITTER_NAME": "Test",
    "GIT_COMMITTER_EMAIL": "test@example.invalid",
    "LC_ALL": "C",
}


def always(token: str) -> Callable[[object], Awaitable[str]]:
    """Give a token for every repository."""

    async def give(_repository: object) -> str:
        return token

    return give


@dataclass(frozen=True)
class Link:
    """A symbolic link in a commit."""

    target: bytes


@dataclass(frozen=True)
class Submodule:
    """A submodule in a commit."""

    commit: str = "1" * 40


Content = bytes | Link | Submodule


class Upstream:
    """A repository on the other side. Commits are made by fast-import: any name, any mode, no work tree."""

    def __init__(self, path: Path, *, object_format: str = "sha1") -> None:
        self.path = path
        path.mkdir(parents=True)
        self.git("init", "--quiet", "--bare", f"--object-format={object_format}", "--initial-branch=main")
        self._marks = 0

    def git(self, *arguments: str, stdin: bytes = b"") -> str:
        finished = subprocess.run(
            ["git", *arguments], cwd=self.path, env=_GIT_ENVIRONMENT, input=stdin, capture_output=True, check=False
        )
        assert finished.returncode == 0, finished.stderr
        return finished.stdout.decode().strip()

    def commit(
        self,
        ref: str,
        files: Mapping[str | bytes, Content],
        *,
        parent: str | None = None,
        remove: tuple[str, ...] = (),
    ) -> str:
        """Add a commit with these files on top of ``parent`` and point ``ref`` at it; returns its id."""
        self._marks += 1
        stream = [b"commit refs/import/%d\n" % self._marks]
        stream += [b"committer T <t@example.invalid> %d +0000\n" % (1_700_000_000 + self._marks), b"data 1\nx\n"]
        stream += [b"from %s\n" % parent.encode()] if parent else []
        stream += [b"D %s\n" % _quoted(path.encode()) for path in remove]
        for path, content in files.items():
            stream.append(_change(path.encode() if isinstance(path, str) else path, content))
        self.git("fast-import", "--quiet", "--force", stdin=b"".join(stream))
        commit = self.git("rev-parse", f"refs/import/{self._marks}")
        self.git("update-ref", "-d", f"refs/import/{self._marks}")
        self.git("update-ref", ref, commit)
        return commit


def _quoted(path: bytes) -> bytes:
    escaped = b"".join(bytes([byte]) if 32 <= byte < 127 and byte not in b'"\\' else b"\\%03o" % byte for byte in path)
    return b'"' + escaped + b'"'


def _change(path: bytes, content: Content) -> bytes:
    if isinstance(content, Submodule):
        return b"M 160000 %s %s\n" % (content.commit.encode(), _quoted(path))
    mode, data = (b"120000", content.target) if isinstance(content, Link) else (b"100644", content)
    return b"M %s inline %s\ndata %d\n%s\n" % (mode, _quoted(path), len(data), data)


@dataclass
class GitServer:
    """What the server saw, and what it is told to do wrong."""

    root: Path
    address: str = ""
    requests: list[str] = field(default_factory=list)
    # Answered to every request instead of asking git: a status and headers.
    broken: tuple[int, Mapping[str, str]] | None = None
    # Held back until it is set.
    gate: asyncio.Event | None = None

    def upstream(self, owner: str, name: str, *, object_format: str = "sha1") -> Upstream:
        return Upstream(self.root / owner / f"{name}.git", object_format=object_format)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(f"{request.method} {request.path_qs}")
        if self.broken is not None:
            status, headers = self.broken
            return web.Response(status=status, headers=headers, text="broken")
        expected = "Basic " + base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()
        if request.headers.get("Authorization") != expected:
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="GitHub"'})
        if self.gate is not None and request.method == "POST":
            await self.gate.wait()
        if not (self.root / request.path.lstrip("/").split(".git/")[0]).with_suffix(".git").exists():
            return web.Response(status=404, text="Repository not found.")
        return await _backend(self.root, request)


async def _backend(root: Path, request: web.Request) -> web.Response:
    """https://git-scm.com/docs/git-http-backend (RFC 3875)."""
    body = await request.read()
    process = await asyncio.create_subprocess_exec(
        "git",
        "http-backend",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=_GIT_ENVIRONMENT
        | {
            "GIT_PROJECT_ROOT": str(root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": request.path,
            "QUERY_STRING": request.query_string,
            "REQUEST_METHOD": request.method,
            "CONTENT_TYPE": request.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
            # Whoever runs the tests need not own the folder.
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
        },
    )
    output, _ = await process.communicate(body)
    head, _, content = output.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
    status = int(headers.pop("Status", "200").split()[0])
    return web.Response(status=status, headers=headers, body=content)


@asynccontextmanager
async def git_server(root: Path) -> AsyncIterator[GitServer]:
    """Serve the repositories below ``root`` on a free port of loopback."""
    server = GitServer(root)
    application = web.Application(client_max_size=64 << 20)
    application.router.add_route("*", "/{tail:.*}", server.handle)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        server.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield server
    finally:
        await runner.cleanup()
