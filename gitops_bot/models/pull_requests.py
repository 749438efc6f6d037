"""Pull requests and people, as GitHub tells of them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, order=True)
class Repository:
    """A repository on GitHub. Compare case-insensitively by ``key``: GitHub keeps the case, and ignores it."""

    owner: str
    name: str

    @property
    def key(self) -> str:
        """``owner/name`` in lower case: what rows and caches are keyed by."""
        return f"{self.owner}/{self.name}".lower()

    def __str__(self) -> str:
        """``owner/name`` as GitHub writes it."""
        return f"{self.owner}/{self.name}"


@dataclass(frozen=True)
class PullRequest:
    """An open, closed or merged pull request at one moment."""

    repository: Repository
    number: int
    title: str
    author: str
    author_is_bot: bool
    html_url: str
    head_sha: str
    head_ref: str
    # None when the fork was deleted.
    head_repository: str | None
    base_ref: str
    draft: bool
    state: str  # "open" or "closed"
    merged: bool
    labels: tuple[str, ...]
    created_at: datetime
    # The commit that GitHub made of the merge; None before.
    merge_commit_sha: str | None = None
    body: str = ""
    # The default branch and whether anybody can read the repository: what routing and trust ask about.
    repository_is_private: bool = True

    @property
    def key(self) -> str:
        """``owner/name#number`` in lower case: the lock and the row of this pull request."""
        return f"{self.repository.key}#{self.number}"

    @property
    def from_fork(self) -> bool:
        """Whether the head lies in another repository (a deleted fork counts)."""
        return self.head_repository is None or self.head_repository.lower() != self.repository.key


class Permission(StrEnum):
    """What a person may do in a repository, GitHub's own words."""

    NONE = "none"
    READ = "read"
    TRIAGE = "triage"
    WRITE = "write"
    MAINTAIN = "maintain"
    ADMIN = "admin"

    @property
    def may_write(self) -> bool:
        """Whether it lets a person push to a branch, and so approve with effect."""
        return self in {Permission.WRITE, Permission.MAINTAIN, Permission.ADMIN}


@dataclass(frozen=True)
class OpenPullRequests:
    """One look at the open pull requests of a repository.

    ``unchanged`` says that GitHub answered 304 to every page: ``pull_requests`` is then what
    the last full answer said.
    """

    pull_requests: tuple[PullRequest, ...]
    unchanged: bool


@dataclass(frozen=True)
class Review:
    """A review that was made, as GitHub answered."""

    review_id: int
    state: str  # APPROVED, DISMISSED, ...
    html_url: str


@dataclass(frozen=True)
class CommitPeople:
    """Who wrote and who made the commits of a pull request, as far as GitHub knows them by login."""

    logins: frozenset[str]  # in lower case
    # False: there are more commits than GitHub lists.
    complete: bool = True
    # Whether a commit has an author or a committer whom GitHub does not know.
    unknown: bool = False
    # Whether GitHub verified the signature of every commit: who made one is written by whoever makes it.
    verified: bool = False
    # The commits that this is about.
    commits: frozenset[str] = frozenset()


@dataclass(frozen=True)
class ReviewRules:
    """What the rules of a branch ask of reviews, as far as everybody may read them.

    Rules of the older kind (branch protection) are seen by administrators only, and not in here.
    """

    approvals: int = 0
    code_owners: bool = False
    # Somebody else than who pushed last.
    not_the_last_pusher: bool = False


@dataclass(frozen=True)
class Comment:
    """A comment on a pull request."""

    comment_id: int
    html_url: str
    body: str
