"""The inbox page of the Slack stand-in in a real browser, on a desk and on a phone."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from browser import DESK, PHONE, overflow, quiet_page
from playwright.async_api import Browser, Page, expect
from slack_world import App, actions, bot_client, button, connected, control, running_slack, section

from gitops_bot.sandbox.slack import SlackStandIn

pytestmark = [pytest.mark.page, pytest.mark.asyncio(loop_scope="session")]


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def option(text: str) -> dict[str, Any]:
    return {"text": plain(text), "value": text.lower()}


CONFIRM = {
    "title": plain("Approve?"),
    "text": plain("It deletes a volume."),
    "confirm": plain("Yes"),
    "deny": plain("No"),
}
LONG = "registry.example.org/team/" + "a-very-long-image-name-" * 6
DIFF = "".join(f"{'+-'[line % 2]} line {line} {LONG}\n" for line in range(30))
REPORT = [
    {"type": "header", "text": plain("fleet#41 Raise replicas <b>of</b> checkout")},
    {"type": "context", "elements": [plain("in production"), {"type": "mrkdwn", "text": f"`{LONG}`"}]},
    section(f"*2 changes* and <https://example.com|a link>\n> quoted &lt;script&gt; ~old~\n```code {LONG}```"),
    {"type": "section", "fields": [plain("Verdict\nchanges"), plain("Risk\nhigh")]},
    {
        "type": "rich_text",
        "elements": [
            {
                "type": "rich_text_preformatted",
                "elements": [{"type": "text", "text": f"- image: {LONG}\n+ image: new"}],
            },
            {
                "type": "rich_text_list",
                "style": "bullet",
                "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "delete Service"}]}],
            },
        ],
    },
    {"type": "markdown", "text": "### Heading\n- *one*\n\n| a | b |\n|---|---|\n| 1 | 2 |"},
    {"type": "table", "rows": [[{"type": "raw_text", "text": f"column {n} of this wide table"} for n in range(6)]] * 2},
    {"type": "divider"},
    actions(
        button("comment"),
        button("approve", style="primary", confirm=CONFIRM),
        button("reject", style="danger"),
        {
            "type": "static_select",
            "action_id": "menu",
            "placeholder": plain("Choose"),
            "options": [option("A"), option("B")],
        },
        {"type": "overflow", "action_id": "more", "options": [option("First"), option("Second")]},
        {"type": "datepicker", "action_id": "day"},
    ),
]
DIALOG = {
    "type": "modal",
    "title": plain("Request changes"),
    "submit": plain("Send"),
    "blocks": [
        {
            "type": "input",
            "block_id": "reason",
            "label": plain("Reason"),
            "element": {"type": "plain_text_input", "action_id": "text", "multiline": True},
        },
        {
            "type": "input",
            "block_id": "also",
            "optional": True,
            "label": plain("Also"),
            "element": {"type": "checkboxes", "action_id": "boxes", "options": [option("Hold"), option("Tell")]},
        },
    ],
}


class World:
    """A channel with a report, two people, and an app that does something at each press."""

    def __init__(self, slack: SlackStandIn) -> None:
        self.slack = slack
        self.channel = slack.create_channel("deployments")
        slack.create_channel("with-partner", shared="external")
        self.alice = slack.create_user("alice", real_name="Alice Archer")
        self.bob = slack.create_user("bob", real_name="Bob Builder", kind="guest")
        self.report = ""
        self.app: App | None = None

    async def begin(self, app: App) -> None:
        self.app = app
        app.afterwards = self.respond
        web = bot_client(self.slack)
        await web.chat_postMessage(channel=self.channel, text="Watching *1 repository*")
        self.report = (await web.chat_postMessage(channel=self.channel, text="x", blocks=REPORT))["ts"]
        await web.files_upload_v2(channel=self.channel, thread_ts=self.report, filename="full.diff", content=DIFF)

    async def respond(self, request: Any) -> None:
        web = bot_client(self.slack)
        payload = request.payload
        user = payload["user"]["id"]
        action = payload["actions"][0]["action_id"] if "actions" in payload else payload["type"]
        if action == "comment":
            await web.chat_postEphemeral(channel=self.channel, user=user, text="Posted as a comment.")
        elif action == "reject":
            await web.views_open(trigger_id=payload["trigger_id"], view=DIALOG)
        elif action == "approve":
            note = {"type": "context", "elements": [{"type": "mrkdwn", "text": f"Approved by <@{user}>"}]}
            await web.chat_update(channel=self.channel, ts=self.report, text="x", blocks=[*REPORT[:-1], note])

    def chosen(self) -> Any:
        """The last thing that the app was told was chosen."""
        assert self.app is not None
        return self.app.requests[-1].payload["actions"][0]


@pytest_asyncio.fixture(loop_scope="session")
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with running_slack(tmp_path) as slack:
        world = World(slack)
        async with connected(slack) as app:
            await world.begin(app)
            yield world


@pytest_asyncio.fixture(loop_scope="session", params=[DESK, PHONE], ids=["desk", "phone"])
async def page(request: pytest.FixtureRequest, browser: Browser, world: World) -> AsyncIterator[Page]:
    async with quiet_page(browser, world.slack.inbox_url, request.param) as page:
        await expect(page.locator("article.message")).to_have_count(2)
        yield page


def press(page: Page, action_id: str) -> Any:
    return page.locator(f"main [data-action={action_id}] button").first.click()


async def test_a_press_brings_an_answer_that_only_this_person_sees(page: Page, world: World) -> None:
    await press(page, "comment")
    note = page.locator("article.ephemeral")
    await expect(note).to_contain_text("Only visible to you")
    await expect(note).to_contain_text("Posted as a comment.")
    assert world.chosen()["action_id"] == "comment"


async def test_a_dangerous_press_asks_first_and_its_result_appears(page: Page, world: World) -> None:
    await press(page, "approve")
    await expect(page.locator(".dialog")).to_contain_text("It deletes a volume.")
    await page.get_by_role("button", name="No", exact=True).click()
    assert world.app is not None
    assert world.app.requests == []
    await press(page, "approve")
    await page.get_by_role("button", name="Yes").click()
    await expect(page.locator("main")).to_contain_text("Approved by @Alice Archer")
    await expect(page.locator("main [data-action=approve]")).to_have_count(0)


async def test_menus_overflow_and_dates_are_chosen(page: Page, world: World) -> None:
    assert world.app is not None
    await page.locator("main [data-action=menu] select").select_option("b")
    await expect(page.locator("main [data-action=menu] select:not(.busy)")).to_be_visible()
    assert world.chosen()["selected_option"]["value"] == "b"
    await press(page, "more")
    await page.get_by_role("menuitem", name="Second").click()
    await expect(page.locator("main [data-action=more] button:not(.busy)").first).to_be_visible()
    assert world.chosen()["selected_option"]["value"] == "second"
    await page.locator("main [data-action=day] input").fill("2026-05-05")
    await expect(page.locator("main [data-action=day] input:not(.busy)")).to_be_visible()
    assert world.chosen()["selected_date"] == "2026-05-05"


async def test_a_dialog_is_checked_filled_in_and_sent(page: Page, world: World) -> None:
    await press(page, "reject")
    await page.locator(".dialog .submit").click()
    await expect(page.locator(".dialog .error:visible")).to_have_text("Please complete this required field.")
    await page.get_by_label("Reason").fill("too risky")
    await page.get_by_label("Hold").check()
    await page.locator(".dialog .submit").click()
    await expect(page.locator(".dialog")).to_have_count(0)
    assert world.app is not None
    values = world.app.requests[-1].payload["view"]["state"]["values"]
    assert values["reason"]["text"]["value"] == "too risky"
    assert [one["value"] for one in values["also"]["boxes"]["selected_options"]] == ["hold"]


async def test_a_press_that_nobody_takes_shows_a_warning_sign(page: Page, world: World) -> None:
    assert world.app is not None
    await control(world.slack, "sockets", {"ack_deadline": 0.1})
    world.app.acknowledges = False
    world.app.afterwards = None
    await press(page, "comment")
    await expect(page.locator("main [data-action=comment] .warn-sign")).to_be_visible()
    await control(world.slack, "sockets", {"ack_deadline": 3})
    world.app.acknowledges = True
    await press(page, "comment")
    await expect(page.locator("main [data-action=comment] .warn-sign")).to_have_count(0)


async def test_threads_show_replies_and_files(page: Page, world: World) -> None:
    await page.locator(".thread-link").click()
    thread = page.locator("aside.thread")
    await expect(thread.locator(".file")).to_contain_text("full.diff")
    await expect(thread.locator(".preview .line.added").first).to_contain_text("line 0")
    await thread.locator(".more").click()
    await expect(thread.locator(".preview .line")).to_have_count(30)
    await thread.locator("textarea").fill("looks good")
    await thread.locator("textarea").press("Enter")
    await expect(thread.locator("article.message").last).to_contain_text("looks good")
    assert await overflow(page) == []
    replies = (await bot_client(world.slack).conversations_replies(channel=world.channel, ts=world.report))["messages"]
    assert [one["text"] for one in replies][-1] == "looks good"
    async with page.expect_download() as started:
        await thread.get_by_label("Download full.diff").click()
    assert (await (await started.value).path()).read_text() == DIFF


async def test_nothing_is_wider_than_the_window(page: Page) -> None:
    await expect(page.locator("main [data-action=approve]")).to_be_visible()
    assert await overflow(page) == []
    await press(page, "reject")
    await expect(page.locator(".dialog")).to_be_visible()
    assert await overflow(page) == []


async def test_foreign_text_stays_text(page: Page, world: World) -> None:
    nasty = '<img src=x onerror="document.title=1"> <script>document.title=1</script> javascript:alert(1)'
    web = bot_client(world.slack)
    await web.chat_postMessage(
        channel=world.channel,
        text="x",
        blocks=[
            {"type": "header", "text": plain(nasty)},
            section(f"{nasty} <javascript:alert(1)|press me>"),
            {"type": "markdown", "text": f"{nasty} [press me](javascript:alert(1))"},
            {"type": "image", "image_url": "javascript:alert(1)", "alt_text": nasty},
        ],
    )
    last = page.locator("article.message").last
    await expect(last.locator("h2")).to_have_text(nasty)
    assert await page.locator(".block script, .block img[src^=javascript], a[href^=javascript]").count() == 0
    assert await page.title() == "#deployments · Sandbox"


async def test_another_person_sees_their_own_side(browser: Browser, world: World) -> None:
    await bot_client(world.slack).chat_postEphemeral(channel=world.channel, user=world.bob, text="for Bob alone")
    async with quiet_page(browser, world.slack.inbox_url, PHONE) as page:
        await expect(page.locator("article.message")).to_have_count(2)
        await page.get_by_label("Show the channels").click()
        await page.get_by_label("Who you are").select_option(label="Bob Builder (guest)")
        await page.locator(".channel-link").first.click()
        await expect(page.locator("article.ephemeral")).to_contain_text("for Bob alone")
        await press(page, "comment")
        await expect(page.locator("article.ephemeral").last).to_contain_text("Posted as a comment.")
        assert world.app is not None
        assert world.app.requests[-1].payload["user"]["id"] == world.bob


async def test_commands_and_messages_are_typed(browser: Browser, world: World) -> None:
    assert world.app is not None
    world.app.answer = lambda request: (
        {"text": f"ran {request.payload['text']}"} if "command" in request.payload else None
    )
    async with quiet_page(browser, world.slack.inbox_url, DESK) as page:
        area = page.locator("main textarea")
        await area.fill("/flux get all")
        await area.press("Enter")
        await expect(page.locator("article.ephemeral")).to_contain_text("ran get all")
        await area.fill("hello *all* & <everybody>")
        await area.press("Enter")
        last = page.locator("article.message").last
        await expect(last).to_contain_text("hello all & <everybody>")
        await expect(last.locator("strong").last).to_have_text("all")


async def test_a_link_to_a_message_leads_to_it(browser: Browser, world: World) -> None:
    web = bot_client(world.slack)
    link = (await web.chat_getPermalink(channel=world.channel, message_ts=world.report))["permalink"]
    async with quiet_page(browser, link, DESK) as page:
        await expect(page.locator("article.pointed-at")).to_have_attribute("data-ts", world.report)
