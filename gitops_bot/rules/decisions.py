"""May this person do this now, to this commit? Values in, a refusal in the person's words out."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import StrEnum

from gitops_bot.models.changes import Operation
from gitops_bot.models.chat import ChatIdentity, ChatPerson
from gitops_bot.models.pull_requests import CommitPeople, Permission, PullRequest
from gitops_bot.models.records import Decision
from gitops_bot.models.reports import Report, Severity, Verdict
from gitops_bot.rules.publishing import Publish, PublishPolicy
from gitops_bot.rules.questions import has_failure


class Action(StrEnum):
    """What a button does; also its ``action_id``."""

    COMMENT = "comment"
    APPROVE = "approve"
    REQUEST_CHANGES = "request_changes"
    # Let a held pull request be looked at, for this very commit.
    TRUST = "trust"
    # Nobody approves or merges from here until somebody releases it.
    HOLD = "hold"
    RELEASE = "release"
    MERGE = "merge"
    # Say a command of the administrator's in the thread; the value names its template after the report.
    SAY = "say"
    # A link: nothing is carried out.
    VIEW = "view"
    # Look at a pull request that was open at the first start, or look again.
    LOOK = "look"
    # Ask a model what is wrong, and say it in the thread. No decision either.
    DIAGNOSE = "diagnose"
    # The same about something that keeps us from looking; the value is the message's key.
    EXPLAIN = "explain"
    # What somebody thinks of a model's opinion. No decision about the pull request.
    USEFUL = "useful"
    NOT_USEFUL = "not_useful"
    # Typed, not pressed: approve as oneself from now on.
    LINK = "link"
    # Never pressed: what became of an approval when the head moved. It stands among the decisions.
    WITHDRAW = "withdraw"
    # Never pressed either: an approval of the gate's.
    CLEAR = "clear"


# Answers to the question whether an opinion is useful: their value is the report's id, too.
ON_AN_OPINION = frozenset({Action.USEFUL, Action.NOT_USEFUL})
# What a button below a report may ask for: its value is the report's id.
_NOT_ON_A_REPORT = frozenset(
    {Action.VIEW, Action.LOOK, Action.LINK, Action.WITHDRAW, Action.CLEAR, Action.DIAGNOSE, Action.EXPLAIN}
)
ON_A_REPORT = frozenset(Action) - _NOT_ON_A_REPORT - ON_AN_OPINION
# What only somebody of ours may do, with a right on GitHub at that moment.
NEEDS_A_RIGHT = ON_A_REPORT - {Action.COMMENT}
# What nobody does to their own pull request.
_NOT_THE_AUTHOR = frozenset({Action.APPROVE, Action.TRUST, Action.REQUEST_CHANGES})
# What is about the commit that was shown: an older report does not do.
ABOUT_THE_NEWEST_REPORT = frozenset({Action.COMMENT, Action.APPROVE, Action.REQUEST_CHANGES, Action.MERGE})
# What a person wants to do, as it stands in a sentence.
_DOING = {
    Action.APPROVE: "approving",
    Action.TRUST: "letting it run",
    Action.REQUEST_CHANGES: "requesting changes",
    Action.HOLD: "holding it",
    Action.RELEASE: "releasing it",
    Action.MERGE: "merging",
    Action.SAY: "having that said",
}


@dataclass(frozen=True)
class DecisionPolicy:
    """What the administrator lets people do."""

    # Which reports may become comments, and where.
    publishing: PublishPolicy = field(default_factory=PublishPolicy)
    # Approve although not everything was looked at, or would be accepted.
    allow_incomplete: bool = False
    # "never", or how GitHub is to merge: "merge", "squash", "rebase".
    merge: str = "never"
    # Take an approval back when the head moves.
    withdraw_when_head_moves: bool = True


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


@dataclass(frozen=True)
class Situation:
    """What a decision rests on, beside the report: the pull request as GitHub tells it at this moment, and its past."""

    now: PullRequest
    # None: not asked, because it does not matter for this action.
    commit_people: CommitPeople | None = None
    # All decisions on this pull request so far, oldest first.
    made: tuple[Decision, ...] = ()


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


def has_moved(now: PullRequest, shown: PullRequest) -> bool:
    """Whether a pull request is not what was shown any more: another head, another base branch, not open."""
    return (now.head_sha, now.base_ref, now.state) != (shown.head_sha, shown.base_ref, "open")


def hold_on(made: Iterable[Decision]) -> Decision | None:
    """The decision that holds a pull request now; None when nothing does."""
    last = None
    for decision in made:
        if decision.action in {Action.HOLD, Action.RELEASE} and decision.outcome == "done":
            last = decision
    return last if last is not None and last.action == Action.HOLD else None


def changes_wanted_by(made: Iterable[Decision], login: str) -> Decision | None:
    """The request for changes of somebody else that still stands; None when there is none.

    Reviews from here are of one account on GitHub, where its newest counts: an approval would undo what another
    person has asked for. They take it back by approving themselves.
    """
    newest: dict[str, Decision] = {}
    for decision in made:
        if decision.action in {Action.APPROVE, Action.REQUEST_CHANGES} and decision.outcome == "done":
            newest[decision.github_login.lower()] = decision
    newest.pop(login.lower(), None)
    return next((one for one in newest.values() if one.action == Action.REQUEST_CHANGES), None)


def is_grave(report: Report) -> bool:
    """Whether a person should read once more what they approve: high risk, something destroyed, not all seen."""
    if report.highest_risk is Severity.CRITICAL or not report.verdict.complete:
        return True
    findings = [finding for cluster in report.clusters for finding in cluster.all_findings]
    changes = [change for cluster in report.clusters for row in cluster.rows for change in row.changes]
    destroyed = {Operation.DELETE, Operation.RECREATE}
    return any(finding.severity is Severity.CRITICAL for finding in findings) or any(
        change.operation in destroyed for change in changes
    )


def offered(
    report: Report,
    pull: PullRequest,
    *,
    may_decide: bool,
    may_ask: bool = False,
    made: tuple[Decision, ...] = (),
    released: AbstractSet[str] = frozenset(),
    policy: DecisionPolicy = _STRICT,
) -> tuple[Action, ...]:
    """Give the buttons that make sense below a report, the important ones first; ``pull`` is as it is now.

    ``may_decide``: whether anybody is mapped to GitHub. ``may_ask``: whether a model may be asked.
    ``released``: head commits that somebody let through.
    """
    if pull.state != "open":
        return (Action.VIEW,)
    held, on_hold = report.verdict is Verdict.HELD, hold_on(made) is not None
    ready = may_decide and not on_hold and not pull.draft and not held
    complete = report.verdict.complete
    table = (
        (Action.TRUST, held and may_decide and report.pull_request.head_sha not in released),
        (Action.APPROVE, ready and (complete or policy.allow_incomplete)),
        (Action.DIAGNOSE, may_ask and has_failure(report)),
        (Action.COMMENT, not held and not _first(_about_comment(pull, policy))),
        (Action.VIEW, True),
        (Action.REQUEST_CHANGES, may_decide and not held),
        (Action.LOOK, True),
        (Action.HOLD, may_decide and not on_hold),
        (Action.RELEASE, may_decide and on_hold),
        (Action.MERGE, ready and complete and policy.merge != "never"),
    )
    return tuple(action for action, makes_sense in table if makes_sense)


def refusal(
    action: Action, person: Person, report: Report, situation: Situation, policy: DecisionPolicy = _STRICT
) -> str:
    """Say why this person may not do this now; "" when they may. ``report`` is what the button's message showed."""
    now = situation.now
    if action in NEEDS_A_RIGHT and person.outsider:
        return f"{person.outsider} Nothing was done."
    if moved := _first(_moved(report, now)):
        return moved
    if action is Action.COMMENT:
        return _first(_about_comment(now, policy))
    return _first(_about_person(action, person, situation)) or _first(_about_report(action, report, situation, policy))


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


