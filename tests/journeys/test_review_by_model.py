"""A model's opinion comes after the report, once for each report, only where it is allowed, and decides nothing."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sample_reports as samples
from model_scene import LONG_AGO, finding, review, scene
from waiting import eventually

from gitops_bot.config import load_settings
from gitops_bot.errands import ask_once, prompt_once
from gitops_bot.errors import ModelError, SettingsError
from gitops_bot.journeys.progress_board import ProgressBoard
from gitops_bot.journeys.review_pull_request import tell_kept_report
from gitops_bot.models.opinions import Usage
from gitops_bot.models.records import Progress, StoredReport
from gitops_bot.models.reports import Verdict
from gitops_bot.sandbox.llm import Answer


async def test_the_report_is_told_first_and_the_opinion_is_put_into_the_same_message(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        seen: list[str] = []

        def answer(_request: Any) -> Answer:
            posted = it.world.slack.workspace.messages[it.world.channel]
            seen.extend(str(message.blocks) for message in posted.values() if message.blocks)
            known = finding("Deployment/apps/web", "One node goes, all goes.")
            unknown = finding("Secret/prod/master-key", "It leaks.")
            return Answer(text=review(known, unknown), prompt_tokens=1_000_000, completion_tokens=100_000)

        it.model.script.model = answer
        await it.told()
        # While the model was asked people had the report already, without a word of it.
        assert len(seen) == 1
        assert "shop/web:1.9.0" in seen[0]
        assert "opinion" not in seen[0]
        after = await it.shown()
        assert "A model's opinion: worth a look" in after
        assert "It scales. It is fine." in after
        assert "More." not in after
        assert "Deployment/apps/web: One node goes, all goes.\\n   → Look." in after
        assert "master-key" not in after
        assert "1 finding about what it was not shown left out" in after
        assert "`small`" in after
        assert "cost 1.2000" in after
        assert "shop/web:1.9.0" in after
        assert await it.used() == Usage(1, 1_000_000, 100_000, pytest.approx(1.2))


async def test_one_report_is_reviewed_once_and_the_next_one_again(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.model.script.add(Answer(text=review(summary="The first.")))
        it.model.script.add(Answer(text=review(summary="The second.")))
        for _ in range(3):
            await it.told()
        assert len(it.model.calls) == 1
        assert "The first." in await it.shown()
        await it.told(digest="d2")
        assert len(it.model.calls) == 2
        # What was said of the report before is not said of this one.
        assert "The first." not in await it.shown()
        assert "The second." in await it.shown()


@pytest.mark.parametrize("llm", ["  enabled: false\n", ""])
async def test_nothing_leaves_where_it_is_not_allowed(tmp_path: Path, llm: str) -> None:
    async with scene(tmp_path, llm, repositories="acme/*" if llm else "other/*") as it:
        await it.told()
        assert it.model.calls == []
        assert "opinion" not in await it.shown()


async def test_a_held_pull_request_is_shown_to_no_model(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        await it.told(samples.held_report())
        assert it.world.doors.advice is not None
        assert it.model.calls == []


async def test_a_model_that_is_gone_costs_a_line_and_is_tried_again_a_few_times(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.model.script.add(Answer(status=402, message="Your *credit* is <used> up.", times=0))
        await it.told()
        shown = await it.shown()
        assert "No review by a model: small at 127.0.0.1 answered 402: Your *credit* is <used> up." in shown
        assert "shop/web:1.9.0" in shown
        for _ in range(5):
            await it.told()
        assert len(it.model.calls) == 3
        it.model.script.clear()
        await it.told(digest="d2")
        assert "No review" not in await it.shown()


async def test_a_budget_that_is_used_up_is_told(tmp_path: Path) -> None:
    async with scene(tmp_path, "  limits: {month: {calls: 1}}\n") as it:
        it.model.script.add(Answer(text="{}", times=0))
        await it.told()
        # The first answer did not fit, and nothing was left for its repair.
        assert len(it.model.calls) == 1
        shown = await it.shown()
        assert "The limit for one month would be passed: calls (2 of 1) (llm.limits)." in shown


async def test_an_approval_of_a_model_changes_no_verdict_no_button_and_no_decision(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        await it.told(digest="d0")
        before = it.world.buttons(await it.world.message(it.stored.report.pull_request))
        it.model.script.add(Answer(text=review(judgement="approve", summary="Approved. Merge it.")))
        await it.told()
        shown = await it.shown()
        assert "no objection" in shown
        assert it.world.buttons(await it.world.message(it.stored.report.pull_request)) == before
        assert await it.world.decisions(it.stored) == ()
        assert await it.world.reviews(it.stored) == []


async def test_after_a_partial_view_no_objection_is_only_to_what_was_seen(tmp_path: Path) -> None:
    async with scene(tmp_path, "  prompt_characters: 4000\n") as it:
        it.model.script.add(Answer(text=review(judgement="approve")))
        await it.told(samples.large_report())
        shown = await it.shown()
        assert "no objection to what it saw" in shown
        assert "It did not see" in shown
        assert len(it.model.calls[0]["body"]["messages"][1]["content"]) <= 4000


async def test_what_a_kill_left_reserved_stays_counted_and_the_next_look_asks(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        advice = it.world.doors.advice
        assert advice is not None
        # A kill between the reservation and the answer leaves exactly this.
        left = Usage(1, 10, 10, 0.5)
        await it.world.doors.store.spend.reserve("acme/fleet#1", "small", left, at=LONG_AGO, limits=advice.limits)
        await it.world.restart()
        assert await it.used() == left
        it.model.script.add(Answer(text=review(summary="At last.")))
        await it.told()
        assert "At last." in await it.shown()


async def test_a_stop_while_the_model_thinks_is_settled_at_the_most_it_can_have_cost(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.model.script.add(Answer(text=review(), delay=60))
        doors, pull = it.world.doors, it.stored.report.pull_request
        report = replace(samples.changes_report(), pull_request=pull, digest="d1")
        record = await doors.store.pull_request(pull.key)
        assert record is not None
        await doors.store.save_report(StoredReport(it.stored.report_id, report), record.work_key)
        await doors.store.save_pull_request(replace(record, progress=Progress.WAITING), doors.clock())
        await tell_kept_report(doors, pull.key)

        async def reserved() -> bool:
            return (await it.used()).calls == 1

        await eventually(reserved, "the call is reserved")
        await it.world.restart()
        used = await it.used()
        assert (used.calls, used.answer_tokens) == (1, 4000)
        assert used.prompt_tokens > 100
        assert await it.opinion() is None


async def test_a_blocked_report_is_reviewed_too(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        report = samples.blocked_report()
        assert report.verdict is Verdict.BLOCKED
        await it.told(report)
        prompt = it.model.calls[0]["body"]["messages"][1]["content"]
        assert "What fixed rules and the API server say about it" in prompt
        assert "Not in here: what the program could not render" in prompt


async def test_show_prompt_sends_nothing_and_a_repository_that_is_not_named_is_refused(tmp_path: Path) -> None:
    async with scene(tmp_path, repositories="other/*") as it:
        settings, pull = load_settings(it.world.settings), it.stored.report.pull_request
        board = ProgressBoard(shown=False, quiet=True)
        text = await prompt_once(settings, pull.repository, pull.number, board)
        assert "You review a change" in text
        assert f"pull request: acme/fleet#{pull.number}" in text
        # The cluster of this world does not answer: that is said, too.
        assert "Not in here: what the program could not render" in text
        assert "(It would not be sent. There is nothing to review: acme/fleet#1 changes nothing here.)" in text
        assert "(It would not be sent. llm.repositories does not name acme/fleet" in text
        with pytest.raises(SettingsError, match=r"llm\.repositories does not name acme/fleet"):
            await ask_once(settings, pull.repository, pull.number, board)
        assert it.model.calls == []


async def test_where_nothing_was_found_out_there_is_nothing_to_ask(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        settings, pull = load_settings(it.world.settings), it.stored.report.pull_request
        with pytest.raises(ModelError, match="nothing to review"):
            await ask_once(settings, pull.repository, pull.number, ProgressBoard(shown=False, quiet=True))
        assert it.model.calls == []
