"""How often the gate and people came to the same, in Slack, in the terminal and as JSON.

A share never stands without the counts that it is made of: eight of ten is not eighty of a hundred.
"""

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gitops_bot.models.chat import ChatMessage
from gitops_bot.rules.agreement import Agreement, Case, Did, Month
from gitops_bot.rules.cleaning import clean_line
from gitops_bot.rules.fates import Ending
from gitops_bot.views import slack_blocks as block
from gitops_bot.views.slack_blocks import Block
from gitops_bot.views.text import and_more, code_span, escape_slack
from gitops_bot.views.words import plural

_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_DID = {
    Did.APPROVED: "approved",
    Did.MERGED: "merged without an approval from here",
    Did.OBJECTED: "held, or asked to be changed",
    Did.CLOSED: "closed unmerged",
    Did.UNDECIDED: "not decided yet",
}
# In a table; a merge is one without an approval from here.
_COLUMNS = {
    Did.APPROVED: "approved",
    Did.MERGED: "merged",
    Did.OBJECTED: "objected",
    Did.CLOSED: "closed",
    Did.UNDECIDED: "open",
}
_ENDED = {
    Ending.AS_REPORTED: "ended as reported",
    Ending.OTHERWISE: "ended otherwise than reported",
    Ending.FAILED: "could not be applied",
}
# Rules that a message has room for, and pull requests of each that somebody should read.
_RULES = 12
_NAMED = 5


def agreement_message(found: Sequence[Agreement], month: Month, *, key: str) -> ChatMessage:
    """Sum up a month of the gate for the people who wrote its rules."""
    title = f"The gate in {month_words(month)}"
    blocks: list[Block] = [block.section(f"📏 *{title}*")]
    for one in found[:_RULES]:
        blocks += _rule(one)
    if len(found) > _RULES:
        blocks.append(block.context(f"… and {plural(len(found) - _RULES, 'more rule')}: `gitops-bot gate report`"))
    blocks.append(block.context("What people say on GitHub itself is not known here; that it was merged or closed is."))
    return ChatMessage(escape_slack(f"{title}: {'; '.join(_in_short(one) for one in found[:_RULES])}"), (*blocks,), key)


def agreement_text(found: Sequence[Agreement], month: Month) -> RenderableType:
    """Give a month for a terminal."""
    title = Text(f"The gate in {month_words(month)}", style="bold")
    if not found:
        return Group(title, Text("No rule was applied to any pull request."))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for name in ("rule", "seen", "cleared", *_COLUMNS.values(), "agreement"):
        table.add_column(name, justify="left" if name == "rule" else "right", no_wrap=name in {"rule", "agreement"})
    for one in found:
        counts = (one.looked, len(one.cleared), *(one.did(what) for what in _COLUMNS))
        rule = f"{one.rule} (dry run)" if one.dry_run else one.rule
        table.add_row(clean_line(rule), *map(str, counts), share_words(one))
    notes = [f"{clean_line(one.rule)}: {line}" for one in found for line in _notes(one)]
    return Group(title, table, *(Text(line, overflow="fold") for line in notes))


def agreement_json(found: Sequence[Agreement], month: Month) -> dict[str, Any]:
    """Give a month as JSON values: counts, no shares."""
    return {
        "month": month.name,
        "rules": [
            {
                "rule": one.rule,
                "dry_run": one.dry_run,
                "looked_at": one.looked,
                "cleared": len(one.cleared),
                "people": {what.value: one.did(what) for what in Did},
                "agreed": one.agreed,
                "decided": one.decided,
                "endings": {how.value: one.ended(how) for how in Ending},
                "left_to_people": one.left,
                "left_to_people_and_approved": one.left_approved,
                "pull_requests": [
                    {"pull_request": case.pull_request, "people": case.did.value, "ending": case.ending.value}
                    for case in one.cleared
                ],
            }
            for one in found
        ],
    }


def month_words(month: Month) -> str:
    """Name a month as people do: "October 2026"."""
    return f"{_MONTHS[month.first_day.month - 1]} {month.first_day.year}"


def share_words(agreement: Agreement) -> str:
    """Say how often people came to the same, with the counts: "18 of 20 (90.0%)"."""
    if not agreement.decided:
        return "none decided"
    return f"{agreement.agreed} of {agreement.decided} ({agreement.agreed / agreement.decided:.1%})"


def _in_short(one: Agreement) -> str:
    return f"{clean_line(one.rule)}: agreement {share_words(one)}"


def _rule(one: Agreement) -> list[Block]:
    verb = "would have cleared" if one.dry_run else "cleared"
    dry = " (dry run)" if one.dry_run else ""
    said = [
        f"*{code_span(one.rule, 'a rule')}*{dry} {verb} {len(one.cleared)} of {plural(one.looked, 'pull request')}.",
        f"Agreement with people: {share_words(one)}.",
    ]
    if people := _counted(one):
        said.append(f"People: {people}.")
    blocks = [block.section("\n".join(said))]
    notes = _notes(one)
    return [*blocks, block.foreign_context("\n".join(notes))] if notes else blocks


def _counted(one: Agreement) -> str:
    return ", ".join(f"{one.did(what)} {words}" for what, words in _DID.items() if one.did(what))


def _notes(one: Agreement) -> list[str]:
    """Say what broke, what to read again, and how much the rule leaves to people. Parts are foreign."""
    lines = []
    known = [how for how in _ENDED if one.ended(how)]
    if known:
        lines.append("After the merge: " + ", ".join(f"{one.ended(how)} {_ENDED[how]}" for how in known) + ".")
    if one.doubtful:
        lines.append(f"Read again: {and_more(map(_case, one.doubtful), _NAMED)}.")
    if one.left:
        lines.append(f"Left to people: {one.left}, of which they approved {one.left_approved}.")
    return [clean_line(line) for line in lines]


def _case(case: Case) -> str:
    said = [_DID[case.did]] if case.did.agrees is False else []
    said += [_ENDED[case.ending]] if case.ending in {Ending.OTHERWISE, Ending.FAILED} else []
    return f"{case.pull_request} ({', '.join(said)})"
