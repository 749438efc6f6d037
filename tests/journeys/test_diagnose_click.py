"""*Diagnose* below a report that failed: asked once, said in the thread, within the limits, deciding nothing."""

import secrets
from dataclasses import replace
from pathlib import Path

import pytest
from model_world import ModelWorld, model_world

from gitops_bot.journeys.carry_out_click import receive_click
from gitops_bot.models.chat import Click
from gitops_bot.models.records import EffectState, StoredReport
from gitops_bot.models.reports import Finding, Severity, Verdict
from gitops_bot.sandbox.llm import Answer

REFUSED = Finding(
    "refused",
    Severity.CRITICAL,
    "The API server refuses Deployment/apps/web.",
    "Mend it.",
    detail="spec.selector: field is immutable",
    blocks=True,
)
ANSWER = {"what": "The selector changed.", "why": "It <!channel> is immutable.", "how": "1. Keep it.\n2. Or delete it."}


async def failed(it: ModelWorld, branch: str = "feature") -> StoredReport:
    return await it.world.reported(branch, Verdict.BLOCKED, (REFUSED,))


def thread(it: ModelWorld) -> list[str]:
    """What stands in threads, a text for each message."""
    messages = it.world.slack.workspace.messages[it.world.channel].values()
    return [str(message.blocks) for message in messages if message.thread_ts and message.thread_ts != message.ts]


async def pressed(it: ModelWorld, stored: StoredReport, login: str) -> None:
    await it.world.pressed(stored, "diagnose", login)


async def made_up(it: ModelWorld, stored: StoredReport, login: str) -> None:
    """Press a button that is not there (any more)."""
    posted = await it.world.message(stored.report.pull_request)
    click = Click(secrets.token_hex(8), "diagnose", stored.report_id, it.world.users[login], "T1", posted)
    await receive_click(it.world.doors, click)
    await it.world.settled()


async def test_the_answer_comes_into_the_thread_once_whoever_asks_and_however_often(tmp_path: Path) -> None:
    async with model_world(tmp_path) as it:
        stored = await failed(it)
        assert "diagnose" in it.world.buttons(await it.world.message(stored.report.pull_request))
        it.says(**ANSWER)
        await pressed(it, stored, "nobody")
        [said] = thread(it)
        for words in ("A model's diagnosis", "The selector changed.", "2. Or delete it.", "`small`", "cost 0.1200"):
            assert words in said
        assert "It decides nothing" in said
        # Its words are plain text: nobody is called.
        [section] = [
            block
            for message in it.world.slack.workspace.messages[it.world.channel].values()
            for block in message.blocks or ()
            if "immutable." in str(block)
        ]
        assert section["text"]["type"] == "plain_text"
        assert "spec.selector: field is immutable" in it.prompts()[0]
        assert "A model is asked" in it.world.heard("nobody")[0]
        await pressed(it, stored, "reviewer")
        await it.world.restart()
        await pressed(it, stored, "author")
        assert len(it.model.calls) == 1
        assert thread(it) == [said]
        assert "asked about this report already" in it.world.heard("author")[0]
        assert await it.world.decisions(stored) == ()


async def test_a_stop_between_asking_and_posting_doubles_nothing_and_loses_nothing(tmp_path: Path) -> None:
    async with model_world(tmp_path) as it:
        stored = await failed(it)
        it.says(**ANSWER)
        await pressed(it, stored, "reviewer")
        [effect] = await it.world.doors.store.effects("diagnosis")
        # Killed after the post, before it was written down.
        await it.world.doors.store.save_effect(
            replace(effect, state=EffectState.BEGUN, remote={}), it.world.doors.clock()
        )
        await pressed(it, stored, "reviewer")
        assert len(thread(it)) == 1
        [after] = await it.world.doors.store.effects("diagnosis")
        assert after == effect
        # Killed before the post: the answer is kept, and comes without another question.
        posted = it.world.slack.workspace.messages[it.world.channel]
        del posted[effect.remote["timestamp"]]
        await it.world.doors.store.save_effect(
            replace(effect, state=EffectState.BEGUN, remote={}), it.world.doors.clock()
        )
        await pressed(it, stored, "reviewer")
        assert len(thread(it)) == 1
        assert len(it.model.calls) == 1


async def test_where_there_is_no_answer_the_providers_words_say_why_and_it_may_be_asked_again(tmp_path: Path) -> None:
    async with model_world(tmp_path, "  limits: {pull_request: {calls: 2}}\n") as it:
        stored = await failed(it)
        it.model.script.add(Answer(status=402, message="Your credit of 3 acorns is used up."))
        await pressed(it, stored, "reviewer")
        assert thread(it) == []
        assert "402: Your credit of 3 acorns is used up." in it.world.heard("reviewer")[-1]
        it.says(**ANSWER)
        await pressed(it, stored, "reviewer")
        assert len(thread(it)) == 1
        other = await failed(it, "other")
        it.model.script.add(Answer(text="Hm.", times=2))
        await pressed(it, other, "author")
        assert "twice" in it.world.heard("author")[-1]
        await pressed(it, other, "author")
        assert "(llm.limits)" in it.world.heard("author")[-1]
        assert len(it.model.calls) == 4


async def test_only_what_failed_has_the_button_and_nothing_held_or_outdated_is_sent(tmp_path: Path) -> None:
    async with model_world(tmp_path) as it:
        shown = {}
        for verdict in Verdict:
            stored = await it.world.reported(verdict.value.replace("_", "-"), verdict)
            shown[verdict] = "diagnose" in it.world.buttons(await it.world.message(stored.report.pull_request))
            if not shown[verdict]:
                await made_up(it, stored, "reviewer")
                assert "Nothing was asked." in it.world.heard("reviewer")[-1]
        assert {verdict for verdict, there in shown.items() if there} == {Verdict.BLOCKED, Verdict.INCOMPLETE}
        before = await failed(it)
        await it.world.report_on(before.report.pull_request.number, Verdict.BLOCKED)
        await made_up(it, before, "author")
        assert "read the new report" in it.world.heard("author")[-1]
        assert it.model.calls == []


@pytest.mark.parametrize(("llm", "repositories"), [("", "other/*"), ("  enabled: false\n", "acme/*")])
async def test_no_button_and_no_question_where_it_is_not_allowed(tmp_path: Path, llm: str, repositories: str) -> None:
    async with model_world(tmp_path, llm, repositories=repositories) as it:
        stored = await failed(it)
        assert "diagnose" not in it.world.buttons(await it.world.message(stored.report.pull_request))
        await made_up(it, stored, "reviewer")
        assert "No model is asked about acme/fleet (llm.repositories). Nothing was asked." in it.world.heard("reviewer")
        assert it.model.calls == []
