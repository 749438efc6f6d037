"""Which Kustomizations a pull request touches.

fed -> candidates by their files -> (render) -> children and readers of what changed -> …

A candidate is one whose render *may* differ; whether it does is known once base and result are
rendered. Nothing that may be touched is left out.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from gitops_bot.models.changes import SealedChange
from gitops_bot.models.kustomizations import Kustomization, KustomizationId, ObjectReference, Source
from gitops_bot.models.tree import Tree
from gitops_bot.rules.artifact import IGNORE_FILE
from gitops_bot.rules.closure import Closure
from gitops_bot.rules.consequences import ChildChange, reads
from gitops_bot.rules.feeds import ArtifactOrigin, Fed, NotLookedAt, fed_by, not_reviewable, watched_repositories
from gitops_bot.rules.packed_trees import PackedTrees, Side
from gitops_bot.rules.sealed_files import sealed_changes

__all__ = [
    "AffectedKustomization",
    "ArtifactOrigin",
    "Candidate",
    "Fed",
    "NotLookedAt",
    "Reason",
    "Surroundings",
    "fed_by",
    "not_reviewable",
    "render_key",
    "spec_reason",
    "watched_repositories",
]

_SHOWN = 3


class Reason(StrEnum):
    """Why a Kustomization is on the list; the words of ``gitops-bot affected --output json``."""

    CHANGED = "changed"
    SPEC_CHANGED = "spec-changed"
    ADDED = "added"
    REMOVED = "removed"
    ERROR = "error"
    NOT_ANALYSED = "not-analysed"


@dataclass(frozen=True, order=True)
class AffectedKustomization:
    """One line of the answer. ``because`` says in a sentence what ``reason`` says in a word."""

    cluster: str
    namespace: str
    name: str
    path: str
    reason: Reason
    because: str = field(compare=False)


@dataclass(frozen=True)
class Candidate:
    """A Kustomization whose render may differ.

    ``base`` and ``result`` are what is built at either side (None: it does not exist there); they
    are the same unless the pull request changes its spec. ``base_tree`` and ``result_tree`` are
    names in `Surroundings.trees`. ``because`` is a sentence without a full stop.
    ``spec_changed``: its parent renders another spec at the result (the live one, which ``base`` is,
    also differs from a render by the defaults that the cluster fills in).
    ``always_compare``: equal renders prove nothing (an encrypted file, or a secret variable, changed).
    ``obstacle``: why it cannot be rendered at all; "" when it can.
    """

    id: KustomizationId
    reason: Reason
    because: str
    base: Kustomization | None
    result: Kustomization | None
    base_tree: str = ""
    result_tree: str = ""
    base_closure: Closure | None = None
    result_closure: Closure | None = None
    spec_changed: bool = False
    always_compare: bool = False
    reads_changed_values: bool = False
    # Encrypted files among those that it is built from which change.
    sealed_changes: tuple[SealedChange, ...] = ()
    obstacle: str = ""

    @property
    def sealed(self) -> bool:
        """Whether an encrypted file changes: flux masks what it holds, so equal renders prove nothing."""
        return bool(self.sealed_changes)

    @property
    def either(self) -> Kustomization:
        """The Kustomization as it will be, or as it was when it goes."""
        found = self.result or self.base
        if found is None:
            raise ValueError(f"{self.id} exists at neither side")
        return found


def render_key(kustomization: Kustomization, closure: Closure, tree: Tree) -> str:
    """Digest what decides a render: name, spec, and the files it is built from, missing ones included.

    Values that ``postBuild.substituteFrom`` reads in the cluster are not part of it: a render that
    substitutes them may be kept only for a short time.
    """
    digest = hashlib.sha256()
    head = [kustomization.id.namespace, kustomization.id.name, _plain(kustomization.spec), closure.complete]
    head += [_plain(kustomization.given_values)] if kustomization.given_values else []
    digest.update(json.dumps(head, sort_keys=True).encode())
    for path in sorted(closure.files if closure.complete else closure.files | tree.files.keys()):
        content = tree.files.get(path)
        digest.update(f"\n{path}\n".encode("utf-8", "surrogateescape"))
        digest.update(hashlib.sha256(content).digest() if content is not None else b"missing")
    return digest.hexdigest()


def _plain(value: Any) -> Any:
    """Make a spec fit for JSON: a render may hold what only YAML has."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


