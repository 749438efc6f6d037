"""A button was pressed: it is stored and acknowledged already; now do it, once, or say why not."""

from dataclasses import replace
from functools import partial

from gitops_bot import telemetry
from gitops_bot.errors import (
    GitHubError,
    GitHubRateLimited,
    GitHubUnavailable,
    GitopsBotError,
    SlackError,
    SlackRateLimited,
    SlackUnavailable,
    StoreError,
)
from gitops_bot.journeys.keys import approval_marker, comment_marker
from gitops_bot.journeys.ports import Doors
from gitops_bot.journeys.review_pull_request import review_pull_request
from gitops_bot.journeys.tell_pull_request import tell_newest_report
from gitops_bot.models.chat import Click
from gitops_bot.models.pull_requests import PullRequest
from gitops_bot.models.records import Decision, Effect, EffectState, Progress, StoredClick, StoredReport
from gitops_bot.rules import decisions
from gitops_bot.rules.decisions import Action, Person
from gitops_bot.views import github_comment

log = telemetry.logger(__name__)

# Worth another try at the next tick: nothing is known to have been refused.
_TRANSIENT = (GitHubUnavailable, GitHubRateLimited, SlackUnavailable, SlackRateLimited, StoreError)


async def receive_click(doors: Doors, click: Click) -> None:
    """Store a click before it is acknowledged, then put it to work. A replay is dropped here."""
    if await doors.store.save_click(click, doors.clock()):
        enqueue_click(doors, StoredClick(click, doors.clock()))


def enqueue_click(doors: Doors, stored: StoredClick) -> None:
    """Carry a click out as soon as there is room; clicks of one message follow one another."""
    message = stored.click.message
    doors.queue.put(f"click {stored.click.key} {message.timestamp}", partial(carry_out_click, doors, stored))


async def carry_out_waiting_clicks(doors: Doors) -> None:
    """Take up what a stop or an outage left undone."""
    for stored in await doors.store.waiting_clicks():
        if not any(stored.click.key in key for key in doors.queue.busy_keys):
            enqueue_click(doors, stored)


async def carry_out_click(doors: Doors, stored: StoredClick) -> None:
    """Do what the button says, and write down what became of it."""
    click = stored.click
    try:
        outcome = await _carry_out(doors, click)
    except _TRANSIENT as error:
        telemetry.clicks.labels(click.action, "postponed").inc()
        log.warning("a click has to wait", action=click.action, reason=str(error))
        return
    except GitopsBotError as error:
        log.warning("a click could not be carried out", action=click.action, reason=str(error))
        await _whisper(doors, click, f"That did not work: {error}")
        outcome = f"failed: {error}"
    telemetry.clicks.labels(click.action, outcome.split(":")[0]).inc()
    await doors.store.finish_click(click.key, outcome)


async def _carry_out(doors: Doors, click: Click) -> str:
    if click.action == Action.VIEW:
        return "done"
    if click.action == Action.LOOK:
        return await _look(doors, click)
    stored = await doors.store.report(click.value)
    if stored is None or click.action not in {Action.COMMENT, Action.APPROVE}:
        await _whisper(doors, click, "This button belongs to a report that is not kept any more. Nothing was done.")
        return "refused: unknown report"
    action, key = Action(click.action), stored.report.pull_request.key
    # Two people, or a double click: the second sees what the first has done.
    async with doors.one_at_a_time.alone(f"act on {key}"):
        outcome = await _act(doors, click, action, stored)
    await tell_newest_report(doors, key)
    return outcome


async def _act(doors: Doors, click: Click, action: Action, stored: StoredReport) -> str:
    """Judge with fresh facts, then do it, or say why not."""
    pull = stored.report.pull_request
    now = await doors.github.pull_request(pull.repository, pull.number)
    person = await _person(doors, click, action, now)
    refusal = decisions.refusal(action, person, stored.report, now) or await _superseded(doors, action, stored)
    if refusal:
        if action is Action.APPROVE and await _withdraw_begun_approval(doors, stored):
            refusal += " An approval that was under way has been withdrawn."
        await _decided(doors, click, person, stored, "refused", refusal)
        await _whisper(doors, click, refusal)
        return f"refused: {refusal}"
    outcome, words = await (_comment if action is Action.COMMENT else _approve)(doors, person, stored)
    await _decided(doors, click, person, stored, outcome, words)
    if outcome != "done":
        await _whisper(doors, click, words)
    return outcome


async def _superseded(doors: Doors, action: Action, stored: StoredReport) -> str:
    """Say that the person pressed on a report that is not the newest; "" when it is."""
    pull = stored.report.pull_request
    record = await doors.store.pull_request(pull.key)
    if record is None or record.report_id != stored.report_id:
        return f"{pull.repository}#{pull.number} has been looked at again since: read the new report. Nothing was done."
    if action is Action.APPROVE:
        tip = await doors.github.branch_tip(pull.repository, pull.base_ref)
        if tip != stored.report.base_tip:
            return (
                f"{pull.base_ref} has moved to {tip[:7]} since this report was made. Nothing was done; "
                "the message tells in a moment what the merge does now."
            )
    return ""


