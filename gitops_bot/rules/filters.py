"""Which pull requests people hear of: by path, label, author, draft and base branch, each with include and exclude.

A filter decides about messages only. What a commit status says of a pull request is never changed by
it, except by its paths: a label is written by whoever wants to be rid of the check.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from gitops_bot.models.pull_requests import PullRequest
from gitops_bot.rules.patterns import matches


class Drafts(StrEnum):
    """What is done about drafts."""

    INCLUDE = "include"
    EXCLUDE = "exclude"
    ONLY = "only"


@dataclass(frozen=True)
class Choice:
    """Shell-like patterns. Without ``include`` everything is in; ``exclude`` is stronger."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def takes(self, values: Iterable[str], *, all_excluded: bool = False) -> bool:
        """Whether something with these values is in: one that is included, and none that is excluded.

        ``all_excluded``: it is out only when every value is excluded, as a change of files is.
        """
        found = list(values)
        if self.include and not any(matches(value, self.include) for value in found):
            return False
        excluded = [matches(value, self.exclude) for value in found]
        return not (excluded and all(excluded)) if all_excluded else not any(excluded)


@dataclass(frozen=True)
class FilterPolicy:
    """What people have decided."""

    paths: Choice = field(default_factory=Choice)
    labels: Choice = field(default_factory=Choice)
    authors: Choice = field(default_factory=Choice)
    base_branches: Choice = field(default_factory=Choice)
    drafts: Drafts = Drafts.INCLUDE


def left_out(pull: PullRequest, policy: FilterPolicy) -> str:
    """Say which filter leaves a pull request out; "" when none does. Paths are not asked about."""
    table: tuple[tuple[str, Callable[[], bool]], ...] = (
        ("filters.authors", lambda: policy.authors.takes([pull.author])),
        ("filters.base_branches", lambda: policy.base_branches.takes([pull.base_ref])),
        ("filters.labels", lambda: policy.labels.takes(pull.labels)),
        ("filters.drafts", lambda: policy.drafts is Drafts.INCLUDE or pull.draft == (policy.drafts is Drafts.ONLY)),
    )
    return next((name for name, takes in table if not takes()), "")


def left_out_by_paths(changed: Iterable[str], policy: FilterPolicy) -> str:
    """Say that the files of a change leave it out; "" when they do not.

    A change is out when none of its files is included, or all of them are excluded.
    """
    return "" if policy.paths.takes(changed, all_excluded=True) else "filters.paths"
