"""Whoever is killed, and whenever: no flux, no runner, no token and no tree stay behind."""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest
from waiting import until

from gitops_bot.config import FluxSettings
from gitops_bot.errors import RunnerError
from gitops_bot.flux import FluxDoor, protocol
from gitops_bot.flux import door as flux_door
from gitops_bot.flux.child_runner import ChildChannel, child_runner
from gitops_bot.flux.seats import Seats
from gitops_bot.flux.session import Session
from gitops_bot.models.changes import OutcomeStatus
from gitops_bot.models.claims import NOBODY, Claimant
from gitops_bot.models.kustomizations import ClusterCredentials, Kustomization, KustomizationId
from gitops_bot.models.tree import Tree
from gitops_bot.rules.fairness import FIRST_NICENESS, LAST_NICENESS, terms_of_runs

APPS = Kustomization(KustomizationId("production", "flux-system", "apps"), {"path": "./apps"}, live=False)
TREE = Tree({"apps/a.yaml": b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: b}\n"})
NOBODYS_USER = 65534


@pytest.fixture
async def silence() -> AsyncIterator[str]:
    """An API server that takes every connection and never says a word: flux waits for it."""
    waiting: list[asyncio.StreamWriter] = []

    async def listen(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        waiting.append(writer)

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    for writer in waiting:
        writer.close()
    server.close()


def credentials(server: str) -> ClusterCredentials:
    return ClusterCredentials(server, "", "token-canary", datetime.now(UTC) + timedelta(minutes=10))


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the folder in which everything temporary of this test lies."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@dataclass(frozen=True)
class Running:
    pid: int
    command: list[str]


def running_in(folder: Path) -> list[Running]:
    """Processes that mention a folder: the runner by its environment, flux by its arguments too."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            command = process.cmdline()
            about = [*command, *process.environ().values()]
            if process.status() != psutil.STATUS_ZOMBIE and any(str(folder) in part for part in about):
                found.append(Running(process.pid, command))
    return found


def flux_in(folder: Path) -> list[Running]:
    return [process for process in running_in(folder) if "diff" in process.command]


def below(folder: Path) -> list[Path]:
    return list(folder.rglob("*"))


async def test_a_run_that_waits_for_ever_is_killed_and_the_session_goes_on(silence: str, temporary: Path) -> None:
    async with FluxDoor(FluxSettings(deadline=2)) as door, door.session(credentials(silence), {"t": TREE}) as cage:
        outcome = await cage.diff(APPS, "t")
        assert outcome.status in {OutcomeStatus.REFUSED, OutcomeStatus.UNAVAILABLE}
        assert flux_in(temporary) == []
        assert (await cage.build(APPS, "t")).status is OutcomeStatus.UNCHANGED


async def test_leaving_a_session_stops_what_runs(silence: str, temporary: Path) -> None:
    async with FluxDoor(FluxSettings()) as door:
        async with door.session(credentials(silence), {"t": TREE}) as cage:
            waiting = [asyncio.create_task(cage.diff(APPS, "t")) for _ in range(2)]
            await until(lambda: len(flux_in(temporary)) == 2, "flux runs twice")
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(result) for result in results] == [RunnerError, RunnerError]
    assert running_in(temporary) == []
    assert below(temporary) == []


async def test_a_runner_that_is_killed_is_told_and_the_next_session_works(silence: str, temporary: Path) -> None:
    async with FluxDoor(FluxSettings()) as door:
        async with door.session(credentials(silence), {"t": TREE}) as cage:
            waiting = asyncio.create_task(cage.diff(APPS, "t"))
            await until(lambda: flux_in(temporary), "flux runs")
            (runner,) = [process for process in running_in(temporary) if "gitops_bot.runner" in process.command]
            os.kill(runner.pid, signal.SIGKILL)
            with pytest.raises(RunnerError, match="ended before it answered"):
                await waiting
            await until(lambda: not flux_in(temporary), "flux died with the runner")
            with pytest.raises(RunnerError):
                await cage.build(APPS, "t")
        assert below(temporary) == []
        async with door.session(credentials(silence), {"t": TREE}) as cage:
            assert (await cage.build(APPS, "t")).status is OutcomeStatus.UNCHANGED


BOT = """
import asyncio, os, sys
from datetime import UTC, datetime
from gitops_bot.config import FluxSettings
from gitops_bot.flux import FluxDoor
from gitops_bot.models.kustomizations import ClusterCredentials, Kustomization, KustomizationId
from gitops_bot.models.tree import Tree
async def main():
    apps = Kustomization(KustomizationId("c", "flux-system", "apps"), {"path": "./apps"}, live=False)
    tree = Tree({"apps/a.yaml": b"apiVersion: v1\\nkind: ConfigMap\\nmetadata: {name: a, namespace: b}\\n"})
    credentials = ClusterCredentials(sys.argv[1], "", "token-canary", datetime.now(UTC))
    async with FluxDoor(FluxSettings()) as door, door.session(credentials, {"t": tree}) as cage:
        await cage.diff(apps, "t")
asyncio.run(main())
"""


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM])
async def test_nothing_outlives_a_bot_that_is_killed(silence: str, tmp_path: Path, sign: signal.Signals) -> None:
    bot = await asyncio.create_subprocess_exec(
        sys.executable, "-c", BOT, silence, env={**os.environ, "TMPDIR": str(tmp_path)}
    )
    await until(lambda: flux_in(tmp_path), "flux runs")
    bot.send_signal(sign)
    await bot.wait()
    await until(lambda: not running_in(tmp_path), "the runner and flux are gone")
    files = [path for path in below(tmp_path) if path.is_file()]
    assert files == [], "the runner removed its files, the token among them"


def folders_in(folder: Path) -> set[Path]:
    return set(folder.iterdir())


async def test_what_both_leave_when_killed_together_is_cleared_at_the_next_start(silence: str, temporary: Path) -> None:
    bot = await asyncio.create_subprocess_exec(
        sys.executable, "-c", BOT, silence, env={**os.environ, "TMPDIR": str(temporary)}
    )
    await until(lambda: flux_in(temporary), "flux runs")
    (runner,) = [process for process in running_in(temporary) if "gitops_bot.runner" in process.command]
    # Stopped first, so that neither sees the other go.
    for pid in (runner.pid, bot.pid):
        os.kill(pid, signal.SIGSTOP)
    for pid in (bot.pid, runner.pid):
        os.kill(pid, signal.SIGKILL)
    await bot.wait()
    await until(lambda: not running_in(temporary), "all of them are gone")
    assert any(b"token-canary" in path.read_bytes() for path in below(temporary) if path.is_file()), "nothing was left"
    strangers = temporary / "gitops-bot-runner-of-somebody-else"
    strangers.mkdir()
    os.chown(strangers, NOBODYS_USER, NOBODYS_USER)
    async with FluxDoor(FluxSettings()) as door, door.session(credentials(silence), {"t": TREE}) as cage:
        assert len(folders_in(temporary) - {strangers}) == 1
        # Another bot of the same user starts: what is in use stays.
        async with FluxDoor(FluxSettings()):
            assert (await cage.build(APPS, "t")).status is OutcomeStatus.UNCHANGED
    assert folders_in(temporary) == {strangers}


# As another user than root: the runner in its own Pod, and the one beside a bot of the same user


@asynccontextmanager
async def runner_of_nobody(folder: Path, server: str, flux: Path) -> AsyncIterator[Session]:
    """Talk to a runner that gave up all rights before it read the first word."""
    script = """
import os, sys
import gitops_bot.runner.__main__ as runner, gitops_bot.telemetry, encodings.idna, encodings.ascii
os.setgroups([]), os.setgid(65534), os.setuid(65534)
sys.argv[1:] = []
sys.exit(runner.main())
"""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        script,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"TMPDIR": str(folder)},
        limit=protocol.LINE_BYTES,
    )
    assert process.stdin
    assert process.stdout
    assert process.stderr
    limits = protocol.Limits(seconds=60)
    channel = ChildChannel(process.stdin, process.stdout, process.stderr)
    session = Session(channel, seats=Seats(terms_of_runs(4, 60.0)), share=4, limits=limits, claimant=NOBODY)
    opening = protocol.opening(str(flux), credentials(server), redaction_key=b"k" * 32, concurrency=4, limits=limits)
    await session.open(opening, {"t": TREE})
    try:
        yield session
    finally:
        await session.close()
        await channel.close()
        await process.wait()


async def test_it_needs_no_rights_of_root(silence: str) -> None:
    # The flux of the tests lies in a folder that every user may read.
    flux = Path(str(shutil.which("flux")))
    folder = Path(tempfile.mkdtemp(prefix="gitops-bot-test-"))
    os.chown(folder, NOBODYS_USER, NOBODYS_USER)
    try:
        async with runner_of_nobody(folder, silence, flux) as cage:
            outcomes = await asyncio.gather(*(cage.build(APPS, "t") for _ in range(3)))
            assert [outcome.status for outcome in outcomes] == [OutcomeStatus.UNCHANGED] * 3, outcomes
        assert below(folder) == []
    finally:
        shutil.rmtree(folder)


async def test_a_process_of_the_same_user_cannot_read_the_bots_environment() -> None:
    """A file of a pull request may name /proc/PID/environ: the bot must be closed to its own user."""
    script = """
import ctypes, os, sys, time
from gitops_bot.flux.process import close_memory
os.setgroups([]), os.setgid(65534), os.setuid(65534)
# Changing the user closes it too; a bot is started as its user, and so is open.
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
if sys.argv[1] == "closed": close_memory()
print("ready", flush=True)
time.sleep(100)
"""
    reader = "import os, sys\nos.setgid(65534), os.setuid(65534)\nprint(b'CANARY' in open(sys.argv[1], 'rb').read())"
    for state, readable in (("open", True), ("closed", False)):
        bot = await asyncio.create_subprocess_exec(
            sys.executable, "-c", script, state, env={"CANARY": "1"}, stdout=asyncio.subprocess.PIPE
        )
        try:
            assert bot.stdout
            assert await bot.stdout.readline() == b"ready\n"
            attempt = await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                reader,
                f"/proc/{bot.pid}/environ",
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            out, err = await attempt.communicate()
            assert (out == b"True\n") is readable, (state, out, err)
            assert (b"PermissionError" in err) is not readable, (state, out, err)
        finally:
            bot.kill()
            await bot.wait()


# What one pull request may take


async def test_one_session_leaves_slots_to_the_others(silence: str, temporary: Path) -> None:
    async with FluxDoor(FluxSettings(concurrency=4)) as door, door.session(credentials(silence), {"t": TREE}) as greedy:
        waiting = [asyncio.create_task(greedy.diff(APPS, "t")) for _ in range(6)]
        await until(lambda: len(flux_in(temporary)) == 2, "flux runs twice")
        async with door.session(credentials(silence), {"t": TREE}) as other:
            assert (await other.build(APPS, "t")).status is OutcomeStatus.UNCHANGED
        assert len(flux_in(temporary)) == 2
        assert not any(task.done() for task in waiting)
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_a_harmless_pull_request_is_done_while_hostile_ones_last(
    silence: str, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More people than there are places, each with runs that never end: those that take long give way."""
    monkeypatch.setattr(flux_door, "LONG", 3.0)
    async with FluxDoor(FluxSettings(concurrency=2)) as door, AsyncExitStack() as stack:
        hostile = []
        for number in range(3):
            session = door.session(
                credentials(silence), {"t": TREE}, claimant=Claimant(f"fleet#{number}", f"mallory-{number}")
            )
            cage = await stack.enter_async_context(session)
            hostile += [asyncio.create_task(cage.diff(APPS, "t")) for _ in range(2)]
        await until(lambda: len(flux_in(temporary)) == 2, "every place is taken")
        claimant = Claimant("fleet#9", "alice")
        async with door.session(credentials(silence), {"t": TREE}, claimant=claimant) as harmless:
            assert (await harmless.build(APPS, "t")).status is OutcomeStatus.UNCHANGED
        assert not any(task.done() for task in hostile), "none of them was given up"
        # What was stopped is gone: never more runs than there are places.
        assert len(flux_in(temporary)) <= 2
    await asyncio.gather(*hostile, return_exceptions=True)
    assert running_in(temporary) == []


async def test_a_run_that_gave_way_is_begun_again_and_told_like_any_other(
    silence: str, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flux_door, "LONG", 0.5)
    claimants = [Claimant(f"fleet#{number}", f"mallory-{number}") for number in range(3)]

    def niceness() -> list[int]:
        return [os.getpriority(os.PRIO_PROCESS, process.pid) for process in flux_in(temporary)]

    async with FluxDoor(FluxSettings(concurrency=2, deadline=3)) as door:
        async with AsyncExitStack() as stack:
            cages = [
                await stack.enter_async_context(door.session(credentials(silence), {"t": TREE}, claimant=claimant))
                for claimant in claimants
            ]
            running = [asyncio.create_task(cage.diff(APPS, "t")) for cage in cages[:2]]
            await until(lambda: len(flux_in(temporary)) == 2, "every place is taken")
            before = {process.pid for process in flux_in(temporary)}
            running.append(asyncio.create_task(cages[2].diff(APPS, "t")))
            await until(lambda: {process.pid for process in flux_in(temporary)} - before, "another one begins")
            assert len(flux_in(temporary)) <= 2
            outcomes = await asyncio.gather(*running)
        assert all("was killed" in outcome.message for outcome in outcomes), outcomes
        # What a pull request brings after that goes last from the beginning; that of others does not.
        for claimant, nice in ((claimants[0], LAST_NICENESS), (Claimant("fleet#9", "alice"), FIRST_NICENESS)):
            async with door.session(credentials(silence), {"t": TREE}, claimant=claimant) as cage:
                waiting = asyncio.create_task(cage.diff(APPS, "t"))
                await until(lambda: nice in niceness(), f"a run of {claimant.author} has niceness {nice}")  # noqa: B023 # called at once
            await asyncio.gather(waiting, return_exceptions=True)


def config_maps(count: int, size: int) -> bytes:
    one = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c{}, namespace: b}}\ndata: {{a: {}}}\n"
    return "---\n".join(one.format(at, "x" * size) for at in range(count)).encode()


