"""The doors to GitHub and to git against the GitHub stand-in, which keeps GitHub's manners and counts what is asked."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from git_over_http import always
from github_schema import assert_answers_keep_githubs_schema
from github_world import REPOSITORY, World
from waiting import eventually

from gitops_bot.config import GitHubSettings, NetworkSettings
from gitops_bot.errors import GitHubRateLimited, GitHubRefused, GitHubRejected, GitHubUnavailable
from gitops_bot.git import GitDoor
from gitops_bot.github import GitHubDoor
from gitops_bot.models.pull_requests import OpenPullRequests, Permission, Repository
from gitops_bot.sandbox.github.records import BranchRule

FLEET = Repository("acme", "fleet")
MARK = "<!-- mark -->"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    await made.start()
    yield made
    await made.stop()
    assert_answers_keep_githubs_schema(tmp_path / "github")


def door_of(world: World, login: str = "bot") -> GitHubDoor:
    settings = GitHubSettings(api_url=world.standin.api_url, html_url=world.standin.html_url)
    return GitHubDoor(settings, NetworkSettings(), token=lambda: world.tokens[login], seconds_between_writes=0)


@pytest.fixture
async def door(world: World) -> AsyncIterator[GitHubDoor]:
    async with door_of(world) as opened:
        yield opened


def cost(world: World) -> int:
    return world.standin.counters("gitops-bot")["cost"]


async def settled(door: GitHubDoor) -> OpenPullRequests:
    """Look until GitHub has tried the merges: each of them changes the list once more."""

    async def unchanged() -> bool:
        return (await door.open_pull_requests(FLEET)).unchanged

    await eventually(unchanged, "the list does not change any more")
    return await door.open_pull_requests(FLEET)


async def texts(world: World, number: int, kind: str = "issues", what: str = "comments") -> list[str]:
    return [found["body"] for found in await world.get(f"/{kind}/{number}/{what}")]


async def test_ten_polls_of_an_unchanged_repository_cost_nothing(world: World, door: GitHubDoor) -> None:
    await world.pull_request("feature", {"app.yaml": "a: 2\n"})
    first = await settled(door)
    tip = await door.branch_tip(FLEET, "main")
    before, asked = cost(world), len(world.standin.requests)
    for _ in range(10):
        look = await door.open_pull_requests(FLEET)
        assert look.unchanged
        assert look.pull_requests == first.pull_requests
        assert await door.branch_tip(FLEET, "main") == tip
    assert cost(world) == before
    assert len(world.standin.requests) == asked + 20

    kept = json.loads(json.dumps(door.export_validators()))
    async with door_of(world) as restarted:
        restarted.import_validators(kept)
        assert (await restarted.open_pull_requests(FLEET)).unchanged
        assert await restarted.branch_tip(FLEET, "main") == tip
    assert cost(world) == before


async def test_what_moves_is_seen(world: World, door: GitHubDoor) -> None:
    made = await world.pull_request("feature", {"app.yaml": "a: 2\n"}, title="A title", draft=True)
    (seen,) = (await door.open_pull_requests(FLEET)).pull_requests
    assert (seen.number, seen.title, seen.author, seen.draft) == (made["number"], "A title", "author", True)
    assert (seen.head_sha, seen.head_repository, seen.from_fork) == (made["head"]["sha"], "acme/fleet", False)

    head = await world.push("feature", {"app.yaml": "a: 3\n"})
    tip = await world.push("main", {"other.yaml": "b: 1\n"})
    (now,) = (await door.open_pull_requests(FLEET)).pull_requests
    assert now.head_sha == head
    assert await door.branch_tip(FLEET, "main") == tip
    assert await door.pull_request(FLEET, now.number) == now


async def test_many_pull_requests_are_all_seen_or_none(world: World, door: GitHubDoor) -> None:
    head = await world.push("ahead", {"app.yaml": "a: 2\n"})
    branches = [f"{head}:refs/heads/b{number}" for number in range(103)]
    await world.git("push", "--quiet", "origin", *branches, cwd=world.clone)
    for number in range(103):
        if number % 50 == 0:
            await world.control("reset")  # So many at once are more than GitHub would take.
        body = {"title": f"{number}", "head": f"b{number}", "base": "main"}
        answer = await world.api("author").post(f"{REPOSITORY}/pulls", json=body)
        assert answer.status_code == 201, answer.text
    before = await settled(door)
    assert [found.title for found in before.pull_requests] == [str(number) for number in range(103)]

    await world.fault(kind="status", status=502, method="GET", path="/repos/*/pulls", after_calls=1)
    with pytest.raises(GitHubUnavailable, match="The open pull requests of acme/fleet"):
        await door.open_pull_requests(FLEET)
    assert await door.open_pull_requests(FLEET) == before


async def test_one_that_was_merged_and_one_that_was_closed(world: World, door: GitHubDoor) -> None:
    one = await world.pull_request("one", {"one.yaml": "a: 2\n"})
    two = await world.pull_request("two", {"two.yaml": "a: 2\n"})
    merged = await world.api("author").put(f"{REPOSITORY}/pulls/{one['number']}/merge", json={})
    assert merged.status_code == 200, merged.text
    await world.api("author").patch(f"{REPOSITORY}/pulls/{two['number']}", json={"state": "closed"})

    assert (await door.open_pull_requests(FLEET)).pull_requests == ()
    seen = await door.pull_request(FLEET, one["number"])
    assert (seen.state, seen.merged, seen.merge_commit_sha) == ("closed", True, merged.json()["sha"])
    seen = await door.pull_request(FLEET, two["number"])
    assert (seen.state, seen.merged, seen.merge_commit_sha) == ("closed", False, None)


async def test_a_repository_or_a_pull_request_that_is_not_there(door: GitHubDoor) -> None:
    for asked in (
        door.open_pull_requests(Repository("acme", "nothing")),
        door.branch_tip(FLEET, "no-such-branch"),
        door.pull_request(FLEET, 99),
        door.create_comment(FLEET, 99, "x"),
    ):
        with pytest.raises(GitHubRefused, match="404"):
            await asked


async def test_a_wrong_token(world: World) -> None:
    world.tokens["bot"] = "ghp_wrongTokenThatNobodyMaySee"
    async with door_of(world) as door:
        for asked in (door.own_login(), door.create_comment(FLEET, 1, "x")):
            with pytest.raises(GitHubRefused, match="401: Bad credentials") as caught:
                await asked
            assert "ghp_" not in str(caught.value)


async def test_permissions_as_they_are_now(world: World, door: GitHubDoor) -> None:
    expected = {
        "author": Permission.WRITE,
        "admin": Permission.ADMIN,
        "stranger": Permission.NONE,
        "nobody-at-all": Permission.NONE,
    }
    assert {login: await door.permission(FLEET, login) for login in expected} == expected
    for permission in (Permission.TRIAGE, Permission.MAINTAIN, Permission.READ):
        world.standin.grant("acme", "fleet", "stranger", permission)
        assert await door.permission(FLEET, "stranger") is permission


async def test_a_comment_is_written_found_and_edited(world: World, door: GitHubDoor) -> None:
    number = (await world.pull_request("feature", {"app.yaml": "a: 2\n"}))["number"]
    await world.api("author").post(f"{REPOSITORY}/issues/{number}/comments", json={"body": f"{MARK} planted"})
    assert await door.find_comment(FLEET, number, MARK) is None
    for filler in range(101):
        await world.api("reviewer").post(f"{REPOSITORY}/issues/{number}/comments", json={"body": f"{filler}"})
        if filler % 40 == 0:
            await world.control("reset")  # So many at once are more than GitHub would take.
    made = await door.create_comment(FLEET, number, f"{MARK} first")
    assert await door.find_comment(FLEET, number, MARK) == made
    edited = await door.edit_comment(FLEET, made.comment_id, f"{MARK} second")
    assert await door.find_comment(FLEET, number, MARK) == edited
    assert (edited.comment_id, edited.body) == (made.comment_id, f"{MARK} second")


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 502},
        {"kind": "reset"},
        {"kind": "cut"},
        {"kind": "truncated"},
        {"kind": "html"},
    ],
    ids=lambda fault: fault["kind"],
)
async def test_a_write_that_happened_without_an_answer_is_found_not_repeated(
    world: World, door: GitHubDoor, fault: dict[str, Any]
) -> None:
    made = await world.pull_request("feature", {"app.yaml": "a: 2\n"})
    number, head = made["number"], made["head"]["sha"]
    await world.fault(**fault, method="POST", when="after", path="*/comments", count=None)
    await world.fault(**fault, method="POST", when="after", path="*/reviews", count=None)

    with pytest.raises(GitHubUnavailable, match="A comment on acme/fleet"):
        await door.create_comment(FLEET, number, f"text {MARK}")
    with pytest.raises(GitHubUnavailable, match="The approval of acme/fleet"):
        await door.approve(FLEET, number, head, f"text {MARK}")

    comment = await door.find_comment(FLEET, number, MARK)
    approval = await door.find_review(FLEET, number, MARK, "APPROVED")
    assert comment is not None
    assert approval is not None
    assert await texts(world, number) == [f"text {MARK}"]
    assert await texts(world, number, "pulls", "reviews") == [f"text {MARK}"]


async def test_an_approval_is_made_found_and_withdrawn(world: World, door: GitHubDoor) -> None:
    made = await world.pull_request("feature", {"app.yaml": "a: 2\n"})
    number, head = made["number"], made["head"]["sha"]
    review = await door.approve(FLEET, number, head, f"by reviewer {MARK}")
    assert review.state == "APPROVED"
    assert await door.find_review(FLEET, number, MARK, "APPROVED") == review
    (told,) = await world.get(f"/pulls/{number}/reviews")
    assert (told["commit_id"], told["state"]) == (head, "APPROVED")
    async with door_of(world, "admin") as admin:
        await admin.dismiss(FLEET, number, review.review_id, "the head moved")
    assert await door.find_review(FLEET, number, MARK, "APPROVED") is None


async def test_what_github_makes_of_an_approval(world: World, door: GitHubDoor) -> None:
    made = await world.pull_request("feature", {"app.yaml": "a: 2\n"})
    assert await door.review_decision(FLEET, made["number"]) == ""
    world.standin.protect("acme", "fleet", "main", BranchRule(required_approving_review_count=1))
    assert await door.review_decision(FLEET, made["number"]) == "REVIEW_REQUIRED"
    await door.approve(FLEET, made["number"], made["head"]["sha"], "x")
    assert await door.review_decision(FLEET, made["number"]) == "APPROVED"
    with pytest.raises(GitHubRefused, match="Could not resolve"):
        await door.review_decision(FLEET, 99)


async def test_ones_own_pull_request_cannot_be_approved(world: World) -> None:
    made = await world.pull_request("feature", {"app.yaml": "a: 2\n"})
    async with door_of(world, "author") as author:
        with pytest.raises(GitHubRejected, match=r"422.*Can not approve your own pull request"):
            await author.approve(FLEET, made["number"], made["head"]["sha"], "x")


async def test_a_text_that_is_too_long_is_refused_in_github_s_words(world: World, door: GitHubDoor) -> None:
    number = (await world.pull_request("feature", {"app.yaml": "a: 2\n"}))["number"]
    with pytest.raises(GitHubRejected, match="too long"):
        await door.create_comment(FLEET, number, "x" * 65_537)


@pytest.mark.parametrize("kind", ["primary", "secondary"])
@pytest.mark.parametrize("status", [403, 429])
async def test_a_limit_is_obeyed_to_the_second(world: World, door: GitHubDoor, kind: str, status: int) -> None:
    await world.fault(kind=kind, status=status, method="GET", path="*/pulls", retry_after=2)
    with pytest.raises(GitHubRateLimited):
        await door.open_pull_requests(FLEET)
    asked = len(world.standin.requests)
    for _ in range(20):
        with pytest.raises(GitHubRateLimited):
            await door.open_pull_requests(FLEET)
    assert len(world.standin.requests) == asked
    if kind == "secondary":  # The primary one lasts an hour.

        async def over() -> bool:
            try:
                await door.open_pull_requests(FLEET)
            except GitHubRateLimited:
                return False
            return True

        await eventually(over, "the limit is over")
        # The first request that was made at all was answered.
        assert [request["status"] for request in world.standin.requests[asked:]] == [200]


async def test_a_spent_token_asks_no_more(world: World, door: GitHubDoor) -> None:
    await world.control("limits", login="gitops-bot", remaining=1, reset_in=600)
    await door.own_login()
    asked = len(world.standin.requests)
    for refused in (door.open_pull_requests(FLEET), door.create_comment(FLEET, 1, "x")):
        with pytest.raises(GitHubRateLimited):
            await refused
    assert len(world.standin.requests) == asked


async def test_a_head_is_fetched_as_the_api_tells_it(world: World, door: GitHubDoor, tmp_path: Path) -> None:
    made = await world.pull_request("feature", {"app.yaml": "a: 2\n", "new/x.yaml": "x\n"})
    base = await world.push("main", {"other.yaml": "b: 1\n"})
    git = GitDoor(
        tmp_path / "copies",
        url_for=lambda repository: f"{world.standin.git_url}/{repository}.git",
        token=always(world.tokens["bot"]),
        network=NetworkSettings(),
    )
    seen = await door.pull_request(FLEET, made["number"])
    await git.fetch(FLEET, {"refs/heads/main": base, f"refs/pull/{seen.number}/head": seen.head_sha})
    merge = await git.merge(FLEET, base, seen.head_sha)
    assert set(await git.tree(FLEET, merge.tree)) == {"README.md", "app.yaml", "new/x.yaml", "other.yaml"}
    assert await git.changed_paths(FLEET, base, merge.tree) == {"app.yaml", "new/x.yaml"}
