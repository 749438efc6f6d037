"""The table of scenes covers what it is for."""

import re
from collections import Counter

import pytest
from scenes import FAMILIES, SCENES

from gitops_bot.models.changes import Operation, Origin

EXPECTED = [scene.expected for scene in SCENES] + [family.expected for family in FAMILIES]


@pytest.mark.parametrize("origin", list(Origin))
def test_every_origin_is_told_five_times_and_more(origin: Origin) -> None:
    told = Counter(word for text in EXPECTED for word in re.findall(r"[a-z_]+", text))
    assert told[origin] >= 5


@pytest.mark.parametrize("operation", list(Operation))
def test_every_operation_is_told(operation: Operation) -> None:
    assert any(re.search(rf"^\s*{operation} ", text, re.MULTILINE) for text in EXPECTED)


def test_there_are_enough_and_most_of_them_are_applied() -> None:
    assert len(SCENES) + len(FAMILIES) >= 40
    applied = sum(not scene.no_outcome for scene in SCENES) + len(FAMILIES)
    assert applied >= 25


def test_no_two_have_one_name() -> None:
    names = [scene.name for scene in SCENES] + [family.name for family in FAMILIES]
    assert len(names) == len(set(names))
