"""What a repository feeds: sources of the cluster that follow its branches, and the Kustomizations behind them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from gitops_bot.models.kustomizations import ClusterSnapshot, Kustomization, Source
from gitops_bot.models.pull_requests import Repository
from gitops_bot.rules.filters import Choice
from gitops_bot.rules.repositories import following, repository_of, source_address


@dataclass(frozen=True)
class ArtifactOrigin:
    """What an operator knows of a source: it holds this folder of this branch ("" for all of the repository)."""

    kind: str
    namespace: str
    name: str
    repository: Repository
    branch: str
    path: str = ""
    # "": in any cluster.
    cluster: str = ""

    def is_of(self, cluster: str, key: tuple[str, str, str]) -> bool:
        """Whether it is about this source."""
        return self.cluster in {"", cluster} and (self.kind, self.namespace, self.name) == key


@dataclass(frozen=True)
class NotLookedAt:
    """A Kustomization that this repository may feed in a way that cannot be followed.

    ``plausible``: something says that it is this repository. ``at_once``: a merge may change it; False
    for a tag or a commit, which somebody has to move first.
    """

    kustomization: Kustomization
    reason: str
    plausible: bool = False
    at_once: bool = True


@dataclass(frozen=True)
class Fed:
    """What one branch of one repository feeds in one cluster."""

    cluster: str
    # By (kind, namespace, name): what holds the branch, or a folder of it.
    sources: Mapping[tuple[str, str, str], Source]
    kustomizations: tuple[Kustomization, ...]
    # All of the cluster: readers of ConfigMaps and live children may be fed from elsewhere.
    others: tuple[Kustomization, ...] = ()
    not_looked_at: tuple[NotLookedAt, ...] = ()
    # Folders that artifacts are made of, by their source.
    roots: Mapping[tuple[str, str, str], str] = field(default_factory=dict)
    # Sources of the cluster, whatever they hold.
    every_source: tuple[Source, ...] = ()


def watched_repositories(
    snapshots: Iterable[ClusterSnapshot],
    *,
    github_url: str,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    other_urls: Sequence[str] = (),
    artifacts: Sequence[ArtifactOrigin] = (),
) -> dict[Repository, frozenset[str]]:
    """Give the repositories that feed a Kustomization, each with the branches that are followed.

    ``include`` and ``exclude`` are shell-like patterns of owner/name; the case does not matter.
    """
    wanted = Choice(tuple(include), tuple(exclude))
    found: dict[str, tuple[Repository, set[str]]] = {}
    for snapshot in snapshots:
        used = {kustomization.source for kustomization in snapshot.kustomizations}
        for origin in artifacts:
            told = any(origin.is_of(snapshot.cluster, key) for key in used)
            if told and wanted.takes([origin.repository.key]):
                found.setdefault(origin.repository.key, (origin.repository, set()))[1].add(origin.branch)
        for source in snapshot.sources:
            if any(origin.is_of(snapshot.cluster, source.key) for origin in artifacts):
                continue
            repository = repository_of(source_address(source), github_url, *other_urls)
            branch = following(source.spec).branch
            if source.kind != "GitRepository" or repository is None or not branch:
                continue
            if (source.kind, source.namespace, source.name) in used and wanted.takes([repository.key]):
                found.setdefault(repository.key, (repository, set()))[1].add(branch)
    return {repository: frozenset(branches) for repository, branches in found.values()}


def fed_by(
    snapshot: ClusterSnapshot,
    repository: Repository,
    branch: str,
    *,
    github_url: str,
    other_urls: Sequence[str] = (),
    artifacts: Sequence[ArtifactOrigin] = (),
) -> Fed:
    """Find the Kustomizations that a branch feeds, and those of which that cannot be said."""
    known = {source.key: source for source in snapshot.sources}
    at = _Whereabouts(repository, branch, (github_url, *other_urls))
    fed: list[Kustomization] = []
    not_looked_at: list[NotLookedAt] = []
    ours: dict[tuple[str, str, str], Source] = {}
    roots: dict[tuple[str, str, str], str] = {}
    for kustomization in snapshot.kustomizations:
        key = kustomization.source
        source = known.get(key)
        told = next((origin for origin in artifacts if origin.is_of(snapshot.cluster, key)), None)
        if told is not None:
            if (told.repository.key, told.branch) == (repository.key, branch):
                fed.append(kustomization)
                ours[key] = source or Source(*key, {})
                roots[key] = "/".join(part for part in told.path.split("/") if part not in {"", "."})
        elif source is not None and at.holds(source):
            fed.append(kustomization)
            ours[key] = source
        else:
            not_looked_at += at.unsure(kustomization, source, snapshot.sources)
    return Fed(
        snapshot.cluster, ours, tuple(fed), snapshot.kustomizations, tuple(not_looked_at), roots, snapshot.sources
    )


@dataclass(frozen=True)
class _Whereabouts:
    """A branch of a repository, and the addresses of the GitHub that it is on."""

    repository: Repository
    branch: str
    urls: tuple[str, ...]

    def is_ours(self, source: Source) -> bool:
        """Whether a GitRepository is this repository, whatever it follows."""
        found = repository_of(source_address(source), *self.urls) if source.kind == "GitRepository" else None
        return found is not None and found.key == self.repository.key

    def holds(self, source: Source) -> bool:
        """Whether a source follows the branch."""
        return self.is_ours(source) and following(source.spec).branch == self.branch

    def unsure(
        self, kustomization: Kustomization, source: Source | None, every: Sequence[Source]
    ) -> Iterator[NotLookedAt]:
        """Say what may tie a Kustomization to the repository although its source does not follow the branch."""
        if kustomization.source[0] != "GitRepository":
            yield NotLookedAt(kustomization, unfollowed(kustomization), self._is_plausible(source, every))
        elif source is not None and self.is_ours(source) and following(source.spec).instead:
            reason = elsewhere(source, following(source.spec).instead)
            yield NotLookedAt(kustomization, reason, plausible=True, at_once=False)
        elif source is not None and self._includes(source, every):
            reason = (
                f"its source GitRepository {source.namespace}/{source.name} takes in files of this one (spec.include)"
            )
            yield NotLookedAt(kustomization, reason, plausible=True)

    def _includes(self, source: Source, every: Sequence[Source]) -> bool:
        """Whether a source copies files out of one that follows the branch."""
        entries = source.spec.get("include")
        names = {
            str((entry.get("repository") or {}).get("name"))
            for entry in (entries if isinstance(entries, list) else ())
            if isinstance(entry, Mapping) and isinstance(entry.get("repository"), Mapping)
        }
        return any(one.namespace == source.namespace and one.name in names and self.holds(one) for one in every)

    def _is_plausible(self, source: Source | None, every: Sequence[Source]) -> bool:
        """Whether something says that an artifact is made of this repository: its origin, else its name."""
        if source is None:
            return False
        if source.origin:
            found = repository_of(source.origin, *self.urls)
            return found is not None and found.key == self.repository.key
        if source.kind == "ExternalArtifact":
            # Made inside of the cluster, of sources of the cluster.
            return any(self.holds(one) for one in every)
        named = (source.spec.get(field) for field in ("url", "bucketName", "prefix"))
        return any(self.repository.name.lower() in str(name).lower() for name in named if name)


def not_reviewable(
    snapshot: ClusterSnapshot,
    *,
    github_url: str,
    other_urls: Sequence[str] = (),
    artifacts: Sequence[ArtifactOrigin] = (),
) -> dict[str, tuple[Kustomization, ...]]:
    """Give the Kustomizations that no pull request can be reviewed for, by the reason."""
    sources = {(source.kind, source.namespace, source.name): source for source in snapshot.sources}
    found: dict[str, list[Kustomization]] = {}
    for kustomization in snapshot.kustomizations:
        source = sources.get(kustomization.source)
        if kustomization.spec.get("kubeConfig"):
            reason = "spec.kubeConfig: it belongs to another cluster"
        elif any(origin.is_of(snapshot.cluster, kustomization.source) for origin in artifacts):
            continue
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
