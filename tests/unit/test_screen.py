"""Output on a real terminal (a pty), and without one."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
from pathlib import Path

import pytest

ESCAPE = "\x1b["
PROGRAM = """
import sys
from rich.text import Text
from gitops_bot.screen import Color, show
text = Text("\\n".join(f"{number} " + "word " * 30 for number in range(int(sys.argv[1]))), style="bold red")
show(text, color=Color(sys.argv[2]), pager=sys.argv[3] == "pager")
"""


def command(lines: int, color: str, *, pager: bool) -> list[str]:
    return [sys.executable, "-c", PROGRAM, str(lines), color, "pager" if pager else "no"]


def on_a_terminal(
    lines: int, color: str = "auto", *, pager: bool = True, keys: bytes = b"", columns: int = 100, **environment: str
) -> str:
    """Run in a terminal of 100 columns and 30 rows; give what the person saw."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
    seen: list[bytes] = []

    def read() -> None:
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:
                return
            seen.append(piece)

    reader = threading.Thread(target=read)
    reader.start()
    known = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    process = subprocess.Popen(
        command(lines, color, pager=pager),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**known, "TERM": "xterm-256color", **environment},
        start_new_session=True,
    )
    os.close(theirs)
    os.write(ours, keys)
    assert process.wait(60) == 0
    reader.join(10)
    os.close(ours)
    return b"".join(seen).decode().replace("\r\n", "\n")


def piped(lines: int, color: str = "auto", **environment: str) -> str:
    known = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "PAGER": "false"}
    done = subprocess.run(
        command(lines, color, pager=True), capture_output=True, text=True, env={**known, **environment}, check=True
    )
    return done.stdout


@pytest.fixture
def pager(tmp_path: Path) -> Path:
    script = tmp_path / "pager"
    script.write_text(f"#!/bin/sh\necho PAGED\ncat > '{tmp_path}/given'\n")
    script.chmod(0o755)
    return script


def test_what_is_longer_than_the_screen_goes_to_the_pager(pager: Path) -> None:
    assert on_a_terminal(30, PAGER=str(pager)) == "PAGED\n"
    given = (pager.parent / "given").read_text()
    assert "29 word" in given
    assert ESCAPE in given


@pytest.mark.parametrize(("lines", "asked"), [(5, True), (30, False)])
def test_what_fits_and_what_nobody_wants_paged_does_not(pager: Path, lines: int, asked: bool) -> None:  # noqa: FBT001
    seen = on_a_terminal(lines, PAGER=str(pager), pager=asked)
    assert f"{lines - 1} word" in seen
    assert "PAGED" not in seen
    assert not (pager.parent / "given").exists()


@pytest.mark.parametrize("name", ["", "cat", "there-is-no-such-pager", "unbalanced '"])
def test_without_a_pager_it_is_printed(name: str) -> None:
    seen = on_a_terminal(40, PAGER=name)
    assert "39 word" in seen


def test_less_is_the_pager_that_people_have() -> None:
    seen = on_a_terminal(40, keys=b"q")
    assert "0 word" in seen
    assert "39 word" not in seen


def test_a_dumb_terminal_has_no_pager(pager: Path) -> None:
    seen = on_a_terminal(40, PAGER=str(pager), TERM="dumb")
    assert "39 word" in seen
    assert ESCAPE not in seen


def test_what_is_piped_has_neither_pager_nor_colour() -> None:
    said = piped(60)
    assert "59 word" in said
    assert ESCAPE not in said
    assert ESCAPE in piped(2, "always")


def widest(text: str) -> int:
    return max(len(line.rstrip()) for line in re.sub(r"\x1b\[[0-9;]*m", "", text).split("\n"))


def test_it_is_as_wide_as_the_terminal_or_as_it_is_told() -> None:
    assert 90 < widest(on_a_terminal(2)) <= 100
    assert 55 < widest(on_a_terminal(2, columns=60)) <= 60
    assert 45 < widest(on_a_terminal(2, COLUMNS="50")) <= 50
    assert 65 < widest(piped(2, COLUMNS="70")) <= 70


@pytest.mark.parametrize(
    ("color", "environment", "coloured"),
    [
        ("auto", {}, True),
        ("auto", {"NO_COLOR": "1"}, False),
        ("never", {}, False),
        ("always", {"NO_COLOR": "1"}, True),
    ],
)
def test_colour_is_as_asked(color: str, environment: dict[str, str], coloured: bool) -> None:  # noqa: FBT001
    assert (ESCAPE in on_a_terminal(2, color, **environment)) is coloured
