"""What a language model is asked, what it answers, and what is kept of that: an opinion, never a decision."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from gitops_bot.models.checks import Check
from gitops_bot.models.reports import Severity


class Asking(StrEnum):
    """The ways of asking. Each has a prompt of its own (llm/prompts/)."""

    # A pull request: its change, with the author's stated intent and what the rules found as context.
    REVIEW = "review"
    # Findings about security and operations of what is shown.
    AUDIT = "audit"
    # What is wrong with an object or a failure, why, and how to mend it.
    DIAGNOSE = "diagnose"
    # A score.
    GATE = "gate"


class Judgement(StrEnum):
    """What the model would do with the pull request."""

    APPROVE = "approve"
    COMMENT = "comment"
    BLOCK = "block"


@dataclass(frozen=True)
class OpinionFinding:
    """One thing that the model found. All texts are the model's own words, as foreign as those of a pull request.

    ``object`` is ``Kind/namespace/name`` as in the prompt, ``field`` a path in it, "" for the whole object.
    """

    object: str
    field: str
    severity: Severity
    message: str
    suggestion: str = ""


@dataclass(frozen=True)
class ReviewAnswer:
    """The answer to REVIEW and AUDIT."""

    summary: str
    judgement: Judgement
    findings: tuple[OpinionFinding, ...] = ()


@dataclass(frozen=True)
class Diagnosis:
    """The answer to DIAGNOSE."""

    what: str
    why: str
    how: str


@dataclass(frozen=True)
class Score:
    """The answer to GATE: from 0 (never merge this) to 100 (harmless), with reasons."""

    score: float
    reasons: tuple[str, ...] = ()


Answer = ReviewAnswer | Diagnosis | Score


@dataclass(frozen=True)
class Usage:
    """What calls used. ``money`` is in the currency of the settings' prices; 0.0 where there are no prices."""

    calls: int = 0
    prompt_tokens: int = 0
    answer_tokens: int = 0
    money: float = 0.0

    @property
    def tokens(self) -> int:
        """All tokens."""
        return self.prompt_tokens + self.answer_tokens

    def __add__(self, other: "Usage") -> "Usage":
        """Add what further calls used."""
        return Usage(
            self.calls + other.calls,
            self.prompt_tokens + other.prompt_tokens,
            self.answer_tokens + other.answer_tokens,
            self.money + other.money,
        )


class Purse(Protocol):
    """Pays for calls: each is reserved before it is made and settled when it is over."""

    async def reserve(self, model: str, expected: Usage) -> int:
        """Set aside what one call may cost at most; its number. ModelError when a limit forbids it."""
        ...

    async def settle(self, number: int, used: Usage) -> None:
        """Replace what was set aside by what was used."""
        ...


@dataclass(frozen=True)
class Prompt:
    """What is sent. ``known`` has the fields of every object that is in it, by ``Kind/namespace/name``."""

    asking: Asking
    text: str
    known: Mapping[str, frozenset[str]]
    # What is not in it, in words of ours; empty: everything of the report is.
    missing: tuple[str, ...] = ()
    # owner/name of what it is about: settings may differ by it. "": of none.
    repository: str = ""


@dataclass(frozen=True)
class Said:
    """An answer with where it comes from."""

    answer: Answer
    model: str
    usage: Usage
    seconds: float
    # Whether a first answer did not fit and was sent back. Calls that the server refused are in ``usage``, too.
    repaired: bool = False


@dataclass(frozen=True)
class Opinion:
    """What is kept and shown of a review by a model. ``problem`` is why there is none; the rest is empty then."""

    pull_request: str
    # Digest of the report that was shown to the model.
    digest: str
    at: datetime
    answer: ReviewAnswer | None = None
    problem: str = ""
    model: str = ""
    usage: Usage = Usage()
    seconds: float = 0.0
    # Findings about objects or fields that the model was not shown.
    dropped: int = 0
    missing: tuple[str, ...] = ()
    # How often it was tried; a problem is tried again a few times.
    tries: int = 1


@dataclass(frozen=True)
class Reply:
    """What one question about a report came to, in whichever way it was asked.

    ``problem`` is why there is no answer, in the provider's own words; the rest is empty then.
    """

    asking: Asking
    pull_request: str  # key
    # Digest of the report that was shown to the model.
    digest: str
    at: datetime
    answer: Answer | None = None
    problem: str = ""
    model: str = ""
    usage: Usage = Usage()
    seconds: float = 0.0
    # Findings about objects or fields that the model was not shown.
    dropped: int = 0
    missing: tuple[str, ...] = ()
    # The one Kustomization that was asked about; "": all of them.
    about: str = ""

    def as_opinion(self, tries: int = 1) -> Opinion:
        """Give the answer to REVIEW or AUDIT as what is kept and shown of it."""
        return Opinion(
            self.pull_request,
            self.digest,
            self.at,
            self.answer if isinstance(self.answer, ReviewAnswer) else None,
            problem=self.problem,
            model=self.model,
            usage=self.usage,
            seconds=self.seconds,
            dropped=self.dropped,
            missing=self.missing,
            tries=tries,
        )


@dataclass(frozen=True)
class Vote:
    """Whether one person found an opinion useful; their newest word counts. ``at``: when they pressed."""

    pull_request: str  # key
    # Of the report that the opinion is about.
    digest: str
    slack_user: str
    useful: bool
    at: datetime


@dataclass(frozen=True)
class Votes:
    """How many people found an opinion useful, and how many did not."""

    useful: int = 0
    not_useful: int = 0


@dataclass(frozen=True)
class ModelCheck(Check):
    """A check of a model: what it answered to one fixed case, or what all of them came to."""

    # None: what is about all of them.
    asking: Asking | None = None
    usage: Usage = Usage()
    seconds: float = 0.0


@dataclass(frozen=True)
class Limits:
    """The most that may be used; None: no limit."""

    calls: int | None = None
    tokens: int | None = None
    money: float | None = None

    def exceeded_by(self, used: Usage) -> str:
        """Name the limit that this use would pass; "" when none."""
        for name, most, got in (
            ("calls", self.calls, used.calls),
            ("tokens", self.tokens, used.tokens),
            ("money", self.money, used.money),
        ):
            if most is not None and got > most:
                return f"{name} ({got:g} of {most:g})"
        return ""


@dataclass(frozen=True)
class SpendLimits:
    """Limits by the span that they hold for; day and month are those of the calendar, UTC."""

    pull_request: Limits = Limits()
    day: Limits = Limits()
    month: Limits = Limits()

    def of_no_pull_request(self) -> "SpendLimits":
        """Give those that hold for a call that is about no pull request: of the day and the month."""
        return SpendLimits(day=self.day, month=self.month)
