"""docs/report.md explains every word that a report is made of."""

import re
from pathlib import Path

import pytest

from gitops_bot.views.words import CONTENT, OPERATIONS, ORIGINS, ROUTINE, ROW_STATES, SEALED, VERDICTS

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "report.md").read_text(encoding="utf-8")
FLAT = " ".join(TEXT.split())


@pytest.mark.parametrize("labels", [VERDICTS, ORIGINS, ROW_STATES], ids=["verdicts", "origins", "rows"])
def test_every_word_is_explained_beside_its_sign(labels: dict[str, object]) -> None:
    for label in labels.values():
        sign, words = str(label).split(" ", 1)
        row = re.search(rf"^\| {re.escape(sign)} \| \*?{re.escape(words)}\*? \| (.+) \|$", TEXT, re.MULTILINE)
        assert row, f"{sign} {words}"


def test_every_kind_of_line_is_explained() -> None:
    for label in (*OPERATIONS.values(), CONTENT, SEALED):
        assert label.words in FLAT
        assert label.sign in TEXT
    assert ROUTINE.words.capitalize() in TEXT


def test_every_picture_and_page_is_there_and_small() -> None:
    targets = re.findall(r"\]\(([^)#]+)", TEXT)
    assert any(target.endswith(".png") for target in targets)
    for target in targets:
        file = DOCS / target
        assert file.is_file(), target
        assert file.stat().st_size < 300_000, target
