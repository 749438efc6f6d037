"""Approvals as oneself: ``/link``, by GitHub's device flow. The whole service."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from click_world import ClickWorld, click_world
from waiting import eventually, until

from gitops_bot.config import load_settings
from gitops_bot.errors import SettingsError, StoreError
from gitops_bot.journeys.withdraw_approval import withdraw_outdated_approvals
from gitops_bot.models.records import LinkedAccount
from gitops_bot.service import open_service
from gitops_bot.store import LinkedAccounts, open_store

KEY = "0123456789abcdef" * 4


@asynccontextmanager
async def linking_world(folder: Path) -> AsyncIterator[ClickWorld]:
    """A service in which linking is set up, with a GitHub that lets programs ask often."""
    key = folder / "oauth-key"
    key.write_text(KEY)
    async with click_world(folder, "", github_settings=f"oauth_client_id: Iv1.abc, oauth_key_file: {key}") as world:
        world.github.standin.device_flows.clients.add("Iv1.abc")
        world.github.standin.device_flows.interval = 0
        yield world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ClickWorld]:
    async with linking_world(tmp_path) as running:
        yield running


async def typed(world: ClickWorld, login: str, text: str = "") -> None:
    gesture = {"user": world.users[login], "channel": world.channel, "command": "/link", "text": text}
    answer = await world.slack.interactions.command(gesture)
    assert answer["acknowledged"], answer


async def code_for(world: ClickWorld, login: str) -> str:
    """Type the command, and give the code that the person alone is shown."""
    await typed(world, login)
    await until(lambda: world.heard(login), "the person is shown a code")
    found = re.search(r"/login/device and type ([A-Z]{4}-[A-Z]{4}) there", world.heard(login)[-1])
    assert found, world.heard(login)
    return found[1]


async def linked(world: ClickWorld, login: str, github_login: str = "") -> None:
    code = await code_for(world, login)
    world.github.standin.device_flows.agree(code, github_login or login)
    await until(lambda: len(world.heard(login)) > 1, "the person hears what came of it")


async def reviewers(world: ClickWorld, number: int) -> list[tuple[str, str]]:
    found = await world.github.get(f"/pulls/{number}/reviews")
    return [(review["user"]["login"], review["state"]) for review in found]


async def test_an_approval_is_the_persons_own_review(world: ClickWorld) -> None:
    await linked(world, "reviewer")
    assert "a review of your own, reviewer" in world.heard("reviewer")[-1]
    stored = await world.reported("own")
    number = stored.report.pull_request.number
    await world.pressed(stored, "approve", "reviewer")
    # Somebody who has linked nothing still approves by the bot.
    await world.pressed(stored, "approve", "admin")
    assert await reviewers(world, number) == [("reviewer", "APPROVED"), ("gitops-bot", "APPROVED")]
    await world.github.push("own", {"own.yaml": "a: 2\n"})
    await world.report_on(number)
    await withdraw_outdated_approvals(world.doors)
    assert await reviewers(world, number) == [("reviewer", "DISMISSED"), ("gitops-bot", "DISMISSED")]


async def test_who_is_in_no_list_may_link(world: ClickWorld) -> None:
    world.github.standin.create_user("newcomer")
    world.github.standin.grant("acme", "fleet", "newcomer", "write")
    await linked(world, "nobody", "newcomer")
    stored = await world.reported("new")
    await world.pressed(stored, "approve", "nobody")
    assert await reviewers(world, stored.report.pull_request.number) == [("newcomer", "APPROVED")]
    # A link proves who somebody is, and gives no right.
    world.github.standin.grant("acme", "fleet", "newcomer", "read")
    again = await world.reported("again")
    await world.pressed(again, "approve", "nobody")
    assert "permission 'read'" in world.heard("nobody")[-1]


async def test_what_administrators_wrote_counts_more(world: ClickWorld) -> None:
    await linked(world, "reviewer", "admin")
    assert "An administrator has written down that your GitHub account is reviewer" in world.heard("reviewer")[-1]
    assert world.doors.links is not None
    assert await world.doors.links.of(world.users["reviewer"]) is None


async def test_the_author_is_the_author_under_whatever_account(world: ClickWorld) -> None:
    stored = await world.reported("mine")
    assert world.doors.links is not None
    await world.doors.links.save(world.users["nobody"], LinkedAccount("author", 7, "gho_whatever"))
    await world.pressed(stored, "approve", "nobody")
    assert "are the author" in world.heard("nobody")[-1]


async def test_who_types_in_a_code_that_another_one_asked_for_gives_nothing_away(world: ClickWorld) -> None:
    """The device flow's weakness: a code works for whoever asked for it, not for whoever types it in."""
    await linked(world, "nobody", "admin")
    assert "admin belongs to somebody else: nothing was kept" in world.heard("nobody")[-1]
    assert world.doors.links is not None
    assert await world.doors.links.of(world.users["nobody"]) is None


