"""*Diagnose* below what keeps the bot from looking at a repository: only where a model may be asked about that."""

from pathlib import Path

from click_world import FLEET
from model_world import ModelWorld, model_world

from gitops_bot.errors import GitHubRefused
from gitops_bot.journeys.report_problem import problem_began, problem_ended
from gitops_bot.journeys.show_message import shown_message
from gitops_bot.models.chat import PostedMessage
from gitops_bot.sandbox.llm import Answer

SUBJECT = "repository acme/fleet"
ANSWER = {"what": "The token may not read it.", "why": "GitHub says 403.", "how": "Give it contents: read."}


async def told(it: ModelWorld, words: str, *, of_the_repository: bool = True) -> PostedMessage:
    """Let a problem be told; gives its message."""
    doors = it.world.doors
    await problem_began(doors, SUBJECT, GitHubRefused(words), repository=FLEET if of_the_repository else None)
    [key] = [key for key in await doors.chat.known_messages(doors.channel) if "|problem|" in key]
    posted = await shown_message(doors, doors.channel, key)
    assert posted is not None
    return posted


async def pressed(it: ModelWorld, posted: PostedMessage, login: str) -> None:
    gesture = {"user": it.world.users[login], "channel": posted.channel, "ts": posted.timestamp, "action_id": "explain"}
    answer = await it.world.slack.interactions.click(gesture)
    assert answer["acknowledged"], answer
    await it.world.settled()


def thread(it: ModelWorld) -> list[str]:
    messages = it.world.slack.workspace.messages[it.world.channel].values()
    return [str(message.blocks) for message in messages if message.thread_ts and message.thread_ts != message.ts]


async def test_a_model_explains_a_problem_once_for_its_words_and_anew_for_others(tmp_path: Path) -> None:
    async with model_world(tmp_path) as it:
        posted = await told(it, "403: Resource not accessible (ghp_0123456789abcdefghijABCDEFGHIJ012345)")
        it.model.script.add(Answer(status=402, message="Your credit of 3 acorns is used up."))
        await pressed(it, posted, "author")
        assert thread(it) == []
        assert "3 acorns" in it.world.heard("author")[-1]
        it.says(**ANSWER)
        await pressed(it, posted, "reviewer")
        await pressed(it, posted, "author")
        [said] = thread(it)
        assert "A model's diagnosis" in said
        assert "Give it contents: read." in said
        assert "asked about this already" in it.world.heard("author")[-1]
        prompt = it.prompts()[-1]
        assert "403: Resource not accessible" in prompt
        assert "acme/fleet" in prompt
        assert "ghp_" not in prompt
        assert len(it.model.calls) == 2
        it.says(**ANSWER)
        assert await told(it, "404: Not Found") == posted
        await pressed(it, posted, "reviewer")
        assert len(thread(it)) == 2
        assert "404: Not Found" in it.prompts()[-1]
        # Over: the button is gone, and so is what it was about.
        await problem_ended(it.world.doors, SUBJECT)
        assert it.world.buttons(posted) == set()
        assert await it.world.doors.store.effects("problem") == ()


async def test_what_is_about_no_named_repository_has_no_button(tmp_path: Path) -> None:
    async with model_world(tmp_path) as it:
        assert it.world.buttons(await told(it, "403: no", of_the_repository=False)) == set()
        assert await it.world.doors.store.effects("problem") == ()
        posted = await told(it, "403: no, again")
        assert it.world.buttons(posted) == {"explain"}
        # The administrator has changed their mind since the button was shown.
        settings = it.world.settings.read_text(encoding="utf-8")
        it.world.settings.write_text(settings.replace("['acme/*']", "['other/*']"), encoding="utf-8")
        await it.world.restart()
        await pressed(it, posted, "reviewer")
        assert "No model is asked about acme/fleet (llm.repositories). Nothing was asked." in it.world.heard("reviewer")
        assert it.model.calls == []
