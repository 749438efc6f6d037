"""Bring a pull request's commits, merge them, and say what changes between base and result."""

from dataclasses import dataclass

from gitops_bot.journeys.ports import Eyes
from gitops_bot.models.pull_requests import PullRequest
from gitops_bot.models.tree import Tree
from gitops_bot.rules.statuses import head_reference


@dataclass(frozen=True)
class Change:
    """What a pull request changes, as files.

    ``result`` is the merge of base tip and head; with ``conflicts`` there is none, and ``changed``
    is then what differs between base tip and head. Without content (a held pull request) ``result`` is
    None: nobody has read a file of it.
    """

    pull_request: PullRequest
    base_tip: str
    base: Tree
    result: Tree | None
    changed: frozenset[str]
    conflicts: tuple[str, ...] = ()


async def fetch_change(doors: Eyes, pull: PullRequest, base_tip: str, *, with_content: bool) -> Change:
    """Fetch base tip and head and merge them without a work tree."""
    repository = pull.repository
    await doors.git.fetch(repository, {f"refs/heads/{pull.base_ref}": base_tip, head_reference(pull): pull.head_sha})
    base = await doors.git.tree(repository, base_tip)
    merge = await doors.git.merge(repository, base_tip, pull.head_sha)
    if merge.conflicts:
        # A stale branch names other people's paths too: one candidate too many, in a report that only says "conflict".
        changed = await doors.git.changed_paths(repository, base_tip, pull.head_sha)
        return Change(pull, base_tip, base, None, changed | set(merge.conflicts), merge.conflicts)
    changed = await doors.git.changed_paths(repository, base_tip, merge.tree)
    result = await doors.git.tree(repository, merge.tree) if with_content else None
    return Change(pull, base_tip, base, result, changed)
