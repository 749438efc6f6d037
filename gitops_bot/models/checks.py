"""What ``gitops-bot check`` found."""

from dataclasses import dataclass
from enum import StrEnum


class CheckState(StrEnum):
    """How one check ended."""

    GOOD = "good"
    # It works, but not everything does.
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True)
class Check:
    """One thing that was tried: what, how it ended, what was seen, and what to do."""

    subject: str
    state: CheckState
    seen: str
    advice: str = ""