class Surroundings:
    """The trees of base and result as each source packs them, and what can be asked of them.

    ``result`` is None when nobody may read it (a held pull request) or there is none (a conflict):
    then ``changed``, the paths that git names, decide together with the base alone.
    """

    def __init__(
        self, fed: Fed, base: Tree, result: Tree | None, changed: frozenset[str], *, packed: PackedTrees | None = None
    ) -> None:
        """Pack both trees for each source. Takes a tenth of a second for 20,000 files: use a thread.

        ``packed`` shares the work with other surroundings of the same base and result.
        """
        self.fed = fed
        self.packed = packed or PackedTrees(base, result, changed)
        for key in fed.sources:
            self.tree_of("base", key)
            self.tree_of("result", key)

    @property
    def trees(self) -> Mapping[str, Tree]:
        """The trees by the names that candidates use, as flux should see them."""
        return self.packed.trees

    def tree_of(self, side: Side, source: tuple[str, str, str]) -> str:
        """Give the name of the tree that a source (kind, namespace, name) holds; "" when it is not fed from here."""
        known = self.fed.sources.get(source)
        return self.packed.name(side, known.spec, self.fed.roots.get(source, "")) if known else ""

    def candidates(self) -> tuple[Candidate, ...]:
        """Find the Kustomizations of the cluster in whose closure something changes."""
        found = (self.candidate(kustomization) for kustomization in self.fed.kustomizations)
        return tuple(sorted((candidate for candidate in found if candidate), key=lambda candidate: candidate.id))

    def children(
        self, changes: Iterable[ChildChange], new_sources: Mapping[tuple[str, str, str], Source] | None = None
    ) -> tuple[Candidate, ...]:
        """Turn changes of child Kustomizations into candidates.

        The live spec stands for the base where there is one. ``new_sources`` are those in the
        parents' renders, for children whose source comes with the same pull request.
        """
        live = {kustomization.id: kustomization for kustomization in self.fed.others}
        found = []
        for change in changes:
            known = live.get(change.id)
            base = known or _from_render(change.id, change.base, known)
            if change.base == change.result:
                # What the snapshot has, and no parent changes, is judged by its files alone: `candidates` did.
                candidate = None if known else self.candidate(base)
            else:
                result = _from_render(change.id, change.result, known)
                reason, because = spec_reason(change)
                candidate = self.judged(base, result, reason, because, new_sources)
            if candidate is not None:
                found.append(candidate)
        return tuple(found)

    def readers(self, changed: Iterable[ObjectReference], *, through: str = "") -> tuple[Candidate, ...]:
        """Find the Kustomizations that substitute values of ConfigMaps or Secrets which change."""
        changed = tuple(changed)
        found = []
        for kustomization in self.fed.others:
            read = reads(kustomization, changed)
            if read:
                names = ", ".join(str(reference) for reference in read)
                because = f"{names}, whose values it substitutes, changes" + (f" through {through}" if through else "")
                candidate = self._built(kustomization, kustomization, Reason.CHANGED, because)
                found.append(replace(candidate, reads_changed_values=True))
        return tuple(found)

    def refilled(
        self, sources: Mapping[tuple[str, str, str], Iterable[str]], *, but: Collection[KustomizationId] = ()
    ) -> tuple[Candidate, ...]:
        """Find the Kustomizations whose source will hold something else, by its fields that change: not known here."""
        found = []
        for kustomization in self.fed.others:
            fields = ", ".join(sources.get(kustomization.source, ()))
            if fields and kustomization.id not in but:
                kind, namespace, name = kustomization.source
                because = f"its source {kind} {namespace}/{name} changes: {fields}"
                candidate = self.judged(kustomization, kustomization, Reason.CHANGED, because)
                found.append(replace(candidate, obstacle=because))
        return tuple(found)

    def candidate(self, kustomization: Kustomization | None) -> Candidate | None:
        """Judge a Kustomization whose spec stays as it is; None when nothing that it is built from changes."""
        candidate = self._built(kustomization, kustomization, Reason.CHANGED, "")
        touched, because = self._touched(candidate)
        return self._finished(replace(candidate, because=because)) if touched else None

    def mentioned(self, candidate: Candidate, names: frozenset[str]) -> frozenset[str]:
        """Give those of some variables that a Kustomization may use: they stand in a file or in its spec.

        All of them where it is not known from which files it is built.
        """
        sides = (
            (candidate.base, candidate.base_tree, candidate.base_closure),
            (candidate.result, candidate.result_tree, candidate.result_closure),
        )
        found: set[str] = set()
        for kustomization, tree, closure in sides:
            if kustomization is None:
                continue
            if closure is None or not closure.complete:
                return names
            files = self.packed.tree(tree).files
            texts = [files.get(path, b"") for path in closure.files]
            # A patch in the spec may bring a variable too.
            texts.append(json.dumps(_plain(kustomization.spec)).encode())
            found |= {name for name in names if any(name.encode() in text for text in texts)}
        return frozenset(found)

    def built_from(self, candidates: Iterable[Candidate], changed: Iterable[str]) -> tuple[str, ...]:
        """Give those of the changed files that a candidate is built from, sorted; paths are those of the repository.

        Where it is not known what a candidate is built from, it counts as built from nothing.
        """
        built: set[str] = set()
        for one in candidates:
            closures = [closure for closure in (one.base_closure, one.result_closure) if closure is not None]
            known = not one.obstacle and all(closure.complete for closure in closures)
            # A source that packs a folder of the repository names files from there on.
            if known and not self.fed.roots.get(one.either.source):
                built.update(*(closure.files for closure in closures))
        return tuple(sorted(built.intersection(changed)))

    def has_folder(self, kustomization: Kustomization) -> bool:
        """Whether the folder of a Kustomization that is fed is there at base or at result."""
        sides = self._built(kustomization, kustomization, Reason.CHANGED, "")
        return any(closure is None or closure.exists for closure in (sides.base_closure, sides.result_closure))

    def judged(
        self,
        base: Kustomization | None,
        result: Kustomization | None,
        reason: Reason,
        because: str,
        more: Mapping[tuple[str, str, str], Source] | None = None,
    ) -> Candidate:
        """Judge a Kustomization that is a candidate in any case. ``more``: sources in the renders of its parents."""
        return self._finished(self._built(base, result, reason, because, more))

    def _finished(self, candidate: Candidate) -> Candidate:
        touched, _ = self._touched(candidate)
        trees = [self.packed.tree(tree) for tree in (candidate.base_tree, candidate.result_tree)]
        sealed = sealed_changes(touched, *trees)
        return replace(
            candidate,
            sealed_changes=sealed,
            always_compare=bool(sealed),
            spec_changed=candidate.reason is Reason.SPEC_CHANGED,
        )

    def _built(
        self,
        base: Kustomization | None,
        result: Kustomization | None,
        reason: Reason,
        because: str,
        more: Mapping[tuple[str, str, str], Source] | None = None,
    ) -> Candidate:
        either = result or base
        if either is None:
            raise ValueError("a candidate exists at one side at least")
        base_tree, base_obstacle = self._tree("base", base, {})
        result_tree, result_obstacle = self._tree("result", result, more or {})
        return Candidate(
            either.id,
            reason,
            because,
            base,
            result,
            base_tree,
            result_tree,
            self.packed.closure(base_tree, base) if base and base_tree else None,
            self.packed.closure(result_tree, result) if result and result_tree else None,
            obstacle=result_obstacle or base_obstacle,
        )

    def _tree(
        self, side: Side, kustomization: Kustomization | None, more: Mapping[tuple[str, str, str], Source]
    ) -> tuple[str, str]:
        """Give the name of the tree that a Kustomization is built from, and what is in the way of that."""
        if kustomization is None:
            return "", ""
        kind, namespace, name = kustomization.source
        tree = self.tree_of(side, kustomization.source)
        if not tree and (kind, namespace, name) in more:
            return "", f"its source {kind} {namespace}/{name} comes or changes with this pull request"
        if not tree:
            return "", f"its files come from {kind or 'no source'} {namespace}/{name}, not from this branch"
        reason = self.packed.obstacle(tree)
        return tree, f"what its source packs cannot be reproduced: {reason}" if reason else ""

    def _touched(self, candidate: Candidate) -> tuple[frozenset[str], str]:
        """Give the changed files that a candidate is built from, and say so."""
        closures = [closure for closure in (candidate.base_closure, candidate.result_closure) if closure]
        if not closures:
            return frozenset(), ""
        changes = self.packed.differing(candidate.base_tree, candidate.result_tree)
        touched = frozenset().union(*(closure.files for closure in closures)) & changes
        if not self.packed.result_is_known:
            listed = {path for path in changes if any(closure.may_list(path) for closure in closures)}
            touched |= listed | _ignoring(changes, closures)
        if touched:
            return touched, self._say(candidate, touched)
        unread = next((closure for closure in closures if not closure.complete), None)
        if unread is not None and changes:
            return changes, f"something changes, and not all of it can be followed ({unread.errors[0]})"
        if candidate.obstacle and changes:
            return changes, f"something changes, and {candidate.obstacle}"
        return frozenset(), ""

    def _say(self, candidate: Candidate, touched: frozenset[str]) -> str:
        paths = sorted(touched)
        shown = ", ".join(f"{path} {self._verb(candidate, path)}" for path in paths[:_SHOWN])
        return shown + (f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else "")

    def _verb(self, candidate: Candidate, path: str) -> str:
        if not self.packed.result_is_known:
            return "changes"
        before, after = (path in self.packed.tree(tree) for tree in (candidate.base_tree, candidate.result_tree))
        return {(True, False): "is removed", (False, True): "is added"}.get((before, after), "changes")


