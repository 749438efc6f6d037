"""A work tree of the fleet repository: commits as a person makes them, pushed as a person pushes them."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import quote, urlsplit, urlunsplit

from gitops_bot.sandbox.errors import SandboxError

# Seconds for one git command; all of them are local or on loopback.
_PATIENCE = 120


def with_credentials(url: str, login: str, token: str) -> str:
    """Put credentials into an http address."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{quote(login, safe='')}:{quote(token, safe='')}@{parts.netloc}"))


def git(folder: Path, *arguments: str, author: str = "sandbox") -> str:
    """Run git without this user's settings and give what it prints; SandboxError has git's words."""
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder),
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        **{f"GIT_{role}_NAME": author for role in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{role}_EMAIL": f"{author}@example.com" for role in ("AUTHOR", "COMMITTER")},
    }
    try:
        done = subprocess.run(  # noqa: S603 - a list of arguments of our own
            ["git", *arguments],  # noqa: S607 - git is looked up on PATH, as everywhere
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE,
            check=False,
        )
    except FileNotFoundError as error:
        raise SandboxError("git is not installed, and the sandbox needs it") from error
    except subprocess.TimeoutExpired as error:
        raise SandboxError(f"git {arguments[0]} did not end within {_PATIENCE} s") from error
    if done.returncode != 0:
        raise SandboxError(f"git {arguments[0]} failed in {folder}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


@dataclass(frozen=True, slots=True)
class Checkout:
    """A work tree whose remote is ``url`` (with credentials in it)."""

    folder: Path
    url: str
    # The login in whose name commits are made.
    author: str

    @classmethod
    def of_files(cls, files: Path, folder: Path, url: str, *, author: str, message: str) -> Self:
        """Begin a repository whose first commit has the files of a folder."""
        checkout = cls(folder, url, author)
        folder.mkdir(parents=True)
        checkout.run("init", "--quiet", "--initial-branch=main")
        for file in sorted(path for path in files.rglob("*") if path.is_file()):
            target = folder / file.relative_to(files)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
        checkout.commit(message)
        return checkout

    @classmethod
    def of_repository(cls, source: Path | str, folder: Path, url: str, *, author: str) -> Self:
        """Clone ``source``, to be pushed to ``url``."""
        folder.parent.mkdir(parents=True, exist_ok=True)
        git(folder.parent, "clone", "--quiet", str(source), str(folder))
        return cls(folder, url, author)

    def run(self, *arguments: str) -> str:
        """Run git here."""
        return git(self.folder, *arguments, author=self.author)

    def commit(self, message: str) -> str:
        """Commit everything as it is and give the commit."""
        self.run("add", "--all", "--force")
        self.run("commit", "--quiet", f"--message={message}")
        return self.head()

    def head(self) -> str:
        """Give the commit that is checked out."""
        return self.run("rev-parse", "HEAD").strip()

    def push(self, branch: str) -> None:
        """Push what is checked out to a branch of the remote."""
        self.run("push", "--quiet", "--force", self.url, f"HEAD:refs/heads/{branch}")

    def change_on_branch(self, branch: str, start: str, files: Mapping[str, tuple[str, str]], message: str) -> str:
        """Replace text in files on a new branch, push it and give its commit.

        ``files``: path to (old text, new text); the old text must be there, so that a change of the
        sample cannot make this do nothing.
        """
        self.run("checkout", "--quiet", "--force", "-B", branch, start)
        for name, (old, new) in files.items():
            path = self.folder / name
            text = path.read_text(encoding="utf-8")
            if old not in text:
                raise SandboxError(f"{name} in the fleet repository does not say {old!r}")
            path.write_text(text.replace(old, new, 1), encoding="utf-8")
        commit = self.commit(message)
        self.push(branch)
        return commit
