"""A file of JSON lines in the state folder of a stand-in."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO


class JsonLines:
    """Appends to a file. A line is written at once: a kill loses none."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / name
        self._file: TextIO | None = None

    def open(self) -> None:
        """Begin, after what an earlier run left."""
        self._file = self.path.open("a", encoding="utf-8", buffering=1)

    def write(self, line: Mapping[str, Any]) -> None:
        """Write one line, while it is open."""
        if self._file is not None:
            self._file.write(json.dumps(line) + "\n")

    def close(self) -> None:
        """End."""
        if self._file is not None:
            self._file.close()
            self._file = None
