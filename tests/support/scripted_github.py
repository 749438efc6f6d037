"""A server that answers exactly what a test tells it to: for answers that no healthy GitHub would give."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(frozen=True)
class Reply:
    """One answer. ``body``: bytes as they are, anything else as JSON. ``fate`` breaks it."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json; charset=utf-8"
    # "reset" closes the connection instead of answering, "hang" never answers, "cut" ends within the body.
    fate: str = ""


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    headers: Mapping[str, str]
    content: Any


Script = Reply | Callable[[Asked], Reply]


@dataclass
class ScriptedGitHub:
    """``say`` what is to be answered; ``asked`` is what arrived."""

    address: str = ""
    asked: list[Asked] = field(default_factory=list)
    _scripts: dict[str, list[Script]] = field(default_factory=lambda: defaultdict(list))

    def say(self, question: str, *replies: Script) -> None:
        """Answer ``"GET /path?query"`` with these, one after the other; the last one for ever."""
        self._scripts[question] = list(replies)

    def count(self, question: str) -> int:
        return sum(f"{asked.method} {asked.path}" == question for asked in self.asked)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        text = await request.text()
        asked = Asked(request.method, request.raw_path, dict(request.headers), json.loads(text) if text else None)
        self.asked.append(asked)
        scripts = self._scripts.get(f"{asked.method} {asked.path}")
        if not scripts:
            return web.json_response({"message": "Not Found", "status": "404"}, status=404)
        script = scripts.pop(0) if len(scripts) > 1 else scripts[0]
        reply = script if isinstance(script, Reply) else script(asked)
        return await _send(request, reply)


async def _send(request: web.Request, reply: Reply) -> web.StreamResponse:
    transport = request.transport
    assert transport is not None
    if reply.fate == "hang":
        await asyncio.Event().wait()
    if reply.fate == "reset":
        transport.abort()
        return web.Response()
    body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
    headers = {"Content-Type": reply.content_type, **reply.headers}
    if reply.fate != "cut":
        return web.Response(status=reply.status, headers=headers, body=b"" if reply.status == 304 else body)
    response = web.StreamResponse(status=reply.status, headers={**headers, "Content-Length": str(len(body))})
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    transport.abort()
    return response


@asynccontextmanager
async def scripted_github(**tls: Any) -> AsyncIterator[ScriptedGitHub]:
    """Run one on a free port of loopback; ``ssl_context=`` makes it https."""
    server = ScriptedGitHub()
    application = web.Application()
    application.router.add_route("*", "/{tail:.*}", server.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, **tls)
        await site.start()
        scheme = "https" if tls else "http"
        server.address = f"{scheme}://localhost:{runner.addresses[0][1]}"
        yield server
    finally:
        await runner.cleanup()
