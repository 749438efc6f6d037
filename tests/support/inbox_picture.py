"""Make README's picture anew: the demo's inbox, with a real report and the opinion of the demo's model below it.

    .venv/bin/python tests/support/inbox_picture.py [FOLDER]

With a folder both a desk's and a phone's are put there, to be looked at.
Needs chromium, a font with emoji, and the tools of `make tools`.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from browser import PHONE, chromium
from real_cluster import running_world

from gitops_bot.sandbox.observer import Observer, SeenMessage, until
from gitops_bot.sandbox.tour import Tour

IMAGES = Path(__file__).parents[2] / "docs" / "images"
_DESK = {"width": 1280, "height": 1180}
_PATIENCE = 120


async def main(images: Path) -> None:
    """Play the beginning of the tour, wait until there is an opinion, and take the pictures."""
    with tempfile.TemporaryDirectory() as scratch, running_world(Path(scratch) / "state", "--with-bot") as world:
        numbers = await Tour(world, say=print, patience=_PATIENCE).open_pull_requests()

        async with Observer(world) as observer:

            async def opinions() -> list[SeenMessage]:
                return [one for number in numbers.values() for one in await observer.messages_about(number)]

            def enough(seen: list[SeenMessage]) -> bool:
                gates = sum(one.says("have cleared this") for one in seen)
                return sum(one.says("a model's opinion") for one in seen) >= 4 and gates >= 2

            await until(opinions, enough, seconds=_PATIENCE)
        async with chromium() as browser:
            views = {"desktop": _DESK}
            if images != IMAGES:
                views = {"desktop": {**_DESK, "height": 2_600}, "phone": {**PHONE, "height": 4_000}}
            for name, viewport in views.items():
                page = await browser.new_page(viewport=viewport)  # type: ignore[arg-type]  # its stubs want a TypedDict
                await page.goto(world["slack"]["inbox_url"])
                await page.wait_for_load_state("networkidle")
                await page.locator(".message").first.evaluate("node => node.scrollIntoView({block: 'start'})")
                await page.screenshot(path=images / f"inbox-{name}.png")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES))
