"""Bare git repositories: made and looked at without starting git, changed by git itself.

No git process inherits a setting of this machine, and no hook ever runs.
"""

import asyncio
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

_CONFIG = """[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = true
"""
_SETTINGS = {
    "core.hooksPath": "/dev/null",
    "core.logAllRefUpdates": "false",
    "safe.directory": "*",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "receive.autogc": "false",
    "pack.threads": "1",
    # GitHub's manners: pushes over HTTP, refs/pull/* is shown but cannot be pushed to, any commit can be fetched.
    "http.receivepack": "true",
    "receive.hideRefs": "refs/pull",
    "receive.denyDeleteCurrent": "false",
    "uploadpack.allowFilter": "true",
    "uploadpack.allowAnySHA1InWant": "true",
    "protocol.version": "2",
    "protocol.file.allow": "always",
}
_AUTHOR = {
    "GIT_AUTHOR_NAME": "GitHub",
    "GIT_AUTHOR_EMAIL": "noreply@github.example",
    "GIT_COMMITTER_NAME": "GitHub",
    "GIT_COMMITTER_EMAIL": "noreply@github.example",
}


class GitFailed(Exception):
    """Git ended with another code than 0."""

    def __init__(self, arguments: tuple[str, ...], code: int, output: bytes, errors: bytes) -> None:
        super().__init__(f"git {' '.join(arguments)}: exit {code}: {errors.decode(errors='replace').strip()}")
        self.code = code
        self.output = output


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Give the whole environment of a git process."""
    variables = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": "/nonexistent",
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_COUNT": str(len(_SETTINGS)),
    }
    for number, (key, value) in enumerate(_SETTINGS.items()):
        variables |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return variables | _AUTHOR | dict(more or {})


def create(folder: Path, default_branch: str) -> None:
    """Lay out an empty bare repository, as ``git init --bare`` would."""
    for name in ("objects/info", "objects/pack", "refs/heads", "refs/tags"):
        (folder / name).mkdir(parents=True)
    (folder / "config").write_text(_CONFIG, encoding="ascii")
    set_default_branch(folder, default_branch)


def set_default_branch(folder: Path, branch: str) -> None:
    """Point HEAD at a branch."""
    (folder / "HEAD").write_text(f"ref: refs/heads/{branch}\n", encoding="utf-8")


def branches(folder: Path) -> dict[str, str]:
    """Read the branches and their commits: some microseconds for each, so that it can be done at every request."""
    found: dict[str, str] = {}
    with suppress(FileNotFoundError):
        for line in (folder / "packed-refs").read_text(encoding="utf-8").splitlines():
            commit, _, ref = line.partition(" ")
            if ref.startswith("refs/heads/"):
                found[ref.removeprefix("refs/heads/")] = commit
    root = f"{folder}/refs/heads/"
    for path, _, files in os.walk(root):
        for name in files:
            if name.endswith(".lock"):
                continue
            # Plain texts: a `Path` for each branch takes longer than reading it.
            file = os.path.join(path, name)  # noqa: PTH118 - a plain text
            # A ref may be deleted or packed while we look: then the packed one, or none, holds.
            with suppress(FileNotFoundError), open(file, encoding="ascii") as content:  # noqa: PTH123 - a plain text
                commit = content.read().strip()
                if commit:
                    found[file.removeprefix(root)] = commit
    return found


async def git(folder: Path, *arguments: str, stdin: bytes | None = None, **variables: str) -> bytes:
    """Run git in a bare repository and give what it prints. GitFailed carries exit code and output."""
    process = await asyncio.create_subprocess_exec(
        "git",
        f"--git-dir={folder}",
        *arguments,
        stdin=asyncio.subprocess.DEVNULL if stdin is None else asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(variables),
    )
    try:
        output, errors = await process.communicate(stdin)
    except BaseException:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        raise
    if process.returncode:
        raise GitFailed(arguments, process.returncode, output, errors)
    return output


async def line(folder: Path, *arguments: str) -> str:
    """Run git and give the one line that it prints."""
    return (await git(folder, *arguments)).decode("utf-8", "replace").strip()


async def resolve(folder: Path, revision: str) -> str | None:
    """Give the commit that a branch or (part of) a commit id names."""
    if not revision or revision.startswith("-"):
        return None
    for name in (f"refs/heads/{revision}", revision):
        with suppress(GitFailed):
            return await line(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    return None


async def is_ancestor(folder: Path, old: str, new: str) -> bool:
    """Whether one commit is contained in another."""
    try:
        await git(folder, "merge-base", "--is-ancestor", old, new)
    except GitFailed:
        return False
    return True


async def merge_base(folder: Path, one: str, other: str) -> str | None:
    """Give the best common ancestor; None for histories that are not related."""
    with suppress(GitFailed):
        return (await line(folder, "merge-base", one, other)).splitlines()[0]
    return None


async def merged_tree(folder: Path, base: str, head: str) -> str | None:
    """Merge without a work tree; None when the two conflict."""
    try:
        return (await line(folder, "merge-tree", "--write-tree", "--allow-unrelated-histories", base, head)).split()[0]
    except GitFailed as failed:
        if failed.code == 1:
            return None
        raise


async def commit_tree(folder: Path, tree: str, parents: tuple[str, ...], message: str, author: str = "GitHub") -> str:
    """Make a commit of a tree."""
    links = [argument for parent in parents for argument in ("-p", parent)]
    names = {"GIT_AUTHOR_NAME": author, "GIT_AUTHOR_EMAIL": f"{author}@users.noreply.github.example"}
    made = await git(folder, "commit-tree", tree, *links, stdin=message.encode(), **names)
    return made.decode("ascii").strip()


async def bring(source: Path, target: Path, commit: str) -> None:
    """Copy a commit and all that it needs from one repository to another."""
    if await resolve(target, commit) is None:
        await git(target, "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", str(source), commit)