async def test_more_objects_than_flux_could_keep_are_refused(silence: str) -> None:
    trees = {"many": Tree({"apps/a.yaml": config_maps(11, 1)}), "fewer": Tree({"apps/a.yaml": config_maps(10, 1)})}
    limits = protocol.Limits(seconds=60, objects=10)
    flux = str(shutil.which("flux"))
    opening = protocol.opening(flux, credentials(silence), redaction_key=b"k", concurrency=1, limits=limits)
    async with child_runner() as channel:
        cage = Session(channel, seats=Seats(terms_of_runs(1, 60.0)), share=1, limits=limits, claimant=NOBODY)
        await cage.open(opening, trees)
        outcome = await cage.build(APPS, "many")
        assert (outcome.status, outcome.text) == (OutcomeStatus.REFUSED, "")
        assert "more than 10 objects" in outcome.message
        assert (await cage.build(APPS, "fewer")).usable
        await cage.close()


async def test_all_large_renders_together_have_a_measure(silence: str) -> None:
    """Each alone is small enough; the bot would hold them all at once."""
    tree = Tree(
        {f"apps/{part}.yaml": config_maps(3, 300_000).replace(b"name: c", b"name: c%d-" % part) for part in range(2)}
    )
    async with FluxDoor(FluxSettings(output_bytes=2 << 20)) as door:
        async with door.session(credentials(silence), {"t": tree}) as cage:
            outcomes = [await cage.build(APPS, "t") for _ in range(4)]
            assert [outcome.usable for outcome in outcomes] == [True, True, True, False], outcomes
            assert "more than can be held at once" in outcomes[3].message
        async with door.session(credentials(silence), {"t": tree}) as cage:
            assert (await cage.build(APPS, "t")).usable


async def test_a_hundred_kustomizations_do_not_take_a_hundred_deadlines(silence: str) -> None:
    many = [Kustomization(KustomizationId("c", "flux-system", f"apps-{at}"), APPS.spec, live=False) for at in range(8)]
    async with FluxDoor(FluxSettings(deadline=2)) as door, door.session(credentials(silence), {"t": TREE}) as cage:
        outcomes = [await cage.diff(one, "t") for one in many]
        killed = [outcome for outcome in outcomes if "was killed" in outcome.message]
        spared = [outcome for outcome in outcomes if "killed at their limits already" in outcome.message]
        assert (len(killed), len(spared)) == (2, 6), outcomes
        assert {outcome.status for outcome in outcomes} == {OutcomeStatus.REFUSED}
        # Of those that were killed the next run may be a better one.
        assert (await cage.build(many[0], "t")).status is OutcomeStatus.UNCHANGED
