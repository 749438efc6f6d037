"""The GitHub door against answers as GitHub gives them on good days and on bad ones, word by word."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from scripted_github import Asked, Reply, ScriptedGitHub, scripted_github

from gitops_bot import telemetry
from gitops_bot.config import GitHubSettings, NetworkSettings
from gitops_bot.errors import (
    GitHubError,
    GitHubRateLimited,
    GitHubRefused,
    GitHubRejected,
    GitHubUnavailable,
)
from gitops_bot.github import GitHubDoor
from gitops_bot.models.pull_requests import Permission, Repository

FLEET = Repository("acme", "fleet")
TOKEN = "ghp_theTokenThatNobodyMaySee01234"
LIST = "GET /repos/acme/fleet/pulls?state=open&sort=created&direction=asc&per_page=100"
SECOND = "GET /repositories/1/pulls?state=open&per_page=100&page=2"
TIP = "GET /repos/acme/fleet/git/ref/heads/main"
COMMENT = "POST /repos/acme/fleet/issues/7/comments"
NOW = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)


def pull(number: int, **more: Any) -> dict[str, Any]:
    """One item of the list, with a field that we do not know."""
    return {
        "number": number,
        "title": f"Change {number}",
        "user": {"login": "alice", "id": 2, "type": "User"},
        "html_url": f"https://github.com/acme/fleet/pull/{number}",
        "head": {"sha": f"{number:040x}", "ref": "feature", "repo": {"id": 1, "full_name": "acme/fleet"}},
        "base": {"ref": "main", "sha": "f" * 40, "repo": {"id": 1, "full_name": "acme/fleet", "private": True}},
        "draft": False,
        "state": "open",
        "labels": [{"name": "infra"}],
        "created_at": "2026-11-01T10:00:00Z",
        "merged_at": None,
        "merge_commit_sha": "a" * 40,
        "body": None,
        "a_field_of_next_year": {"x": 1},
        **more,
    }


def tip(commit: str, branch: str = "main") -> dict[str, Any]:
    return {"ref": f"refs/heads/{branch}", "object": {"sha": commit, "type": "commit"}}


def comment(number: int, body: str, author: int = 9) -> dict[str, Any]:
    return {"id": number, "html_url": f"https://h/{number}", "body": body, "user": {"id": author, "login": "x"}}


def with_etag(etag: str, body: Any, **headers: str) -> Any:
    """Answer 304 to whoever has it, as GitHub does."""

    def answer(asked: Asked) -> Reply:
        if asked.headers.get("If-None-Match") == etag:
            return Reply(status=304, headers={"ETag": etag})
        return Reply(body, headers={"ETag": etag, **headers})

    return answer


class Clock:
    """A clock that stands until somebody moves it."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
async def github() -> AsyncIterator[ScriptedGitHub]:
    async with scripted_github() as running:
        running.say("GET /user", Reply({"login": "the-bot", "id": 9}))
        yield running


def door_to(github: ScriptedGitHub, **more: Any) -> GitHubDoor:
    return GitHubDoor(
        GitHubSettings(api_url=github.address),
        more.pop("network", NetworkSettings()),
        token=more.pop("token", lambda: TOKEN),
        seconds_between_writes=more.pop("seconds_between_writes", 0),
        **more,
    )


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def door(github: ScriptedGitHub, clock: Clock) -> AsyncIterator[GitHubDoor]:
    async with door_to(github, clock=clock) as opened:
        yield opened


async def test_a_pull_request_is_read_as_github_tells_it(github: ScriptedGitHub, door: GitHubDoor) -> None:
    github.say(LIST, Reply([pull(7, draft=True, body="why", user={"login": "renovate[bot]", "type": "Bot"})]))
    (found,) = (await door.open_pull_requests(FLEET)).pull_requests
    assert (found.number, found.title, found.author, found.author_is_bot) == (7, "Change 7", "renovate[bot]", True)
    assert (found.head_sha, found.head_ref, found.base_ref) == (f"{7:040x}", "feature", "main")
    assert (found.draft, found.state, found.merged, found.labels) == (True, "open", False, ("infra",))
    assert found.created_at == datetime(2026, 11, 1, 10, tzinfo=UTC)
    # Before the merge that field holds GitHub's trial merge.
    assert found.merge_commit_sha is None
    assert (found.body, found.from_fork, found.repository_is_private) == ("why", False, True)


