"""Carry out what a button below a report says: judge with fresh facts, do it, write it down."""

from dataclasses import replace
from functools import partial

from gitops_bot.journeys.approve_commit import approve_commit, withdraw_begun_approval
from gitops_bot.journeys.change_record import change_record
from gitops_bot.journeys.ports import Doors
from gitops_bot.journeys.post_comment import post_comment
from gitops_bot.journeys.review_pull_request import review_pull_request, review_subject
from gitops_bot.journeys.whisper import whisper
from gitops_bot.models.chat import Click
from gitops_bot.models.pull_requests import PullRequest
from gitops_bot.models.records import Decision, Progress, StoredReport
from gitops_bot.rules import decisions
from gitops_bot.rules.decisions import NEEDS_A_RIGHT, Action, Person
from gitops_bot.rules.trust import released_commits


async def act_on_report(doors: Doors, click: Click, action: Action, stored: StoredReport) -> str:
    """Do it, or say why not; gives the outcome: "done", "withdrawn" or "refused: …".

    The caller lets nobody else act on the same pull request meanwhile.
    """
    pull = stored.report.pull_request
    made = [one for one in await doors.store.decisions(pull.key) if one.click == click.key]
    if made:
        # Carried out before a crash, and written down; only what follows from it may be missing.
        await _follow_up(doors, action, stored, made[0].outcome)
        return made[0].outcome
    now = await doors.github.pull_request(pull.repository, pull.number)
    person = await _person(doors, click, action, now)
    refusal = decisions.refusal(action, person, stored.report, now, doors.decision_policy)
    refusal = refusal or await _overtaken(doors, action, stored)
    if refusal:
        if action is Action.APPROVE and await withdraw_begun_approval(doors, stored):
            refusal += " An approval that was under way has been withdrawn."
        await _decided(doors, click, person, stored, "refused", refusal)
        await whisper(doors, click, refusal)
        return f"refused: {refusal}"
    outcome, words = await _do(doors, action, person, stored)
    await _decided(doors, click, person, stored, outcome, words)
    await _follow_up(doors, action, stored, outcome)
    if outcome != "done":
        await whisper(doors, click, words)
    return outcome


async def _do(doors: Doors, action: Action, person: Person, stored: StoredReport) -> tuple[str, str]:
    if action is Action.COMMENT:
        return "done", await post_comment(doors, stored)
    if action is Action.APPROVE:
        return await approve_commit(doors, person, stored)
    # Action.TRUST: the decision itself is what the next review asks for.
    return "done", ""


async def _follow_up(doors: Doors, action: Action, stored: StoredReport, outcome: str) -> None:
    """Do what a decision brings about once it is written down. Doing it again does no harm."""
    key = stored.report.pull_request.key
    if action is not Action.TRUST or outcome != "done":
        return
    await change_record(doors, key, lambda now: replace(now, progress=Progress.WAITING, failures=0))
    doors.patience.go_on(review_subject(key))
    doors.queue.put(key, partial(review_pull_request, doors, key))


async def _person(doors: Doors, click: Click, action: Action, now: PullRequest) -> Person:
    """Ask who pressed, and what they may do at this moment."""
    login = decisions.github_login(doors.people, click.user)
    if action not in NEEDS_A_RIGHT:
        return Person(click.user, login)
    outsider = decisions.why_outsider(await doors.chat.person(click.user), await doors.chat.identity())
    if outsider or not login:
        return Person(click.user, login, outsider=outsider)
    return Person(click.user, login, await doors.github.permission(now.repository, login))


async def _overtaken(doors: Doors, action: Action, stored: StoredReport) -> str:
    """Say what happened since the report that the person saw; "" when it is the newest, or that does not matter."""
    pull = stored.report.pull_request
    name = f"{pull.repository}#{pull.number}"
    if action is Action.TRUST:
        released = released_commits(await doors.store.decisions(pull.key))
        return f"{name} has been let through already, for this commit." if pull.head_sha in released else ""
    record = await doors.store.pull_request(pull.key)
    if record is None or record.report_id != stored.report_id:
        return f"{name} has been looked at again since: read the new report. Nothing was done."
    if action is Action.APPROVE:
        tip = await doors.github.branch_tip(pull.repository, pull.base_ref)
        if tip != stored.report.base_tip:
            return (
                f"{pull.base_ref} has moved to {tip[:7]} since this report was made. Nothing was done; "
                "the message tells in a moment what the merge does now."
            )
    return ""


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
