"""Limits, faults and Apps of the GitHub stand-in, and its control API."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import github
import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from github_world import REPOSITORY, World

PULLS = f"{REPOSITORY}/pulls"
COMMENTS = f"{REPOSITORY}/issues/1/comments"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    await made.start()
    await made.pull_request("change", {"app.yaml": "a: 2\n"})
    yield made
    await made.stop()


async def comments(world: World) -> list[str]:
    """What stands there, told by the reviewer so that the bot's counters stay as they are."""
    return [one["body"] for one in await world.get("/issues/1/comments", login="reviewer")]


async def test_the_write_happens_and_the_answer_is_lost(world: World) -> None:
    await world.fault(kind="reset", method="POST", path="/repos/acme/fleet/issues/*/comments", when="after")
    with pytest.raises(httpx.TransportError):
        await world.api().post(COMMENTS, json={"body": "hello"})
    assert await comments(world) == ["hello"]
    await world.fault(kind="status", status=502, method="POST", when="after")
    assert (await world.api().post(COMMENTS, json={"body": "again"})).status_code == 502
    assert await comments(world) == ["hello", "again"]
    assert (await world.api().post(COMMENTS, json={"body": "third"})).status_code == 201


async def test_the_write_does_not_happen(world: World) -> None:
    await world.fault(kind="reset", method="POST", login="gitops-bot")
    with pytest.raises(httpx.TransportError):
        await world.api().post(COMMENTS, json={"body": "hello"})
    await world.fault(kind="status", status=503, method="POST", login="gitops-bot", count=2)
    assert [(await world.api().post(COMMENTS, json={"body": "hello"})).status_code for _ in range(3)] == [503, 503, 201]
    assert await comments(world) == ["hello"]


async def test_a_stock_client_repeats_a_write_that_worked(world: World) -> None:
    """The reason why the bot does not let its client repeat writes: PyGithub's default does, on any 5xx."""
    await world.fault(kind="status", status=502, method="POST", when="after")

    def work() -> None:
        retry = github.GithubRetry(backoff_factor=0)
        client = github.Github(
            auth=github.Auth.Token(world.tokens["bot"]),
            base_url=world.standin.api_url,
            retry=retry,
            seconds_between_requests=None,
            seconds_between_writes=None,
        )
        client.get_repo("acme/fleet").get_pull(1).create_issue_comment("hello")

    await asyncio.to_thread(work)
    assert await comments(world) == ["hello", "hello"]


