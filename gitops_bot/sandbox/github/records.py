"""What the stand-in knows: people, repositories, pull requests. Plain records, no behaviour of GitHub's."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

UserKind = Literal["User", "Bot", "Organization"]
# From the weakest to the strongest right. https://docs.github.com/en/organizations/managing-user-access-to-your-organizations-repositories
PERMISSIONS = ("none", "read", "triage", "write", "maintain", "admin")


def at_least(permission: str, wanted: str) -> bool:
    """Whether a right contains another one."""
    return PERMISSIONS.index(permission) >= PERMISSIONS.index(wanted)


@dataclass(slots=True)
class User:
    """A person, a bot or an organisation."""

    id: int
    login: str
    kind: UserKind
    created_at: datetime
    name: str | None = None


@dataclass(slots=True)
class Token:
    """What somebody authenticates with. ``installation``: it is an App's, and acts as the App's bot."""

    value: str
    login: str
    scopes: tuple[str, ...] = ("repo",)
    # A fine-grained token without any right to write.
    read_only: bool = False
    expires_at: datetime | None = None
    installation: int | None = None
    # Names (owner/name in lower case) that an App's token is limited to; None: all of the installation.
    repositories: frozenset[str] | None = None
    # Requests an hour.
    limit: int = 5000
    # Nobody counts: for who sets a scene faster than any person could.
    unlimited: bool = False


@dataclass(slots=True)
class App:
    """A GitHub App with one installation per owner: ``installations`` maps an id to the owner's login."""

    id: int
    slug: str
    owner: str
    # PEM of the public key that its JWTs are signed for.
    public_key: str
    created_at: datetime
    installations: dict[int, str] = field(default_factory=dict)
    permissions: dict[str, str] = field(
        default_factory=lambda: {"contents": "read", "metadata": "read", "pull_requests": "write"}
    )


@dataclass(slots=True)
class Label:
    """A label of a repository."""

    id: int
    name: str
    color: str = "ededed"
    description: str | None = None
    default: bool = False


@dataclass(slots=True)
class BranchRule:
    """What a branch asks of pull requests. Field names are those of GitHub's ruleset API where it has them."""

    required_approving_review_count: int = 0
    require_code_owner_review: bool = False
    dismiss_stale_reviews_on_push: bool = False
    require_last_push_approval: bool = False
    # Only administrators may dismiss reviews (a restriction list without anybody on it).
    dismissal_restricted: bool = False
    required_status_checks: tuple[str, ...] = ()


@dataclass(slots=True)
class Comment:
    """A comment in the conversation of a pull request."""

    id: int
    author: User
    body: str
    created_at: datetime
    updated_at: datetime
    # GraphQL's reason in lower case; None: shown.
    minimized: str | None = None
    app: App | None = None


ReviewState = Literal["PENDING", "COMMENTED", "APPROVED", "CHANGES_REQUESTED", "DISMISSED"]


@dataclass(slots=True)
class Review:
    """A review. ``commit_id`` says what it was attached to, and moves when the head is force-pushed."""

    id: int
    author: User
    state: ReviewState
    body: str
    commit_id: str
    submitted_at: datetime | None
    dismissal_message: str | None = None


@dataclass(slots=True)
class Mergeability:
    """The answer of the job that tries the merge; ``key`` is the pair (head, base tip) that it is about."""

    key: tuple[str, str]
    mergeable: bool
    merge_commit: str | None


@dataclass(slots=True)
class PullRequest:
    """A pull request."""

    id: int
    number: int
    title: str
    body: str | None
    author: User
    # Key of the repository that the head lies in; that repository may be gone.
    head_repository: str
    head_owner: str
    head_ref: str
    head_sha: str
    base_ref: str
    # GitHub does not say what it is: here the base branch's tip when the head last moved.
    base_sha: str
    created_at: datetime
    updated_at: datetime
    draft: bool = False
    state: Literal["open", "closed"] = "open"
    closed_at: datetime | None = None
    merged_at: datetime | None = None
    merged_by: User | None = None
    merge_commit_sha: str | None = None
    locked: bool = False
    labels: list[str] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)
    assignees: list[User] = field(default_factory=list)
    requested_reviewers: list[User] = field(default_factory=list)
    maintainer_can_modify: bool = False
    # Who pushed the head last, and how often it moved.
    last_pusher: User | None = None
    pushes: int = 0
    mergeability: Mergeability | None = None

    @property
    def is_open(self) -> bool:
        """Whether it waits."""
        return self.state == "open"


@dataclass(slots=True)
class Status:
    """A commit status."""

    id: int
    sha: str
    state: str
    context: str
    description: str | None
    target_url: str | None
    creator: User
    created_at: datetime


@dataclass(slots=True)
class CheckRun:
    """A check run, as an App wrote it."""

    id: int
    name: str
    head_sha: str
    app: App
    status: str
    conclusion: str | None
    started_at: datetime | None
    completed_at: datetime | None
    details_url: str | None = None
    external_id: str | None = None
    output: dict[str, Any] = field(default_factory=dict)
    actions: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class Event:
    """An entry of the events API."""

    id: int
    type: str
    actor: User
    payload: dict[str, Any]
    created_at: datetime


@dataclass(slots=True)
class Repository:
    """A repository; its commits lie in the bare git repository ``folder``."""

    id: int
    owner: User
    name: str
    folder: Path
    private: bool
    default_branch: str
    created_at: datetime
    updated_at: datetime
    pushed_at: datetime
    description: str | None = None
    archived: bool = False
    # Key of the repository that this one is a fork of.
    parent: str | None = None
    collaborators: dict[str, str] = field(default_factory=dict)
    labels: dict[str, Label] = field(default_factory=dict)
    rules: dict[str, BranchRule] = field(default_factory=dict)
    pulls: dict[int, PullRequest] = field(default_factory=dict)
    statuses: list[Status] = field(default_factory=list)
    check_runs: dict[int, CheckRun] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    stargazers: list[str] = field(default_factory=list)
    # refs/heads/* as the stand-in last saw them.
    branches: dict[str, str] = field(default_factory=dict)
    next_number: int = 1
    # Who pushes right now over HTTP: who the next change of a branch is put down to.
    pusher: User | None = None

    @property
    def full_name(self) -> str:
        """``owner/name``."""
        return f"{self.owner.login}/{self.name}"

    @property
    def key(self) -> str:
        """``owner/name`` in lower case: GitHub keeps the case and ignores it."""
        return self.full_name.lower()


def now() -> datetime:
    """Give this moment as GitHub tells time: to the second."""
    return datetime.now(UTC).replace(microsecond=0)
