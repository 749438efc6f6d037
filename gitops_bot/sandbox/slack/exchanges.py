"""Every answer of the stand-in, one JSON line each, for a check against Slack's published types."""

import json
from pathlib import Path
from typing import Any, TextIO

FILE_NAME = "exchanges.jsonl"


class Exchanges:
    """Appends to ``exchanges.jsonl`` in the state folder. A line is written at once: a kill loses none."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / FILE_NAME
        self._file: TextIO | None = None

    def open(self) -> None:
        """Begin, after what an earlier run left."""
        self._file = self.path.open("a", encoding="utf-8", buffering=1)

    def add(self, endpoint: str, status: int, body: Any, *, fault: str = "") -> None:
        """Write one answer. ``endpoint``: a method's name, ``upload``, ``response_url`` or ``socket:<type>``.

        ``fault`` names the fault that was switched on for it: such an answer is broken on purpose.
        """
        if self._file is not None:
            line = {"endpoint": endpoint, "status": status, "body": body} | ({"fault": fault} if fault else {})
            self._file.write(json.dumps(line, ensure_ascii=False) + "\n")

    def close(self) -> None:
        """End."""
        if self._file is not None:
            self._file.close()
            self._file = None
