"""What a repository feeds: sources of the cluster that follow its branches, and the Kustomizations behind them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from gitops_bot.models.kustomizations import ClusterSnapshot, Kustomization, Source
from gitops_bot.models.pull_requests import Repository
from gitops_bot.rules.repositories import following, repository_of, source_address


@dataclass(frozen=True)
class NotLookedAt:
    """A Kustomization that this repository may feed in a way that cannot be followed."""

    kustomization: Kustomization
    reason: str


@dataclass(frozen=True)
class Fed:
    """What one branch of one repository feeds in one cluster."""

    cluster: str
    # By (namespace, name): GitRepositories that follow the branch.
    sources: Mapping[tuple[str, str], Source]
    kustomizations: tuple[Kustomization, ...]
    # All of the cluster: readers of ConfigMaps and live children may be fed from elsewhere.
    others: tuple[Kustomization, ...] = ()
    not_looked_at: tuple[NotLookedAt, ...] = ()


def watched_repositories(
    snapshots: Iterable[ClusterSnapshot],
    *,
    github_url: str,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    other_urls: Sequence[str] = (),
) -> dict[Repository, frozenset[str]]:
    """Give the repositories that feed a Kustomization, each with the branches that are followed.

    ``include`` and ``exclude`` are shell-like patterns of owner/name; the case does not matter.
    """
    found: dict[str, tuple[Repository, set[str]]] = {}
    for snapshot in snapshots:
        used = {kustomization.source for kustomization in snapshot.kustomizations}
        for source in snapshot.sources:
            repository = repository_of(source_address(source), github_url, *other_urls)
            branch = following(source.spec).branch
            if source.kind != "GitRepository" or repository is None or not branch:
                continue
            if (source.kind, source.namespace, source.name) in used and _wanted(repository, include, exclude):
                found.setdefault(repository.key, (repository, set()))[1].add(branch)
    return {repository: frozenset(branches) for repository, branches in found.values()}


def _wanted(repository: Repository, include: Sequence[str], exclude: Sequence[str]) -> bool:
    def listed(patterns: Sequence[str]) -> bool:
        return any(fnmatchcase(repository.key, pattern.lower()) for pattern in patterns)

    return (not include or listed(include)) and not listed(exclude)


def fed_by(
    snapshot: ClusterSnapshot, repository: Repository, branch: str, *, github_url: str, other_urls: Sequence[str] = ()
) -> Fed:
    """Find the Kustomizations that a branch feeds, and those of which that cannot be said."""
    sources = {(source.kind, source.namespace, source.name): source for source in snapshot.sources}
    fed, not_looked_at, ours = [], [], {}
    for kustomization in snapshot.kustomizations:
        source = sources.get(kustomization.source)
        if source is None or source.kind != "GitRepository":
            if kustomization.source[0] != "GitRepository":
                not_looked_at.append(NotLookedAt(kustomization, unfollowed(kustomization)))
            continue
        found = repository_of(source_address(source), github_url, *other_urls)
        if found is None or found.key != repository.key:
            continue
        follows = following(source.spec)
        if follows.branch == branch:
            fed.append(kustomization)
            ours[source.namespace, source.name] = source
        elif follows.instead:
            not_looked_at.append(NotLookedAt(kustomization, elsewhere(source, follows.instead)))
    return Fed(snapshot.cluster, ours, tuple(fed), snapshot.kustomizations, tuple(not_looked_at))


def not_reviewable(
    snapshot: ClusterSnapshot, *, github_url: str, other_urls: Sequence[str] = ()
) -> dict[str, tuple[Kustomization, ...]]:
    """Give the Kustomizations that no pull request can be reviewed for, by the reason."""
    sources = {(source.kind, source.namespace, source.name): source for source in snapshot.sources}
    found: dict[str, list[Kustomization]] = {}
    for kustomization in snapshot.kustomizations:
        source = sources.get(kustomization.source)
        if kustomization.spec.get("kubeConfig"):
            reason = "spec.kubeConfig: it belongs to another cluster"
        elif kustomization.source[0] != "GitRepository":
            reason = unfollowed(kustomization)
        elif source is None:
            reason = f"its source GitRepository {'/'.join(kustomization.source[1:])} does not exist"
        elif repository_of(source_address(source), github_url, *other_urls) is None:
            reason = f"its source GitRepository {source.namespace}/{source.name} is not on {github_url}"
        elif following(source.spec).instead:
            reason = elsewhere(source, following(source.spec).instead)
        else:
            continue
        found.setdefault(reason, []).append(kustomization)
    return {reason: tuple(kustomizations) for reason, kustomizations in found.items()}


def unfollowed(kustomization: Kustomization) -> str:
    """Say of a Kustomization that its source is no GitRepository."""
    kind, namespace, name = kustomization.source
    return f"it is fed by {kind or 'no source'} {namespace}/{name}, and what fills that is not known here"


def elsewhere(source: Source, instead: str) -> str:
    """Say of a source that it follows no branch."""
    return f"its source GitRepository {source.namespace}/{source.name} follows {instead}, not a branch"
