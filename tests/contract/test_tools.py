"""How the sandbox's programs are found, fetched and kept, against real files, processes and a real HTTP server."""

import asyncio
import hashlib
import io
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from gitops_bot.sandbox.errors import ToolNotBrought, ToolsMissing
from gitops_bot.sandbox.processes import start_tick
from gitops_bot.sandbox.tools import cache, go_build
from gitops_bot.sandbox.tools import download as download_module
from gitops_bot.sandbox.tools.bring import bring_tools, cached_toolbox, choose, require_linux
from gitops_bot.sandbox.tools.catalogue import TOOLS, Release, Tool
from gitops_bot.sandbox.tools.download import architecture, download, published_checksum

PROGRAM = b"#!/bin/sh\necho 'flux version 2.9.5'\n"


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache and a PATH of our own: neither the user's tools nor Go."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path


def flux() -> Tool:
    return next(tool for tool in TOOLS if tool.name == "flux")


def eventually(condition: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def quiet(_tool: str, _text: str) -> None:
    pass


def archive_of(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = len(content), 0o755
        archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


class ReleaseSite:
    """Serves one archive and the checksums that somebody published for it."""

    def __init__(self) -> None:
        self.archive = archive_of("flux", PROGRAM)
        self.sums = ""
        self.downloads = 0
        self.url = ""
        self.answers = asyncio.Event()
        self.answers.set()

    def publish(self, archive: bytes) -> None:
        name = f"flux_linux_{architecture()}.tar.gz"
        self.sums = f"{hashlib.sha256(archive).hexdigest()}  {name}\n"

    def tool(self) -> Tool:
        release = Release(f"{self.url}/flux_linux_{{arch}}.tar.gz", f"{self.url}/sums", member="flux")
        return replace(flux(), release=release)

    async def handle(self, request: web.Request) -> web.Response:
        await self.answers.wait()
        if request.path == "/sums":
            return web.Response(text=self.sums)
        self.downloads += 1
        return web.Response(body=self.archive)


@pytest.fixture
async def site() -> AsyncIterator[ReleaseSite]:
    made = ReleaseSite()
    made.publish(made.archive)
    app = web.Application()
    app.router.add_get("/{name}", made.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    server = web.TCPSite(runner, "127.0.0.1", 0)
    await server.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


async def test_a_release_is_kept_when_its_checksum_is_the_published_one(site: ReleaseSite) -> None:
    brought = await download(site.tool(), lambda _text: None)
    assert brought.path.read_bytes() == PROGRAM
    assert os.access(brought.path, os.X_OK)
    found = cache.find("flux", flux().version)
    assert found == brought
    assert cache.is_intact(brought)
    assert found.origin.startswith(site.url)


async def test_a_release_with_another_checksum_is_not_used(site: ReleaseSite) -> None:
    site.archive = archive_of("flux", PROGRAM + b"evil\n")
    with pytest.raises(ToolNotBrought, match=r"published is .*: not used"):
        await download(site.tool(), lambda _text: None)
    assert cache.find("flux", flux().version) is None


async def test_nothing_half_made_is_left_by_a_download_that_fails(site: ReleaseSite) -> None:
    site.archive = b"no archive at all"
    site.publish(site.archive)
    with pytest.raises(ToolNotBrought, match="archive cannot be read"):
        await download(site.tool(), lambda _text: None)
    assert {path.name for path in cache.tools_folder().iterdir()} == set()


async def test_checksums_that_do_not_name_the_file_are_no_checksums(site: ReleaseSite) -> None:
    site.sums = f"{'0' * 64}  another-file.tar.gz\n"
    with pytest.raises(ToolNotBrought, match="do not name"):
        await download(site.tool(), lambda _text: None)
    assert site.downloads == 0


async def test_a_site_out_of_reach_is_told_with_its_address() -> None:
    tool = replace(flux(), release=Release("http://127.0.0.1:9/x", "http://127.0.0.1:9/sums"))
    with pytest.raises(ToolNotBrought, match=r"download: .*127\.0\.0\.1:9/x"):
        await download(tool, lambda _text: None)


async def test_a_site_that_does_not_answer_is_given_up(site: ReleaseSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download_module, "PATIENCE", 0.2)
    site.answers.clear()
    with pytest.raises(ToolNotBrought, match=r"no answer within 0\.2 s"):
        await download(site.tool(), lambda _text: None)
    site.answers.set()


@pytest.mark.parametrize(
    "text", ["{sum}", "{sum}\n", "{sum}  a.tar.gz\n", "{sum} *a.tar.gz\n", "0  b\n{sum}  a.tar.gz"]
)
def test_checksum_files_of_every_shape_are_read(text: str) -> None:
    wanted = hashlib.sha256(b"").hexdigest()
    assert published_checksum(text.format(sum=wanted), "a.tar.gz") == wanted


async def test_a_tested_version_on_path_is_taken_and_an_untested_one_is_not(folders: Path) -> None:
    program = folders / "bin" / "flux"
    for version, is_taken in (("2.9.1", True), ("2.9.9", True), ("2.9.0", False), ("2.10.0", False)):
        program.write_text(f"#!/bin/sh\necho 'flux version {version}'\n")
        program.chmod(0o755)
        cache.definitions_folder().mkdir(parents=True, exist_ok=True)
        if is_taken:
            box = await bring_tools([flux()], progress=quiet, offline=True)
            assert (box.files["flux"].version, box.path("flux")) == (version, program)
        else:
            with pytest.raises(ToolsMissing, match=f"is version {version}, tested are >= 2.9.1 and < 2.10"):
                await bring_tools([flux()], progress=quiet, offline=True)


async def test_a_program_that_does_not_run_is_not_taken(folders: Path) -> None:
    (folders / "bin" / "flux").write_text("no program")
    (folders / "bin" / "flux").chmod(0o755)
    with pytest.raises(ToolsMissing, match="flux does not run"):
        await bring_tools([flux()], progress=quiet, offline=True)


async def test_what_is_missing_is_listed_with_every_reason_and_a_way_to_get_it() -> None:
    tools = [replace(tool, release=None) for tool in TOOLS if tool.name in {"flux", "source-controller"}]
    with pytest.raises(ToolsMissing) as missing:
        await bring_tools(tools, progress=quiet)
    told = str(missing.value)
    for words in ("flux 2.9.5", "source-controller 1.9.3", "PATH: not there", "Go is not installed", "go.dev/dl"):
        assert words in told
    assert "how to get it: install Go 1.26 or newer" in told


async def test_an_old_go_is_refused_by_name(folders: Path) -> None:
    go = folders / "bin" / "go"
    go.write_text("#!/bin/sh\necho 'go version go1.19.8 linux/amd64'\n")
    go.chmod(0o755)
    with pytest.raises(ToolNotBrought, match=r"go1\.19\.8 linux/amd64 is too old"):
        await go_build.require_go()


def test_a_tool_without_its_manifest_or_with_another_size_is_not_found(folders: Path) -> None:
    program = folders / "program"
    program.write_bytes(PROGRAM)
    kept = cache.keep("flux", "2.9.5", program, "test")
    assert cache.find("flux", "2.9.5") == kept
    kept.path.write_bytes(PROGRAM + b"more")
    assert cache.find("flux", "2.9.5") is None
    program.write_bytes(PROGRAM)
    assert cache.keep("flux", "2.9.5", program, "again").path.read_bytes() == PROGRAM
    (kept.path.parent / "manifest.json").unlink()
    assert cache.find("flux", "2.9.5") is None


def test_damage_of_the_same_size_is_seen_by_the_checksum(folders: Path) -> None:
    program = folders / "program"
    program.write_bytes(PROGRAM)
    kept = cache.keep("flux", "2.9.5", program, "test")
    kept.path.write_bytes(PROGRAM.replace(b"echo", b"ECHO"))
    found = cache.find("flux", "2.9.5")
    assert found is not None
    assert not cache.is_intact(found)


def test_two_runs_do_not_bring_tools_at_once() -> None:
    first, second = cache.Lock(), cache.Lock()
    assert first.try_acquire()
    assert not second.try_acquire()
    first.release()
    assert second.try_acquire()
    second.release()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_stopped_build_leaves_no_compiler_and_the_next_run_no_rubbish(
    folders: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    # A go that knows its version and then compiles for ever.
    go = folders / "bin" / "go"
    go.write_text('#!/bin/sh\ncase "$1" in version) echo go1.26.0;; *) echo $$ > "$HOME/pid"; exec sleep 1000;; esac\n')
    go.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folders / 'bin'}:{os.defpath}")
    monkeypatch.setenv("HOME", str(folders))
    pid_file = folders / "pid"
    command = [sys.executable, "-m", "gitops_bot", "tools", "--only", "source-controller"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            assert eventually(lambda: pid_file.exists() and pid_file.read_text().strip() != "", 30)
            process.send_signal(number)
            assert process.wait(30) == (-9 if number is signal.SIGKILL else 130)
        finally:
            process.kill()
    compiler = int(pid_file.read_text())
    assert eventually(lambda: start_tick(compiler) is None)
    cache.clear_leftovers()
    assert [path.name for path in cache.tools_folder().iterdir()] == [".lock"]


def test_nothing_is_cached_in_an_empty_cache() -> None:
    assert cached_toolbox() is None


def test_elsewhere_than_on_linux_it_says_so_at_once() -> None:
    with pytest.raises(ToolsMissing, match="Linux only"):
        require_linux("darwin")


def test_an_unknown_tool_is_named() -> None:
    with pytest.raises(ToolsMissing, match=r"helm: not a tool.*kube-apiserver"):
        choose(["helm"])
