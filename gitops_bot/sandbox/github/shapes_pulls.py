"""Pull requests, comments and reviews as GitHub's API writes them."""

from typing import Any

from gitops_bot.sandbox.github.history import Extents
from gitops_bot.sandbox.github.records import Comment, PullRequest, Repository, Review, User, at_least
from gitops_bot.sandbox.github.shapes import (
    app_shape,
    embedded_label_shape,
    moment,
    node_id,
    repository_address,
    repository_shape,
    user_shape,
)
from gitops_bot.sandbox.github.state import State
from gitops_bot.sandbox.github.syncing import Syncing

_NO_REACTIONS = ("+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes")


def page_address(state: State, repository: Repository, number: int) -> str:
    """Give the address of a pull request's page."""
    return f"{state.origin}/{repository.full_name}/pull/{number}"


def association(repository: Repository, user: User) -> str:
    """Give how somebody belongs to a repository (author-association)."""
    if user.id == repository.owner.id:
        return "OWNER"
    if user.kind == "Bot":
        return "NONE"
    if at_least(repository.collaborators.get(user.login.lower(), "none"), "read"):
        return "MEMBER" if repository.owner.kind == "Organization" else "COLLABORATOR"
    merged = any(pull.merged_at and pull.author.id == user.id for pull in repository.pulls.values())
    return "CONTRIBUTOR" if merged else "NONE"


def pull_shape(state: State, repository: Repository, pull: PullRequest) -> dict[str, Any]:
    """pull-request-simple: an entry of the list."""
    address, html = repository_address(state, repository), page_address(state, repository, pull.number)
    own, issue = f"{address}/pulls/{pull.number}", f"{address}/issues/{pull.number}"
    links = {
        "self": own,
        "html": html,
        "issue": issue,
        "comments": f"{issue}/comments",
        "review_comments": f"{own}/comments",
        "review_comment": f"{address}/pulls/comments{{/number}}",
        "commits": f"{own}/commits",
        "statuses": f"{address}/statuses/{pull.head_sha}",
    }
    assignees = [user_shape(state, user) for user in pull.assignees]
    return {
        "url": own,
        "id": pull.id,
        "node_id": node_id("PR", pull.id),
        "html_url": html,
        "diff_url": f"{html}.diff",
        "patch_url": f"{html}.patch",
        "issue_url": issue,
        "commits_url": links["commits"],
        "review_comments_url": links["review_comments"],
        "review_comment_url": links["review_comment"],
        "comments_url": links["comments"],
        "statuses_url": links["statuses"],
        "number": pull.number,
        "state": pull.state,
        "locked": pull.locked,
        "active_lock_reason": None,
        "title": pull.title,
        "user": user_shape(state, pull.author),
        "body": pull.body,
        "labels": [embedded_label_shape(state, repository, repository.labels[name]) for name in pull.labels],
        "milestone": None,
        "created_at": moment(pull.created_at),
        "updated_at": moment(pull.updated_at),
        "closed_at": moment(pull.closed_at),
        "merged_at": moment(pull.merged_at),
        "merge_commit_sha": pull.merge_commit_sha,
        "assignee": assignees[0] if assignees else None,
        "assignees": assignees,
        "requested_reviewers": [user_shape(state, user) for user in pull.requested_reviewers],
        "requested_teams": [],
        "head": _head(state, repository, pull),
        "base": {
            "label": f"{repository.owner.login}:{pull.base_ref}",
            "ref": pull.base_ref,
            "sha": pull.base_sha,
            "user": user_shape(state, repository.owner),
            "repo": repository_shape(state, repository),
        },
        "_links": {name: {"href": link} for name, link in links.items()},
        "author_association": association(repository, pull.author),
        "auto_merge": None,
        "draft": pull.draft,
    }


def _head(state: State, repository: Repository, pull: PullRequest) -> dict[str, Any]:
    source = state.repositories.get(pull.head_repository)
    owner = state.users.get(pull.head_owner.lower())
    return {
        "label": f"{pull.head_owner}:{pull.head_ref}",
        "ref": pull.head_ref,
        "sha": pull.head_sha,
        "user": user_shape(state, owner) if owner else None,
        "repo": repository_shape(state, source if source is not repository else repository) if source else None,
    }


async def whole_pull_shape(
    state: State, syncing: Syncing, extents: Extents, repository: Repository, pull: PullRequest
) -> dict[str, Any]:
    """pull-request. The first question after a push finds ``mergeable`` null."""
    merged = pull.merged_at is not None
    known = None if merged or not pull.is_open else syncing.mergeability(repository, pull)
    # What a merged pull request consists of stays what it was when it was merged.
    base = pull.base_sha if merged else repository.branches.get(pull.base_ref, pull.base_sha)
    _, commits, files = await extents.of(repository.folder, base, pull.head_sha)
    return pull_shape(state, repository, pull) | {
        "merged": merged,
        "mergeable": known.mergeable if known else None,
        "rebaseable": known.mergeable if known else None,
        "mergeable_state": _mergeable_state(pull, known.mergeable if known else None),
        "merged_by": user_shape(state, pull.merged_by) if pull.merged_by else None,
        "comments": len(pull.comments),
        "review_comments": 0,
        "maintainer_can_modify": pull.maintainer_can_modify,
        "commits": len(commits),
        "additions": sum(file.additions for file in files),
        "deletions": sum(file.deletions for file in files),
        "changed_files": len(files),
    }


def _mergeable_state(pull: PullRequest, mergeable: bool | None) -> str:  # noqa: FBT001 - GitHub's own three values
    if mergeable is None:
        return "unknown"
    if not mergeable:
        return "dirty"
    return "draft" if pull.draft else "clean"


def comment_shape(state: State, repository: Repository, pull: PullRequest, comment: Comment) -> dict[str, Any]:
    """issue-comment."""
    address = repository_address(state, repository)
    own = f"{address}/issues/comments/{comment.id}"
    shape = {
        "url": own,
        "html_url": f"{page_address(state, repository, pull.number)}#issuecomment-{comment.id}",
        "issue_url": f"{address}/issues/{pull.number}",
        "id": comment.id,
        "node_id": node_id("IC", comment.id),
        "user": user_shape(state, comment.author),
        "created_at": moment(comment.created_at),
        "updated_at": moment(comment.updated_at),
        "body": comment.body,
        "author_association": association(repository, comment.author),
        "reactions": {"url": f"{own}/reactions", "total_count": 0, **dict.fromkeys(_NO_REACTIONS, 0)},
        "performed_via_github_app": app_shape(state, comment.app) if comment.app else None,
    }
    return shape | ({"minimized": {"reason": comment.minimized}} if comment.minimized else {})


def review_shape(state: State, repository: Repository, pull: PullRequest, review: Review) -> dict[str, Any]:
    """pull-request-review."""
    html = f"{page_address(state, repository, pull.number)}#pullrequestreview-{review.id}"
    own = f"{repository_address(state, repository)}/pulls/{pull.number}"
    shape = {
        "id": review.id,
        "node_id": node_id("PRR", review.id),
        "user": user_shape(state, review.author),
        "body": review.body,
        "state": review.state,
        "html_url": html,
        "pull_request_url": own,
        "author_association": association(repository, review.author),
        "_links": {"html": {"href": html}, "pull_request": {"href": own}},
        "commit_id": review.commit_id,
    }
    return shape | ({"submitted_at": moment(review.submitted_at)} if review.submitted_at else {})
