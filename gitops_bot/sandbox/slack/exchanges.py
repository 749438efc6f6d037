"""Every answer of the stand-in, one JSON line each, for a check against Slack's published types."""

from pathlib import Path
from typing import Any

from gitops_bot.sandbox.json_lines import JsonLines


class Exchanges(JsonLines):
    """Appends to ``exchanges.jsonl`` in the state folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "exchanges.jsonl")

    def add(self, endpoint: str, status: int, body: Any, *, fault: str = "") -> None:
        """Write one answer. ``endpoint``: a method's name, ``upload``, ``response_url`` or ``socket:<type>``.

        ``fault`` names the fault that was switched on for it: such an answer is broken on purpose.
        """
        self.write({"endpoint": endpoint, "status": status, "body": body} | ({"fault": fault} if fault else {}))
