"""Dialogs: what somebody reads once more before it is done, or fills in. Slack's modals.

https://docs.slack.dev/reference/views/modal-views
"""

from collections.abc import Mapping, Sequence
from typing import Any

from gitops_bot.models.pull_requests import PullRequest, ReviewRules
from gitops_bot.models.reports import Report
from gitops_bot.rules.cleaning import clean_line
from gitops_bot.rules.decisions import Action
from gitops_bot.views import slack_blocks as block
from gitops_bot.views.risks import risk_groups, risk_lines, risk_title
from gitops_bot.views.slack_blocks import Block
from gitops_bot.views.summary import headline, remarks, sign, tally
from gitops_bot.views.text import code_span, shorten, slack_link
from gitops_bot.views.words import as_of, plural, verdict_words

View = Mapping[str, Any]

# The field of a dialog in which a person writes why.
REASON = "reason"
# GitHub takes more; nobody reads more.
_REASON_CHARACTERS = 3_000
_TITLE_CHARACTERS = 24
_RISKS = 10
_RISK_CHARACTERS = 240

_TITLES = {
    Action.APPROVE: ("Approve", "Approve"),
    Action.MERGE: ("Merge", "Merge"),
    Action.REQUEST_CHANGES: ("Request changes", "Request changes"),
}


def checking(action: Action, pull: PullRequest) -> View:
    """Say that it is being checked: opened at once, because Slack gives three seconds."""
    return _view(action, [block.section(f"⏳ *Checking {_named(pull)} …*")], submit=False)


def refused(action: Action, words: str) -> View:
    """Say why it is not done."""
    return _view(action, [block.section("⛔ *Not possible now.*"), block.foreign_section(words)], submit=False)


def confirm(action: Action, report: Report, outlook: str = "") -> View:
    """Show what is approved or merged, and ask. ``outlook``: what GitHub will make of it, in our own words."""
    pull, counts = report.pull_request, tally(report.clusters)
    verb = "approve" if action is Action.APPROVE else "merge"
    said = [
        f"{sign(report.verdict, counts)} *{headline(report.verdict, counts)}.*",
        verdict_words(report.verdict, len(report.clusters)),
        *remarks(counts),
    ]
    groups = risk_groups(report)
    risks: list[Block] = []
    if groups:
        lines = risk_lines(groups, most=_RISKS, width=_RISK_CHARACTERS)
        risks = [block.section(f"*{risk_title(groups)}*"), block.foreign_section("\n".join(lines))]
    blocks = [
        block.header(pull.title),
        block.context(f"You {verb} {_named(pull)} at exactly {code_span(pull.head_sha)}"),
        block.section("\n".join(said)),
        *risks,
        block.context(f"Into {code_span(pull.base_ref, 'its base')}, {as_of(report.looked_at)}"),
        *([block.context(outlook)] if outlook else []),
    ]
    return _view(action, blocks, submit=True)


def ask_reason(action: Action, pull: PullRequest) -> View:
    """Ask why changes are wanted."""
    field = {
        "type": "input",
        "block_id": REASON,
        "label": block.plain("What has to change?"),
        "element": {
            "type": "plain_text_input",
            "action_id": REASON,
            "multiline": True,
            "min_length": 3,
            "max_length": _REASON_CHARACTERS,
        },
    }
    words = f"This goes to {_named(pull)} as a review of {code_span(pull.head_sha[:7])}, with your name."
    return _view(action, [block.section(words), field], submit=True)


def outlook_words(rules: ReviewRules, branch: str, *, can_link: bool = False) -> str:
    """Say before the click what an approval of ours is worth; "" when no rule that can be read asks for more.

    ``can_link``: people may let their approvals be reviews of their own.
    """
    asked = []
    if rules.approvals > 1:
        asked.append(f"{plural(rules.approvals, 'approval')}, and this is one")
    if rules.code_owners:
        own = "whose approval counts after /link, and not before" if can_link else "whom this does not stand for"
        asked.append(f"code owners, {own}")
    if rules.not_the_last_pusher:
        asked.append("somebody else than who pushed last")
    if not asked:
        return ""
    return f"🔐 {code_span(branch, 'The base branch')} asks for {'; '.join(asked)}"


def _named(pull: PullRequest) -> str:
    return slack_link(pull.html_url, f"{pull.repository}#{pull.number}")


def _view(action: Action, blocks: Sequence[Block], *, submit: bool) -> View:
    title, verb = _TITLES[action]
    view = {
        "type": "modal",
        "callback_id": str(action),
        "title": block.plain(shorten(clean_line(title), _TITLE_CHARACTERS)),
        "close": block.plain("Not now" if submit else "Close"),
        "blocks": list(blocks),
    }
    return view | ({"submit": block.plain(verb)} if submit else {})
