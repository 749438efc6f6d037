"""Opinions with what people made of them, for whoever tunes prompts: a line of JSON for each, or CSV.

JSON gives text as it is, escaped to ASCII. CSV is for spreadsheets, which take a cell that begins like a formula
for one (https://owasp.org/www-community/attacks/CSV_Injection): there such a cell gets an apostrophe before it.
"""

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gitops_bot.models.opinions import Opinion, Votes
from gitops_bot.rules.cleaning import clean_line
from gitops_bot.rules.decisions import Action
from gitops_bot.rules.fates import Past, about_report, deeds_of_people, ending
from gitops_bot.views.opinion_json import opinion_json

# The wide forms are read like the narrow ones where East Asian input is expected.
_FORMULAS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")


_NAMES = (
    "at",
    "pull_request",
    "digest",
    "judgement",
    "summary",
    "findings",
    "findings_left_out",
    "not_seen",
    "problem",
    "model",
    "calls",
    "prompt_tokens",
    "answer_tokens",
    "money",
    "seconds",
    "useful",
    "not_useful",
    "approved",
    "changes_requested",
    "held",
    "people_on_this_report",
    "state",
    "ending",
)


@dataclass(frozen=True)
class KeptOpinion:
    """An opinion, what people said of it, and what became of its pull request."""

    opinion: Opinion
    votes: Votes
    past: Past


def json_lines(kept: Iterable[KeptOpinion]) -> str:
    """Give a line of JSON for each, the oldest first."""
    return "".join(f"{json.dumps(_values(one), ensure_ascii=True)}\n" for one in kept)


def csv_table(kept: Iterable[KeptOpinion]) -> str:
    """Give a table with a line of names; findings are JSON in their cell."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(_NAMES)
    for one in kept:
        values = _values(one)
        writer.writerow([_cell(values[name]) for name in _NAMES])
    return text.getvalue()


def _values(kept: KeptOpinion) -> dict[str, Any]:
    opinion, past = kept.opinion, kept.past
    here = about_report(past.decisions, opinion.digest)
    done = deeds_of_people(past.decisions)
    return {
        "pull_request": opinion.pull_request,
        "digest": opinion.digest,
        **(opinion_json(opinion) or {}),
        "useful": kept.votes.useful,
        "not_useful": kept.votes.not_useful,
        # From the channel; what people did on GitHub is not known.
        "approved": Action.APPROVE in done,
        "changes_requested": Action.REQUEST_CHANGES in done,
        "held": Action.HOLD in done,
        # With this very report before them.
        "people_on_this_report": list(deeds_of_people(here)),
        "state": past.state,
        "ending": ending(past.outcomes).value,
    }


def _cell(value: Any) -> str:
    if isinstance(value, list):
        value = json.dumps(value, ensure_ascii=False)
    said = clean_line(str("" if value is None else value))
    return f"'{said}" if said.lstrip().startswith(_FORMULAS) else said
