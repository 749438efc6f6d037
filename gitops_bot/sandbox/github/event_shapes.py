"""Entries of the events API. What an event is about is looked up when somebody asks, so it is told as it is now."""

from typing import Any

from gitops_bot.sandbox.github.records import Event, PullRequest, Repository
from gitops_bot.sandbox.github.shapes import (
    embedded_label_shape,
    moment,
    node_id,
    repository_address,
    repository_shape,
    user_shape,
)
from gitops_bot.sandbox.github.shapes_pulls import association, comment_shape, page_address, review_shape
from gitops_bot.sandbox.github.state import State


def event_shape(state: State, repository: Repository, event: Event) -> dict[str, Any]:
    """Event."""
    actor = user_shape(state, event.actor)
    return {
        "id": str(event.id),
        "type": event.type,
        "actor": {name: actor[name] for name in ("id", "login", "gravatar_id", "url", "avatar_url")}
        | {"display_login": event.actor.login},
        "repo": {
            "id": repository.id,
            "name": repository.full_name,
            "url": repository_address(state, repository),
        },
        "payload": _payload(state, repository, event),
        "public": not repository.private,
        "created_at": moment(event.created_at),
    }


def _payload(state: State, repository: Repository, event: Event) -> dict[str, Any]:
    payload = dict(event.payload)
    if event.type == "ForkEvent":
        fork = state.repositories.get(payload["forkee"])
        return payload | {"forkee": repository_shape(state, fork) if fork else {}}
    pull = repository.pulls.get(payload.pop("number", 0))
    if pull is None:
        return payload
    if event.type == "PullRequestEvent":
        return payload | {"number": pull.number, "pull_request": minimal_pull_shape(state, repository, pull)}
    if event.type == "PullRequestReviewEvent":
        review = next(one for one in pull.reviews if one.id == payload["review"])
        shape = review_shape(state, repository, pull, review)
        del shape["author_association"]
        return payload | {"review": shape, "pull_request": minimal_pull_shape(state, repository, pull)}
    comment = next((one for one in pull.comments if one.id == payload["comment"]), None)
    # A comment that was deleted since has no content left to tell.
    shape = comment_shape(state, repository, pull, comment) if comment else {}
    return payload | {"issue": issue_shape(state, repository, pull), "comment": shape}


def minimal_pull_shape(state: State, repository: Repository, pull: PullRequest) -> dict[str, Any]:
    """pull-request-minimal."""
    source = state.repositories.get(pull.head_repository, repository)
    ends = ((pull.head_ref, pull.head_sha, source), (pull.base_ref, pull.base_sha, repository))
    head, base = (
        {
            "ref": ref,
            "sha": sha,
            "repo": {"id": one.id, "name": one.name, "url": repository_address(state, one)},
        }
        for ref, sha, one in ends
    )
    address = f"{repository_address(state, repository)}/pulls/{pull.number}"
    return {"id": pull.id, "number": pull.number, "url": address, "head": head, "base": base}


def issue_shape(state: State, repository: Repository, pull: PullRequest) -> dict[str, Any]:
    """Issue: a pull request, seen as one."""
    address, html = repository_address(state, repository), page_address(state, repository, pull.number)
    own = f"{address}/issues/{pull.number}"
    assignees = [user_shape(state, user) for user in pull.assignees]
    return {
        "id": pull.id,
        "node_id": node_id("PR", pull.id),
        "url": own,
        "repository_url": address,
        "labels_url": f"{own}/labels{{/name}}",
        "comments_url": f"{own}/comments",
        "events_url": f"{own}/events",
        "timeline_url": f"{own}/timeline",
        "html_url": html,
        "number": pull.number,
        "state": pull.state,
        "state_reason": None,
        "title": pull.title,
        "body": pull.body,
        "user": user_shape(state, pull.author),
        "labels": [embedded_label_shape(state, repository, repository.labels[name]) for name in pull.labels],
        "assignee": assignees[0] if assignees else None,
        "assignees": assignees,
        "milestone": None,
        "locked": pull.locked,
        "active_lock_reason": None,
        "comments": len(pull.comments),
        "pull_request": {
            "url": f"{address}/pulls/{pull.number}",
            "html_url": html,
            "diff_url": f"{html}.diff",
            "patch_url": f"{html}.patch",
            "merged_at": moment(pull.merged_at),
        },
        "closed_at": moment(pull.closed_at),
        "created_at": moment(pull.created_at),
        "updated_at": moment(pull.updated_at),
        "author_association": association(repository, pull.author),
        "draft": pull.draft,
    }
