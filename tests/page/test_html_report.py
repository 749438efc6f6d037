"""The page in the thread, in a real browser: on a desk and on a phone, light and dark, and with nobody to ask."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sample_reports as samples
from browser import DESK, PHONE, chromium, overflow
from playwright.async_api import Browser, Page, expect

from gitops_bot.models.opinions import Judgement, Opinion, OpinionFinding, ReviewAnswer
from gitops_bot.models.reports import Report, Severity
from gitops_bot.views.html_report import html_report

pytestmark = pytest.mark.page

LONG = "registry.example.org/team/" + "a-very-long-name-" * 12


def long_names() -> Report:
    """Every state, and names that are wider than any phone."""
    report = samples.every_state_report()
    wide = samples.row(
        LONG,
        samples.changed("ConfigMap", LONG, samples.field_change(f"data.{LONG}", LONG, f"{LONG}\n{LONG}")),
        notes=(LONG,),
        reason=LONG,
        path=LONG,
        findings=samples.blocked_report().clusters[0].rows[0].findings,
    )
    (cluster,) = report.clusters
    return replace(report, clusters=(replace(cluster, rows=(wide, *cluster.rows)),))


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as started:
        yield started


def opinion() -> Opinion:
    """What a model might say in words that are wider than any phone."""
    found = tuple(OpinionFinding(LONG, LONG, severity, LONG, LONG) for severity in Severity)
    answer = ReviewAnswer(LONG, Judgement.BLOCK, found)
    return Opinion("acme/fleet#7", "d", datetime.now(UTC), answer, model=LONG, missing=(LONG,), dropped=1)


async def opened(browser: Browser, report: Report, folder: Path, viewport: dict[str, int], **options: str) -> Page:
    file = folder / "report.html"
    file.write_text(html_report(report, opinion()), encoding="utf-8")
    context = await browser.new_context(viewport=viewport, **options)  # type: ignore[arg-type]  # its stubs want a TypedDict
    page = await context.new_page()
    asked: list[str] = []
    page.on("console", lambda said: asked.append(said.text))
    page.on("request", lambda sent: sent.url.startswith("file:") or asked.append(sent.url))
    await page.goto(f"file://{file}")
    assert asked == []
    return page


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("sample", ["long-names", "hostile", "destructive", "two-clusters"])
async def test_nothing_is_wider_than_the_window(
    browser: Browser, tmp_path: Path, viewport: dict[str, int], sample: str
) -> None:
    report = long_names() if sample == "long-names" else samples.SAMPLES[sample]()
    page = await opened(browser, report, tmp_path, viewport)
    await page.locator("details").evaluate_all("nodes => nodes.forEach(node => (node.open = true))")
    assert await overflow(page) == []
    cut = "nodes => nodes.filter(node => node.scrollWidth > node.clientWidth + 1).map(node => node.textContent)"
    assert await page.locator("pre, .diff span, .title").evaluate_all(cut) == []


async def test_an_opinion_is_folded_and_one_click_away(browser: Browser, tmp_path: Path) -> None:
    page = await opened(browser, samples.changes_report(), tmp_path, PHONE)
    finding = page.locator("details.opinion .finding").first
    await expect(finding).to_be_hidden()
    await page.locator("details.opinion > summary", has_text="A model's opinion").click()
    await expect(finding).to_be_visible()
    await expect(page.locator("details.opinion")).to_contain_text("It decides nothing")
    # It is no risk of the report's.
    assert await page.locator(".risks .finding").count() == 0


async def test_dark_is_dark_and_text_can_be_read(browser: Browser, tmp_path: Path) -> None:
    for scheme, dark in (("light", False), ("dark", True)):
        page = await opened(browser, samples.destructive_report(), tmp_path, DESK, color_scheme=scheme)
        for selector in ("body", ".added", ".removed", ".finding.critical", ".title", ".faint"):
            ratio, ground = await page.locator(selector).first.evaluate(_CONTRAST)
            assert ratio >= 4.5, (scheme, selector, ratio)
            assert (ground < 0.2) is dark, (scheme, selector, ground)


# Contrast of text to the ground behind it, and how light that is: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio
_CONTRAST = """node => {
  const parts = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = (color) => {
    const [r, g, b] = parts(color).slice(0, 3).map((v) => v / 255).map(
      (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  let around = node;
  while (around && (parts(getComputedStyle(around).backgroundColor)[3] ?? 1) === 0) around = around.parentElement;
  const ground = light(getComputedStyle(around).backgroundColor), ink = light(getComputedStyle(node).color);
  return [(Math.max(ground, ink) + 0.05) / (Math.min(ground, ink) + 0.05), ground];
}"""


async def test_a_link_opens_the_row_that_it_leads_to(browser: Browser, tmp_path: Path) -> None:
    page = await opened(browser, samples.large_report(40, 2), tmp_path, PHONE)
    row = page.locator("details.row", has_text="flux-system/team-39")
    await expect(row.get_by_text("service-01")).to_be_hidden()
    await page.get_by_role("link", name="flux-system/team-39").click()
    await expect(row.get_by_text("service-01")).to_be_visible()
    await expect(row.locator("summary").first).to_be_in_viewport()


async def test_the_unified_view_is_one_click_away(browser: Browser, tmp_path: Path) -> None:
    page = await opened(browser, samples.changes_report(), tmp_path, PHONE)
    hunk = page.get_by_text("@@ -6,7 +6,6 @@")
    await expect(hunk).to_be_hidden()
    await page.get_by_text("Before and after, in its place").click()
    await expect(hunk).to_be_visible()


async def test_what_is_the_same_is_told_once_and_there_to_open(browser: Browser, tmp_path: Path) -> None:
    page = await opened(browser, samples.shared_base_report(5), tmp_path, DESK)
    await expect(page.locator("details.row[open]")).to_have_count(1)
    await expect(page.get_by_text("the same as in flux-system/team-00")).to_have_count(8)
    await page.get_by_role("link", name="flux-system/team-03").click()
    await expect(page.get_by_text("± Deployment/team-03/proxy changes")).to_be_visible()
