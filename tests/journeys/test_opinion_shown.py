"""An opinion that comes late is put into message, comment and page without doubling; people say what it is worth."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from click_world import at
from model_scene import Scene, finding, review, scene
from waiting import eventually

from gitops_bot.config import load_settings
from gitops_bot.errands import kept_opinion
from gitops_bot.journeys.carry_out_click import carry_out_click
from gitops_bot.journeys.review_by_model import take_up_opinions
from gitops_bot.journeys.tell_pull_request import tell_newest_report
from gitops_bot.models.chat import Click
from gitops_bot.models.opinions import Votes
from gitops_bot.models.records import StoredClick, StoredReport
from gitops_bot.rules.decisions import Action
from gitops_bot.sandbox.llm import Answer

MANY = tuple(finding("Deployment/apps/web", f"Finding number {number}.") for number in range(8))
PUBLISHED = "publish: {policy: always}\n"


def key(it: Scene) -> str:
    return it.stored.report.pull_request.key


async def votes(it: Scene, digest: str = "d1") -> Votes:
    return await it.world.doors.store.votes.of(key(it), digest)


async def pages(it: Scene) -> Mapping[str, str]:
    """The files that stand in the thread, by name."""
    posted = await it.world.message(it.stored.report.pull_request)
    said = it.world.slack.workspace.messages[posted.channel].values()
    return {file.name: (file.content or b"").decode() for message in said for file in message.files}


async def page_stands(it: Scene) -> None:
    async def there() -> bool:
        return bool(await pages(it))

    await eventually(there, "Slack has put the page into the thread")


async def answers_after_the_report(it: Scene, answer: str) -> None:
    """Let the tick tell a report while the model refuses, and again when it answers."""
    it.model.script.add(Answer(status=402, message="Not now.", times=0))
    await it.told()
    await page_stands(it)
    it.model.script.clear()
    it.model.script.add(Answer(text=answer, times=0))
    await it.told()


def writes(it: Scene) -> list[str]:
    """What was written about comments on GitHub."""
    said = it.world.github.standin.requests
    return [one["method"] for one in said if "comments" in one["path"] and one["method"] != "GET"]


async def test_a_comment_that_was_there_first_gets_the_opinion_by_one_edit(tmp_path: Path) -> None:
    async with scene(tmp_path, PUBLISHED) as it:
        it.model.script.add(Answer(status=402, message="Not now."))
        await it.told()
        (before,) = await it.world.comments(it.stored)
        assert "🤖" not in before
        it.model.script.clear()
        it.model.script.add(Answer(text=review(finding("Deployment/apps/web", "One node goes, all goes."))))
        await it.told()
        (after,) = await it.world.comments(it.stored)
        assert "<details><summary>🤖 A model's opinion: worth a look (1 warning)</summary>" in after
        assert "One node goes, all goes." in after
        assert "It decides nothing" in after
        for _ in range(3):
            await it.told()
        assert writes(it) == ["POST", "PATCH"]


async def test_where_nothing_is_published_no_opinion_is(tmp_path: Path) -> None:
    async with scene(tmp_path, "publish: {policy: on_click}\n") as it:
        it.model.script.add(Answer(text=review()))
        await it.told()
        assert await it.world.comments(it.stored) == []
        await it.world.pressed(it.stored, Action.COMMENT, "reviewer", value=it.stored.report_id)
        (comment,) = await it.world.comments(it.stored)
        assert "A model's opinion" in comment


async def test_a_page_gives_its_place_to_one_with_the_opinion_that_the_message_has_no_room_for(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        await answers_after_the_report(it, review(*MANY))
        shown = await it.shown()
        assert "… and 3 more findings, none of them graver: the file in the thread has all" in shown
        assert "Finding number 7." not in shown

        async def one_page() -> bool:
            found = await pages(it)
            return len(found) == 1 and "Finding number 7." in "".join(found.values())

        await eventually(one_page, "the page with the opinion stands alone in the thread")


async def test_a_stop_between_the_new_page_and_the_old_one_is_made_up_for(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.world.slack.faults.add({"method": "chat.delete", "kind": "status"})
        await answers_after_the_report(it, review(*MANY))

        async def two_pages() -> bool:
            return len(await pages(it)) == 2

        await eventually(two_pages, "both pages stand in the thread")
        await it.world.restart()
        await tell_newest_report(it.world.doors, key(it))
        (page,) = (await pages(it)).values()
        assert "Finding number 7." in page


async def test_a_page_that_lacks_nothing_stays_as_it_is(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        await answers_after_the_report(it, review(summary="It scales. It is fine."))
        (page,) = (await pages(it)).values()
        assert "A model&#39;s opinion" not in page
        calls = [call["method"] for call in it.world.slack.workspace.calls]
        assert calls.count("files.completeUploadExternal") == 1
        assert "chat.delete" not in calls


async def test_what_a_stop_kept_from_being_shown_is_shown_after_the_start(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.model.script.add(Answer(text=review(summary="Kept.")))
        it.world.slack.faults.add({"method": "chat.update", "kind": "status", "count": None})
        await it.told()
        assert await it.opinion() is not None
        assert "Kept." not in await it.shown()
        it.world.slack.faults.clear()
        await it.world.restart()
        await take_up_opinions(it.world.doors)
        await it.asked()
        assert "Kept." in await it.shown()
        assert len(it.model.calls) == 1


async def vote(it: Scene, action: Action, login: str, *, report_id: str = "") -> None:
    await it.world.pressed(it.stored, action, login, value=report_id or it.stored.report_id)


async def click_of(it: Scene) -> Click:
    """A click on *Useful* as it comes over the socket."""
    posted = await it.world.message(it.stored.report.pull_request)
    user, now = it.world.users["reviewer"], it.world.doors.clock()
    return Click("k1", "useful", it.stored.report_id, user, "T", posted, at=now)


async def test_each_person_has_one_answer_and_may_change_it(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.model.script.add(Answer(text=review()))
        await it.told()
        assert {"useful", "not_useful"} <= it.world.buttons(await it.world.message(it.stored.report.pull_request))
        assert "found it useful" not in await it.shown()
        await vote(it, Action.USEFUL, "reviewer")
        # Nobody has to be known on GitHub for that, and the author may say it, too.
        await vote(it, Action.USEFUL, "nobody")
        await vote(it, Action.NOT_USEFUL, "author")
        assert await votes(it) == Votes(2, 1)
        assert "2 found it useful, 1 did not" in await it.shown()
        await vote(it, Action.NOT_USEFUL, "reviewer")
        await vote(it, Action.NOT_USEFUL, "reviewer")
        assert await votes(it) == Votes(1, 2)
        assert "1 found it useful, 2 did not" in await it.shown()
        # It is no decision.
        assert await it.world.decisions(it.stored) == ()
        assert await it.world.reviews(it.stored) == []


async def test_strangers_and_guests_have_no_answer(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.model.script.add(Answer(text=review()))
        await it.told()
        it.world.slack.workspace.users[it.world.users["stranger"]].kind = "guest"
        await vote(it, Action.USEFUL, "stranger")
        assert await votes(it) == Votes()
        assert "guest" in it.world.heard("stranger")[-1]


async def test_a_click_that_is_carried_out_again_after_a_crash_takes_no_newer_answer_back(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.model.script.add(Answer(text=review()))
        await it.told()
        click, now = await click_of(it), it.world.doors.clock()
        newer = replace(click, key="k2", action="not_useful", at=now + timedelta(seconds=2))
        for one in (click, newer):
            assert await it.world.doors.store.save_click(one, now)
        await carry_out_click(it.world.doors, StoredClick(newer, now))
        # The first was being carried out when the bot was killed: its row has no outcome.
        await it.world.restart()
        await it.world.tick()
        await it.world.settled()
        assert await votes(it) == Votes(0, 1)
        assert "1 did not find it useful" in await it.shown()


async def test_an_answer_that_slack_kept_from_being_shown_is_kept_and_shown_at_the_next_tick(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.model.script.add(Answer(text=review()))
        await it.told()
        it.world.slack.faults.add({"method": "chat.update", "kind": "status"})
        await it.world.press(it.stored, Action.USEFUL, "reviewer", value=it.stored.report_id)
        await it.world.idle()
        assert await votes(it) == Votes(1, 0)
        await it.world.tick()
        await it.world.settled()
        assert "1 found it useful" in await it.shown()
        assert await votes(it) == Votes(1, 0)


async def test_an_answer_below_an_earlier_report_is_about_that_one(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.model.script.add(Answer(text=review(), times=0))
        await it.told()
        older = it.stored.report_id
        it.stored = StoredReport("the-next-one", it.stored.report)
        record = await it.world.doors.store.pull_request(key(it))
        assert record is not None
        await it.world.doors.store.save_pull_request(
            replace(record, report_id=it.stored.report_id), it.world.doors.clock()
        )
        await it.told(digest="d2")
        await vote(it, Action.USEFUL, "reviewer", report_id=older)
        assert (await votes(it, "d1"), await votes(it, "d2")) == (Votes(1, 0), Votes())
        assert "found it useful" not in await it.shown()


async def test_where_there_is_no_review_nobody_is_asked(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.model.script.add(Answer(status=402, message="Not now.", times=0))
        await it.told()
        assert "useful" not in it.world.buttons(await it.world.message(it.stored.report.pull_request))
        await carry_out_click(it.world.doors, StoredClick(await click_of(it), it.world.doors.clock()))
        assert await votes(it) == Votes()
        assert "This opinion is not kept any more." in it.world.heard("reviewer")[-1]


async def test_an_answer_that_could_not_be_kept_in_time_is_given_up_and_told(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.model.script.add(Answer(text=review()))
        await it.told()
        click, now = await click_of(it), it.world.doors.clock()
        at(it.world, now + timedelta(hours=1))
        await carry_out_click(it.world.doors, StoredClick(click, now))
        assert await votes(it) == Votes()
        assert "could not be carried out in time" in it.world.heard("reviewer")[-1]


async def test_a_diff_on_the_same_database_shows_what_was_said_of_this_very_report(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.model.script.add(Answer(text=review(summary="Said before.")))
        await it.told()
        settings = load_settings(it.world.settings)
        report = replace(it.stored.report, digest="d1")
        kept = await kept_opinion(settings, report)
        assert kept is not None
        assert kept == await it.opinion()
        assert await kept_opinion(settings, replace(report, digest="d2")) is None
        elsewhere = settings.model_copy(update={"store": settings.store.model_copy(update={"folder": tmp_path / "x"})})
        assert await kept_opinion(elsewhere, report) is None
        assert not (tmp_path / "x").exists()
        off = settings.model_copy(update={"llm": settings.llm.model_copy(update={"enabled": False})})
        assert await kept_opinion(off, report) is None