@pytest.mark.parametrize(
    ("head_repository", "name"),
    [
        (None, None),
        ({"id": 5, "full_name": "mallory/fleet"}, "mallory/fleet"),
        # Somebody took the name that this repository had before: it is not this one.
        ({"id": 5, "full_name": "Acme/Fleet"}, None),
    ],
)
async def test_a_fork_is_known_by_its_id(
    github: ScriptedGitHub, door: GitHubDoor, head_repository: Any, name: str | None
) -> None:
    github.say(LIST, Reply([pull(7, head={"sha": "b" * 40, "ref": "f", "repo": head_repository})]))
    (found,) = (await door.open_pull_requests(FLEET)).pull_requests
    assert found.head_repository == name
    assert found.from_fork


async def test_a_renamed_repository_is_no_fork_of_itself(github: ScriptedGitHub, door: GitHubDoor) -> None:
    renamed = {"id": 1, "full_name": "acme/fleet-of-old", "private": False}
    item = pull(7, head={"sha": "b" * 40, "ref": "f", "repo": renamed}, base={"ref": "main", "repo": renamed})
    github.say(LIST, Reply({}, 301, {"Location": "/repositories/1/pulls?state=open"}))
    github.say("GET /repositories/1/pulls?state=open", with_etag('W/"1"', [item]))
    (found,) = (await door.open_pull_requests(FLEET)).pull_requests
    assert not found.from_fork
    assert found.key == "acme/fleet#7"
    assert (await door.open_pull_requests(FLEET)).unchanged


async def test_a_person_whose_account_is_gone(github: ScriptedGitHub, door: GitHubDoor) -> None:
    github.say(LIST, Reply([pull(7, user=None)]))
    (found,) = (await door.open_pull_requests(FLEET)).pull_requests
    assert found.author == "ghost"


async def test_a_merged_one(github: ScriptedGitHub, door: GitHubDoor) -> None:
    github.say("GET /repos/acme/fleet/pulls/7", Reply(pull(7, merged=True, state="closed", merged_at="2026-11-02")))
    found = await door.pull_request(FLEET, 7)
    assert (found.merged, found.state, found.merge_commit_sha) == (True, "closed", "a" * 40)


async def test_an_unchanged_list_is_asked_for_conditionally(github: ScriptedGitHub, door: GitHubDoor) -> None:
    second = f"{github.address}/repositories/1/pulls?state=open&per_page=100&page=2"
    github.say(LIST, with_etag('W/"one"', [pull(1)], Link=f'<{second}>; rel="next", <{second}>; rel="last"'))
    github.say(SECOND, with_etag('"two"', [pull(2)]))

    first = await door.open_pull_requests(FLEET)
    again = await door.open_pull_requests(FLEET)

    assert [found.number for found in first.pull_requests] == [1, 2]
    assert again.pull_requests == first.pull_requests
    assert (first.unchanged, again.unchanged) == (False, True)
    # The quotes and the W/ are part of the value.
    assert [asked.headers.get("If-None-Match") for asked in github.asked] == [None, None, 'W/"one"', '"two"']
    assert len({asked.headers["Accept"] for asked in github.asked}) == 1


async def test_a_restart_costs_nothing_when_what_is_known_was_kept(github: ScriptedGitHub, door: GitHubDoor) -> None:
    github.say(LIST, with_etag('"1"', [pull(1)]))
    github.say(TIP, with_etag('"2"', tip("b" * 40)))
    before = await door.open_pull_requests(FLEET)
    await door.branch_tip(FLEET, "main")
    kept = json.loads(json.dumps(door.export_validators()))
    assert TOKEN not in json.dumps(kept)

    async with door_to(github) as restarted:
        restarted.import_validators(kept)
        after = await restarted.open_pull_requests(FLEET)
        assert after.unchanged
        assert after.pull_requests == before.pull_requests
        assert await restarted.branch_tip(FLEET, "main") == "b" * 40
    async with door_to(github, token=lambda: "ghp_another01234") as another:
        another.import_validators(kept)
        assert not (await another.open_pull_requests(FLEET)).unchanged
    assert github.asked[-1].headers.get("If-None-Match") is None


@pytest.mark.parametrize("nonsense", [{"u": None}, {"u": 3}, {"u": {"token": "t"}}, {"u": {"x": 1}}])
async def test_nonsense_that_was_kept_does_no_harm(github: ScriptedGitHub, door: GitHubDoor, nonsense: Any) -> None:
    door.import_validators(nonsense)
    github.say(LIST, Reply([pull(1)]))
    assert not (await door.open_pull_requests(FLEET)).unchanged


