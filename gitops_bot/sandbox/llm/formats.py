"""Formats that an answer must have: what fits a JSON schema, and what providers refuse about one.

https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from gitops_bot.sandbox.llm.refusals import Refused

# How a server takes a response_format. Some refuse json_schema with 400, llama.cpp's Python server with 500,
# others answer as if nothing had been said.
Manner = Literal["honour", "refuse_400", "refuse_500", "ignore"]
MANNERS: tuple[Manner, ...] = ("honour", "refuse_400", "refuse_500", "ignore")
_DEEPEST = 20


def wanted_schema(body: Mapping[str, Any], prompt: str, manners: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Give the schema that the answer must fit, None for plain text. Refused as ``manners`` say."""
    wanted = body.get("response_format") or {"type": "text"}
    kind = str(wanted.get("type"))
    if kind == "text":
        return None
    if kind not in {"json_schema", "json_object"}:
        raise _refused(400, f"Invalid value: '{kind}'. Supported values are: 'json_object', 'json_schema', 'text'.")
    manner = manners[kind]
    if manner == "ignore":
        return None
    if manner == "refuse_400":
        raise _refused(400, f"'response_format' of type '{kind}' is not supported with this model.")
    if manner == "refuse_500":
        raise _refused(500, "[{'loc': ('body', 'response_format', 'type'), 'msg': \"Input should be 'text'\"}]")
    if kind == "json_object":
        return _of_object(wanted, prompt, manners)
    described = wanted.get("json_schema") or {}
    schema = described.get("schema")
    if not isinstance(schema, dict) or not described.get("name"):
        raise _refused(400, "Missing required parameter: 'response_format.json_schema'.")
    reason = _reason_to_refuse(schema, ()) if described.get("strict") else None
    if reason:
        words = f"Invalid schema for response_format '{described['name']}': {reason}"
        raise _refused(400, words, code="invalid_json_schema")
    return schema


def _of_object(wanted: Mapping[str, Any], prompt: str, manners: Mapping[str, Any]) -> Mapping[str, Any]:
    if "json" not in prompt.lower():
        words = "'messages' must contain the word 'json' in some form, to use 'response_format' of 'json_object'."
        raise _refused(400, words, parameter="messages")
    # llama.cpp takes a schema here; OpenAI knows no such field.
    if "schema" in wanted and manners["json_object_schema"] == "refuse_400":
        raise _refused(400, "Unknown parameter: 'response_format.schema'.", parameter="response_format.schema")
    return wanted.get("schema") or {"type": "object"}


def _refused(status: int, message: str, *, code: str = "", parameter: str = "response_format") -> Refused:
    return Refused(status, message, code=code, parameter=parameter)


def _reason_to_refuse(schema: Any, where: tuple[str, ...]) -> str | None:
    """Give what OpenAI says about a schema that ``strict`` does not allow; None: it is fine."""
    if not isinstance(schema, dict):
        return None
    if schema.get("type") == "object" or "properties" in schema:
        context = f"In context=({', '.join(repr(one) for one in where)})"
        if schema.get("additionalProperties") is not False:
            return f"{context}, 'additionalProperties' is required to be supplied and to be false."
        missing = sorted(set(schema.get("properties", {})) - set(schema.get("required", ())))
        if missing:
            wanted = "'required' is required to be supplied and to be an array including every key in properties"
            return f"{context}, {wanted}. Missing '{missing[0]}'."
    inner = [((*where, "items"), schema.get("items"))]
    for name in ("properties", "$defs", "definitions"):
        inner += [((*where, name, key), one) for key, one in (schema.get(name) or {}).items()]
    for name in ("anyOf", "allOf", "oneOf"):
        inner += [((*where, name, str(number)), one) for number, one in enumerate(schema.get(name) or ())]
    return next((found for place, one in inner if (found := _reason_to_refuse(one, place))), None)


def fitting(schema: Mapping[str, Any], over: Mapping[str, Any] | None = None) -> str:
    """Write the smallest value that fits, with some fields laid over it."""
    value = smallest(schema)
    return json.dumps(value | dict(over) if over and isinstance(value, dict) else value)


def smallest(schema: Mapping[str, Any], root: Mapping[str, Any] | None = None, depth: int = 0) -> Any:
    """Make the smallest value that a JSON schema allows, as far as providers' strict mode knows schemas."""
    root = schema if root is None else root
    if depth > _DEEPEST:
        return None
    if "$ref" in schema:
        return smallest(_resolve(schema["$ref"], root), root, depth + 1)
    for name in ("anyOf", "oneOf"):
        if schema.get(name):
            return smallest(schema[name][0], root, depth + 1)
    if schema.get("allOf"):
        parts = [smallest(one, root, depth + 1) for one in schema["allOf"]]
        together = {name: value for part in parts if isinstance(part, dict) for name, value in part.items()}
        return together or parts[0]
    if "const" in schema or "enum" in schema:
        return schema["const"] if "const" in schema else schema["enum"][0]
    return _of_type(schema, root, depth)


def _of_type(schema: Mapping[str, Any], root: Mapping[str, Any], depth: int) -> Any:
    kind = schema.get("type")
    if isinstance(kind, Sequence) and not isinstance(kind, str):
        kind = kind[0]
    if kind == "object" or (kind is None and "properties" in schema):
        properties = schema.get("properties", {})
        return {name: smallest(properties.get(name, {}), root, depth + 1) for name in schema.get("required", ())}
    if kind == "array":
        return [smallest(schema.get("items", {}), root, depth + 1) for _ in range(schema.get("minItems", 0))]
    if kind in {"integer", "number"}:
        return _number(schema)
    simple = {"string": "x" * schema.get("minLength", 0), "boolean": False, "null": None}
    return simple.get(str(kind))


def _number(schema: Mapping[str, Any]) -> float:
    """Give the number nearest to nothing that lies within the bounds."""
    low = schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1 if "exclusiveMinimum" in schema else None)
    high = schema.get("maximum", schema.get("exclusiveMaximum", 1) - 1 if "exclusiveMaximum" in schema else None)
    value: float = max(0, low) if low is not None else 0
    return min(value, high) if high is not None else value


def _resolve(reference: str, root: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Any = root
    for part in reference.removeprefix("#").strip("/").split("/"):
        found = found[part] if part else found
    result: Mapping[str, Any] = found
    return result
