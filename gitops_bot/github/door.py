"""What the journeys ask of GitHub."""

from collections.abc import Callable, Mapping
from contextlib import aclosing
from datetime import UTC, datetime
from functools import partial
from typing import Any, Self
from urllib.parse import quote

from gitops_bot.config import GitHubSettings, NetworkSettings
from gitops_bot.github import answers
from gitops_bot.github.app import InstallationTokens
from gitops_bot.github.credentials import Credentials, Tokens
from gitops_bot.github.limits import RateLimits
from gitops_bot.github.reading import Reader
from gitops_bot.github.translation import NotThere
from gitops_bot.github.validators import Validators
from gitops_bot.github.writing import Writer
from gitops_bot.models.pull_requests import (
    Comment,
    CommitPeople,
    OpenPullRequests,
    Permission,
    PullRequest,
    Repository,
    Review,
    ReviewRules,
)
from gitops_bot.models.records import LinkedAccount
from gitops_bot.models.statuses import CommitStatus, StatusState
from gitops_bot.rules.statuses import QUEUE_PREFIX

_REVIEW_DECISION = """
query ($owner: String!, $name: String!, $number: Int!) {
  repository(owner: $owner, name: $name) { pullRequest(number: $number) { reviewDecision } }
}
"""

# Who else has that address is asked for as well: two are nobody.
_LOGIN_OF_EMAIL = """
query ($owner: String!, $email: String!) {
  organization(login: $owner) {
    samlIdentityProvider {
      externalIdentities(first: 10, userName: $email) {
        nodes { user { login } samlIdentity { nameId } scimIdentity { username } }
      }
    }
  }
}
"""

# GitHub lists no more of one pull request: https://docs.github.com/en/rest/pulls/pulls#list-commits-on-a-pull-request
_MOST_COMMITS = 250


def _now() -> datetime:
    return datetime.now(UTC)


