"""What the gate has to know beside the report: asked anew each time, from GitHub and from our own records."""

import asyncio

from gitops_bot.journeys.ports import Doors
from gitops_bot.models.records import StoredReport
from gitops_bot.models.reports import Report
from gitops_bot.rules.gate import GateFacts
from gitops_bot.rules.gate_files import strange_files
from gitops_bot.rules.statuses import head_reference


async def gate_facts(doors: Doors, stored: StoredReport) -> GateFacts:
    """Ask for everything but the files.

    One question after the other, though most need no other's answer: GitHub asks for that, and nobody waits here.
    https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#avoid-concurrent-requests
    """
    shown, github = stored.report.pull_request, doors.github
    repository, number, key = shown.repository, shown.number, shown.key
    now = await github.pull_request(repository, number)
    others = await github.open_pull_requests(repository)
    same_head = [one.number for one in others.pull_requests if one.head_sha == now.head_sha and one.number != number]
    record = await doors.store.pull_request(key)
    return GateFacts(
        now=now,
        at=doors.clock(),
        permission=await github.permission(repository, now.author),
        commit_people=await github.commit_people(repository, number),
        is_newest_report=record is not None and record.report_id == stored.report_id,
        base_tip=await github.branch_tip(repository, shown.base_ref),
        own_login=await github.own_login(),
        changes_requested=await github.changes_requested_by(repository, number),
        same_head=tuple(sorted(same_head)),
        made=await doors.store.decisions(key),
        opinion=await doors.store.opinions.of(key, stored.report.digest),
        trust=doors.trust,
        may_be_sent=doors.advice is not None and doors.advice.policy.allows(repository),
    )


async def strange_files_of(doors: Doors, report: Report) -> tuple[str, ...]:
    """Name the changed files that cannot be read as plain text; those that the pull request deletes cannot be any."""
    pull = report.pull_request
    await doors.git.fetch(pull.repository, {head_reference(pull): pull.head_sha})
    tree = await doors.git.tree(pull.repository, pull.head_sha)
    return await asyncio.to_thread(strange_files, tree, report.changed_files)
