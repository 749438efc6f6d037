"""The list of people, and the file that may be replaced while the bot runs."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from gitops_bot.errors import SettingsError
from gitops_bot.people import People


def known(people: People) -> Mapping[str, str]:
    return asyncio.run(people.known())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "people.yaml"


def test_settings_win_over_the_file(file: Path) -> None:
    file.write_text("U0000000001: octocat\nU0000000002: hubot\n")
    people = People({"U0000000001": "alice"}, file)
    assert known(people) == {"U0000000001": "alice", "U0000000002": "hubot"}


def test_a_replaced_file_is_read_again(file: Path) -> None:
    file.write_text("U0000000001: octocat\n")
    people = People({}, file)
    assert known(people) == {"U0000000001": "octocat"}
    # As Kubernetes replaces a mounted file: another one takes its place at once.
    new = file.with_name("new")
    new.write_text("U0000000001: hubott\n")
    os.utime(new, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns))
    new.replace(file)
    assert known(people) == {"U0000000001": "hubott"}
    file.write_text("")
    assert known(people) == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- octocat\n", "has to be a list of people"),
        ("octocat: U0000000001\n", "no Slack user id"),
        ("U0000000001: 7\n", "no GitHub login"),
        ("U0000000001: '@octocat'\n", "no GitHub login"),
        ("U0000000001: [\n", "not valid YAML"),
        (b"\xff\xfe", "not UTF-8"),
        (None, "No such file"),
    ],
)
def test_a_broken_file_lets_nobody_decide(file: Path, text: str | bytes | None, words: str) -> None:
    file.write_text("U0000000001: octocat\n")
    people = People({"U0000000009": "alice"}, file)
    known(people)
    if text is None:
        file.unlink()
    else:
        file.write_bytes(text.encode() if isinstance(text, str) else text)
    for _ in range(2):
        with pytest.raises(SettingsError, match=words):
            known(people)
    file.write_text("U0000000001: octocat\n")
    assert "U0000000001" in known(people)
