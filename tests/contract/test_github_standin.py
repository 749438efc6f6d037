"""The GitHub stand-in against stock clients: PyGithub, httpx and git itself."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import github
import httpx
import pytest
from github_schema import assert_answers_keep_githubs_schema
from github_world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    await made.start()
    yield made
    await made.stop()
    assert_answers_keep_githubs_schema(tmp_path / "github")


async def test_pygithub_lists_comments_and_reviews(world: World) -> None:
    pull = await world.pull_request("change", {"app.yaml": "a: 2\n"}, title="Raise a")

    def work() -> None:
        repository = world.pygithub("reviewer").get_repo("acme/fleet")
        (listed,) = repository.get_pulls(state="open")
        assert (listed.number, listed.title, listed.user.login) == (pull["number"], "Raise a", "author")
        assert listed.head.sha == pull["head"]["sha"]
        comment = listed.create_issue_comment("Looks **fine**")
        comment.edit("Looks good")
        assert [one.body for one in listed.get_issue_comments()] == ["Looks good"]
        review = listed.create_review(commit=repository.get_commit(listed.head.sha), body="yes", event="APPROVE")
        assert (review.state, review.commit_id) == ("APPROVED", listed.head.sha)
        review.dismiss("changed my mind")
        assert [one.state for one in listed.get_reviews()] == ["DISMISSED"]
        assert [one.filename for one in listed.get_files()] == ["app.yaml"]
        assert [one.commit.message for one in listed.get_commits()] == ["change"]

    await asyncio.to_thread(work)
