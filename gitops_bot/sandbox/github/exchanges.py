"""Every answer of the API, one JSON line each, for a check against GitHub's OpenAPI description."""

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

    def add(self, method: str, template: str, status: int, *, version: str, body: Any) -> None:
        """Write one answer: what GitHub would say, before a fault that was switched on broke it."""
        if self._file is not None:
            line = {"method": method, "template": template, "status": status, "version": version, "body": body}
            self._file.write(json.dumps(line) + "\n")

    def close(self) -> None:
        """End."""
        if self._file is not None:
            self._file.close()
            self._file = None
