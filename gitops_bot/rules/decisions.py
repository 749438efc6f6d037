"""May this person do this now, to this commit? Values in, a refusal in the person's words out."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from gitops_bot.models.pull_requests import Permission, PullRequest
from gitops_bot.models.reports import Report, Verdict


class Action(StrEnum):
    """What a button does; also its ``action_id``."""

    COMMENT = "comment"
    APPROVE = "approve"
    # A link: nothing is carried out.
    VIEW = "view"
    # Look at a pull request that was open at the first start, or look again.
    LOOK = "look"


@dataclass(frozen=True)
class Person:
    """Who pressed: the Slack user, the GitHub login an administrator gave them, and their right at this moment."""

    slack_user: str
    github_login: str = ""
    permission: Permission = Permission.NONE


def github_login(people: Mapping[str, str], slack_user: str) -> str:
    """The GitHub login of a Slack user, "" when no administrator has named one. Never guessed from e-mail or name."""
    return people.get(slack_user, "")


def refusal(action: Action, person: Person, report: Report, now: PullRequest) -> str:
    """Say why this person may not do this now; "" when they may.

    ``report`` is what the button's message showed, ``now`` the pull request as GitHub tells it
    at this moment.
    """
    shown, name = report.pull_request.head_sha, f"{now.repository}#{now.number}"
    if now.state != "open":
        return f"{name} is {'merged' if now.merged else 'closed'}: nothing was done."
    if now.head_sha != shown:
        return (
            f"{name} has moved: you saw {shown[:7]}, its head is now {now.head_sha[:7]}. Nothing was done; "
            "the message shows the new commit in a moment."
        )
    if now.base_ref != report.pull_request.base_ref:
        return (
            f"{name} now goes to {now.base_ref}, the report was for {report.pull_request.base_ref}. Nothing was done."
        )
    if action is Action.APPROVE:
        return _refusal_to_approve(person, report, now)
    return ""


def _refusal_to_approve(person: Person, report: Report, now: PullRequest) -> str:
    """The first rule of this table that does not hold, in words."""
    name, login, verdict = f"{now.repository}#{now.number}", person.github_login, report.verdict
    table = (
        (
            not login,
            (
                "Nobody has told gitops-bot which GitHub account is yours, so you cannot approve. "
                f"An administrator adds `{person.slack_user}: your-github-login` under `people` in its settings."
            ),
        ),
        (
            login.lower() == now.author.lower(),
            f"You ({login}) are the author of {name}: somebody else has to approve it.",
        ),
        (
            not person.permission.may_write,
            f"{login} has the permission '{person.permission}' in {now.repository}; approving needs write or more.",
        ),
        (now.draft, f"{name} is a draft: it can be approved once it is ready for review."),
        (verdict is Verdict.HELD, f"{name} is held: nothing was rendered, so there is nothing to approve."),
        (
            not verdict.complete,
            f"The report on {name} is {verdict}: not everything was looked at, so it cannot be approved from here.",
        ),
    )
    return next((words for holds, words in table if holds), "")
