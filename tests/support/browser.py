"""Debian's chromium, driven by playwright, and what every page must keep."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Browser, Page, async_playwright

# A phone's width that many people still have.
PHONE = {"width": 375, "height": 740}
DESK = {"width": 1280, "height": 860}
_FLAGS = (
    "--no-sandbox",  # tests may run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Start the browser."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        raise RuntimeError("chromium is needed for the page tests: install it, for example with the package chromium.")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=list(_FLAGS))
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def quiet_page(browser: Browser, url: str, viewport: dict[str, int], **options: Any) -> AsyncIterator[Page]:
    """Open a page; at the end it must have had no error, no warning, and no request to anybody else."""
    complaints: list[str] = []
    origin = url.split("/", 3)[2]
    context = await browser.new_context(viewport=viewport, **options)  # type: ignore[arg-type]  # its stubs want a TypedDict
    try:
        page = await context.new_page()
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on("console", lambda said: said.type in {"error", "warning"} and complaints.append(said.text))
        page.on("request", lambda sent: origin in sent.url or complaints.append(f"went to {sent.url}"))
        await page.goto(url)
        yield page
    finally:
        await context.close()
    assert complaints == []


async def overflow(page: Page) -> list[str]:
    """Give what is wider than the window, or cut off though it does not scroll."""
    found: list[str] = await page.evaluate(
        """() => {
          const wide = [...document.querySelectorAll("body *")].filter((node) => {
            const box = node.getBoundingClientRect();
            if (!box.width || node.closest("[hidden], .table-wrap, pre")) return false;
            return box.right > innerWidth + 1 || box.left < -1;
          });
          const said = wide.map((node) => `${node.tagName}.${node.className}: ${node.getBoundingClientRect().right}`);
          if (document.documentElement.scrollWidth > innerWidth) said.push("the page scrolls sideways");
          return said;
        }"""
    )
    return found
