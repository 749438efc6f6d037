"""Plays every family of support/scenes.py: several Kustomizations, real controllers, the bot's own doors."""

import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from family_stage import FamilyStage, Objects, family_stage
from scene_outcome import described, problems_of
from scene_stage import Actor, Artifacts, play
from scenes import FAMILIES, Family

from gitops_bot.models.reports import ClusterReport, RowState
from gitops_bot.sandbox.cluster import Cluster


@pytest.fixture
def stage(cluster: Cluster, namespace: str, tmp_path: Path, artifacts: Artifacts) -> Iterator[FamilyStage]:
    with family_stage(cluster, namespace, tmp_path, artifacts) as opened:
        yield opened


@pytest.mark.parametrize("family", FAMILIES, ids=[family.name for family in FAMILIES])
async def test_family(family: Family, stage: FamilyStage, namespace: str) -> None:
    main, result = (
        {path: text.replace("NAMESPACE", namespace) for path, text in tree.items()}
        for tree in (family.main, family.result)
    )
    stage.open(main, family.roots)
    play(Actor(stage.api, namespace), family.by_hand)
    report = await stage.look(main, result)
    assert _rows(report) == textwrap.dedent(family.expected).replace("NAMESPACE", namespace).strip()

    before = stage.objects()
    stage.merge(result)
    after = stage.objects()
    expected = textwrap.dedent(family.outcome).replace("NAMESPACE", namespace).strip().splitlines()
    assert not [line for line in expected if not _came_true(line, before, after)]
    assert problems_of(report.rows, before, after) == []


def _rows(report: ClusterReport) -> str:
    lines = []
    for row in report.rows:
        lines.append(row.id.name + (f" [{row.state}]" if row.state is not RowState.CHANGED else ""))
        told = described(row).splitlines()
        lines += [f"  {line}" for line in told if not line.startswith("[")]
    return "\n".join(lines)


def _came_true(line: str, before: Objects, after: Objects) -> bool:
    """Whether an object became what is said of it: ``Kind/name deleted or as before``."""
    subject, _, words = line.partition(" ")
    kind, name = subject.split("/")
    references = {one for one in before.keys() | after.keys() if (one.kind, one.name) == (kind, name)}
    return any(_became(before.get(one), after.get(one)) in words.split(" or ") for one in references)


def _became(before: dict[str, object] | None, after: dict[str, object] | None) -> str:
    if before is None:
        return "created"
    if after is None:
        return "deleted"
    one, other = before["metadata"], after["metadata"]
    assert isinstance(one, dict)
    assert isinstance(other, dict)
    if one["uid"] != other["uid"]:
        return "made anew"
    alike = {key: value for key, value in before.items() if key not in {"metadata", "status"}} == {
        key: value for key, value in after.items() if key not in {"metadata", "status"}
    }
    return "as before" if alike and one.get("labels") == other.get("labels") else "changed"
