"""How a stand-in listens on loopback."""

from aiohttp import web


class Listener:
    """A server on one address; port 0: any that is free."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._runner: web.AppRunner | None = None

    async def start(self, app: web.Application, *, forget_who_hangs_up: bool = False) -> str:
        """Listen, and give the origin: ``http://host:port``."""
        self._runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=0.2, handler_cancellation=forget_who_hangs_up
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()
        host, port = self._runner.addresses[0][:2]
        return f"http://{host}:{port}"

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