def _ignoring(changes: frozenset[str], closures: Iterable[Closure]) -> set[str]:
    """Give the changed ignore files that may take away or bring back a file which is built from."""
    found = set()
    for path in changes:
        folder, _, name = path.rpartition("/")
        if name == IGNORE_FILE:
            below = folder + "/" if folder else ""
            if any(built.startswith(below) for closure in closures for built in closure.files | closure.folders):
                found.add(path)
    return found


def _from_render(
    id_: KustomizationId, spec: Mapping[str, Any] | None, known: Kustomization | None
) -> Kustomization | None:
    if spec is None:
        return None
    if known is None:
        return Kustomization(id_, spec, live=False)
    return replace(known, spec=spec)


def spec_reason(change: ChildChange) -> tuple[Reason, str]:
    """Say what becomes of a child whose spec is not the same at both sides."""
    through = change.through if change.through != str(change.id) else ""
    if change.base is None:
        return Reason.ADDED, f"{through} adds it" if through else "it is added"
    if change.result is None:
        return Reason.REMOVED, f"{through} removes it" if through else "it is removed"
    names = change.base.keys() | change.result.keys()
    fields = sorted(name for name in names if change.base.get(name) != change.result.get(name))
    return Reason.SPEC_CHANGED, f"{through or 'it'} changes its spec: {', '.join(fields)}"