def _about_comment(now: PullRequest, policy: DecisionPolicy) -> _Table:
    return (
        (
            policy.publishing.of(now.repository) is Publish.NEVER,
            f"Reports on {now.repository} are not posted on GitHub (publish.policy).",
        ),
        (
            not now.repository_is_private and not policy.publishing.allow_public,
            (
                f"{now.repository} is public: a comment would show everybody what runs in the cluster, so nothing was "
                "posted. An administrator may allow it with trust.allow_public_comments."
            ),
        ),
    )


def _about_person(action: Action, person: Person, situation: Situation) -> _Table:
    now, login, doing = situation.now, person.github_login, _DOING[action]
    name = f"{now.repository}#{now.number}"
    is_author = login.lower() == now.author.lower()
    people = situation.commit_people
    hold = hold_on(situation.made)
    wanted = changes_wanted_by(situation.made, login) if action is Action.APPROVE else None
    return (
        (
            not login,
            (
                f"Nobody has told gitops-bot which GitHub account is yours, so {doing} is not possible. "
                f"An administrator adds `{person.slack_user}: your-github-login` under `people` in its settings."
            ),
        ),
        (
            is_author and action in _NOT_THE_AUTHOR,
            f"You ({login}) are the author of {name}: somebody else has to do that.",
        ),
        (
            people is not None and login.lower() in people.logins,
            f"You ({login}) made a commit of {name}: somebody else has to approve it.",
        ),
        (
            people is not None and not people.complete,
            f"{name} has more commits than GitHub lists, so nobody can tell who made them. Approve it on GitHub.",
        ),
        (
            is_author and action is Action.RELEASE and hold is not None and hold.github_login.lower() != login.lower(),
            f"You ({login}) are the author of {name}, and somebody else holds it: somebody else has to release it.",
        ),
        (
            wanted is not None,
            (
                f"{wanted.github_login if wanted else ''} has asked for changes of {name}, and an approval from here "
                "would take the place of that: they approve first, or you approve on GitHub."
            ),
        ),
        (
            not person.permission.may_write,
            f"{login} has the permission '{person.permission}' in {now.repository}; {doing} needs write or more.",
        ),
    )


