"""What is waiting for a person, once a day in one message."""

from collections.abc import Sequence
from datetime import datetime

from gitops_bot.models.chat import ChatMessage
from gitops_bot.models.reports import Report
from gitops_bot.rules.cleaning import clean_line
from gitops_bot.views import slack_blocks as block
from gitops_bot.views.risks import one_line, risk_groups
from gitops_bot.views.slack_blocks import Block
from gitops_bot.views.summary import headline, sign, tally
from gitops_bot.views.text import escape_slack, is_link, shorten, slack_link
from gitops_bot.views.words import plural

# Each is a section: a first glance has no room for more, and Slack none for more than fifty.
_MOST = 20
_TITLE = 80


def digest_message(reports: Sequence[Report], now: datetime, *, key: str) -> ChatMessage:
    """List open pull requests with what each would do; who waits longest comes first."""
    waiting = sorted(reports, key=lambda report: report.pull_request.created_at)
    said = f"{plural(len(waiting), 'pull request')} {'waits' if len(waiting) == 1 else 'wait'} for a decision"
    blocks: list[Block] = [block.section(f"☀️ *{said}*")]
    for report in waiting[:_MOST]:
        blocks += _one(report, now)
    if len(waiting) > _MOST:
        blocks.append(block.context(f"… and {len(waiting) - _MOST:,} more"))
    return ChatMessage(escape_slack(said), (*blocks,), key)


def _one(report: Report, now: datetime) -> list[Block]:
    pull, counts = report.pull_request, tally(report.clusters)
    name = escape_slack(f"{pull.repository}#{pull.number}")
    linked = slack_link(pull.html_url, name) if is_link(pull.html_url) else name
    age = max((now - pull.created_at).days, 0)
    waits = f", for {plural(age, 'day')}" if age else ""
    what = escape_slack(headline(report.verdict, counts))
    risks = one_line(risk_groups(report))
    told = f"{sign(report.verdict, counts)} {linked}: {what}{waits}{escape_slack(f'. {risks}') if risks else ''}"
    return [block.section(told), block.foreign_context(shorten(clean_line(pull.title), _TITLE))]