async def test_another_token_is_asked_for_anew_and_at_once(github: ScriptedGitHub) -> None:
    tokens = ["ghp_first01234567", "ghp_second0123456"]
    github.say(LIST, with_etag('"1"', [pull(1)]))
    async with door_to(github, token=lambda: tokens[0]) as door:
        await door.open_pull_requests(FLEET)
        tokens.pop(0)
        assert not (await door.open_pull_requests(FLEET)).unchanged
    assert [asked.headers["Authorization"] for asked in github.asked] == [
        "Bearer ghp_first01234567",
        "Bearer ghp_second0123456",
    ]
    assert github.asked[1].headers.get("If-None-Match") is None


BAD_PAGES = [
    Reply({"message": "Server Error"}, 502),
    Reply(b"<html>Unicorn!</html>", 200, content_type="text/html"),
    Reply(b"<html>Bad gateway</html>", 502, content_type="text/html"),
    Reply(b'[{"number": 2, "ti', 200),
    Reply(b"", 200),
    Reply([pull(2)], fate="cut"),
    Reply([pull(2)], fate="reset"),
    Reply({"message": "who knows"}, 200),
    Reply([None], 200),
    Reply([pull(2) | {"head": {}}], 200),
    Reply([pull(2) | {"head": {"sha": "short", "ref": "x", "repo": None}}], 200),
    Reply([pull(2) | {"number": "2"}], 200),
    Reply([pull(2) | {"created_at": "yesterday"}], 200),
    Reply(None, 204),
    Reply({}, 302),
    Reply({}, 302, {"Location": "http://169.254.169.254/latest"}),
    Reply({}, 302, {"Location": "http://[::1"}),
    Reply([], 200, {"Link": '<http://evil.example/x>; rel="next"'}),
    Reply([], 200, {"Link": '<https://localhost/x>; rel="next"'}),
    Reply([], 200, {"Link": '<http://[::1>; rel="next"'}),
]


@pytest.mark.parametrize("bad", BAD_PAGES)
async def test_a_page_that_fails_changes_nothing(github: ScriptedGitHub, door: GitHubDoor, bad: Reply) -> None:
    second = f"{github.address}/repositories/1/pulls?state=open&per_page=100&page=2"
    link = {"Link": f'<{second}>; rel="next"'}
    github.say(LIST, with_etag('"1"', [pull(1)], **link))
    github.say(SECOND, with_etag('"2"', [pull(2)]))
    before = await door.open_pull_requests(FLEET)

    github.say(LIST, with_etag('"3"', [pull(3)], **link))
    github.say(SECOND, bad)
    with pytest.raises(GitHubUnavailable, match="The open pull requests of acme/fleet"):
        await door.open_pull_requests(FLEET)

    # The first page of the look that failed was not remembered either.
    github.say(LIST, with_etag('"1"', [pull(1)], **link))
    github.say(SECOND, with_etag('"2"', [pull(2)]))
    after = await door.open_pull_requests(FLEET)
    assert after.unchanged
    assert after.pull_requests == before.pull_requests


async def test_a_304_that_was_not_asked_for_is_no_answer(github: ScriptedGitHub, door: GitHubDoor) -> None:
    github.say(LIST, Reply({}, 304))
    with pytest.raises(GitHubUnavailable, match="no condition"):
        await door.open_pull_requests(FLEET)


async def test_pages_that_run_in_circles(github: ScriptedGitHub, door: GitHubDoor) -> None:
    link = {"Link": f'<{github.address}{LIST.removeprefix("GET ")}>; rel="next"'}
    github.say(LIST, Reply([pull(1)], headers=link))
    with pytest.raises(GitHubUnavailable, match="no end"):
        await door.open_pull_requests(FLEET)


@pytest.mark.parametrize(
    ("branch", "path"),
    [
        ("feature/x", "feature/x"),
        ("100%", "100%25"),
        ("a#b?c", "a%23b%3Fc"),
        ("caf\u00e9", "caf%C3%A9"),
        ("%2e%2e", "%252e%252e"),
        ("b" * 300, "b" * 300),
    ],
)
async def test_branch_names_are_quoted(github: ScriptedGitHub, door: GitHubDoor, branch: str, path: str) -> None:
    github.say(f"GET /repos/acme/fleet/git/ref/heads/{path}", Reply(tip("c" * 40, branch)))
    assert await door.branch_tip(FLEET, branch) == "c" * 40


