"""Make the pictures of docs/report.md and docs/llm.md anew, from one report, in the places that show it.

    .venv/bin/python tests/support/pictures.py

Needs chromium, and a font with emoji.
"""

import asyncio
import io
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import sample_reports as samples
from browser import PHONE, chromium
from github_world import REPOSITORY, World
from playwright.async_api import Browser, Page
from rich.console import Console
from rich.terminal_theme import SVG_EXPORT_THEME
from slack_world import bot_client, running_slack

from gitops_bot.models.changes import Origin
from gitops_bot.models.kustomizations import ObjectReference
from gitops_bot.models.opinions import (
    Asking,
    Diagnosis,
    Judgement,
    Opinion,
    OpinionFinding,
    Reply,
    ReviewAnswer,
    Usage,
    Votes,
)
from gitops_bot.models.reports import ClusterReport, Hidden, Report, Severity, Verdict
from gitops_bot.rules.decisions import Action
from gitops_bot.views.github_comment import comment
from gitops_bot.views.html_report import html_report
from gitops_bot.views.replies import diagnosis_message
from gitops_bot.views.slack_message import review_message
from gitops_bot.views.terminal import terminal_report

IMAGES = Path(__file__).parents[2] / "docs" / "images"
_DESK = {"width": 1180, "height": 1000}
_TERMINAL = """<!doctype html><meta charset="utf-8"><style>{stylesheet}
body {{ margin: 0; background: {background}; color: {foreground}; }}
pre {{ margin: 0; padding: 20px 24px; font: 14px/1.35 "DejaVu Sans Mono", monospace; display: inline-block; }}</style>
<pre><code style="font-family: inherit">{code}</code></pre>"""


def report() -> Report:
    """Give a pull request as they come: one thing to look at closely, drift, and the same bump in many places."""
    service = ObjectReference("Service", "apps", "web")
    risk = samples.risk(
        "service-type",
        Severity.WARNING,
        service,
        "is reachable from outside the cluster: type ClusterIP -> LoadBalancer",
        "Make sure that everybody may reach it.",
    )
    shop = samples.shop_row()
    exposed = samples.changed("Service", "web", samples.field_change("spec.type", "ClusterIP", "LoadBalancer"))
    drifted = samples.changed(
        "Deployment", "worker", samples.field_change("spec.replicas", "6", "4", Origin.DRIFT), origin=Origin.DRIFT
    )
    shop = replace(
        shop,
        changes=(*shop.changes[:-1], exposed, drifted),
        findings=(risk,),
        hidden=(Hidden("noise.kinds[0]", objects=1),),
    )
    proxies = samples.shared_base_report(9).clusters[0].rows
    cluster = ClusterReport("production", Verdict.CHANGES, (shop, *proxies))
    return samples.report(cluster, pull=samples.pull_request(title="Open the shop: three replicas, proxy 3.2"))


def opinion() -> Opinion:
    """Give what a model might say of that report."""
    found = (
        OpinionFinding(
            "Service/apps/web",
            "spec.type",
            Severity.CRITICAL,
            "The title says that the shop is opened, but nothing limits who may reach it.",
            "Set loadBalancerSourceRanges, or put an Ingress with authentication before it.",
        ),
        OpinionFinding(
            "Deployment/apps/web",
            "spec.replicas",
            Severity.WARNING,
            "Three replicas without a PodDisruptionBudget for the new nodes may leave together.",
            "Add a topology spread constraint.",
        ),
        OpinionFinding(
            "Deployment/apps/web",
            "spec.template.spec.containers[0].image",
            Severity.INFO,
            "The version goes up by a minor release; its notes are not part of this change.",
        ),
    )
    said = (
        "The shop becomes reachable from everywhere, which the description does not say. "
        "The rest is a routine update of the proxy in nine places."
    )
    answer = ReviewAnswer(said, Judgement.BLOCK, found)
    usage = Usage(1, 6_120, 410, 0.0023)
    return Opinion(
        "acme/fleet#7", "d", datetime.now(UTC), answer, model="gpt-5-mini", usage=usage, seconds=6.4, dropped=1
    )


@asynccontextmanager
async def opened(browser: Browser, url: str, viewport: dict[str, int], *, scale: float = 1) -> AsyncIterator[Page]:
    context = await browser.new_context(viewport=viewport, device_scale_factor=scale)  # type: ignore[arg-type]  # its stubs want a TypedDict
    page = await context.new_page()
    await page.goto(url)
    await page.wait_for_load_state("networkidle")
    yield page
    await context.close()


