"""https://docs.github.com/en/rest/pulls/pulls."""

from typing import Any

from gitops_bot.sandbox.github import bare
from gitops_bot.sandbox.github.calls import Answer, Call
from gitops_bot.sandbox.github.front import Endpoint
from gitops_bot.sandbox.github.history import MOST_COMMITS, MOST_FILES, Extents, commit_shape, file_shape
from gitops_bot.sandbox.github.records import PullRequest, Repository, at_least, now
from gitops_bot.sandbox.github.refusals import Refusal, invalid, unprocessable
from gitops_bot.sandbox.github.rules import reason_not_to_merge
from gitops_bot.sandbox.github.shapes_pulls import pull_shape, whole_pull_shape
from gitops_bot.sandbox.github.state import State
from gitops_bot.sandbox.github.syncing import Syncing, pushing

_PULLS = "/repos/{owner}/{repo}/pulls"
_PULL = f"{_PULLS}/{{pull_number}}"


class PullRequests:
    """Lists, makes, changes and merges pull requests."""

    def __init__(self, state: State, syncing: Syncing, extents: Extents) -> None:
        self._state = state
        self._syncing = syncing
        self._extents = extents

    def endpoints(self) -> list[Endpoint]:
        """Give the endpoints."""
        return [
            Endpoint("GET", _PULLS, self.list),
            Endpoint("POST", _PULLS, self.create, content=True),
            Endpoint("GET", _PULL, self.get),
            Endpoint("PATCH", _PULL, self.change),
            Endpoint("GET", f"{_PULL}/commits", self.commits),
            Endpoint("GET", f"{_PULL}/files", self.files),
            Endpoint("GET", f"{_PULL}/merge", self.is_merged),
            Endpoint("PUT", f"{_PULL}/merge", self.merge, content=True),
        ]

    async def list(self, call: Call) -> Answer:
        """List pull requests, 30 a page if not told otherwise."""
        repository = await call.repository()
        state = call.choice("state", ("open", "closed", "all"), "open")
        sort = call.choice("sort", ("created", "updated", "popularity", "long-running"), "created")
        direction = call.choice("direction", ("asc", "desc"), "desc" if sort == "created" else "asc")
        base, head = call.query("base"), call.query("head").lower()
        found = [
            pull
            for pull in repository.pulls.values()
            if state in {"all", pull.state}
            and base in {"", pull.base_ref}
            and head in {"", f"{pull.head_owner}:{pull.head_ref}".lower()}
        ]

        def order(pull: PullRequest) -> tuple[Any, int]:
            if sort == "popularity":
                return len(pull.comments), pull.number
            return (pull.updated_at if sort == "updated" else pull.created_at), pull.number

        found.sort(key=order, reverse=direction == "desc")
        page, headers = call.page(found)
        return Answer([pull_shape(self._state, repository, pull) for pull in page], headers=headers)

    async def create(self, call: Call) -> Answer:
        """Make a pull request; ``head`` is a branch, or ``owner:branch`` of a fork."""
        author = call.writes()
        repository = await call.repository()
        title, base, head = (call.text(name, "PullRequest") for name in ("title", "base", "head"))
        body = call.text("body", "PullRequest", required=False) or None
        owner, _, branch = head.rpartition(":")
        source = self._source(repository, owner, str(call.field("head_repo") or ""))
        if source is None or not at_least(call.permission(source), "read"):
            raise invalid("PullRequest", "head", "invalid")
        await self._syncing.sync(source)
        commit, tip = source.branches.get(branch), repository.branches.get(base)
        if commit is None:
            raise invalid("PullRequest", "head", "invalid")
        if tip is None:
            raise invalid("PullRequest", "base", "invalid")
        if not at_least(call.permission(source), "write"):
            raise Refusal(403, "Resource not accessible")
        await self._refuse_pointless(repository, source, (base, tip), (branch, commit), owner or source.owner.login)
        moment = now()
        pull = PullRequest(
            id=self._state.next_id(),
            number=repository.next_number,
            title=title,
            body=body,
            author=author,
            head_repository=source.key,
            head_owner=source.owner.login,
            head_ref=branch,
            head_sha="",
            base_ref=base,
            base_sha=tip,
            created_at=moment,
            updated_at=moment,
            draft=bool(call.field("draft", default=False)),
            maintainer_can_modify=bool(call.field("maintainer_can_modify", default=source is not repository)),
            last_pusher=author,
        )
        repository.next_number += 1
        repository.pulls[pull.number] = pull
        await self._syncing.follow(repository, pull, source, commit)
        await self._syncing.catch_up(repository, pull, source)
        self._state.touch(repository)
        self._syncing.pull_event(repository, pull, "opened", author)
        shape = await self._whole(repository, pull)
        return Answer(shape, 201, {"Location": shape["url"]})

    def _source(self, repository: Repository, owner: str, name: str) -> Repository | None:
        """Give the repository that ``owner:branch`` means: the same one, or a member of its network of forks."""
        if owner.lower() in {"", repository.owner.login.lower()} and not name:
            return repository
        root = repository.parent or repository.key
        return next(
            (
                other
                for other in self._state.repositories.values()
                if owner.lower() in {"", other.owner.login.lower()}
                and name.lower() in {"", other.name.lower()}
                and root in {other.key, other.parent}
            ),
            None,
        )

    async def _refuse_pointless(
        self,
        repository: Repository,
        source: Repository,
        base: tuple[str, str],
        head: tuple[str, str],
        owner: str,
    ) -> None:
        """422 for one that is there already, and for a head that has nothing new."""
        for pull in repository.pulls.values():
            same = (pull.head_repository, pull.head_ref, pull.base_ref) == (source.key, head[0], base[0])
            if pull.is_open and same:
                words = f"A pull request already exists for {owner}:{head[0]}."
                raise Refusal(
                    422,
                    "Validation Failed",
                    errors=[{"resource": "PullRequest", "code": "custom", "field": "", "message": words}],
                )
        await bare.bring(source.folder, repository.folder, head[1])
        if await bare.is_ancestor(repository.folder, head[1], base[1]):
            raise invalid("PullRequest", "", "custom", f"No commits between {base[0]} and {head[0]}")

    async def get(self, call: Call) -> Answer:
        """Give one pull request with everything."""
        repository = await call.repository()
        return Answer(await self._whole(repository, call.pull(repository)))

    async def _whole(self, repository: Repository, pull: PullRequest) -> dict[str, Any]:
        return await whole_pull_shape(self._state, self._syncing, self._extents, repository, pull)

    async def change(self, call: Call) -> Answer:
        """Change title, text, base; close and reopen. The author may, and whoever may write."""
        caller = call.writes()
        repository = await call.repository()
        pull = call.pull(repository)
        if pull.author.id != caller.id and not at_least(call.permission(repository), "write"):
            raise Refusal(403, "Resource not accessible")
        title = call.text("title", "PullRequest", required=call.field("title") is not None)
        state, base = call.field("state"), call.field("base")
        if state not in {None, "open", "closed"}:
            raise invalid("PullRequest", "state", "invalid")
        if base is not None and base not in repository.branches:
            raise invalid("PullRequest", "base", "invalid")
        if call.field("body") is not None:
            pull.body = call.text("body", "PullRequest", required=False) or None
        if title:
            pull.title = title
        if base is not None and base != pull.base_ref:
            pull.base_ref, pull.base_sha, pull.mergeability = base, repository.branches[base], None
        self._state.touch(repository, pull)
        if state == "closed" and pull.is_open:
            self._syncing.close(repository, pull, caller)
        elif state == "open" and not pull.is_open:
            await self._reopen(repository, pull)
            self._syncing.pull_event(repository, pull, "reopened", caller)
        return Answer(await self._whole(repository, pull))

    async def _reopen(self, repository: Repository, pull: PullRequest) -> None:
        """Open it again at its branch's tip. 422 when that cannot be."""
        source = self._state.repositories.get(pull.head_repository)
        if source is not None:
            await self._syncing.sync(source)
        commit = source.branches.get(pull.head_ref) if source else None
        if pull.merged_at or source is None or commit is None or pull.base_ref not in repository.branches:
            raise invalid("PullRequest", "state", "invalid", "state cannot be changed.")
        await bare.bring(source.folder, repository.folder, commit)
        if not await bare.is_ancestor(repository.folder, pull.head_sha, commit):
            words = f"state cannot be changed. The {pull.head_ref} branch was force-pushed or recreated."
            raise invalid("PullRequest", "state", "invalid", words)
        pull.state, pull.closed_at = "open", None
        await self._syncing.catch_up(repository, pull, source)

    async def commits(self, call: Call) -> Answer:
        """List its commits, oldest first, 250 at most."""
        repository = await call.repository()
        _, commits, _ = await self._extent(repository, call.pull(repository))
        page, headers = call.page(commits[:MOST_COMMITS])
        return Answer([commit_shape(self._state, repository, commit) for commit in page], headers=headers)

    async def files(self, call: Call) -> Answer:
        """List its files, 3,000 at most."""
        repository = await call.repository()
        pull = call.pull(repository)
        _, _, files = await self._extent(repository, pull)
        page, headers = call.page(files[:MOST_FILES])
        return Answer([file_shape(self._state, repository, file, pull.head_sha) for file in page], headers=headers)

    async def _extent(self, repository: Repository, pull: PullRequest) -> tuple[str, Any, Any]:
        base = pull.base_sha if pull.merged_at else repository.branches.get(pull.base_ref, pull.base_sha)
        return await self._extents.of(repository.folder, base, pull.head_sha)

    async def is_merged(self, call: Call) -> Answer:
        """204: merged; 404: not."""
        repository = await call.repository()
        if call.pull(repository).merged_at is None:
            raise Refusal(404, "Not Found")
        return Answer(None, 204)

    async def merge(self, call: Call) -> Answer:
        """Merge for real. ``sha`` is a precondition (409). Merge commits and squashes; no rebasing here."""
        caller = call.writes()
        repository = await call.repository()
        pull = call.pull(repository)
        if not at_least(call.permission(repository), "write"):
            raise Refusal(403, "Resource not accessible")
        method = call.field("merge_method", "merge")
        if method == "rebase":
            raise Refusal(405, "Rebase merges are not allowed on this repository.")
        if method not in {"merge", "squash"}:
            raise unprocessable(f"{method} is not a merge method")
        async with self._syncing.locks[repository.key]:
            if not pull.is_open:
                raise Refusal(405, "Pull Request is not mergeable")
            # A fork's branch may move while git works.
            head = pull.head_sha
            if call.field("sha") not in {None, head}:
                raise Refusal(409, "Head branch was modified. Review and try the merge again.")
            reason = await reason_not_to_merge(self._state, repository, pull)
            if reason:
                raise Refusal(405, reason)
            base = repository.branches[pull.base_ref]
            tree = await bare.merged_tree(repository.folder, base, head)
            if tree is None:
                raise Refusal(405, "Pull Request is not mergeable")
            source = f"{pull.head_owner}/{pull.head_ref}"
            title = str(call.field("commit_title") or f"Merge pull request #{pull.number} from {source}")
            message = f"{title}\n\n{call.field('commit_message') or pull.title}\n"
            parents = (base, head) if method == "merge" else (base,)
            commit = await bare.commit_tree(repository.folder, tree, parents, message, caller.login)
            try:
                await bare.git(repository.folder, "update-ref", f"refs/heads/{pull.base_ref}", commit, base)
            except bare.GitFailed as failed:
                raise Refusal(405, "Base branch was modified. Review and try the merge again.") from failed
            pull.base_sha = base
            self._syncing.mark_merged(repository, pull, caller, commit)
        with pushing(repository, caller):
            await self._syncing.sync(repository)
        return Answer({"sha": commit, "merged": True, "message": "Pull Request successfully merged"})
