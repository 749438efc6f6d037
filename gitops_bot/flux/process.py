"""Run one program within limits, and leave nothing of it behind.

Written on pidfd and plain pipes: a program that hangs, floods, ignores signals or leaves children
that hold its output open must cost its deadline and no more.
"""

import asyncio
import contextlib
import ctypes
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import IO

from gitops_bot.flux.protocol import Limits
from gitops_bot.rules.fairness import LAST_NICENESS, niceness

_libc = ctypes.CDLL(None, use_errno=True)
# https://man7.org/linux/man-pages/man2/prctl.2.html
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38

# Seconds for what is left in the pipes after the group was killed.
_DRAIN_SECONDS = 2.0
_CHUNK = 1 << 16
# Seconds between two looks at how much processor time a run has had.
_LOOK_AT_TIME = 0.1
# Threads of this user beyond those that run already: enough for every flux, too few for a fork bomb.
_MORE_THREADS = 1024


class Stopped(StrEnum):
    """Why a program was killed."""

    DEADLINE = "deadline"
    OUTPUT = "output"


@dataclass(frozen=True)
class Ended:
    """How a program ended. ``returncode`` is negative for a signal."""

    returncode: int
    stdout: bytes
    stderr: bytes
    seconds: float
    stopped: Stopped | None = None


