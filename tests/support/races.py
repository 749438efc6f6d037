"""The words in which the race table is written: what people and the world do, and when."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from bot_process import clear_faults, origin_of
from click_world import ClickWorld, at
from github_world import REPOSITORY

from gitops_bot.journeys.publish_report import publish_report
from gitops_bot.models.records import StoredReport
from gitops_bot.sandbox.github.records import BranchRule

BRANCH = "race"


@dataclass
class Stage:
    """A pull request of the author's with a report on its ``first`` commit; other commits get names as they come."""

    world: ClickWorld
    stored: StoredReport
    # What people saw first: they may press that at any time.
    blocks: list[dict[str, Any]] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)

    @property
    def number(self) -> int:
        return self.stored.report.pull_request.number

    async def reviews(self) -> list[str]:
        """State and commit of each review of ours."""
        return [f"{state} {self.names[commit]}" for state, commit in await self.world.reviews(self.stored)]

    async def audit(self) -> list[str]:
        """Action, outcome, GitHub login and commit of each row."""
        return [
            f"{one.action} {one.outcome} {one.github_login or '?'} {self.names[one.commit]}"
            for one in await self.world.decisions(self.stored)
        ]

    async def write(self, method: str, path: str, login: str = "author", **body: Any) -> None:
        answer = await self.world.github.api(login).request(method, REPOSITORY + path, json=body)
        assert answer.is_success, answer.text


Step = Callable[[Stage], Awaitable[None]]


async def stage_of(world: ClickWorld) -> Stage:
    """Set the stage."""
    stored = await world.reported(BRANCH)
    posted = await world.message(stored.report.pull_request)
    blocks = world.slack.workspace.messages[posted.channel][posted.timestamp].blocks
    return Stage(world, stored, list(blocks or ()), {stored.report.pull_request.head_sha: "first"})


def press(*logins: str, action: str = "approve", seconds: float = 20.0) -> Step:
    """These people press the button that they saw first, at once, and it is carried out or has to wait."""

    async def step(stage: Stage) -> None:
        world = stage.world
        gesture = {"action_id": action, "block_id": ""}
        await press_on(stage, stage.blocks, [gesture | {"user": world.users[login]} for login in logins])
        await world.idle(seconds)

    return step


async def press_on(stage: Stage, blocks: list[dict[str, Any]], gestures: Sequence[dict[str, Any]]) -> None:
    """Press what stands, or stood, in the message of the pull request."""
    world = stage.world
    posted = await world.message(stage.stored.report.pull_request)
    message = world.slack.workspace.messages[posted.channel][posted.timestamp]
    now, message.blocks = message.blocks, blocks
    where = {"channel": posted.channel, "ts": posted.timestamp}
    pressed = [asyncio.create_task(world.slack.interactions.click(gesture | where)) for gesture in gestures]
    # The stand-in looks the button up at once.
    await asyncio.sleep(0)
    message.blocks = now
    for answer in await asyncio.gather(*pressed):
        assert answer["acknowledged"], answer


async def press_newest(stage: Stage) -> None:
    """The reviewer presses the button as it is now."""
    await stage.world.press(stage.stored, "approve", "reviewer")
    await stage.world.idle()


async def push(stage: Stage) -> None:
    """The author pushes another commit: ``second``."""
    head = await stage.world.github.push(BRANCH, {f"{BRANCH}.yaml": f"a: {len(stage.names) + 1}\n"})
    stage.names[head] = "second"


async def push_back(stage: Stage) -> None:
    """The author force-pushes the first commit."""
    github = stage.world.github
    first = next(sha for sha, name in stage.names.items() if name == "first")
    await github.git("push", "--quiet", "--force", "origin", f"{first}:refs/heads/{BRANCH}", cwd=github.clone)


async def reviewer_commits(stage: Stage) -> None:
    """The reviewer adds a commit of their own, and it is looked at: ``second``."""
    github = stage.world.github
    who = ("-c", "user.name=reviewer", "-c", "user.email=reviewer@example.com")
    commit = ("commit", "--quiet", "--allow-empty", "-m", "mine", "--author=reviewer <reviewer@example.com>")
    await github.git("checkout", "--quiet", BRANCH, cwd=github.clone)
    await github.git(*who, *commit, cwd=github.clone)
    await github.git("push", "--quiet", "origin", f"HEAD:refs/heads/{BRANCH}", cwd=github.clone)
    stage.names[await github.git("rev-parse", "HEAD", cwd=github.clone)] = "second"
    await look(stage)