async def _withdraw_begun_approval(doors: Doors, stored: StoredReport) -> bool:
    """An approval that was sent before a crash may stand on a commit that is not the head any more."""
    pull = stored.report.pull_request
    known = await doors.store.effect("approval", _approval_target(doors, stored))
    if known is None or known.state is not EffectState.BEGUN:
        return False
    review = await doors.github.find_approval(pull.repository, pull.number, approval_marker(doors, pull.head_sha))
    if review is None:
        return False
    await doors.github.dismiss(
        pull.repository, pull.number, review.review_id, "The pull request changed while it was being approved."
    )
    return True


def _approval_target(doors: Doors, stored: StoredReport) -> str:
    pull = stored.report.pull_request
    return f"{doors.identity}|{pull.key}@{pull.head_sha}"


async def _person(doors: Doors, click: Click, action: Action, now: PullRequest) -> Person:
    login = decisions.github_login(doors.people, click.user)
    if action is not Action.APPROVE or not login:
        return Person(click.user, login)
    return Person(click.user, login, await doors.github.permission(now.repository, login))


async def _comment(doors: Doors, _person: Person, stored: StoredReport) -> tuple[str, str]:
    """Write the comment, or edit the one that is there."""
    pull = stored.report.pull_request
    marker = comment_marker(doors)
    body = github_comment.comment(stored.report, marker=marker)
    target = f"{doors.identity}|{pull.key}"
    await doors.store.save_effect(Effect("comment", target, stored.report.digest, EffectState.BEGUN), doors.clock())
    ours = await doors.github.find_comment(pull.repository, pull.number, marker)
    if ours is None:
        ours = await doors.github.create_comment(pull.repository, pull.number, body)
    elif ours.body != body:
        ours = await doors.github.edit_comment(pull.repository, ours.comment_id, body)
    remote = {"id": str(ours.comment_id), "url": ours.html_url}
    await doors.store.save_effect(
        Effect("comment", target, stored.report.digest, EffectState.DONE, remote), doors.clock()
    )
    return "done", ours.html_url


async def _approve(doors: Doors, person: Person, stored: StoredReport) -> tuple[str, str]:
    """Approve the commit that was shown; take it back when the head moved at the same moment."""
    pull = stored.report.pull_request
    marker = approval_marker(doors, pull.head_sha)
    target = _approval_target(doors, stored)
    await doors.store.save_effect(Effect("approval", target, stored.report.digest, EffectState.BEGUN), doors.clock())
    review = await doors.github.find_approval(pull.repository, pull.number, marker)
    if review is None:
        body = github_comment.approval_body(stored.report, person=person.github_login, marker=marker)
        review = await doors.github.approve(pull.repository, pull.number, pull.head_sha, body)
    # GitHub takes ``commit_id`` as attribution, not as a condition: the head may have moved in between.
    after = await doors.github.pull_request(pull.repository, pull.number)
    if (after.head_sha, after.base_ref, after.state) != (pull.head_sha, pull.base_ref, "open"):
        await doors.github.dismiss(
            pull.repository,
            pull.number,
            review.review_id,
            f"The pull request changed while {pull.head_sha} was being approved; its head is {after.head_sha}.",
        )
        return "withdrawn", f"It changed at the same moment (head {after.head_sha[:7]}): the approval is withdrawn."
    remote = {"id": str(review.review_id), "url": review.html_url}
    await doors.store.save_effect(
        Effect("approval", target, stored.report.digest, EffectState.DONE, remote), doors.clock()
    )
    try:
        decision = await doors.github.review_decision(pull.repository, pull.number)
    except GitHubError as error:
        # The approval stands, whatever keeps GitHub from saying what it is worth.
        log.warning("could not learn whether an approval counts", pull_request=pull.key, reason=str(error))
        return "done", "whether GitHub counts it could not be learned"
    return "done", github_comment.what_github_makes_of_it(decision)


async def _look(doors: Doors, click: Click) -> str:
    """Look at a pull request that was open at the first start, because somebody asks for it."""
    record = await doors.store.pull_request(click.value)
    if record is None or record.pull_request.state != "open":
        await _whisper(doors, click, "That pull request is not open any more.")
        return "refused: not open"
    waiting = replace(record, progress=Progress.WAITING, failures=0)
    await doors.store.save_pull_request(waiting, doors.clock())
    doors.queue.put(click.value, partial(review_pull_request, doors, click.value))
    return "done"


async def _decided(
    doors: Doors, click: Click, person: Person, stored: StoredReport, outcome: str, message: str
) -> None:
    pull = stored.report.pull_request
    await doors.store.record_decision(
        Decision(
            pull_request=pull.key,
            action=click.action,
            outcome=outcome,
            slack_user=click.user,
            github_login=person.github_login,
            commit=pull.head_sha,
            report_id=stored.report_id,
            click=click.key,
            at=doors.clock(),
            message=message,
            report_digest=stored.report.digest,
        )
    )


async def _whisper(doors: Doors, click: Click, text: str) -> None:
    try:
        await doors.chat.whisper(click.message.channel, click.user, text)
    except SlackError as error:
        log.warning("could not tell a person why nothing was done", user=click.user, reason=str(error))
