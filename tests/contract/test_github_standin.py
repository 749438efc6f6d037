"""The GitHub stand-in against stock clients: PyGithub and httpx. Every answer is held to GitHub's description."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import github
import httpx
import pytest
from github_world import REPOSITORY, World
from waiting import eventually


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    await made.start()
    yield made
    await made.stop()


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
        (file,) = listed.get_files()
        assert (file.filename, file.status, file.additions, file.deletions) == ("app.yaml", "modified", 1, 1)
        assert file.patch == "@@ -1 +1 @@\n-a: 1\n+a: 2"
        assert [one.commit.message for one in listed.get_commits()] == ["change"]
        comment.delete()
        assert listed.get_issue_comments().totalCount == 0

    await asyncio.to_thread(work)


async def test_pygithub_changes_drafts_labels_and_state(world: World) -> None:
    await world.pull_request("change", {"app.yaml": "a: 2\n"})

    def work() -> None:
        repository = world.pygithub("author").get_repo("acme/fleet")
        pull = repository.get_pull(1)
        pull.edit(title="New title", body="New words")
        assert (pull.title, pull.body, pull.draft) == ("New title", "New words", False)
        pull.convert_to_draft()
        assert repository.get_pull(1).draft
        pull.mark_ready_for_review()
        assert not repository.get_pull(1).draft
        pull.add_to_labels("bug", "urgent")
        pull.remove_from_labels("bug")
        assert [label.name for label in repository.get_pull(1).labels] == ["urgent"]
        pull.edit(state="closed")
        assert (pull.state, pull.merged) == ("closed", False)
        assert list(repository.get_pulls()) == []
        assert [one.number for one in repository.get_pulls(state="all")] == [1]
        pull.edit(state="open")
        assert pull.state == "open"
        comment = pull.create_issue_comment("old")
        comment.minimize()
        comment.unminimize()

    await asyncio.to_thread(work)


async def test_pygithub_is_told_about_rights(world: World) -> None:
    def work() -> None:
        bot = world.pygithub("bot")
        assert bot.get_user().login == "gitops-bot"
        repository = bot.get_repo("acme/fleet")
        assert (repository.private, repository.default_branch, repository.permissions.push) == (True, "main", True)
        assert repository.get_collaborator_permission("admin") == "admin"
        assert repository.get_collaborator_permission("stranger") == "none"
        assert repository.has_in_collaborators("author")
        assert not repository.has_in_collaborators("stranger")
        with pytest.raises(github.UnknownObjectException):
            repository.get_collaborator_permission("nobody-at-all")
        with pytest.raises(github.UnknownObjectException):
            world.pygithub("stranger").get_repo("acme/fleet")
        world.pygithub("admin").get_repo("acme/fleet").add_to_collaborators("stranger", "maintain")
        answer = repository.get_collaborator_role_name("stranger")
        assert (answer, repository.get_collaborator_permission("stranger")) == ("maintain", "write")

    await asyncio.to_thread(work)


async def test_ten_polls_of_an_unchanged_repository_cost_nothing(world: World) -> None:
    await world.pull_request("change", {"app.yaml": "a: 2\n"})
    client = world.api("bot")
    paths = [f"{REPOSITORY}/pulls?state=open&per_page=100", f"{REPOSITORY}/git/ref/heads/main"]
    tags = {path: (await client.get(path)).headers["etag"] for path in paths}
    before = world.standin.counters("gitops-bot")
    assert before == {"requests": 2, "not_modified": 0, "cost": 2, "git": 0}
    for _ in range(10):
        for path in paths:
            answer = await client.get(path, headers={"If-None-Match": tags[path]})
            assert (answer.status_code, answer.content) == (304, b"")
            assert answer.headers["x-ratelimit-used"] == "2"
    assert world.standin.counters("gitops-bot") == {"requests": 22, "not_modified": 20, "cost": 2, "git": 0}


async def test_an_etag_belongs_to_token_accept_and_body(world: World) -> None:
    await world.pull_request("change", {"app.yaml": "a: 2\n"})
    path = f"{REPOSITORY}/pulls"
    tag = {"If-None-Match": (await world.api("bot").get(path)).headers["etag"]}
    assert (await world.api("bot").get(path, headers=tag)).status_code == 304
    # Somebody else, or the same one in other words: the whole answer again.
    assert (await world.api("reviewer").get(path, headers=tag)).status_code == 200
    assert (await world.api("bot").get(path, headers=tag | {"Accept": "application/json"})).status_code == 200
    # A star moves a number in the repository that every entry carries.
    assert (await world.api("admin").put("/user/starred/acme/fleet")).status_code == 204
    assert (await world.api("bot").get(path, headers=tag)).status_code == 200


async def test_a_304_without_a_token_is_not_free(world: World) -> None:
    world.standin.create_repository("acme", "open", private=False)
    client = world.api("")
    tag = (await client.get("/repos/acme/open")).headers["etag"]
    answer = await client.get("/repos/acme/open", headers={"If-None-Match": tag})
    assert (answer.status_code, answer.headers["x-ratelimit-used"], answer.headers["x-ratelimit-limit"]) == (
        304,
        "2",
        "60",
    )


async def test_pages_are_linked(world: World) -> None:
    for number in range(7):
        await world.pull_request(f"b{number}", {f"file{number}": "x\n"})
    seen: list[int] = []
    url: str | None = f"{REPOSITORY}/pulls?per_page=3&direction=asc&state=open"
    while url:
        answer = await world.api().get(url)
        seen += [pull["number"] for pull in answer.json()]
        url = answer.links.get("next", {}).get("url")
    assert seen == [1, 2, 3, 4, 5, 6, 7]
    assert {name: httpx.URL(link["url"]).params["page"] for name, link in answer.links.items()} == {
        "prev": "2",
        "first": "1",
    }
    middle = await world.api().get(f"{REPOSITORY}/pulls?per_page=3&page=2")
    assert set(middle.links) == {"prev", "next", "last", "first"}
    assert [pull["number"] for pull in middle.json()] == [4, 3, 2]
    assert (await world.api().get(f"{REPOSITORY}/pulls?per_page=3&page=9")).json() == []
    alone = await world.api().get(f"{REPOSITORY}/pulls?per_page=100")
    assert "link" not in alone.headers


async def test_lists_are_filtered_and_sorted(world: World) -> None:
    for name in ("one", "two", "three"):
        await world.pull_request(name, {name: "x\n"})
    await world.push("release", {"r": "1\n"})
    await world.api("author").patch(f"{REPOSITORY}/pulls/1", json={"base": "release"})
    await world.api("author").patch(f"{REPOSITORY}/pulls/2", json={"state": "closed"})

    def numbers(found: Any) -> list[int]:
        return [pull["number"] for pull in found]

    assert numbers(await world.get("/pulls")) == [3, 1]
    assert numbers(await world.get("/pulls", state="closed")) == [2]
    assert numbers(await world.get("/pulls", base="release")) == [1]
    assert numbers(await world.get("/pulls", head="acme:three")) == [3]
    await world.api().post(f"{REPOSITORY}/issues/2/comments", json={"body": "popular"})
    assert numbers(await world.get("/pulls", state="all", sort="popularity", direction="desc"))[0] == 2
    assert numbers(await world.get("/pulls", state="all", direction="asc")) == [1, 2, 3]
    wrong = await world.api().get(f"{REPOSITORY}/pulls?state=ajar")
    assert (wrong.status_code, wrong.json()["message"]) == (422, "Validation Failed")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"title": "x", "head": "nowhere", "base": "main"}, "head"),
        ({"title": "x", "head": "change", "base": "nowhere"}, "base"),
        ({"title": "x", "head": "main", "base": "main"}, "No commits between main and main"),
        ({"title": "x", "head": "change", "base": "main"}, "A pull request already exists for acme:change."),
        ({"head": "change", "base": "main"}, "missing_field"),
        ({"title": "x", "head": "nobody:change", "base": "main"}, "invalid"),
        ({"title": "x", "head": "other", "base": "main", "body": "x" * 65_537}, "Body is too long (maximum is 65536"),
    ],
)
async def test_pull_requests_that_github_would_not_take(world: World, body: dict[str, Any], words: str) -> None:
    await world.pull_request("change", {"app.yaml": "a: 2\n"})
    answer = await world.api("author").post(f"{REPOSITORY}/pulls", json=body)
    assert (answer.status_code, answer.json()["message"]) == (422, "Validation Failed")
    assert words in answer.text


async def test_what_nobody_may_see_or_do(world: World) -> None:
    await world.pull_request("change", {"app.yaml": "a: 2\n"})
    gone = [await world.api(login).get(f"{REPOSITORY}/pulls/1") for login in ("stranger", "")]
    assert [(one.status_code, one.json()["message"]) for one in gone] == [(404, "Not Found")] * 2
    wrong = await world.api("").get("/user", headers={"Authorization": "Bearer ghp_wrong"})
    assert (wrong.status_code, wrong.json()["message"]) == (401, "Bad credentials")
    assert (await world.api("").get("/user")).status_code == 401
    world.standin.grant("acme", "fleet", "stranger", "read")
    reader = world.api("stranger")
    assert (await reader.get(f"{REPOSITORY}/collaborators/author/permission")).status_code == 403
    assert (await reader.patch(f"{REPOSITORY}/pulls/1", json={"title": "mine"})).status_code == 403
    assert (await reader.put(f"{REPOSITORY}/pulls/1/merge")).status_code == 403
    assert (await reader.post(f"{REPOSITORY}/issues/1/comments", json={"body": "hello"})).status_code == 201
    body = {"title": "x", "head": "change", "base": "main"}
    assert (await reader.post(f"{REPOSITORY}/pulls", json=body)).status_code == 403
    world.tokens["looker"] = (await world.control("tokens", login="author", read_only=True))["token"]
    refused = await world.api("looker").post(f"{REPOSITORY}/issues/1/comments", json={"body": "hello"})
    assert (refused.status_code, refused.json()["message"]) == (403, "Resource not accessible by personal access token")
    await world.control("tokens/expire", token=world.tokens["looker"])
    assert (await world.api("looker").get(f"{REPOSITORY}/pulls/1")).status_code == 401


async def test_comments_have_limits(world: World) -> None:
    await world.pull_request("change", {"app.yaml": "a: 2\n"})
    path = f"{REPOSITORY}/issues/1/comments"
    good = await world.api().post(path, json={"body": "x" * 65_536})
    assert good.status_code == 201
    long = await world.api().post(path, json={"body": "x" * 65_537})
    assert long.json()["errors"] == [
        {
            "resource": "IssueComment",
            "field": "data",
            "code": "unprocessable",
            "message": "Body is too long (maximum is 65536 characters)",
        }
    ]
    assert (await world.api().post(path, json={"body": " "})).status_code == 422
    assert (await world.api().post(path, content=b"{")).status_code == 400
    own = good.json()["url"]
    assert (await world.api("reviewer").patch(own, json={"body": "by a colleague"})).status_code == 200
    world.standin.grant("acme", "fleet", "stranger", "read")
    assert (await world.api("stranger").patch(own, json={"body": "by a stranger"})).status_code == 403
    assert (await world.api("stranger").delete(own)).status_code == 403


async def test_mergeable_is_unknown_at_first_and_the_etag_moves_when_it_is_known(world: World) -> None:
    await world.pull_request("change", {"app.yaml": "a: 2\n"})
    await world.push("main", {"app.yaml": "a: 3\n"})
    first = await world.api().get(f"{REPOSITORY}/pulls/1")
    assert (first.json()["mergeable"], first.json()["mergeable_state"]) == (None, "unknown")

    async def known() -> bool:
        answer = await world.api().get(f"{REPOSITORY}/pulls/1", headers={"If-None-Match": first.headers["etag"]})
        return answer.status_code == 200 and answer.json()["mergeable"] is not None

    await eventually(known, "the merge is tried")
    pull = await world.get("/pulls/1")
    assert (pull["mergeable"], pull["mergeable_state"]) == (False, "dirty")
    assert "mergeable" not in (await world.get("/pulls"))[0]


async def test_compare_and_commits(world: World) -> None:
    await world.pull_request("change", {"dir/a b.yaml": "1\n", "README.md": None, "app.yaml": "a: 1\n"})
    await world.push("main", {"main.txt": "1\n"})
    found = await world.get("/compare/main...change")
    assert (found["status"], found["ahead_by"], found["behind_by"]) == ("diverged", 1, 1)
    assert {file["filename"]: file["status"] for file in found["files"]} == {
        "README.md": "removed",
        "dir/a b.yaml": "added",
    }
    assert (await world.get("/compare/main...main"))["status"] == "identical"
    commit = await world.get("/commits/change")
    assert commit["author"]["login"] == "author"
    assert commit["stats"] == {"total": 2, "additions": 1, "deletions": 1}
    assert (await world.get("/branches/main"))["commit"]["sha"] == (await world.get("/git/ref/heads/main"))["object"][
        "sha"
    ]
    assert [branch["name"] for branch in await world.get("/branches")] == ["change", "main"]
    assert len(await world.get("/commits")) == 2
    missing = [
        await world.api().get(f"{REPOSITORY}{path}") for path in ("/branches/no", "/git/ref/heads/no", "/pulls/99")
    ]
    assert [one.status_code for one in missing] == [404] * 3
    assert (await world.api().get("/repos/acme/fleet/nothing/here")).json()["message"] == "Not Found"
    assert (await world.api().get(f"{REPOSITORY}/commits/{'0' * 40}")).status_code == 422


async def test_renames_binaries_and_odd_names_in_files(world: World) -> None:
    await world.push("main", {"old.yaml": "".join(f"line {n}\n" for n in range(20))})
    (world.clone / "image.bin").write_bytes(bytes(range(256)))
    text = "".join(f"line {n}\n" for n in range(20))
    await world.pull_request("change", {"old.yaml": None, "new.yaml": text, "é\nx.txt": "diff --git a/b\n@@ no\n"})
    files = {file["filename"]: file for file in await world.get("/pulls/1/files")}
    assert (files["new.yaml"]["status"], files["new.yaml"]["previous_filename"]) == ("renamed", "old.yaml")
    assert "patch" not in files["new.yaml"]
    assert "patch" not in files["image.bin"]
    assert files["é\nx.txt"]["patch"] == "@@ -0,0 +1,2 @@\n+diff --git a/b\n+@@ no"


async def test_statuses(world: World) -> None:
    pull = await world.pull_request("change", {"app.yaml": "a: 2\n"})
    sha = pull["head"]["sha"]
    for state in ("pending", "success"):
        body = {
            "state": state,
            "context": "gitops-bot/test",
            "description": "12 changes",
            "target_url": "http://x.example",
        }
        assert (await world.api().post(f"{REPOSITORY}/statuses/{sha}", json=body)).status_code == 201
    combined = await world.get(f"/commits/{sha}/status")
    assert (combined["state"], [one["state"] for one in combined["statuses"]]) == ("success", ["success"])
    assert [one["state"] for one in await world.get(f"/commits/{sha}/statuses")] == ["success", "pending"]
    wrong = await world.api().post(f"{REPOSITORY}/statuses/{sha}", json={"state": "great"})
    assert wrong.status_code == 422


async def test_api_versions(world: World) -> None:
    await world.pull_request("change", {"app.yaml": "a: 2\n"})
    old = await world.api().get(f"{REPOSITORY}/pulls/1")
    new = await world.api().get(f"{REPOSITORY}/pulls/1", headers={"X-GitHub-Api-Version": "2026-03-10"})
    assert old.headers["x-github-api-version-selected"] == "2022-11-28"
    assert set(old.json()) - set(new.json()) == {"merge_commit_sha", "assignee"}
    wrong = await world.api().get(f"{REPOSITORY}/pulls/1", headers={"X-GitHub-Api-Version": "1999-01-01"})
    assert wrong.status_code == 400


async def test_events_tell_what_happened(world: World) -> None:
    await world.pull_request("change", {"app.yaml": "a: 2\n"})
    comment = (await world.api().post(f"{REPOSITORY}/issues/1/comments", json={"body": "hello"})).json()
    await world.api("reviewer").post(f"{REPOSITORY}/pulls/1/reviews", json={"event": "APPROVE"})
    await world.api("admin").put("/user/starred/acme/fleet")
    await world.api("author").patch(f"{REPOSITORY}/pulls/1", json={"state": "closed"})
    answer = await world.api().get(f"{REPOSITORY}/events")
    assert answer.headers["x-poll-interval"] == "60"
    kinds = [(event["type"], event["actor"]["login"]) for event in reversed(answer.json())]
    assert kinds == [
        ("CreateEvent", "author"),
        ("CreateEvent", "author"),
        ("PullRequestEvent", "author"),
        ("IssueCommentEvent", "gitops-bot"),
        ("PullRequestReviewEvent", "reviewer"),
        ("WatchEvent", "admin"),
        ("PullRequestEvent", "author"),
    ]
    assert answer.json()[3]["payload"]["comment"]["id"] == comment["id"]


async def test_graphql(world: World) -> None:
    await world.pull_request("change", {"app.yaml": "a: 2\n"}, draft=True)
    query = """
      query($owner: String!, $number: Int = 1) {
        viewer { login }
        fleet: repository(owner: $owner, name: "fleet") { ...about }
        rateLimit { cost remaining }
      }
      fragment about on Repository {
        nameWithOwner defaultBranchRef { target { oid } }
        pullRequest(number: $number) { isDraft reviewDecision author { __typename login ... on User { databaseId } } }
        pullRequests(first: 20, states: [OPEN], orderBy: {field: UPDATED_AT, direction: DESC}) {
          totalCount nodes { number headRefOid baseRefOid } pageInfo { hasNextPage endCursor }
        }
      }"""
    url = world.standin.api_url.removesuffix("/v3") + "/graphql"
    answer = await world.api().post(url, json={"query": query, "variables": {"owner": "acme"}})
    data = answer.json()["data"]
    assert data["viewer"] == {"login": "gitops-bot"}
    assert data["fleet"]["pullRequest"]["isDraft"]
    assert data["fleet"]["pullRequest"]["reviewDecision"] is None
    assert data["fleet"]["pullRequest"]["author"]["login"] == "author"
    main = (await world.get("/git/ref/heads/main"))["object"]["sha"]
    assert data["fleet"]["defaultBranchRef"]["target"]["oid"] == main
    assert data["fleet"]["pullRequests"]["totalCount"] == 1
    assert answer.headers["x-ratelimit-resource"] == "graphql"
    wrong = {
        '{ repository(owner: "acme", name: "none") { name } }': "Could not resolve to a Repository",
        "{ viewer { colour } }": "Field 'colour' doesn't exist on type 'User'",
        '{ repository(owner: "acme", name: "fleet") { pullRequests { totalCount } } }': "You must provide a `first`",
        "{ viewer": "Parse error",
    }
    for text, words in wrong.items():
        refused = await world.api().post(url, json={"query": text})
        assert refused.status_code == 200
        assert words in json.dumps(refused.json()["errors"])
    assert (await world.api("").post(url, json={"query": "{ viewer { login } }"})).status_code == 401
