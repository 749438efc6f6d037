"""What `make prove-defences` takes away is there to be taken away, and the tests that must notice exist."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "defences"))

from defences import DEFENCES, Defence  # noqa: E402  # the path comes first


def names(defence: Defence) -> str:
    return f"{defence.threat} {defence.name}"


@pytest.mark.parametrize("defence", DEFENCES, ids=names)
def test_a_defence_can_be_taken_away(defence: Defence) -> None:
    text = (ROOT / defence.file).read_text(encoding="utf-8")
    assert text.count(defence.text) == 1
    # What is left is still a program: a test that cannot start notices nothing.
    ast.parse(text.replace(defence.text, defence.instead))


@pytest.mark.parametrize("defence", DEFENCES, ids=names)
def test_the_tests_that_guard_it_exist(defence: Defence) -> None:
    assert defence.tests
    for test in defence.tests:
        file, _, name = test.partition("::")
        text = (ROOT / file).read_text(encoding="utf-8")
        assert not name or f"def {name}(" in text


def test_enough_threats_are_covered() -> None:
    assert len({defence.threat for defence in DEFENCES}) >= 12
