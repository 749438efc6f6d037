"""The folder of a sandbox: begun anew at each start, and never somebody else's."""

import os
import shutil
from pathlib import Path

from gitops_bot.sandbox.errors import SandboxError

_MARKER = ".gitops-bot-sandbox"


def default_state_folder() -> Path:
    """Give ``${XDG_STATE_HOME:-~/.local/state}/gitops-bot/sandbox``."""
    configured = Path(os.environ.get("XDG_STATE_HOME", ""))
    base = configured if configured.is_absolute() else Path.home() / ".local" / "state"
    return base / "gitops-bot" / "sandbox"


class StateFolder:
    """Knows where each part keeps its things."""

    def __init__(self, folder: Path) -> None:
        """Mark ``folder`` as a sandbox's; SandboxError when it holds something else."""
        self.folder = folder.absolute()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            marker = self.folder / _MARKER
            if not marker.exists() and any(self.folder.iterdir()):
                raise SandboxError(f"{self.folder} is not empty and not a sandbox's folder. Name another with --state.")
            marker.touch()
        except OSError as error:
            raise SandboxError(f"{self.folder} cannot be used: {error.strerror}") from error
        # Secrets lie below.
        self.folder.chmod(0o700)

    @property
    def processes(self) -> Path:
        """The list of processes, the lock and the logs."""
        return self.folder / "processes"

    def clear(self) -> None:
        """Remove what an earlier run left. Call it with the lock of `processes` held."""
        for path in self.folder.iterdir():
            if path.name in {_MARKER, self.processes.name}:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        shutil.rmtree(self.processes / "logs", ignore_errors=True)

    def part(self, *names: str) -> Path:
        """Give the folder of a part, made if need be."""
        folder = self.folder.joinpath(*names)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def write_secret(self, name: str, value: str) -> Path:
        """Write a secret to a file that only this user can read."""
        file = self.part("secrets") / name
        file.touch(mode=0o600)
        file.write_text(value + "\n", encoding="utf-8")
        return file
