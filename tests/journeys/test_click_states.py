"""Clicks, pushes, outages and restarts in any order: what may never be, and what must be once all is quiet."""

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
import races
from bot_process import clear_faults, origin_of
from click_world import click_world
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from gitops_bot.models.reports import Verdict
from gitops_bot.sandbox.github.records import PullRequest

PEOPLE = ("author", "reviewer", "admin", "stranger")
# Where a write or the reading around it goes wrong, and how.
PLACES = (
    ("POST", "*/reviews"),
    ("POST", "*/comments"),
    ("PUT", "*/dismissals"),
    ("GET", "/repos/acme/fleet/pulls/[0-9]"),
)
FAULTS = (
    {"kind": "status", "when": "before"},
    {"kind": "status", "when": "after"},
    {"kind": "status", "status": 403},
    {"kind": "reset", "when": "after"},
    {"kind": "html", "when": "after"},
)
# What others do meanwhile.
EVENTS = (races.push, races.push, races.push_back, races.base_moves, races.close, races.close)
TROUBLE = st.one_of(
    st.builds(
        lambda when, place: when(*place, races.push),
        st.sampled_from([races.before, races.after]),
        st.sampled_from(PLACES[:2]),
    ),
    st.builds(
        lambda place, how: races.fault(method=place[0], path=place[1], count=1, **how),
        st.sampled_from(PLACES),
        st.sampled_from(FAULTS),
    ),
    st.builds(races.right, st.sampled_from(["read", "write"]), st.sampled_from(["reviewer", "admin"])),
    st.sampled_from([races.restart, races.tick, races.sixteen_minutes_pass]),
)
# Ticks after which all is quiet, once nothing fails any more.
ENOUGH = 4


class Clicks(RuleBasedStateMachine):
    """One pull request, one bot, four people."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp(prefix="clicks-"))
        self.open = click_world(self.folder)
        self.world = self.run(self.open.__aenter__())
        self.stage = self.run(races.stage_of(self.world))
        # Every state of the message: people may have any of them on their screens.
        self.screens: list[list[dict[str, Any]]] = []
        self.seen()

    def run(self, story: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(story)

    @property
    def pull(self) -> PullRequest:
        return self.world.github.standin.state.repositories["acme/fleet"].pulls[self.stage.number]

    @property
    def messages(self) -> list[Any]:
        messages = self.world.slack.workspace.messages[self.world.channel].values()
        return [message for message in messages if not message.ephemeral_for]

    def seen(self) -> None:
        for message in self.messages:
            if message.blocks and message.blocks not in self.screens:
                self.screens.append(message.blocks)

    @rule(number=st.integers(0, len(EVENTS) - 1), looked=st.booleans())
    def happens(self, number: int, looked: bool) -> None:  # noqa: FBT001 - a rule's arguments have names
        event = EVENTS[number]
        if event is races.close and not self.pull.is_open:
            event = races.reopen
        if event is races.push_back and not self.pull.is_open:
            # GitHub opens nothing again whose branch was force-pushed meanwhile.
            return
        self.run(event(self.stage))
        if looked:
            self.looks(Verdict.CHANGES)

    @rule(who=st.sampled_from(["reviewer", "admin"]))
    def approves(self, who: str) -> None:
        """What matters most, with the button as it is now."""
        if "'action_id': 'approve'" in str(self.messages[0].blocks):
            self.run(self._press(self.messages[0].blocks, [{"action_id": "approve", "user": self.world.users[who]}]))
            self.seen()

    @rule(verdict=st.sampled_from([Verdict.CHANGES, Verdict.CHANGES, Verdict.INCOMPLETE]))
    def looks(self, verdict: Verdict) -> None:
        async def look() -> None:
            await clear_faults(origin_of(self.world.github.standin.html_url))
            await self.world.looked(self.stage.number, verdict)

        self.run(look())
        self.seen()

    @rule(
        logins=st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=2),
        screen=st.integers(0, 3),
        which=st.integers(0, 5),
    )
    def press(self, logins: list[str], screen: int, which: int) -> None:
        """Newest screens and first buttons are pressed most."""
        blocks = self.screens[-1 - screen % len(self.screens)]
        gestures = [
            {"action_id": element["action_id"], "selected_option": option["value"] if option else None}
            for block in blocks
            if block["type"] == "actions"
            for element in block["elements"]
            for option in element.get("options", [None])
            if element["action_id"] != "view" and not (option and option["value"].startswith(("look", "request")))
        ]
        if gestures:
            gesture = gestures[which % len(gestures)]
            self.run(self._press(blocks, [gesture | {"user": self.world.users[login]} for login in logins]))
            self.seen()

    async def _press(self, blocks: list[dict[str, Any]], gestures: list[dict[str, Any]]) -> None:
        await races.press_on(self.stage, blocks, gestures)
        await self.world.idle(60)

    @rule(trouble=TROUBLE)
    def trouble(self, trouble: races.Step) -> None:
        self.run(trouble(self.stage))
        self.seen()

    @invariant()
    def one_of_each(self) -> None:
        live = Counter(review.commit_id for review in self.pull.reviews if review.state == "APPROVED")
        assert all(count == 1 for count in live.values()), f"more than one live approval: {live}"
        assert len(self.pull.comments) <= 1
        assert len(self.messages) == 1

    def teardown(self) -> None:
        try:
            self.run(self._settle())
            self.one_of_each()
            self.run(self._judge())
        finally:
            self.run(self.open.__aexit__(None, None, None))
            self.runner.close()
            shutil.rmtree(self.folder)

    async def _settle(self) -> None:
        """Everything works again."""
        self.world.github.standin.moments.clear()
        if not self.pull.is_open:
            await races.reopen(self.stage)
        await clear_faults(origin_of(self.world.github.standin.html_url))
        for _ in range(ENOUGH):
            await races.tick(self.stage)
            await self.world.looked(self.stage.number)

    async def _judge(self) -> None:
        assert await self.world.doors.store.waiting_clicks() == ()
        assert await self.world.audit_problem() == ""
        rows = await self.world.decisions(self.stage.stored)
        approved = [row for row in rows if (row.action, row.outcome) == ("approve", "done")]
        for row in approved:
            report = await self.world.doors.store.report(row.report_id)
            assert report is not None
            assert report.report.verdict.complete, f"{row} is about a report that is not complete"
            assert report.report.pull_request.head_sha == row.commit
            assert row.report_id in str(self.screens), f"nobody was shown what {row} approves"
            assert row.github_login in {"reviewer", "admin"}
        for review in self.pull.reviews:
            if review.state == "APPROVED":
                assert review.commit_id in {row.commit for row in approved}, "an approval that nobody answers for"
                assert not self.pull.is_open or review.commit_id == self.pull.head_sha, "it outlived its commit"


@pytest.mark.timeout(900)
def test_clicks_in_any_order() -> None:
    run_state_machine_as_test(
        Clicks,
        settings=settings(
            max_examples=20,
            stateful_step_count=15,
            deadline=None,
            derandomize=True,
            database=None,
            # To find the shortest story takes many times as long as to find one: take Phase.shrink in when needed.
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
