"""Killed anywhere, any number of times: one message, one comment, one approval. The shipped program in a real world."""

import asyncio
import json
import os
import random
import sqlite3
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from bot_process import BotProcess, Fleet, clear_faults, origin_of, plain_client, set_fault
from real_cluster import running_world
from waiting import eventually

from gitops_bot.sandbox.llm import Answer, LanguageModelStandIn
from gitops_bot.sandbox.observer import Observer, SeenMessage

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

# Most of them fall into a start or a look; what lies between an effect and its record has tests of its own below.
RANDOM_KILLS = int(os.environ.get("TESTS_RANDOM_KILLS", "40"))


@pytest.fixture(scope="module")
def description(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    with running_world(tmp_path_factory.mktemp("kills") / "world") as world:
        yield world


@dataclass
class Scene:
    observer: Observer
    bot: BotProcess
    fleet: Fleet
    slack: str
    github: str

    async def open(self, branch: str) -> int:
        await self.fleet.push(branch, "first")
        return await self.observer.open_pull_request(branch, f"Paint: {branch}", "")

    async def messages(self, number: int) -> list[SeenMessage]:
        return await self.observer.messages_about(number)

    async def shows(self, number: int, word: str) -> bool:
        return any(message.says(word) for message in await self.messages(number))

    async def told(self, number: int, word: str) -> SeenMessage:
        """Wait until the one message says a word and has its buttons."""

        async def is_told() -> bool:
            return any(message.says(word) and message.buttons for message in await self.messages(number))

        await eventually(is_told, f"#{number} says {word}; the bot's log: {self.bot.log()[-1500:]}", 90)
        messages = await self.messages(number)
        assert len(messages) == 1
        return messages[0]

    async def comments(self, number: int) -> list[Any]:
        return await self.observer.list_github(f"/issues/{number}/comments")

    async def approvals(self, number: int) -> list[Any]:
        reviews = await self.observer.list_github(f"/pulls/{number}/reviews")
        return [review for review in reviews if review["state"] == "APPROVED"]

    async def calls(self, method: str) -> int:
        async with plain_client() as client:
            answer = await client.get(f"{self.slack}/_control/calls")
        return sum(call["method"] == method for call in answer.json()["calls"])


@asynccontextmanager
async def opened(description: dict[str, Any], folder: Path, settings: Mapping[str, str]) -> AsyncIterator[Scene]:
    slack, github = origin_of(description["slack"]["inbox_url"]), origin_of(description["github"]["html_url"])
    async with plain_client() as client:
        await client.post(f"{slack}/_control/settings", json={"rate_limits": False})
    bot = BotProcess(description, folder, settings=settings)
    async with Observer(description) as observer:
        looked = await observer.looks_of_bot()
        await bot.start()

        async def has_looked() -> bool:
            return await observer.looks_of_bot() > looked

        # What is open before its first look would only be listed.
        await eventually(has_looked, "the first look", 60)
        try:
            yield Scene(observer, bot, Fleet(observer, folder / "clone"), slack, github)
        finally:
            await bot.close()
            await clear_faults(slack)
            await clear_faults(github)
            await observer.close_pull_requests()


@pytest.fixture
async def scene(description: dict[str, Any], tmp_path: Path) -> AsyncIterator[Scene]:
    async with opened(description, tmp_path, {}) as made:
        yield made


async def nothing_runs() -> bool:
    """Whether no runner is left whose bot is gone."""
    orphans = [
        process
        for process in psutil.process_iter(["cmdline", "ppid"])
        if "gitops_bot.runner" in " ".join(process.info["cmdline"] or ()) and process.info["ppid"] == 1
    ]
    return not orphans


async def test_kills_at_random_moments(scene: Scene) -> None:
    chance = random.Random(20261121)  # noqa: S311  (a seed that can be repeated, no secret)
    number = await scene.open("random-kills")
    color = ""
    for kill in range(RANDOM_KILLS):
        if kill % 4 == 0:
            color = f"shade-{kill}"
            await scene.fleet.push("random-kills", color)
        if kill % 10 == 5:
            for message in await scene.messages(number):
                await scene.observer.click(message, "comment" if kill % 20 == 5 else "approve", scene.observer.reviewer)
        # From before its first request to well after its last effect.
        await asyncio.sleep(chance.uniform(0.05, 2.5))
        await scene.bot.kill()
        assert len(await scene.messages(number)) <= 1
        await scene.bot.start()
    told = await scene.told(number, color)
    await scene.observer.click(told, "comment", scene.observer.reviewer)
    await eventually(lambda: scene.comments(number), "a comment", 60)
    assert len(await scene.messages(number)) == 1
    assert len(await scene.comments(number)) == 1
    commits = [review["commit_id"] for review in await scene.approvals(number)]
    assert len(commits) == len(set(commits))
    await scene.bot.kill()
    await eventually(nothing_runs, "runners and flux end with the bot", 20)


async def test_killed_between_the_post_and_its_record(scene: Scene) -> None:
    await set_fault(scene.slack, method="chat.postMessage", kind="hang", when="after")
    number = await scene.open("kill-after-post")
    await eventually(lambda: scene.messages(number), "the post", 60)
    await scene.bot.kill()
    await clear_faults(scene.slack)
    await scene.bot.start()
    await scene.told(number, "first")


async def test_killed_between_an_edit_and_its_record(scene: Scene) -> None:
    number = await scene.open("kill-after-edit")
    await scene.told(number, "first")
    await set_fault(scene.slack, method="chat.update", kind="hang", when="after")
    await scene.fleet.push("kill-after-edit", "second")
    await eventually(lambda: scene.shows(number, "second"), "the edit", 60)
    await scene.bot.kill()
    await clear_faults(scene.slack)
    await scene.bot.start()
    await scene.told(number, "second")


async def test_killed_between_the_comment_and_its_record(scene: Scene) -> None:
    number = await scene.open("kill-after-comment")
    told = await scene.told(number, "first")
    await set_fault(scene.github, kind="hang", when="after", method="POST", path="*/comments")
    await scene.observer.click(told, "comment", scene.observer.reviewer)
    await eventually(lambda: scene.comments(number), "the comment", 60)
    await scene.bot.kill()
    await clear_faults(scene.github)
    await scene.bot.start()
    await eventually(lambda: scene.shows(number, "Posted"), "the message tells of the comment", 60)
    assert len(await scene.comments(number)) == 1


async def test_killed_between_the_approval_and_its_record(scene: Scene) -> None:
    number = await scene.open("kill-after-approval")
    told = await scene.told(number, "first")
    await set_fault(scene.github, kind="hang", when="after", method="POST", path="*/reviews")
    await scene.observer.click(told, "approve", scene.observer.reviewer)
    await eventually(lambda: scene.approvals(number), "the approval", 60)
    await scene.bot.kill()
    await clear_faults(scene.github)
    await scene.bot.start()
    await eventually(lambda: scene.shows(number, "Approved"), "the message tells of the approval", 60)
    assert len(await scene.approvals(number)) == 1


async def test_a_lost_database_repeats_nothing(scene: Scene) -> None:
    number = await scene.open("lost-database")
    told = await scene.told(number, "first")
    await scene.observer.click(told, "comment", scene.observer.reviewer)
    await eventually(lambda: scene.comments(number), "the comment", 60)
    await scene.bot.kill()
    scene.bot.lose_the_database()
    before = json.dumps(len(await scene.observer.messages()))
    await scene.bot.start()
    await scene.fleet.push("lost-database", "second")
    told = await scene.told(number, "second")
    await scene.observer.click(told, "comment", scene.observer.reviewer)

    async def edited() -> bool:
        return any("second" in comment["body"] for comment in await scene.comments(number))

    await eventually(edited, "the comment is edited", 60)
    assert len(await scene.comments(number)) == 1
    # One more at most: the list of what was open at what is, for the new database, the first start.
    assert len(await scene.observer.messages()) - int(before) <= 1


def spent(folder: Path, number: int) -> list[tuple[str, int, int]]:
    """State, calls and tokens of every call to a model about a pull request that the database knows, oldest first."""
    with closing(sqlite3.connect(f"file:{folder / 'bot' / 'gitops-bot.sqlite'}?mode=ro", uri=True)) as database:
        what = "select state, calls, prompt_tokens + answer_tokens from spend where pull_request like ? order by id"
        rows = database.execute(what, (f"%#{number}",))
        return [(str(state), int(calls), int(tokens)) for state, calls, tokens in rows]


async def test_killed_while_a_model_is_asked(description: dict[str, Any], tmp_path: Path) -> None:
    """What was set aside for the call stays counted, the report stands, and the next start asks once more."""
    model, arrived = LanguageModelStandIn(tmp_path / "model"), list[str]()
    said = json.dumps({"summary": "A color.", "judgement": "approve", "findings": []})

    def answer(body: Any) -> Answer:
        arrived.append(body["messages"][1]["content"])
        delay = 600 if len(arrived) == 1 else 0
        return Answer(text=said, delay=delay, prompt_tokens=7, completion_tokens=3)

    model.script.model = answer
    await model.start()
    settings = {
        "LLM__REPOSITORIES": '["*/*"]',
        "LLM__ENDPOINTS": json.dumps([{"base_url": model.base_url, "model": "small"}]),
        "LLM__TIMEOUT": "500",
        "LLM__DEADLINE": "550",
    }
    try:
        async with opened(description, tmp_path, settings) as scene:
            number = await scene.open("kill-while-asked")
            await scene.told(number, "first")

            async def is_asked() -> bool:
                return bool(arrived)

            await eventually(is_asked, f"a model is asked; the bot's log: {scene.bot.log()[-1500:]}", 60)
            [(state, calls, reserved)] = spent(tmp_path, number)
            assert (state, calls) == ("reserved", 1)
            assert reserved > 4_000
            await scene.bot.kill()
            [message] = await scene.messages(number)
            assert message.says("first")
            assert not message.says("A model's opinion")
            assert spent(tmp_path, number) == [("reserved", 1, reserved)]
            await scene.bot.start()
            await eventually(lambda: scene.shows(number, "A model's opinion"), "the opinion", 60)
            assert len(await scene.messages(number)) == 1
            # The dead call is taken to have cost all that was set aside for it; nothing was asked twice after that.
            assert spent(tmp_path, number) == [("lost", 1, reserved), ("settled", 1, 10)]
            assert arrived[0] == arrived[1]
            assert len(arrived) == 2
            # Another look finds the opinion that there is.
            looked = await scene.observer.looks_of_bot()

            async def looked_again() -> bool:
                return await scene.observer.looks_of_bot() > looked + 1

            await eventually(looked_again, "two more looks", 60)
            assert len(arrived) == 2
    finally:
        await model.stop()
