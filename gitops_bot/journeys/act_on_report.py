"""Carry out what a button below a report says: judge with fresh facts, do it, write it down."""

from dataclasses import replace
from functools import partial

from gitops_bot.errors import GitHubRefused, GitHubRejected
from gitops_bot.journeys.approve_commit import approve_commit, withdraw_begun_approval
from gitops_bot.journeys.change_record import change_record
from gitops_bot.journeys.gate_due import let_gate_look
from gitops_bot.journeys.judge_click import Judgement, judge_click
from gitops_bot.journeys.merge_pull_request import merge_pull_request, was_merged_by_us
from gitops_bot.journeys.ports import Doors
from gitops_bot.journeys.post_comment import post_comment
from gitops_bot.journeys.request_changes import request_changes
from gitops_bot.journeys.review_pull_request import review_pull_request, review_subject
from gitops_bot.journeys.say_command import say_command
from gitops_bot.journeys.whisper import whisper
from gitops_bot.journeys.write_down import write_down
from gitops_bot.models.chat import Click
from gitops_bot.models.records import Progress, StoredReport
from gitops_bot.rules.decisions import Action
from gitops_bot.views.slack_dialogs import REASON


async def act_on_report(doors: Doors, click: Click, action: Action, stored: StoredReport) -> str:
    """Do it, or say why not; gives the outcome: "done", "withdrawn", "failed" or "refused: …".

    The caller lets nobody else act on the same pull request meanwhile.
    """
    pull = stored.report.pull_request
    made = [one for one in await doors.store.decisions(pull.key) if one.click == click.key]
    if made:
        # Carried out before a crash, and written down; only what follows from it may be missing.
        await _follow_up(doors, action, stored, made[0].outcome)
        return made[0].outcome
    judged = await judge_click(doors, click, action, stored)
    if judged.refusal and not (action is Action.MERGE and await was_merged_by_us(doors, stored, judged.now, click.key)):
        return await _refused(doors, click, action, stored, judged)
    try:
        outcome, words = await _do(doors, click, action, stored, judged)
    except (GitHubRejected, GitHubRefused) as error:
        outcome, words = "failed", f"That did not work: {error}"
    await write_down(doors, click, judged.person, stored, outcome, words)
    await _follow_up(doors, action, stored, outcome)
    if outcome != "done":
        await whisper(doors, click, words)
    return outcome


async def _refused(doors: Doors, click: Click, action: Action, stored: StoredReport, judged: Judgement) -> str:
    refusal = judged.refusal
    if action is Action.APPROVE:
        refusal += await withdraw_begun_approval(doors, judged.person, stored)
    await write_down(doors, click, judged.person, stored, "refused", refusal)
    await whisper(doors, click, refusal)
    return f"refused: {refusal}"


async def _do(doors: Doors, click: Click, action: Action, stored: StoredReport, judged: Judgement) -> tuple[str, str]:
    """Do it; gives the outcome and what is to be remembered of it in words."""
    if action is Action.COMMENT:
        return "done", await post_comment(doors, stored)
    if action is Action.APPROVE:
        return await approve_commit(doors, judged.person, stored)
    if action is Action.REQUEST_CHANGES:
        return await request_changes(doors, judged.person, stored, click.inputs.get(REASON, ""))
    if action is Action.MERGE:
        return await merge_pull_request(doors, stored, judged.now, click.key)
    if action is Action.SAY:
        return await say_command(doors, click, stored)
    # Trust, hold and release: the decision itself is what everything else asks for.
    return "done", ""


async def _follow_up(doors: Doors, action: Action, stored: StoredReport, outcome: str) -> None:
    """Do what a decision brings about once it is written down. Doing it again does no harm."""
    key = stored.report.pull_request.key
    if action is not Action.COMMENT:
        # What a person decides comes before what the gate has come to.
        await let_gate_look(doors, stored.report.pull_request)
    if action is not Action.TRUST or outcome != "done":
        return
    await change_record(doors, key, lambda now: replace(now, progress=Progress.WAITING, failures=0))
    doors.patience.go_on(review_subject(key))
    doors.queue.put(key, partial(review_pull_request, doors, key), owner=stored.report.pull_request.author)
