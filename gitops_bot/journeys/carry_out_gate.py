"""Do what the gate's verdicts say, and take back what they do not say any more. Doing it again does no harm."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from gitops_bot import telemetry
from gitops_bot.errors import GitHubRefused, GitHubRejected
from gitops_bot.journeys.approve_commit import Word, give_word, take_back_begun
from gitops_bot.journeys.gate_due import gate_will_show
from gitops_bot.journeys.keys import gate_marker
from gitops_bot.journeys.ports import Doors
from gitops_bot.journeys.report_statuses import write_status
from gitops_bot.journeys.withdraw_approval import approval_target, standing_approval, withdraw
from gitops_bot.models.gates import GateEffect, GateRule, GateVerdict
from gitops_bot.models.pull_requests import PullRequest
from gitops_bot.models.records import Decision, Effect, StoredReport
from gitops_bot.models.statuses import CommitStatus, StatusState
from gitops_bot.rules.decisions import Action, has_moved
from gitops_bot.rules.gate import DONE
from gitops_bot.views import gates as views

log = telemetry.logger(__name__)


async def carry_out_gate(
    doors: Doors, stored: StoredReport, rules: Sequence[GateRule], verdicts: Sequence[GateVerdict], order: Effect
) -> Mapping[str, str]:
    """Keep the verdicts and do what they say; gives what GitHub shows since, for the next time.

    The caller lets nobody else act on the pull request meanwhile.
    """
    # Before anything happens: a crash must find what was decided.
    for verdict in verdicts:
        await doors.store.gates.save(verdict)
    cleared = [verdict for verdict in verdicts if verdict.cleared and not verdict.dry_run]
    remote, problem = await _status(doors, stored, rules, verdicts, order)
    done = DONE[GateEffect.STATUS]
    outcomes = {one.rule: problem or done for one in cleared if one.effect is GateEffect.STATUS}
    approving = next((one for one in cleared if one.effect is GateEffect.APPROVAL), None)
    if approving is None:
        await _without_approval(doors, stored)
    else:
        given = await _approval(doors, stored, approving)
        outcomes |= {one.rule: given for one in cleared if one.effect is GateEffect.APPROVAL}
    for verdict in cleared:
        if outcomes.get(verdict.rule):
            await doors.store.gates.save(replace(verdict, outcome=outcomes[verdict.rule]))
    return remote


async def take_green_back(doors: Doors, pull: PullRequest, order: Effect, words: str) -> None:
    """Make the status pending that GitHub shows for the gate, wherever it is."""
    if commit := order.remote.get("status"):
        await write_status(doors, pull.repository, commit, CommitStatus(_context(doors), StatusState.PENDING, words))


async def take_back_if_outdated(doors: Doors, stored: StoredReport, order: Effect) -> None:
    """Take the green of another report back before anything else: a model may keep us waiting, and so may GitHub."""
    pull = stored.report.pull_request
    if order.remote.get("digest", stored.report.digest) == stored.report.digest:
        return
    try:
        await take_green_back(doors, pull, order, views.NOT_JUDGED)
    except (GitHubRefused, GitHubRejected) as error:
        # The rules are asked all the same: there are other effects, and people read what went wrong.
        log.warning("may not write the status of the gate", pull_request=pull.key, reason=str(error))


async def begin_status_anew(doors: Doors, pull: PullRequest) -> None:
    """Take the green back from a commit that comes to a pull request: it was for another one, or another branch.

    GitHub has one status for a commit, whichever pull requests it is the head of.
    """
    context = _context(doors)
    if await doors.store.effect("status", f"{context}|{pull.repository.key}@{pull.head_sha}") is None:
        return
    status = CommitStatus(context, StatusState.PENDING, views.NOT_LOOKED_AT)
    try:
        await write_status(doors, pull.repository, pull.head_sha, status)
    except (GitHubRefused, GitHubRejected) as error:
        log.warning("may not write the status of the gate", pull_request=pull.key, reason=str(error))


def _context(doors: Doors) -> str:
    """Of its own: bots of other clusters have another one, and no cluster can be called so."""
    return f"{doors.statuses.context}/gate/{doors.identity}"


async def _status(
    doors: Doors, stored: StoredReport, rules: Sequence[GateRule], verdicts: Sequence[GateVerdict], order: Effect
) -> tuple[Mapping[str, str], str]:
    """Green when a rule says so, else pending; nothing where no rule is about statuses. Gives what went wrong, too."""
    pull = stored.report.pull_request
    live = {rule.name for rule in rules if rule.effect is GateEffect.STATUS and not rule.dry_run}
    if not live and not order.remote.get("status"):
        return {}, ""
    state, words = views.gate_status([verdict for verdict in verdicts if verdict.rule in live])
    remote = {"status": pull.head_sha, "digest": stored.report.digest} if live else {}
    try:
        if order.remote.get("status", pull.head_sha) != pull.head_sha:
            await take_green_back(doors, pull, order, views.MOVED)
        # A crash after the write must find what to take back.
        await gate_will_show(doors, order, remote or order.remote)
        await write_status(doors, pull.repository, pull.head_sha, CommitStatus(_context(doors), state, words))
        if state is StatusState.SUCCESS and await _has_moved(doors, pull):
            await begin_status_anew(doors, pull)
            return remote, "it changed at the same moment"
    except (GitHubRefused, GitHubRejected) as error:
        log.warning("may not write the status of the gate", pull_request=pull.key, reason=str(error))
        return dict(order.remote), f"the status could not be written: {error}"
    return remote, ""


async def _has_moved(doors: Doors, pull: PullRequest) -> bool:
    now = await doors.github.pull_request(pull.repository, pull.number)
    return has_moved(now, pull)


async def _approval(doors: Doors, stored: StoredReport, verdict: GateVerdict) -> str:
    """Approve, once for each report; gives what came of it in words."""
    pull, word = stored.report.pull_request, _word(doors, stored, verdict)
    standing = await standing_approval(doors, word.target)
    if standing is not None and standing.digest == stored.report.digest:
        # Given before, perhaps a moment before a crash.
        await _write_down(doors, stored, verdict, "done", standing.remote["review"], "")
        return DONE[GateEffect.APPROVAL]
    made = await doors.store.decisions(pull.key)
    if any(one.action == Action.APPROVE and one.outcome == "done" and one.commit == pull.head_sha for one in made):
        return "a person has approved it"
    try:
        outcome, words = await give_word(doors, word, stored)
    except (GitHubRejected, GitHubRefused) as error:
        log.warning("the gate could not approve", pull_request=pull.key, reason=str(error))
        await _write_down(doors, stored, verdict, "failed", f"none of {stored.report.digest}", str(error))
        return f"the approval did not work: {error}"
    given = await doors.store.effect("approval", word.target)
    review = given.remote.get("id", "") if given is not None else ""
    standing = await standing_approval(doors, word.target)
    review = standing.remote["review"] if standing is not None else review or f"none of {stored.report.digest}"
    await _write_down(doors, stored, verdict, outcome, review, words)
    return DONE[GateEffect.APPROVAL] if outcome == "done" else words


async def _without_approval(doors: Doors, stored: StoredReport) -> None:
    """Take back an approval of the gate's that stands, or that a crash has left."""
    pull, word = stored.report.pull_request, _word(doors, stored, None)
    standing = await standing_approval(doors, word.target)
    if standing is not None:
        await withdraw(doors, standing, pull, "the gate does not clear it any more")
    elif said := await take_back_begun(doors, word, stored):
        log.warning("an approval of the gate was under way", pull_request=pull.key, outcome=said.strip())


def _word(doors: Doors, stored: StoredReport, verdict: GateVerdict | None) -> Word:
    commit = stored.report.pull_request.head_sha
    target, marker = f"{approval_target(doors, stored, None)}|gate", gate_marker(doors, commit)
    if verdict is None:
        return Word(target, marker, "")
    return Word(target, marker, views.gate_approval_body(stored.report, verdict, marker=marker), gate=verdict.rule)


async def _write_down(
    doors: Doors, stored: StoredReport, verdict: GateVerdict, outcome: str, review: str, words: str
) -> None:
    pull = stored.report.pull_request
    await doors.store.record_decision(
        Decision(
            pull_request=pull.key,
            action=Action.CLEAR,
            outcome=outcome,
            slack_user="",
            github_login="",
            commit=pull.head_sha,
            report_id=stored.report_id,
            # Nobody pressed anything: once for each review.
            click=f"gate of {pull.key}@{pull.head_sha}, review {review}",
            at=doors.clock(),
            message=views.gate_deed(verdict, words),
            report_digest=stored.report.digest,
        )
    )
