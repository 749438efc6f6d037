"""The opinion of a language model, marked as that. Its words are foreign: nothing in them is parsed.

It never stands among what our own rules found, and no sign or verdict of a report is made of it.
"""

import textwrap
from collections.abc import Iterable
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from gitops_bot.models.opinions import Opinion, Votes
from gitops_bot.rules.cleaning import clean_line
from gitops_bot.rules.decisions import Action
from gitops_bot.views import slack_blocks as block
from gitops_bot.views.opinion_words import (
    SIGN,
    cost_words,
    counted_findings,
    finding_lines,
    title_words,
    two_sentences,
    votes_words,
    worth_words,
)
from gitops_bot.views.slack_blocks import Block
from gitops_bot.views.text import code_span, fence, shorten_line
from gitops_bot.views.words import SEVERITIES, plural

_PROBLEM = 400
_FINDINGS = 5
# Of a line; two for each finding, and one that counts the rest, fit a section.
_FINDING = 280
# In a comment, whose reader has asked for it with a click.
_COMMENT = 6_000
_COMMENT_LINE = 800
_COLUMNS = 72


def opinion_blocks(opinion: Opinion | None, votes: Votes | None = None, *, report_id: str = "") -> list[Block]:
    """Give two sentences, the gravest findings, and what that is worth; one line where there is no review.

    With the id of its report people may say below it whether it was useful.
    """
    if opinion is None:
        return []
    if opinion.answer is None:
        return [block.foreign_context(f"{SIGN} No review by a model: {shorten_line(opinion.problem, _PROBLEM)}")]
    findings = opinion.answer.findings
    lines = [line for one in findings[:_FINDINGS] for line in finding_lines(one, _FINDING)]
    if rest := findings[_FINDINGS:]:
        lines.append(f"… and {plural(len(rest), 'more finding')}, none of them graver: the file in the thread has all")
    worth = " · ".join(worth_words(opinion, code_span(opinion.model, "a model")))
    return [
        block.divider(),
        block.section(f"{SIGN} *{title_words(opinion)}*"),
        block.foreign_section(two_sentences(opinion.answer.summary)),
        # Of its own: a client folds what is long.
        *([block.foreign_section("\n".join(lines))] if lines else []),
        block.context(*filter(None, [worth, votes_words(votes)])),
        *([_vote_row(report_id)] if report_id else []),
        # Those buttons are about the opinion, what follows about the pull request.
        block.divider(),
    ]


def is_cut(opinion: Opinion | None) -> bool:
    """Whether a message has no room for all that a model said."""
    if opinion is None or opinion.answer is None:
        return False
    answer = opinion.answer
    return (
        len(answer.findings) > _FINDINGS
        or any(finding_lines(one, _FINDING) != finding_lines(one) for one in answer.findings)
        or two_sentences(answer.summary) != clean_line(answer.summary.strip())
    )


def opinion_text(opinion: Opinion) -> RenderableType:
    """Give it for a terminal, with every finding."""
    if opinion.answer is None:
        said = f"{SIGN} No review by a model: {clean_line(opinion.problem)}"
        return Group(Text(said, style="yellow", overflow="fold"), Text(cost_words(opinion.usage), style="dim"))
    parts: list[RenderableType] = [
        Text(f"{SIGN} {title_words(opinion)}", style="bold"),
        _below(clean_line(opinion.answer.summary)),
        *(_below(line) for one in opinion.answer.findings for line in finding_lines(one)),
        Text(" · ".join(worth_words(opinion, clean_line(opinion.model))), style="dim", overflow="fold"),
    ]
    return Group(*parts)


def opinion_markdown(opinion: Opinion | None) -> str:
    """Give it folded, for a comment on GitHub: at most some 6,000 characters; "" when there is none."""
    if opinion is None or opinion.answer is None:
        return ""
    counted = counted_findings(opinion)
    title = f"{SIGN} {title_words(opinion)}{f' ({counted})' if counted else ''}"
    lines = [*textwrap.wrap(shorten_line(opinion.answer.summary, _COMMENT_LINE), _COLUMNS), ""]
    for number, one in enumerate(opinion.answer.findings):
        more = _wrapped(finding_lines(one, _COMMENT_LINE))
        if sum(map(len, [*lines, *more])) > _COMMENT:
            lines.append(f"… and {plural(len(opinion.answer.findings) - number, 'more finding')}")
            break
        lines += more
    worth = " · ".join(worth_words(opinion, code_span(opinion.model, "a model")))
    return "\n\n".join([f"<details><summary>{title}</summary>", fence("\n".join(lines)), f"{worth}.", "</details>"])


def opinion_values(opinion: Opinion | None) -> dict[str, Any] | None:
    """Give what the page shows of it, with every finding; None when there is none."""
    if opinion is None or opinion.answer is None:
        return None
    return {
        "title": f"{SIGN} {title_words(opinion)}",
        "counted": counted_findings(opinion),
        "summary": clean_line(opinion.answer.summary),
        "findings": [
            {
                "severity": one.severity.value,
                "sign": SEVERITIES[one.severity].sign,
                "place": clean_line(f"{one.object} {one.field}".strip()),
                "message": clean_line(one.message),
                "suggestion": clean_line(one.suggestion),
            }
            for one in opinion.answer.findings
        ],
        "worth": f"{' · '.join(worth_words(opinion, clean_line(opinion.model)))}.",
    }


def _wrapped(lines: Iterable[str]) -> list[str]:
    """Break lines where a fence would make people scroll."""
    return [part for line in lines for part in textwrap.wrap(line, _COLUMNS, subsequent_indent="   ")]


def _vote_row(report_id: str) -> Block:
    return block.actions(
        [
            block.button("👍 Useful", Action.USEFUL, report_id),
            block.button("👎 Not useful", Action.NOT_USEFUL, report_id),
        ]
    )


def _below(said: str) -> RenderableType:
    deeper = 3 if said.startswith(" ") else 0
    return Padding(Text(said.strip(), overflow="fold"), (0, 0, 0, 3 + deeper), expand=False)
