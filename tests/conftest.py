"""What holds for every test, and what the run says of the real programs in it.

flux and kube-apiserver are put before everything else on PATH as two-line scripts that count
and then become the real program. At the end the run prints version, checksum and number of calls.
"""

import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from gitops_bot.sandbox.tools.bring import Toolbox, cached_toolbox

# The PostgreSQL package asks for it at import, and a machine without a login session has none.
os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="gitops-bot-tests-"))

# Settings of the person who runs the tests do not reach them.
for name in [name for name in os.environ if name.startswith("GITOPS_BOT_")]:
    del os.environ[name]

_COUNTS = "TESTS_COUNT_CALLS_IN"
_NO_SKIPS = "TESTS_MUST_NOT_SKIP"

_FLUX = """#!/bin/sh
echo >> {folder}/flux-calls
exec {program} "$@"
"""
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
    (folder / "flux-calls").touch()
    (folder / "flux-calls").chmod(0o666)
    (folder / "policy.yaml").write_text(_AUDIT_POLICY, encoding="utf-8")
    (folder / "bin").mkdir()
    for name, script in (("flux", _FLUX), ("kube-apiserver", _API_SERVER)):
        file = folder / "bin" / name
        file.write_text(script.format(folder=folder, program=box.path(name)), encoding="utf-8")
        file.chmod(0o755)
    os.environ[_COUNTS] = str(folder)
    os.environ["PATH"] = f"{folder / 'bin'}:{os.environ['PATH']}"
    config.stash[_BOX] = box


_BOX = pytest.StashKey[Toolbox]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say which real programs were in it, and how much they had to do."""
    box = config.stash.get(_BOX, None)
    if box is None:
        return
    folder = Path(os.environ[_COUNTS])
    calls = {
        "flux": _lines(folder / "flux-calls"),
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
    """In `make test` a skipped test is a failure: what it would have proved is not proved."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if _is_worker(session.config) or reporter is None or not os.environ.get(_NO_SKIPS):
        return
    if reporter.stats.get("skipped"):
        reporter.write_line("A skip is a failure here.", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
