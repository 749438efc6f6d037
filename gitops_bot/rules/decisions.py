"""May this person do this now, to this commit? Values in, a refusal in the person's words out."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum

from gitops_bot.models.chat import ChatIdentity, ChatPerson
from gitops_bot.models.pull_requests import Permission, PullRequest
from gitops_bot.models.reports import Report, Verdict


class Action(StrEnum):
    """What a button does; also its ``action_id``."""

    COMMENT = "comment"
    APPROVE = "approve"
    # Let a held pull request be looked at, for this very commit.
    TRUST = "trust"
    # A link: nothing is carried out.
    VIEW = "view"
    # Look at a pull request that was open at the first start, or look again.
    LOOK = "look"


# What only somebody of ours may do, with a right on GitHub at that moment.
NEEDS_A_RIGHT = frozenset({Action.APPROVE, Action.TRUST})
# What a button below a report may ask for: its value is the report's id.
ON_A_REPORT = frozenset({Action.COMMENT, Action.APPROVE, Action.TRUST})


@dataclass(frozen=True)
class DecisionPolicy:
    """What the administrator lets people do."""

    # Post reports as comments where everybody can read them.
    allow_public_comments: bool = False


_STRICT = DecisionPolicy()

# What would be wrong, and the words for it; the first line that holds is said.
_Table = tuple[tuple[bool, str], ...]


@dataclass(frozen=True)
class Person:
    """Who pressed: the Slack user, the GitHub login an administrator gave them, and their right at this moment."""

    slack_user: str
    github_login: str = ""
    permission: Permission = Permission.NONE
    # Why this account of the chat may decide nothing here, as a sentence; "" when it may.
    outsider: str = ""


def offered(report: Report, pull: PullRequest, *, may_decide: bool, released: AbstractSet[str]) -> tuple[Action, ...]:
    """Give the buttons that make sense below a report, ``pull`` being the pull request as it is now.

    ``may_decide``: whether anybody is mapped to GitHub. ``released``: head commits that somebody let through.
    """
    if pull.state != "open":
        return (Action.VIEW,)
    if report.verdict is Verdict.HELD:
        waits = may_decide and report.pull_request.head_sha not in released
        return (Action.TRUST, Action.VIEW) if waits else (Action.VIEW,)
    if may_decide and report.verdict.complete and not pull.draft:
        return (Action.COMMENT, Action.APPROVE, Action.VIEW)
    return (Action.COMMENT, Action.VIEW)


def github_login(people: Mapping[str, str], slack_user: str) -> str:
    """The GitHub login of a Slack user, "" when no administrator has named one. Never guessed from e-mail or name."""
    return people.get(slack_user, "")


def why_outsider(person: ChatPerson, us: ChatIdentity) -> str:
    """Say why an account of the chat is not one of ours; "" when it is.

    In an Enterprise Grid organisation people of its other workspaces are ours: there the
    organisation is compared, elsewhere the workspace.
    """
    ours = person.enterprise == us.enterprise if us.enterprise else person.team == us.team
    table = (
        (person.is_deactivated, "This Slack account is deactivated."),
        (person.is_bot, "This is the account of an app: only people decide."),
        (person.is_stranger or not ours, "In Slack you belong to another organisation: only people of ours decide."),
        (person.is_guest, "You are a guest in this Slack workspace: only full members decide."),
    )
    return _first(table)


def refusal(action: Action, person: Person, report: Report, now: PullRequest, policy: DecisionPolicy = _STRICT) -> str:
    """Say why this person may not do this now; "" when they may.

    ``report`` is what the button's message showed, ``now`` the pull request as GitHub tells it
    at this moment.
    """
    if action in NEEDS_A_RIGHT and person.outsider:
        return f"{person.outsider} Nothing was done."
    if moved := _first(_moved(report, now)):
        return moved
    if action is Action.COMMENT:
        return _refusal_to_comment(now, policy)
    if action in NEEDS_A_RIGHT:
        return _first(_about_person(action, person, now)) or _first(_about_report(action, report, now))
    return ""


def _first(table: _Table) -> str:
    """The words of the first line that holds."""
    return next((words for holds, words in table if holds), "")


def _moved(report: Report, now: PullRequest) -> _Table:
    """Whether the pull request is still what the report is about."""
    name, shown, base = f"{now.repository}#{now.number}", report.pull_request.head_sha, report.pull_request.base_ref
    return (
        (now.state != "open", f"{name} is {'merged' if now.merged else 'closed'}: nothing was done."),
        (
            now.head_sha != shown,
            (
                f"{name} has moved: you saw {shown[:7]}, its head is now {now.head_sha[:7]}. Nothing was done; "
                "the message shows the new commit in a moment."
            ),
        ),
        (
            now.base_ref != base,
            f"{name} now goes to {now.base_ref}, the report was for {base}. Nothing was done.",
        ),
    )


def _refusal_to_comment(now: PullRequest, policy: DecisionPolicy) -> str:
    if now.repository_is_private or policy.allow_public_comments:
        return ""
    return (
        f"{now.repository} is public: a comment would show everybody what runs in the cluster, so nothing was posted. "
        "An administrator may allow it with trust.allow_public_comments."
    )


# What a person wants to do, as it stands in a sentence.
_DOING = {Action.APPROVE: "approving", Action.TRUST: "letting it run"}


def _about_person(action: Action, person: Person, now: PullRequest) -> _Table:
    name, login, doing = f"{now.repository}#{now.number}", person.github_login, _DOING[action]
    return (
        (
            not login,
            (
                f"Nobody has told gitops-bot which GitHub account is yours, so {doing} is not possible. "
                f"An administrator adds `{person.slack_user}: your-github-login` under `people` in its settings."
            ),
        ),
        (
            login.lower() == now.author.lower(),
            f"You ({login}) are the author of {name}: somebody else has to do that.",
        ),
        (
            not person.permission.may_write,
            f"{login} has the permission '{person.permission}' in {now.repository}; {doing} needs write or more.",
        ),
    )


def _about_report(action: Action, report: Report, now: PullRequest) -> _Table:
    name, verdict = f"{now.repository}#{now.number}", report.verdict
    if action is Action.TRUST:
        return ((verdict is not Verdict.HELD, f"{name} is not held any more: the message shows its report."),)
    return (
        (now.draft, f"{name} is a draft: it can be approved once it is ready for review."),
        (verdict is Verdict.HELD, f"{name} is held: nothing was rendered, so there is nothing to approve."),
        (
            not verdict.complete,
            f"The report on {name} is {verdict}: not everything was looked at, so it cannot be approved from here.",
        ),
    )
