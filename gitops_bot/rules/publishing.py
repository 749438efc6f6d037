"""When a report becomes a comment on GitHub: never, when somebody presses the button, when it is complete, always.

A comment that is there is kept up to date whatever was decided: a report on an old commit misleads.
"""

from dataclasses import dataclass
from enum import StrEnum

from gitops_bot.models.pull_requests import Repository
from gitops_bot.models.reports import Report, Verdict
from gitops_bot.rules.patterns import matches


class Publish(StrEnum):
    """What is decided for a repository."""

    NEVER = "never"
    ON_CLICK = "on_click"
    WHEN_COMPLETE = "when_complete"
    ALWAYS = "always"


@dataclass(frozen=True)
class PublishPolicy:
    """What people have decided; the first pattern (``owner/name``, shell-like) that matches counts."""

    default: Publish = Publish.ON_CLICK
    repositories: tuple[tuple[str, Publish], ...] = ()
    # Whether comments may stand where everybody can read them.
    allow_public: bool = False

    def of(self, repository: Repository) -> Publish:
        """Give what is decided for a repository."""
        name = str(repository)
        return next((decided for pattern, decided in self.repositories if matches(name, [pattern])), self.default)


def publishes_by_itself(report: Report, policy: PublishPolicy, *, has_comment: bool) -> bool:
    """Whether a report is written or brought up to date without a click."""
    pull = report.pull_request
    decided = policy.of(pull.repository)
    if decided is Publish.NEVER or pull.state != "open" or not (pull.repository_is_private or policy.allow_public):
        return False
    if has_comment or decided is Publish.ON_CLICK:
        return has_comment
    # Of a held pull request there is nothing to show.
    return report.verdict is not Verdict.HELD and (decided is Publish.ALWAYS or report.verdict.complete)
