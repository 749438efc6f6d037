"""The Kustomizations of a fleet, read from a file or found in its repository: no cluster is asked.

A repository tells where its clusters begin: ``flux bootstrap`` leaves a gotk-sync.yaml, the Flux
operator a FluxInstance, and people put clusters into ``clusters/<name>``.
"""

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gitops_bot.models.kustomizations import Kustomization, KustomizationId, Source
from gitops_bot.models.tree import Tree
from gitops_bot.rules.feeds import Fed, NotLookedAt, elsewhere, unfollowed
from gitops_bot.rules.manifests import ManifestLimits, UnreadableManifestError, objects
from gitops_bot.rules.references import clamped
from gitops_bot.rules.repositories import following, same_repository, source_address

_KUSTOMIZE_GROUP = "kustomize.toolkit.fluxcd.io"
_SOURCE_GROUP = "source.toolkit.fluxcd.io"
_OPERATOR_GROUP = "fluxcd.controlplane.io"
_SYNC_FILE = "gotk-sync.yaml"
_CLUSTER_FOLDER = re.compile(r"(?:.*/)?clusters/[^/]+(?=/)")
# `kubectl get kustomizations -A -o yaml` of a large fleet, with inventories.
_INVENTORY_LIMITS = ManifestLimits(size=64 << 20, expanded=10_000_000)
# Where nothing names a cluster.
ONLY_CLUSTER = "default"


@dataclass(frozen=True)
class Fleet:
    """The Kustomizations of one cluster, and the sources that are known.

    ``implied``: a root that no file states, because the repository only shows what lies below it. It
    is built to find its children, and never listed.
    """

    cluster: str
    kustomizations: tuple[Kustomization, ...]
    sources: tuple[Source, ...] = ()
    implied: bool = False


def fleet_of(file: str, text: str | bytes, cluster: str) -> Fleet:
    """Read what ``kubectl get kustomizations -A -o yaml`` prints, sources among it or not; UnreadableManifestError."""
    found = objects(file, text, _INVENTORY_LIMITS)
    return Fleet(cluster, tuple(_kustomizations(found, cluster)), tuple(_sources(found)))


def fleets_in(tree: Tree) -> dict[str, Fleet]:
    """Find the roots of each cluster in a repository, by the name of the cluster."""
    documents = {path: found for path, found in _flux_objects(tree) if found}
    starts: dict[str, list[tuple[str, Sequence[Mapping[str, Any]]]]] = {}
    for path, found in documents.items():
        for folder in _starts_in(path, found):
            starts.setdefault(folder, []).append((path, found))
    roots = {folder: _bootstrapped(found) for folder, found in starts.items()}
    for path, found in documents.items():
        inside = _CLUSTER_FOLDER.match(path)
        has_kustomization = any(True for _ in _kustomizations(found, ""))
        if inside and has_kustomization and not any(_overlap(inside[0], root) for root in roots):
            roots[inside[0]] = _implied(inside[0])
    if not roots:
        everything = [document for found in documents.values() for document in found]
        kustomizations = tuple(_kustomizations(everything, ONLY_CLUSTER))
        return (
            {ONLY_CLUSTER: Fleet(ONLY_CLUSTER, kustomizations, tuple(_sources(everything)))} if kustomizations else {}
        )
    names = _names(roots)
    return {names[folder]: _named(fleet, names[folder]) for folder, fleet in roots.items()}


def _flux_objects(tree: Tree) -> Iterator[tuple[str, tuple[Mapping[str, Any], ...]]]:
    """Read the files that mention Flux; one that cannot be read is no place where a cluster begins."""
    for path in sorted(tree.files):
        content = tree.files[path]
        if path.endswith((".yaml", ".yml")) and b"fluxcd." in content:
            try:
                yield path, objects(path, content)
            except UnreadableManifestError:
                continue


