"""Rows whose content is JSON, read back into values."""

from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from gitops_bot import telemetry

log = telemetry.logger(__name__)

Kind = TypeVar("Kind")


def readable(adapter: TypeAdapter[Kind], content: Any, what: str) -> Kind | None:
    """Read a row; None for one that cannot be read: it stops no other, and what it said is made anew."""
    try:
        return adapter.validate_python(content)
    except ValidationError as error:
        # Its own text quotes the row.
        places = [".".join(map(str, problem["loc"])) for problem in error.errors(include_input=False)]
        log.error("a row of the database cannot be read", row=what, places=places[:5])  # noqa: TRY400 # see above
        return None
