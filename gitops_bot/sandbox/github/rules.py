"""What counts: which reviews satisfy the rule of a branch, and what keeps a pull request from being merged."""

import fnmatch
from contextlib import suppress

from gitops_bot.sandbox.github import bare
from gitops_bot.sandbox.github.history import changed_files
from gitops_bot.sandbox.github.records import PullRequest, Repository, Review, at_least
from gitops_bot.sandbox.github.state import State

# https://docs.github.com/en/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/about-code-owners
_OWNER_FILES = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")


def standing_reviews(pull: PullRequest) -> dict[str, Review]:
    """Give the review of each person that stands: the latest approval or request for changes that nobody dismissed."""
    standing: dict[str, Review] = {}
    for review in pull.reviews:
        if review.state in {"APPROVED", "CHANGES_REQUESTED"}:
            standing[review.author.login.lower()] = review
        elif review.state == "DISMISSED":
            standing.pop(review.author.login.lower(), None)
    return standing


def counts(state: State, repository: Repository, review: Review) -> bool:
    """Whether GitHub counts a review: by somebody who may write; by an App only where that is switched on."""
    if review.author.kind == "Bot":
        return bool(state.settings["app_approvals_count"])
    return at_least(state.permission(repository, review.author.login), "write")


async def review_decision(state: State, repository: Repository, pull: PullRequest) -> str | None:
    """GraphQL's reviewDecision; None where no rule asks for reviews."""
    rule = state.rule(repository, pull.base_ref)
    if rule is None or not (rule.required_approving_review_count or rule.require_code_owner_review):
        return None
    standing = {who: one for who, one in standing_reviews(pull).items() if counts(state, repository, one)}
    if any(review.state == "CHANGES_REQUESTED" for review in standing.values()):
        return "CHANGES_REQUESTED"
    approvers = set(standing)
    if rule.require_last_push_approval and pull.last_pusher is not None:
        approvers.discard(pull.last_pusher.login.lower())
    if len(approvers) < rule.required_approving_review_count:
        return "REVIEW_REQUIRED"
    if rule.require_code_owner_review and not await _owners_agree(repository, pull, approvers):
        return "REVIEW_REQUIRED"
    return "APPROVED"


async def reason_not_to_merge(state: State, repository: Repository, pull: PullRequest) -> str | None:
    """Give what GitHub would answer with 405, or None."""
    if pull.draft:
        return "Pull Request is still a draft"
    decision = await review_decision(state, repository, pull)
    if decision == "CHANGES_REQUESTED":
        return "Changes have been requested on this pull request"
    rule = state.rule(repository, pull.base_ref)
    if rule is None:
        return None
    if decision == "REVIEW_REQUIRED":
        wanted = rule.required_approving_review_count
        if wanted > sum(counts(state, repository, one) for one in standing_reviews(pull).values()):
            plural = "s are" if wanted > 1 else " is"
            return f"At least {wanted} approving review{plural} required by reviewers with write access."
        return "Waiting on code owner review"
    missing = [name for name in rule.required_status_checks if not _succeeded(repository, pull.head_sha, name)]
    return f'Required status check "{missing[0]}" is expected.' if missing else None


def _succeeded(repository: Repository, sha: str, name: str) -> bool:
    statuses = [one.state for one in repository.statuses if one.sha == sha and one.context == name]
    runs = [run.conclusion for run in repository.check_runs.values() if run.head_sha == sha and run.name == name]
    return (bool(statuses) and statuses[-1] == "success") or (
        bool(runs) and runs[-1] in {"success", "neutral", "skipped"}
    )


async def _owners_agree(repository: Repository, pull: PullRequest, approvers: set[str]) -> bool:
    """Whether one owner of each changed file is among the people who approve."""
    text = ""
    for name in _OWNER_FILES:
        with suppress(bare.GitFailed):
            text = (await bare.git(repository.folder, "show", f"{pull.base_ref}:{name}")).decode("utf-8", "replace")
            break
    base = await bare.merge_base(repository.folder, pull.base_ref, pull.head_sha)
    files = await changed_files(repository.folder, base, pull.head_sha) if base else []
    for file in files:
        owners = code_owners(text, file.path)
        if owners and not owners & approvers:
            return False
    return True


def code_owners(text: str, path: str) -> set[str]:
    """Give the logins of who owns a path: the last line that matches decides."""
    owners: set[str] = set()
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if words and _matches(words[0], path):
            owners = {word.removeprefix("@").lower() for word in words[1:]}
    return owners


def _matches(pattern: str, path: str) -> bool:
    anchored = pattern.strip("/").count("/") > 0 or pattern.startswith("/")
    body = pattern.strip("/")
    bodies = [body] if anchored else [body, f"*/{body}"]
    if pattern.endswith("/"):
        return any(fnmatch.fnmatchcase(path, f"{one}/*") for one in bodies)
    return any(fnmatch.fnmatchcase(path, one) or fnmatch.fnmatchcase(path, f"{one}/*") for one in bodies)
