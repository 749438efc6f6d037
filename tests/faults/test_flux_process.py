"""A program that misbehaves in every way costs its deadline and its limits, and leaves nothing behind."""

import asyncio
import contextlib
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from waiting import until

from gitops_bot.flux.command import read_outcome
from gitops_bot.flux.landlock import Enclosure, enclosed, level
from gitops_bot.flux.process import Ended, Stopped, run, seconds_of_ended
from gitops_bot.flux.protocol import Limits
from gitops_bot.models.changes import OutcomeStatus
from gitops_bot.rules import fairness

ENVIRONMENT = {"PATH": os.defpath}
QUICK = Limits(seconds=2)
PATIENT = Limits(seconds=60)
# Seconds beyond the deadline: the machine of the tests may be busy.
SLACK = 20


async def program(
    script: str, folder: Path, limits: Limits = PATIENT, enclose: Callable[[], None] = lambda: None
) -> Ended:
    """Run a Python script as if it were flux."""
    return await run(
        [sys.executable, "-I", "-S", "-c", script],
        folder=folder,
        environment=ENVIRONMENT,
        limits=limits,
        enclose=enclose,
    )


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


async def test_what_it_says_and_how_it_ends_is_told(tmp_path: Path) -> None:
    ended = await program("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)", tmp_path)
    assert (ended.returncode, ended.stdout, ended.stderr, ended.stopped) == (3, b"out\n", b"err\n", None)


async def test_one_that_hangs_is_killed_at_the_deadline(tmp_path: Path) -> None:
    began = time.monotonic()
    ended = await program("print('begun', flush=True); import time; time.sleep(1000)", tmp_path, QUICK)
    assert ended.stopped is Stopped.DEADLINE
    assert QUICK.seconds <= time.monotonic() - began < QUICK.seconds + SLACK
    outcome = read_outcome("diff", ended, QUICK)
    assert outcome.status is OutcomeStatus.REFUSED
    assert outcome.text == ""
    assert "killed after 2 seconds" in outcome.message


async def test_one_that_ignores_signals_is_killed_all_the_same(tmp_path: Path) -> None:
    script = "import signal, time\nfor s in (1, 2, 15): signal.signal(s, signal.SIG_IGN)\ntime.sleep(1000)"
    assert (await program(script, tmp_path, QUICK)).stopped is Stopped.DEADLINE


async def test_a_grandchild_that_holds_the_output_open_dies_too(tmp_path: Path) -> None:
    script = "import os, time\npid = os.fork()\nif not pid: time.sleep(1000)\nprint(pid, flush=True)"
    began = time.monotonic()
    ended = await program(script, tmp_path)
    assert time.monotonic() - began < SLACK
    assert ended.returncode == 0
    await until(lambda: not is_alive(int(ended.stdout)), "the grandchild is gone")


async def test_a_gigabyte_of_output_is_not_read(tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    script = "import os\nblock = b'x' * 65536\nfor _ in range(16384): os.write(1, block)"
    ended = await program(script, tmp_path, Limits(seconds=60, output_bytes=8 << 20))
    assert ended.stopped is Stopped.OUTPUT
    assert len(ended.stdout) == 8 << 20
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10
    assert grown < 50, f"{grown} MB"
    assert "more than 8388608 bytes" in read_outcome("diff", ended, PATIENT).message


async def test_output_of_exactly_the_limit_is_whole(tmp_path: Path) -> None:
    ended = await program("print('x' * 99)", tmp_path, Limits(seconds=60, output_bytes=100))
    assert (ended.stopped, len(ended.stdout)) == (None, 100)


async def test_bytes_that_are_no_text_do_no_harm(tmp_path: Path) -> None:
    ended = await program(r"import os; os.write(1, b'a\0b\xff\xfe\xed\xa0\x80')", tmp_path)
    outcome = read_outcome("build", ended, PATIENT)
    assert outcome.text == "a\0b\\xff\\xfe\\xed\\xa0\\x80"


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("import os; os.kill(os.getpid(), 11)", "SIGSEGV"),
        ("import os; os.kill(os.getpid(), 6)", "SIGABRT"),
        ("import sys; sys.stderr.write('panic: x\\n\\ngoroutine 1 [running]:\\n'); sys.exit(2)", "exit 2"),
    ],
)
async def test_a_crash_is_an_error_with_its_name(tmp_path: Path, script: str, told: str) -> None:
    outcome = read_outcome("diff", await program(script, tmp_path), PATIENT)
    assert outcome.status is OutcomeStatus.FAILED
    assert f"flux crashed ({told})" in outcome.message


async def test_memory_is_limited(tmp_path: Path) -> None:
    limits = Limits(seconds=60, memory_bytes=512 << 20)
    ended = await program("x = bytearray(1 << 30)", tmp_path, limits)
    assert ended.returncode != 0
    assert b"MemoryError" in ended.stderr


