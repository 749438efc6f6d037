# ruff: noqa: T201  (what it prints is what it is for)
"""Take one defence away at a time, in a copy, and see which test goes red: `make prove-defences`.

Exit code 1: a defence could be taken away and nothing noticed, or a test is red with all of them.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

from defences import DEFENCES, Defence

ROOT = Path(__file__).parents[2]
_PARTS = ("gitops_bot", "tests", "config", "docs", "blueprints", "pyproject.toml", "README.md", "SECURITY.md")
_RED = re.compile(r"^(?:FAILED|ERROR) \S*?::(\S+)", re.MULTILINE)
_GREEN = 0
_FAILED = 1


def copy_source(folder: Path) -> Path:
    """Copy what the tests need, and make a Python that finds the package there and nowhere else."""
    for part in _PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        elif (ROOT / part).exists():
            shutil.copy(ROOT / part, folder / part)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    asked = "import sysconfig; print(sysconfig.get_path('purelib'))"
    own = subprocess.run([python, "-c", asked], capture_output=True, text=True, check=True).stdout.strip()
    # The runner is started with -I: only what the interpreter itself knows counts.
    (Path(own) / "copy.pth").write_text(f"{folder}\n{sysconfig.get_path('purelib')}\n", encoding="utf-8")
    where = [python, "-I", "-c", "import gitops_bot; print(gitops_bot.__file__)"]
    found = subprocess.run(where, capture_output=True, text=True, check=True).stdout
    if not found.startswith(str(folder)):
        raise SystemExit(f"the copy is not what Python finds, but {found}")
    return python


def run_tests(python: Path, folder: Path, tests: tuple[str, ...]) -> tuple[int, list[str], str]:
    """Run tests in the copy; gives pytest's exit code, the names of red tests, and what it said."""
    command = [python, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:randomly", *tests]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    said = ended.stdout + ended.stderr
    return ended.returncode, _RED.findall(said), said


def without(defence: Defence, folder: Path) -> str:
    """Give the file without the defence; an error when what is to be taken away is not there, or twice."""
    text = (folder / defence.file).read_text(encoding="utf-8")
    if text.count(defence.text) != 1:
        raise SystemExit(
            f"{defence.threat} {defence.name}: {defence.file} has its text {text.count(defence.text)} times"
        )
    return text.replace(defence.text, defence.instead)


def prove(python: Path, folder: Path, defence: Defence) -> tuple[bool, str]:
    """Take one defence away and put it back; gives whether a test noticed, and its name."""
    file = folder / defence.file
    before = file.read_text(encoding="utf-8")
    file.write_text(without(defence, folder), encoding="utf-8")
    try:
        code, red, said = run_tests(python, folder, defence.tests)
    finally:
        file.write_text(before, encoding="utf-8")
    if code == _GREEN:
        return False, "NOTHING noticed"
    # A test that did not even start proves nothing.
    if code != _FAILED or not red:
        return False, f"pytest ended with {code}: {said[-1500:]}"
    return True, red[0]


def main() -> int:
    """Prove all, or those of the threats that are named."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("threats", nargs="*", help="only these, such as T8")
    chosen = options.parse_args().threats
    wanted = [defence for defence in DEFENCES if not chosen or defence.threat in chosen]
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="gitops-bot-defences-") as made:
        folder = Path(made)
        python = copy_source(folder)
        tests = tuple(sorted({test for defence in wanted for test in defence.tests}))
        code, red, said = run_tests(python, folder, tests)
        if code != _GREEN:
            print(f"With all defences in place, {red[0] if red else 'pytest'} is red already:\n{said[-3000:]}")
            return 1
        print(f"All defences in place: {len(tests)} tests and files of tests are green.")
        missed = 0
        for defence in wanted:
            noticed, test = prove(python, folder, defence)
            missed += not noticed
            sign = "✓" if noticed else "✗"
            print(f"{sign} {defence.threat:4}removed: {defence.name} → {test}", flush=True)
    threats = len({defence.threat for defence in wanted})
    print(f"{len(wanted) - missed} of {len(wanted)} defences against {threats} threats are proved, ", end="")
    print(f"in {time.monotonic() - began:.0f} s.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
