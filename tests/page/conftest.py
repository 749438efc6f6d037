"""One browser for all pages of a worker; each page gets a context of its own (support/browser.py: quiet_page).

It lives on the event loop of the session, and so must whoever drives it:
``pytestmark = [pytest.mark.page, pytest.mark.asyncio(loop_scope="session")]``.
"""

from collections.abc import AsyncIterator

import pytest_asyncio
from browser import chromium
from playwright.async_api import Browser


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as started:
        yield started
