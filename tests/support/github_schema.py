"""Holds every answer of the GitHub stand-in against GitHub's own OpenAPI description.

The source is githubkit: its models, and its table of endpoints, are generated from that description.
Which model belongs to which answer is read out of its client's code (the method and path of each
call, ``response_model`` and ``error_models``), so an endpoint that GitHub does not have cannot pass.
What the models leave open is tightened here: a field that the description does not name is a
mistake too, and an event's payload must be what its type says.
"""

import ast
import functools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Union

from githubkit_schemas.v2026_03_10 import models
from githubkit_schemas.v2026_03_10 import rest as rest_package
from pydantic import BaseModel, TypeAdapter, ValidationError

_CALL = re.compile(r"^        (GET|POST|PUT|PATCH|DELETE) (/\S*)$", re.MULTILINE)
# The answers that every endpoint may give, and that the description lists only for some.
_ANY_REFUSAL = "BasicError"
_ANY_REFUSALS = {"422": "ValidationError"}
# The stand-in answers as version 2022-11-28 when nobody asks for another; the models are those of
# 2026-03-10, which left these out. Their types, as the older description has them:
_OLD_FIELDS: dict[str, TypeAdapter[Any]] = {
    "merge_commit_sha": TypeAdapter(str | None),
    "assignee": TypeAdapter(models.SimpleUser | None),
    "has_downloads": TypeAdapter(bool),
    "rate": TypeAdapter(models.RateLimit),
}
# What GitHub sends although its description does not say so: field, reason.
_UNDESCRIBED = {
    "user_view_type": "in every user object of the live API; the description has it in some",
    "status": "error bodies repeat the status as text; described in basic-error only",
    "display_login": "actors of events have it",
}
# Endpoints without schema: method and path, reason.
_EXCEPTIONS = {
    ("POST", "/graphql"): "the OpenAPI description covers REST alone",
}


def assert_answers_keep_githubs_schema(state_folder: Path) -> int:
    """Check every line of ``exchanges.jsonl``; give how many answers were held against a schema."""
    problems: list[str] = []
    checked = 0
    seen: set[str] = set()
    for number, line in enumerate((state_folder / "exchanges.jsonl").read_text(encoding="utf-8").splitlines(), 1):
        # Polls give the same answer again and again.
        if line in seen:
            continue
        seen.add(line)
        exchange = json.loads(line)
        if (exchange["method"], exchange["template"]) in _EXCEPTIONS:
            continue
        checked += 1
        where = f"line {number}, {exchange['method']} {exchange['template']}, {exchange['status']}"
        problems.extend(f"{where}: {problem}" for problem in _problems(exchange))
    assert not problems, "\n".join(["answers that GitHub would not give:", *problems[:20]])
    return checked


def _problems(exchange: dict[str, Any]) -> Iterator[str]:
    status, body = exchange["status"], exchange["body"]
    # What nothing answers is refused in the same words everywhere.
    endpoint = (None, {}) if exchange["template"] == "/{path}" else _endpoint(exchange["method"], exchange["template"])
    if endpoint is None:
        yield "there is no schema for this endpoint"
        return
    good, refusals = endpoint
    if status in {204, 304}:
        if body is not None:
            yield f"a body with status {status}"
    elif status >= 400:
        yield from _mismatches(_adapter((_ANY_REFUSALS | refusals).get(str(status), _ANY_REFUSAL)), body)
    elif good is None:
        yield "the description knows no body here"
    else:
        yield from _mismatches(_adapter(good), body)
        yield from _beyond_the_model(good, exchange["version"], body)


def _beyond_the_model(model: str, version: str, body: Any) -> Iterator[str]:
    """Check what the models cannot say."""
    if model == "PullRequest" and version == "2022-11-28" and not {"merge_commit_sha", "assignee"} <= body.keys():
        yield "merge_commit_sha and assignee are missing, which version 2022-11-28 has"
    if model == "list[Event]":
        for event in body:
            yield from _mismatches(_adapter(event["type"]), event["payload"])


