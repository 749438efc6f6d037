"""Reviews in the GitHub stand-in: what approves, what counts, what goes stale."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from github_world import REPOSITORY, World

from gitops_bot.sandbox.github import BranchRule

REVIEWS = f"{REPOSITORY}/pulls/1/reviews"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    await made.start()
    await made.pull_request("change", {"app.yaml": "a: 2\n"})
    yield made
    await made.stop()


async def review(world: World, login: str, event: str | None, status: int = 200, **fields: Any) -> Any:
    body = fields | ({"event": event} if event else {})
    answer = await world.api(login).post(REVIEWS, json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def decision(world: World) -> str | None:
    query = '{ repository(owner: "acme", name: "fleet") { pullRequest(number: 1) { reviewDecision } } }'
    url = world.standin.api_url.removesuffix("/v3") + "/graphql"
    data = (await world.api().post(url, json={"query": query})).json()["data"]
    found: str | None = data["repository"]["pullRequest"]["reviewDecision"]
    return found


async def test_ones_own_pull_request(world: World) -> None:
    refused = await review(world, "author", "APPROVE", 422)
    assert refused["message"] == "Unprocessable Entity"
    assert refused["errors"] == ["Can not approve your own pull request"]
    refused = await review(world, "author", "REQUEST_CHANGES", 422, body="no")
    assert refused["errors"] == ["Can not request changes on your own pull request"]
    assert (await review(world, "author", "COMMENT", body="fine"))["state"] == "COMMENTED"


async def test_what_github_would_not_take(world: World) -> None:
    await review(world, "reviewer", "COMMENT", 422)
    await review(world, "reviewer", "REQUEST_CHANGES", 422, body=" ")
    await review(world, "reviewer", "PRAISE", 422)
    await review(world, "reviewer", "APPROVE", 422, commit_id="0" * 40)
    await review(world, "reviewer", "APPROVE", 422, body="x" * 65_537)
    await review(world, "stranger", "APPROVE", 404)


async def test_commit_id_is_attribution_and_no_precondition(world: World) -> None:
    old = (await world.get("/pulls/1"))["head"]["sha"]
    new = await world.push("change", {"app.yaml": "a: 3\n"})
    assert (await review(world, "reviewer", "APPROVE", commit_id=old))["commit_id"] == old
    assert (await review(world, "reviewer", "APPROVE"))["commit_id"] == new
    world.standin.protect("acme", "fleet", "main", BranchRule(required_approving_review_count=1))
    assert await decision(world) == "APPROVED"


async def test_a_force_push_repoints_reviews(world: World) -> None:
    made = await review(world, "reviewer", "APPROVE")
    new = await world.push("change", {"app.yaml": "a: 3\n"}, force=True)
    found = await world.get(f"/pulls/1/reviews/{made['id']}")
    assert (found["commit_id"], found["state"]) == (new, "APPROVED")
    await world.control("settings", force_push_repoints_reviews=False)
    await world.push("change", {"app.yaml": "a: 4\n"}, force=True)
    assert (await world.get(f"/pulls/1/reviews/{made['id']}"))["commit_id"] == new


async def test_stale_approvals_are_dismissed_where_the_branch_says_so(world: World) -> None:
    world.standin.protect(
        "acme", "fleet", "main", BranchRule(required_approving_review_count=1, dismiss_stale_reviews_on_push=True)
    )
    assert await decision(world) == "REVIEW_REQUIRED"
    await review(world, "reviewer", "APPROVE")
    assert await decision(world) == "APPROVED"
    await world.push("change", {"app.yaml": "a: 3\n"})
    assert [one["state"] for one in await world.get("/pulls/1/reviews")] == ["DISMISSED"]
    assert await decision(world) == "REVIEW_REQUIRED"
    # An approval of the old commit that arrives after the push stays: nothing dismisses it.
    await review(world, "reviewer", "APPROVE")
    assert await decision(world) == "APPROVED"
    (rule,) = await world.get("/rules/branches/main")
    assert rule["parameters"]["dismiss_stale_reviews_on_push"]
    assert await world.get("/rules/branches/other") == []


async def test_which_reviews_count(world: World) -> None:
    world.standin.protect("acme", "fleet", "main", BranchRule(required_approving_review_count=1))
    world.standin.grant("acme", "fleet", "stranger", "read")
    await review(world, "stranger", "APPROVE")
    assert await decision(world) == "REVIEW_REQUIRED"
    refused = await world.api("reviewer").put(f"{REPOSITORY}/pulls/1/merge", json={})
    assert (refused.status_code, "At least 1 approving review is required" in refused.text) == (405, True)
    await review(world, "reviewer", "REQUEST_CHANGES", body="no")
    await review(world, "admin", "APPROVE")
    assert await decision(world) == "CHANGES_REQUESTED"
    await review(world, "reviewer", "APPROVE")
    assert await decision(world) == "APPROVED"
    await review(world, "reviewer", "COMMENT", body="by the way")
    assert await decision(world) == "APPROVED"
    world.standin.grant("acme", "fleet", "reviewer", "read")
    world.standin.grant("acme", "fleet", "admin", "none")
    assert await decision(world) == "REVIEW_REQUIRED"


async def test_code_owners(world: World) -> None:
    await world.push("main", {".github/CODEOWNERS": "* @admin\n/app.yaml @reviewer # who knows it\ndocs/ @author\n"})
    rule = BranchRule(required_approving_review_count=1, require_code_owner_review=True)
    world.standin.protect("acme", "fleet", "main", rule)
    await review(world, "admin", "APPROVE")
    assert await decision(world) == "REVIEW_REQUIRED"
    await review(world, "reviewer", "APPROVE")
    assert await decision(world) == "APPROVED"


async def test_the_last_pusher_does_not_count(world: World) -> None:
    rule = BranchRule(required_approving_review_count=1, require_last_push_approval=True)
    world.standin.protect("acme", "fleet", "main", rule)
    await world.push("change", {"app.yaml": "a: 3\n"}, to=world.url("reviewer"))
    await review(world, "reviewer", "APPROVE")
    assert await decision(world) == "REVIEW_REQUIRED"
    await review(world, "admin", "APPROVE")
    assert await decision(world) == "APPROVED"


async def test_dismissals(world: World) -> None:
    made = await review(world, "reviewer", "APPROVE", body="yes")
    path = f"{REVIEWS}/{made['id']}/dismissals"
    assert (await world.api().put(path, json={})).status_code == 422
    world.standin.protect("acme", "fleet", "main", BranchRule(dismissal_restricted=True))
    assert (await world.api().put(path, json={"message": "moved"})).status_code == 403
    world.standin.protect("acme", "fleet", "main", None)
    done = await world.api().put(path, json={"message": "moved", "event": "DISMISS"})
    assert (done.status_code, done.json()["state"]) == (200, "DISMISSED")
    again = await world.api().put(path, json={"message": "moved"})
    assert again.json()["errors"] == ["Can not dismiss a dismissed pull request review"]
    comment = await review(world, "reviewer", "COMMENT", body="x")
    refused = await world.api().put(f"{REVIEWS}/{comment['id']}/dismissals", json={"message": "moved"})
    assert refused.json()["errors"] == ["Can not dismiss a commented pull request review"]


async def test_a_pending_review_is_seen_by_its_author_alone(world: World) -> None:
    made = await review(world, "reviewer", None, body="later")
    assert (made["state"], "submitted_at" in made) == ("PENDING", False)
    assert await world.get("/pulls/1/reviews") == []
    assert len(await world.get("/pulls/1/reviews", login="reviewer")) == 1
    assert (await world.api().get(f"{REVIEWS}/{made['id']}")).status_code == 404
    await review(world, "reviewer", None, 422, body="another")
    done = await world.api("reviewer").post(f"{REVIEWS}/{made['id']}/events", json={"event": "APPROVE"})
    assert (done.status_code, done.json()["state"], done.json()["body"]) == (200, "APPROVED", "later")
    kept = await world.api("reviewer").delete(f"{REVIEWS}/{made['id']}")
    assert kept.status_code == 422
    changed = await world.api("reviewer").put(f"{REVIEWS}/{made['id']}", json={"body": "now"})
    assert changed.json()["body"] == "now"
    assert (await world.api("admin").put(f"{REVIEWS}/{made['id']}", json={"body": "mine"})).status_code == 403
