"""The structured answers: their JSON schemas, and the reading of whatever a model made of them."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, ValidationInfo

from gitops_bot.models.opinions import Answer, Asking, Diagnosis, Judgement, OpinionFinding, ReviewAnswer, Score
from gitops_bot.models.reports import Severity
from gitops_bot.rules.cleaning import clean_line

# A model that says more than this says nothing.
_FINDINGS = 200
_TEXT = 20_000
_NAME = 100
# Places at which JSON may begin in an answer that is also prose.
_TRIES = 200
_FENCE = "```"
_LANGUAGE = re.compile(r"[a-zA-Z]*")

# Takes out of a text what is secret.
Hide = Callable[[str], str]


def _hidden(text: str, information: ValidationInfo) -> str:
    hide: Hide | None = information.context
    return hide(text) if hide else text


Text = Annotated[str, Field(max_length=_TEXT), AfterValidator(_hidden)]


class BrokenAnswer(ValueError):
    """An answer that does not fit; the text says why, and goes back to the model.

    ``is_json``: at least it was JSON.
    """

    def __init__(self, message: str, *, is_json: bool) -> None:
        super().__init__(message)
        self.is_json = is_json


class _Shape(BaseModel):
    # Strict: a score that is a text is no score.
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class _Finding(_Shape):
    object: Text
    field: Text
    severity: Literal["info", "warning", "critical"]
    message: Text
    suggestion: Text


class _Review(_Shape):
    summary: Text
    judgement: Literal["approve", "comment", "block"]
    findings: Annotated[list[_Finding], Field(max_length=_FINDINGS)]

    def answer(self) -> Answer:
        findings = [
            OpinionFinding(one.object, one.field, Severity(one.severity), one.message, one.suggestion)
            for one in self.findings
        ]
        return ReviewAnswer(self.summary, Judgement(self.judgement), tuple(findings))


class _Diagnosis(_Shape):
    what: Text
    why: Text
    how: Text

    def answer(self) -> Answer:
        return Diagnosis(self.what, self.why, self.how)


class _Score(_Shape):
    score: Annotated[float, Field(ge=0, le=100)]
    reasons: Annotated[list[Text], Field(max_length=_FINDINGS)]

    def answer(self) -> Answer:
        return Score(self.score, tuple(self.reasons))


_SHAPES: Mapping[Asking, type[_Review | _Diagnosis | _Score]] = {
    Asking.REVIEW: _Review,
    Asking.AUDIT: _Review,
    Asking.DIAGNOSE: _Diagnosis,
    Asking.GATE: _Score,
}
_LENIENCY = (Judgement.BLOCK, Judgement.COMMENT, Judgement.APPROVE)
# What providers' strict mode does not know: we check it ourselves.
_NOT_SENT = {"maxLength", "maxItems", "minimum", "maximum", "title"}


def schema_of(asking: Asking) -> Mapping[str, Any]:
    """Give the JSON schema of an answer, within what providers' strict mode takes.

    https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
    """
    found: Mapping[str, Any] = _as_sent(_SHAPES[asking].model_json_schema())
    return found


def _as_sent(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {
            # A property may be called as a keyword is.
            name: {key: _as_sent(inner) for key, inner in value.items()} if name == "properties" else _as_sent(value)
            for name, value in schema.items()
            if name not in _NOT_SENT
        }
    return [_as_sent(one) for one in schema] if isinstance(schema, list) else schema


def read_answer(asking: Asking, text: str, hide: Hide | None = None) -> Answer:
    """Read an answer: JSON, JSON in a fence, or JSON with prose around it. BrokenAnswer says why it is none.

    ``hide`` is applied to every text in it, and not before: what it takes out could end a text of JSON too early.

    Where several that fit stand in prose, the most cautious one counts: models think aloud, and they quote
    what somebody planted for them to say.
    """
    shape = _SHAPES[asking]
    problem: ValidationError | None = None
    fitting: list[Answer] = []
    for found in _objects(text):
        try:
            fitting.append(shape.model_validate_json(json.dumps(found), context=hide).answer())
        except ValidationError as error:
            problem = problem or error
    if fitting:
        return min(fitting, key=_leniency)
    if problem is None:
        raise BrokenAnswer("the answer holds no JSON object", is_json=False)
    said = [
        # Names of fields that do not belong there are the model's own words.
        f"{clean_line('.'.join(map(str, one['loc'])))[:_NAME] or 'the answer'}: {one['msg']}"
        for one in problem.errors(include_input=False, include_url=False)[:5]
    ]
    raise BrokenAnswer("; ".join(said), is_json=True) from problem


def _leniency(answer: Answer) -> float:
    if isinstance(answer, Score):
        return answer.score
    return _LENIENCY.index(answer.judgement) if isinstance(answer, ReviewAnswer) else 0


def _objects(text: str) -> Iterator[Any]:
    """Give the JSON values in a text: all of it, or the objects in its fences and prose, the last one first."""
    whole = _parsed(text.strip())
    if whole is not None:
        yield whole
        return
    for found in _in_fences(text):
        value = _parsed(found)
        if isinstance(value, dict):
            yield value
    yield from reversed(list(_in_prose(text)))


def _in_fences(text: str) -> Iterator[str]:
    """Give what stands between two fences, the last first. One pass: no answer may keep the process busy for long."""
    for piece in reversed(text.rsplit(_FENCE, _TRIES)[1:-1]):
        language, _, body = piece.partition("\n")
        if _LANGUAGE.fullmatch(language.strip()):
            yield body


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _in_prose(text: str) -> Iterator[Any]:
    decoder = json.JSONDecoder()
    at, tries = text.find("{"), 0
    while at != -1 and tries < _TRIES:
        tries += 1
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            yield value
        at = text.find("{", end)
