"""Faults that can be switched on, per method and path: what a network and a tired service do."""

import asyncio
import fnmatch
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from aiohttp import web

from gitops_bot.sandbox.github.limits import secondary_limit
from gitops_bot.sandbox.github.refusals import Refusal

Kind = Literal["latency", "reset", "hang", "status", "secondary", "primary", "truncated", "cut", "html", "body"]
_KINDS = ("latency", "reset", "hang", "status", "secondary", "primary", "truncated", "cut", "html", "body")
_LONGEST_HANG = 600.0
_PAGE = "<!DOCTYPE html><html><head><title>Unicorn!</title></head><body><p>We had issues producing the response.</p>"


@dataclass
class Fault:
    """One fault.

    ``method`` (or ``*``) and ``path`` (a shell pattern; API paths without ``/api/v3``, git paths as they
    are) say whom it meets, ``login`` limits it to one account. ``when="after"``: GitHub does what it was
    told, only the answer goes wrong. ``count``: how many requests it meets, None: all; ``after_calls``
    lets so many pass first.

    Kinds: *latency* (``seconds``), *reset* (the connection breaks), *hang* (no answer), *status* (``status``
    with a JSON body), *secondary* and *primary* (rate limits; ``status`` 403 or 429, ``retry_after`` None: no
    header; of *primary* it is the seconds until the limit ends), *truncated* (half of the JSON, well framed),
    *cut* (the connection ends within the body), *html* (a page with status 200), *body* (``body`` as it is,
    with ``status`` and ``content_type``).
    """

    kind: Kind
    method: str = "*"
    path: str = "*"
    login: str = ""
    when: Literal["before", "after"] = "before"
    count: int | None = 1
    after_calls: int = 0
    seconds: float = 1.0
    status: int = 0
    retry_after: int | None = 1
    body: str = ""
    content_type: str = "application/json"

    def __post_init__(self) -> None:
        if self.kind not in _KINDS or self.when not in {"before", "after"}:
            raise ValueError(f"kind is one of {', '.join(_KINDS)}; when is before or after")


class Faults:
    """The faults that are switched on, in the order in which they were."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, values: Mapping[str, Any]) -> Fault:
        """Switch one on. ValueError says what is wrong with it."""
        unknown = set(values) - {field.name for field in fields(Fault)}
        if unknown or "kind" not in values:
            raise ValueError(f"a fault needs a kind; unknown here: {sorted(unknown)}")
        fault = Fault(**values)
        self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Switch all off."""
        self._faults.clear()

    def as_json(self) -> list[dict[str, Any]]:
        """Give what is switched on."""
        return [asdict(fault) for fault in self._faults]

    def take(self, method: str, path: str, login: str) -> Fault | None:
        """Give the fault that meets this request, and count it."""
        for fault in self._faults:
            if fault.method not in {method, "*"} or not fnmatch.fnmatchcase(path, fault.path):
                continue
            if fault.login and fault.login.lower() != login.lower():
                continue
            if fault.after_calls > 0:
                fault.after_calls -= 1
                continue
            if fault.count is not None:
                fault.count -= 1
                if fault.count <= 0:
                    self._faults.remove(fault)
            return fault
        return None


async def carry_out(fault: Fault, request: web.Request, good: bytes) -> web.StreamResponse | None:
    """Give the faulty answer; None for a mere delay, after which all goes on. ``good``: what would be answered."""
    if fault.kind == "latency":
        await asyncio.sleep(fault.seconds)
        return None
    if fault.kind == "hang":
        await asyncio.sleep(_LONGEST_HANG)
    if fault.kind in {"reset", "hang"}:
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=500)
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