@pytest.mark.parametrize(
    "answer",
    [
        tip("c" * 40, "main2"),
        tip("c" * 39),
        {"ref": "refs/heads/main"},
        [tip("c" * 40)],
        tip("c" * 40) | {"object": {}},
    ],
)
async def test_another_answer_than_the_branch_is_no_tip(github: ScriptedGitHub, door: GitHubDoor, answer: Any) -> None:
    github.say(TIP, Reply(answer))
    with pytest.raises(GitHubUnavailable, match="Branch 'main' of acme/fleet"):
        await door.branch_tip(FLEET, "main")


async def test_a_branch_that_is_gone(door: GitHubDoor) -> None:
    with pytest.raises(GitHubRefused, match="Branch 'main' of acme/fleet"):
        await door.branch_tip(FLEET, "main")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"permission": "write", "role_name": "maintain"}, Permission.MAINTAIN),
        ({"permission": "read", "role_name": "triage"}, Permission.TRIAGE),
        ({"permission": "write", "role_name": "release-managers"}, Permission.WRITE),
        ({"permission": "admin"}, Permission.ADMIN),
        ({"permission": "none", "role_name": ""}, Permission.NONE),
    ],
)
async def test_permissions(github: ScriptedGitHub, door: GitHubDoor, answer: Any, expected: Permission) -> None:
    github.say("GET /repos/acme/fleet/collaborators/renovate%5Bbot%5D/permission", Reply(answer))
    assert await door.permission(FLEET, "renovate[bot]") is expected


async def test_somebody_github_does_not_know_may_do_nothing(github: ScriptedGitHub, door: GitHubDoor) -> None:
    assert await door.permission(FLEET, "nobody") is Permission.NONE
    question = "GET /repos/acme/fleet/collaborators/bob/permission"
    github.say(question, Reply({"message": "Must have push access to view collaborator permission."}, 403))
    with pytest.raises(GitHubRefused, match="Must have push access"):
        await door.permission(FLEET, "bob")
    github.say(question, Reply({"permission": "owner-of-everything"}))
    with pytest.raises(GitHubUnavailable):
        await door.permission(FLEET, "bob")


async def test_a_comment_is_ours_by_author_and_marker(github: ScriptedGitHub, door: GitHubDoor) -> None:
    second = f"{github.address}/repositories/1/issues/7/comments?per_page=100&page=2"
    github.say(
        "GET /repos/acme/fleet/issues/7/comments?per_page=100",
        Reply(
            [comment(1, "<!-- mark --> planted", author=666), comment(2, "ours, no mark"), {"id": 3, "user": None}],
            headers={"Link": f'<{second}>; rel="next"'},
        ),
    )
    github.say(
        "GET /repositories/1/issues/7/comments?per_page=100&page=2",
        Reply([comment(4, "text <!-- mark -->"), comment(5, "<!-- mark -->")]),
    )
    found = await door.find_comment(FLEET, 7, "<!-- mark -->")
    assert found is not None
    assert (found.comment_id, found.body) == (4, "text <!-- mark -->")
    assert await door.find_comment(FLEET, 7, "<!-- another -->") is None


async def test_an_approval_is_ours_and_stands(github: ScriptedGitHub, door: GitHubDoor) -> None:
    def review(number: int, state: str, author: int = 9, body: str = "head: abc") -> dict[str, Any]:
        return {"id": number, "state": state, "html_url": "https://h", "body": body, "user": {"id": author}}

    question = "GET /repos/acme/fleet/pulls/7/reviews?per_page=100"
    others = [review(1, "DISMISSED"), review(2, "APPROVED", 4), review(3, "COMMENTED"), review(4, "APPROVED", body="")]
    github.say(question, Reply(others))
    assert await door.find_review(FLEET, 7, "head: abc", "APPROVED") is None
    github.say(question, Reply([*others, review(5, "APPROVED"), review(6, "APPROVED")]))
    found = await door.find_review(FLEET, 7, "head: abc", "APPROVED")
    assert found is not None
    assert found.review_id == 6


async def test_who_we_are_is_asked_once_per_token(github: ScriptedGitHub) -> None:
    tokens = ["ghp_first01234567", "ghp_second0123456"]
    async with door_to(github, token=lambda: tokens[0]) as door:
        assert [await door.own_login() for _ in range(3)] == ["the-bot"] * 3
        tokens.pop(0)
        await door.own_login()
    assert github.count("GET /user") == 2


