"""What is remembered: the values behind the rows of the store."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from gitops_bot.models.chat import Click
from gitops_bot.models.pull_requests import PullRequest
from gitops_bot.models.reports import Report


class Progress(StrEnum):
    """How far a pull request has come with us."""

    # Open when we first saw its repository: named in the one message of the first start, and left
    # alone until it moves or somebody asks for it.
    LISTED = "listed"
    # Its newest state has not been reported yet.
    WAITING = "waiting"
    # Its newest state has been reported (or recorded as having no effect here).
    REPORTED = "reported"
    # It failed again and again; not tried again before it moves.
    PARKED = "parked"


@dataclass(frozen=True)
class PullRequestRecord:
    """One pull request as we know it."""

    pull_request: PullRequest
    # The tip of its base branch when it was last seen.
    base_tip: str
    progress: Progress
    # Digest of head, base tip, clusters and settings of the newest report; "" before the first.
    work_key: str = ""
    report_id: str = ""
    # A cluster could not be looked at: the newest report is shown, and made anew soon.
    lacks_a_cluster: bool = False
    looked_at: datetime | None = None
    failures: int = 0
    problem: str = ""


@dataclass(frozen=True)
class StoredReport:
    """A report with the opaque id that buttons carry."""

    report_id: str
    report: Report


class EffectState(StrEnum):
    """Whether others can see an effect."""

    # Begun: it may or may not be there. Look before doing it again.
    BEGUN = "begun"
    DONE = "done"


@dataclass(frozen=True)
class Effect:
    """Something that others can see: a message, a comment, a review, a file.

    ``target`` names it for good (``C123|production|owner/name#7``); ``digest`` is of what it
    should say; ``remote`` is what the other side calls it.
    """

    kind: str
    target: str
    digest: str
    state: EffectState
    remote: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class StoredClick:
    """A click that waits to be carried out."""

    click: Click
    received_at: datetime


@dataclass(frozen=True)
class DeviceCode:
    """What GitHub gives to somebody who wants to link an account. ``secret`` is ours, ``user_code`` is typed in."""

    secret: str = field(repr=False)
    user_code: str
    address: str
    # Seconds between two questions, and for which the code is good.
    interval: float
    seconds: float


@dataclass(frozen=True)
class LinkedAccount:
    """A GitHub account that a person linked: reviews are written as it."""

    login: str
    user_id: int
    token: str = field(repr=False)


@dataclass(frozen=True)
class Decision:
    """Who did what to which commit, and what came of it."""

    pull_request: str  # key
    action: str
    outcome: str  # "done" or "refused"
    slack_user: str
    github_login: str
    commit: str
    report_id: str
    # The click that asked for it: a click that is carried out again after a crash is still one decision.
    click: str
    at: datetime
    # What came of it, in words: why not, or what GitHub made of it.
    message: str = ""
    # Digest of the report that was shown: what the person has seen, also when the report is deleted.
    report_digest: str = ""


@dataclass(frozen=True)
class AuditEntry:
    """A decision as it stands in the audit trail.

    ``number`` grows with every row (with gaps), ``digest`` is of this row and of the one before it,
    ``previous`` the digest of the one before ("" for the first). See rules/audit.py.
    """

    number: int
    decision: Decision
    previous: str
    digest: str
