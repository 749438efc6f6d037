"""What one run of flux finds around it: folders of its own, a kubeconfig, and an environment made from nothing."""

import base64
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gitops_bot.flux.protocol import Opening

# Nothing listens there. Go never sends loopback addresses to a proxy, so this is a second line: the walk
# over the files comes first, and where the kernel can it forbids other ports too (landlock).
_DEAD_PROXY = "http://127.0.0.1:9"
# Of the address space that a run may use, what Go's heap may take before it collects harder.
_HEAP_SHARE = 0.7


@dataclass(frozen=True)
class RunFolder:
    """The folders of one run. ``root`` holds everything and goes with it."""

    root: Path
    kubeconfig: Path
    kustomization: Path

    @property
    def home(self) -> Path:
        """An empty home: no plugins, no caches of others."""
        return self.root / "home"

    @property
    def temporary(self) -> Path:
        """Where flux writes the objects that it compares."""
        return self.root / "tmp"

    def environment(self, opening: Opening) -> dict[str, str]:
        """Give all of flux's environment."""
        host = urlsplit(opening.server).hostname or ""
        return {
            # Empty: kustomize would run git for remote bases.
            "PATH": str(self.root / "bin"),
            "HOME": str(self.home),
            "TMPDIR": str(self.temporary),
            "KUBECONFIG": str(self.kubeconfig),
            "TERM": "dumb",
            "LANG": "C.UTF-8",
            "NO_COLOR": "1",
            "HTTP_PROXY": _DEAD_PROXY,
            "HTTPS_PROXY": _DEAD_PROXY,
            "NO_PROXY": host,
            # Half as much work for the garbage collector as by default: most runs are over after a tenth of a
            # second. It takes some 80 MB more for 1,500 objects, and the limit below bounds both.
            "GOGC": "200",
            "GOMEMLIMIT": str(int(opening.limits.memory_bytes * _HEAP_SHARE)),
        }


@contextmanager
def run_folder(parent: Path, opening: Opening, kustomization: Mapping[str, Any]) -> Iterator[RunFolder]:
    """Make the folders of one run and remove them afterwards, whatever happens."""
    root = Path(tempfile.mkdtemp(prefix="run-", dir=parent))
    try:
        for name in ("home", "tmp", "bin"):
            (root / name).mkdir(mode=0o700)
        folder = RunFolder(root, root / "kubeconfig", root / "kustomization.json")
        _write(folder.kubeconfig, kubeconfig(opening))
        _write(folder.kustomization, dict(kustomization))
        yield folder
    finally:
        shutil.rmtree(root, ignore_errors=True)


def kubeconfig(opening: Opening) -> dict[str, Any]:
    """Make a kubeconfig for the *diff* identity. JSON is YAML."""
    cluster: dict[str, Any] = {"server": opening.server}
    if opening.ca_pem:
        cluster["certificate-authority-data"] = base64.b64encode(opening.ca_pem.encode()).decode()
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "cluster", "cluster": cluster}],
        "users": [{"name": "diff", "user": {"token": opening.token}}],
        "contexts": [{"name": "diff", "context": {"cluster": "cluster", "user": "diff"}}],
        "current-context": "diff",
    }


def _write(file: Path, content: Mapping[str, Any]) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as new:
        json.dump(content, new)