async def test_writes_say_what_they_should(github: ScriptedGitHub, door: GitHubDoor) -> None:
    review = {"id": 3, "state": "APPROVED", "html_url": "https://h/3", "user": {"id": 9}}
    github.say(COMMENT, Reply(comment(1, "text"), 201))
    github.say("PATCH /repos/acme/fleet/issues/comments/1", Reply(comment(1, "new")))
    github.say("POST /repos/acme/fleet/pulls/7/reviews", Reply(review))
    github.say("PUT /repos/acme/fleet/pulls/7/reviews/3/dismissals", Reply(review | {"state": "DISMISSED"}))

    assert (await door.create_comment(FLEET, 7, "text")).comment_id == 1
    assert (await door.edit_comment(FLEET, 1, "new")).body == "new"
    assert (await door.approve(FLEET, 7, "b" * 40, "body")).state == "APPROVED"
    await door.dismiss(FLEET, 7, 3, "why")

    assert [asked.content for asked in github.asked] == [
        {"body": "text"},
        {"body": "new"},
        {"event": "APPROVE", "commit_id": "b" * 40, "body": "body"},
        {"message": "why", "event": "DISMISS"},
    ]
    assert {asked.headers["Authorization"] for asked in github.asked} == {f"Bearer {TOKEN}"}


@pytest.mark.parametrize(
    "bad",
    [
        Reply({"message": "Server Error"}, 500),
        Reply(b"<html>", 502, content_type="text/html"),
        Reply({"message": "x"}, 503),
        Reply({}, 504),
        Reply({}, fate="reset"),
        Reply(comment(1, "text"), fate="cut"),
        Reply(b"<html>Hello</html>", 200, content_type="text/html"),
        Reply(b'{"id": 1, "ht', 201),
        Reply(b"", 201),
        Reply({"id": 1}, 201),
    ],
)
async def test_a_write_whose_outcome_is_not_known_is_never_repeated(
    github: ScriptedGitHub, door: GitHubDoor, bad: Reply
) -> None:
    github.say(COMMENT, bad)
    with pytest.raises(GitHubUnavailable, match="A comment on acme/fleet#7"):
        await door.create_comment(FLEET, 7, "text")
    assert github.count(COMMENT) == 1


async def test_a_write_that_is_not_accepted_carries_githubs_words(github: ScriptedGitHub, door: GitHubDoor) -> None:
    question = "POST /repos/acme/fleet/pulls/7/reviews"
    for errors, expected in (
        (["Can not approve your own pull request"], "Review Can not approve your own|Can not approve your own"),
        ([{"resource": "Review", "code": "custom", "message": "Body is too long"}], "Body is too long"),
        ([{"resource": "Review", "field": "commit_id", "code": "invalid"}], "Review commit_id invalid"),
        ("Could not resolve", "Could not resolve"),
    ):
        github.say(question, Reply({"message": "Unprocessable Entity", "errors": errors}, 422))
        with pytest.raises(GitHubRejected, match=expected):
            await door.approve(FLEET, 7, "b" * 40, "body")
    assert github.count(question) == 4


async def test_writes_keep_their_distance(github: ScriptedGitHub) -> None:
    moments = []

    def at(_: Asked) -> Reply:
        moments.append(asyncio.get_running_loop().time())
        return Reply(comment(1, "x"), 201)

    github.say(COMMENT, at)
    async with door_to(github, seconds_between_writes=0.3) as door:
        await asyncio.gather(*(door.create_comment(FLEET, 7, "x") for _ in range(3)))
    assert len(moments) == 3
    assert min(later - earlier for earlier, later in pairwise(moments)) >= 0.25


async def test_a_cancelled_write_is_finished_before_the_next_begins(github: ScriptedGitHub, door: GitHubDoor) -> None:
    begun = asyncio.Event()

    def slowly(_: Asked) -> Reply:
        begun.set()
        return Reply(comment(1, "x"), 201)

    github.say(COMMENT, slowly)
    writing = asyncio.create_task(door.create_comment(FLEET, 7, "x"))
    await begun.wait()
    writing.cancel()
    await door.create_comment(FLEET, 7, "y")
    assert [asked.content["body"] for asked in github.asked] == ["x", "y"]


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, GitHubRefused), (403, GitHubRefused), (404, GitHubRefused), (410, GitHubRefused), (451, GitHubRefused),
     (422, GitHubRejected), (409, GitHubRejected), (400, GitHubRejected), (500, GitHubUnavailable),
     (503, GitHubUnavailable), (599, GitHubUnavailable), (300, GitHubUnavailable)],
)  # fmt: skip
async def test_each_status_has_its_error_alike_for_reads_and_writes(
    github: ScriptedGitHub, door: GitHubDoor, status: int, kind: type[GitHubError]
) -> None:
    github.say(LIST, Reply({"message": "In GitHub's words"}, status))
    with pytest.raises(kind, match="In GitHub's words") as read:
        await door.open_pull_requests(FLEET)
    assert type(read.value) is kind or issubclass(type(read.value), kind)
    if status >= 400:
        github.say(COMMENT, Reply({"message": "In GitHub's words"}, status))
        with pytest.raises(kind, match="In GitHub's words"):
            await door.create_comment(FLEET, 7, "x")
        assert github.count(COMMENT) == 1