def _about_report(action: Action, report: Report, situation: Situation, policy: DecisionPolicy) -> _Table:
    now, verdict = situation.now, report.verdict
    name = f"{now.repository}#{now.number}"
    hold = hold_on(situation.made)
    by = f" by {hold.github_login}" if hold is not None else ""
    held = (hold is not None, f"{name} is on hold{by}: it has to be released first.")
    draft = (now.draft, f"{name} is a draft: that is possible once it is ready for review.")
    unseen = (verdict is Verdict.HELD, f"{name} is held: nothing was rendered, so there is nothing to decide about.")
    incomplete = f"The report on {name} is {verdict}: not everything was looked at, so that is not possible from here."
    tables: dict[Action, _Table] = {
        Action.TRUST: ((verdict is not Verdict.HELD, f"{name} is not held any more: the message shows its report."),),
        Action.APPROVE: (held, draft, unseen, (not (verdict.complete or policy.allow_incomplete), incomplete)),
        Action.REQUEST_CHANGES: (unseen,),
        Action.SAY: (),
        Action.HOLD: ((hold is not None, f"{name} is on hold already{by}."),),
        Action.RELEASE: ((hold is None, f"{name} is not on hold."),),
        Action.MERGE: (
            (policy.merge == "never", "Merging from here is switched off (decisions.merge)."),
            held,
            draft,
            unseen,
            (not verdict.complete, incomplete),
        ),
    }
    return tables[action]
