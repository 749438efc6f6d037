"""What the model is told to say, and what it says when it was told nothing."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

# Roughly how tokenisers cut: words, and every other character by itself.
_TOKEN = re.compile(r"\w+|[^\w\s]")
_DEEPEST = 20


@dataclass(frozen=True, slots=True)
class Answer:
    """One scripted answer."""

    # What the model says. Ignored when ``status`` is an error.
    text: str = ""
    # Only for prompts that contain this (any when empty).
    when: str = ""
    # How many requests it answers; 0: every one.
    times: int = 1
    # Seconds before the answer, and between the pieces of a streamed one.
    delay: float = 0
    # HTTP status; an error carries ``message`` and ``code`` as OpenAI's errors do.
    status: int = 200
    message: str = ""
    code: str = ""
    # stop, length, content_filter, tool_calls.
    finish_reason: str = "stop"
    # The provider's field for "I will not answer that".
    refusal: str = ""
    # Functions to be called: [{"name": ..., "arguments": {...}}].
    tool_calls: tuple[Mapping[str, Any], ...] = ()
    # Sent as the body as it is, whatever it is: for answers that are not JSON.
    raw: str | None = None
    # Cut the connection instead of answering.
    cut: bool = False

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Answer":
        """Read one; ValueError names a field that there is not, TypeError one of the wrong type."""
        known = {field.name: field.default for field in fields(cls)}
        for name, given in value.items():
            if name not in known:
                raise ValueError(f"unknown field {name!r}; there are: {', '.join(known)}")
            expected = (str, type(None)) if name == "raw" else _accepted(known[name])
            if not isinstance(given, expected):
                raise TypeError(f"{name}: wrong type {type(given).__name__}")
        return cls(**{**value, "tool_calls": tuple(value.get("tool_calls", ()))})


def _accepted(default: Any) -> tuple[type, ...]:
    if isinstance(default, tuple):
        return (list, tuple)
    return (int, float) if isinstance(default, float | int) and not isinstance(default, bool) else (type(default),)


class Script:
    """The answers that are left."""

    def __init__(self) -> None:
        self._answers: list[tuple[Answer, int]] = []

    def add(self, answer: Answer) -> None:
        """Append one."""
        self._answers.append((answer, answer.times))

    def clear(self) -> None:
        """Forget all."""
        self._answers.clear()

    def as_json(self) -> list[dict[str, Any]]:
        """Give those that are left, with how many times."""
        return [{**asdict(answer), "times": left} for answer, left in self._answers]

    def take(self, prompt: str) -> Answer | None:
        """Give the first that fits a prompt, and count it."""
        for index, (answer, left) in enumerate(self._answers):
            if answer.when in prompt:
                if left == 1:
                    del self._answers[index]
                elif left > 1:
                    self._answers[index] = (answer, left - 1)
                return answer
        return None


def default_answer(body: Mapping[str, Any]) -> str:
    """Say something that fits the format that was asked for."""
    wanted = body.get("response_format") or {}
    if wanted.get("type") == "json_schema":
        return json.dumps(smallest((wanted.get("json_schema") or {}).get("schema") or {}))
    if wanted.get("type") == "json_object":
        return json.dumps(smallest(wanted.get("schema") or {"type": "object"}))
    return "I am the sandbox's stand-in for a language model: I have no opinion. Script my answers to give me one."


def smallest(schema: Mapping[str, Any], root: Mapping[str, Any] | None = None, depth: int = 0) -> Any:
    """Make the smallest value that a JSON schema allows, as far as providers' strict mode knows schemas."""
    root = schema if root is None else root
    if depth > _DEEPEST:
        return None
    chosen = _chosen(schema, root)
    if chosen is not None:
        return smallest(chosen, root, depth + 1)
    if "const" in schema or "enum" in schema:
        return schema["const"] if "const" in schema else schema["enum"][0]
    kind = schema.get("type")
    if isinstance(kind, Sequence) and not isinstance(kind, str):
        kind = kind[0]
    if kind == "object" or (kind is None and "properties" in schema):
        properties = schema.get("properties", {})
        return {name: smallest(properties.get(name, {}), root, depth + 1) for name in schema.get("required", ())}
    if kind == "array":
        return [smallest(schema.get("items", {}), root, depth + 1) for _ in range(schema.get("minItems", 0))]
    simple = {"string": "x" * schema.get("minLength", 0), "boolean": False, "null": None}
    return schema.get("minimum", 0) if kind in {"integer", "number"} else simple.get(str(kind))


def _chosen(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Give the schema that stands in place of this one: what it refers to, or the first of its choices."""
    if "$ref" in schema:
        return _resolve(schema["$ref"], root)
    return next((schema[name][0] for name in ("anyOf", "oneOf", "allOf") if schema.get(name)), None)


def _resolve(reference: str, root: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Any = root
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    result: Mapping[str, Any] = found
    return result


def tokens(text: str) -> list[str]:
    """Cut a text into what is counted as tokens, each with the space before it."""
    ends = [match.end() for match in _TOKEN.finditer(text)]
    return [text[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def prompt_of(messages: Sequence[Any]) -> str:
    """Give all the words of a conversation."""
    return "\n".join(_words(message.get("content")) for message in messages if isinstance(message, Mapping))


def _words(content: Any) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, Mapping))
    return ""
