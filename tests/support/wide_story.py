"""A pull request over many Kustomizations and objects, told by the shipped bot: it fits everywhere, nothing is lost."""

import asyncio
import html
import json
import re
import time
from pathlib import Path
from typing import Any

from bot_process import BotProcess
from real_cluster import running_world
from waiting import eventually
from wide_fleet import WideFleet

from gitops_bot.models.pull_requests import Repository
from gitops_bot.sandbox.fleet.checkout import Checkout, with_credentials
from gitops_bot.sandbox.kubernetes_api import has_condition
from gitops_bot.sandbox.observer import Observer, SeenMessage
from gitops_bot.store import open_store
from gitops_bot.views.json_report import json_report
from gitops_bot.views.slack_blocks import MESSAGE_CHARACTERS, measure

KUSTOMIZATIONS = "/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/flux-system/kustomizations"
# Of the rows of a message.
SHOWN = 12


async def it_fits_everywhere_and_nothing_is_lost(tmp_path: Path, kustomizations: int, objects: int) -> None:
    """Change every object of a fleet of ``kustomizations`` times ``objects`` in one pull request."""
    count = kustomizations * objects
    fleet = WideFleet(tmp_path / "wide", kustomizations, objects)
    fleet.commit()
    with running_world(tmp_path / "state", "--from", str(fleet.folder)) as world:
        async with Observer(world) as observer:

            async def applied() -> bool:
                items = observer.cluster.call("GET", KUSTOMIZATIONS)["items"]
                return len(items) == kustomizations + 1 and all(has_condition(item, "Ready") for item in items)

            await eventually(applied, "Flux has applied everything", 120)
            # How fast this machine is, is not what this is about.
            bot = BotProcess(world, tmp_path, interval=5, settings={"FLUX__DEADLINE": "600"})
            await bot.start()
            try:
                looked = time.monotonic()
                number = await _change_everything(observer, fleet, tmp_path / "clone")
                message = await _told(observer, number)
                print(f"from the pull request to the message: {time.monotonic() - looked:.1f} s")  # noqa: T201 - a figure
                report = await _stored(tmp_path)
                assert [finding for row in report.clusters[0].rows for finding in row.findings] == []
                assert report.clusters[0].findings == ()
                hold_slack_to(message)
                await observer.click(message, "comment", observer.reviewer)
                body = await _comment(observer, number)
            except BaseException:
                print(bot.log()[-5_000:])  # noqa: T201 - for who looks at a failure
                raise
            finally:
                await bot.close()
            hold_github_to(body)
            page = _page(message)
            text = json_report(report)
    assert f"{count:,} objects change, nothing is deleted" in message.text
    left = re.search(r"Not shown here: (\d+) Kustomizations(?:,| and) ([\d,]+) objects", message.text)
    assert left is not None
    assert int(left[1]) == kustomizations - SHOWN
    # What it shows is a small part, and all of that is counted.
    assert count - 12 * objects < int(left[2].replace(",", "")) < count
    assert "Not shown here: " in body
    assert [name for name in fleet.names if f"ConfigMap/wide/{name} " not in page] == []
    assert all(f"new-{team}-{place}" in page for team in range(kustomizations) for place in range(objects))
    shown = [change for row in json.loads(text)["clusters"][0]["kustomizations"] for change in row["changes"]]
    assert sorted(change["object"]["name"] for change in shown) == sorted(fleet.names)
    assert all(change["unified"].count("\n") >= 3 for change in shown)


async def _change_everything(observer: Observer, fleet: WideFleet, folder: Path) -> int:
    looks = await observer.looks_of_bot()

    async def has_looked() -> bool:
        return await observer.looks_of_bot() > looks

    # What is open before the first look gets no message of its own.
    await eventually(has_looked, "the first look", 60)
    github = observer.github
    url = f"{github['git_url']}/{observer.repository}.git"
    address = with_credentials(url, observer.author, github["tokens"][observer.author])

    def push() -> None:
        checkout = Checkout.of_repository(address, folder, address, author=observer.author)
        checkout.run("checkout", "--quiet", "-B", "everything")
        fleet.write(folder, "new")
        checkout.commit("Change everything")
        checkout.push("everything")

    await asyncio.to_thread(push)
    return await observer.open_pull_request("everything", "Change everything", "")


async def _told(observer: Observer, number: int) -> SeenMessage:
    found: list[SeenMessage] = []

    async def told() -> bool:
        found[:] = [one for one in await observer.messages_about(number) if "</html>" in one.text]
        return bool(found)

    await eventually(told, "the message, with its file", 500)
    return found[0]


async def _comment(observer: Observer, number: int) -> str:
    found: list[dict[str, Any]] = []

    async def commented() -> bool:
        found[:] = await observer.list_github(f"/issues/{number}/comments")
        return bool(found)

    await eventually(commented, "the comment", 120)
    return str(found[0]["body"])


def _page(message: SeenMessage) -> str:
    start, end = message.text.index("<!doctype html>"), message.text.index("</html>")
    return html.unescape(re.sub(r"<[^>]*>", "", message.text[start:end]))


async def _stored(folder: Path) -> Any:
    store = await open_store(f"sqlite+aiosqlite:///{folder / 'bot' / 'gitops-bot.sqlite'}")
    try:
        (record,) = await store.open_pull_requests(Repository("acme", "wide"))
        stored = await store.report(record.report_id)
        assert stored is not None
        return stored.report
    finally:
        await store.close()


def hold_slack_to(message: SeenMessage) -> None:
    """What Slack takes: the stand-in refuses more, and this says so in the test's own words."""
    blocks = message.raw["blocks"]
    assert len(blocks) <= 50
    assert measure(blocks) <= MESSAGE_CHARACTERS == 9_000
    assert all(len(block["text"]["text"]) <= 3_000 for block in blocks if block["type"] == "section")


def hold_github_to(body: str) -> None:
    """Short enough, every fence closed, every ``<details>`` too."""
    assert len(body.encode("utf-16-le")) // 2 <= 65_536
    fenced = ""
    depth = 0
    for line in body.splitlines():
        if found := re.match(r"`{3,}", line):
            if not fenced:
                fenced = found[0]
            elif line == fenced:
                fenced = ""
        elif not fenced:
            depth += line.count("<details") - line.count("</details>")
            assert depth in {0, 1, 2}
    assert (fenced, depth) == ("", 0)
