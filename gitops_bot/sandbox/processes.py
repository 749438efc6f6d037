"""Starts programs, keeps track of them, and leaves none behind.

Three nets, because each has a hole: an orderly stop ends everything in reverse order; the kernel
kills a child whose parent dies (PR_SET_PDEATHSIG), also after a SIGKILL of the parent; and a list on
disk lets the next start in the same folder end what is left of a crash.
"""

import ctypes
import fcntl
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from gitops_bot.sandbox.errors import SandboxError

# <linux/prctl.h>
_PR_SET_PDEATHSIG = 1
_PRCTL = ctypes.CDLL(None, use_errno=True).prctl
# Seconds between two looks at a condition.
_INTERVAL = 0.05
# Seconds that the kernel has to end what was killed.
_KILL_TIME = 10.0
# Bytes of a log that are shown when its program fails.
_TAIL = 1500


@dataclass(frozen=True, slots=True)
class _Entry:
    """A started process, as the list on disk has it."""

    name: str
    pid: int
    # Clock ticks since boot: together with the pid it names one process for good.
    started: int


def start_tick(pid: int) -> int | None:
    """Give when a process was started (clock ticks since boot), or None when there is none, or only its corpse."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    # Fields 3 (state) and 22 (starttime) of proc(5); what is split here begins with field 3.
    return None if fields[0] in "ZX" else int(fields[19])


def die_with(parent: int) -> Callable[[], None]:
    """Give what a forked child calls, so that the kernel kills it when the thread that forked it ends."""

    def ask_the_kernel() -> None:
        _PRCTL(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return ask_the_kernel


@dataclass(slots=True)
class Process:
    """A program that runs, in a process group of its own, writing to a log file."""

    name: str
    log: Path
    popen: subprocess.Popen[bytes]
    # Seconds that the program has to end by itself when we stop; 0: it has nothing to save and is killed.
    grace: float = 0

    @property
    def pid(self) -> int:
        """The process id, which is also that of its group."""
        return self.popen.pid

    def is_running(self) -> bool:
        """Tell whether the program has not ended."""
        return self.popen.poll() is None

    def log_tail(self) -> str:
        """Give the end of what the program wrote."""
        with suppress(OSError), self.log.open("rb") as file:
            file.seek(max(0, self.log.stat().st_size - _TAIL))
            return file.read().decode(errors="replace").strip()
        return ""

    def signal_group(self, number: signal.Signals) -> None:
        """Send a signal to the program and to what it started."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)


class Supervisor:
    """The processes of one state folder."""

    def __init__(self, folder: Path) -> None:
        """Take possession of ``folder`` and end what a crash left there; SandboxError when somebody uses it."""
        self._folder = folder
        self._list = folder / "processes.json"
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(folder / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise SandboxError(
                f"{folder} is in use by a running sandbox. Stop that one, or give this one a folder with --state."
            ) from None
        # Clusters start side by side, each in a thread.
        self._mutex = threading.Lock()
        self._stopping = threading.Event()
        self._processes: list[Process] = []
        self._finish_leftovers()
        # PR_SET_PDEATHSIG watches the thread that forked, not the process: this thread lives as long as we do.
        self._spawner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")

    def start(
        self,
        name: str,
        arguments: Sequence[str | Path],
        *,
        environment: Mapping[str, str],
        folder: Path | None = None,
        grace: float = 0,
    ) -> Process:
        """Start a program with exactly this environment; it ends when we do."""
        log = self._folder / "logs" / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with self._mutex:
            self._refuse_when_stopping()
            process = self._spawner.submit(self._fork, name, arguments, dict(environment), folder, log).result()
            process.grace = grace
            self._processes.append(process)
            self._write_list()
        return process

    @staticmethod
    def _fork(
        name: str, arguments: Sequence[str | Path], environment: dict[str, str], folder: Path | None, log: Path
    ) -> Process:
        with log.open("ab") as output:
            try:
                popen = subprocess.Popen(  # noqa: S603 - programs of the tools cache, arguments of our own
                    arguments,
                    cwd=folder or log.parent,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                    preexec_fn=die_with(os.getpid()),  # noqa: PLW1509 - one system call, resolved before the fork
                )
            except (OSError, subprocess.SubprocessError) as error:
                raise SandboxError(f"{name} cannot be started: {error}") from error
        return Process(name, log, popen)

    def wait_until(self, ready: Callable[[], bool], *processes: Process, seconds: float, what: str) -> None:
        """Wait for a condition; SandboxError when a process ends before, after ``seconds``, or when we are stopped."""
        deadline = time.monotonic() + seconds
        while not ready():
            self._refuse_when_stopping()
            for process in processes:
                if not process.is_running():
                    raise SandboxError(
                        f"{process.name} ended with exit code {process.popen.returncode} before {what}; "
                        f"its log is {process.log}:\n{process.log_tail()}"
                    )
            if time.monotonic() > deadline:
                logs = "\n".join(f"{process.name} ({process.log}):\n{process.log_tail()}" for process in processes)
                raise SandboxError(f"{what}: not within {seconds:g} s\n{logs}")
            time.sleep(_INTERVAL)

    def _refuse_when_stopping(self) -> None:
        """Let threads that are still starting things end at once."""
        if self._stopping.is_set():
            raise SandboxError("the sandbox is being stopped")

    def ended(self) -> list[Process]:
        """Give the processes that ended although nobody asked them to."""
        with self._mutex:
            return [process for process in self._processes if not process.is_running()]

    def stop_one(self, process: Process) -> None:
        """End one process and its group."""
        self._end([process])
        with self._mutex:
            self._processes.remove(process)
            self._write_list()

    def stop(self) -> None:
        """End everything, the last started first, and give the folder back. Can be called twice."""
        if self._lock < 0:
            return
        self._stopping.set()
        with self._mutex:
            self._end(list(reversed(self._processes)))
            self._processes.clear()
            self._write_list()
        self._spawner.shutdown()
        os.close(self._lock)
        self._lock = -1

    @staticmethod
    def _end(processes: Sequence[Process]) -> None:
        for process in processes:
            if process.grace:
                process.signal_group(signal.SIGTERM)
                with suppress(subprocess.TimeoutExpired):
                    process.popen.wait(process.grace)
            # Also what the program started and left in its group.
            process.signal_group(signal.SIGKILL)
            process.popen.wait()

    def _write_list(self) -> None:
        entries = [
            asdict(_Entry(process.name, process.pid, tick))
            for process in self._processes
            if (tick := start_tick(process.pid)) is not None
        ]
        scratch = self._list.with_suffix(".new")
        scratch.write_text(json.dumps(entries), encoding="utf-8")
        scratch.replace(self._list)

    def _finish_leftovers(self) -> None:
        """Kill what the list names and still is the same process."""
        try:
            entries = [_Entry(**entry) for entry in json.loads(self._list.read_text(encoding="utf-8"))]
        except (OSError, ValueError, TypeError):
            return
        for entry in entries:
            if start_tick(entry.pid) == entry.started:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(entry.pid, signal.SIGKILL)
        deadline = time.monotonic() + _KILL_TIME
        while any(start_tick(entry.pid) == entry.started for entry in entries) and time.monotonic() < deadline:
            time.sleep(_INTERVAL)
