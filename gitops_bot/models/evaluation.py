"""Pull requests that were made up to try models on, what is expected of an answer, and what an answer came to."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gitops_bot.models.opinions import Answer, Judgement, Usage
from gitops_bot.models.reports import Report, Severity


class CaseKind(StrEnum):
    """What makes a case hard."""

    # Nobody needs to look at it; a finding is a false alarm.
    HARMLESS = "harmless"
    # Harm that the diff shows at first sight.
    RISKY = "risky"
    # Harm that has to be thought of: two values that no longer go together.
    SUBTLE = "subtle"
    # The title or the description says something else than what happens.
    MISLABELLED = "mislabelled"


@dataclass(frozen=True)
class Wanted:
    """A finding that a good review has: about this object, at, around or within this field ("": anywhere in it).

    ``words``: at least one of them occurs in what the review says of it, whatever the case; empty: any words do.
    """

    object: str
    field: str
    severity: Severity
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unwanted:
    """A claim that is false: about this object and field ("": any), at least so grave. What is wanted is never that."""

    object: str
    field: str
    severity: Severity


@dataclass(frozen=True)
class Expected:
    """What a careful operator would say of a case."""

    judgements: Collection[Judgement]
    # Lowest and highest score of the gate, 0 to 100, both included.
    score: tuple[float, float]
    must_find: tuple[Wanted, ...] = ()
    must_not_claim: tuple[Unwanted, ...] = ()


@dataclass(frozen=True)
class EvaluationCase:
    """One pull request, as the report that the rules make of it."""

    name: str
    kind: CaseKind
    # The workload that it is about; several cases share one.
    template: str
    report: Report
    expected: Expected


@dataclass(frozen=True)
class Attempt:
    """One question to a model: its answer, or why there is none in the provider's own words."""

    answer: Answer | None = None
    problem: str = ""
    model: str = ""
    usage: Usage = field(default_factory=Usage)
    seconds: float = 0.0
    # More than one: the first did not fit the schema.
    answers: int = 1


@dataclass(frozen=True)
class CaseResult:
    """What a model's two answers to one case came to. ``points``: 0 to 100, as rules/evaluation.py says."""

    name: str
    kind: CaseKind
    points: float
    # Of what had to be found, object and field of each.
    found: tuple[str, ...] = ()
    # Among those found: not grave enough.
    too_mild: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()
    # Object and field of each claim that is false, in the model's words; and how many are about what was not shown.
    false: tuple[str, ...] = ()
    dropped: int = 0
    judgement: Judgement | None = None
    judgement_accepted: bool = False
    score: float | None = None
    score_accepted: bool = False
    # Both answers fitted the schema at once.
    schema_kept: bool = False
    usage: Usage = field(default_factory=Usage)
    # Both answers, one after the other.
    seconds: float = 0.0
    # Why there is no answer; one for each of the two questions at most.
    problems: tuple[str, ...] = ()
    model: str = ""


@dataclass(frozen=True)
class Evaluation:
    """What a model is worth by all its cases."""

    results: tuple[CaseResult, ...]
    # Cases that were not asked: a limit was reached, or a person broke off.
    not_asked: tuple[str, ...] = ()
    # Which limit.
    stopped_by: str = ""
    by_kind: Mapping[CaseKind, float] = field(default_factory=dict)
    # 0 to 100.
    score: float = 0.0

    @property
    def usage(self) -> Usage:
        """All calls together."""
        return sum((result.usage for result in self.results), Usage())

    @property
    def seconds(self) -> float:
        """How long all answers took together, one after the other."""
        return sum(result.seconds for result in self.results)
