"""A button was pressed: it is stored and acknowledged already; now do it, once, or say why not."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from functools import partial

from gitops_bot import telemetry
from gitops_bot.errors import (
    GitHubRateLimited,
    GitHubUnavailable,
    GitopsBotError,
    SlackRateLimited,
    SlackUnavailable,
    StoreError,
)
from gitops_bot.journeys.act_on_report import act_on_report
from gitops_bot.journeys.approve_commit import withdraw_begun_approval
from gitops_bot.journeys.ask_in_dialog import ask_in_dialog, needs_dialog
from gitops_bot.journeys.diagnose_report import diagnose_report
from gitops_bot.journeys.explain_problem import explain_problem
from gitops_bot.journeys.link_account import link_account
from gitops_bot.journeys.look_on_request import NotLookedYetError, look_on_request
from gitops_bot.journeys.ports import Doors
from gitops_bot.journeys.tell_pull_request import tell_newest_report
from gitops_bot.journeys.vote_on_opinion import vote_on_opinion
from gitops_bot.journeys.whisper import whisper, whisper_once
from gitops_bot.journeys.who_is import github_login_of
from gitops_bot.journeys.write_down import write_down
from gitops_bot.models.chat import Click
from gitops_bot.models.records import StoredClick, StoredReport
from gitops_bot.rules.decisions import ON_A_REPORT, ON_AN_OPINION, Action, Person

log = telemetry.logger(__name__)

# Worth another try at the next tick: nothing is known to have been refused.
_TRANSIENT = (GitHubUnavailable, GitHubRateLimited, SlackUnavailable, SlackRateLimited, StoreError, NotLookedYetError)
# After that the person has moved on: what they wanted then is not carried out behind their back.
_OLDEST = timedelta(minutes=15)

# What is about no report.
_WITHOUT_REPORT: Mapping[str, Callable[[Doors, Click], Awaitable[str]]] = {
    Action.LOOK: look_on_request,
    Action.LINK: link_account,
    Action.EXPLAIN: explain_problem,
}


async def receive_click(doors: Doors, click: Click) -> None:
    """Store a click before it is acknowledged, then put it to work. A replay is dropped here."""
    if not await doors.store.save_click(click, doors.clock()):
        return
    if click.action == Action.LOOK and len(doors.queue.busy_keys) >= doors.review.concurrency:
        doors.clicks.put(f"room for {click.key}", partial(_tell_of_room, doors, click))
    _enqueue(doors, StoredClick(click, doors.clock()))


async def _tell_of_room(doors: Doors, click: Click) -> None:
    await whisper(doors, click, "It is looked at as soon as there is room: others are being looked at just now.")


async def carry_out_waiting_clicks(doors: Doors) -> None:
    """Take up what a stop or an outage left undone."""
    queues = [doors.clicks, doors.queue, doors.linking, *([doors.advice.queue] if doors.advice else [])]
    for stored in await doors.store.waiting_clicks():
        if not any(_queue_key(stored.click) in queue.busy_keys for queue in queues):
            _enqueue(doors, stored)


def _enqueue(doors: Doors, stored: StoredClick) -> None:
    """Carry a click out as soon as there is room."""
    # A look is a review: it takes its place among them, one per pull request at a time.
    # Whoever links an account, or asks a model, takes minutes: no other click waits for that.
    queues = {str(Action.LOOK): doors.queue, str(Action.LINK): doors.linking}
    if doors.advice is not None:
        queues |= {str(Action.DIAGNOSE): doors.advice.queue, str(Action.EXPLAIN): doors.advice.queue}
    queue = queues.get(stored.click.action, doors.clicks)
    queue.put(_queue_key(stored.click), partial(carry_out_click, doors, stored))


def _queue_key(click: Click) -> str:
    return click.value if click.action == Action.LOOK else f"click {click.key}"


async def carry_out_click(doors: Doors, stored: StoredClick) -> None:
    """Do what the button says, and write down what became of it."""
    click = stored.click
    try:
        outcome = await _carried_out_or_given_up(doors, stored)
    except _TRANSIENT as error:
        telemetry.clicks.labels(click.action, "postponed").inc()
        log.warning("a click has to wait", action=click.action, reason=str(error))
        await _tell_to_wait(doors, click, error)
        return
    telemetry.clicks.labels(click.action, outcome.split(":")[0]).inc()
    await doors.store.finish_click(click.key, outcome)


async def _carried_out_or_given_up(doors: Doors, stored: StoredClick) -> str:
    click = stored.click
    try:
        return await _carry_out(doors, stored)
    except _TRANSIENT:
        raise
    except GitopsBotError as error:
        log.warning("a click could not be carried out", action=click.action, reason=str(error))
        words = telemetry.without_tokens(f"That did not work: {error}")
    await _give_up(doors, click, "failed", words)
    return f"failed: {words}"


async def _tell_to_wait(doors: Doors, click: Click, error: GitopsBotError) -> None:
    try:
        minutes = _OLDEST // timedelta(minutes=1)
        words = (
            f"What you pressed has to wait: {error} It is tried again by itself; "
            f"after {minutes} minutes it is given up, and you hear of that too."
        )
        await whisper_once(doors, click, "has to wait", words)
    except StoreError as store_error:
        log.warning("could not tell a person to wait", reason=str(store_error))


async def _carry_out(doors: Doors, stored: StoredClick) -> str:
    click = stored.click
    if click.action == Action.VIEW:
        return "done"
    if doors.clock() - stored.received_at > _OLDEST:
        return await _too_late(doors, stored)
    if click.action in _WITHOUT_REPORT:
        return await _WITHOUT_REPORT[click.action](doors, click)
    return await _about_report(doors, stored)


async def _about_report(doors: Doors, stored: StoredClick) -> str:
    click = stored.click
    report = await doors.store.report(click.value.partition(" ")[0])
    if report is None or click.action not in ON_A_REPORT | ON_AN_OPINION | {Action.DIAGNOSE}:
        await whisper(doors, click, "This button belongs to a report that is not kept any more. Nothing was done.")
        return "refused: unknown report"
    if click.action in ON_AN_OPINION:
        return await vote_on_opinion(doors, stored, report)
    if click.action == Action.DIAGNOSE:
        return await diagnose_report(doors, click, report)
    action, key = Action(click.action), report.report.pull_request.key
    if needs_dialog(click, action, report):
        return await ask_in_dialog(doors, click, action, report)
    # Two people, or a double click: the second sees what the first has done.
    async with doors.one_at_a_time.alone(f"act on {key}"):
        outcome = await act_on_report(doors, click, action, report)
    await tell_newest_report(doors, key)
    return outcome


async def _too_late(doors: Doors, stored: StoredClick) -> str:
    """Give a click up that could not be carried out in time."""
    words = (
        f"What you pressed at {stored.received_at:%H:%M} UTC could not be carried out in time, and is given up: "
        "look at the message as it is now, and press again."
    )
    await _give_up(doors, stored.click, "refused", words)
    return "refused: too late"


async def _give_up(doors: Doors, click: Click, outcome: str, words: str) -> None:
    """Take back what was begun of a click, write down that it came to nothing, and tell who pressed."""
    report = await doors.store.report(click.value.partition(" ")[0]) if click.action in ON_A_REPORT else None
    if report is not None:
        async with doors.one_at_a_time.alone(f"act on {report.report.pull_request.key}"):
            person = await _whoever(doors, click, report)
            if click.action == Action.APPROVE:
                words += await withdraw_begun_approval(doors, person, report)
            await write_down(doors, click, person, report, outcome, words)
    await whisper(doors, click, words)


async def _whoever(doors: Doors, click: Click, report: StoredReport) -> Person:
    """Who pressed, as far as it can be told without asking anybody."""
    try:
        login = await github_login_of(doors, click.user, None, report.report.pull_request.repository)
    except GitopsBotError:
        # The list of people may be the very thing that is broken.
        login = ""
    return Person(click.user, login)