def _mismatches(adapter: TypeAdapter[Any], body: Any) -> Iterator[str]:
    try:
        # Strict, and from JSON: a text is no number, but it may be a moment.
        value = adapter.validate_json(json.dumps(body), strict=True)
    except ValidationError as wrong:
        for error in wrong.errors(include_url=False)[:5]:
            yield f"/{'/'.join(str(part) for part in error['loc'])}: {error['msg']}"
        return
    yield from _unknown_fields(value, body, "")


def _unknown_fields(value: Any, raw: Any, where: str) -> Iterator[str]:
    """Find fields that no description names, in everything that was read into a model."""
    if isinstance(value, BaseModel) and isinstance(raw, dict):
        names = {field.alias or name: name for name, field in type(value).model_fields.items()}
        # Some objects may hold any field: the permissions of an App.
        open_ended = type(value).model_config.get("extra") == "allow"
        for name, one in raw.items():
            if name in names:
                yield from _unknown_fields(getattr(value, names[name]), one, f"{where}/{name}")
            elif name in _OLD_FIELDS:
                yield from (f"{where}/{name}{problem}" for problem in _mismatches(_OLD_FIELDS[name], one))
            elif not open_ended and name not in _UNDESCRIBED:
                yield f"{where}/{name}: the description does not name this field"
    elif isinstance(value, list):
        for one, beside in zip(value, raw, strict=True):
            yield from _unknown_fields(one, beside, f"{where}/*")


@functools.cache
def _functions() -> dict[tuple[str, str], str]:
    """Cut githubkit's client into its functions, by method and path. Parsing all of it would take ten seconds."""
    found: dict[tuple[str, str], str] = {}
    for file in Path(rest_package.__file__).parent.glob("*.py"):
        for function in file.read_text(encoding="utf-8").split("\n    def ")[1:]:
            call = _CALL.search(function)
            # Overloads have the name and the description, but send nothing.
            if call is not None and "self._github.request(" in function:
                found[call[1], call[2]] = function.partition("\n    async def ")[0].partition("\n    @overload")[0]
    assert len(found) > 500, "githubkit's client is written differently now: read it anew"
    return found


@functools.cache
def _endpoint(method: str, template: str) -> tuple[str | None, dict[str, str]] | None:
    """Give the model of a good answer, and of refusals by status; None when GitHub has no such endpoint."""
    function = _functions().get((method, template))
    if function is None:
        return None
    tree = ast.parse(f"class Client:\n    def {function}")
    request = next(filter(_is_request, ast.walk(tree)))
    assert isinstance(request, ast.Call)
    words = {word.arg: word.value for word in request.keywords}
    good = ast.unparse(words["response_model"]) if "response_model" in words else None
    errors = words.get("error_models")
    if not isinstance(errors, ast.Dict):
        return good, {}
    named = zip(errors.keys, errors.values, strict=True)
    return good, {key.value: ast.unparse(model) for key, model in named if isinstance(key, ast.Constant)}


def _is_request(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "self._github.request"


@functools.cache
def _adapter(expression: str) -> TypeAdapter[Any]:
    return TypeAdapter(_type(ast.parse(expression, mode="eval").body))


def _type(node: ast.expr) -> Any:
    """Give the type that an expression names: a model, ``list[…]`` or ``Union[…]``."""
    if isinstance(node, ast.Subscript):
        inner = [_type(one) for one in (node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice])]
        return list[inner[0]] if ast.unparse(node.value) == "list" else Union[tuple(inner)]  # noqa: UP007 - built at run time
    if isinstance(node, ast.Constant):
        return node.value
    return {"str": str, "int": int, "bool": bool, "Any": Any}.get(ast.unparse(node)) or getattr(
        models, ast.unparse(node)
    )
