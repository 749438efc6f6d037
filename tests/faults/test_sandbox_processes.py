"""Nothing that the sandbox started outlives it, however it ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gitops_bot.sandbox.errors import SandboxError
from gitops_bot.sandbox.ports import Ports
from gitops_bot.sandbox.processes import Supervisor, start_tick
from gitops_bot.sandbox.state import StateFolder

ENVIRONMENT = {"PATH": os.environ["PATH"]}

# A sandbox of two programs, one of which starts a program of its own; tells their pids.
PARENT = """
import sys, time
from pathlib import Path
from gitops_bot.sandbox.processes import Supervisor
supervisor = Supervisor(Path(sys.argv[1]))
one = supervisor.start("one", ["sleep", "1000"], environment={"PATH": "/usr/bin:/bin"})
two = supervisor.start("two", ["sleep", "1000"], environment={"PATH": "/usr/bin:/bin"})
print(one.pid, two.pid, flush=True)
time.sleep(1000)
"""


def eventually(condition: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def is_alive(pid: int) -> bool:
    return start_tick(pid) is not None


def test_a_killed_sandbox_takes_its_programs_with_it(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pids = [int(word) for word in parent.stdout.readline().split()]
        assert len(pids) == 2
        assert all(map(is_alive, pids))
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    assert eventually(lambda: not any(map(is_alive, pids)))


def test_stop_ends_a_program_that_ignores_the_request_and_what_it_started(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path)
    script = "trap '' TERM; sleep 1000 & echo $!; while :; do wait; done"
    process = supervisor.start("stubborn", ["sh", "-c", script], environment=ENVIRONMENT, grace=0.3)
    supervisor.wait_until(lambda: bool(process.log_tail()), process, seconds=10, what="it tells its child")
    child = int(process.log_tail())
    supervisor.stop()
    assert not is_alive(process.pid)
    assert eventually(lambda: not is_alive(child))
    supervisor.stop()


def test_the_next_start_ends_what_a_crash_left(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path)
    process = supervisor.start("left", ["sleep", "1000"], environment=ENVIRONMENT)
    listed = (tmp_path / "processes.json").read_text()
    # As after a crash in which the kernel's net had its hole: the list is there, the lock is not held.
    supervisor._processes.clear()
    os.close(supervisor._lock)
    (tmp_path / "processes.json").write_text(listed)
    following = Supervisor(tmp_path)
    try:
        assert eventually(lambda: process.popen.poll() is not None)
    finally:
        following.stop()
        supervisor._spawner.shutdown()


def test_a_process_with_a_reused_number_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "1000"], start_new_session=True) as stranger:
        started = start_tick(stranger.pid)
        assert started is not None
        entry = f'[{{"name": "old", "pid": {stranger.pid}, "started": {started - 1}}}]'
        (tmp_path / "processes.json").write_text(entry)
        Supervisor(tmp_path).stop()
        assert stranger.poll() is None
        stranger.kill()


def test_two_sandboxes_do_not_share_a_folder(tmp_path: Path) -> None:
    first = Supervisor(tmp_path)
    with pytest.raises(SandboxError, match=r"in use by a running sandbox.*--state"):
        Supervisor(tmp_path)
    first.stop()
    Supervisor(tmp_path).stop()


def test_a_program_that_ends_early_is_told_with_its_last_words(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path)
    process = supervisor.start("early", ["sh", "-c", "echo no such flag >&2; exit 3"], environment=ENVIRONMENT)
    with pytest.raises(SandboxError, match=r"early ended with exit code 3 before it is ready(?s:.*)no such flag"):
        supervisor.wait_until(lambda: False, process, seconds=30, what="it is ready")
    supervisor.stop()


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path)
    with pytest.raises(SandboxError, match="absent cannot be started"):
        supervisor.start("absent", [tmp_path / "absent"], environment=ENVIRONMENT)
    supervisor.stop()


def test_waiting_ends_when_the_sandbox_is_stopped(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path)
    supervisor.stop()
    with pytest.raises(SandboxError, match="being stopped"):
        supervisor.wait_until(lambda: False, seconds=30, what="never")
    with pytest.raises(SandboxError, match="being stopped"):
        supervisor.start("late", ["sleep", "1000"], environment=ENVIRONMENT)


def test_a_folder_with_something_else_in_it_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(SandboxError, match="not empty and not a sandbox's folder"):
        StateFolder(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_sandbox_begins_anew_in_its_folder(tmp_path: Path) -> None:
    state = StateFolder(tmp_path / "state")
    secret = state.write_secret("token", "hidden")
    assert secret.stat().st_mode & 0o077 == 0
    supervisor = Supervisor(state.processes)
    state.clear()
    assert not secret.exists()
    assert state.processes.exists()
    supervisor.stop()
    StateFolder(tmp_path / "state")


def test_ports_are_free_apart_and_given_back() -> None:
    first, second = Ports(), Ports()
    reserved = [ports.reserve() for ports in (first, second) for _ in range(20)]
    assert len(set(reserved)) == 40
    first.release()
    second.release()