class GitHubDoor:
    """Use it as a context manager."""

    def __init__(
        self,
        settings: GitHubSettings,
        network: NetworkSettings,
        *,
        token: Callable[[], str] | None = None,
        clock: Callable[[], datetime] = _now,
        seconds_between_writes: float = 1.0,
        deadline: float = 60.0,
    ) -> None:
        """``token`` is asked at each request (default: the settings').

        GitHub wants a second between writes. ``deadline``: seconds for one answer to a read, however slowly it drips.
        """
        limits = RateLimits(clock)
        self._validators = Validators()
        proxy, certificates = network.proxy_for(settings.api_url), network.certificates
        self._app: InstallationTokens | None = None
        if token is None and settings.app is not None:
            self._app = InstallationTokens(
                settings.api_url,
                settings.app.id,
                settings.app.read_private_key,
                limits,
                clock=clock,
                proxy=proxy,
                certificates=certificates,
            )
        readers = [token] if token is not None else settings.token_readers()
        self._credentials: Credentials = self._app or Tokens(readers, limits)
        self._reader = Reader(
            settings.api_url,
            self._credentials,
            limits,
            self._validators,
            proxy=proxy,
            certificates=certificates,
            deadline=deadline,
        )
        self._writer = Writer(
            settings.api_url,
            self._credentials,
            limits,
            proxy=proxy,
            certificates=certificates,
            seconds_between_writes=seconds_between_writes,
        )
        # Login and id by the fingerprint of the token, or by the App's login.
        self._ourselves: dict[str, tuple[str, int]] = {}

    async def __aenter__(self) -> Self:
        """Nothing is asked yet."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self._writer.close()
        await self._reader.close()
        if self._app is not None:
            await self._app.close()

    async def git_token(self, repository: Repository) -> str:
        """Give the token that git fetches a repository with, at this moment."""
        return (await self._credentials.for_writing(repository.owner)).token

    def export_validators(self) -> dict[str, Any]:
        """Give what is remembered for conditional requests, as JSON by URL, so that a restart costs nothing."""
        return self._validators.export()

    def import_validators(self, exported: Mapping[str, Any]) -> None:
        """Take up what export_validators() gave; entries of other tokens and shapes do no harm."""
        self._validators.import_(exported)

    async def open_pull_requests(self, repository: Repository) -> OpenPullRequests:
        """All pages, each by conditional request; one failed page fails the whole look and changes nothing."""
        # Oldest first: a new one goes to the end and shifts no page.
        path = f"{_path(repository)}/pulls?state=open&sort=created&direction=asc&per_page=100"
        reading = partial(_cut_and_check, repository)
        pages = await self._reader.look(path, reading, f"The open pull requests of {repository}")
        found = {raw["number"]: answers.pull_request(repository, raw) for page in pages.values for raw in page}
        return OpenPullRequests(tuple(found.values()), pages.unchanged)

    async def branch_tip(self, repository: Repository, branch: str) -> str:
        """The commit at the tip of a branch, by conditional request. GitHubRefused when there is no such branch."""
        path = f"{_path(repository)}/git/ref/heads/{quote(branch)}"
        reading = partial(answers.branch_tip, branch)
        pages = await self._reader.look(path, reading, f"Branch {branch!r} of {repository}")
        return str(pages.values[0])

    async def queued_commits(self, repository: Repository) -> Mapping[str, str]:
        """Branches of GitHub's merge queue and their commits, by conditional request; empty where there is no queue."""
        path = f"{_path(repository)}/git/matching-refs/heads/{QUEUE_PREFIX}"
        pages = await self._reader.look(path, answers.branches, f"The merge queue of {repository}")
        return {branch: commit for page in pages.values for branch, commit in page.items()}

    async def set_commit_status(self, repository: Repository, commit: str, status: CommitStatus) -> None:
        """Write what stands beside a commit: a check run as an App, a commit status with a token.

        The newest one of a context counts, so it may be written again.
        """
        subject = f"The status {status.context} of {commit[:7]} in {repository}"
        if self._app is not None:
            content = answers.check_run(commit, status)
            await self._writer.write("POST", f"{_path(repository)}/check-runs", content, answers.nothing, subject)
            return
        # Commit statuses know four states, and nothing neutral.
        state = StatusState.SUCCESS if status.state is StatusState.NEUTRAL else status.state
        content = {"context": status.context, "state": str(state), "description": status.description}
        await self._writer.write("POST", f"{_path(repository)}/statuses/{commit}", content, answers.nothing, subject)

    async def pull_request(self, repository: Repository, number: int) -> PullRequest:
        """One pull request, fresh (unconditional): what a decision rests on."""
        reading = partial(answers.pull_request, repository)
        path = f"{_path(repository)}/pulls/{number}"
        return await self._reader.get(path, reading, f"Pull request {repository}#{number}")

    async def permission(self, repository: Repository, login: str) -> Permission:
        """What a person may do at this moment; NONE for somebody GitHub does not know here."""
        path = f"{_path(repository)}/collaborators/{quote(login, safe='')}/permission"
        try:
            return await self._reader.get(path, answers.permission, f"The permission of {login} in {repository}")
        except NotThere:
            return Permission.NONE

    async def own_login(self) -> str:
        """Who we are."""
        login, _ = await self._who_we_are()
        return login

    async def _who_we_are(self) -> tuple[str, int]:
        if self._app is not None:
            login = await self._app.login()
            path, key = f"/users/{quote(login)}", login
        else:
            path, key = "/user", (await self._credentials.for_writing("")).fingerprint
        if key not in self._ourselves:
            subject = "The account that the token belongs to"
            self._ourselves[key] = await self._reader.get(path, answers.account, subject, as_writer=True)
        return self._ourselves[key]

    async def find_comment(self, repository: Repository, number: int, marker: str) -> Comment | None:
        """Our own comment that contains ``marker`` (author and marker must both agree); the oldest wins."""
        _, own_id = await self._who_we_are()
        # Oldest first is GitHub's order here.
        path = f"{_path(repository)}/issues/{number}/comments?per_page=100"
        subject = f"The comments of {repository}#{number}"
        async with aclosing(self._reader.each(path, subject)) as comments:
            async for raw in comments:
                if answers.written_by(raw, own_id, marker):
                    return answers.read(raw, answers.comment, subject)
        return None

    async def create_comment(self, repository: Repository, number: int, body: str) -> Comment:
        """Write a comment, once. GitHubUnavailable: it may or may not be there; look with find_comment."""
        path = f"{_path(repository)}/issues/{number}/comments"
        subject = f"A comment on {repository}#{number}"
        return await self._writer.write("POST", path, {"body": body}, answers.comment, subject)

    async def edit_comment(self, repository: Repository, comment_id: int, body: str) -> Comment:
        """Replace the text of a comment of ours."""
        path = f"{_path(repository)}/issues/comments/{comment_id}"
        subject = f"Comment {comment_id} in {repository}"
        return await self._writer.write("PATCH", path, {"body": body}, answers.comment, subject)

    async def login_of_email(self, repository: Repository, email: str) -> str:
        """The login of exactly one person whom the owner's single sign-on knows by this address; "" otherwise.

        GitHubRefused: the owner is no organisation, or the token may not ask (admin:org).
        """
        reading = partial(answers.login_of_email, email)
        subject = f"The single sign-on of {repository.owner}"
        return await self._reader.graphql(
            _LOGIN_OF_EMAIL, {"owner": repository.owner, "email": email}, reading, subject
        )

    async def commit_people(self, repository: Repository, number: int) -> CommitPeople:
        """Who wrote and who made the commits of a pull request."""
        path = f"{_path(repository)}/pulls/{number}/commits?per_page=100"
        subject = f"The commits of {repository}#{number}"
        return answers.commit_people([raw async for raw in self._reader.each(path, subject)], _MOST_COMMITS)

    async def review_rules(self, repository: Repository, branch: str) -> ReviewRules:
        """What the rules of a branch ask of reviews, by conditional request."""
        path = f"{_path(repository)}/rules/branches/{quote(branch)}?per_page=100"
        pages = await self._reader.look(path, answers.review_rules, f"The rules of {branch!r} in {repository}")
        return ReviewRules(
            approvals=max(page["approvals"] for page in pages.values),
            code_owners=any(page["code_owners"] for page in pages.values),
            not_the_last_pusher=any(page["not_the_last_pusher"] for page in pages.values),
        )

    async def review(self, repository: Repository, number: int, review_id: int) -> Review | None:
        """One review as it is now; None when there is none."""
        path = f"{_path(repository)}/pulls/{number}/reviews/{review_id}"
        try:
            return await self._reader.get(path, answers.review, f"Review {review_id} of {repository}#{number}")
        except NotThere:
            return None

    async def find_review(
        self, repository: Repository, number: int, marker: str, state: str, *, account: LinkedAccount | None = None
    ) -> Review | None:
        """Our own (or that account's) review in a state whose body contains ``marker``; the newest wins."""
        own_id = account.user_id if account else (await self._who_we_are())[1]
        path = f"{_path(repository)}/pulls/{number}/reviews?per_page=100"
        subject = f"The reviews of {repository}#{number}"
        ours = [
            answers.read(raw, answers.review, subject)
            async for raw in self._reader.each(path, subject)
            if answers.written_by(raw, own_id, marker)
        ]
        return next((review for review in reversed(ours) if review.state == state), None)

    async def changes_requested_by(self, repository: Repository, number: int) -> tuple[str, ...]:
        """Who has asked for changes and neither approved since nor been dismissed."""
        path = f"{_path(repository)}/pulls/{number}/reviews?per_page=100"
        return answers.wants_changes(
            [raw async for raw in self._reader.each(path, f"The reviews of {repository}#{number}")]
        )

    async def approve(
        self, repository: Repository, number: int, commit: str, body: str, *, account: LinkedAccount | None = None
    ) -> Review:
        """Approve exactly this commit, once, as ourselves or as that account. GitHubRejected has GitHub's words."""
        path = f"{_path(repository)}/pulls/{number}/reviews"
        content = {"event": "APPROVE", "commit_id": commit, "body": body}
        subject = f"The approval of {repository}#{number}"
        return await self._writer.write("POST", path, content, answers.review, subject, token=_token_of(account))

    async def request_changes(self, repository: Repository, number: int, commit: str, body: str) -> Review:
        """Ask for changes of exactly this commit, once. GitHubRejected carries GitHub's words."""
        path = f"{_path(repository)}/pulls/{number}/reviews"
        content = {"event": "REQUEST_CHANGES", "commit_id": commit, "body": body}
        subject = f"The request for changes of {repository}#{number}"
        return await self._writer.write("POST", path, content, answers.review, subject)

    async def merge(self, repository: Repository, number: int, head: str, method: str) -> str:
        """Merge while ``head`` is the head, once; gives the merge commit. GitHubRejected carries GitHub's words.

        ``method``: "merge", "squash" or "rebase". https://docs.github.com/en/rest/pulls/pulls#merge-a-pull-request
        """
        path = f"{_path(repository)}/pulls/{number}/merge"
        content = {"sha": head, "merge_method": method}
        return await self._writer.write(
            "PUT", path, content, answers.merge_commit, f"The merge of {repository}#{number}"
        )

    async def dismiss(
        self, repository: Repository, number: int, review_id: int, message: str, *, account: LinkedAccount | None = None
    ) -> None:
        """Withdraw an approval of ours, or of that account."""
        path = f"{_path(repository)}/pulls/{number}/reviews/{review_id}/dismissals"
        content = {"message": message, "event": "DISMISS"}
        subject = f"The withdrawal of the approval of {repository}#{number}"
        await self._writer.write("PUT", path, content, answers.review, subject, token=_token_of(account))

    async def review_decision(self, repository: Repository, number: int) -> str:
        """GraphQL's ``reviewDecision``: APPROVED, REVIEW_REQUIRED, CHANGES_REQUESTED; "" when no rule asks for one."""
        variables = {"owner": repository.owner, "name": repository.name, "number": number}
        subject = f"What GitHub makes of the reviews of {repository}#{number}"
        return await self._reader.graphql(_REVIEW_DECISION, variables, answers.review_decision, subject)


def _token_of(account: LinkedAccount | None) -> str:
    return account.token if account else ""


def _path(repository: Repository) -> str:
    return f"/repos/{quote(repository.owner, safe='')}/{quote(repository.name, safe='')}"


def _cut_and_check(repository: Repository, page: Any) -> list[Any]:
    """Cut a page down, and be sure that it can be read before it is remembered."""
    slim = answers.slim_pull_requests(page)
    for raw in slim:
        answers.pull_request(repository, raw)
    return slim
