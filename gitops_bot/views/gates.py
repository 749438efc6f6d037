"""The gate's verdicts in a few words: a badge, a status, an approval, and why it did not clear.

Reasons and what the model said are partly foreign: names of objects, files and people.
"""

from collections.abc import Sequence

from gitops_bot.models.gates import GateEffect, GateVerdict
from gitops_bot.models.reports import Report
from gitops_bot.models.statuses import StatusState
from gitops_bot.rules.cleaning import clean_line
from gitops_bot.views import slack_blocks as block
from gitops_bot.views.commit_status import one_line
from gitops_bot.views.risks import risk_groups, risk_title
from gitops_bot.views.slack_blocks import Block
from gitops_bot.views.summary import headline, tally
from gitops_bot.views.text import code_span, fence, shorten_line
from gitops_bot.views.words import as_of, plural

SWITCHED_OFF = "The gate is switched off"
CLOSED = "It was closed"
MOVED = "The pull request has another commit now"
NOT_JUDGED = "The report says something else now: it is being judged"
NOT_LOOKED_AT = "Waits for its report"
# Of the reasons, what a message has room for; the store has all of them.
_REASONS = 3
_REASON = 200
_LINE = 600


def shown_verdicts(verdicts: Sequence[GateVerdict], *, dry_run: bool) -> tuple[GateVerdict, ...]:
    """Give those that people should see; ``dry_run``: rules on trial, too."""
    return tuple(one for one in verdicts if dry_run or not one.dry_run)


def gate_line(verdict: GateVerdict) -> str:
    """Say what a rule came to in one line of plain text, cleaned."""
    return shorten_line(f"{_sign(verdict)} {_said(verdict)}", _LINE)


def gate_blocks(verdicts: Sequence[GateVerdict]) -> list[Block]:
    """Give one small line for each rule."""
    return [block.foreign_context(gate_line(verdict)) for verdict in verdicts]


def gate_markdown(verdicts: Sequence[GateVerdict]) -> str:
    """Give the same for a comment on GitHub, in a fence: parts of it are foreign; "" where there is nothing to say."""
    return fence("\n".join(gate_line(verdict) for verdict in verdicts)) if verdicts else ""


def gate_status(verdicts: Sequence[GateVerdict]) -> tuple[StatusState, str]:
    """Give what a commit's status says: green when a rule cleared it, and never anything else than pending."""
    for verdict in verdicts:
        if verdict.cleared and not verdict.dry_run:
            return StatusState.SUCCESS, one_line(f"Cleared by the gate: {verdict.rule}, {_score(verdict)}")
    reason = next((reason for verdict in verdicts for reason in verdict.reasons), "no rule of the gate is for it")
    return StatusState.PENDING, one_line(f"Waits for a person: {reason}")


def gate_approval_body(report: Report, verdict: GateVerdict, *, marker: str) -> str:
    """Write the body of a review: which rule approves which commit on the strength of what."""
    said = "; ".join(filter(None, [headline(report.verdict, tally(report.clusters)), risk_title(risk_groups(report))]))
    return (
        f"Approved by the gate of gitops-bot, not by a person, for exactly {report.pull_request.head_sha}.\n\n"
        f"Rule {code_span(verdict.rule)}: nothing in it speaks against this, and {code_span(verdict.model, 'a model')} "
        f"gave it {verdict.score or 0:g} of 100 ({verdict.threshold:g} is needed).\n\n"
        f"What was shown: {said}, {as_of(report.looked_at)}.\n\n"
        f"{marker}\n"
    )


def gate_deed(verdict: GateVerdict, words: str) -> str:
    """Say in the audit trail what cleared a pull request."""
    said = f"gate rule {verdict.rule}, {_score(verdict, by_model=True)}"
    return f"{said}; {words}" if words else said


def _sign(verdict: GateVerdict) -> str:
    if not verdict.cleared:
        return "🚧"
    return "🧪" if verdict.dry_run else "🟢"


def _said(verdict: GateVerdict) -> str:
    rule = f"gate {verdict.rule}"
    if verdict.cleared:
        did = "would have cleared this" if verdict.dry_run else "cleared this"
        then = _effect(verdict)
        return f"{rule} {did} ({_score(verdict, by_model=True)}){then}"
    did = "would not have cleared this" if verdict.dry_run else "did not clear this"
    reasons = [shorten_line(clean_line(reason), _REASON) for reason in verdict.reasons[:_REASONS]]
    rest = len(verdict.reasons) - _REASONS
    return f"{rule} {did}: {' '.join(reasons)}" + (f" And {plural(rest, 'more reason')}." if rest > 0 else "")


def _effect(verdict: GateVerdict) -> str:
    words = {GateEffect.BADGE: "", GateEffect.STATUS: "a green status", GateEffect.APPROVAL: "an approval"}
    effect = words[verdict.effect]
    if not effect:
        return ""
    if verdict.dry_run:
        return f": {effect} would have followed"
    # Before it is done, and when that fails, nobody must take it for done.
    return f": {clean_line(verdict.outcome) or f'{effect} is to follow'}"


def _score(verdict: GateVerdict, *, by_model: bool = False) -> str:
    model = f" by {clean_line(verdict.model) or 'a model'}" if by_model else ""
    return f"score {verdict.score or 0:g}{model}, {verdict.threshold:g} needed"
