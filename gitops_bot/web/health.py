"""``/healthz`` (the process turns), ``/readyz`` (it can do its work), ``/metrics``."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from gitops_bot import telemetry
from gitops_bot.errors import SettingsError

log = telemetry.logger(__name__)

# Names of what is not as it should be, with the reason; empty: ready.
Readiness = Callable[[], dict[str, str]]


@asynccontextmanager
async def serve_health(host: str, port: int, readiness: Readiness) -> AsyncIterator[int]:
    """Serve while the block runs; yields the port. SettingsError when the address cannot be had."""
    application = web.Application()
    application.add_routes(
        [
            web.get("/healthz", _healthz),
            web.get("/readyz", _readyz(readiness)),
            web.get("/metrics", _metrics),
        ]
    )
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as error:
            raise SettingsError(
                f"web.port: cannot listen on {host}:{port}: {error.strerror}. Set another port, or 0 for a free one."
            ) from error
        real_port = int(runner.addresses[0][1])
        log.info("serving health and metrics", host=host, port=real_port)
        yield real_port
    finally:
        await runner.cleanup()


async def _healthz(_request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


def _readyz(readiness: Readiness) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handler(_request: web.Request) -> web.StreamResponse:
        problems = readiness()
        return web.json_response(
            {"status": "not ready" if problems else "ready", "problems": problems}, status=503 if problems else 200
        )

    return handler


async def _metrics(_request: web.Request) -> web.Response:
    # aiohttp wants the charset apart from the content type.
    return web.Response(body=generate_latest(telemetry.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})
