"""Whatever way a text takes to standard error, tokens do not get there."""

import json
import subprocess
import sys

import pytest

from gitops_bot.telemetry import filtered_traceback

# Made up; not a token of anybody.
TOKEN = "ghp_" + "a1B2" * 9

WAYS = {
    "a log line": "telemetry.logger('x').info(TOKEN)",
    "a value": "telemetry.logger('x').info('a', b=TOKEN)",
    "a key": "telemetry.logger('x').info('a', b={TOKEN: 1})",
    "deep inside": "telemetry.logger('x').info('a', b=[{'c': (TOKEN,)}])",
    "an object": "telemetry.logger('x').info('a', b=ValueError(TOKEN))",
    "bytes": "telemetry.logger('x').info('a', b=TOKEN.encode())",
    "an exception": "\ntry:\n  raise ValueError(TOKEN)\nexcept ValueError:\n  telemetry.logger('x').exception('a')",
    "its cause": (
        "\ntry:\n  try:\n    raise ValueError(TOKEN)\n  except ValueError as e:\n    raise KeyError('a') from e\n"
        "except KeyError:\n  telemetry.logger('x').exception('a')"
    ),
    "a library": "logging.getLogger('urllib3').warning('GET %s', 'https://x/?a=' + TOKEN)",
    "a library's exception": (
        "\ntry:\n  1 / 0\nexcept ZeroDivisionError as e:\n  e.add_note(TOKEN)\n  logging.getLogger('y').exception('a')"
    ),
    "nobody catches it": "raise RuntimeError(TOKEN)",
    "in a thread": "t = threading.Thread(target=int, args=(TOKEN,)); t.start(); t.join()",
    "in a cleanup": "\nclass A:\n  def __del__(self):\n    raise RuntimeError(TOKEN)\na = A(); del a",
    "a warning": "warnings.warn(TOKEN)",
    "a task that nobody waits for": (
        "\nasync def fail():\n  raise RuntimeError(TOKEN)\nasync def main():\n  t = asyncio.ensure_future(fail())\n"
        "  await asyncio.sleep(0)\n  del t\n  gc.collect()\nasyncio.run(main())"
    ),
}
BEFORE = (
    "import asyncio, gc, logging, threading, warnings\nfrom gitops_bot import telemetry\nTOKEN = 'ghp_' + 'a1B2' * 9\n"
)


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize("way", WAYS)
def test_no_way_to_standard_error_shows_a_token(way: str, as_json: bool) -> None:  # noqa: FBT001 # a parameter
    program = f"{BEFORE}telemetry.set_up_logging('DEBUG', as_json={as_json})\n{WAYS[way]}\n"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    # A deep value may lie on several lines of the coloured form.
    assert "hidden" in ended.stderr, ended.stderr
    assert TOKEN not in ended.stdout + ended.stderr
    assert TOKEN[8:] not in ended.stderr
    if as_json:
        for line in ended.stderr.splitlines():
            json.loads(line)


def test_without_the_filter_the_same_programs_would_show_it() -> None:
    """The test above can fail: this is what Python does by itself."""
    program = f"{BEFORE}raise RuntimeError(TOKEN)\n"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert TOKEN in ended.stderr


def test_a_fault_of_the_command_line_is_told_without_tokens() -> None:
    program = (
        f"{BEFORE}from gitops_bot import cli\n"
        "@cli.app.command()\ndef fail():\n    raise RuntimeError(TOKEN)\n"
        "import sys; sys.argv = ['gitops-bot', 'fail']\ncli.main()\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 1
    assert "RuntimeError" in ended.stderr
    assert TOKEN not in ended.stderr


def test_a_traceback_says_what_and_where() -> None:
    try:
        int(TOKEN)
    except ValueError as error:
        text = filtered_traceback(error)
    assert "ValueError: invalid literal for int() with base 10: '«hidden»'" in text
    assert "test_telemetry.py" in text
