"""What GitHub shows beside a commit, and branch protection can require."""

from dataclasses import dataclass
from enum import StrEnum


class StatusState(StrEnum):
    """What a commit's status says. GitHub's commit statuses know no ``neutral``: there it counts as success."""

    PENDING = "pending"
    SUCCESS = "success"
    FAILURE = "failure"
    NEUTRAL = "neutral"


@dataclass(frozen=True)
class CommitStatus:
    """The status of one commit in one context (``gitops-bot/production``).

    ``description`` is one line of at most 140 characters, GitHub's limit.
    """

    context: str
    state: StatusState
    description: str
