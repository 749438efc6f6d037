"""What the stand-in answers when it says no."""

from collections.abc import Mapping, Sequence


class SlackRefusal(Exception):
    """An ``ok: false`` answer. ``error`` is Slack's name for it, ``extra`` what stands beside it."""

    def __init__(self, error: str, extra: Mapping[str, object] | None = None) -> None:
        super().__init__(error)
        self.error = error
        self.extra = dict(extra or {})

    def as_json(self) -> dict[str, object]:
        """Give the body of the answer."""
        return {"ok": False, "error": self.error, **self.extra}


def refusal_with_messages(error: str, messages: Sequence[str], *, listed: bool = False) -> SlackRefusal:
    """Refuse and say where: ``response_metadata.messages`` holds one line per problem.

    ``listed`` repeats them under ``errors``, as chat.postMessage does for blocks.
    """
    extra: dict[str, object] = {"response_metadata": {"messages": [f"[ERROR] {message}" for message in messages]}}
    if listed:
        extra["errors"] = list(messages)
    return SlackRefusal(error, extra)
