"""What two people can do with a pull request, in a real browser, with the whole service behind it: as in the demo."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from browser import DESK, PHONE, overflow, quiet_page
from click_world import ClickWorld, click_world
from playwright.async_api import Browser, Page, expect

from gitops_bot.models.reports import Finding, Severity

pytestmark = [pytest.mark.page, pytest.mark.asyncio(loop_scope="session")]

GRAVE = (Finding("data-loss", Severity.CRITICAL, "The volume goes with it.", risk=True),)


@pytest_asyncio.fixture(loop_scope="session")
async def world(tmp_path: Path) -> AsyncIterator[ClickWorld]:
    buttons = "buttons: [{label: Plan it, command: 'plan {number}'}]\n"
    async with click_world(tmp_path, "decisions: {merge: squash}\n" + buttons) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session", params=[DESK, PHONE], ids=["desk", "phone"])
async def page(request: pytest.FixtureRequest, browser: Browser, world: ClickWorld) -> AsyncIterator[Page]:
    async with quiet_page(browser, world.slack.inbox_url, request.param) as page:
        yield page


async def be(page: Page, login: str) -> None:
    """Choose who clicks."""
    channels = page.get_by_label("Show the channels")
    if await channels.is_visible():
        await channels.click()
    await page.get_by_label("Who you are").select_option(label=login)
    await page.locator(".channel-link").first.click()


async def press(page: Page, action_id: str) -> None:
    await page.locator(f"main [data-action={action_id}] button").first.click()


async def choose(page: Page, entry: str) -> None:
    """Choose an entry of the menu behind the three dots."""
    await press(page, "more")
    await page.get_by_role("menuitem", name=entry).click()


async def test_two_people_decide(page: Page, world: ClickWorld) -> None:
    stored = await world.reported("decided", findings=GRAVE)
    main, dialog = page.locator("main"), page.locator(".dialog")

    await be(page, "reviewer")
    await choose(page, "Request changes")
    await dialog.get_by_role("textbox").fill("Keep two replicas.")
    await dialog.locator(".submit").click()
    await expect(main).to_contain_text("Changes requested")
    await choose(page, "Hold")
    await expect(main).to_contain_text("On hold")
    await expect(main.locator("[data-action=approve]")).to_have_count(0)
    assert await overflow(page) == []

    await be(page, "admin")
    await choose(page, "Release")
    await expect(main).not_to_contain_text("On hold by")
    await press(page, "comment")
    await expect(main).to_contain_text("comment by @admin")
    await press(page, "approve")
    await expect(dialog).to_contain_text("reviewer has asked for changes")
    await dialog.get_by_role("button", name="Close").first.click()

    await be(page, "reviewer")
    await press(page, "approve")
    await expect(dialog).to_contain_text("The volume goes with it.")
    assert await overflow(page) == []
    await dialog.locator(".submit").click()
    await expect(main).to_contain_text("✅ Approved")

    await be(page, "author")
    await press(page, "approve")
    await expect(dialog).to_contain_text("are the author")
    await expect(dialog.locator(".submit")).to_have_count(0)
    await dialog.get_by_role("button", name="Close").first.click()
    await choose(page, "Merge")
    await dialog.locator(".submit").click()
    await expect(main).to_contain_text("🟣 Merged")
    assert [(one.action, one.outcome, one.github_login) for one in await world.decisions(stored)] == [
        ("request_changes", "done", "reviewer"),
        ("hold", "done", "reviewer"),
        ("release", "done", "admin"),
        ("comment", "done", "admin"),
        ("approve", "refused", "admin"),
        ("approve", "done", "reviewer"),
        ("approve", "refused", "author"),
        ("merge", "done", "author"),
    ]


async def test_own_buttons_and_commands(page: Page, world: ClickWorld) -> None:
    stored = await world.reported("own")
    number = stored.report.pull_request.number
    await be(page, "reviewer")
    await page.get_by_role("button", name="Plan it").click()
    await page.locator(".thread-link").click()
    await expect(page.locator("aside.thread")).to_contain_text(f"plan {number}")
