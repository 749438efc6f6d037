"""GitHub's JSON turned into our words. What is not needed is ignored; what is needed and missing is an error."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from gitops_bot.errors import GitHubUnavailable
from gitops_bot.models.pull_requests import (
    Comment,
    CommitPeople,
    Permission,
    PullRequest,
    Repository,
    Review,
)
from gitops_bot.models.statuses import CommitStatus, StatusState

Json = Any
Kind = TypeVar("Kind")

_COMMIT = re.compile(r"[0-9a-f]{40}")
_NOBODY = "ghost"  # How GitHub shows a person whose account is gone.

# What a pull request is kept as between two looks; the whole answer is a hundred times larger.
_KEPT = (
    "number",
    "title",
    "body",
    "state",
    "draft",
    "merged",
    "merged_at",
    "merge_commit_sha",
    "html_url",
    "created_at",
    "user.login",
    "user.type",
    "labels",
    "head.sha",
    "head.ref",
    "head.repo.id",
    "head.repo.full_name",
    "base.ref",
    "base.repo.id",
    "base.repo.private",
)


class Unreadable(GitHubUnavailable):
    """An answer that lacks what it must have. Never taken for an empty one."""


def read(document: Json, reading: Callable[[Json], Kind], subject: str) -> Kind:
    """Give what ``reading`` makes of an answer; ``subject`` is what the error calls it."""
    try:
        return reading(document)
    except Unreadable as error:
        raise GitHubUnavailable(
            f"{subject}: GitHub's answer {error} Is github.api_url right, and GitHub well?"
        ) from error


def _find(document: Json, path: str) -> Json:
    """Follow a dotted path; None when something on the way is not there."""
    for name in path.split("."):
        document = document.get(name) if isinstance(document, Mapping) else None
    return document


def need(document: Json, path: str, kind: type[Kind]) -> Kind:
    """Give what lies at a dotted path; Unreadable when it is missing or of another kind."""
    found = _find(document, path)
    # A bool is an int to Python, not to GitHub.
    if not isinstance(found, kind) or (kind is int and isinstance(found, bool)):
        raise Unreadable(f"lacks {path!r} ({kind.__name__}).")
    return found


def _commit(document: Json, path: str) -> str:
    found = need(document, path, str)
    if not _COMMIT.fullmatch(found):
        raise Unreadable(f"has {found[:60]!r} as {path!r}, which is no commit.")
    return found


def _moment(document: Json, path: str) -> datetime:
    text = need(document, path, str)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Unreadable(f"has {text[:60]!r} as {path!r}, which is no time.") from error
    if moment.tzinfo is None:
        raise Unreadable(f"has {text[:60]!r} as {path!r}, a time without zone.")
    return moment


def account(document: Json) -> tuple[str, int]:
    """Read the login and the id of an account: https://docs.github.com/en/rest/users/users#get-the-authenticated-user."""
    return need(document, "login", str), need(document, "id", int)


def installations(document: Json) -> dict[str, int]:
    """Read the numbers of an App's installations by account: https://docs.github.com/en/rest/apps/apps#list-installations-for-the-authenticated-app."""
    return {need(item, "account.login", str).lower(): need(item, "id", int) for item in items(document)}


def installation_token(document: Json) -> tuple[str, datetime]:
    """Read a token and when it ends: https://docs.github.com/en/rest/apps/apps#create-an-installation-access-token-for-an-app."""
    return need(document, "token", str), _moment(document, "expires_at")


def items(document: Json) -> list[Json]:
    """Give a list; Unreadable when the answer is something else."""
    if not isinstance(document, list):
        raise Unreadable(f"is a {type(document).__name__}, no list.")
    return document


def slim_pull_requests(document: Json) -> list[Json]:
    """Cut the pull requests of a page down to what pull_request() reads."""
    return [_slim(item) for item in items(document)]


