"""What GitHub answers when it refuses, in its own words and shapes."""

from collections.abc import Mapping, Sequence
from typing import Any

DOCUMENTATION = "https://docs.github.com/rest"
# Characters of the text of a comment, a review or a pull request.
LONGEST_BODY = 65_536


class Refusal(Exception):
    """An answer other than the one asked for. ``errors``: words (validation-error-simple) or objects."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        errors: Sequence[str] | Sequence[Mapping[str, str]] = (),
        documentation: str = DOCUMENTATION,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = dict(headers or {})
        self.body: dict[str, Any] = {"message": message}
        if errors:
            self.body["errors"] = list(errors)
        self.body |= {"documentation_url": documentation, "status": str(status)}


def not_found() -> Refusal:
    """404: also what somebody without the right to read is told."""
    return Refusal(404, "Not Found")


def bad_credentials() -> Refusal:
    """401: a token that GitHub does not know, or no longer."""
    return Refusal(401, "Bad credentials")


def requires_authentication() -> Refusal:
    """401: no token where one is needed."""
    return Refusal(401, "Requires authentication")


def forbidden(message: str) -> Refusal:
    """403: the resource may be seen, but not this done with it."""
    return Refusal(403, message)


def unprocessable(*errors: str) -> Refusal:
    """422 in the simple form, as reviews and merges use it."""
    return Refusal(422, "Unprocessable Entity", errors=errors)


def invalid(resource: str, field: str, code: str, message: str = "") -> Refusal:
    """422 in the long form. Codes: https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api."""
    error = {"resource": resource, "field": field, "code": code} | ({"message": message} if message else {})
    return Refusal(422, "Validation Failed", errors=[error])


def too_long(resource: str) -> Refusal:
    """422 for a text of more than 65,536 characters."""
    return invalid(resource, "data", "unprocessable", f"Body is too long (maximum is {LONGEST_BODY} characters)")
