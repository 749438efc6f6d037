"""The arguments of a Web API call, from a form, a JSON body or the query."""

import json
from typing import Any

from aiohttp import web

from gitops_bot.sandbox.slack.refusals import SlackRefusal, refusal_with_messages


class Arguments:
    """What a call was given. A form's values are strings; objects in them are JSON text."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    def has(self, name: str) -> bool:
        """Whether the argument is there and not null."""
        return self.values.get(name) is not None

    def text(self, name: str, default: str | None = None) -> str:
        """Give a string; without a default it must be there."""
        value = self.values.get(name)
        if value is None or (value == "" and default is None):
            if default is not None:
                return default
            raise refusal_with_messages("invalid_arguments", [f"missing required field: {name}"])
        if isinstance(value, (dict, list)):
            raise refusal_with_messages("invalid_arguments", [f"must provide a string [json-pointer:/{name}]"])
        return str(value)

    def integer(self, name: str, default: int) -> int:
        """Give a whole number."""
        value = self.values.get(name)
        if value is None or value == "":
            return default
        try:
            return int(value)
        except (TypeError, ValueError):
            raise refusal_with_messages(
                "invalid_arguments", [f"must provide an integer [json-pointer:/{name}]"]
            ) from None

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Give a boolean; forms say 1 and 0, or true and false."""
        value = self.values.get(name)
        if value is None or value == "":
            return default
        if isinstance(value, bool):
            return value
        return str(value).lower() in {"1", "true"}

    def structure(self, name: str, error: str) -> Any:
        """Give an object or a list, from JSON text where the body is a form; ``error`` when it is not JSON."""
        value = self.values.get(name)
        if isinstance(value, str):
            try:
                return json.loads(value)
            except ValueError:
                raise SlackRefusal(error) from None
        return value


async def read_arguments(request: web.Request) -> Arguments:
    """Read a request's arguments wherever Slack accepts them."""
    values: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json":
        try:
            body = await request.json()
        except ValueError:
            raise SlackRefusal("invalid_json") from None
        if not isinstance(body, dict):
            raise SlackRefusal("json_not_object")
        return Arguments(values | body)
    if request.content_type in {"application/x-www-form-urlencoded", "multipart/form-data"}:
        values.update({name: value for name, value in (await request.post()).items() if isinstance(value, str)})
    return Arguments(values)


def token_of(request: web.Request, arguments: Arguments) -> str:
    """Give the token, which stands in the header or, as of old, among the arguments."""
    header = request.headers.get("Authorization", "")
    if header.lower().startswith("bearer "):
        return header[7:].strip()
    token = arguments.values.get("token")
    return token if isinstance(token, str) else ""
