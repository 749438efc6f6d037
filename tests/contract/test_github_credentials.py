"""An App, its installations and several tokens, against the GitHub stand-in, which counts what is asked."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from github_world import REPOSITORY, World
from waiting import eventually

from gitops_bot.config import GitHubAppSettings, GitHubSettings, NetworkSettings
from gitops_bot.errors import GitHubRateLimited, GitHubRefused
from gitops_bot.github import GitHubDoor
from gitops_bot.models.pull_requests import Repository
from gitops_bot.models.statuses import CommitStatus, StatusState
from gitops_bot.sandbox.github.records import App

FLEET = Repository("acme", "fleet")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    await made.start()
    yield made
    await made.stop()


def make_key(file: Path) -> str:
    """Write a private key, give the public one."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = serialization.Encoding.PEM
    file.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def installed(world: World, folder: Path, *owners: str) -> tuple[App, GitHubSettings]:
    app = world.standin.create_app("gitops-bot-app", "acme", make_key(folder / "key.pem"))
    for owner in owners:
        world.standin.install_app(app, owner)
    world.standin.grant("acme", "fleet", "gitops-bot-app[bot]", "write")
    settings = GitHubAppSettings(id=str(app.id), private_key_file=folder / "key.pem")
    return app, GitHubSettings(api_url=world.standin.api_url, html_url=world.standin.html_url, app=settings)


def opened(settings: GitHubSettings, clock: Callable[[], datetime] | None = None) -> GitHubDoor:
    return GitHubDoor(settings, NetworkSettings(), clock=clock or (lambda: datetime.now(UTC)), seconds_between_writes=0)


def bought(world: World) -> int:
    return sum(request["path"].endswith("/access_tokens") for request in world.standin.requests)


async def settled(door: GitHubDoor) -> None:
    async def unchanged() -> bool:
        return (await door.open_pull_requests(FLEET)).unchanged

    await eventually(unchanged, "the list does not change any more")


async def test_an_app_reads_and_writes_as_its_bot_with_one_token_for_all(world: World, tmp_path: Path) -> None:
    made = await world.pull_request("feature", {"app.yaml": "a: 2\n"})
    _, settings = installed(world, tmp_path, "acme")
    async with opened(settings) as door:
        looks = await asyncio.gather(*(door.open_pull_requests(FLEET) for _ in range(5)), door.own_login())
        assert looks[-1] == "gitops-bot-app[bot]"
        comment = await door.create_comment(FLEET, made["number"], "<!-- mark --> hello")
        assert await door.find_comment(FLEET, made["number"], "<!-- mark -->") == comment
        await door.set_commit_status(FLEET, made["head"]["sha"], CommitStatus("g/p", StatusState.SUCCESS, "x"))
        assert (await door.git_token(FLEET)).startswith("ghs_")
    assert bought(world) == 1
    (found,) = await world.get(f"/issues/{made['number']}/comments")
    assert found["user"]["login"] == "gitops-bot-app[bot]"


async def test_an_app_writes_check_runs_that_branch_protection_counts(world: World, tmp_path: Path) -> None:
    made = await world.pull_request("feature", {"app.yaml": "a: 2\n"})
    head = made["head"]["sha"]
    app, settings = installed(world, tmp_path, "acme")
    app.permissions["checks"] = "write"
    async with opened(settings) as door:
        for state in (StatusState.PENDING, StatusState.NEUTRAL):
            await door.set_commit_status(FLEET, head, CommitStatus("gitops-bot/production", state, "2 objects change"))
    runs = (await world.get(f"/commits/{head}/check-runs"))["check_runs"]
    assert [(run["status"], run["conclusion"], run["output"]["title"]) for run in runs][:1] == [
        ("completed", "neutral", "2 objects change")
    ]


async def test_polls_with_an_app_cost_nothing_until_its_token_is_renewed(world: World, tmp_path: Path) -> None:
    await world.pull_request("feature", {"app.yaml": "a: 2\n"})
    _, settings = installed(world, tmp_path, "acme")
    now = datetime.now(UTC)
    async with opened(settings, lambda: now) as door:
        await settled(door)
        for _ in range(5):
            assert (await door.open_pull_requests(FLEET)).unchanged
        assert bought(world) == 1
        now += timedelta(minutes=56)
        # The ETag was the old token's: one look is paid for, then they are free again.
        assert not (await door.open_pull_requests(FLEET)).unchanged
        # The stand-in's clock has not moved: its new token would be as old as the last one.
        now -= timedelta(minutes=56)
        assert (await door.open_pull_requests(FLEET)).unchanged
        assert bought(world) == 2


async def test_a_token_that_was_revoked_is_replaced_at_once(world: World, tmp_path: Path) -> None:
    made = await world.pull_request("feature", {"app.yaml": "a: 2\n"})
    _, settings = installed(world, tmp_path, "acme")
    async with opened(settings) as door:
        token = await door.git_token(FLEET)
        await world.control("tokens/expire", token=token)
        assert (await door.pull_request(FLEET, made["number"])).number == made["number"]
        await world.control("tokens/expire", token=await door.git_token(FLEET))
        await door.create_comment(FLEET, made["number"], "hello")
    assert len(await world.get(f"/issues/{made['number']}/comments")) == 1
    assert bought(world) == 3