def _slim(raw: Json) -> Json:
    slim: dict[str, Any] = {}
    for path in _KEPT:
        *folders, name = path.split(".")
        place = slim
        for folder in folders:
            place = place.setdefault(folder, {})
        place[name] = _find(raw, path)
    slim["labels"] = [{"name": name} for name in _labels(raw)]
    return slim


def _labels(raw: Json) -> Iterable[str]:
    for label in _find(raw, "labels") or []:
        name = _find(label, "name")
        if isinstance(name, str):
            yield name


def pull_request(repository: Repository, raw: Json) -> PullRequest:
    """Read one pull request of ``repository``, whole or cut down.

    https://docs.github.com/en/rest/pulls/pulls#get-a-pull-request
    """
    merged = _find(raw, "merged") is True or _find(raw, "merged_at") is not None
    return PullRequest(
        repository=repository,
        number=need(raw, "number", int),
        title=need(raw, "title", str),
        author=_find(raw, "user.login") or _NOBODY,
        author_is_bot=_find(raw, "user.type") == "Bot",
        html_url=need(raw, "html_url", str),
        head_sha=_commit(raw, "head.sha"),
        head_ref=need(raw, "head.ref", str),
        head_repository=_head_repository(repository, raw),
        base_ref=need(raw, "base.ref", str),
        draft=_find(raw, "draft") is True,
        state=need(raw, "state", str),
        merged=merged,
        labels=tuple(_labels(raw)),
        created_at=_moment(raw, "created_at"),
        # Before the merge GitHub puts the commit of a trial merge here.
        merge_commit_sha=_commit(raw, "merge_commit_sha") if merged and _find(raw, "merge_commit_sha") else None,
        body=_find(raw, "body") or "",
        repository_is_private=_find(raw, "base.repo.private") is not False,
    )


def _head_repository(repository: Repository, raw: Json) -> str | None:
    """Name the repository of the head. Who owns it decides about trust, so ids are compared, not names.

    A repository that was renamed answers to its old name with its new one everywhere inside.
    """
    head, base = _find(raw, "head.repo.id"), _find(raw, "base.repo.id")
    if head is None:
        return None
    if head == base:
        return str(repository)
    name = need(raw, "head.repo.full_name", str)
    return None if name.lower() == repository.key else name


def branch_tip(branch: str, document: Json) -> str:
    """Read ``GET /git/ref/heads/…``: https://docs.github.com/en/rest/git/refs#get-a-reference."""
    if need(document, "ref", str) != f"refs/heads/{branch}" or need(document, "object.type", str) != "commit":
        raise Unreadable(f"is about another ref than branch {branch!r}.")
    return _commit(document, "object.sha")


def branches(document: Json) -> dict[str, str]:
    """Read commits by branch: https://docs.github.com/en/rest/git/refs#list-matching-references."""
    return {need(item, "ref", str).removeprefix("refs/heads/"): _commit(item, "object.sha") for item in items(document)}


def check_run(commit: str, status: CommitStatus) -> dict[str, Any]:
    """Write a check run: https://docs.github.com/en/rest/checks/runs#create-a-check-run."""
    said: dict[str, Any] = {"output": {"title": status.description, "summary": status.description}}
    if status.state is StatusState.PENDING:
        return {"name": status.context, "head_sha": commit, "status": "in_progress", **said}
    return {
        "name": status.context,
        "head_sha": commit,
        "status": "completed",
        "conclusion": str(status.state),
        **said,
    }


def nothing(_document: Json) -> None:
    """Read nothing: that it was answered says everything."""


def permission(document: Json) -> Permission:
    """Read a permission: ``role_name`` knows maintain and triage, ``permission`` what a custom role amounts to.

    https://docs.github.com/en/rest/collaborators/collaborators#get-repository-permissions-for-a-user
    """
    for path in ("role_name", "permission"):
        word = _find(document, path)
        if word in set(Permission):
            return Permission(word)
    raise Unreadable("has no permission that is known.")