async def base_moves(stage: Stage) -> None:
    await stage.world.github.push("main", {"other.yaml": "b: 1\n"})


async def close(stage: Stage) -> None:
    await stage.write("PATCH", f"/pulls/{stage.number}", state="closed")


async def reopen(stage: Stage) -> None:
    await stage.write("PATCH", f"/pulls/{stage.number}", state="open")


async def retarget(stage: Stage) -> None:
    await stage.world.github.push("release", {"release.yaml": "a: 1\n"})
    await stage.write("PATCH", f"/pulls/{stage.number}", base="release")


async def draft(stage: Stage) -> None:
    await stage.world.github.control("pulls", repository="acme/fleet", number=stage.number, draft=True)


async def look(stage: Stage) -> None:
    """The bot looks at the repository."""
    await stage.world.looked(stage.number)


async def look_again(stage: Stage) -> None:
    """The same commit gets another report: the cluster has changed."""
    await stage.world.report_on(stage.number)


async def publish(stage: Stage) -> None:
    """The report is posted without a click, where the settings say so."""
    await publish_report(stage.world.doors, stage.stored)


async def tick(stage: Stage) -> None:
    """Clicks that wait are taken up."""
    await stage.world.tick()
    await stage.world.idle()


async def mend(stage: Stage) -> None:
    """GitHub works again, and clicks that wait are taken up."""
    await clear_faults(origin_of(stage.world.github.standin.html_url))
    await tick(stage)


async def sixteen_minutes_pass(stage: Stage) -> None:
    now = stage.world.doors.clock()
    at(stage.world, now + timedelta(minutes=16))


async def restart(stage: Stage) -> None:
    """The bot is ended in the middle of what it does, and starts anew."""
    await stage.world.restart()


async def forget_reports(stage: Stage) -> None:
    """The retention is over."""
    await stage.world.report_on(stage.number, tell=False)
    await stage.world.doors.store.forget_before(  # type: ignore[attr-defined]  # the service asks the store itself
        stage.world.doors.clock() + timedelta(days=1)
    )


def right(permission: str, login: str = "reviewer") -> Step:
    async def step(stage: Stage) -> None:
        stage.world.github.standin.grant("acme", "fleet", login, permission)

    return step


async def deactivate_reviewer(stage: Stage) -> None:
    stage.world.slack.workspace.users[stage.world.users["reviewer"]].deleted = True


async def slack_knows_nobody(stage: Stage) -> None:
    stage.world.slack.faults.add({"method": "users.info", "kind": "error", "error": "user_not_found"})


async def dismiss_by_hand(stage: Stage) -> None:
    [review] = await stage.world.github.get(f"/pulls/{stage.number}/reviews")
    path = f"/pulls/{stage.number}/reviews/{review['id']}/dismissals"
    await stage.write("PUT", path, "admin", message="no", event="DISMISS")


async def reviews_are_required(stage: Stage) -> None:
    stage.world.github.standin.protect("acme", "fleet", "main", BranchRule(required_approving_review_count=1))


async def bot_is_an_app(stage: Stage) -> None:
    """Reviews of the bot do not count for the rule of the branch."""
    stage.world.github.standin.state.users["gitops-bot"].kind = "Bot"


def replayed(*steps: Step) -> Step:
    """Slack sends the next envelope three times."""

    async def step(stage: Stage) -> None:
        stage.world.slack.sockets.duplicate_next = 2
        for one in steps:
            await one(stage)

    return step


def before(method: str, path: str, *steps: Step) -> Step:
    """When such a request arrives at GitHub, this happens first."""
    return _moment("before", method, path, steps)


def after(method: str, path: str, *steps: Step) -> Step:
    """When such a request is carried out, this happens before its answer is sent."""
    return _moment("after", method, path, steps)


def _moment(when: Any, method: str, path: str, steps: tuple[Step, ...]) -> Step:
    async def step(stage: Stage) -> None:
        async def story() -> None:
            for one in steps:
                await one(stage)

        stage.world.github.standin.moments.at(method, path, story, when=when)

    return step


def fault(kind: str, method: str, path: str, **more: Any) -> Step:
    """From now on, until it is mended (``count=1``: once), such requests go wrong."""

    async def step(stage: Stage) -> None:
        await stage.world.github.fault(**({"kind": kind, "method": method, "path": path, "count": None} | more))

    return step


def at_once(*steps: Step) -> Step:
    """All of these side by side."""

    async def step(stage: Stage) -> None:
        await asyncio.gather(*(one(stage) for one in steps))
        await stage.world.idle()

    return step
