"""Everything outside fails once: each outage is told to the right people, mends itself, repeats and loses nothing.

The shipped program in a real world; only GitHub and Slack are stand-ins, and they fail on command.
"""

import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from bot_process import BotProcess, Fleet, clear_faults, origin_of, plain_client, set_fault
from breakable_line import BreakableLine
from hostile_trees import in_folders
from real_cluster import running_world
from runner_server import prepare, start
from waiting import eventually, until

from gitops_bot.sandbox.observer import Observer, SeenMessage

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

PROBLEM = "keeps me from looking"
OVER = "It works again"


@pytest.fixture(scope="module")
def description(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    with running_world(tmp_path_factory.mktemp("outages") / "world") as world:
        yield world


@dataclass
class Scene:
    observer: Observer
    fleet: Fleet
    folder: Path
    description: dict[str, Any]
    slack: str
    github: str

    @asynccontextmanager
    async def bot(self, **settings: Any) -> AsyncIterator[BotProcess]:
        """A bot with a memory of its own, which has looked once. ``settings`` replace whole sections."""
        file = self.folder / "settings.yaml"
        given = _read(self.description["settings_file"])
        file.write_text(yaml.safe_dump({**given, **settings}), encoding="utf-8")
        bot = BotProcess({**self.description, "settings_file": str(file)}, self.folder)
        looked = await self.observer.looks_of_bot()
        await bot.start()
        try:
            await eventually(lambda: self._looked_since(looked), "the first look", 60)
            yield bot
        except AssertionError as error:
            error.add_note(f"The bot's log: {bot.log()[-2000:]}")
            raise
        finally:
            await bot.close()

    async def _looked_since(self, before: int) -> bool:
        return await self.observer.looks_of_bot() > before + 1

    async def open(self, branch: str) -> int:
        await self.fleet.push(branch, branch)
        return await self.observer.open_pull_request(branch, f"Paint: {branch}", "")

    async def told(self, number: int, *words: str) -> SeenMessage:
        """Wait until the one message about a pull request says some words."""

        async def is_told() -> bool:
            messages = await self.observer.messages_about(number)
            # One that only counts, and one that tells of a failure, has no buttons yet.
            return any(message.says(*words) and message.buttons for message in messages)

        await eventually(is_told, f"#{number} says {words}", 90)
        messages = [found for found in await self.observer.messages_about(number) if "open already" not in found.text]
        assert len(messages) == 1
        return messages[0]

    async def channel_says(self, *words: str) -> list[SeenMessage]:
        return [message for message in await self.observer.messages() if message.says(*words)]

    async def all_is_well(self) -> None:
        """Wait until no message tells of a problem any more."""

        async def well() -> bool:
            return not await self.channel_says(PROBLEM)

        await eventually(well, "every problem is told to be over", 60)

    async def channel_will_say(self, *words: str) -> None:
        await eventually(lambda: self.channel_says(*words), f"the channel says {words}", 60)


@pytest.fixture
async def scene(description: dict[str, Any], tmp_path: Path) -> AsyncIterator[Scene]:
    slack, github = origin_of(description["slack"]["inbox_url"]), origin_of(description["github"]["html_url"])
    async with plain_client() as client:
        await client.post(f"{slack}/_control/settings", json={"rate_limits": False})
    async with Observer(description) as observer:
        try:
            yield Scene(observer, Fleet(observer, tmp_path / "clone"), tmp_path, description, slack, github)
        finally:
            await clear_faults(slack)
            await clear_faults(github)
            await observer.close_pull_requests()


async def test_what_was_open_before_the_first_start_is_listed_once(scene: Scene) -> None:
    old, other = await scene.open("open-before-1"), await scene.open("open-before-2")
    async with scene.bot() as bot:
        await scene.channel_will_say("open already", f"#{old}", f"#{other}")
        assert await bot.runs_of_flux() == 0
        await scene.fleet.push("open-before-1", "moved")
        await scene.told(old, "moved")
        assert [found for found in await scene.observer.messages_about(other) if "open already" not in found.text] == []
        assert len(await scene.channel_says("open already", f"#{old}")) == 1


async def test_github_fails_for_a_while(scene: Scene) -> None:
    async with scene.bot() as bot:
        await set_fault(scene.github, kind="status", status=502, count=None, path="/repos/*", login=scene.observer.bot)
        number = await scene.open("github-down")
        await scene.channel_will_say(PROBLEM, scene.observer.repository)
        assert any(name.startswith("repository") for name in await bot.problems())
        assert await scene.observer.messages_about(number) == []
        await clear_faults(scene.github)
        await scene.told(number, "github-down")
        await scene.channel_will_say(OVER, scene.observer.repository)
        await scene.all_is_well()
        assert await bot.problems() == {}


async def test_the_token_of_github_is_wrong(scene: Scene) -> None:
    github = _read(scene.description["settings_file"])["github"]
    good = _text(github["token_file"])
    token = scene.folder / "token"
    token.write_text(good, encoding="utf-8")
    async with scene.bot(github={**github, "token_file": str(token)}) as bot:
        token.write_text("ghp_wrongwrongwrongwrongwrongwrong00\n", encoding="utf-8")
        await scene.channel_will_say(PROBLEM, "token")
        assert "ghp_wrong" not in bot.log() + str([message.raw for message in await scene.observer.messages()])
        number = await scene.open("wrong-token")
        token.write_text(good, encoding="utf-8")
        await scene.told(number, "wrong-token")
        await scene.channel_will_say(OVER, scene.observer.repository)


async def test_the_repository_is_gone(scene: Scene) -> None:
    async with scene.bot() as bot:
        await set_fault(scene.github, kind="status", status=404, count=None, path="/repos/*", login=scene.observer.bot)
        await scene.channel_will_say(PROBLEM, scene.observer.repository)
        assert any(name.startswith("repository") for name in await bot.problems())
        await clear_faults(scene.github)
        await scene.channel_will_say(OVER, scene.observer.repository)
        await scene.all_is_well()


async def test_github_asks_to_wait(scene: Scene) -> None:
    async with scene.bot() as bot:
        pulls = f"/repos/{scene.observer.repository}/pulls"
        await set_fault(scene.github, kind="secondary", status=429, retry_after=4, path=pulls, login=scene.observer.bot)
        number = await scene.open("github-waits")
        await eventually(lambda: _has_logged(bot, "GitHub asks to wait"), "the log tells of the limit", 20)
        looks = await scene.observer.looks_of_bot()
        assert "GitHub asks to wait" in str(await bot.problems())
        await scene.told(number, "github-waits")
        # Not one request came before it was allowed to.
        assert await _requests_that_were_limited(scene) == 1
        assert await scene.observer.looks_of_bot() > looks
        assert await scene.channel_says(PROBLEM) == []


async def test_slack_asks_to_wait_and_nothing_is_rendered_again(scene: Scene) -> None:
    async with scene.bot() as bot:
        await set_fault(scene.slack, method="chat.postMessage", kind="rate_limited", seconds=3, count=3)
        number = await scene.open("slack-waits")
        await eventually(lambda: _has_logged(bot, "a review has to wait"), "the log tells of the limit", 60)
        runs = await bot.runs_of_flux()
        assert runs > 0
        await scene.told(number, "slack-waits")
        assert await bot.runs_of_flux() == runs


@pytest.mark.parametrize("when", ["before", "after"])
async def test_slack_fails_while_a_message_is_posted(scene: Scene, when: str) -> None:
    async with scene.bot():
        await set_fault(scene.slack, method="chat.postMessage", kind="status", status=503, when=when, count=2)
        number = await scene.open(f"slack-fails-{when}")
        # `told` counts the messages.
        await scene.told(number, f"slack-fails-{when}", "production")


async def test_the_api_server_is_away_and_comes_back(scene: Scene) -> None:
    kubeconfig = _read(scene.description["kubernetes"]["kubeconfig"])
    settings = _read(scene.description["settings_file"])
    own = _read(settings["clusters"][0]["kubeconfig"])
    server = httpx.URL(kubeconfig["clusters"][0]["cluster"]["server"])
    async with BreakableLine(str(server.host), int(server.port or 443)) as line:
        own["clusters"][0]["cluster"]["server"] = str(server.copy_with(port=line.port))
        file = scene.folder / "kubeconfig"
        file.write_text(yaml.safe_dump(own), encoding="utf-8")
        file.chmod(0o600)
        cluster = {**settings["clusters"][0], "kubeconfig": str(file)}
        async with scene.bot(clusters=[cluster]) as bot:
            await line.cut()
            number = await scene.open("cluster-away")
            await scene.channel_will_say(PROBLEM, cluster["name"])
            assert f"cluster {cluster['name']}" in await bot.problems()
            assert not any("no effect" in found.text.lower() for found in await scene.observer.messages_about(number))
            await line.mend()
            await scene.told(number, "cluster-away")
            await scene.channel_will_say(OVER, cluster["name"])


async def test_the_runner_ends_during_a_run_and_the_report_comes_all_the_same(scene: Scene) -> None:
    """As its Pod when its node goes."""
    prepare(scene.folder)
    runner = await start(scene.folder)
    try:
        async with scene.bot(flux=runner.settings_as_written()) as bot:
            number = await scene.open("runner-ends")
            await until(runner.runs_flux, "flux runs for it")
            await runner.end(signal.SIGKILL)
            await eventually(lambda: _has_logged(bot, "could not compare with a cluster"), "it is missed", 60)
            runner = await start(scene.folder, port=runner.port)
            await scene.told(number, "runner-ends", "production", "podinfo")
            await scene.all_is_well()
    finally:
        await runner.end(signal.SIGKILL)


MOST_MEGABYTES = 50.0


async def test_a_hostile_pull_request_keeps_nobody_waiting(scene: Scene) -> None:
    """Minutes of one processor for flux: the others are told meanwhile, and a new commit ends it at once."""
    flux = {**_read(scene.description["settings_file"]).get("flux", {}), "concurrency": 2}
    largest = 0.0
    async with scene.bot(flux=flux, review={"concurrency": 2}) as bot:
        number = await scene.open("beside-hostile")
        await scene.told(number, "beside-hostile")
        before = bot.megabytes()
        for seed in ("one", "two"):
            files = in_folders("endless", seed, ["infrastructure/production/ingress"])
            await scene.fleet.push_files(f"hostile-{seed}", files, "Attack")
            await scene.observer.open_pull_request(
                f"hostile-{seed}", "Nothing to see", "", login=scene.observer.reviewer
            )
        await until(lambda: bot.cages() > 0, "the cage has it", 60)
        await scene.fleet.push("beside-hostile", "unhurt")

        async def is_told() -> bool:
            nonlocal largest
            largest = max(largest, bot.megabytes())
            return any(message.says("unhurt") for message in await scene.observer.messages_about(number))

        await eventually(is_told, "the harmless one is told", 60)
        assert bot.cages() > 0, "the attack is over already: it proves nothing"
        for seed in ("one", "two"):
            await scene.fleet.push_files(f"hostile-{seed}", {"docs/nothing.md": seed}, "Taken back")
        await until(lambda: bot.cages() == 0, "what it still ran for has ended", 60)
        largest = max(largest, bot.megabytes())
    assert largest - before < MOST_MEGABYTES


async def test_broken_files_are_told_and_stop_no_other(scene: Scene) -> None:
    async with scene.bot():
        broken = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: [\n"
        await scene.fleet.push_files("broken-yaml", {"apps/base/podinfo/config.yaml": broken}, "Break it")
        number = await scene.observer.open_pull_request("broken-yaml", "Break it", "")
        other = await scene.open("beside-broken-yaml")
        message = await scene.told(number, "config.yaml")
        assert message.says("podinfo")
        assert not message.says("no effect")
        await scene.told(other, "beside-broken-yaml")


async def test_a_base_branch_that_cannot_be_read_holds_up_its_own_pull_requests_only(scene: Scene) -> None:
    await scene.fleet.push_files("release", {"docs/release.md": "x\n"}, "A branch of its own")
    async with scene.bot():
        await set_fault(scene.github, kind="status", status=404, count=None, path="*release*", login=scene.observer.bot)
        pulls = f"/repos/{scene.observer.repository}/pulls"
        await scene.fleet.push("on-release", "on-release")
        body = {"title": "Into another branch", "head": "on-release", "base": "main"}
        turned = (await scene.observer.call_github("POST", pulls, login=scene.observer.author, body=body))["number"]
        await scene.told(turned, "on-release")
        path = f"{pulls}/{turned}"
        await scene.observer.call_github("PATCH", path, login=scene.observer.author, body={"base": "release"})
        await scene.channel_will_say(PROBLEM, "branch release")
        other = await scene.open("beside-release")
        await scene.told(other, "beside-release")
        await clear_faults(scene.github)
        await scene.all_is_well()


async def test_a_stop_in_the_middle_of_a_look_is_quiet(scene: Scene) -> None:
    async with scene.bot() as bot:
        await set_fault(scene.github, kind="latency", seconds=20, count=None, path="/repos/*", login=scene.observer.bot)
        requests = await _requests(scene)
        await eventually(lambda: _more_requests(scene, requests), "a look is under way", 20)
        assert await bot.stop() == 0
        assert "Traceback" not in bot.log()
        assert bot.lines()[-1]["event"] == "stopped"


async def test_the_second_page_of_the_list_fails(scene: Scene) -> None:
    names = [f"many-{number}" for number in range(101)]
    await scene.fleet.push_branches(names)
    numbers = [await scene.observer.open_pull_request(name, name, "") for name in names]
    async with scene.bot() as bot:
        await scene.channel_will_say("open already")
        pulls = f"/repos/{scene.observer.repository}/pulls"
        for _ in range(3):
            await set_fault(
                scene.github, kind="status", status=502, path=pulls, after_calls=1, login=scene.observer.bot
            )
        await eventually(lambda: _has_logged(bot, "could not look at a repository"), "a page failed", 20)
        newest = await scene.open("beyond-the-first-page")
        await scene.told(newest, "beyond-the-first-page")
        # Nothing that stood on the page which failed was taken for closed.
        for number in (numbers[0], numbers[-1]):
            assert not await scene.channel_says(f"{scene.observer.repository}#{number}", "closed")


def _text(file: str) -> str:
    return Path(file).read_text(encoding="utf-8")


def _read(file: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(_text(file))
    return found


async def _has_logged(bot: BotProcess, event: str) -> bool:
    return any(line.get("event") == event for line in bot.lines())


async def _requests(scene: Scene) -> int:
    return len(await _recorded(scene))


async def _more_requests(scene: Scene, before: int) -> bool:
    return await _requests(scene) > before


async def _recorded(scene: Scene) -> list[dict[str, Any]]:
    async with plain_client() as client:
        answer = await client.get(f"{scene.github}/_control/requests", params={"login": scene.observer.bot})
    found: list[dict[str, Any]] = answer.json()["requests"]
    return found


async def _requests_that_were_limited(scene: Scene) -> int:
    return sum(entry["status"] == httpx.codes.TOO_MANY_REQUESTS for entry in await _recorded(scene))
