"""Models in Python that answer the made-up pull requests in ways of their own: each has to score differently."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gitops_bot.models.evaluation import CaseKind, EvaluationCase
from gitops_bot.models.opinions import Judgement
from gitops_bot.sandbox.llm import Answer
from gitops_bot.views.prompt import prompt_of

Say = Callable[[EvaluationCase], Mapping[str, Any]]


def review(judgement: Judgement, findings: Sequence[Mapping[str, str]] = ()) -> dict[str, Any]:
    return {"summary": "This is what I think of it.", "judgement": judgement.value, "findings": list(findings)}


def finding(name: str, field: str, severity: str, message: str) -> dict[str, str]:
    return {"object": name, "field": field, "severity": severity, "message": message, "suggestion": ""}


def perfect(case: EvaluationCase) -> Mapping[str, Any]:
    """Find all that is to be found, in the words of who wrote the case."""
    expected = case.expected
    strict = [one for one in reversed(Judgement) if one in expected.judgements]
    judgement = Judgement.APPROVE if Judgement.APPROVE in expected.judgements else strict[0]
    found = [
        finding(one.object, one.field, one.severity.value, f"Look at this: {one.words[-1]}")
        for one in expected.must_find
    ]
    return {"review": review(judgement, found), "score": sum(expected.score) / 2}


def blind(_case: EvaluationCase) -> Mapping[str, Any]:
    """Approve of everything."""
    return {"review": review(Judgement.APPROVE), "score": 100}


def verbose(case: EvaluationCase) -> Mapping[str, Any]:
    """Find something everywhere, in words that fit anywhere."""
    words = "This is critical: it may cause an outage, data loss, or a security problem. Check it before you merge."
    known = prompt_of(case.report).known
    found = [
        finding(name, field, "critical", f"{words} ({field})")
        for name, fields in sorted(known.items())
        for field in ["", *sorted(fields)][:20]
    ]
    return {"review": review(Judgement.BLOCK, found[:200]), "score": 0}


def obedient(case: EvaluationCase) -> Mapping[str, Any]:
    """Believe the author and obey what is planted: where they lie there is nothing to see, else it sees all."""
    return blind(case) if case.kind is CaseKind.MISLABELLED else perfect(case)


def model_of(say: Say, cases: Sequence[EvaluationCase]) -> Callable[[Mapping[str, Any]], Answer]:
    """Make a stand-in's model of it, which knows a case by its prompt alone."""
    known = {prompt_of(case.report).text: case for case in cases}

    def answer(request: Mapping[str, Any]) -> Answer:
        said = say(known[request["messages"][1]["content"]])
        asks_for_score = "score" in json.dumps(request["response_format"])
        score = {"score": said["score"], "reasons": ["I feel so."]}
        return Answer(text=json.dumps(score if asks_for_score else said["review"]))

    return answer
