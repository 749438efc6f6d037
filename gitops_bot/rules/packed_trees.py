"""Base and result as each source packs them: packed once for each way of packing, when first asked for."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal

from gitops_bot.models.kustomizations import Kustomization
from gitops_bot.models.tree import Tree
from gitops_bot.rules.artifact import differing_paths, pack, without_ignore_files
from gitops_bot.rules.closure import Closure, TreeIndex, closure_of

# Settings of a GitRepository that decide what is packed.
_PACKING = ("ignore", "sparseCheckout", "include", "recurseSubmodules")

Side = Literal["base", "result"]


class PackedTrees:
    """The trees of a change, by the names ``base-…`` and ``result-…``.

    ``result`` is None when nobody may read it (a held pull request) or there is none (a conflict):
    then ``changed``, the paths that git names, are all that is known of it.
    """

    def __init__(self, base: Tree, result: Tree | None, changed: frozenset[str] = frozenset()) -> None:
        self.result_is_known = result is not None
        self._changed = changed
        self._trees: Mapping[Side, Tree] = {"base": base, "result": result or Tree()}
        # By name: as packed, and as flux should see it.
        self._packed: dict[str, Tree] = {}
        self._indexes: dict[str, TreeIndex] = {}
        self._closures: dict[tuple[str, str, tuple[str, ...]], Closure] = {}
        self._obstacles: dict[str, str] = {}
        self._roots: dict[str, str] = {}
        self._differing: dict[tuple[str, str], frozenset[str]] = {}

    def name(self, side: Side, source_spec: Mapping[str, Any], root: str = "") -> str:
        """Give the name of the tree that a source packs at one side; sources that pack alike share it.

        ``root``: the folder that an artifact is made of; "" for all of the repository.
        """
        name = f"{side}-{_packing_key(source_spec, root)}"
        if name not in self._packed:
            artifact = pack(_below(self._trees[side], root), source_spec)
            self._roots[name] = root
            self._packed[name] = artifact.tree
            self._indexes[name] = TreeIndex(without_ignore_files(artifact.tree))
            self._obstacles[name] = artifact.reason
        return name

    @property
    def trees(self) -> dict[str, Tree]:
        """The trees by name, as flux should see them."""
        return {name: index.tree for name, index in self._indexes.items()}

    def tree(self, name: str) -> Tree:
        """One tree, as flux should see it; an empty one for ""."""
        return self._indexes[name].tree if name else Tree()

    def closure(self, name: str, kustomization: Kustomization) -> Closure:
        """What a Kustomization is built from in one tree; walked once for all that begin alike."""
        components = kustomization.spec.get("components") or ()
        key = name, str(kustomization.spec.get("path") or ""), tuple(str(component) for component in components)
        if key not in self._closures:
            self._closures[key] = closure_of(self._indexes[name], kustomization)
        return self._closures[key]

    def obstacle(self, name: str) -> str:
        """Why what is packed could not be reproduced; "" when it could."""
        return self._obstacles.get(name, "")

    def differing(self, base_name: str, result_name: str) -> frozenset[str]:
        """Paths that differ between two packed trees; those that git names when the result is not known."""
        if not self.result_is_known:
            root = self._roots.get(base_name or result_name, "")
            start = f"{root}/" if root else ""
            return frozenset(path.removeprefix(start) for path in self._changed if path.startswith(start))
        key = base_name, result_name
        if key not in self._differing:
            one, other = (self._packed[name] if name else Tree() for name in key)
            self._differing[key] = differing_paths(one, other)
        return self._differing[key]


def _below(tree: Tree, root: str) -> Tree:
    """Give a folder of a tree, with paths counted from it."""
    if not root:
        return tree
    start = f"{root}/"
    oversized, links = (
        frozenset(path.removeprefix(start) for path in paths if path.startswith(start))
        for paths in (tree.oversized, tree.links)
    )
    files = {path.removeprefix(start): content for path, content in tree.files.items() if path.startswith(start)}
    return Tree(files, oversized, links)


def _packing_key(spec: Mapping[str, Any], root: str) -> str:
    packing = {name: spec[name] for name in _PACKING if spec.get(name)}
    packing |= {"root": root} if root else {}
    text = json.dumps(packing, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:8] if packing else "whole"
