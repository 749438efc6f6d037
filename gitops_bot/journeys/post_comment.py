"""Show the report on the pull request itself: one comment, written once and edited ever after."""

import hashlib
import json
from collections.abc import Sequence

from gitops_bot.journeys.gate_due import shown_gate
from gitops_bot.journeys.keys import comment_marker
from gitops_bot.journeys.ports import Doors
from gitops_bot.models.gates import GateVerdict
from gitops_bot.models.opinions import Opinion
from gitops_bot.models.pull_requests import PullRequest
from gitops_bot.models.records import Effect, EffectState, StoredReport
from gitops_bot.views import github_comment
from gitops_bot.views.gates import gate_line
from gitops_bot.views.opinion_json import opinion_json


async def comment_effect(doors: Doors, pull: PullRequest) -> Effect | None:
    """What is known of the comment on a pull request; None while there is none of ours."""
    return await doors.store.effect("comment", _target(doors, pull))


def _target(doors: Doors, pull: PullRequest) -> str:
    return f"{doors.identity}|{pull.key}"


async def says_newest(doors: Doors, known: Effect | None, stored: StoredReport) -> bool:
    """Whether the comment is known to say what this report says, and what a model says of it by now."""
    if known is None or known.state is not EffectState.DONE:
        return False
    gate = await shown_gate(doors, stored.report)
    return known.digest == _digest(stored, await _opinion(doors, stored), gate)


async def post_comment(doors: Doors, stored: StoredReport) -> str:
    """Write the comment, or edit the one that is there; give its address."""
    pull = stored.report.pull_request
    marker = comment_marker(doors)
    opinion, gate = await _opinion(doors, stored), await shown_gate(doors, stored.report)
    body = github_comment.comment(stored.report, marker=marker, opinion=opinion, gate=gate)
    target, digest = _target(doors, pull), _digest(stored, opinion, gate)
    await doors.store.save_effect(Effect("comment", target, digest, EffectState.BEGUN), doors.clock())
    ours = await doors.github.find_comment(pull.repository, pull.number, marker)
    if ours is None:
        ours = await doors.github.create_comment(pull.repository, pull.number, body)
    elif ours.body != body:
        ours = await doors.github.edit_comment(pull.repository, ours.comment_id, body)
    remote = {"id": str(ours.comment_id), "url": ours.html_url}
    await doors.store.save_effect(Effect("comment", target, digest, EffectState.DONE, remote), doors.clock())
    return ours.html_url


async def _opinion(doors: Doors, stored: StoredReport) -> Opinion | None:
    if doors.advice is None:
        return None
    return await doors.store.opinions.of(stored.report.pull_request.key, stored.report.digest)


def _digest(stored: StoredReport, opinion: Opinion | None, gate: Sequence[GateVerdict]) -> str:
    """Digest of what the comment says; without an opinion and a gate it is the report's own."""
    lines = [gate_line(verdict) for verdict in gate]
    if (opinion is None or opinion.answer is None) and not lines:
        return stored.report.digest
    told = opinion_json(opinion) if opinion is not None and opinion.answer is not None else None
    said = json.dumps([told, *lines] if lines else told, sort_keys=True)
    return f"{stored.report.digest} {hashlib.sha256(said.encode()).hexdigest()[:16]}"
