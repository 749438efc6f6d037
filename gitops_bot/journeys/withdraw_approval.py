"""An approval is for one commit: when the head moves it is taken back, whatever GitHub's own rules say.

GitHub dismisses stale approvals only where a rule asks for it, and points an old review at a new
head after a forced push. So our own record of what was approved is the truth, and it is compared
with the head at every tick.
"""

from dataclasses import dataclass

from gitops_bot import telemetry
from gitops_bot.errors import (
    GitHubError,
    GitHubRateLimited,
    GitHubRefused,
    GitHubRejected,
    GitopsBotError,
    SettingsError,
    StoreError,
)
from gitops_bot.journeys.gate_due import gate_rules
from gitops_bot.journeys.ports import Doors
from gitops_bot.journeys.tell_pull_request import tell_newest_report
from gitops_bot.journeys.who_is import account_of
from gitops_bot.models.pull_requests import PullRequest, Review
from gitops_bot.models.records import Decision, Effect, EffectState, LinkedAccount, StoredReport
from gitops_bot.rules.decisions import Action, changes_wanted_by, hold_on

log = telemetry.logger(__name__)

# Kind of the effect: one per approval of ours that stands.
_STANDING = "standing approval"


def approval_target(doors: Doors, stored: StoredReport, account: LinkedAccount | None) -> str:
    """The name of an approval: one per bot, pull request, commit and account that it is written as."""
    pull = stored.report.pull_request
    return f"{doors.identity}|{pull.key}@{pull.head_sha}" + (f"|{account.login.lower()}" if account else "")


@dataclass(frozen=True)
class Approver:
    """Whose word an approval is. ``slack_user``: whose own account wrote it; "" when we did."""

    login: str
    slack_user: str = ""
    # Name of the rule, where no person approved.
    gate: str = ""


async def remember_standing(
    doors: Doors, stored: StoredReport, review: Review, target: str, approver: Approver
) -> None:
    """Remember an approval that stands, and for what."""
    pull = stored.report.pull_request
    remote = {
        "pull_request": pull.key,
        "commit": pull.head_sha,
        "base_ref": pull.base_ref,
        "review": str(review.review_id),
        "report": stored.report_id,
        "login": approver.login,
        "slack_user": approver.slack_user,
        "gate": approver.gate,
    }
    await doors.store.save_effect(
        Effect(_STANDING, target, stored.report.digest, EffectState.DONE, remote), doors.clock()
    )


async def standing_approval(doors: Doors, target: str) -> Effect | None:
    """Give the approval of this name that stands; None when there is none."""
    return await doors.store.effect(_STANDING, target)


async def forget_standing(doors: Doors, target: str) -> None:
    """It has been taken back."""
    await doors.store.forget_effect(_STANDING, target)


async def withdraw_outdated_approvals(doors: Doors) -> None:
    """Take back every approval of ours whose pull request is not what was approved any more."""
    for standing in await doors.store.effects(_STANDING):
        if not standing.target.startswith(f"{doors.identity}|"):
            continue
        record = await doors.store.pull_request(standing.remote["pull_request"])
        if record is None:
            continue
        try:
            await _withdraw_if_outdated(doors, standing, record.pull_request)
        except GitHubRateLimited:
            raise
        except GitopsBotError as error:
            # It is tried again at the next tick.
            log.warning("an approval could not be withdrawn yet", approval=standing.target, reason=str(error))


async def _withdraw_if_outdated(doors: Doors, standing: Effect, pull: PullRequest) -> None:
    if pull.merged:
        await doors.store.forget_effect(_STANDING, standing.target)
        return
    # Who closes it may push, and open it again: GitHub keeps the approval all the while.
    if not (why := await _why_outdated(doors, standing, pull)):
        return
    async with doors.one_at_a_time.alone(f"act on {pull.key}"):
        await withdraw(doors, standing, pull, why)
    await tell_newest_report(doors, pull.key)


async def _why_outdated(doors: Doors, standing: Effect, pull: PullRequest) -> str:
    """Say why an approval is to be taken back, in words that follow a semicolon; "" when it holds on."""
    remote = standing.remote
    if pull.head_sha != remote["commit"]:
        moved = f"the head is {pull.head_sha[:7]} now"
    elif pull.base_ref != remote["base_ref"]:
        moved = f"it goes to {pull.base_ref} now"
    else:
        return await _why_not_cleared(doors, standing, pull) if remote.get("gate") else ""
    return moved if doors.decision_policy.withdraw_when_head_moves or remote.get("gate") else ""


async def _why_not_cleared(doors: Doors, standing: Effect, pull: PullRequest) -> str:
    """Say why what the gate approved does not hold on: the report, its rule, or a person says something else."""
    live = {rule.name for rule in gate_rules(doors, pull.repository) if not rule.dry_run}
    if standing.remote["gate"] not in live:
        return "the rule of the gate that gave it is switched off"
    made = await doors.store.decisions(pull.key)
    if hold_on(made) is not None:
        return "it is on hold"
    if changes_wanted_by(made, "") is not None:
        return "somebody asked for changes"
    record = await doors.store.pull_request(pull.key)
    # A report that says the same keeps its id: then there is nothing to read.
    other = record is not None and record.report_id != standing.remote["report"]
    stored = await doors.store.report(record.report_id) if record is not None and other else None
    if stored is not None and stored.report.digest != standing.digest:
        return "merging it would do something else now"
    return ""


async def withdraw(doors: Doors, standing: Effect, pull: PullRequest, why: str) -> None:
    """Take an approval back and write that down. The caller lets nobody else act on it meanwhile."""
    remote = standing.remote
    outcome, words = await _dismiss(doors, standing, pull, why)
    await doors.store.record_decision(
        Decision(
            pull_request=pull.key,
            action=Action.WITHDRAW,
            outcome=outcome,
            slack_user="",
            github_login=remote["login"],
            commit=remote["commit"],
            report_id=remote["report"],
            # No click asked for it; the review is withdrawn once.
            click=f"withdrawal of review {remote['review']} of {standing.target}",
            at=doors.clock(),
            message=words,
            report_digest=standing.digest,
        )
    )
    await doors.store.forget_effect(_STANDING, standing.target)


async def _dismiss(doors: Doors, standing: Effect, pull: PullRequest, why: str) -> tuple[str, str]:
    """Dismiss the review; gives "done" or "failed", and why in words."""
    account = await _whose(doors, standing)
    words, review = f"This approval was for {standing.remote['commit']}; {why}.", int(standing.remote["review"])
    # Who approved as themselves may have taken their token back since: then we withdraw it as ourselves.
    for writer in dict.fromkeys((account, None)):
        try:
            await doors.github.dismiss(pull.repository, pull.number, review, words, account=writer)
        except (GitHubRefused, GitHubRejected) as error:
            refused = error
        else:
            return "done", why
    # Dismissed by somebody already, or a rule of the branch keeps us from it: waiting mends neither.
    return await _already_gone(doors, standing, pull, refused)


async def _whose(doors: Doors, standing: Effect) -> LinkedAccount | None:
    try:
        return await account_of(doors, standing.remote.get("slack_user", ""))
    except (SettingsError, StoreError) as error:
        log.warning("the account of an approval cannot be read", approval=standing.target, reason=str(error))
        return None


async def _already_gone(doors: Doors, standing: Effect, pull: PullRequest, error: GitHubError) -> tuple[str, str]:
    review = await doors.github.review(pull.repository, pull.number, int(standing.remote["review"]))
    if review is None or review.state == "DISMISSED":
        return "done", "GitHub had dismissed it already"
    return "failed", str(error)
