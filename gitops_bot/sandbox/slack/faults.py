"""Faults that can be switched on, per method: what a network and a tired service do."""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from aiohttp import web

Kind = Literal["latency", "status", "rate_limited", "reset", "hang", "error", "garbage"]
_KINDS = ("latency", "status", "rate_limited", "reset", "hang", "error", "garbage")
LONGEST_HANG = 600.0


@dataclass
class Fault:
    """One fault. ``when="after"``: Slack does what it was told, only the answer goes wrong.

    ``count`` is how many calls it meets, None: all; ``after_calls`` lets so many pass first.
    ``status`` is for kind *status*, ``error`` for *error*, ``seconds`` for *latency* and
    (as Retry-After) *rate_limited*, ``body`` for *garbage*.
    """

    method: str
    kind: Kind
    when: Literal["before", "after"] = "before"
    count: int | None = 1
    after_calls: int = 0
    seconds: float = 1.0
    status: int = 503
    error: str = "internal_error"
    body: str = "<html>Bad gateway</html>"

    def __post_init__(self) -> None:
        if self.kind not in _KINDS or self.when not in {"before", "after"}:
            raise ValueError(f"kind is one of {', '.join(_KINDS)}; when is before or after")


class Faults:
    """The faults that are switched on, in the order in which they were."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, values: Mapping[str, Any]) -> Fault:
        """Switch one on. ``method`` may be ``*``, ``upload`` or ``response_url``. ValueError says what is wrong."""
        unknown = set(values) - {field.name for field in fields(Fault)}
        if unknown or "method" not in values or "kind" not in values:
            raise ValueError(f"a fault needs method and kind; unknown here: {sorted(unknown)}")
        fault = Fault(**values)
        self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Switch all off."""
        self._faults.clear()

    def as_json(self) -> list[dict[str, Any]]:
        """Give what is switched on."""
        return [asdict(fault) for fault in self._faults]

    def take(self, method: str) -> Fault | None:
        """Give the fault that meets this call, and count it."""
        for fault in self._faults:
            if fault.method not in {method, "*"}:
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


async def carry_out(fault: Fault, request: web.Request) -> web.Response | None:
    """Give the faulty answer; None for a mere delay, after which all goes on."""
    if fault.kind == "latency":
        await asyncio.sleep(fault.seconds)
        return None
    if fault.kind == "hang":
        await asyncio.sleep(LONGEST_HANG)
    if fault.kind in {"reset", "hang"}:
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=500)
    if fault.kind == "rate_limited":
        return too_many_requests(max(1, round(fault.seconds)))
    if fault.kind == "error":
        return web.json_response({"ok": False, "error": fault.error})
    if fault.kind == "garbage":
        return web.Response(status=200, text=fault.body, content_type="text/html")
    return web.Response(status=fault.status, text=fault.body, content_type="text/html")


def too_many_requests(seconds: int) -> web.Response:
    """Give Slack's answer to who asks too often."""
    return web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers={"Retry-After": str(seconds)})
