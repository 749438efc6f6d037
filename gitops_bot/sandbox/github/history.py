"""Commits and differences, read from a bare repository and written as GitHub's API writes them."""

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gitops_bot.sandbox.github import bare
from gitops_bot.sandbox.github.records import Repository, User
from gitops_bot.sandbox.github.shapes import moment, node_id, repository_address, user_shape
from gitops_bot.sandbox.github.state import State

_FORMAT = "%H%x00%T%x00%P%x00%an%x00%ae%x00%aI%x00%cn%x00%ce%x00%cI%x00%B"
_FIELDS = 10
_OPERATIONS = {"A": "added", "D": "removed", "M": "modified", "R": "renamed", "C": "copied", "T": "changed"}
# https://docs.github.com/en/rest/pulls/pulls#list-pull-requests-files
MOST_FILES = 3000
# https://docs.github.com/en/rest/pulls/pulls#list-commits-on-a-pull-request
MOST_COMMITS = 250


@dataclass(frozen=True, slots=True)
class Signature:
    """Who, and when."""

    name: str
    email: str
    at: datetime

    def as_json(self) -> dict[str, Any]:
        """git-user."""
        return {"name": self.name, "email": self.email, "date": moment(self.at)}


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    author: Signature
    committer: Signature
    message: str


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """A file that differs; ``patch`` None: binary, or only its mode."""

    sha: str
    path: str
    previous: str | None
    status: str
    additions: int
    deletions: int
    patch: str | None


async def commits(folder: Path, *revisions: str, most: int = MOST_COMMITS) -> list[Commit]:
    """Read commits, newest first."""
    raw = await bare.git(folder, "log", "-z", f"--format={_FORMAT}", f"--max-count={most}", *revisions, "--")
    fields = raw.decode("utf-8", "replace").split("\0")
    found = []
    for start in range(0, len(fields) - _FIELDS + 1, _FIELDS):
        sha, tree, parents, *people, message = fields[start : start + _FIELDS]
        author = Signature(people[0], people[1], datetime.fromisoformat(people[2]))
        committer = Signature(people[3], people[4], datetime.fromisoformat(people[5]))
        found.append(Commit(sha, tree, tuple(parents.split()), author, committer, message.rstrip("\n")))
    return found


async def count(folder: Path, revisions: str) -> int:
    """Count the commits of a range."""
    return int(await bare.line(folder, "rev-list", "--count", revisions, "--"))


async def changed_files(folder: Path, old: str, new: str) -> list[ChangedFile]:
    """Give what differs between two commits or trees, renames followed."""
    arguments = ("diff", "-M", "--no-color", "--no-ext-diff", "--no-textconv")
    raw = (await bare.git(folder, *arguments, "--raw", "--no-abbrev", "-z", old, new)).decode("utf-8", "replace")
    counts = (await bare.git(folder, *arguments, "--numstat", "-z", old, new)).decode("utf-8", "replace")
    patches = (await bare.git(folder, *arguments, "--full-index", old, new)).decode("utf-8", "replace")
    parts = re.split(r"(?m)^diff --git .*\n", patches)[1:]
    names, numbers = _raw_entries(raw), _counts(counts)
    return [
        ChangedFile(sha, path, previous, status, added, removed, _hunks(part))
        for (sha, path, previous, status), (added, removed), part in zip(names, numbers, parts, strict=True)
    ]


def _raw_entries(raw: str) -> list[tuple[str, str, str | None, str]]:
    """Read ``diff --raw -z``: blob (the old one of a removed file), path, former path, status."""
    tokens = iter(raw.split("\0"))
    found = []
    for head in tokens:
        if not head:
            continue
        _, _, old, new, letter = head.lstrip(":").split(" ")
        path, previous = next(tokens), None
        if letter[0] in "RC":
            previous, path = path, next(tokens)
        found.append((old if letter[0] == "D" else new, path, previous, _OPERATIONS[letter[0]]))
    return found