async def test_unlinked_is_the_bot_again(world: ClickWorld) -> None:
    await linked(world, "reviewer")
    await typed(world, "reviewer", "off")
    await until(lambda: "Unlinked" in world.heard("reviewer")[-1], "the person hears that it is over")
    stored = await world.reported("off")
    await world.pressed(stored, "approve", "reviewer")
    assert await reviewers(world, stored.report.pull_request.number) == [("gitops-bot", "APPROVED")]


async def test_who_says_no_is_not_linked(world: ClickWorld) -> None:
    code = await code_for(world, "reviewer")
    world.github.standin.device_flows.deny(code)
    await until(lambda: len(world.heard("reviewer")) > 1, "the person hears what came of it")
    assert "access_denied" in world.heard("reviewer")[-1]


async def test_guests_link_nothing(world: ClickWorld) -> None:
    world.slack.workspace.users[world.users["reviewer"]].kind = "guest"
    await typed(world, "reviewer")
    await until(lambda: world.heard("reviewer"), "the person hears why not")
    assert "You are a guest" in world.heard("reviewer")[-1]


async def test_a_revoked_token_is_told(world: ClickWorld) -> None:
    await linked(world, "reviewer")
    state = world.github.standin.state
    for value in [value for value, one in state.tokens.items() if value.startswith("gho_") and one.login == "reviewer"]:
        del state.tokens[value]
    stored = await world.reported("revoked")
    await world.pressed(stored, "approve", "reviewer")
    assert "type /link again" in world.heard("reviewer")[-1]
    assert await reviewers(world, stored.report.pull_request.number) == []


async def test_an_approval_is_withdrawn_although_its_owner_took_the_token_back(world: ClickWorld) -> None:
    await linked(world, "reviewer")
    stored = await world.reported("kept")
    number = stored.report.pull_request.number
    await world.pressed(stored, "approve", "reviewer")
    assert await reviewers(world, number) == [("reviewer", "APPROVED")]
    state = world.github.standin.state
    for value in [value for value, one in state.tokens.items() if value.startswith("gho_")]:
        del state.tokens[value]
    await world.github.push("kept", {"kept.yaml": "a: 2\n"})
    await world.report_on(number)
    await withdraw_outdated_approvals(world.doors)
    assert await reviewers(world, number) == [("reviewer", "DISMISSED")]


async def test_no_token_lies_in_clear_anywhere(world: ClickWorld, tmp_path: Path) -> None:
    await linked(world, "reviewer")
    tokens = [value for value in world.github.standin.state.tokens if value.startswith("gho_")]
    assert len(tokens) == 1

    async def kept() -> bool:
        assert world.doors.links is not None
        account = await world.doors.links.of(world.users["reviewer"])
        return account is not None and account.token == tokens[0] and tokens[0] not in repr(account)

    await eventually(kept, "the account is kept")
    everything = b"".join(file.read_bytes() for file in (tmp_path / "bot").rglob("*") if file.is_file())
    assert b"linked account" in everything
    assert tokens[0].encode() not in everything


async def test_it_has_to_be_set_up(tmp_path: Path) -> None:
    async with click_world(tmp_path) as world:
        await typed(world, "reviewer")
        await until(lambda: world.heard("reviewer"), "the person hears why not")
        assert "not set up" in world.heard("reviewer")[-1]


async def test_a_missing_key_is_refused_at_the_start(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(
        "clusters: [{name: production}]\ngithub: {oauth_client_id: Iv1.abc}\n"
        f"slack: {{channel: C0123456789}}\nstore: {{folder: {tmp_path}}}\n"
    )
    with pytest.raises(SettingsError):
        async with open_service(load_settings(file)):
            pass


async def test_another_key_and_another_row_open_nothing(tmp_path: Path) -> None:
    store = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'links.sqlite'}")
    try:
        links = LinkedAccounts(store, lambda: KEY)
        await links.save("U1", LinkedAccount("alice", 7, "gho_secret"))
        assert await links.of("U1") == LinkedAccount("alice", 7, "gho_secret")
        with pytest.raises(StoreError, match="another key"):
            await LinkedAccounts(store, KEY.swapcase).of("U1")
        with pytest.raises(StoreError, match="shorter than 32"):
            await LinkedAccounts(store, lambda: "short").of("U1")
        await store.keep("linked account of U2", await store.keepsake("linked account of U1"))
        with pytest.raises(StoreError, match="somebody else"):
            await links.of("U2")
        assert await links.forget("U1")
        assert not await links.forget("U1")
        assert await links.of("U1") is None
    finally:
        await store.close()


async def test_the_stand_in_has_a_page_for_the_code(world: ClickWorld) -> None:
    code = await code_for(world, "reviewer")
    client = world.github.api("")
    address = f"{world.github.standin.html_url}/login/device"
    assert "<option>reviewer</option>" in (await client.get(address)).text
    assert (await client.post(address, data={"code": "none", "login": "reviewer"})).status_code == 404
    assert (await client.post(address, data={"code": code, "login": "reviewer"})).is_success
    await until(lambda: len(world.heard("reviewer")) > 1, "the person hears what came of it")
    assert "a review of your own" in world.heard("reviewer")[-1]
