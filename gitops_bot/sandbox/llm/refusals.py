"""Errors in OpenAI's shape: https://platform.openai.com/docs/guides/error-codes."""

from aiohttp import web

_KINDS = {429: "rate_limit_error"}


class Refused(Exception):
    """An error answer."""

    def __init__(self, status: int, message: str, *, code: str = "", parameter: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers: dict[str, str] = {}
        server = status >= web.HTTPInternalServerError.status_code
        kind = _KINDS.get(status, "server_error" if server else "invalid_request_error")
        self.body = {"error": {"message": message, "type": kind, "param": parameter, "code": code or None}}

    def response(self) -> web.Response:
        """Give it as an answer."""
        return web.json_response(self.body, status=self.status, headers=self.headers)


def unknown_model(name: str) -> Refused:
    """404 for a model that is not there."""
    return Refused(404, f"The model `{name}` does not exist or you do not have access to it.", code="model_not_found")