async def slack(browser: Browser, folder: Path) -> None:
    async with running_slack(folder) as standin:
        channel = standin.create_channel("deployments")
        standin.create_user("octocat")
        actions = (Action.APPROVE, Action.COMMENT, Action.VIEW, Action.REQUEST_CHANGES)
        message, files = review_message(report(), key="k", report_id="r", actions=actions)
        client = bot_client(standin)
        posted = await client.chat_postMessage(channel=channel, text=message.text, blocks=list(message.blocks))
        for file in files:
            await client.files_upload_v2(
                channel=channel, thread_ts=posted["ts"], filename=file.name, title=file.title, content=file.content
            )
        for name, viewport, scale in (("phone", {**PHONE, "height": 1_160}, 1.5), ("desktop", _DESK, 1)):
            async with opened(browser, standin.inbox_url, viewport, scale=scale) as page:
                top = page.locator(".message").first
                await top.evaluate("node => node.scrollIntoView({block: 'start'})")
                await page.screenshot(path=IMAGES / f"report-slack-{name}.png")
        said, _ = review_message(
            report(), key="k", report_id="r", actions=actions, opinion=opinion(), votes=Votes(useful=2)
        )
        await client.chat_update(channel=channel, ts=posted["ts"], text=said.text, blocks=list(said.blocks))
        for name, viewport, scale in (("phone", {**PHONE, "height": 1_160}, 1.5), ("desktop", _DESK, 1)):
            async with opened(browser, standin.inbox_url, viewport, scale=scale) as page:
                low = page.locator(".message button", has_text="Approve").first
                await low.evaluate("node => node.scrollIntoView({block: 'end'})")
                await page.screenshot(path=IMAGES / f"opinion-slack-{name}.png")


def diagnosis() -> Reply:
    """Give what a model might say of the report that the API server refuses."""
    said = Diagnosis(
        "The API server refuses Deployment/apps/web: the pull request changes its selector, and that is immutable.",
        "spec.selector.matchLabels.app goes from web to shop. A Deployment keeps the selector that it was made with.",
        "1. Leave spec.selector as it is, and add the new label to the pods beside the old one.\n"
        "2. Or make a second Deployment with the new selector, move the traffic, then delete the first one.",
    )
    usage = Usage(1, 2_310, 240, 0.0011)
    at = datetime.now(UTC)
    return Reply(Asking.DIAGNOSE, "acme/fleet#9", "d", at, said, model="gpt-5-mini", usage=usage, seconds=4.2)


async def thread(browser: Browser, folder: Path) -> None:
    async with running_slack(folder) as standin:
        channel = standin.create_channel("deployments")
        standin.create_user("octocat")
        refused = samples.blocked_report()
        actions = (Action.DIAGNOSE, Action.COMMENT, Action.VIEW, Action.REQUEST_CHANGES)
        message, _ = review_message(refused, key="k", report_id="r", actions=actions)
        said = diagnosis_message(diagnosis(), refused.pull_request, key="d")
        client = bot_client(standin)
        posted = await client.chat_postMessage(channel=channel, text=message.text, blocks=list(message.blocks))
        await client.chat_postMessage(channel=channel, thread_ts=posted["ts"], text=said.text, blocks=list(said.blocks))
        for name, viewport, scale in (("phone", {**PHONE, "height": 1_300}, 1.5), ("desktop", _DESK, 1)):
            async with opened(browser, standin.inbox_url, viewport, scale=scale) as page:
                await page.get_by_text("1 reply").first.click()
                await page.get_by_text("What to do").first.wait_for()
                await page.screenshot(path=IMAGES / f"diagnosis-slack-{name}.png")


async def github(browser: Browser, folder: Path) -> None:
    world = World(folder)
    await world.start()
    await world.pull_request("open-the-shop", {"app.yaml": "a: 2\n"}, title=report().pull_request.title, body="Cut.")
    body = comment(report(), marker="<!-- m -->")
    made = await world.api().post(f"{REPOSITORY}/issues/1/comments", json={"body": body})
    async with opened(browser, f"{world.standin.html_url}/acme/fleet/pull/1", _DESK) as page:
        await page.locator("article.said").nth(1).screenshot(path=IMAGES / "report-comment.png")
    body = comment(report(), marker="<!-- m -->", opinion=opinion())
    await world.api().patch(f"{REPOSITORY}/issues/comments/{made.json()['id']}", json={"body": body})
    async with opened(browser, f"{world.standin.html_url}/acme/fleet/pull/1", _DESK) as page:
        said = page.locator("article.said").nth(1).locator("details", has_text="opinion").first
        await said.locator("summary").click()
        await said.screenshot(path=IMAGES / "opinion-comment.png")
    await world.stop()


async def terminal(browser: Browser, folder: Path) -> None:
    console = Console(file=io.StringIO(), width=100, record=True, force_terminal=True, color_system="256")
    console.print("$ gitops-bot diff https://github.com/acme/fleet/pull/7", highlight=False)
    console.print(terminal_report(report()))
    file = folder / "terminal.html"
    file.write_text(console.export_html(theme=SVG_EXPORT_THEME, code_format=_TERMINAL), encoding="utf-8")
    async with opened(browser, f"file://{file}", _DESK) as page:
        await page.locator("pre").screenshot(path=IMAGES / "report-terminal.png")


async def page_of_the_thread(browser: Browser, folder: Path) -> None:
    file = folder / "report.html"
    file.write_text(html_report(report()), encoding="utf-8")
    async with opened(browser, f"file://{file}", _DESK) as page:
        await page.screenshot(path=IMAGES / "report-page.png")
    file.write_text(html_report(report(), opinion()), encoding="utf-8")
    async with opened(browser, f"file://{file}", {**PHONE, "height": 1_300}) as page:
        await page.locator("details.opinion > summary").click()
        await page.screenshot(path=IMAGES / "opinion-page.png")


async def main() -> None:
    """Make all of them."""
    with tempfile.TemporaryDirectory() as scratch:
        async with chromium() as browser:
            for place in (slack, thread, github, terminal, page_of_the_thread):
                folder = Path(scratch) / place.__name__
                folder.mkdir()
                await place(browser, folder)


if __name__ == "__main__":
    asyncio.run(main())
