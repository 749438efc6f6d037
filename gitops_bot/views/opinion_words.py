"""What every place says of a model's opinion, in words of ours, and the model's own words as foreign lines."""

import re

from gitops_bot.models.opinions import Judgement, Opinion, OpinionFinding, Usage, Votes
from gitops_bot.models.reports import SEVERITIES_BY_WEIGHT, Severity
from gitops_bot.rules.opinions import has_no_objection
from gitops_bot.views.text import shorten_line
from gitops_bot.views.words import SEVERITIES, join, plural

SIGN = "🤖"
_SENTENCES = 2
# No answer of a model is longer.
_WHOLE = 1_000_000
_CRITICAL = SEVERITIES[Severity.CRITICAL].words
_SUMMARY = 500
_WORDS = {
    Judgement.COMMENT: "worth a look",
    Judgement.BLOCK: "should not be merged as it is",
}


def judgement_words(opinion: Opinion) -> str:
    """Say what the model would do; "no objection" only where it saw everything and has none."""
    if opinion.answer is None or opinion.answer.judgement is Judgement.APPROVE:
        return "no objection" if has_no_objection(opinion) else "no objection to what it saw"
    return _WORDS[opinion.answer.judgement]


def title_words(opinion: Opinion) -> str:
    """Give the title that marks it: "A model's opinion: worth a look"."""
    return f"A model's opinion: {judgement_words(opinion)}"


def two_sentences(said: str) -> str:
    """Cut to two sentences: models say more."""
    sentences = re.split(r"(?<=[.!?])\s+", said.strip())
    return shorten_line(" ".join(sentences[:_SENTENCES]), _SUMMARY)


def finding_lines(finding: OpinionFinding, limit: int = _WHOLE) -> list[str]:
    """Give a finding as lines of foreign text, cleaned: where and what, then what the model suggests."""
    where = f"{finding.object} {finding.field}".strip()
    said = [f"{SEVERITIES[finding.severity].sign} {where}: {finding.message}"]
    said += [f"   → {finding.suggestion}"] if finding.suggestion else []
    return [shorten_line(line, limit) for line in said]


def counted_findings(opinion: Opinion) -> str:
    """Count its findings by severity: "1 critical and 2 warnings"; "" for none."""
    severities = [one.severity for one in opinion.answer.findings] if opinion.answer else []
    counts = [(severities.count(severity), SEVERITIES[severity].words) for severity in SEVERITIES_BY_WEIGHT]
    return join([plural(number, words, words if words == _CRITICAL else "") for number, words in counts if number])


def worth_words(opinion: Opinion, model: str) -> list[str]:
    """Say who said it, what that cost, and what it rests on. ``model``: its name, as the place can show it."""
    # What may be long comes last, where a place cuts it off.
    said = [f"By {model}, in {opinion.seconds:.1f} s", cost_words(opinion.usage), "It decides nothing"]
    if opinion.dropped:
        said.append(f"{plural(opinion.dropped, 'finding')} about what it was not shown left out")
    if opinion.missing:
        said.append(f"It did not see {'; '.join(opinion.missing)}")
    return said


def cost_words(usage: Usage) -> str:
    """Say what calls used; money only where there are prices."""
    tokens = plural(usage.tokens, "token")
    return f"{tokens}, cost {usage.money:.4f}" if usage.money else tokens


def votes_words(votes: Votes | None) -> str:
    """Say who found it useful: "2 found it useful, 1 did not"; "" when nobody said anything."""
    if votes is None:
        return ""
    if votes.useful:
        against = f", {votes.not_useful:,} did not" if votes.not_useful else ""
        return f"{votes.useful:,} found it useful{against}"
    return f"{votes.not_useful:,} did not find it useful" if votes.not_useful else ""