def _starts_in(path: str, found: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Give the folder that each cluster which begins in this file is built from."""
    for document in found:
        spec = _mapping(document.get("spec"))
        if posixpath.basename(path) == _SYNC_FILE and _is(document, _KUSTOMIZE_GROUP, "Kustomization"):
            yield clamped(str(spec.get("path") or ""))
        if _is(document, _OPERATOR_GROUP, "FluxInstance") and _mapping(spec.get("sync")):
            yield clamped(str(_mapping(spec["sync"]).get("path") or ""))


def _bootstrapped(starts: Iterable[tuple[str, Sequence[Mapping[str, Any]]]]) -> Fleet:
    kustomizations: list[Kustomization] = []
    sources: list[Source] = []
    for _, found in starts:
        kustomizations.extend(_kustomizations(found, ""))
        sources.extend(_sources(found))
        for document in found:
            if _is(document, _OPERATOR_GROUP, "FluxInstance"):
                kustomization, source = _of_instance(document)
                kustomizations.append(kustomization)
                sources.append(source)
    return Fleet("", tuple(kustomizations), tuple(sources))


def _of_instance(instance: Mapping[str, Any]) -> tuple[Kustomization, Source]:
    """Give what the Flux operator makes of ``spec.sync``."""
    sync = _mapping(_mapping(instance.get("spec")).get("sync"))
    namespace = str(_mapping(instance["metadata"]).get("namespace") or "flux-system")
    name = str(sync.get("name") or namespace)
    kind = str(sync.get("kind") or "GitRepository")
    spec = {"path": sync.get("path"), "prune": True, "sourceRef": {"kind": kind, "name": name}}
    source = Source(kind, namespace, name, {"url": sync.get("url"), "ref": {"name": sync.get("ref")}})
    return Kustomization(KustomizationId("", namespace, name), spec, live=False), source


def _implied(folder: str) -> Fleet:
    spec = {"path": f"./{folder}", "sourceRef": {"kind": "GitRepository", "name": "flux-system"}}
    # No name that a Kustomization of the cluster may have as well.
    root = Kustomization(KustomizationId("", "flux-system", "everything-in-the-folder"), spec, live=False)
    return Fleet("", (root,), implied=True)


def _names(folders: Iterable[str]) -> dict[str, str]:
    """Name each cluster after its folder, by as much of the path as tells it from the others."""
    folders = list(folders)
    last = {folder: posixpath.basename(folder) or ONLY_CLUSTER for folder in folders}
    return {
        folder: name if list(last.values()).count(name) == 1 else folder or ONLY_CLUSTER
        for folder, name in last.items()
    }


def _named(fleet: Fleet, cluster: str) -> Fleet:
    return Fleet(
        cluster,
        tuple(
            Kustomization(KustomizationId(cluster, known.id.namespace, known.id.name), known.spec, live=False)
            for known in fleet.kustomizations
        ),
        fleet.sources,
        fleet.implied,
    )


def _overlap(one: str, other: str) -> bool:
    return one == other or one.startswith(other + "/") or other.startswith(one + "/") or not other


def _kustomizations(found: Iterable[Mapping[str, Any]], cluster: str) -> Iterator[Kustomization]:
    for document in found:
        if _is(document, _KUSTOMIZE_GROUP, "Kustomization"):
            metadata = _mapping(document["metadata"])
            namespace, name = str(metadata.get("namespace") or "flux-system"), str(metadata["name"])
            yield Kustomization(KustomizationId(cluster, namespace, name), _mapping(document.get("spec")), live=False)


def _sources(found: Iterable[Mapping[str, Any]]) -> Iterator[Source]:
    for document in found:
        if _group(document) == _SOURCE_GROUP:
            metadata = _mapping(document["metadata"])
            namespace = str(metadata.get("namespace") or "flux-system")
            yield Source(str(document["kind"]), namespace, str(metadata["name"]), _mapping(document.get("spec")))


def _is(document: Mapping[str, Any], group: str, kind: str) -> bool:
    return _group(document) == group and document.get("kind") == kind


def _group(document: Mapping[str, Any]) -> str:
    return str(document.get("apiVersion") or "").rpartition("/")[0]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def fed_offline(fleet: Fleet, remote_urls: Sequence[str]) -> Fed:
    """Decide which sources of a fleet are the clone at hand: those with an address of it.

    A source that nobody describes may be it. So may all of them when none has an address of the clone:
    a clone without a remote, or of a fork. A Kustomization whose folder is not there is then found out
    by its path.
    """
    known = {(source.kind, source.namespace, source.name): source for source in fleet.sources}
    matching = {
        key for key, source in known.items() if any(same_repository(source_address(source), url) for url in remote_urls)
    }
    sources: dict[tuple[str, str, str], Source] = {}
    fed, not_looked_at = [], []
    for kustomization in fleet.kustomizations:
        kind, namespace, name = kustomization.source
        source = known.get((kind, namespace, name), Source(kind, namespace, name, {"ref": {"branch": "any"}}))
        instead = following(source.spec).instead
        if kind != "GitRepository":
            not_looked_at.append(NotLookedAt(kustomization, unfollowed(kustomization)))
        elif matching and (kind, namespace, name) in known.keys() - matching:
            continue
        elif instead:
            not_looked_at.append(NotLookedAt(kustomization, elsewhere(source, instead)))
        else:
            fed.append(kustomization)
            sources[kind, namespace, name] = source
    return Fed(fleet.cluster, sources, tuple(fed), fleet.kustomizations, tuple(not_looked_at))
