"""The opinion of a language model, marked as that. Its words are foreign: nothing in them is parsed."""

import re
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from gitops_bot.models.opinions import Judgement, Opinion, OpinionFinding, Usage
from gitops_bot.rules.cleaning import clean_line
from gitops_bot.rules.opinions import has_no_objection
from gitops_bot.views import slack_blocks as block
from gitops_bot.views.slack_blocks import Block
from gitops_bot.views.text import code_span, shorten_line
from gitops_bot.views.words import SEVERITIES, plural

_SENTENCES = 2
_SUMMARY = 500
_PROBLEM = 400
_FINDINGS = 5
_FINDING = 320
_WORDS = {
    Judgement.COMMENT: "worth a look",
    Judgement.BLOCK: "should not be merged as it is",
}


def opinion_blocks(opinion: Opinion | None) -> list[Block]:
    """Give two sentences, the gravest findings, and what that is worth; one line where there is no review."""
    if opinion is None:
        return []
    if opinion.answer is None:
        return [block.foreign_context(f"🤖 No review by a model: {shorten_line(opinion.problem, _PROBLEM)}")]
    findings = opinion.answer.findings
    lines = [_summary(opinion.answer.summary), *(shorten_line(_finding(one), _FINDING) for one in findings[:_FINDINGS])]
    if rest := findings[_FINDINGS:]:
        lines.append(f"… and {plural(len(rest), 'more finding')}, none of them graver")
    return [
        block.section(f"🤖 *A model's opinion: {_judgement(opinion)}*"),
        block.foreign_section("\n".join(lines)),
        block.context(" · ".join(_worth(opinion, code_span(opinion.model, "a model")))),
    ]


def opinion_text(opinion: Opinion) -> RenderableType:
    """Give it for a terminal, with every finding."""
    if opinion.answer is None:
        said = f"🤖 No review by a model: {clean_line(opinion.problem)}"
        return Group(Text(said, style="yellow", overflow="fold"), Text(_cost(opinion.usage), style="dim"))
    parts: list[RenderableType] = [
        Text(f"🤖 A model's opinion: {_judgement(opinion)}", style="bold"),
        _below(clean_line(opinion.answer.summary)),
        *(_below(clean_line(_finding(one))) for one in opinion.answer.findings),
        Text(" · ".join(_worth(opinion, clean_line(opinion.model))), style="dim", overflow="fold"),
    ]
    return Group(*parts)


def _below(said: str) -> RenderableType:
    return Padding(Text(said, overflow="fold"), (0, 0, 0, 3), expand=False)


def _judgement(opinion: Opinion) -> str:
    if opinion.answer is None or opinion.answer.judgement is Judgement.APPROVE:
        return "no objection" if has_no_objection(opinion) else "no objection to what it saw"
    return _WORDS[opinion.answer.judgement]


def _summary(said: str) -> str:
    """Cut to two sentences: models say more."""
    sentences = re.split(r"(?<=[.!?])\s+", said.strip())
    return shorten_line(" ".join(sentences[:_SENTENCES]), _SUMMARY)


def _finding(finding: OpinionFinding) -> str:
    where = f"{finding.object} {finding.field}".strip()
    then = f" → {finding.suggestion}" if finding.suggestion else ""
    return f"{SEVERITIES[finding.severity].sign} {where}: {finding.message}{then}"


def _worth(opinion: Opinion, model: str) -> Sequence[str]:
    said = [f"By {model}, in {opinion.seconds:.1f} s", _cost(opinion.usage)]
    if opinion.dropped:
        said.append(f"{plural(opinion.dropped, 'finding')} about what it was not shown left out")
    if opinion.missing:
        said.append(f"It did not see {'; '.join(opinion.missing)}")
    return [*said, "It decides nothing"]


def _cost(usage: Usage) -> str:
    tokens = plural(usage.tokens, "token")
    return f"{tokens}, cost {usage.money:.4f}" if usage.money else tokens