def written_by(document: Json, author: int, marker: str) -> bool:
    """Whether a comment or review is of this author (by id: logins change hands) and contains ``marker``."""
    return _find(document, "user.id") == author and marker in (_find(document, "body") or "")


def comment(document: Json) -> Comment:
    """Read a comment: https://docs.github.com/en/rest/issues/comments#get-an-issue-comment."""
    return Comment(need(document, "id", int), need(document, "html_url", str), _find(document, "body") or "")


def review(document: Json) -> Review:
    """Read a review: https://docs.github.com/en/rest/pulls/reviews#get-a-review-for-a-pull-request."""
    return Review(need(document, "id", int), need(document, "state", str), need(document, "html_url", str))


def login_of_email(email: str, document: Json) -> str:
    """Read the identities of a single sign-on; "" unless exactly one account has this very address.

    https://docs.github.com/en/graphql/reference/objects#externalidentity
    """
    nodes = _find(document, "data.organization.samlIdentityProvider.externalIdentities.nodes") or []
    logins = {
        login
        for node in nodes
        for path in ("samlIdentity.nameId", "scimIdentity.username")
        if str(_find(node, path) or "").casefold() == email.casefold()
        and isinstance(login := _find(node, "user.login"), str)
    }
    return logins.pop() if len(logins) == 1 else ""


def commit_people(commits: list[Json], most: int) -> CommitPeople:
    """Read the commits of a pull request: https://docs.github.com/en/rest/pulls/pulls#list-commits-on-a-pull-request.

    Whom GitHub does not know by e-mail has no login. ``most``: as many as GitHub lists at most.
    """
    found = [_find(commit, path) for commit in commits for path in ("author.login", "committer.login")]
    logins = frozenset(login.lower() for login in found if isinstance(login, str))
    unknown = not all(isinstance(login, str) for login in found)
    verified = all(_find(commit, "commit.verification.verified") is True for commit in commits)
    shas = frozenset(str(_find(commit, "sha")) for commit in commits)
    return CommitPeople(logins, complete=len(commits) < most, unknown=unknown, verified=verified, commits=shas)


def wants_changes(reviews: list[Json]) -> tuple[str, ...]:
    """Read whose newest word on a pull request is a request for changes, given all its reviews, oldest first.

    A comment takes nothing back, an approval and a dismissal do.
    https://docs.github.com/en/rest/pulls/reviews#list-reviews-for-a-pull-request
    """
    newest: dict[str, str] = {}
    for review in reviews:
        login, state = _find(review, "user.login"), str(_find(review, "state")).upper()
        if state in {"APPROVED", "CHANGES_REQUESTED", "DISMISSED"}:
            newest[login if isinstance(login, str) else "somebody"] = state
    return tuple(sorted(login for login, state in newest.items() if state == "CHANGES_REQUESTED"))


def review_rules(document: Json) -> dict[str, Any]:
    """Read the rules of a branch, of several the strictest.

    https://docs.github.com/en/rest/repos/rules#get-rules-for-a-branch
    """
    asked = [_find(rule, "parameters") or {} for rule in items(document) if _find(rule, "type") == "pull_request"]
    return {
        "approvals": max((int(one.get("required_approving_review_count") or 0) for one in asked), default=0),
        "code_owners": any(one.get("require_code_owner_review") is True for one in asked),
        "not_the_last_pusher": any(one.get("require_last_push_approval") is True for one in asked),
    }


def merge_commit(document: Json) -> str:
    """Read the answer to a merge: https://docs.github.com/en/rest/pulls/pulls#merge-a-pull-request."""
    if _find(document, "merged") is not True:
        raise Unreadable("does not say that it is merged.")
    return _commit(document, "sha")


def review_decision(document: Json) -> str:
    """Read the answer to the GraphQL question; "" when no rule asks for a review."""
    pull = _find(document, "data.repository.pullRequest")
    if not isinstance(pull, Mapping) or "reviewDecision" not in pull:
        raise Unreadable("lacks 'reviewDecision'.")
    return str(pull["reviewDecision"] or "")
