"""Whose GitHub account is whose: lists, and single sign-on where it is allowed. The whole service."""

from pathlib import Path

from click_world import ClickWorld, click_world

SAML = "decisions: {people_from_saml: true}\n"


def sign_on(world: ClickWorld, *identities: tuple[str, str]) -> None:
    """The organisation knows these addresses and accounts, and the bot may ask."""
    world.github.standin.state.single_sign_on["acme"] = (list(identities), {"gitops-bot"})
    world.slack.workspace.scopes += ("users:read.email",)
    world.slack.workspace.users[world.users["nobody"]].email = "Robin@Acme.example"


async def pressed(world: ClickWorld, branch: str) -> tuple[str, str]:
    """Let the person whom no list has approve; gives what was written down."""
    stored = await world.reported(branch)
    await world.pressed(stored, "approve", "nobody")
    [decision] = await world.decisions(stored)
    return decision.outcome, decision.github_login


async def test_the_file_is_read_at_every_click(tmp_path: Path) -> None:
    file = tmp_path / "people.yaml"
    file.write_text("")
    async with click_world(tmp_path, f"people_file: {file}\n") as world:
        assert await pressed(world, "before") == ("refused", "")
        file.write_text(f"{world.users['nobody']}: reviewer\n")
        assert await pressed(world, "after") == ("done", "reviewer")
        file.write_text("broken: [")
        stored = await world.reported("broken")
        posted = await world.message(stored.report.pull_request)
        assert "approve" not in world.buttons(posted)


async def test_single_sign_on_says_whose_account_it_is(tmp_path: Path) -> None:
    async with click_world(tmp_path, SAML) as world:
        sign_on(world, ("Robin@Acme.example", "reviewer"), ("else@acme.example", "admin"))
        assert await pressed(world, "known") == ("done", "reviewer")


async def test_two_accounts_with_one_address_are_nobody(tmp_path: Path) -> None:
    async with click_world(tmp_path, SAML) as world:
        sign_on(world, ("Robin@Acme.example", "reviewer"), ("Robin@Acme.example", "admin"))
        assert await pressed(world, "two") == ("refused", "")


async def test_without_the_right_to_ask_nobody_is_known(tmp_path: Path) -> None:
    async with click_world(tmp_path, SAML) as world:
        sign_on(world, ("Robin@Acme.example", "reviewer"))
        world.github.standin.state.single_sign_on["acme"][1].clear()
        assert await pressed(world, "no-right") == ("refused", "")
        world.github.standin.state.single_sign_on.clear()
        assert await pressed(world, "no-organisation") == ("refused", "")


async def test_single_sign_on_is_not_asked_unless_allowed(tmp_path: Path) -> None:
    async with click_world(tmp_path) as world:
        sign_on(world, ("Robin@Acme.example", "reviewer"))
        assert await pressed(world, "off") == ("refused", "")
