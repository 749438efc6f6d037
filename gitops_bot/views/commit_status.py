"""The one line beside a commit on GitHub."""

from gitops_bot.models.reports import ClusterReport, Severity
from gitops_bot.models.statuses import StatusState
from gitops_bot.rules.cleaning import clean_line
from gitops_bot.rules.statuses import risks
from gitops_bot.views.summary import headline, tally
from gitops_bot.views.text import shorten_line
from gitops_bot.views.words import plural

# https://docs.github.com/en/rest/commits/statuses#create-a-commit-status
_LONGEST = 140

LOOKING = "Looking at what it would do"


def description(report: ClusterReport, state: StatusState) -> str:
    """Say what a cluster's part of a report comes to."""
    said = headline(report.verdict, tally([report]))
    weighed = risks(report)
    grave = [severity for severity in weighed if severity is not Severity.INFO]
    if grave:
        said += f"; {plural(len(grave), 'risk')}"
    if state is StatusState.NEUTRAL and report.verdict.complete:
        said += "; not all of it was rendered"
    return one_line(said)


def not_followed(cluster: str, branch: str) -> str:
    """Say that a pull request cannot reach a cluster."""
    return one_line(f"Nothing in {cluster} follows {branch}")


def no_answer(cluster: str) -> str:
    """Say that nobody knows what a cluster follows."""
    return one_line(f"{cluster} does not answer: what it follows is not known")


def on_hold(login: str) -> str:
    """Say that somebody keeps a pull request from being merged for now."""
    return one_line(f"On hold by {login}")


def parked(problem: str) -> str:
    """Say that a pull request could not be looked at, and is left alone until it moves."""
    return one_line(f"Could not be looked at: {problem}")


def one_line(text: str) -> str:
    """Cut to what GitHub takes."""
    return shorten_line(clean_line(text), _LONGEST)
