"""May this person do this now? Everything is asked anew, at the moment of the click."""

from dataclasses import dataclass

from gitops_bot.journeys.ports import Doors
from gitops_bot.journeys.who_is import github_login_of
from gitops_bot.models.chat import Click
from gitops_bot.models.pull_requests import PullRequest
from gitops_bot.models.records import StoredReport
from gitops_bot.rules import decisions
from gitops_bot.rules.decisions import ABOUT_THE_NEWEST_REPORT, NEEDS_A_RIGHT, Action, Person, Situation
from gitops_bot.rules.trust import released_commits


@dataclass(frozen=True)
class Judgement:
    """Who pressed, the pull request at this moment, and why it is not done: "" when it is."""

    person: Person
    now: PullRequest
    refusal: str


async def judge_click(doors: Doors, click: Click, action: Action, stored: StoredReport) -> Judgement:
    """Judge with fresh facts from GitHub and Slack."""
    pull = stored.report.pull_request
    now = await doors.github.pull_request(pull.repository, pull.number)
    person = await _person(doors, click, action, now)
    people = None
    if action is Action.APPROVE and person.github_login and now.state == "open":
        people = await doors.github.commit_people(pull.repository, pull.number)
    situation = Situation(now, people, await doors.store.decisions(pull.key))
    refusal = decisions.refusal(action, person, stored.report, situation, doors.decision_policy)
    return Judgement(person, now, refusal or await _overtaken(doors, action, stored, situation))


async def _person(doors: Doors, click: Click, action: Action, now: PullRequest) -> Person:
    """Ask who pressed, and what they may do at this moment."""
    if action not in NEEDS_A_RIGHT:
        return Person(click.user, await github_login_of(doors, click.user, None, now.repository))
    account = await doors.chat.person(click.user)
    outsider = decisions.why_outsider(account, await doors.chat.identity())
    login = "" if outsider else await github_login_of(doors, click.user, account, now.repository)
    if not login:
        return Person(click.user, login, outsider=outsider)
    return Person(click.user, login, await doors.github.permission(now.repository, login))


async def _overtaken(doors: Doors, action: Action, stored: StoredReport, situation: Situation) -> str:
    """Say what happened since the report that the person saw; "" when it is the newest, or that does not matter."""
    pull = stored.report.pull_request
    name = f"{pull.repository}#{pull.number}"
    if action is Action.TRUST:
        let_through = pull.head_sha in released_commits(situation.made)
        return f"{name} has been let through already, for this commit." if let_through else ""
    if action not in ABOUT_THE_NEWEST_REPORT:
        return ""
    record = await doors.store.pull_request(pull.key)
    if record is None or record.report_id != stored.report_id:
        return f"{name} has been looked at again since: read the new report. Nothing was done."
    if action in {Action.APPROVE, Action.MERGE}:
        tip = await doors.github.branch_tip(pull.repository, pull.base_ref)
        if tip != stored.report.base_tip:
            return (
                f"{pull.base_ref} has moved to {tip[:7]} since this report was made. Nothing was done; "
                "the message tells in a moment what the merge does now."
            )
    return ""
