"""What a model's answers to made-up pull requests are worth. The page docs/llm.md has the same formula.

Points of a case, 0 to 100:

- 50 for the findings. Where something must be found: the F1 measure, 2 * right / (2 * right + false + missed);
  a finding that is too mild is half right and half missed. Where nothing is to be found: 1 / (1 + false).
- 25 for a judgement that is accepted.
- 20 for a score of the gate within the expected range, 4 % less for each point outside of it.
- 5 for answers that fitted the schema at once.

Judgement and score count half where nothing was found of what had to be: they are right without a reason.

What is not answered gets nothing. The score is the geometric mean of what the kinds of cases have on average: a model
that is good at three kinds and useless at the fourth is not a good one, and neither is one that always says the same.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import prod

from gitops_bot.models.evaluation import (
    Attempt,
    CaseKind,
    CaseResult,
    Evaluation,
    EvaluationCase,
    Expected,
    Unwanted,
    Wanted,
)
from gitops_bot.models.opinions import OpinionFinding, Prompt, ReviewAnswer, Score
from gitops_bot.rules.opinions import checked, is_about

_FINDINGS, _JUDGEMENT, _GATE, _SCHEMA = 50, 25, 20, 5
# Points of the gate's score outside of the range, at which it is worth nothing.
_FAR = 25


def result_of(
    case: EvaluationCase, prompt: Prompt, review: Attempt, gate: Attempt, *, words: bool = True
) -> CaseResult:
    """Judge both answers to a case. ``words``: findings have to use the expected ones, which are English."""
    expected = case.expected
    score = gate.answer.score if isinstance(gate.answer, Score) else None
    answer = review.answer if isinstance(review.answer, ReviewAnswer) else None
    result = CaseResult(
        case.name,
        case.kind,
        0.0,
        missed=tuple(map(_place, expected.must_find)),
        judgement=answer.judgement if answer else None,
        judgement_accepted=answer is not None and answer.judgement in expected.judgements,
        score=score,
        score_accepted=score is not None and expected.score[0] <= score <= expected.score[1],
        schema_kept=answer is not None and score is not None and review.answers == gate.answers == 1,
        usage=review.usage + gate.usage,
        seconds=review.seconds + gate.seconds,
        problems=tuple(one.problem for one in (review, gate) if one.answer is None),
        model=review.model or gate.model,
    )
    if answer is not None:
        result = _with_findings(result, expected, answer, prompt, words=words)
    return replace(result, points=_points(result, expected))


def _with_findings(
    result: CaseResult, expected: Expected, answer: ReviewAnswer, prompt: Prompt, *, words: bool
) -> CaseResult:
    kept, dropped = checked(answer, prompt.known)
    hits = {
        wanted: [one for one in kept.findings if _is_at(one, wanted) and (not words or _says(one, wanted))]
        for wanted in expected.must_find
    }
    grave = {wanted for wanted, found in hits.items() if any(one.severity.at_least(wanted.severity) for one in found)}
    false = [
        one
        for one in kept.findings
        if any(_is_at(one, claim) and one.severity.at_least(claim.severity) for claim in expected.must_not_claim)
        and not any(_is_at(one, wanted) for wanted in expected.must_find)
    ]
    return replace(
        result,
        found=tuple(_place(wanted) for wanted, found in hits.items() if found),
        too_mild=tuple(_place(wanted) for wanted, found in hits.items() if found and wanted not in grave),
        missed=tuple(_place(wanted) for wanted, found in hits.items() if not found),
        false=tuple(_place(one) for one in false),
        dropped=dropped,
    )


def _is_at(finding: OpinionFinding, claim: Wanted | Unwanted) -> bool:
    """Whether a finding is about a place: the same field, one within it, or one around it."""
    return claim.object in {"", finding.object} and is_about(finding.field, [claim.field])


def _says(finding: OpinionFinding, wanted: Wanted) -> bool:
    said = f"{finding.message} {finding.suggestion}".casefold()
    return not wanted.words or any(word.casefold() in said for word in wanted.words)


def _place(one: Wanted | OpinionFinding) -> str:
    return f"{one.object} {one.field}".rstrip()


def _points(result: CaseResult, expected: Expected) -> float:
    decided = float(_JUDGEMENT * result.judgement_accepted)
    if result.score is not None:
        lowest, highest = expected.score
        outside = max(lowest - result.score, result.score - highest, 0.0)
        decided += _GATE * max(0.0, 1 - outside / _FAR)
    if result.missed and not result.found:
        decided /= 2
    said = _FINDINGS * _worth_of_findings(result) if result.judgement is not None else 0.0
    return said + decided + _SCHEMA * result.schema_kept


def _worth_of_findings(result: CaseResult) -> float:
    false = len(result.false) + result.dropped
    if not result.found and not result.missed:
        return 1 / (1 + false)
    right = len(result.found) - len(result.too_mild) / 2
    missed = len(result.missed) + len(result.too_mild) / 2
    return 2 * right / (2 * right + false + missed)


def evaluation_of(cases: Sequence[EvaluationCase], results: Iterable[CaseResult], stopped_by: str = "") -> Evaluation:
    """Put the results of all cases together, in the order of the cases; ``stopped_by``: why some were not asked."""
    known = {result.name: result for result in results}
    ordered = tuple(known[case.name] for case in cases if case.name in known)
    left = tuple(case.name for case in cases if case.name not in known)
    points = {kind: [result.points for result in ordered if result.kind is kind] for kind in CaseKind}
    by_kind = {kind: sum(found) / len(found) for kind, found in points.items() if found}
    score = prod(by_kind.values()) ** (1 / len(by_kind)) if by_kind else 0.0
    return Evaluation(ordered, left, stopped_by, by_kind, score)
