"""``gitops-bot-runner``: the runner as a program of its own, for another container or Pod."""

import argparse
import asyncio
import signal
from pathlib import Path

from gitops_bot import __version__, telemetry
from gitops_bot.errors import SettingsError
from gitops_bot.flux import handshake, protocol
from gitops_bot.flux.private_folders import clear_leftovers
from gitops_bot.flux.process import close_memory
from gitops_bot.flux.program import find_flux
from gitops_bot.runner import certificate
from gitops_bot.runner.server import Bounds, RunnerServer

log = telemetry.logger(__name__)

_LEAST_MEMORY = 1 << 30
# What the bot's settings may ask for at most (flux.output_bytes).
_MOST_OUTPUT = 64 << 20


def parser() -> argparse.ArgumentParser:
    """Say what may be set. Everything that decides a report is the bot's to say; here are bounds."""
    ours, limits = Bounds(), protocol.Limits()
    options = argparse.ArgumentParser(prog="gitops-bot-runner", description="Runs flux in its cage for gitops-bot.")
    add = options.add_argument
    add("--listen", default="127.0.0.1:8443", help="HOST:PORT (default %(default)s); port 0: a free one, logged")
    add("--secret-file", type=Path, required=True, help="what the bot proves to know; one a line, all are accepted")
    add("--certificate-file", type=Path, help="certificate, PEM (default: one is made at each start)")
    add("--key-file", type=Path, help="its key, PEM")
    add("--flux", default="flux", help="the flux program, 2.9.1 or later (default %(default)s)")
    add("--sessions", type=_positive, default=ours.sessions, help="sessions side by side (default %(default)s)")
    add("--session-seconds", type=_positive, default=int(ours.session_seconds), help="default %(default)s")
    add("--session-bytes", type=_positive, default=ours.session_bytes, help="what a bot may send in one session")
    add("--concurrency", type=_positive, default=ours.concurrency, help="runs side by side in one session")
    add("--memory-bytes", type=_positive, default=limits.memory_bytes, help="memory of one run, at least 1 GiB")
    add("--deadline", type=_positive, default=int(limits.seconds), help="seconds of one run (default %(default)s)")
    add("--heartbeat", type=_positive, default=int(ours.heartbeat), help="seconds between two signs of life")
    add("--version", action="version", version=__version__)
    return options


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise SettingsError(f"--listen: {text} is not HOST:PORT, such as 0.0.0.0:8443")
    return host.strip("[]"), int(port)


def _bounds(chosen: argparse.Namespace) -> Bounds:
    if chosen.memory_bytes < _LEAST_MEMORY:
        raise SettingsError(f"--memory-bytes: flux does not start with less than {_LEAST_MEMORY}")
    return Bounds(
        sessions=chosen.sessions,
        session_bytes=chosen.session_bytes,
        session_seconds=chosen.session_seconds,
        concurrency=chosen.concurrency,
        heartbeat=chosen.heartbeat,
        limits=protocol.Limits(seconds=chosen.deadline, memory_bytes=chosen.memory_bytes, output_bytes=_MOST_OUTPUT),
    )


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"--secret-file: {file} cannot be read: {error.strerror}") from error


async def _serve(chosen: argparse.Namespace) -> None:
    host, port = _address(chosen.listen)
    try:
        handshake.secrets_of(_read(chosen.secret_file))
    except ValueError as error:
        raise SettingsError(f"--secret-file: {chosen.secret_file}: {error}") from None
    if (chosen.certificate_file is None) != (chosen.key_file is None):
        raise SettingsError("--certificate-file and --key-file belong together: give both, or none")
    if chosen.certificate_file is None:
        ours = certificate.self_made()
    else:
        ours = certificate.from_files(chosen.certificate_file, chosen.key_file)
    # From here on what runs in the cage cannot look at us, not even as the same user.
    close_memory()
    flux = await find_flux(chosen.flux)
    cleared = await asyncio.to_thread(clear_leftovers)
    server = RunnerServer(flux, ours, lambda: _read(chosen.secret_file), _bounds(chosen))
    stop = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    async with server.serving(host, port) as real_port:
        log.info("the runner listens", host=host, port=real_port, flux=flux.version, removed_folders=cleared)
        await stop.wait()
    log.info("stopped")


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; 1 when that is not possible."""
    chosen = parser().parse_args(arguments)
    telemetry.set_up_logging("INFO", as_json=True)
    try:
        asyncio.run(_serve(chosen))
    except SettingsError as error:
        log.error("the runner cannot start", reason=str(error))  # noqa: TRY400 # the text says it all
        return 1
    return 0