async def test_every_account_has_an_installation_of_its_own(world: World, tmp_path: Path) -> None:
    world.standin.create_repository("other", "fleet")
    _, settings = installed(world, tmp_path, "acme", "other")
    async with opened(settings) as door:
        other = Repository("Other", "fleet")
        assert (await door.open_pull_requests(other)).pull_requests == ()
        assert (await door.open_pull_requests(FLEET)).pull_requests == ()
        assert await door.git_token(other) != await door.git_token(FLEET)
        with pytest.raises(GitHubRefused, match="not installed for nobody"):
            await door.open_pull_requests(Repository("nobody", "fleet"))
        asked = len(world.standin.requests)
        with pytest.raises(GitHubRefused, match="not installed for nobody"):
            await door.open_pull_requests(Repository("nobody", "fleet"))
        assert len(world.standin.requests) == asked


async def test_further_pages_are_asked_for_with_the_same_installation(world: World, tmp_path: Path) -> None:
    world.standin.create_repository("aaa", "first")
    _, settings = installed(world, tmp_path, "aaa", "acme")
    made = await world.pull_request("feature", {"app.yaml": "a: 2\n"})
    for number in range(120):
        answer = await world.api("author").post(
            f"{REPOSITORY}/issues/{made['number']}/comments", json={"body": f"comment {number}"}
        )
        assert answer.status_code == 201
    async with opened(settings) as door:
        await door.create_comment(FLEET, made["number"], "mine <!-- mark -->")
        assert await door.find_comment(FLEET, made["number"], "<!-- mark -->") is not None


async def test_a_key_that_is_not_the_apps_is_told_without_it(world: World, tmp_path: Path) -> None:
    _, settings = installed(world, tmp_path, "acme")
    make_key(tmp_path / "key.pem")
    async with opened(settings) as door:
        with pytest.raises(GitHubRefused, match=r"github\.app\.id and github\.app\.private_key_file"):
            await door.open_pull_requests(FLEET)
    (tmp_path / "key.pem").write_text("-----BEGIN PRIVATE KEY-----\nhunter2\n", encoding="utf-8")
    async with opened(settings) as door:
        with pytest.raises(GitHubRefused, match="no private key") as caught:
            await door.open_pull_requests(FLEET)
    assert "hunter2" not in repr(caught.value.__cause__) + repr(caught.value.__context__ or "") + str(caught.value)
    (tmp_path / "key.pem").unlink()
    async with opened(settings) as door:
        with pytest.raises(GitHubRefused, match=r"github\.app\.private_key_file: cannot read"):
            await door.open_pull_requests(FLEET)


def rotating(world: World, folder: Path, *logins: str) -> GitHubSettings:
    files = []
    for login in logins:
        file = folder / f"token-{login}"
        file.write_text(world.tokens[login], encoding="utf-8")
        files.append(file)
    return GitHubSettings(
        api_url=world.standin.api_url,
        html_url=world.standin.html_url,
        token_file=files[0],
        more_token_files=tuple(files[1:]),
    )


async def test_reads_go_to_the_other_token_before_the_limit_is_reached_and_writes_stay(
    world: World, tmp_path: Path
) -> None:
    made = await world.pull_request("feature", {"app.yaml": "a: 2\n"})
    for login in ("gitops-bot", "reviewer"):
        await world.control("limits", login=login, limit=40)
    async with opened(rotating(world, tmp_path, "bot", "reviewer")) as door:
        for _ in range(60):
            await door.pull_request(FLEET, made["number"])
        path = f"/pulls/{made['number']}"
        users = [request["login"] for request in world.standin.requests if request["path"].endswith(path)]
        assert 25 <= users.count("gitops-bot") <= 35
        assert 25 <= users.count("reviewer") <= 35
        await door.create_comment(FLEET, made["number"], "hello")
        assert await door.own_login() == "gitops-bot"
        left = 0
        with pytest.raises(GitHubRateLimited):  # noqa: PT012 # which of the requests it is depends on what the others cost
            while left < 60:
                await door.pull_request(FLEET, made["number"])
                left += 1
    (found,) = await world.get(f"/issues/{made['number']}/comments", login="admin")
    assert found["user"]["login"] == "gitops-bot"


async def test_a_look_follows_the_token_that_owns_the_etag(world: World, tmp_path: Path) -> None:
    made = await world.pull_request("feature", {"app.yaml": "a: 2\n"})
    async with opened(rotating(world, tmp_path, "bot", "reviewer")) as door:
        await settled(door)
        spent = sum(world.standin.counters(login)["cost"] for login in ("gitops-bot", "reviewer"))
        for _ in range(10):
            assert (await door.open_pull_requests(FLEET)).unchanged
        assert sum(world.standin.counters(login)["cost"] for login in ("gitops-bot", "reviewer")) == spent
        # Other reads go wherever most is left; the looks stay free.
        for _ in range(6):
            await door.pull_request(FLEET, made["number"])
            assert (await door.open_pull_requests(FLEET)).unchanged


async def test_a_token_file_that_is_replaced_counts_at_once(world: World, tmp_path: Path) -> None:
    made = await world.pull_request("feature", {"app.yaml": "a: 2\n"})
    settings = rotating(world, tmp_path, "bot")
    async with opened(settings) as door:
        (tmp_path / "token-bot").write_text("ghp_wrong0123456789", encoding="utf-8")
        with pytest.raises(GitHubRefused, match="401"):
            await door.pull_request(FLEET, made["number"])
        (tmp_path / "token-bot").write_text(world.tokens["reviewer"], encoding="utf-8")
        assert await door.own_login() == "reviewer"
