"""May this pull request be rendered and compared at all?

Rendering runs a stranger's files with access to a live cluster, and a diff shows what lives there.
The cage and the redaction stand behind this rule, they do not replace it: whoever may cause a diff
could push to a branch of the repository anyway. Trust is for one head commit: a push asks anew.
"""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from gitops_bot.models.pull_requests import Permission, PullRequest
from gitops_bot.models.records import Decision
from gitops_bot.rules.decisions import Action


@dataclass(frozen=True)
class TrustPolicy:
    """Who is trusted beyond people who may write."""

    # Logins of GitHub Apps ("renovate[bot]"): GitHub's permissions know people only. Same repository only.
    apps: frozenset[str] = frozenset()


_NOBODY_ELSE = TrustPolicy()


def released_commits(decisions: Iterable[Decision]) -> frozenset[str]:
    """Give the head commits that somebody let through, out of the decisions on one pull request.

    The decision itself is the record: trust lasts as long as the audit trail, and no longer than the commit.
    """
    return frozenset(done.commit for done in decisions if done.action == Action.TRUST and done.outcome == "done")


def reason_to_hold(
    pull_request: PullRequest,
    permission: Permission,
    policy: TrustPolicy = _NOBODY_ELSE,
    released: AbstractSet[str] = frozenset(),
) -> str:
    """Give the reason why nothing may be looked at, as a sentence; "" when it may.

    ``permission`` is the author's, at this moment. ``released`` holds head commits that somebody who
    may do so let through.
    """
    if pull_request.head_sha in released:
        return ""
    if pull_request.from_fork:
        origin = pull_request.head_repository or "a fork that was deleted"
        return f"The branch lies in {origin}, not in {pull_request.repository}."
    if pull_request.author_is_bot:
        trusted = pull_request.author.lower() in {login.lower() for login in policy.apps}
        return "" if trusted else f"{pull_request.author} is an App that is not trusted here."
    if not permission.may_write:
        return f"{pull_request.author} has the permission '{permission}' in {pull_request.repository}; write is needed."
    return ""
