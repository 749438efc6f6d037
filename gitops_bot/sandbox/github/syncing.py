"""What follows from a branch that moved: heads of pull requests, refs/pull/N/head, reviews that go stale.

Branches are read from disk whenever somebody asks about a repository, so that a push over HTTP and a
push by file path are noticed alike.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from gitops_bot.sandbox.github import bare
from gitops_bot.sandbox.github.records import Mergeability, PullRequest, Repository, User, now
from gitops_bot.sandbox.github.state import State


@contextmanager
def pushing(repository: Repository, who: User) -> Iterator[None]:
    """Put what happens to the branches meanwhile down to somebody."""
    repository.pusher = who
    try:
        yield
    finally:
        repository.pusher = None


class Syncing:
    """Keeps pull requests in step with the branches that they are made of."""

    def __init__(self, state: State) -> None:
        self._state = state
        # One piece of git work at a time and repository.
        self.locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._jobs: dict[tuple[str, int], asyncio.Task[None]] = {}

    async def sync(self, repository: Repository) -> None:
        """Take notice of what happened to a repository and to the heads of its pull requests."""
        sources = {repository.key} | {pull.head_repository for pull in repository.pulls.values() if pull.is_open}
        for key in sources:
            source = self._state.repositories.get(key)
            if source is None:
                continue
            # Who comes while another one takes notice waits until that is done.
            if self.locks[key].locked() or bare.branches(source.folder) != source.branches:
                await self._take_notice(source)

    async def _take_notice(self, repository: Repository) -> None:
        async with self.locks[repository.key]:
            old, new = repository.branches, bare.branches(repository.folder)
            if old == new:
                return
            repository.branches = new
            moved = {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}
            repository.pushed_at = now()
            self._state.touch(repository)
            who = repository.pusher or repository.owner
            for branch in sorted(moved):
                self._push_event(repository, branch, who, old.get(branch), new.get(branch))
            for target, pull in self._state.pull_requests_from(repository):
                if pull.is_open and pull.head_ref in moved:
                    await self._head_moved(target, pull, repository, who)
            for pull in list(repository.pulls.values()):
                if pull.is_open and pull.base_ref in moved:
                    await self._base_moved(repository, pull, who)

    def _push_event(self, repository: Repository, branch: str, who: User, old: str | None, new: str | None) -> None:
        if old is None or new is None:
            payload = {"ref": branch, "ref_type": "branch", "pusher_type": "user"}
            if old is None:
                payload |= {
                    "full_ref": f"refs/heads/{branch}",
                    "master_branch": repository.default_branch,
                    "description": repository.description or "",
                }
            else:
                payload |= {"full_ref": f"refs/heads/{branch}"}
            self._state.add_event(repository, "CreateEvent" if old is None else "DeleteEvent", who, payload)
            return
        push = {"repository_id": repository.id, "push_id": self._state.next_id(), "head": new, "before": old}
        self._state.add_event(repository, "PushEvent", who, push | {"ref": f"refs/heads/{branch}"})

    async def _head_moved(self, target: Repository, pull: PullRequest, source: Repository, who: User) -> None:
        """Follow the head branch. https://docs.github.com/en/pull-requests (a deleted branch closes)."""
        commit = source.branches.get(pull.head_ref)
        if commit is None:
            self.close(target, pull, who)
            return
        await self.follow(target, pull, source, commit)
        pull.last_pusher = who
        self._state.touch(target, pull)
        rule = self._state.rule(target, pull.base_ref)
        if rule is not None and rule.dismiss_stale_reviews_on_push:
            for review in pull.reviews:
                if review.state == "APPROVED":
                    review.state = "DISMISSED"

    async def follow(self, target: Repository, pull: PullRequest, source: Repository, commit: str) -> None:
        """Set the head of a pull request to a commit of the repository that it lies in."""
        old = pull.head_sha
        if source is not target:
            await bare.bring(source.folder, target.folder, commit)
        await bare.git(target.folder, "update-ref", f"refs/pull/{pull.number}/head", commit)
        pull.head_sha = commit
        pull.base_sha = target.branches.get(pull.base_ref, pull.base_sha)
        pull.pushes += 1
        pull.mergeability = None
        forced = old and not await bare.is_ancestor(target.folder, old, commit)
        if forced and self._state.settings["force_push_repoints_reviews"]:
            for review in pull.reviews:
                if not await bare.is_ancestor(target.folder, review.commit_id, commit):
                    review.commit_id = commit

    async def catch_up(self, target: Repository, pull: PullRequest, source: Repository) -> None:
        """Bring a pull request that was just opened to its branch's tip, wherever that went meanwhile."""
        while (tip := source.branches.get(pull.head_ref)) is not None and tip != pull.head_sha:
            await self.follow(target, pull, source, tip)

    async def _base_moved(self, repository: Repository, pull: PullRequest, who: User) -> None:
        tip = repository.branches.get(pull.base_ref)
        pull.mergeability = None
        if tip is None:
            self.close(repository, pull, who)
        elif await bare.is_ancestor(repository.folder, pull.head_sha, tip):
            # Somebody merged it by hand and pushed: GitHub marks it as merged.
            self.mark_merged(repository, pull, who, tip)

    def close(self, repository: Repository, pull: PullRequest, who: User) -> None:
        """Close a pull request without merging it."""
        pull.state, pull.closed_at = "closed", now()
        self._state.touch(repository, pull)
        self.pull_event(repository, pull, "closed", who)

    def mark_merged(self, repository: Repository, pull: PullRequest, who: User, commit: str) -> None:
        """Note that a pull request's commits are in its base branch."""
        pull.merged_at, pull.merged_by, pull.merge_commit_sha = now(), who, commit
        pull.state, pull.closed_at = "closed", pull.merged_at
        self._state.touch(repository, pull)
        self.pull_event(repository, pull, "closed", who)

    def pull_event(self, repository: Repository, pull: PullRequest, action: str, who: User) -> None:
        """Write down that something happened to a pull request; what it looks like is filled in when asked for."""
        self._state.add_event(
            repository, "PullRequestEvent", who, {"action": action, "number": pull.number, "pull_request": pull.number}
        )

    def mergeability(self, repository: Repository, pull: PullRequest) -> Mergeability | None:
        """Give whether it can be merged; None while a job finds out, as GitHub does at the first question."""
        key = (pull.head_sha, repository.branches.get(pull.base_ref, ""))
        if pull.mergeability is not None and pull.mergeability.key == key:
            return pull.mergeability
        name = (repository.key, pull.number)
        if name not in self._jobs:
            job = asyncio.create_task(self._try_merge(repository, pull, key), name=f"tries the merge of {name}")
            self._jobs[name] = job
            job.add_done_callback(lambda _: self._jobs.pop(name, None))
        return None

    async def _try_merge(self, repository: Repository, pull: PullRequest, key: tuple[str, str]) -> None:
        await asyncio.sleep(self._state.settings["mergeable_seconds"])
        head, base = key
        if not base:
            return
        tree = await bare.merged_tree(repository.folder, base, head)
        commit = None
        if tree is not None:
            commit = await bare.commit_tree(repository.folder, tree, (base, head), f"Merge {head} into {base}")
            await bare.git(repository.folder, "update-ref", f"refs/pull/{pull.number}/merge", commit)
        if pull.is_open:
            pull.mergeability = Mergeability(key, tree is not None, commit)
            pull.merge_commit_sha = commit

    async def stop(self) -> None:
        """End all jobs."""
        jobs = list(self._jobs.values())
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)