async def test_processor_time_is_limited(tmp_path: Path) -> None:
    limits = Limits(seconds=60, cpu_seconds=1)
    outcome = read_outcome("diff", await program("while True: pass", tmp_path, limits), limits)
    assert outcome.status is OutcomeStatus.REFUSED
    assert "processor time" in outcome.message or "killed by the system" in outcome.message


async def test_files_are_limited_in_size_and_number(tmp_path: Path) -> None:
    limits = Limits(seconds=60, file_bytes=1 << 16, open_files=20)
    # Python ignores SIGXFSZ, flux does not.
    big = "import signal; signal.signal(25, signal.SIG_DFL); open('big', 'wb').write(b'x' * (1 << 20))"
    outcome = read_outcome("diff", await program(big, tmp_path, limits), limits)
    assert outcome.status is OutcomeStatus.REFUSED
    assert "a file of more than 65536 bytes" in outcome.message
    many = "files = [open('/dev/null') for _ in range(100)]"
    assert b"Too many open files" in (await program(many, tmp_path, limits)).stderr


async def test_it_has_no_environment_but_its_own_and_can_gain_nothing(tmp_path: Path) -> None:
    script = """
import os, resource
print(sorted(os.environ))
print(os.getpid() == os.getsid(0), os.umask(0) == 0o077, resource.getrlimit(resource.RLIMIT_CORE))
print([line for line in open('/proc/self/status') if line.startswith('NoNewPrivs')][0].split()[1])
print(sorted(int(fd) for fd in os.listdir('/proc/self/fd'))[:3], len(os.listdir('/proc/self/fd')))
"""
    os.environ["CANARY"] = "secret"
    try:
        lines = (await program(script, tmp_path)).stdout.decode().split("\n")
    finally:
        del os.environ["CANARY"]
    assert "CANARY" not in lines[0]
    assert lines[1] == "True True (0, 0)"
    assert lines[2] == "1"
    # Standard streams, and the folder that is being listed.
    assert lines[3] == "[0, 1, 2] 4"


async def test_cancelling_kills_it(tmp_path: Path) -> None:
    script = "import os, time\nopen('pid', 'w').write(str(os.getpid()))\nos.rename('pid', 'ready')\ntime.sleep(1000)"
    task = asyncio.create_task(program(script, tmp_path))
    await until((tmp_path / "ready").exists, "it runs")
    pid = int((tmp_path / "ready").read_text())
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert not is_alive(pid)


async def test_it_dies_with_the_runner(tmp_path: Path) -> None:
    """The runner is killed without a chance to clean up: the kernel ends flux."""
    runner = f"""
import asyncio, sys
from pathlib import Path
from gitops_bot.flux.process import run
from gitops_bot.flux.protocol import Limits
flux = "import os, time\\nopen('pid', 'w').write(str(os.getpid()))\\nos.rename('pid', 'ready')\\ntime.sleep(1000)"
argv = [sys.executable, "-I", "-S", "-c", flux]
asyncio.run(run(argv, folder=Path({str(tmp_path)!r}), environment={{}}, limits=Limits()))
"""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", runner)
    await until((tmp_path / "ready").exists, "flux runs")
    pid = int((tmp_path / "ready").read_text())
    process.kill()
    await process.wait()
    await until(lambda: not is_alive(pid), "flux died with the runner")


async def test_what_cannot_be_started_is_an_error(tmp_path: Path) -> None:
    for wrong in (tmp_path / "nope", tmp_path):
        with pytest.raises(OSError, match=r".+"):
            await run([str(wrong)], folder=tmp_path, environment={}, limits=QUICK)


# Landlock


def walls(*ports: int, folder: Path) -> Enclosure:
    python = Path(sys.base_prefix)
    return Enclosure(Path(sys.executable).resolve(), (python, Path(sys.prefix)), (folder,), ports)


async def test_outside_of_its_folders_there_is_nothing(tmp_path: Path) -> None:
    assert level() > 0, "this kernel has no Landlock: the walls cannot be tried"
    (tmp_path / "secret").write_text("canary")
    inside = tmp_path / "inside"
    inside.mkdir()
    script = f"""
import os
def tried(what):
    try:
        return what()
    except OSError as error:
        return error.errno
print(tried(lambda: open({str(tmp_path / "secret")!r}).read()))
print(tried(lambda: open("/etc/passwd").read()))
print(tried(lambda: open("/proc/{os.getpid()}/environ", "rb").read()))
print(tried(lambda: os.listdir("/")))
print(tried(lambda: open("new", "w").write("x")))
print(tried(lambda: os.execv("/bin/true", ["true"])))
print(tried(lambda: os.kill({os.getpid()}, 0)))
"""
    with enclosed(walls(folder=inside)) as enclose:
        ended = await program(script, inside, enclose=enclose)
    assert ended.stdout.decode().split() == ["13", "13", "13", "13", "1", "13", "1"], ended


