"""Finds in a tree what Flux is to be started with, and points it at the stand-in.

First choice: what `flux bootstrap` wrote (``flux-system/gotk-sync.yaml``), one per cluster. Without
it: every Kustomization found in the tree, fed by one GitRepository that is made for them.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_SOURCE_GROUP = "source.toolkit.fluxcd.io/"
_KUSTOMIZE_GROUP = "kustomize.toolkit.fluxcd.io/"
_NAMESPACE = "flux-system"
# owner and name out of https, ssh and scp-like addresses.
_OWNER_AND_NAME = re.compile(r"[/:](?P<owner>[^/:]+)/(?P<name>[^/]+?)(?:\.git)?/?$")


@dataclass(frozen=True, slots=True)
class Sync:
    """What one cluster is started with."""

    # Where it was found, for a person.
    found_in: str
    documents: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Found:
    """One document of a tree."""

    path: str
    document: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """Its kind, qualified by group where two groups share it."""
        return str(self.document["kind"])

    @property
    def name(self) -> str:
        """namespace/name, the namespace being Flux's when none is written."""
        metadata = self.document["metadata"]
        return f"{metadata.get('namespace', _NAMESPACE)}/{metadata['name']}"


def owner_and_name(url: str) -> tuple[str, str] | None:
    """Give owner and name of a repository's address."""
    found = _OWNER_AND_NAME.search(url)
    return (found["owner"], found["name"]) if found else None


def read_tree(folder: Path) -> list[Found]:
    """Read every Kubernetes object of a tree; what is no valid YAML is somebody else's to complain about."""
    return [found for path in sorted(folder.rglob("*.y*ml")) for found in _read_file(path, folder)]


def _read_file(path: Path, folder: Path) -> Iterator[Found]:
    name = path.relative_to(folder)
    if ".git" in name.parts or path.is_symlink():
        return
    try:
        documents = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, yaml.YAMLError):
        return
    for document in documents:
        if isinstance(document, dict) and isinstance(document.get("metadata"), dict):
            is_object = isinstance(document.get("apiVersion"), str) and isinstance(document.get("kind"), str)
            if is_object and isinstance(document["metadata"].get("name"), str):
                yield Found(name.as_posix(), document)


def is_source(document: Mapping[str, Any]) -> bool:
    """Tell whether a document is a GitRepository of Flux."""
    return bool(document["kind"] == "GitRepository" and document["apiVersion"].startswith(_SOURCE_GROUP))


def is_kustomization(document: Mapping[str, Any]) -> bool:
    """Tell whether a document is a Kustomization of Flux (kustomize has one of its own)."""
    return bool(document["kind"] == "Kustomization" and document["apiVersion"].startswith(_KUSTOMIZE_GROUP))


def point_at(folder: Path, found: list[Found], repository: tuple[str, str], url: str) -> list[str]:
    """Replace the repository's own address by ``url`` in its files and give the files that changed.

    A GitRepository in a ``gotk-sync.yaml`` is taken as the repository itself, whatever it is called there.
    """
    changed = []
    for path in sorted({item.path for item in found}):
        text = before = (folder / path).read_text(encoding="utf-8")
        for item in found:
            if item.path != path or not is_source(item.document):
                continue
            address = str(item.document.get("spec", {}).get("url", ""))
            if address and (path.endswith("gotk-sync.yaml") or owner_and_name(address) == repository):
                text = text.replace(address, url)
        if text != before:
            (folder / path).write_text(text, encoding="utf-8")
            changed.append(path)
    return changed


def find_syncs(found: list[Found], url: str, branch: str) -> list[Sync]:
    """Give what clusters can be started with: one Sync per bootstrapped cluster, else one for the whole tree."""
    bootstrapped: dict[str, list[Mapping[str, Any]]] = {}
    for item in found:
        if item.path.endswith("flux-system/gotk-sync.yaml"):
            bootstrapped.setdefault(item.path, []).append(item.document)
    if bootstrapped:
        return [Sync(path, tuple(documents)) for path, documents in sorted(bootstrapped.items())]
    kustomizations = [item for item in found if is_kustomization(item.document)]
    if not kustomizations:
        return []
    # One of each name: overlays for several clusters may share names, and only one can be applied here.
    chosen = {item.name: item.document for item in reversed(kustomizations)}
    sources = {item.name: item.document for item in found if is_source(item.document)}
    made = {name: _source(name, url, branch) for name in _sources_of(chosen) if name not in sources}
    return [Sync("Kustomizations found in the tree", (*sources.values(), *made.values(), *chosen.values()))]


def _sources_of(kustomizations: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for name, document in kustomizations.items():
        reference = document.get("spec", {}).get("sourceRef", {})
        if reference.get("kind") == "GitRepository":
            yield f"{reference.get('namespace', name.split('/')[0])}/{reference.get('name')}"


def _source(name: str, url: str, branch: str) -> Mapping[str, Any]:
    namespace, plain = name.split("/", 1)
    return {
        "apiVersion": f"{_SOURCE_GROUP}v1",
        "kind": "GitRepository",
        "metadata": {"name": plain, "namespace": namespace},
        "spec": {"interval": "15s", "url": url, "ref": {"branch": branch}, "secretRef": {"name": "flux-system"}},
    }


def branches_of(found: list[Found], url: str) -> set[str]:
    """Give the branches that the tree's GitRepositories at ``url`` follow (without one, Flux takes master)."""
    return {
        str(item.document["spec"].get("ref", {}).get("branch") or "master")
        for item in found
        if is_source(item.document) and item.document.get("spec", {}).get("url") == url
    }
