"""What holds for every test, and what the run says of the real programs in it.

flux and kube-apiserver are put before everything else on PATH: flux as a copy of the real program whose
openings the kernel counts (a script would not run in the cage), kube-apiserver as a script that adds an
audit log. At the end the run prints version, checksum and number of calls.
"""

import ctypes
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import hypothesis
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from gitops_bot.sandbox.tools.bring import Toolbox, cached_toolbox

# The PostgreSQL package asks for it at import, and a machine without a login session has none.
os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="gitops-bot-tests-"))

# Hundreds of processes are started, and each would compile a thousand modules anew: twice the time of its start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Settings of the person who runs the tests do not reach them.
for name in [name for name in os.environ if name.startswith("GITOPS_BOT_")]:
    del os.environ[name]

# Other workers take the processor when they want: how long an example takes says nothing.
hypothesis.settings.register_profile(
    "busy machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("busy machine")

_COUNTS = "TESTS_COUNT_CALLS_IN"
_NO_SKIPS = "TESTS_MUST_NOT_SKIP"

# One line of audit for each request that was answered.
_AUDIT_POLICY = """apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules: [{level: Metadata}]
"""
_API_SERVER = """#!/bin/sh
exec {program} "$@" --audit-policy-file={folder}/policy.yaml \\
  --audit-log-path={folder}/audit-$$.log --audit-log-mode=batch
"""


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def pytest_configure(config: pytest.Config) -> None:
    """Put the counting scripts on PATH, before any worker starts."""
    box = cached_toolbox()
    if _is_worker(config) or box is None:
        return
    folder = Path(tempfile.mkdtemp(prefix="gitops-bot-counts-"))
    # Runs of flux may belong to another user than the tests.
    folder.chmod(0o755)
    (folder / "policy.yaml").write_text(_AUDIT_POLICY, encoding="utf-8")
    (folder / "bin").mkdir()
    flux, api_server = folder / "bin" / "flux", folder / "bin" / "kube-apiserver"
    shutil.copyfile(box.path("flux"), flux)
    api_server.write_text(_API_SERVER.format(folder=folder, program=box.path("kube-apiserver")), encoding="utf-8")
    for file in (flux, api_server):
        file.chmod(0o755)
    config.stash[_CALLS] = _Starts(flux)
    os.environ[_COUNTS] = str(folder)
    os.environ["PATH"] = f"{folder / 'bin'}:{os.environ['PATH']}"
    config.stash[_BOX] = box


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave nothing behind: every session has a flux of its own there."""
    if config.stash.get(_BOX, None) is not None:
        shutil.rmtree(os.environ.pop(_COUNTS), ignore_errors=True)


class _Starts:
    """Counts how often a program is started, by how often its file is opened. Two in one moment may count as one."""

    _IN_OPEN = 0x20
    _EVENT_BYTES = 16

    def __init__(self, file: Path) -> None:
        """Ask the kernel (inotify), and take its answers at once: it puts equal ones together."""
        libc = ctypes.CDLL(None, use_errno=True)
        self._events = libc.inotify_init1(os.O_CLOEXEC)
        if self._events < 0 or libc.inotify_add_watch(self._events, bytes(file), self._IN_OPEN) < 0:
            raise OSError(ctypes.get_errno(), "inotify")
        self._opened = 0
        threading.Thread(target=self._listen, name="counter of starts", daemon=True).start()
        # Once by the kernel, and again by programs that look into their own file.
        subprocess.run([file, "--version"], capture_output=True, check=True)
        self._at_first = max(1, self._opened)

    @property
    def count(self) -> int:
        """Starts since this object was made."""
        return self._opened // self._at_first - 1

    def _listen(self) -> None:
        while True:
            self._opened += len(os.read(self._events, 1 << 16)) // self._EVENT_BYTES


# What takes minutes begins first, so that no worker is left alone with it at the end.
_LONG = (
    "test_outages",
    "test_tour",
    "test_kills",
    "test_leak_hunt",
    "test_race_table",
    "test_rbac_command",
    "test_affected_generated",
    "test_guard_is_missed",
    "test_follow_merge",
    "test_families",
    "test_click_states",
    "test_planted_instructions",
    "test_sandbox_world",
    "test_model_faults",
    "test_check",
    "test_hostile_trees",
    "test_escapes",
    "test_flux_runner",
    "test_refusals",
    "test_carried_reports",
    "test_wide_pull_request",
    "test_rights",
    "test_substituted_readers",
    "test_report_rows",
)
# Each test of these stands alone: they are dealt out last and one by one, so that all workers end together.
_SINGLE = ("test_scenes",)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order what was shuffled: long ones first, single ones last, everything else as it came."""
    places = {name: place for place, name in enumerate(_LONG)} | dict.fromkeys(_SINGLE, len(_LONG) + 1)
    items.sort(key=lambda item: places.get(item.path.stem, len(_LONG)))


class _WholeFiles(LoadScopeScheduling):
    """Deals out whole files: what a file starts for all of its tests (a world, a database) is started once."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return nodeid if Path(file).stem in _SINGLE else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Take this order of things, whatever ``--dist`` says."""
    # Else files with many tests come first, however quick these are.
    config.option.loadscopereorder = False
    return _WholeFiles(config, log)


_BOX = pytest.StashKey[Toolbox]()
_CALLS = pytest.StashKey[_Starts]()
# The workers of each file.
_WORKERS: dict[str, set[str]] = {}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note who ran what."""
    if node := getattr(report, "node", None):
        _WORKERS.setdefault(report.nodeid.partition("::")[0], set()).add(node.gateway.id)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say which real programs were in it, and how much they had to do."""
    box = config.stash.get(_BOX, None)
    if box is None:
        return
    folder = Path(os.environ[_COUNTS])
    calls = {
        "flux": config.stash[_CALLS].count,
        "kube-apiserver": sum(_lines(log) for log in folder.glob("audit-*.log")),
    }
    terminalreporter.section("real programs")
    for name, number in calls.items():
        program = Path(box.path(name))
        digest = hashlib.sha256(program.read_bytes()).hexdigest()
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.strip()
        terminalreporter.write_line(f"{said}  sha256 {digest}  {number} calls")


def _lines(file: Path) -> int:
    with file.open("rb") as lines:
        return sum(1 for _ in lines)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In `make test` a skipped test is a failure: what it would have proved is not proved. A torn file is one, too."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if _is_worker(session.config) or reporter is None or not os.environ.get(_NO_SKIPS):
        return
    if reporter.stats.get("skipped"):
        reporter.write_line("A skip is a failure here.", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    torn = sorted(file for file, workers in _WORKERS.items() if len(workers) > 1 and Path(file).stem not in _SINGLE)
    if torn:
        reporter.write_line(f"Several workers shared a file, and each started its world: {', '.join(torn)}", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