async def test_only_the_port_of_the_api_server_is_reached(tmp_path: Path) -> None:
    called = []

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        called.append(writer.get_extra_info("sockname")[1])
        writer.close()

    allowed, other = [await asyncio.start_server(serve, "127.0.0.1", 0) for _ in range(2)]
    ports = [server.sockets[0].getsockname()[1] for server in (allowed, other)]
    script = f"""
import socket
for port in {ports}:
    try:
        socket.create_connection(("127.0.0.1", port)).recv(1)
        print("reached")
    except PermissionError:
        print("refused")
"""
    async with allowed, other:
        with enclosed(walls(ports[0], folder=tmp_path)) as enclose:
            ended = await program(script, tmp_path, enclose=enclose)
    assert ended.stdout.decode().split() == ["reached", "refused"], ended
    assert called == [ports[0]]


# As somebody else


async def test_threads_of_another_user_are_limited() -> None:
    """root is exempt from the limit, so the runner of this test is nobody."""
    runner = """
import asyncio, os
from pathlib import Path
from gitops_bot.flux import process
from gitops_bot.flux.protocol import Limits
process._MORE_THREADS = 5
os.setgroups([]), os.setgid(65534), os.setuid(65534)
argv = ["/bin/sh", "-c", "i=0; while [ $i -lt 20 ]; do sleep 5 & i=$((i+1)); done; echo all"]
threads = process.threads_of_this_user()
limits = Limits(seconds=30)
ended = asyncio.run(process.run(argv, folder=Path("/"), environment={}, limits=limits, threads=threads))
print(ended.returncode, b"all" in ended.stdout, ended.stderr.decode()[:100])
"""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", runner, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    assert process.returncode == 0
    assert b"False" in output, output
    assert b"fork" in output.lower(), output


def test_signals_have_names() -> None:
    ended = Ended(-signal.SIGSEGV, b"", b"", 0.1)
    assert "SIGSEGV" in read_outcome("build", ended, QUICK).message


async def started(others: list[psutil.Process]) -> psutil.Process:
    """Wait for the one child that is not among the ``others``: a worker of the tests may have some already."""
    found: list[psutil.Process] = []

    def is_there() -> bool:
        found[:] = [child for child in psutil.Process().children() if child not in others]
        return bool(found)

    await until(is_there, "it runs")
    (child,) = found
    return child


async def test_a_run_stands_back_the_more_it_has_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fairness, "_NICENESS", ((0.4, 19), (0.2, 10)))
    own, others = os.getpriority(os.PRIO_PROCESS, 0), psutil.Process().children()
    running = asyncio.create_task(
        program("import threading\nthreading.Thread(target=lambda: [0 for _ in iter(int, 1)]).start()", tmp_path)
    )
    try:
        child = await started(others)
        assert child.nice() <= max(own, 10)
        await until(lambda: child.nice() == 19, "it has had its part", 60)
        assert {os.getpriority(os.PRIO_PROCESS, thread.id) for thread in child.threads()} == {19}
    finally:
        running.cancel()
        await asyncio.wait({running})


async def test_what_others_had_before_it_counts(tmp_path: Path) -> None:
    others = psutil.Process().children()
    sleeping = run(["sleep", "1000"], folder=tmp_path, environment=ENVIRONMENT, limits=PATIENT, before=1000.0)
    running = asyncio.create_task(sleeping)
    try:
        pid = (await started(others)).pid
        await until(lambda: os.getpriority(os.PRIO_PROCESS, pid) == 19, "it stands back as far as can be", 5)
        assert os.sched_getscheduler(pid) == os.SCHED_OTHER
    finally:
        running.cancel()
        await asyncio.wait({running})


def test_what_ended_is_counted() -> None:
    before = seconds_of_ended()
    subprocess.run([sys.executable, "-c", "import time\nwhile time.process_time() < 0.3: pass"], check=True)
    assert seconds_of_ended() - before >= 0.3


async def test_what_took_long_before_goes_last_at_once(tmp_path: Path) -> None:
    others = psutil.Process().children()
    sleeping = run(["sleep", "1000"], folder=tmp_path, environment=ENVIRONMENT, limits=PATIENT, last=True)
    running = asyncio.create_task(sleeping)
    try:
        pid = (await started(others)).pid
        await until(lambda: os.sched_getscheduler(pid) == os.SCHED_IDLE, "it is idle to the kernel", 5)
        assert os.getpriority(os.PRIO_PROCESS, pid) == 19
    finally:
        running.cancel()
        await asyncio.wait({running})
