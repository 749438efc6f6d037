"""What a model's review is worth: which findings are about something it was shown, and what it can never clear."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import yaml

from gitops_bot.models.changes import Operation
from gitops_bot.models.opinions import Judgement, Opinion, OpinionFinding, ReviewAnswer
from gitops_bot.models.pull_requests import Repository
from gitops_bot.models.reports import SEVERITIES_BY_WEIGHT, Report, Severity, Verdict
from gitops_bot.rules.patterns import matches

# How often a model is asked anew for the same report, when a review or a score came to nothing.
MOST_TRIES = 3
# Deeper than any schema of Kubernetes.
_DEEPEST = 40
_MOST_NODES = 100_000


class _Texts(getattr(yaml, "CBaseLoader", yaml.BaseLoader)):  # type: ignore[misc] # which one depends on the machine
    """Every value as it is written: what only looks like a date, or like a number, is no reason to give up."""


@dataclass(frozen=True)
class OpinionPolicy:
    """Whether models are asked, and about which repositories (patterns of owner/name); empty: none."""

    enabled: bool = False
    repositories: tuple[str, ...] = ()

    def allows(self, repository: Repository) -> bool:
        """Whether reports of a repository may leave."""
        return self.enabled and matches(str(repository), self.repositories)


def has_something_to_review(report: Report) -> bool:
    """Whether there is anything to show to a model: of a held pull request nothing was rendered."""
    if report.verdict is Verdict.HELD or report.pull_request.state != "open":
        return False
    return any(row.changes or row.findings or row.unseen for cluster in report.clusters for row in cluster.rows)


def is_due(kept: Opinion | None) -> bool:
    """Whether a report still needs a review: there is none, or it came to nothing and may be tried again."""
    return kept is None or (kept.answer is None and kept.tries < MOST_TRIES)


def about_what_was_shown(
    answer: ReviewAnswer, known: Mapping[str, Collection[str]]
) -> tuple[tuple[OpinionFinding, ...], int]:
    """Give the findings about objects and fields that were in the prompt, the gravest first; and count the others."""
    kept = [one for one in answer.findings if one.object in known and is_about(one.field, known[one.object])]
    kept.sort(key=lambda one: SEVERITIES_BY_WEIGHT.index(one.severity))
    return tuple(kept), len(answer.findings) - len(kept)


def checked(answer: ReviewAnswer, known: Mapping[str, Collection[str]]) -> tuple[ReviewAnswer, int]:
    """Give the review without the findings about what was not shown, and how many those were."""
    kept, dropped = about_what_was_shown(answer, known)
    return replace(answer, findings=kept), dropped


def has_no_objection(opinion: Opinion) -> bool:
    """Whether the model saw everything and found nothing that somebody should look at."""
    return opinion.answer is not None and not objections_of(opinion)


def objections_of(opinion: Opinion) -> tuple[str, ...]:
    """Give what a review says against a pull request, one sentence each; where there is no review, nothing.

    A partial view, a finding about something that is not there, a judgement against its own findings: none of
    them is an approval, whatever the model calls it.
    """
    answer = opinion.answer
    if answer is None:
        return ()
    table = (
        (answer.judgement is not Judgement.APPROVE, f"The model's review of it comes to '{answer.judgement}'."),
        (opinion.dropped > 0, "The model's review of it speaks of what it was not shown."),
        (bool(opinion.missing), "The model's review of it did not see everything."),
        (
            any(one.severity is not Severity.INFO for one in answer.findings),
            "The model's review of it has findings.",
        ),
    )
    return tuple(words for holds, words in table if holds)


def is_about(field: str, fields: Collection[str]) -> bool:
    """Whether a path is one of the fields, leads to one, or lies within one; "" is the object itself."""
    path = _steps(field)
    if not path:
        return True
    for one in fields:
        steps = _steps(one)
        shared = min(len(path), len(steps))
        if path[:shared] == steps[:shared]:
            return True
    return False


def _steps(path: str) -> tuple[str, ...]:
    """Read ``spec.containers[0].image``, ``/spec/containers/0/image`` and ``$.spec.containers.0.image`` alike."""
    return tuple(step for step in re.split(r"[./\[\]\"']+", path.strip().removeprefix("$")) if step)


def fields_of_body(operation: Operation, body: str) -> frozenset[str]:
    """Give the paths in the YAML of an object that is made; list items by place and by name.

    Of a body that is made to be large by aliases only the first are read.
    """
    if not body or operation not in {Operation.CREATE, Operation.RECREATE}:
        return frozenset()
    try:
        return frozenset(_paths(yaml.load(body, Loader=_Texts)))  # noqa: S506 # makes texts, lists and mappings only
    except (yaml.YAMLError, RecursionError):
        return frozenset()


def _paths(value: Any) -> Iterable[str]:
    left = [(value, "", 0)]
    for _ in range(_MOST_NODES):
        if not left:
            return
        value, at, depth = left.pop()
        if depth > _DEEPEST:
            continue
        if isinstance(value, dict):
            left += [(inner, f"{at}.{key}" if at else str(key), depth + 1) for key, inner in value.items()]
        elif isinstance(value, list):
            for place, inner in enumerate(value):
                left.append((inner, f"{at}.{place}", depth + 1))
                if isinstance(inner, dict) and isinstance(inner.get("name"), str):
                    left.append((inner, f"{at}.{inner['name']}", depth + 1))
        else:
            yield at
