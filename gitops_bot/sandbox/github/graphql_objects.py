"""What GraphQL can be asked about: the objects with the fields that the bot and stock clients ask for.

https://docs.github.com/en/graphql/reference/objects
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gitops_bot.sandbox.github.history import Extents, account
from gitops_bot.sandbox.github.records import Comment, Label, PullRequest, Repository, Review, User
from gitops_bot.sandbox.github.rules import review_decision
from gitops_bot.sandbox.github.shapes import moment, node_id
from gitops_bot.sandbox.github.shapes_pulls import association, page_address
from gitops_bot.sandbox.github.state import State
from gitops_bot.sandbox.github.syncing import Syncing

Arguments = Mapping[str, Any]
Resolver = Callable[[Arguments], Awaitable[Any]]
_LARGEST_PAGE = 100


class GraphQlError(Exception):
    """An entry of ``errors``; ``kind`` is its type."""

    def __init__(self, message: str, kind: str = "") -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Thing:
    """An object: the name of its type, and its fields as values or as functions of the arguments."""

    typename: str
    fields: Mapping[str, Any]


def connection(things: Sequence[Thing], name: str, arguments: Arguments) -> Thing:
    """Give a part of a list, as ``first``/``after`` or ``last`` ask for it."""
    first, last = arguments.get("first"), arguments.get("last")
    if first is None and last is None:
        words = f"You must provide a `first` or `last` value to properly paginate the `{name}` connection."
        raise GraphQlError(words, "MISSING_PAGINATION_BOUNDARIES")
    size = int(first if first is not None else last or 0)
    if not 1 <= size <= _LARGEST_PAGE:
        words = f"Requesting {size} records on the `{name}` connection exceeds the limit of {_LARGEST_PAGE} records."
        raise GraphQlError(words, "EXCESSIVE_PAGINATION")
    after = arguments.get("after")
    start = int(after) if after else 0
    if first is None:
        start = max(0, len(things) - size)
    page = things[start : start + size]
    end = start + len(page)
    info = {
        "hasNextPage": end < len(things),
        "hasPreviousPage": start > 0,
        "startCursor": str(start),
        "endCursor": str(end),
    }
    edges = [Thing("Edge", {"node": one, "cursor": str(start + at + 1)}) for at, one in enumerate(page)]
    fields = {"totalCount": len(things), "nodes": page, "edges": edges, "pageInfo": Thing("PageInfo", info)}
    return Thing(f"{name[0].upper()}{name[1:]}Connection", fields)


class Objects:
    """Makes the objects out of what the stand-in knows."""

    def __init__(self, state: State, syncing: Syncing, extents: Extents) -> None:
        self.state = state
        self._syncing = syncing
        self._extents = extents

    def user(self, user: User) -> Thing:
        """User, Bot or Organization. Of an App's bot GraphQL names the login without ``[bot]``."""
        fields = {
            "id": node_id("U", user.id),
            "databaseId": user.id,
            "login": user.login.removesuffix("[bot]") if user.kind == "Bot" else user.login,
            "name": user.name,
            "url": f"{self.state.origin}/{user.login}",
        }
        return Thing(user.kind, fields)

    def repository(self, repository: Repository, permission: str) -> Thing:
        """Repository."""
        state = self.state

        def ref(name: str) -> Thing | None:
            sha = repository.branches.get(name)
            if sha is None:
                return None
            target = Thing("Commit", {"oid": sha, "id": node_id("C", sha)})
            return Thing("Ref", {"name": name, "prefix": "refs/heads/", "target": target})

        async def pull_request(arguments: Arguments) -> Thing:
            pull = repository.pulls.get(int(arguments["number"]))
            if pull is None:
                words = f"Could not resolve to a PullRequest with the number of {arguments['number']}."
                raise GraphQlError(words, "NOT_FOUND")
            return self.pull_request(repository, pull)

        async def pull_requests(arguments: Arguments) -> Thing:
            states = arguments.get("states")
            wanted = {states} if isinstance(states, str) else set(states or ("OPEN", "CLOSED", "MERGED"))
            found = [one for one in repository.pulls.values() if _state(one) in wanted]
            order = arguments.get("orderBy") or {"field": "CREATED_AT", "direction": "ASC"}
            moved = order["field"] == "UPDATED_AT"
            found.sort(key=lambda one: (one.updated_at if moved else one.created_at, one.number))
            if order["direction"] == "DESC":
                found.reverse()
            base = arguments.get("baseRefName")
            things = [self.pull_request(repository, one) for one in found if base in {None, one.base_ref}]
            return connection(things, "pullRequests", arguments)

        async def ref_of(arguments: Arguments) -> Thing | None:
            return ref(str(arguments["qualifiedName"]).removeprefix("refs/heads/"))

        fields = {
            "id": node_id("R", repository.id),
            "databaseId": repository.id,
            "name": repository.name,
            "nameWithOwner": repository.full_name,
            "owner": self.user(repository.owner),
            "url": f"{state.origin}/{repository.full_name}",
            "isPrivate": repository.private,
            "isFork": repository.parent is not None,
            "isArchived": repository.archived,
            "pushedAt": moment(repository.pushed_at),
            "viewerPermission": None if permission == "none" else permission.upper(),
            "defaultBranchRef": ref(repository.default_branch),
            "ref": ref_of,
            "pullRequest": pull_request,
            "pullRequests": pull_requests,
        }
        return Thing("Repository", fields)

    def pull_request(self, repository: Repository, pull: PullRequest) -> Thing:
        """PullRequest."""
        source = self.state.repositories.get(pull.head_repository)
        owner = self.state.users.get(pull.head_owner.lower())
        tip = repository.branches.get(pull.base_ref)
        fields = {
            "id": node_id("PR", pull.id),
            "databaseId": pull.id,
            "number": pull.number,
            "title": pull.title,
            "body": pull.body or "",
            "url": page_address(self.state, repository, pull.number),
            "state": _state(pull),
            "closed": not pull.is_open,
            "merged": pull.merged_at is not None,
            "isDraft": pull.draft,
            "locked": pull.locked,
            "author": self.user(pull.author),
            "authorAssociation": association(repository, pull.author),
            "headRefName": pull.head_ref,
            "headRefOid": pull.head_sha,
            "baseRefName": pull.base_ref,
            # Unlike REST's base.sha this is the tip.
            "baseRefOid": tip or pull.base_sha,
            "headRepository": self.repository(source, "none") if source else None,
            "headRepositoryOwner": self.user(owner) if owner else None,
            "repository": self.repository(repository, "none"),
            "isCrossRepository": source is not repository,
            "maintainerCanModify": pull.maintainer_can_modify,
            "createdAt": moment(pull.created_at),
            "updatedAt": moment(pull.updated_at),
            "closedAt": moment(pull.closed_at),
            "mergedAt": moment(pull.merged_at),
            "mergedBy": self.user(pull.merged_by) if pull.merged_by else None,
            "mergeCommit": Thing("Commit", {"oid": pull.merge_commit_sha}) if pull.merged_at else None,
        }
        return Thing("PullRequest", fields | self._found_out(repository, pull))

    def _found_out(self, repository: Repository, pull: PullRequest) -> dict[str, Resolver]:
        """Fields of a pull request that need work, or arguments."""

        async def decision(_: Arguments) -> str | None:
            return await review_decision(self.state, repository, pull)

        async def mergeable(_: Arguments) -> str:
            known = self._syncing.mergeability(repository, pull) if pull.is_open else None
            if known is None:
                return "UNKNOWN"
            return "MERGEABLE" if known.mergeable else "CONFLICTING"

        async def labels(arguments: Arguments) -> Thing:
            things = [self.label(repository.labels[name]) for name in pull.labels]
            return connection(things, "labels", arguments)

        async def reviews(arguments: Arguments) -> Thing:
            seen = [self.review(one) for one in pull.reviews if one.state != "PENDING"]
            return connection(seen, "reviews", arguments)

        async def comments(arguments: Arguments) -> Thing:
            return connection([self.comment(one) for one in pull.comments], "comments", arguments)

        async def commits(arguments: Arguments) -> Thing:
            base = pull.base_sha if pull.merged_at else repository.branches.get(pull.base_ref, pull.base_sha)
            _, found, _ = await self._extents.of(repository.folder, base, pull.head_sha)
            things = []
            for one in found:
                people = {
                    name: account(self.state, who)
                    for name, who in (("author", one.author), ("committer", one.committer))
                }
                actors = {
                    name: Thing("GitActor", {"user": self.user(who) if who else None}) for name, who in people.items()
                }
                commit = Thing("Commit", {"oid": one.sha, "message": one.message} | actors)
                things.append(Thing("PullRequestCommit", {"commit": commit}))
            return connection(things, "commits", arguments)

        return {
            "reviewDecision": decision,
            "mergeable": mergeable,
            "labels": labels,
            "reviews": reviews,
            "comments": comments,
            "commits": commits,
        }

    def label(self, label: Label) -> Thing:
        """Label."""
        return Thing("Label", {"id": node_id("LA", label.id), "name": label.name, "color": label.color})

    def review(self, review: Review) -> Thing:
        """PullRequestReview."""
        fields = {
            "id": node_id("PRR", review.id),
            "databaseId": review.id,
            "state": review.state,
            "body": review.body,
            "author": self.user(review.author),
            "submittedAt": moment(review.submitted_at),
            "commit": Thing("Commit", {"oid": review.commit_id}),
        }
        return Thing("PullRequestReview", fields)

    def comment(self, comment: Comment) -> Thing:
        """IssueComment."""
        fields = {
            "id": node_id("IC", comment.id),
            "databaseId": comment.id,
            "body": comment.body,
            "author": self.user(comment.author),
            "createdAt": moment(comment.created_at),
            "updatedAt": moment(comment.updated_at),
            "isMinimized": comment.minimized is not None,
            "minimizedReason": comment.minimized,
        }
        return Thing("IssueComment", fields)


def _state(pull: PullRequest) -> str:
    return "MERGED" if pull.merged_at else pull.state.upper()
