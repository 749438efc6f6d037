"""Branches, commits, comparisons and commit statuses.

https://docs.github.com/en/rest/branches, https://docs.github.com/en/rest/commits, https://docs.github.com/en/rest/git/refs
"""

from collections.abc import Sequence
from typing import Any

from gitops_bot.sandbox.github import bare
from gitops_bot.sandbox.github.calls import Answer, Call
from gitops_bot.sandbox.github.front import Endpoint
from gitops_bot.sandbox.github.history import (
    MOST_COMMITS,
    Commit,
    changed_files,
    commit_shape,
    commits,
    count,
    file_shape,
)
from gitops_bot.sandbox.github.records import Repository, Status, now
from gitops_bot.sandbox.github.refusals import Refusal, invalid, not_found
from gitops_bot.sandbox.github.shapes import moment, node_id, repository_address, repository_shape, user_shape
from gitops_bot.sandbox.github.state import State

_REPOSITORY = "/repos/{owner}/{repo}"
# https://docs.github.com/en/rest/commits/commits#compare-two-commits
_MOST_COMPARED_FILES = 300
# https://docs.github.com/en/rest/commits/statuses: 1,000 for a commit and context.
_MOST_STATUSES = 1000
_EMPTY = 409


class Commits:
    """What is known of commits."""

    def __init__(self, state: State) -> None:
        self._state = state

    def endpoints(self) -> list[Endpoint]:
        """Give the endpoints."""
        return [
            Endpoint("GET", f"{_REPOSITORY}/branches", self.branches),
            Endpoint("GET", f"{_REPOSITORY}/branches/{{branch:.+}}", self.branch),
            Endpoint("GET", f"{_REPOSITORY}/git/ref/{{ref:.+}}", self.ref),
            Endpoint("GET", f"{_REPOSITORY}/git/matching-refs/{{ref:.+}}", self.matching_refs),
            Endpoint("GET", f"{_REPOSITORY}/compare/{{basehead:.+}}", self.compare),
            Endpoint("GET", f"{_REPOSITORY}/commits", self.list),
            Endpoint("GET", f"{_REPOSITORY}/commits/{{ref:.+}}/status", self.combined_status),
            Endpoint("GET", f"{_REPOSITORY}/commits/{{ref:.+}}/statuses", self.statuses),
            Endpoint("GET", f"{_REPOSITORY}/commits/{{ref:.+}}", self.commit),
            Endpoint("POST", f"{_REPOSITORY}/statuses/{{sha}}", self.create_status, content=True),
        ]

    async def branches(self, call: Call) -> Answer:
        """List branches by name."""
        repository = await call.repository()
        page, headers = call.page(sorted(repository.branches.items()))
        address = repository_address(self._state, repository)
        shapes = [
            {
                "name": name,
                "commit": {"sha": sha, "url": f"{address}/commits/{sha}"},
                "protected": name in repository.rules,
            }
            for name, sha in page
        ]
        return Answer(shapes, headers=headers)

    async def branch(self, call: Call) -> Answer:
        """Give a branch with its tip."""
        repository = await call.repository()
        name = call.parameter("branch")
        sha = repository.branches.get(name)
        if sha is None:
            raise Refusal(404, "Branch not found")
        address = repository_address(self._state, repository)
        (tip,) = await commits(repository.folder, sha, most=1)
        protected = name in repository.rules
        return Answer(
            {
                "name": name,
                "commit": commit_shape(self._state, repository, tip),
                "_links": {
                    "self": f"{address}/branches/{name}",
                    "html": f"{self._state.origin}/{repository.full_name}/tree/{name}",
                },
                "protected": protected,
                "protection": {
                    "enabled": protected,
                    "required_status_checks": {"enforcement_level": "off", "contexts": [], "checks": []},
                },
                "protection_url": f"{address}/branches/{name}/protection",
            }
        )

    async def ref(self, call: Call) -> Answer:
        """Give one reference: a branch, or the head of a pull request."""
        repository = await call.repository()
        name = call.parameter("ref")
        sha = None
        if name.startswith("heads/"):
            sha = repository.branches.get(name.removeprefix("heads/"))
        elif name.startswith("pull/"):
            sha = await bare.resolve(repository.folder, f"refs/{name}")
        if sha is None:
            raise not_found()
        return Answer(self._ref_shape(repository, name, sha))

    async def matching_refs(self, call: Call) -> Answer:
        """List the branches whose name begins so; none is an empty list, not an error."""
        repository = await call.repository()
        start = call.parameter("ref")
        names = [f"heads/{branch}" for branch in sorted(repository.branches)]
        found = [name for name in names if name.startswith(start)]
        return Answer(
            [self._ref_shape(repository, name, repository.branches[name.removeprefix("heads/")]) for name in found]
        )

    def _ref_shape(self, repository: Repository, name: str, sha: str) -> dict[str, Any]:
        address = repository_address(self._state, repository)
        return {
            "ref": f"refs/{name}",
            "node_id": node_id("REF", f"{repository.id}:{name}"),
            "url": f"{address}/git/refs/{name}",
            "object": {"type": "commit", "sha": sha, "url": f"{address}/git/commits/{sha}"},
        }

    async def _resolve(self, repository: Repository, revision: str) -> str:
        owner, colon, branch = revision.partition(":")
        if colon:
            source = next((one for one in self._network(repository) if one.owner.login.lower() == owner.lower()), None)
            commit = source.branches.get(branch) if source else None
            if source is None or commit is None:
                raise not_found()
            await bare.bring(source.folder, repository.folder, commit)
            return commit
        commit = await bare.resolve(repository.folder, revision)
        if commit is None:
            raise invalid("Commit", "sha", "invalid", f"No commit found for SHA: {revision}")
        return commit

    def _network(self, repository: Repository) -> Sequence[Repository]:
        root = repository.parent or repository.key
        return [one for one in self._state.repositories.values() if root in {one.key, one.parent}]

    async def list(self, call: Call) -> Answer:
        """List commits, newest first, from ``sha`` (a branch or a commit) on."""
        repository = await call.repository()
        if not repository.branches:
            raise Refusal(_EMPTY, "Git Repository is empty.")
        start = await self._resolve(repository, call.query("sha", repository.default_branch))
        found = await commits(repository.folder, start, most=10_000)
        page, headers = call.page(found)
        return Answer([commit_shape(self._state, repository, one) for one in page], headers=headers)

    async def commit(self, call: Call) -> Answer:
        """Give one commit with what it changed."""
        repository = await call.repository()
        sha = await self._resolve(repository, call.parameter("ref"))
        (found,) = await commits(repository.folder, sha, most=1)
        files = await changed_files(repository.folder, await self._before(repository, found), sha)
        added, removed = sum(file.additions for file in files), sum(file.deletions for file in files)
        shape = commit_shape(self._state, repository, found)
        shape["stats"] = {"total": added + removed, "additions": added, "deletions": removed}
        shape["files"] = [file_shape(self._state, repository, file, sha) for file in files[:_MOST_COMPARED_FILES]]
        return Answer(shape)

    @staticmethod
    async def _before(repository: Repository, commit: Commit) -> str:
        if commit.parents:
            return commit.parents[0]
        return (await bare.git(repository.folder, "hash-object", "-t", "tree", "--stdin", stdin=b"")).decode().strip()

    async def compare(self, call: Call) -> Answer:
        """Compare from the common ancestor; files stand on the first page only, 300 at most."""
        repository = await call.repository()
        left, dots, right = call.parameter("basehead").partition("...")
        if not dots:
            raise not_found()
        base, head = await self._resolve(repository, left), await self._resolve(repository, right)
        start = await bare.merge_base(repository.folder, base, head)
        if start is None:
            raise not_found()
        ahead = await count(repository.folder, f"{base}..{head}")
        behind = await count(repository.folder, f"{head}..{base}")
        listed = (await commits(repository.folder, head, f"^{base}", most=10_000))[::-1]
        page, headers = call.page(listed) if "page" in call.request.query else (listed[-MOST_COMMITS:], {})
        ends = {one.sha: one for sha in (base, start) for one in await commits(repository.folder, sha, most=1)}
        html = f"{self._state.origin}/{repository.full_name}/compare/{left}...{right}"
        status = (
            "identical" if not ahead | behind else "diverged" if ahead and behind else "ahead" if ahead else "behind"
        )
        shape: dict[str, Any] = {
            "url": f"{repository_address(self._state, repository)}/compare/{left}...{right}",
            "html_url": html,
            "permalink_url": html,
            "diff_url": f"{html}.diff",
            "patch_url": f"{html}.patch",
            "base_commit": commit_shape(self._state, repository, ends[base]),
            "merge_base_commit": commit_shape(self._state, repository, ends[start]),
            "status": status,
            "ahead_by": ahead,
            "behind_by": behind,
            "total_commits": ahead,
            "commits": [commit_shape(self._state, repository, one) for one in page],
        }
        if call.query("page", "1") == "1":
            files = await changed_files(repository.folder, start, head)
            shape["files"] = [file_shape(self._state, repository, one, head) for one in files[:_MOST_COMPARED_FILES]]
        return Answer(shape, headers=headers)

    async def create_status(self, call: Call) -> Answer:
        """Write a commit status."""
        creator = call.writes()
        repository = await call.repository("write")
        sha = await self._resolve(repository, call.parameter("sha"))
        state = call.field("state")
        if state not in {"error", "failure", "pending", "success"}:
            raise invalid("Status", "state", "inclusion")
        context = str(call.field("context") or "default")
        if sum(one.sha == sha and one.context == context for one in repository.statuses) >= _MOST_STATUSES:
            words = "This SHA and context has reached the maximum number of statuses."
            raise invalid("Status", "base", "custom", words)
        status = Status(
            self._state.next_id(),
            sha,
            state,
            context,
            call.field("description"),
            call.field("target_url"),
            creator,
            now(),
        )
        repository.statuses.append(status)
        return Answer(self._status_shape(repository, status), 201)

    def _status_shape(self, repository: Repository, status: Status) -> dict[str, Any]:
        return self._simple_status_shape(repository, status) | {"creator": user_shape(self._state, status.creator)}

    def _simple_status_shape(self, repository: Repository, status: Status) -> dict[str, Any]:
        return {
            "url": f"{repository_address(self._state, repository)}/statuses/{status.sha}",
            "avatar_url": user_shape(self._state, status.creator)["avatar_url"],
            "id": status.id,
            "node_id": node_id("SC", status.id),
            "state": status.state,
            "description": status.description,
            "target_url": status.target_url,
            "context": status.context,
            "created_at": moment(status.created_at),
            "updated_at": moment(status.created_at),
        }

    async def statuses(self, call: Call) -> Answer:
        """List the statuses of a commit, newest first."""
        repository = await call.repository()
        sha = await self._resolve(repository, call.parameter("ref"))
        found = [one for one in reversed(repository.statuses) if one.sha == sha]
        page, headers = call.page(found)
        return Answer([self._status_shape(repository, one) for one in page], headers=headers)

    async def combined_status(self, call: Call) -> Answer:
        """Give the newest status of each context, and what they come to."""
        repository = await call.repository()
        sha = await self._resolve(repository, call.parameter("ref"))
        newest = {one.context: one for one in repository.statuses if one.sha == sha}
        states = {one.state for one in newest.values()}
        overall = "failure" if states & {"failure", "error"} else "success" if states == {"success"} else "pending"
        address = repository_address(self._state, repository)
        return Answer(
            {
                "state": overall,
                "statuses": [self._simple_status_shape(repository, one) for one in newest.values()],
                "sha": sha,
                "total_count": len(newest),
                "repository": repository_shape(self._state, repository),
                "commit_url": f"{address}/commits/{sha}",
                "url": f"{address}/commits/{sha}/status",
            }
        )
