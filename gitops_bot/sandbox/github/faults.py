"""Faults that can be switched on, per method and path: what a network and a tired service do."""

import fnmatch
import json
import time
from dataclasses import dataclass

from aiohttp import web

from gitops_bot.sandbox.faults import AnyFault, wait_or_break_off
from gitops_bot.sandbox.github.limits import secondary_limit
from gitops_bot.sandbox.github.refusals import Refusal

_PAGE = "<!DOCTYPE html><html><head><title>Unicorn!</title></head><body><p>We had issues producing the response.</p>"


@dataclass(kw_only=True)
class Fault(AnyFault):
    """One fault.

    ``method`` (or ``*``) and ``path`` (a shell pattern; API paths without ``/api/v3``, git paths as they
    are) say whom it meets, ``login`` limits it to one account.

    Kinds beside the usual ones: *status* (``status`` with a JSON body), *secondary* and *primary* (rate limits;
    ``status`` 403 or 429, ``retry_after`` None: no header; of *primary* it is the seconds until the limit ends),
    *truncated* (half of the JSON, well framed), *cut* (the connection ends within the body), *html* (a page with
    status 200), *body* (``body`` as it is, with ``status`` and ``content_type``).
    """

    kinds = ("latency", "reset", "hang", "status", "secondary", "primary", "truncated", "cut", "html", "body")

    method: str = "*"
    path: str = "*"
    login: str = ""
    status: int = 0
    retry_after: int | None = 1
    body: str = ""
    content_type: str = "application/json"

    def meets(self, method: str, path: str, login: str) -> bool:
        """Whether it is about such a request."""
        if self.method not in {method, "*"} or not fnmatch.fnmatchcase(path, self.path):
            return False
        return not self.login or self.login.lower() == login.lower()


async def carry_out(fault: Fault, request: web.Request, good: bytes) -> web.StreamResponse | None:
    """Give the faulty answer; None for a mere delay, after which all goes on. ``good``: what would be answered."""
    broken = await wait_or_break_off(fault, request)
    if broken is not None or fault.kind == "latency":
        return broken
    return await _cut(request, good) if fault.kind == "cut" else _faulty(fault, good)


def _faulty(fault: Fault, good: bytes) -> web.Response:
    if fault.kind == "primary":
        answer = refusal_response(Refusal(fault.status or 403, "API rate limit exceeded for user ID 1."))
        answer.headers["X-RateLimit-Remaining"] = "0"
        answer.headers["X-RateLimit-Reset"] = str(int(time.time() + (fault.retry_after or 0)))
        answer.headers["X-RateLimit-Resource"] = "core"
        return answer
    if fault.kind == "secondary":
        return refusal_response(secondary_limit(fault.retry_after, fault.status or 403))
    if fault.kind == "status":
        return refusal_response(Refusal(fault.status or 502, "Server Error"))
    if fault.kind == "truncated":
        return web.Response(body=good[: len(good) // 2], content_type="application/json", charset="utf-8")
    text, kind = (_PAGE, "text/html") if fault.kind == "html" else (fault.body, fault.content_type)
    return web.Response(status=fault.status or 200, text=text, content_type=kind)


def refusal_response(refusal: Refusal) -> web.Response:
    """Give a refusal as an answer."""
    return web.Response(
        status=refusal.status,
        body=json.dumps(refusal.body).encode(),
        content_type="application/json",
        charset="utf-8",
        headers=refusal.headers,
    )


async def _cut(request: web.Request, good: bytes) -> web.StreamResponse:
    """Promise the whole body, send half of it, and break off."""
    answer = web.StreamResponse(headers={"Content-Type": "application/json; charset=utf-8"})
    answer.content_length = len(good) + 1
    await answer.prepare(request)
    await answer.write(good[: len(good) // 2])
    if request.transport is not None:
        request.transport.close()
    return answer
