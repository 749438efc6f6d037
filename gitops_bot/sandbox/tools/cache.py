"""Where the programs lie: ``${XDG_CACHE_HOME:-~/.cache}/gitops-bot/tools/<name>/<version>/<name>``.

Beside each lies ``manifest.json``: name, version, sha256, size and origin. A folder with a manifest
is whole, because both are made elsewhere and renamed into place together; one without is not ours
or half made.
"""

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from gitops_bot.sandbox.errors import SandboxError
from gitops_bot.sandbox.tools.catalogue import DEFINITION_MODULES

_MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class ToolFile:
    """A program that can be run."""

    name: str
    version: str
    path: Path
    sha256: str
    size: int
    # Where it came from, for a person: "PATH", an address, "go build MODULE@VERSION".
    origin: str

    @classmethod
    def of(cls, name: str, version: str, path: Path, origin: str) -> Self:
        """Describe the file at ``path``, reading all of it."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return cls(name=name, version=version, path=path, sha256=digest, size=path.stat().st_size, origin=origin)


def tools_folder() -> Path:
    """Give the folder of all tools; XDG_CACHE_HOME counts only when absolute, as its specification says."""
    configured = Path(os.environ.get("XDG_CACHE_HOME", ""))
    base = configured if configured.is_absolute() else Path.home() / ".cache"
    return base / "gitops-bot" / "tools"


def find(name: str, version: str) -> ToolFile | None:
    """Give the cached program, or None when it is absent or not what its manifest says."""
    path = tools_folder() / name / version / name
    try:
        manifest = json.loads((path.parent / _MANIFEST).read_text(encoding="utf-8"))
        whole = os.access(path, os.X_OK) and path.stat().st_size == manifest["size"]
        if not whole:
            return None
        return ToolFile(name, version, path, str(manifest["sha256"]), int(manifest["size"]), str(manifest["origin"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def is_intact(tool: ToolFile) -> bool:
    """Tell whether the file still has the checksum of its manifest."""
    return ToolFile.of(tool.name, tool.version, tool.path, tool.origin).sha256 == tool.sha256


def keep(name: str, version: str, program: Path, origin: str) -> ToolFile:
    """Move a finished program into the cache, whole or not at all."""
    target = tools_folder() / name / version
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{version}.") as scratch:
        folder = Path(scratch) / version
        folder.mkdir()
        copy = folder / name
        shutil.move(program, copy)
        copy.chmod(0o755)
        described = ToolFile.of(name, version, copy, origin)
        content = {key: value for key, value in asdict(described).items() if key != "path"}
        (folder / _MANIFEST).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        if target.exists():
            # Half made, or damaged: `find` did not accept it. A program that runs from it goes on running.
            target.rename(Path(scratch) / "replaced")
        folder.rename(target)
    return ToolFile(name, version, target / name, described.sha256, described.size, origin)


def definitions_folder() -> Path:
    """Give the folder of the definitions (CRDs) of Flux's objects; there only when complete."""
    versions = "_".join(f"{module.rsplit('/', 1)[1]}-{version}" for module, version in DEFINITION_MODULES)
    return tools_folder() / "flux-crds" / versions


def clear_leftovers() -> None:
    """Remove what a killed run left. Call it with the lock held: everything unfinished is nobody's then."""
    for pattern in (".work-*", "*/.*"):
        for folder in tools_folder().glob(pattern):
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def work_folder(name: str) -> Iterator[Path]:
    """Give a scratch folder on the cache's file system, removed afterwards."""
    tools_folder().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=tools_folder(), prefix=f".work-{name}-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


class Lock:
    """One run at a time brings tools; the kernel lets go when the process ends, however it ends."""

    def __init__(self) -> None:
        folder = tools_folder()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(folder / ".lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise SandboxError(f"{folder} cannot be written: {error.strerror}. Set XDG_CACHE_HOME.") from error

    def try_acquire(self) -> bool:
        """Take the lock if nobody has it."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        """Let go, also when it was never held."""
        os.close(self._descriptor)
