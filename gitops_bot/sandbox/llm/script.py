"""What the model is told to say, and what it says when it was told nothing."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from gitops_bot.sandbox.llm.formats import fitting

# Roughly how tokenisers cut: words, and every other character by itself.
_TOKEN = re.compile(r"\w+|[^\w\s]")
# Characters from which on tokens are guessed: cutting megabytes would hold up everybody else.
_LONG = 200_000
_NOTHING = "I am the sandbox's stand-in for a language model: I have no opinion. Script my answers to give me one."


@dataclass(frozen=True, slots=True)
class Answer:
    """One scripted answer. What a model may get wrong: ``text`` is said as it is (``{"score": NaN}``, ``"100"``, …)."""

    # What the model says. Ignored when ``status`` is an error.
    text: str = ""
    # Only for prompts that contain this, and in which this regular expression is found (any when empty).
    when: str = ""
    pattern: str = ""
    # How many requests it answers; 0: every one.
    times: int = 1
    # Seconds before the answer, and between the pieces of a streamed one.
    delay: float = 0
    # HTTP status; an error carries ``message`` and ``code`` as OpenAI's errors do, and a Retry-After in seconds.
    status: int = 200
    message: str = ""
    code: str = ""
    retry_after: float | None = None
    # stop, length, content_filter, tool_calls.
    finish_reason: str = "stop"
    # The provider's field for "I will not answer that".
    refusal: str = ""
    # Functions to be called: [{"name": ..., "arguments": {...}}]; arguments that are a text are sent as they are.
    tool_calls: tuple[Mapping[str, Any], ...] = ()
    # Instead of ``text``: JSON that fits the schema asked for, with these fields laid over it.
    fields: Mapping[str, Any] | None = None
    # Say the text so many times over: for answers of many megabytes.
    repeat: int = 1
    # Counted instead of what the text comes to.
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    # Sent as the body as it is, whatever it is: for answers that are not JSON.
    raw: str | None = None
    # Cut the connection instead of answering; ``half``: in the middle of the answer.
    cut: bool = False
    half: bool = False

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Answer":
        """Read one; ValueError names a field that there is not, TypeError one of the wrong type."""
        known = {field.name: field.default for field in fields(cls)}
        for name, given in value.items():
            if name not in known:
                raise ValueError(f"unknown field {name!r}; there are: {', '.join(known)}")
            if not isinstance(given, _ACCEPTED.get(name) or _accepted(known[name])):
                raise TypeError(f"{name}: wrong type {type(given).__name__}")
        re.compile(value.get("pattern", ""))
        return cls(**{**value, "tool_calls": tuple(value.get("tool_calls", ()))})

    def fits(self, prompt: str) -> bool:
        """Whether it answers this prompt."""
        return self.when in prompt and (not self.pattern or re.search(self.pattern, prompt) is not None)

    def said(self, schema: Mapping[str, Any] | None) -> str:
        """Give the text."""
        if self.fields is not None:
            return fitting(schema or {"type": "object"}, self.fields)
        return self.text * self.repeat


_ACCEPTED: Mapping[str, tuple[type, ...]] = {
    "raw": (str, type(None)),
    "fields": (dict, type(None)),
    "retry_after": (int, float, type(None)),
    "prompt_tokens": (int, type(None)),
    "completion_tokens": (int, type(None)),
}


def _accepted(default: Any) -> tuple[type, ...]:
    if isinstance(default, tuple):
        return (list, tuple)
    return (int, float) if isinstance(default, float | int) and not isinstance(default, bool) else (type(default),)


# A whole model in Python: sees the request, gives an answer, or None to leave it to the script.
Model = Callable[[Mapping[str, Any]], Answer | None]


class Script:
    """The answers that are left; ``model``, when it is set, is asked first."""

    def __init__(self) -> None:
        self._answers: list[tuple[Answer, int]] = []
        self.model: Model | None = None

    def add(self, answer: Answer) -> None:
        """Append one."""
        self._answers.append((answer, answer.times))

    def clear(self) -> None:
        """Forget all."""
        self._answers.clear()
        self.model = None

    def as_json(self) -> list[dict[str, Any]]:
        """Give those that are left, with how many times."""
        return [{**asdict(answer), "times": left} for answer, left in self._answers]

    def take(self, body: Mapping[str, Any], prompt: str) -> Answer | None:
        """Give the first that fits a prompt, and count it."""
        answer = self.model(body) if self.model is not None else None
        if answer is not None:
            return answer
        for index, (answer, left) in enumerate(self._answers):
            if answer.fits(prompt):
                if left == 1:
                    del self._answers[index]
                elif left > 1:
                    self._answers[index] = (answer, left - 1)
                return answer
        return None


def default_answer(schema: Mapping[str, Any] | None) -> Answer:
    """Say something that fits the format that was asked for."""
    return Answer(text=_NOTHING if schema is None else fitting(schema))


def tokens(text: str) -> list[str]:
    """Cut a text into what is counted as tokens, each with the space before it."""
    ends = [match.end() for match in _TOKEN.finditer(text)]
    return [text[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def count(text: str) -> int:
    """Count tokens; of a very long text only about."""
    return len(tokens(text)) if len(text) <= _LONG else len(text) // 4


def prompt_of(messages: Sequence[Any]) -> str:
    """Give all the words of a conversation."""
    return "\n".join(_words(message.get("content")) for message in messages if isinstance(message, Mapping))


def _words(content: Any) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, Mapping))
    return ""