PRIMARY = {"x-ratelimit-remaining": "0", "x-ratelimit-limit": "5000", "x-ratelimit-resource": "core"}


@pytest.mark.parametrize("status", [403, 429])
async def test_the_primary_limit_is_obeyed_by_github_s_own_clock(
    github: ScriptedGitHub, door: GitHubDoor, clock: Clock, status: int
) -> None:
    # Their clock is an hour ahead of ours.
    theirs = NOW + timedelta(hours=1)
    headers = PRIMARY | {
        "x-ratelimit-reset": str(int(theirs.timestamp()) + 600),
        "Date": format_datetime(theirs, usegmt=True),
    }
    github.say(LIST, Reply({"message": "API rate limit exceeded for user ID 9."}, status, headers), Reply([pull(1)]))
    github.say(COMMENT, Reply(comment(1, "x"), 201))
    with pytest.raises(GitHubRateLimited, match="The open pull requests of acme/fleet") as caught:
        await door.open_pull_requests(FLEET)
    assert caught.value.retry_at == NOW + timedelta(seconds=600)

    clock.now = NOW + timedelta(seconds=599)
    for asked in (door.open_pull_requests(FLEET), door.create_comment(FLEET, 7, "x"), door.own_login()):
        with pytest.raises(GitHubRateLimited) as caught:
            await asked
        assert caught.value.retry_at == NOW + timedelta(seconds=600)
    assert len(github.asked) == 1

    clock.now = NOW + timedelta(seconds=601)
    assert len((await door.open_pull_requests(FLEET)).pull_requests) == 1


async def test_the_last_request_of_a_window_is_the_last(github: ScriptedGitHub, door: GitHubDoor, clock: Clock) -> None:
    headers = PRIMARY | {"x-ratelimit-reset": str(int(NOW.timestamp()) + 60), "Date": format_datetime(NOW, usegmt=True)}
    github.say(LIST, Reply([pull(1)], headers=headers))
    assert len((await door.open_pull_requests(FLEET)).pull_requests) == 1
    with pytest.raises(GitHubRateLimited):
        await door.open_pull_requests(FLEET)
    assert len(github.asked) == 1
    # GraphQL has a purse of its own.
    github.say("POST /graphql", Reply({"data": {"repository": {"pullRequest": {"reviewDecision": None}}}}))
    assert await door.review_decision(FLEET, 7) == ""
    clock.now += timedelta(seconds=61)
    await door.open_pull_requests(FLEET)


@pytest.mark.parametrize("retry_after", ["90", format_datetime(NOW + timedelta(seconds=90), usegmt=True)])
async def test_retry_after_is_obeyed_for_everything(
    github: ScriptedGitHub, door: GitHubDoor, clock: Clock, retry_after: str
) -> None:
    headers = {"Retry-After": retry_after, "Date": format_datetime(NOW, usegmt=True), "x-ratelimit-remaining": "4000"}
    github.say(COMMENT, Reply({"message": "You have exceeded a secondary rate limit."}, 403, headers))
    with pytest.raises(GitHubRateLimited) as caught:
        await door.create_comment(FLEET, 7, "x")
    assert caught.value.retry_at == NOW + timedelta(seconds=90)
    clock.now += timedelta(seconds=89)
    for asked in (door.open_pull_requests(FLEET), door.create_comment(FLEET, 7, "x"), door.review_decision(FLEET, 7)):
        with pytest.raises(GitHubRateLimited):
            await asked
    assert len(github.asked) == 1


async def test_without_a_hint_the_wait_grows(github: ScriptedGitHub, door: GitHubDoor, clock: Clock) -> None:
    refused = Reply({"message": "You have exceeded a secondary rate limit. Please wait a few minutes."}, 403)
    github.say(LIST, refused)
    waits = []
    for _ in range(6):
        with pytest.raises(GitHubRateLimited) as caught:
            await door.open_pull_requests(FLEET)
        waits.append((caught.value.retry_at - clock.now).total_seconds())
        clock.now = caught.value.retry_at + timedelta(seconds=1)
    assert waits == [60, 120, 240, 480, 900, 900]
    github.say(LIST, Reply([]), refused)
    await door.open_pull_requests(FLEET)
    with pytest.raises(GitHubRateLimited) as caught:
        await door.open_pull_requests(FLEET)
    assert (caught.value.retry_at - clock.now).total_seconds() == 60


