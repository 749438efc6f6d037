"""What a model answered when somebody asked: for a terminal, and for the thread of a message.

An opinion, marked as that. Its words are foreign: nothing in them is parsed.
"""

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from gitops_bot.models.chat import ChatMessage
from gitops_bot.models.opinions import Asking, Diagnosis, Reply, ReviewAnswer, Score
from gitops_bot.models.pull_requests import PullRequest
from gitops_bot.rules.cleaning import clean, clean_line
from gitops_bot.views import slack_blocks as block
from gitops_bot.views.opinion_words import SIGN, cost_words, worth_words
from gitops_bot.views.opinions import opinion_text
from gitops_bot.views.slack_blocks import Block
from gitops_bot.views.text import code_span, escape_slack, short_commit, shorten

_NAMES = {
    Asking.REVIEW: "review",
    Asking.AUDIT: "audit",
    Asking.DIAGNOSE: "diagnosis",
    Asking.GATE: "score",
}
_AUDITED = "An audit: security and operations of the objects as they would be."
_PARTS = (("What is wrong", "what"), ("Why", "why"), ("What to do", "how"))
_CLEARS_NOTHING = (
    "Nothing is cleared by a command: where llm.gate is set up, the service asks for a score of its own, and before it "
    "counts every rule of the gate has to hold"
)
# Of a part in the thread; a diagnosis that is longer is none.
_PART = 2_500
_FALLBACK = 600


def reply_text(reply: Reply) -> RenderableType:
    """Give an answer for a terminal, in the form of its way of asking; why there is none, where there is none."""
    answer = reply.answer
    if answer is None:
        said = f"{SIGN} No {_NAMES[reply.asking]} by a model: {clean_line(reply.problem)}"
        return Group(Text(said, style="yellow", overflow="fold"), Text(cost_words(reply.usage), style="dim"))
    if isinstance(answer, ReviewAnswer):
        audited = [Text(_AUDITED, style="dim")] if reply.asking is Asking.AUDIT else []
        return Group(*audited, opinion_text(reply.as_opinion()))
    if isinstance(answer, Diagnosis):
        parts = [(title, clean(getattr(answer, name)).strip()) for title, name in _PARTS]
        body = [one for title, text in parts for one in (Text(title, style="cyan"), _below(text or "-"))]
        title = f"{SIGN} A model's diagnosis"
    else:
        body = [_below(f"- {clean_line(one)}") for one in answer.reasons]
        title = f"{SIGN} A model's score: {answer.score:g} of 100"
    return Group(Text(title, style="bold"), *body, Text(_worth(reply), style="dim", overflow="fold"))


def _below(said: str) -> RenderableType:
    return Padding(Text(said, overflow="fold"), (0, 0, 0, 3), expand=False)


def _worth(reply: Reply) -> str:
    said = worth_words(reply.as_opinion(), clean_line(reply.model))
    if isinstance(reply.answer, Score):
        said[-1] = _CLEARS_NOTHING
    return " · ".join(said)


def diagnosis_message(reply: Reply, pull: PullRequest, *, key: str) -> ChatMessage:
    """Say a diagnosis in the thread of a report; ``key`` finds it there again."""
    of = f" of {code_span(short_commit(pull.head_sha))}"
    return _said(reply, of, f"{pull.repository}#{pull.number}", key)


def explanation_message(reply: Reply, subject: str, *, key: str) -> ChatMessage:
    """Say it in the thread of a problem; ``subject`` is foreign: what the problem is with."""
    return _said(reply, "", subject, key)


def _said(reply: Reply, of: str, subject: str, key: str) -> ChatMessage:
    answer = reply.answer if isinstance(reply.answer, Diagnosis) else Diagnosis("", "", "")
    blocks: list[Block] = [block.section(f"{SIGN} *A model's diagnosis*{of}")]
    for title, name in _PARTS:
        said = shorten(clean(getattr(answer, name)).strip(), _PART)
        blocks += [block.section(f"*{title}*"), block.foreign_section(said or "-")]
    blocks.append(block.context(" · ".join(worth_words(reply.as_opinion(), code_span(reply.model, "a model")))))
    text = escape_slack(shorten(clean_line(f"A model's diagnosis of {subject}: {answer.what}"), _FALLBACK))
    return ChatMessage(text, tuple(blocks), key)
