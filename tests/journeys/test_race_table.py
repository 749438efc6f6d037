"""What GitHub, Slack and the audit trail show when things happen at the same moment, row by row.

One engine, the whole service in between. A row says what happens, in this order, and then:
``reviews``  state and commit of every review on GitHub
``told``     what the people who pressed heard, each by a part of it, in this order
``audit``    action, outcome, person and commit of every row of the trail
``buttons``  which are in the message, of approve and comment
``says``     what stands in the message
The trail's chain holds after each.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click_world import ClickWorld, click_world
from races import (
    Stage,
    Step,
    after,
    at_once,
    base_moves,
    before,
    bot_is_an_app,
    close,
    deactivate_reviewer,
    dismiss_by_hand,
    draft,
    fault,
    forget_reports,
    look,
    look_again,
    mend,
    press,
    press_newest,
    publish,
    push,
    push_back,
    reopen,
    replayed,
    restart,
    retarget,
    reviewer_commits,
    reviews_are_required,
    right,
    sixteen_minutes_pass,
    slack_knows_nobody,
    stage_of,
    tick,
)

REVIEW = ("POST", "*/reviews")
PULL = ("GET", "/repos/acme/fleet/pulls/[0-9]")
DISMISSAL = ("PUT", "*/dismissals")
COMMENT = ("POST", "*/comments")
approve = press("reviewer")


@dataclass(frozen=True)
class Race:
    name: str
    steps: tuple[Step, ...]
    reviews: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    audit: tuple[str, ...] = ()
    buttons: str = "approve comment"
    says: str = ""
    comments: int = 0


APPROVED, DISMISSED = ("APPROVED first",), ("DISMISSED first",)
DONE, REFUSED = ("approve done reviewer first",), ("approve refused reviewer first",)
WITHDRAWN, WITHDRAW = ("approve withdrawn reviewer first",), ("withdraw done reviewer first",)

RACES = (
    Race("nothing happens", (approve,), APPROVED, (), DONE, says="✅ Approved"),
    # The head.
    Race("head moves before the click", (push, approve), (), ("has moved",), REFUSED),
    Race("head moves between read and review", (before(*REVIEW, push), approve), DISMISSED, ("withdrawn",), WITHDRAWN),
    Race(
        "head moves between review and read-back", (after(*REVIEW, push), approve), DISMISSED, ("withdrawn",), WITHDRAWN
    ),
    Race(
        "head moves between review and read-back, and then is looked at",
        (after(*REVIEW, push), approve, look),
        DISMISSED,
        ("withdrawn",),
        WITHDRAWN,
    ),
    Race(
        "head moves before the review and back before the read-back",
        (before(*REVIEW, push), after(*REVIEW, push_back), approve),
        APPROVED,
        (),
        DONE,
    ),
    Race("head moves later", (approve, push, look, look), DISMISSED, (), DONE + WITHDRAW, says="↩️ Withdrawn"),
    Race("force-push back to the old commit, unseen", (approve, push, push_back, look), APPROVED, (), DONE),
    Race(
        "force-push back to the old commit, the new one was seen",
        (approve, push, look, push_back, look),
        DISMISSED,
        (),
        DONE + WITHDRAW,
    ),
    Race(
        "the same commit is approved again after it came back",
        (approve, push, look, push_back, look, press_newest),
        DISMISSED + APPROVED,
        (),
        DONE + WITHDRAW + DONE,
    ),
    Race(
        "an old button of a commit that came back",
        (push, look, push_back, look, approve),
        (),
        ("looked at again since",),
        REFUSED,
    ),
    # The base.
    Race("base moves before the click", (base_moves, approve), (), ("main has moved",), REFUSED),
    Race("base moves between read and review", (before(*REVIEW, base_moves), approve), APPROVED, (), DONE),
    Race("base moves later", (approve, base_moves, look), APPROVED, (), DONE),
    # The pull request.
    Race("closed before the click", (close, approve), (), ("is closed",), REFUSED),
    Race("closed between read and review", (before(*REVIEW, close), approve), DISMISSED, ("withdrawn",), WITHDRAWN),
    Race("closed later", (approve, close, look), APPROVED, (), DONE, buttons=""),
    Race("closed and reopened", (approve, close, look, reopen, look), APPROVED, (), DONE),
    Race(
        "closed, pushed to, reopened",
        (approve, close, look, push, reopen, look),
        DISMISSED,
        (),
        DONE + WITHDRAW,
    ),
    Race(
        "an old button after close and reopen", (close, look, reopen, look, approve), (), ("looked at again",), REFUSED
    ),
    Race("retargeted before the click", (retarget, approve), (), ("now goes to release",), REFUSED),
    Race(
        "retargeted between read and review", (before(*REVIEW, retarget), approve), DISMISSED, ("withdrawn",), WITHDRAWN
    ),
    Race("retargeted later", (approve, retarget, look), DISMISSED, (), DONE + WITHDRAW),
    Race("drafted before the click", (draft, approve), (), ("is a draft",), REFUSED),
    # GitHub merges no draft, and keeps its approvals.
    Race("drafted between read and review", (before(*REVIEW, draft), approve), APPROVED, (), DONE),
    Race("drafted later", (approve, draft, look), APPROVED, (), DONE, buttons="comment"),
    # The button.
    Race(
        "two people at once",
        (press("reviewer", "admin"),),
        APPROVED,
        (),
        ("approve done admin first", "approve done reviewer first"),
    ),
    Race("a double click", (press("reviewer", "reviewer"),), APPROVED, (), DONE + DONE),
    Race("a replayed envelope", (replayed(approve),), APPROVED, (), DONE),
    Race("an old button", (look_again, approve), (), ("looked at again since",), REFUSED),
    Race("a button of a report that is deleted", (forget_reports, approve), (), ("not kept any more",), ()),
    # The person.
    Race("author clicks", (press("author"),), (), ("are the author",), ("approve refused author first",)),
    Race(
        "committer clicks",
        (reviewer_commits, press_newest),
        (),
        ("made a commit",),
        ("approve refused reviewer second",),
    ),
    Race("nobody knows them", (press("nobody"),), (), ("which GitHub account",), ("approve refused ? first",)),
    Race(
        "mapped person without rights",
        (press("stranger"),),
        (),
        ("permission 'none'",),
        ("approve refused stranger first",),
    ),
    Race("rights lost since the message", (right("read"), approve), (), ("permission 'read'",), REFUSED),
    Race(
        "rights lost while the click waits",
        (fault("status", *PULL), approve, right("read"), mend),
        (),
        ("has to wait", "permission 'read'"),
        REFUSED,
    ),
    Race(
        "their Slack account is closed",
        (deactivate_reviewer, approve),
        (),
        (),
        ("approve refused ? first",),
    ),
    # What others do to the approval.
    Race(
        "dismissed by hand, then the head moves", (approve, dismiss_by_hand, push, look), DISMISSED, (), DONE + WITHDRAW
    ),
    Race(
        "dismissed by hand, then approved again",
        (approve, dismiss_by_hand, approve),
        DISMISSED + APPROVED,
        (),
        DONE + DONE,
    ),
    Race(
        "an App's approval does not count",
        (reviews_are_required, bot_is_an_app, approve),
        APPROVED,
        (),
        DONE,
        says="still asks for another review",
    ),
    # The line.
    Race("5xx before the write", (fault("status", *REVIEW), approve, mend), APPROVED, ("has to wait",), DONE),
    Race(
        "5xx after the write", (fault("status", *REVIEW, when="after"), approve, mend), APPROVED, ("has to wait",), DONE
    ),
    Race(
        "the line breaks after the write",
        (fault("reset", *REVIEW, when="after"), approve, mend),
        APPROVED,
        ("has to wait",),
        DONE,
    ),
    Race(
        "timeout after the write",
        (fault("hang", *REVIEW, when="after"), press("reviewer", seconds=60), mend),
        APPROVED,
        ("has to wait",),
        DONE,
    ),
    Race(
        "a page instead of an answer",
        (fault("html", *REVIEW, when="after"), approve, mend),
        APPROVED,
        ("has to wait",),
        DONE,
    ),
    Race(
        "5xx after the write, and the head moves while the click waits",
        (fault("status", *REVIEW, when="after"), approve, push, mend),
        DISMISSED,
        ("has to wait", "under way has been withdrawn"),
        REFUSED,
    ),
    Race(
        "5xx after the write, and it waits for too long",
        (fault("status", *REVIEW, when="after"), approve, sixteen_minutes_pass, mend),
        DISMISSED,
        ("has to wait", "could not be carried out in time"),
        ("approve refused reviewer first",),
    ),
    Race(
        "5xx after the write, and the person's right is gone when it is taken up",
        (fault("status", *REVIEW, when="after"), approve, right("read"), mend),
        DISMISSED,
        ("has to wait", "under way has been withdrawn"),
        REFUSED,
    ),
    Race(
        "5xx after the write, and Slack does not know the person when it is taken up",
        (fault("status", *REVIEW, when="after"), approve, slack_knows_nobody, mend),
        DISMISSED,
        ("has to wait", "under way has been withdrawn"),
        ("approve failed reviewer first",),
    ),
    Race(
        "5xx at the read-back, and the head moves meanwhile",
        (after(*REVIEW, push, fault("status", *PULL)), approve, mend),
        DISMISSED,
        ("has to wait", "under way has been withdrawn"),
        REFUSED,
    ),
    Race(
        "5xx at the dismissal, the tick withdraws",
        (fault("status", *DISMISSAL, count=1), after(*REVIEW, push), approve, look, tick),
        DISMISSED,
        ("has to wait", "has moved"),
        WITHDRAW + REFUSED,
    ),
    Race(
        "GitHub refuses the review",
        (fault("status", *REVIEW, status=422), approve),
        (),
        ("did not work",),
        ("approve failed reviewer first",),
    ),
    Race(
        "GitHub does not let us dismiss it",
        (fault("status", *DISMISSAL, status=403), approve, push, look, look),
        APPROVED,
        (),
        (*DONE, "withdraw failed reviewer first"),
        says="Could not withdraw",
    ),
    Race(
        "5xx after the write, the head moves, and GitHub does not let us dismiss it",
        (
            fault("status", *REVIEW, when="after", count=1),
            fault("status", *DISMISSAL, status=403),
            approve,
            push,
            tick,
            look,
            look,
        ),
        APPROVED,
        ("has to wait", "could not be withdrawn"),
        (*REFUSED, "withdraw failed reviewer first"),
        says="Could not withdraw",
    ),
    Race(
        "5xx after the write, it waits for too long, and GitHub does not let us dismiss it",
        (
            fault("status", *REVIEW, when="after", count=1),
            fault("status", *DISMISSAL, status=403),
            approve,
            sixteen_minutes_pass,
            tick,
            tick,
        ),
        APPROVED,
        ("has to wait", "could not be withdrawn"),
        REFUSED,
    ),
    # The bot itself.
    Race(
        "restarted after the write",
        (fault("status", *REVIEW, when="after"), approve, restart, mend),
        APPROVED,
        ("has to wait",),
        DONE,
    ),
    Race(
        "restarted after the write, and the head moves",
        (fault("status", *REVIEW, when="after"), approve, restart, push, mend),
        DISMISSED,
        ("has to wait", "under way has been withdrawn"),
        REFUSED,
    ),
    Race("restarted, and the head moves later", (approve, restart, push, look), DISMISSED, (), DONE + WITHDRAW),
    # The comment.
    Race(
        "two people post the comment at once",
        (press("reviewer", "stranger", action="comment"),),
        audit=("comment done reviewer first", "comment done stranger first"),
        comments=1,
    ),
    Race(
        "the comment's answer is lost",
        (fault("status", *COMMENT, when="after"), press("reviewer", action="comment"), mend),
        told=("has to wait",),
        audit=("comment done reviewer first",),
        comments=1,
    ),
    Race(
        "posted by a click and by itself at once",
        (at_once(press("reviewer", action="comment"), publish, publish),),
        audit=("comment done reviewer first",),
        comments=1,
    ),
)


@pytest.fixture
async def world(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[ClickWorld]:
    if "timeout" in request.node.name:
        # Whoever waits for less than half a minute finds out the same.
        monkeypatch.setattr("gitops_bot.github.writing._TIMEOUT", 3)
    async with click_world(tmp_path, "publish: {policy: always}\n") as running:
        yield running


@pytest.mark.parametrize("race", RACES, ids=lambda race: race.name)
async def test_race(world: ClickWorld, race: Race) -> None:
    stage = await stage_of(world)
    for step in race.steps:
        await step(stage)
    assert world.github.standin.moments.left() == []
    assert tuple(await stage.reviews()) == race.reviews
    assert tuple(sorted(await stage.audit())) == tuple(sorted(race.audit))
    assert await world.doors.store.waiting_clicks() == ()
    await assert_shown(stage, race)
    assert len(await world.comments(stage.stored)) == race.comments
    assert await world.audit_problem() == ""


async def assert_shown(stage: Stage, race: Race) -> None:
    """Slack: one message, its buttons, and what those who pressed heard."""
    world = stage.world
    heard = [text for login in ("author", "reviewer", "admin", "stranger", "nobody") for text in world.heard(login)]
    assert len(heard) == len(race.told), heard
    for text, words in zip(heard, race.told, strict=True):
        assert words in text
    posted = await world.message(stage.stored.report.pull_request)
    assert world.buttons(posted) & {"approve", "comment"} == set(race.buttons.split())
    assert race.says in world.shown(posted)
    lasting = [one for one in world.slack.workspace.messages[posted.channel].values() if not one.ephemeral_for]
    assert [one.ts for one in lasting] == [posted.timestamp]
