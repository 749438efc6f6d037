"""Every answer of the API, one JSON line each, for a check against GitHub's OpenAPI description."""

from pathlib import Path
from typing import Any

from gitops_bot.sandbox.json_lines import JsonLines


class Exchanges(JsonLines):
    """Appends to ``exchanges.jsonl`` in the state folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "exchanges.jsonl")

    def add(self, method: str, template: str, status: int, *, version: str, body: Any) -> None:
        """Write one answer: what GitHub would say, before a fault that was switched on broke it."""
        self.write({"method": method, "template": template, "status": status, "version": version, "body": body})
