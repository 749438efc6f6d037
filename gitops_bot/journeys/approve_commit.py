"""Approve the commit that was shown on GitHub, and take it back when it is not the head any more."""

from gitops_bot import telemetry
from gitops_bot.errors import GitHubError, GitHubRefused, GitHubRejected
from gitops_bot.journeys.keys import approval_marker
from gitops_bot.journeys.ports import Doors
from gitops_bot.journeys.who_is import account_of
from gitops_bot.journeys.withdraw_approval import approval_target, forget_standing, remember_standing
from gitops_bot.models.records import Effect, EffectState, StoredReport
from gitops_bot.rules.decisions import Person
from gitops_bot.views import github_comment

log = telemetry.logger(__name__)


async def approve_commit(doors: Doors, person: Person, stored: StoredReport) -> tuple[str, str]:
    """Approve the commit that was shown; take it back when the head moved at the same moment.

    As the person where they have linked their account, else as ourselves. Gives "done" or "withdrawn",
    and what GitHub makes of it in words.
    """
    pull = stored.report.pull_request
    marker = approval_marker(doors, pull.head_sha)
    account = await account_of(doors, person.slack_user)
    target = approval_target(doors, stored, account)
    await doors.store.save_effect(Effect("approval", target, stored.report.digest, EffectState.BEGUN), doors.clock())
    review = await doors.github.find_review(pull.repository, pull.number, marker, "APPROVED", account=account)
    if review is None:
        body = github_comment.approval_body(stored.report, person=person.github_login, marker=marker)
        review = await doors.github.approve(pull.repository, pull.number, pull.head_sha, body, account=account)
    # From now on the ticks watch it, also when it cannot be dismissed below.
    await remember_standing(doors, person, stored, review, account)
    # GitHub takes ``commit_id`` as attribution, not as a condition: the head may have moved in between.
    after = await doors.github.pull_request(pull.repository, pull.number)
    if (after.head_sha, after.base_ref, after.state) != (pull.head_sha, pull.base_ref, "open"):
        await doors.github.dismiss(
            pull.repository,
            pull.number,
            review.review_id,
            f"The pull request changed while {pull.head_sha} was being approved; its head is {after.head_sha}.",
            account=account,
        )
        await forget_standing(doors, target)
        return "withdrawn", f"It changed at the same moment (head {after.head_sha[:7]}): the approval is withdrawn."
    remote = {"id": str(review.review_id), "url": review.html_url}
    await doors.store.save_effect(
        Effect("approval", target, stored.report.digest, EffectState.DONE, remote), doors.clock()
    )
    try:
        decision = await doors.github.review_decision(pull.repository, pull.number)
    except GitHubError as error:
        # The approval stands, whatever keeps GitHub from saying what it is worth.
        log.warning("could not learn whether an approval counts", pull_request=pull.key, reason=str(error))
        return "done", "whether GitHub counts it could not be learned"
    return "done", github_comment.what_github_makes_of_it(decision)


async def withdraw_begun_approval(doors: Doors, person: Person, stored: StoredReport) -> str:
    """Take back an approval that was sent without our hearing of it, when its click comes to nothing.

    Gives what became of it as a sentence that follows another one; "" when there is none.
    """
    pull = stored.report.pull_request
    account = await account_of(doors, person.slack_user)
    target = approval_target(doors, stored, account)
    known = await doors.store.effect("approval", target)
    if known is None or known.state is not EffectState.BEGUN:
        return ""
    marker = approval_marker(doors, pull.head_sha)
    review = await doors.github.find_review(pull.repository, pull.number, marker, "APPROVED", account=account)
    if review is None:
        return ""
    words = "The pull request changed while it was being approved."
    try:
        await doors.github.dismiss(pull.repository, pull.number, review.review_id, words, account=account)
    except (GitHubRefused, GitHubRejected) as error:
        # The ticks watch it from now on, and the message says what they come to.
        await remember_standing(doors, person, stored, review, account)
        return f" An approval that was under way could not be withdrawn, so dismiss it on GitHub: {error}"
    await forget_standing(doors, target)
    return " An approval that was under way has been withdrawn."
