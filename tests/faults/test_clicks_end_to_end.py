"""Clicks with the shipped program in a real world: what only a tick, a cluster and a process can show."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from bot_process import BotProcess, Fleet, clear_faults, origin_of, plain_client
from real_cluster import running_world
from waiting import eventually

from gitops_bot.sandbox.observer import Observer, SeenMessage

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]


WITHOUT_SERVICE = """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [namespace.yaml, database.yaml, deployment.yaml]
configMapGenerator: [{name: nginx, namespace: web, files: [nginx/default.conf]}]
"""


@pytest.fixture(scope="module")
def description(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    with running_world(tmp_path_factory.mktemp("clicks") / "world") as world:
        yield world


@dataclass
class Scene:
    observer: Observer
    bot: BotProcess
    fleet: Fleet
    control: httpx.AsyncClient

    async def told(self, number: int, *words: str) -> SeenMessage:
        """Wait until the one message about a pull request says these words."""

        async def is_told() -> bool:
            return any(message.says(*words) for message in await self.observer.messages_about(number))

        await eventually(is_told, f"#{number} says {words}; the bot's log: {self.bot.log()[-1500:]}", 90)
        [message] = await self.observer.messages_about(number)
        return message

    async def reviews(self, number: int) -> list[tuple[str, str]]:
        found = await self.observer.list_github(f"/pulls/{number}/reviews")
        return [(review["state"], review["commit_id"]) for review in found]

    async def gesture(self, name: str, **content: Any) -> dict[str, Any]:
        """Do something that a person does in Slack."""
        answer: dict[str, Any] = (await self.control.post(f"/_control/{name}", json=content)).json()
        assert answer["ok"], answer
        return answer

    async def heard(self, login: str) -> list[str]:
        """What only this person was told."""
        user = self.observer.slack["users"][login]
        found = (await self.control.get("/_control/messages")).json()["messages"]
        return [message["text"] for message in found if message.get("ephemeral_for") == user]


@pytest.fixture
async def scene(description: dict[str, Any], tmp_path: Path) -> AsyncIterator[Scene]:
    slack = origin_of(description["slack"]["inbox_url"])
    async with plain_client(slack) as control, Observer(description) as observer:
        await control.post("/_control/settings", json={"rate_limits": False})
        fleet = Fleet(observer, tmp_path / "clone")
        # Open before the bot's first look, and without effect on the cluster.
        await fleet.push_files("words-only", {"README.md": "# Other words\n"}, "Other words")
        await observer.open_pull_request("words-only", "Only words", "")
        bot = BotProcess(description, tmp_path)
        looked = await observer.looks_of_bot()
        await bot.start()

        async def has_looked() -> bool:
            return await observer.looks_of_bot() > looked

        await eventually(has_looked, "the first look", 60)
        try:
            yield Scene(observer, bot, fleet, control)
        finally:
            await bot.close()
            await clear_faults(slack)


async def test_from_the_list_to_an_approval_that_is_withdrawn(scene: Scene) -> None:
    await look_at_what_has_no_effect(scene)
    number = await paint(scene)
    await approve_a_deletion(scene)
    # The approval of the first was for its first commit; nobody presses anything now.
    head = await scene.fleet.push("paint", "second")
    message = await scene.told(number, "second", "Withdrawn")
    assert message.says(head[:7])
    assert [state for state, _ in await scene.reviews(number)] == ["DISMISSED"]


async def look_at_what_has_no_effect(scene: Scene) -> None:
    """Asked for from the list of the first start, and never followed by silence."""

    async def is_listed() -> bool:
        return any("Only words" in message.text for message in await scene.observer.messages())

    await eventually(is_listed, "the list of what was open", 60)
    [message] = [one for one in await scene.observer.messages() if "Only words" in one.text]
    [menu] = [
        element
        for block in message.raw["blocks"]
        if block["type"] == "actions"
        for element in block["elements"]
        if element["type"] == "static_select"
    ]
    [option] = [one for one in menu["options"] if "Only words" in one["text"]["text"]]
    user = scene.observer.slack["users"][scene.observer.reviewer]
    where = {"user": user, "channel": message.channel, "ts": message.timestamp}
    await scene.gesture("click", **where, action_id="look", selected_option=option["value"])

    async def is_told() -> bool:
        return bool(await scene.heard(scene.observer.reviewer))

    await eventually(is_told, "who asked hears what came of it", 60)
    assert "is affected by it" in (await scene.heard(scene.observer.reviewer))[-1]


async def paint(scene: Scene) -> int:
    """A small change is approved with one press."""
    head = await scene.fleet.push("paint", "first")
    number = await scene.observer.open_pull_request("paint", "Paint it", "")
    message = await scene.told(number, "first", "Approve")
    await scene.observer.click(message, "approve", scene.observer.reviewer)
    await scene.told(number, "Approved")
    assert await scene.reviews(number) == [("APPROVED", head)]
    return number


async def approve_a_deletion(scene: Scene) -> None:
    """What destroys is shown once more, and approved only then."""
    head = await scene.fleet.push_files("remove", {"apps/base/web/kustomization.yaml": WITHOUT_SERVICE}, "No Service")
    number = await scene.observer.open_pull_request("remove", "Remove the Service of web", "")
    message = await scene.told(number, "deleted", "Approve")
    await scene.observer.click(message, "approve", scene.observer.reviewer)

    async def dialogs() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await scene.control.get("/_control/views")).json()["views"]
        return [view for view in found if view["submit"]]

    await eventually(dialogs, "the dialog is filled", 30)
    [view] = await dialogs()
    assert head in str(view["blocks"])
    assert await scene.reviews(number) == []
    await scene.gesture("submit", view_id=view["id"], values={})
    await scene.told(number, "Approved")
    assert await scene.reviews(number) == [("APPROVED", head)]
