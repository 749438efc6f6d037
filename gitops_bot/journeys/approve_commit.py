"""Approve the commit that was shown on GitHub, and take it back when it is not the head any more."""

from dataclasses import dataclass

from gitops_bot import telemetry
from gitops_bot.errors import GitHubError, GitHubRefused, GitHubRejected
from gitops_bot.journeys.keys import approval_marker
from gitops_bot.journeys.ports import Doors
from gitops_bot.journeys.who_is import account_of
from gitops_bot.journeys.withdraw_approval import Approver, approval_target, forget_standing, remember_standing
from gitops_bot.models.pull_requests import Review
from gitops_bot.models.records import Effect, EffectState, LinkedAccount, StoredReport
from gitops_bot.rules.decisions import Person, has_moved
from gitops_bot.views import github_comment

log = telemetry.logger(__name__)


@dataclass(frozen=True)
class Word:
    """Whose word an approval is: how it is found again, what it says, and as whom it is written.

    ``account``: None is ourselves. ``login`` and ``slack_user`` name the person, ``gate`` the rule of the gate
    where it is no person's.
    """

    target: str
    marker: str
    body: str
    account: LinkedAccount | None = None
    login: str = ""
    slack_user: str = ""
    gate: str = ""


async def approve_commit(doors: Doors, person: Person, stored: StoredReport) -> tuple[str, str]:
    """Approve the commit that was shown; take it back when the head moved at the same moment.

    As the person where they have linked their account, else as ourselves. Gives "done" or "withdrawn",
    and what GitHub makes of it in words.
    """
    return await give_word(doors, await _of_person(doors, person, stored), stored)


async def _of_person(doors: Doors, person: Person, stored: StoredReport) -> Word:
    marker = approval_marker(doors, stored.report.pull_request.head_sha)
    account = await account_of(doors, person.slack_user)
    body = github_comment.approval_body(stored.report, person=person.github_login, marker=marker)
    target = approval_target(doors, stored, account)
    return Word(target, marker, body, account, person.github_login, person.slack_user if account else "")


async def give_word(doors: Doors, word: Word, stored: StoredReport) -> tuple[str, str]:
    """Write an approval, once; gives "done" or "withdrawn", and what GitHub makes of it in words."""
    pull, account = stored.report.pull_request, word.account
    begun = Effect("approval", word.target, stored.report.digest, EffectState.BEGUN)
    await doors.store.save_effect(begun, doors.clock())
    review = await doors.github.find_review(pull.repository, pull.number, word.marker, "APPROVED", account=account)
    if review is None:
        review = await doors.github.approve(pull.repository, pull.number, pull.head_sha, word.body, account=account)
    # From now on the ticks watch it, also when it cannot be dismissed below.
    await _remember(doors, word, stored, review)
    # GitHub takes ``commit_id`` as attribution, not as a condition: the head may have moved in between.
    after = await doors.github.pull_request(pull.repository, pull.number)
    if has_moved(after, pull):
        await doors.github.dismiss(
            pull.repository,
            pull.number,
            review.review_id,
            f"The pull request changed while {pull.head_sha} was being approved; its head is {after.head_sha}.",
            account=account,
        )
        await forget_standing(doors, word.target)
        return "withdrawn", f"It changed at the same moment (head {after.head_sha[:7]}): the approval is withdrawn."
    remote = {"id": str(review.review_id), "url": review.html_url}
    done = Effect("approval", word.target, stored.report.digest, EffectState.DONE, remote)
    await doors.store.save_effect(done, doors.clock())
    try:
        decision = await doors.github.review_decision(pull.repository, pull.number)
    except GitHubError as error:
        # The approval stands, whatever keeps GitHub from saying what it is worth.
        log.warning("could not learn whether an approval counts", pull_request=pull.key, reason=str(error))
        return "done", "whether GitHub counts it could not be learned"
    return "done", github_comment.what_github_makes_of_it(decision)


async def _remember(doors: Doors, word: Word, stored: StoredReport, review: Review) -> None:
    who = Approver(word.login, word.slack_user, word.gate)
    await remember_standing(doors, stored, review, word.target, who)


async def withdraw_begun_approval(doors: Doors, person: Person, stored: StoredReport) -> str:
    """Take back an approval that was sent without our hearing of it, when its click comes to nothing.

    Gives what became of it as a sentence that follows another one; "" when there is none.
    """
    return await take_back_begun(doors, await _of_person(doors, person, stored), stored)


async def take_back_begun(doors: Doors, word: Word, stored: StoredReport) -> str:
    """Take back what was sent without our hearing of it; gives what became of it, "" when there is none."""
    pull = stored.report.pull_request
    known = await doors.store.effect("approval", word.target)
    if known is None or known.state is not EffectState.BEGUN:
        return ""
    found = await doors.github.find_review(pull.repository, pull.number, word.marker, "APPROVED", account=word.account)
    if found is None:
        return ""
    words = "The pull request changed while it was being approved."
    try:
        await doors.github.dismiss(pull.repository, pull.number, found.review_id, words, account=word.account)
    except (GitHubRefused, GitHubRejected) as error:
        # The ticks watch it from now on, and the message says what they come to.
        await _remember(doors, word, stored, found)
        return f" An approval that was under way could not be withdrawn, so dismiss it on GitHub: {error}"
    await forget_standing(doors, word.target)
    return " An approval that was under way has been withdrawn."
