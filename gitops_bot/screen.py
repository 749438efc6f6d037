"""A person's terminal: its width, its colours, and a pager for what is longer than it."""

import os
import re
import shlex
import signal
import subprocess
import sys
from enum import StrEnum
from typing import Literal

from rich.console import Console, RenderableType

# As git does: end when all of it fits after all, keep colours, leave the text on the screen.
_LESS = "FRX"


class Color(StrEnum):
    """When there is colour."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


def show(text: RenderableType, *, color: Color = Color.AUTO, pager: bool = True) -> None:
    """Print to standard output: as wide as the terminal, or $COLUMNS; page by page when a person watches.

    ``$NO_COLOR`` and ``$TERM=dumb`` are obeyed where ``color`` is auto; ``$PAGER`` says which pager ("" or
    ``cat``: none). What goes to a pipe or a file is never paged.
    """
    console = _console(color)
    with console.capture() as captured:
        console.print(text)
    # What is indented is padded on its right too.
    said = re.sub(r"[ ]+$", "", captured.get(), flags=re.MULTILINE)
    if not (pager and _is_watched() and said.count("\n") >= console.height and _paged(said)):
        sys.stdout.write(said)
        sys.stdout.flush()


def _console(color: Color) -> Console:
    if color is Color.ALWAYS:
        return Console(force_terminal=True, no_color=False, color_system=_depth())
    if color is Color.NEVER or os.environ.get("NO_COLOR"):
        # Not one escape sequence: Rich's own no_color still prints bold.
        return Console(color_system=None)
    return Console()


def _depth() -> Literal["truecolor", "256"]:
    return "truecolor" if os.environ.get("COLORTERM") in {"truecolor", "24bit"} else "256"


def _is_watched() -> bool:
    return sys.stdout.isatty() and sys.stdin.isatty() and os.environ.get("TERM", "") not in {"", "dumb"}


def _paged(text: str) -> bool:
    """Hand a text to the pager; False when there is none."""
    try:
        command = shlex.split(os.environ.get("PAGER", "less"))
    except ValueError:
        return False
    if command in ([], ["cat"]):
        return False
    # Ctrl-C belongs to the pager while it runs.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        subprocess.run(  # noqa: S603 - the program that the person names
            command,
            input=text.encode(errors="replace"),
            env={"LESS": _LESS, **os.environ},
            check=False,
        )
    except OSError:
        return False
    finally:
        signal.signal(signal.SIGINT, before)
    return True