async def test_broken_answers(world: World) -> None:
    good = (await world.api().get(PULLS)).content
    await world.fault(kind="truncated", path="*/pulls")
    half = await world.api().get(PULLS)
    assert (half.status_code, half.content) == (200, good[: len(good) // 2])
    await world.fault(kind="cut", path="*/pulls")
    with pytest.raises(httpx.RemoteProtocolError):
        await world.api().get(PULLS)
    await world.fault(kind="html", path="*/pulls")
    page = await world.api().get(PULLS)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    await world.fault(kind="body", path="*/pulls", body="", content_type="application/json")
    assert (await world.api().get(PULLS)).content == b""
    await world.fault(kind="latency", path="*/pulls", seconds=0.3)
    with pytest.raises(httpx.ReadTimeout):
        await world.api().get(PULLS, timeout=0.1)
    await world.fault(kind="hang", path="*/pulls")
    with pytest.raises(httpx.ReadTimeout):
        await world.api().get(PULLS, timeout=0.1)
    assert (await world.api().get(PULLS)).status_code == 200


async def test_the_second_page_fails(world: World) -> None:
    await world.fault(kind="status", status=500, path="*/pulls", after_calls=1)
    assert [(await world.api().get(PULLS)).status_code for _ in range(3)] == [200, 500, 200]


async def test_rate_limits_on_order(world: World) -> None:
    await world.fault(kind="secondary", status=429, retry_after=7)
    answer = await world.api().get(PULLS)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    assert "secondary rate limit" in answer.json()["message"]
    await world.fault(kind="secondary", retry_after=None)
    answer = await world.api().get(PULLS)
    assert (answer.status_code, "retry-after" in answer.headers) == (403, False)
    await world.fault(kind="primary")
    answer = await world.api().get(PULLS)
    assert (answer.status_code, answer.headers["x-ratelimit-remaining"]) == (403, "0")


async def test_the_primary_limit(world: World) -> None:
    await world.control("limits", login="gitops-bot", remaining=2, reset_in=60)
    answers = [await world.api().get(PULLS) for _ in range(3)]
    assert [one.status_code for one in answers] == [200, 200, 403]
    assert [one.headers["x-ratelimit-remaining"] for one in answers] == ["1", "0", "0"]
    assert answers[2].json()["message"].startswith("API rate limit exceeded")
    assert 50 < int(answers[2].headers["x-ratelimit-reset"]) - time.time() <= 61
    limits = (await world.api().get("/rate_limit")).json()
    assert limits["resources"]["core"]["remaining"] == 0
    assert (await world.api("reviewer").get(PULLS)).status_code == 200
    await world.control("limits", login="gitops-bot", remaining=0, reset_in=-1)
    assert (await world.api().get(PULLS)).headers["x-ratelimit-remaining"] == "4999"


async def test_secondary_limits_hold_by_themselves(world: World) -> None:
    answers = [await world.api().post(COMMENTS, json={"body": f"{n}"}) for n in range(81)]
    assert [one.status_code for one in answers] == [201] * 80 + [403]
    assert answers[-1].headers["retry-after"] == "60"
    assert len(await comments(world)) == 30
    await world.control("limits", secondary=False)
    assert (await world.api().post(COMMENTS, json={"body": "more"})).status_code == 201


async def test_everything_is_counted_and_can_be_read_without_cost(world: World) -> None:
    await world.api().get(PULLS)
    async with httpx.AsyncClient(base_url=world.standin.control_url) as client:
        for _ in range(3):
            counted = (await client.get("/counters")).json()
        asked = (await client.get("/requests", params={"login": "gitops-bot", "path": "/pulls"})).json()["requests"]
        faults = (await client.post("/faults", json={"kind": "html", "count": None})).json()
        wrong = [
            await client.post("/faults", json={"kind": "nothing"}),
            await client.post("/faults", json={"colour": 1}),
            await client.post("/settings", json={"colour": 1}),
            await client.post("/grants", json={"repository": "acme/none"}),
            await client.post("/users", content=b"{"),
        ]
        assert [one.status_code for one in wrong] == [400] * 5
        assert (await client.get("/faults")).json()["faults"] == [faults["fault"]]
        assert (await client.post("/reset")).json() == {"ok": True}
        assert (await client.get("/faults")).json()["faults"] == []
        assert (await client.get("/requests")).json()["requests"] == []
    assert counted["logins"]["gitops-bot"] == {"requests": 1, "not_modified": 0, "cost": 1, "git": 0}
    assert [(one["method"], one["path"], one["status"], one["cost"]) for one in asked] == [
        ("GET", "/repos/acme/fleet/pulls", 200, 1)
    ]


async def test_a_scene_can_be_set_over_http(world: World) -> None:
    made = await world.control("users", login="renovate[bot]", bot=True)
    world.tokens["renovate"] = made["token"]
    await world.control("repositories", owner="acme", name="second", private=False, default_branch="trunk")
    await world.control("grants", repository="acme/second", login="renovate[bot]", permission="write")
    await world.git("push", "--quiet", world.url("renovate", "acme/second"), "HEAD:refs/heads/trunk", cwd=world.clone)
    repository = (await world.api("renovate").get("/repos/acme/second")).json()
    assert (repository["default_branch"], repository["permissions"]["push"]) == ("trunk", True)
    assert (await world.api("renovate").get("/user")).json()["type"] == "Bot"
    await world.control("rules", repository="acme/second", branch="trunk", required_approving_review_count=2)
    (rule,) = (await world.api("renovate").get("/repos/acme/second/rules/branches/trunk")).json()
    assert rule["parameters"]["required_approving_review_count"] == 2
    await world.control("pulls", repository="acme/fleet", number=1, draft=True)
    assert (await world.get("/pulls/1"))["draft"]


@pytest.fixture
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def public(key: rsa.RSAPrivateKey) -> str:
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


async def test_apps(world: World, key: rsa.RSAPrivateKey) -> None:
    app = world.standin.create_app("gitops", "acme", public(key))
    installation = world.standin.install_app(app, "acme")
    sha = (await world.get("/pulls/1"))["head"]["sha"]

    def work() -> str:
        auth = github.Auth.AppAuth(app.id, pem(key))
        integration = github.GithubIntegration(auth=auth, base_url=world.standin.api_url, retry=None)
        assert integration.get_app().slug == "gitops"
        assert [one.id for one in integration.get_installations()] == [installation]
        assert integration.get_repo_installation("acme", "fleet").id == installation
        client = integration.get_github_for_installation(installation)
        repository = client.get_repo("acme/fleet")
        run = repository.create_check_run("gitops-bot/test", sha, status="in_progress")
        run.edit(conclusion="success", output={"title": "12 changes", "summary": "all fine"})
        assert [one.conclusion for one in repository.get_commit(sha).get_check_runs()] == ["success"]
        pull = repository.get_pull(1)
        comment = pull.create_issue_comment("by the App")
        assert (comment.user.login, comment.user.type) == ("gitops[bot]", "Bot")
        assert pull.create_review(event="APPROVE", body="ok").state == "APPROVED"
        return integration.get_access_token(installation).token

    token = await asyncio.to_thread(work)
    assert token.startswith("ghs_")
    assert len(token) > 200
    world.tokens["app"] = token
    assert (await world.api("app").get("/user")).status_code == 403
    assert (await world.api("app").get("/installation/repositories")).json()["total_count"] == 1
    assert await world.git("ls-remote", world.url("app"), "refs/heads/main")
    # People cannot write check runs.
    refused = await world.api().post(f"{REPOSITORY}/check-runs", json={"name": "x", "head_sha": sha})
    assert (refused.status_code, refused.json()["message"]) == (403, "You must authenticate via a GitHub App.")
    await world.control("tokens/expire", token=token)
    assert (await world.api("app").get(PULLS)).status_code == 401


async def test_an_apps_approval_counts_where_that_is_switched_on(world: World, key: rsa.RSAPrivateKey) -> None:
    app = world.standin.create_app("gitops", "acme", public(key))
    installation = world.standin.install_app(app, "acme")
    world.tokens["app"] = world.standin.state.add_token("gitops[bot]", installation=installation).value
    await world.control("rules", repository="acme/fleet", branch="main", required_approving_review_count=1)
    assert (await world.api("app").post(f"{PULLS}/1/reviews", json={"event": "APPROVE"})).status_code == 200
    merge = await world.api("reviewer").put(f"{PULLS}/1/merge", json={})
    assert merge.status_code == 405
    await world.control("settings", app_approvals_count=True)
    assert (await world.api("reviewer").put(f"{PULLS}/1/merge", json={})).status_code == 200


async def test_wrong_jwts(world: World, key: rsa.RSAPrivateKey) -> None:
    app = world.standin.create_app("gitops", "acme", public(key))

    def signed(with_key: rsa.RSAPrivateKey, **claims: Any) -> str:
        moment = datetime.now(UTC)
        import jwt  # noqa: PLC0415 - a part of PyGithub's installation, used here alone

        values = {"iat": moment, "exp": moment + timedelta(minutes=5), "iss": str(app.id)} | claims
        return jwt.encode(values, pem(with_key), "RS256")

    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    now = datetime.now(UTC)
    tokens = {
        signed(other): "could not be decoded",
        signed(key, iss="999999"): "could not be decoded",
        signed(key, exp=now - timedelta(minutes=1)): "must be a numeric value representing the future time",
        signed(key, exp=now + timedelta(minutes=20)): "too far in the future",
        signed(key, iat=now + timedelta(minutes=5)): "must be an Integer representing the time in the past",
        "a.b.c": "could not be decoded",
    }
    for token, words in tokens.items():
        answer = await world.api("").get("/app", headers={"Authorization": f"Bearer {token}"})
        assert (answer.status_code, words in answer.json()["message"]) == (401, True), answer.text
    good = await world.api("").get("/app", headers={"Authorization": f"Bearer {signed(key)}"})
    assert good.json()["slug"] == "gitops"
    assert (await world.api().get("/app")).status_code == 401
