"""How servers are asked for JSON. They differ: a request goes down this ladder until the server takes it."""

import json
from collections.abc import Mapping
from enum import IntEnum
from typing import Any

from gitops_bot.llm.answers import schema_of
from gitops_bot.models.opinions import Asking


class Format(IntEnum):
    """From the one that helps most."""

    JSON_SCHEMA = 0
    # A field that llama.cpp's Python server and some gateways take, and make a grammar of; OpenAI refuses it.
    JSON_OBJECT_WITH_SCHEMA = 1
    JSON_OBJECT = 2
    # Nothing is asked of the server; what comes is parsed.
    TEXT = 3

    @property
    def lower(self) -> "Format | None":
        """The next one; None below the last."""
        return Format(self + 1) if self < Format.TEXT else None


# What a refusal of a format speaks of. Some servers answer it with 500.
_WORDS = ("response_format", "json_schema", "json_object", "structured output", "guided", "json mode", "grammar")


def response_format(form: Format, asking: Asking) -> Mapping[str, Any]:
    """Give the part of the request that asks for a format; empty for none."""
    if form is Format.JSON_SCHEMA:
        described = {"name": asking.value, "strict": True, "schema": schema_of(asking)}
        return {"response_format": {"type": "json_schema", "json_schema": described}}
    if form is Format.JSON_OBJECT_WITH_SCHEMA:
        return {"response_format": {"type": "json_object", "schema": schema_of(asking)}}
    return {"response_format": {"type": "json_object"}} if form is Format.JSON_OBJECT else {}


def instruction(form: Format, asking: Asking) -> str:
    """Say in words what the server was not asked for."""
    if form is Format.JSON_SCHEMA:
        return "Answer with JSON."
    schema = json.dumps(schema_of(asking), separators=(",", ":"))
    return f"Answer with one JSON object and nothing else. It must fit this JSON schema:\n{schema}"


def speaks_of_format(words: str) -> bool:
    """Whether an error is about the format that was asked for."""
    return any(one in words.lower() for one in _WORDS)
