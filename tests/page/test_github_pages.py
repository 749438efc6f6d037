"""The pages of the GitHub stand-in in a real browser, on a desk and on a phone."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from browser import DESK, PHONE, overflow, quiet_page
from github_world import REPOSITORY, World
from playwright.async_api import Browser, Page, expect

pytestmark = [pytest.mark.page, pytest.mark.asyncio(loop_scope="session")]

LONG = "registry.example.org/team/" + "a-very-long-image-name-" * 6
DIFF = f"@@ spec @@\n-  image: {LONG}:1\n+  image: {LONG}:2\n   replicas: 2"
COMMENT = f"""<!-- marker -->
### 3 changes in `production`

| Kustomization | changes | origin |
|---|---:|---|
| `apps/checkout` | 2 | **this pull request** |
| `apps/{LONG}` | 1 | drift |

<details><summary>Deployment/shop/checkout</summary>

```diff
{DIFF}
```

</details>

Ask @author or `@nobody`, see [the docs](https://docs.example.com/x) and ~~this~~.

<script>document.title = "broken"</script><img src="https://evil.example/x.png" onerror="alert(1)" alt="chart">
<a href="javascript:alert(1)" onclick="alert(1)">press</a></div></details>
"""


@pytest_asyncio.fixture(loop_scope="session")
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    await made.start()
    text = "".join(f"line: {n}\n" for n in range(30))
    await made.push("main", {"deploy.yaml": text + f"image: {LONG}:1\n"})
    body = "Raises the **image**.\nSecond line."
    files = {"deploy.yaml": text + f"image: {LONG}:2\n", "new.yaml": "a: 1\n"}
    pull = await made.pull_request("raise-the-image", files, title="Raise the image <b>of</b> checkout", body=body)
    await made.api().post(f"{REPOSITORY}/issues/1/comments", json={"body": COMMENT})
    await made.api("reviewer").post(f"{REPOSITORY}/pulls/1/reviews", json={"event": "APPROVE", "body": "Fine by me."})
    status = {
        "state": "success",
        "context": "gitops-bot/production",
        "description": "3 changes, none destroys anything",
    }
    await made.api().post(f"{REPOSITORY}/statuses/{pull['head']['sha']}", json=status)
    await made.api("author").post(f"{REPOSITORY}/issues/1/labels", json={"labels": ["bug"]})
    yield made
    await made.stop()


@pytest_asyncio.fixture(loop_scope="session", params=[DESK, PHONE], ids=["desk", "phone"])
async def page(request: pytest.FixtureRequest, browser: Browser, world: World) -> AsyncIterator[Page]:
    async with quiet_page(browser, f"{world.standin.html_url}/acme/fleet/pull/1", request.param) as page:
        await expect(page.locator("article.said")).to_have_count(3)
        yield page


async def test_the_page_shows_what_a_person_would_see(page: Page) -> None:
    await expect(page.locator("h1")).to_have_text("Raise the image <b>of</b> checkout #1")
    await expect(page.locator(".facts")).to_contain_text(
        "author wants to merge 1 commit into main from raise-the-image"
    )
    opening, comment, review = [page.locator("article.said").nth(number) for number in range(3)]
    await expect(opening.locator("strong")).to_have_text("image")
    await expect(comment.locator("td").nth(2)).to_have_text("this pull request")
    await expect(review).to_contain_text("reviewer approved these changes at")
    await expect(page.locator(".verdict")).to_contain_text("gitops-bot/production 3 changes, none destroys anything")
    await expect(page.locator("aside")).to_contain_text("bug")
    await expect(page.locator("details.file .added").first).to_contain_text("+image: registry")
    await expect(page.locator(".mention")).to_have_text("@author")
    assert await overflow(page) == []


async def test_folds_open_and_foreign_html_does_nothing(page: Page) -> None:
    comment = page.locator("article.said").nth(1)
    await expect(comment.locator(".diff .added")).to_be_hidden()
    await comment.get_by_text("Deployment/shop/checkout").click()
    await expect(comment.locator(".diff .added")).to_contain_text(":2")
    assert await overflow(page) == []
    await expect(comment.locator(".image")).to_have_text("[image: chart https://evil.example/x.png]")
    assert await comment.locator("img:not(.face), script, [onclick], [onerror], a[href^=javascript]").count() == 0
    assert "broken" not in await page.title()


async def test_what_happens_appears_by_itself(page: Page, world: World) -> None:
    comment = page.locator("article.said").nth(1)
    await comment.get_by_text("Deployment/shop/checkout").click()
    await world.api("reviewer").post(f"{REPOSITORY}/issues/1/comments", json={"body": "One more thing"})
    # Within the same second nothing says which of two came first.
    await expect(page.locator("article.said", has_text="One more thing")).to_be_visible()
    # What was opened stays open.
    await expect(comment.locator(".diff .added")).to_be_visible()
    await world.api("reviewer").put(f"{REPOSITORY}/pulls/1/merge", json={})
    await expect(page.locator(".facts .pill")).to_have_text("Merged")


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
async def test_the_list(browser: Browser, world: World, size: dict[str, int]) -> None:
    await world.pull_request("draft", {"x": "1\n"}, draft=True, title=LONG)
    async with quiet_page(browser, world.standin.html_url, size) as page:
        await expect(page.locator(".row .pill")).to_have_text(["Draft", "Open"])
        assert await overflow(page) == []
        await page.get_by_role("link", name="Raise the image").click()
        await expect(page.locator("h1")).to_contain_text("#1")


async def test_what_is_not_there(world: World) -> None:
    for path in ("/acme/none", "/acme/fleet/pull/99", "/_static/x.py", "/_static/..%2fpages.py"):
        answer = await world.api("").get(world.standin.html_url + path)
        assert answer.status_code == 404, path
