"""SECURITY.md names tests that exist, and every threat whose defence can be taken away."""

import ast
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "defences"))

from defences import DEFENCES  # noqa: E402  # the path comes first

PAGE = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(test_\w+)`", PAGE)))


def all_tests() -> set[str]:
    files = [*(ROOT / "tests").rglob("test_*.py")]
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in files]
    return {
        node.name
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


def test_every_test_that_is_named_exists() -> None:
    assert len(NAMED) > 20
    assert set(NAMED) - all_tests() == set()


@pytest.mark.parametrize("threat", sorted({defence.threat for defence in DEFENCES}))
def test_every_threat_is_explained(threat: str) -> None:
    number = int(threat[1:])
    ranges = [(int(first), int(last or first)) for first, last in re.findall(r"\bT(\d+)(?:\u2013T(\d+))?", PAGE)]
    assert any(first <= number <= last for first, last in ranges)


def test_the_readme_leads_here() -> None:
    assert "](SECURITY.md)" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_it_is_two_pages() -> None:
    assert len(PAGE.split()) < 1_500