@pytest.mark.parametrize("reset", ["99999999999", "0", "soon", ""])
async def test_a_mad_reset_stops_us_neither_for_ever_nor_not_at_all(
    github: ScriptedGitHub, door: GitHubDoor, reset: str
) -> None:
    headers = PRIMARY | {"x-ratelimit-reset": reset, "Date": format_datetime(NOW, usegmt=True)}
    github.say(LIST, Reply({"message": "API rate limit exceeded"}, 403, headers))
    with pytest.raises(GitHubRateLimited) as caught:
        await door.open_pull_requests(FLEET)
    assert timedelta() < caught.value.retry_at - NOW <= timedelta(minutes=65)


async def test_another_token_has_its_own_limit(github: ScriptedGitHub, clock: Clock) -> None:
    tokens = ["ghp_first01234567", "ghp_second0123456"]
    github.say(LIST, Reply({"message": "slow down"}, 429, {"Retry-After": "600"}), Reply([]))
    async with door_to(github, token=lambda: tokens[0], clock=clock) as door:
        with pytest.raises(GitHubRateLimited):
            await door.open_pull_requests(FLEET)
        tokens.pop(0)
        assert (await door.open_pull_requests(FLEET)).pull_requests == ()


async def test_the_review_decision_and_its_errors(github: ScriptedGitHub, door: GitHubDoor) -> None:
    def decision(word: Any) -> Reply:
        return Reply({"data": {"repository": {"pullRequest": {"reviewDecision": word}}}})

    github.say("POST /graphql", decision("REVIEW_REQUIRED"), decision(None))
    assert await door.review_decision(FLEET, 7) == "REVIEW_REQUIRED"
    assert await door.review_decision(FLEET, 7) == ""
    assert github.asked[0].content["variables"] == {"owner": "acme", "name": "fleet", "number": 7}

    nothing = {"data": {"repository": None}}
    github.say("POST /graphql", Reply(nothing | {"errors": [{"type": "NOT_FOUND", "message": "Could not resolve"}]}))
    with pytest.raises(GitHubRefused, match="Could not resolve"):
        await door.review_decision(FLEET, 7)
    github.say("POST /graphql", Reply({"errors": [{"message": "Something went wrong"}]}))
    with pytest.raises(GitHubUnavailable, match="Something went wrong"):
        await door.review_decision(FLEET, 7)
    github.say("POST /graphql", Reply(nothing))
    with pytest.raises(GitHubUnavailable, match="lacks 'reviewDecision'"):
        await door.review_decision(FLEET, 7)
    github.say("POST /graphql", Reply({"errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}]}))
    with pytest.raises(GitHubRateLimited):
        await door.review_decision(FLEET, 7)


async def test_the_server_of_a_company_has_graphql_beside_its_api(github: ScriptedGitHub) -> None:
    github.say("POST /api/graphql", Reply({"data": {"repository": {"pullRequest": {"reviewDecision": "APPROVED"}}}}))
    github.say("GET /api/v3/user", Reply({"login": "the-bot", "id": 9}))
    github.say("POST /api/v3/repos/acme/fleet/issues/7/comments", Reply(comment(1, "x"), 201))
    settings = GitHubSettings(api_url=f"{github.address}/api/v3/")
    async with GitHubDoor(settings, NetworkSettings(), token=lambda: TOKEN, seconds_between_writes=0) as door:
        assert await door.review_decision(FLEET, 7) == "APPROVED"
        assert await door.own_login() == "the-bot"
        assert (await door.create_comment(FLEET, 7, "x")).comment_id == 1


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "", "caf\u00e9"])
async def test_a_token_that_cannot_be_one_is_not_told(github: ScriptedGitHub, token: str) -> None:
    async with door_to(github, token=lambda: token) as door:
        for asked in (door.own_login(), door.create_comment(FLEET, 7, "x")):
            with pytest.raises(GitHubRefused) as caught:
                await asked
            assert not token or token not in f"{caught.value}{caught.value.__cause__}"
    assert github.asked == []


async def test_a_token_file_that_is_missing_is_named(github: ScriptedGitHub, tmp_path: Path) -> None:
    settings = GitHubSettings(api_url=github.address, token_file=tmp_path / "token")
    async with GitHubDoor(settings, NetworkSettings()) as door:
        with pytest.raises(GitHubRefused, match=r"github\.token_file"):
            await door.own_login()
        (tmp_path / "token").write_text(f"{TOKEN}\n")
        assert await door.own_login() == "the-bot"
    assert github.asked[0].headers["Authorization"] == f"Bearer {TOKEN}"


async def test_nobody_listens(github: ScriptedGitHub) -> None:
    github.address = "http://127.0.0.1:9"
    async with door_to(github) as door:
        with pytest.raises(GitHubUnavailable, match=r"The account that the token belongs to.*Connect call failed"):
            await door.own_login()
        with pytest.raises(GitHubUnavailable, match=r"A comment on acme/fleet#7.*Connection refused"):
            await door.create_comment(FLEET, 7, "x")


async def test_the_proxy_and_its_exceptions_are_obeyed_by_both_clients(github: ScriptedGitHub) -> None:
    async with scripted_github() as proxy:
        proxy.say("GET http://github.test/user", Reply({"login": "by-proxy", "id": 1}))
        proxy.say("POST http://github.test:80/repos/acme/fleet/issues/7/comments", Reply(comment(1, "x"), 201))
        settings = GitHubSettings(api_url="http://github.test")
        network = NetworkSettings(proxy=proxy.address)
        async with GitHubDoor(settings, network, token=lambda: TOKEN, seconds_between_writes=0) as door:
            assert await door.own_login() == "by-proxy"
            assert (await door.create_comment(FLEET, 7, "x")).comment_id == 1
        proxy.asked.clear()
        github.say(COMMENT, Reply(comment(2, "x"), 201))
        direct = NetworkSettings(proxy=proxy.address, no_proxy=("localhost",))
        async with door_to(github, network=direct) as door:
            assert await door.own_login() == "the-bot"
            assert (await door.create_comment(FLEET, 7, "x")).comment_id == 2
        assert proxy.asked == []


async def test_proxies_of_the_environment_do_not_count(github: ScriptedGitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    github.say(COMMENT, Reply(comment(1, "x"), 201))
    async with door_to(github) as door:
        assert await door.own_login() == "the-bot"
        await door.create_comment(FLEET, 7, "x")


async def test_the_authority_of_a_company_is_trusted_by_both_clients_and_no_other(tmp_path: Path) -> None:
    certificate, key = _self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    async with scripted_github(ssl_context=context) as github:
        github.say("GET /user", Reply({"login": "the-bot", "id": 9}))
        github.say(COMMENT, Reply(comment(1, "x"), 201))
        async with door_to(github, network=NetworkSettings(ca_file=certificate)) as door:
            assert await door.own_login() == "the-bot"
            assert (await door.create_comment(FLEET, 7, "x")).comment_id == 1
        async with door_to(github) as door:
            for asked in (door.own_login(), door.create_comment(FLEET, 7, "x")):
                with pytest.raises(GitHubUnavailable, match=r"certificate is not trusted.*network\.ca_file"):
                    await asked


def _self_signed(folder: Path) -> tuple[Path, Path]:
    from cryptography import x509  # noqa: PLC0415 - slow to import, and only this test needs it
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415 - the same
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - the same

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "certificate.pem", folder / "key.pem"


async def test_the_counters_count(github: ScriptedGitHub, door: GitHubDoor) -> None:
    def counted(status: str) -> float:
        return telemetry.registry.get_sample_value("gitops_bot_github_requests_total", {"status": status}) or 0

    before = {status: counted(status) for status in ("200", "304")}
    headers = {"x-ratelimit-remaining": "4321", "x-ratelimit-resource": "core"}
    github.say(LIST, with_etag('"1"', [pull(1)], **headers))
    await door.open_pull_requests(FLEET)
    await door.open_pull_requests(FLEET)
    assert {status: counted(status) - before[status] for status in before} == {"200": 1, "304": 1}
    assert telemetry.registry.get_sample_value("gitops_bot_github_limit_remaining") == 4321


async def test_an_endless_answer_is_cut_off(github: ScriptedGitHub, door: GitHubDoor) -> None:
    github.say(LIST, Reply(b"[" + b" " * (65 << 20) + b"]"))
    with pytest.raises(GitHubUnavailable, match="larger than 64 MiB"):
        await door.open_pull_requests(FLEET)


async def test_an_answer_that_never_comes_is_given_up(github: ScriptedGitHub) -> None:
    github.say(LIST, Reply(fate="hang"))
    async with door_to(github, deadline=0.3) as door:
        with pytest.raises(GitHubUnavailable, match="did not answer in time"):
            await door.open_pull_requests(FLEET)
