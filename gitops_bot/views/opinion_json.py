"""What a language model said, for programs: its words as they are."""

from typing import Any

from gitops_bot.models.opinions import Answer, Diagnosis, Opinion, OpinionFinding, Reply, ReviewAnswer


def opinion_json(opinion: Opinion | None) -> dict[str, Any] | None:
    """Give it as JSON values, as schema() of json_report describes them."""
    if opinion is None:
        return None
    answer = opinion.answer
    return {
        "at": opinion.at.isoformat(),
        "judgement": answer.judgement.value if answer else None,
        "summary": answer.summary if answer else "",
        "findings": [_finding(one) for one in (answer.findings if answer else ())],
        **_worth(opinion),
    }


def reply_json(reply: Reply) -> dict[str, Any]:
    """Give an answer as JSON values; ``answer`` is null where there is none, and ``problem`` says why."""
    return {
        "ask": reply.asking.value,
        "pull_request": reply.pull_request,
        "report_digest": reply.digest,
        "kustomization": reply.about,
        "at": reply.at.isoformat(),
        "answer": _answer(reply.answer),
        **_worth(reply),
    }


def _answer(answer: Answer | None) -> dict[str, Any] | None:
    if isinstance(answer, ReviewAnswer):
        findings = [_finding(one) for one in answer.findings]
        return {"summary": answer.summary, "judgement": answer.judgement.value, "findings": findings}
    if isinstance(answer, Diagnosis):
        return {"what": answer.what, "why": answer.why, "how": answer.how}
    return {"score": answer.score, "reasons": list(answer.reasons)} if answer else None


def _finding(finding: OpinionFinding) -> dict[str, Any]:
    return {
        "object": finding.object,
        "field": finding.field,
        "severity": finding.severity.value,
        "message": finding.message,
        "suggestion": finding.suggestion,
    }


def _worth(said: Opinion | Reply) -> dict[str, Any]:
    """Say why there is none, who said it, what it cost, and what is missing in it."""
    return {
        "problem": said.problem,
        "model": said.model,
        "calls": said.usage.calls,
        "prompt_tokens": said.usage.prompt_tokens,
        "answer_tokens": said.usage.answer_tokens,
        "money": said.usage.money,
        "seconds": said.seconds,
        "findings_left_out": said.dropped,
        "not_seen": list(said.missing),
    }
