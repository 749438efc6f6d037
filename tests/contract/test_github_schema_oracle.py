"""The check against GitHub's description must be able to fail."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from github_schema import assert_answers_keep_githubs_schema
from github_world import REPOSITORY, World


@pytest.fixture
async def exchanges(tmp_path: Path) -> list[dict[str, Any]]:
    """What the stand-in answered to a few good requests, and to a bad one."""
    world = World(tmp_path)
    await world.start()
    await world.pull_request("change", {"app.yaml": "a: 2\n"})
    await world.get("/pulls")
    await world.get("/events")
    await world.api().get(f"{REPOSITORY}/pulls/99")
    await world.stop()
    assert assert_answers_keep_githubs_schema(tmp_path / "github") == 4
    return [json.loads(line) for line in (tmp_path / "github" / "exchanges.jsonl").read_text().splitlines()]


CREATED, LISTED, EVENTS, MISSING = range(4)
BREAKAGES: dict[str, tuple[int, Callable[[dict[str, Any]], Any], str]] = {
    "a field is missing": (CREATED, lambda one: one["body"].pop("mergeable_state"), "Field required"),
    "a field has the wrong type": (LISTED, lambda one: one["body"][0].update(number="1"), "number"),
    "a null where none may be": (CREATED, lambda one: one["body"]["base"].update(repo=None), "repo"),
    "a field that GitHub does not have": (CREATED, lambda one: one["body"]["user"].update(colour="red"), "colour"),
    "a word that GitHub does not use": (
        CREATED,
        lambda one: one["body"].update(author_association="FRIEND"),
        "association",
    ),
    "an old field with the wrong type": (
        CREATED,
        lambda one: one["body"].update(merge_commit_sha=5),
        "merge_commit_sha",
    ),
    "an old field is missing": (CREATED, lambda one: one["body"].pop("assignee"), "2022-11-28"),
    "an event of another shape": (EVENTS, lambda one: one["body"][0]["payload"].pop("action"), "action"),
    "no body": (LISTED, lambda one: one.update(body=None), "a valid array"),
    "a body where none may be": (LISTED, lambda one: one.update(status=304), "a body with status 304"),
    "an unknown endpoint": (
        LISTED,
        lambda one: one.update(template="/repos/{owner}/pulls"),
        "no schema for this endpoint",
    ),
    "a refusal of another shape": (MISSING, lambda one: one.update(body=["Not Found"]), "an object"),
}


@pytest.mark.parametrize("name", BREAKAGES)
async def test_it_notices(tmp_path: Path, exchanges: list[dict[str, Any]], name: str) -> None:
    which, spoil, words = BREAKAGES[name]
    broken = copy.deepcopy(exchanges)
    spoil(broken[which])
    (tmp_path / "exchanges.jsonl").write_text("".join(json.dumps(one) + "\n" for one in broken))
    with pytest.raises(AssertionError, match="answers that GitHub would not give") as failure:
        assert_answers_keep_githubs_schema(tmp_path)
    assert words in str(failure.value)