def _counts(raw: str) -> list[tuple[int, int]]:
    tokens = iter(raw.split("\0"))
    found = []
    for entry in tokens:
        if not entry:
            continue
        added, removed, path = entry.split("\t", 2)
        if not path:
            # A rename: both paths follow, each by itself.
            next(tokens)
            next(tokens)
        found.append((0, 0) if added == "-" else (int(added), int(removed)))
    return found


def _hunks(part: str) -> str | None:
    start = re.search(r"(?m)^@@ ", part)
    return part[start.start() :].rstrip("\n") if start else None


def account(state: State, signature: Signature) -> User | None:
    """Give whose commit it is: GitHub knows people by e-mail, here by what stands before the @."""
    return state.users.get(signature.email.partition("@")[0].rpartition("+")[2].lower())


def commit_shape(state: State, repository: Repository, commit: Commit) -> dict[str, Any]:
    """Commit."""
    address = repository_address(state, repository)
    html = f"{state.origin}/{repository.full_name}"
    author, committer = account(state, commit.author), account(state, commit.committer)
    return {
        "sha": commit.sha,
        "node_id": node_id("C", commit.sha),
        "commit": {
            "author": commit.author.as_json(),
            "committer": commit.committer.as_json(),
            "message": commit.message,
            "tree": {"sha": commit.tree, "url": f"{address}/git/trees/{commit.tree}"},
            "url": f"{address}/git/commits/{commit.sha}",
            "comment_count": 0,
            "verification": {
                "verified": False,
                "reason": "unsigned",
                "signature": None,
                "payload": None,
                "verified_at": None,
            },
        },
        "url": f"{address}/commits/{commit.sha}",
        "html_url": f"{html}/commit/{commit.sha}",
        "comments_url": f"{address}/commits/{commit.sha}/comments",
        "author": user_shape(state, author) if author else None,
        "committer": user_shape(state, committer) if committer else None,
        "parents": [
            {"sha": parent, "url": f"{address}/commits/{parent}", "html_url": f"{html}/commit/{parent}"}
            for parent in commit.parents
        ],
    }


def file_shape(state: State, repository: Repository, file: ChangedFile, commit: str) -> dict[str, Any]:
    """diff-entry."""
    html, path = f"{state.origin}/{repository.full_name}", quote(file.path)
    shape: dict[str, Any] = {
        "sha": file.sha,
        "filename": file.path,
        "status": file.status,
        "additions": file.additions,
        "deletions": file.deletions,
        "changes": file.additions + file.deletions,
        "blob_url": f"{html}/blob/{commit}/{path}",
        "raw_url": f"{html}/raw/{commit}/{path}",
        "contents_url": f"{repository_address(state, repository)}/contents/{path}?ref={commit}",
    }
    if file.patch is not None:
        shape["patch"] = file.patch
    if file.previous is not None:
        shape["previous_filename"] = file.previous
    return shape


class Extents:
    """What a pull request consists of, kept by its two ends: asked for often, and git takes a while."""

    def __init__(self) -> None:
        self._known: dict[tuple[Path, str, str], tuple[str, list[Commit], list[ChangedFile]]] = {}

    async def of(self, folder: Path, base: str, head: str) -> tuple[str, list[Commit], list[ChangedFile]]:
        """Give merge base, commits (oldest first) and files of ``base...head``."""
        key = (folder, base, head)
        if key not in self._known:
            start = await bare.merge_base(folder, base, head)
            empty = await bare.git(folder, "hash-object", "-t", "tree", "--stdin", stdin=b"")
            first = start or empty.decode("ascii").strip()
            listed = await commits(folder, head, f"^{base}")
            files = await changed_files(folder, first, head)
            if len(self._known) >= 500:  # noqa: PLR2004 - enough for every open pull request of a large test
                self._known.clear()
            self._known[key] = (first, listed[::-1], files)
        return self._known[key]
