"""Faults that can be switched on, per method: what a network and a tired service do."""

from dataclasses import dataclass

from aiohttp import web

from gitops_bot.sandbox.faults import AnyFault, wait_or_break_off


@dataclass(kw_only=True)
class Fault(AnyFault):
    """One fault of a ``method``, which may be ``*``, ``upload`` or ``response_url``.

    ``status`` is for kind *status*, ``error`` for *error*, ``body`` for *garbage*; ``seconds`` is also what
    *rate_limited* says in Retry-After.
    """

    kinds = ("latency", "status", "rate_limited", "reset", "hang", "error", "garbage")

    method: str
    status: int = 503
    error: str = "internal_error"
    body: str = "<html>Bad gateway</html>"

    def meets(self, method: str) -> bool:
        """Whether it is about such a call."""
        return self.method in {method, "*"}


async def carry_out(fault: Fault, request: web.Request) -> web.Response | None:
    """Give the faulty answer; None for a mere delay, after which all goes on."""
    broken = await wait_or_break_off(fault, request)
    if broken is not None or fault.kind == "latency":
        return broken
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