def close_memory() -> None:
    """Make this process unreadable (memory, environment) for others of the same user, flux among them."""
    _libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def adopt_orphans() -> None:
    """Become the parent of processes that flux leaves behind, so that they can be found."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def kill_children() -> None:
    """Kill every child of this process, until there is none: adopted ones come one after the other."""
    file = Path(f"/proc/self/task/{os.getpid()}/children")
    deadline = time.monotonic() + _DRAIN_SECONDS
    with contextlib.suppress(OSError):
        while (children := file.read_text(encoding="ascii").split()) and time.monotonic() < deadline:
            for child in map(int, children):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(child, 0)


def stand_back(group: int, nice: int) -> None:
    """Let all threads of a process group go behind those that are less ``nice``; never forward again."""
    with contextlib.suppress(OSError):
        if nice > os.getpriority(os.PRIO_PGRP, group):
            os.setpriority(os.PRIO_PGRP, group, nice)
            # Where the kernel shares the processor among sessions first, that of the session counts
            # (sched(7), autogroup).
            Path(f"/proc/{group}/autogroup").write_text(str(nice), encoding="ascii")


def go_last(group: int) -> None:
    """Let a process have only what nobody else wants: a processor that does nothing else counts as free for others."""
    stand_back(group, LAST_NICENESS)
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{group}/task").iterdir():
            os.sched_setscheduler(int(thread.name), os.SCHED_IDLE, os.sched_param(0))


def seconds_of_ended() -> float:
    """Processor seconds of all that this process started and saw end."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _processor_seconds(pid: int) -> float:
    """Tell what a process has used up to now; 0.0 when it is gone."""
    try:
        # https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: fields 14 and 15, in ticks
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def die_with_parent(parent: int) -> None:
    """Ask the kernel for SIGTERM when the parent ends, and end at once if it has ended already."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


def threads_of_this_user() -> int:
    """Count the threads that RLIMIT_NPROC counts."""
    own, count = os.getuid(), 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if entry.stat().st_uid == own:
                    count += sum(1 for _ in (entry / "task").iterdir())
    return count


@dataclass
class _Stream:
    """One pipe of a program, read up to a limit."""

    pipe: IO[bytes]
    most: int
    content: bytearray = field(default_factory=bytearray)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    too_much: bool = False

    def read(self) -> bool:
        """Take what is there; True when the limit was passed just now."""
        try:
            chunk = os.read(self.pipe.fileno(), _CHUNK)
        except BlockingIOError:
            return False
        except OSError:
            chunk = b""
        if not chunk:
            self.ended.set()
            asyncio.get_running_loop().remove_reader(self.pipe.fileno())
            return False
        room = self.most - len(self.content)
        self.content += chunk[:room]
        passed = len(chunk) > room and not self.too_much
        self.too_much = self.too_much or passed
        return passed


async def run(
    argv: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    limits: Limits,
    threads: int | None = None,
    enclose: Callable[[], None] = lambda: None,
    before: float = 0.0,
    last: bool = False,
) -> Ended:
    """Run a program; OSError when it cannot be started.

    ``threads`` limits how many threads this user may have, ``enclose`` runs in the child just
    before the program. The more processor time it has had, the more it stands back: ``before``
    are seconds that count as had already, with ``last`` everything else goes first from the beginning. Cancelling
    kills the program.
    """
    began = time.monotonic()
    process = subprocess.Popen(  # noqa: ASYNC220, S603 # asyncio's waits for pipes that a grandchild may hold open; argv is ours
        argv,
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        umask=0o077,
        preexec_fn=_preparation(limits, threads, enclose),  # noqa: PLW1509 # this process has one thread
    )
    if process.stdout is None or process.stderr is None:
        raise AssertionError("both streams are pipes")
    streams = (_Stream(process.stdout, limits.output_bytes), _Stream(process.stderr, limits.output_bytes))
    stopped: Stopped | None = None
    standing_back = asyncio.create_task(_stand_back_more_and_more(process.pid, before, last=last))
    try:
        stopped = await _end(process.pid, streams, limits.seconds)
    finally:
        standing_back.cancel()
        # The dead leader still holds the number of its group.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        await _drain(streams)
    out, err = (bytes(stream.content) for stream in streams)
    if stopped is None and any(stream.too_much for stream in streams):
        stopped = Stopped.OUTPUT
    return Ended(process.returncode, out, err, time.monotonic() - began, stopped)


async def _stand_back_more_and_more(pid: int, before: float, *, last: bool) -> None:
    """Look again and again how much a run has had, with what others had before it."""
    if last:
        go_last(pid)
        return
    nice = niceness(before)
    stand_back(pid, nice)
    while nice < LAST_NICENESS:
        await asyncio.sleep(_LOOK_AT_TIME)
        nice = max(nice, niceness(before + _processor_seconds(pid)))
        stand_back(pid, nice)


async def _end(pid: int, streams: Sequence[_Stream], seconds: float) -> Stopped | None:
    """Wait until the program ends, prints too much, or is out of time."""
    loop = asyncio.get_running_loop()
    ending: asyncio.Future[Stopped | None] = loop.create_future()

    def finish(why: Stopped | None) -> None:
        if not ending.done():
            ending.set_result(why)

    def readable(stream: _Stream) -> None:
        if stream.read():
            finish(Stopped.OUTPUT)

    for stream in streams:
        os.set_blocking(stream.pipe.fileno(), False)
        loop.add_reader(stream.pipe.fileno(), readable, stream)
    pidfd = os.pidfd_open(pid)
    loop.add_reader(pidfd, finish, None)
    try:
        async with asyncio.timeout(seconds):
            return await ending
    except TimeoutError:
        return Stopped.DEADLINE
    finally:
        loop.remove_reader(pidfd)
        os.close(pidfd)


async def _drain(streams: Sequence[_Stream]) -> None:
    """Read what the pipes still hold; a process that left the group may keep them open, but not for long."""
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            for stream in streams:
                await stream.ended.wait()
    except TimeoutError:
        pass
    finally:
        for stream in streams:
            asyncio.get_running_loop().remove_reader(stream.pipe.fileno())
            stream.pipe.close()


def _preparation(limits: Limits, threads: int | None, enclose: Callable[[], None]) -> Callable[[], None]:
    """Make what runs between fork and exec: nothing there may need a lock."""
    parent = os.getpid()
    ceilings = [
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_CPU, limits.cpu_seconds),
        (resource.RLIMIT_FSIZE, limits.file_bytes),
        (resource.RLIMIT_NOFILE, limits.open_files),
        (resource.RLIMIT_CORE, 0),
    ]
    if threads is not None:
        ceilings.append((resource.RLIMIT_NPROC, threads + _MORE_THREADS))

    def prepare() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(127)
        _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        for what, most in ceilings:
            hard = resource.getrlimit(what)[1]
            least = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(what, (least, least))
        enclose()

    return prepare
