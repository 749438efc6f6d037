"""What a Kustomization is built from: every file that may change its render, and every way out of the tree.

The walk is wider than the build: it follows each reference in each reading of the YAML, and names
files that are not there but would count if they were. A candidate too many costs one render; one
too few is a change that nobody sees.

Source: https://github.com/kubernetes-sigs/kustomize/blob/api/v0.21.1/api/types/kustomization.go
and https://github.com/fluxcd/pkg/blob/kustomize/v1.35.6/kustomize/kustomize_generator.go
"""

import posixpath
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from gitops_bot.models.kustomizations import Kustomization
from gitops_bot.models.tree import Tree
from gitops_bot.rules.kept_readings import KeptReadings
from gitops_bot.rules.kustomize_fields import (
    GENERATORS,
    KUSTOMIZATION_FILES,
    PLUGINS,
    UNALTERED,
    chart_homes,
    inline_documents,
    manifest_files,
    manifests_of_plugin,
    patch_files,
    plain_files,
)
from gitops_bot.rules.manifests import Reading, UnreadableManifestError, measure, readings
from gitops_bot.rules.references import (
    MOST_REFERENCES,
    Outside,
    Patience,
    TooManyReferencesError,
    clamped,
    is_address,
    is_repository,
    resolve,
)

_MANIFEST_ENDINGS = (".yaml", ".yml")
# Folders of generators inside folders of generators: nobody does that, and it must end.
_DEEPEST = 8


@dataclass(frozen=True)
class Closure:
    """What a Kustomization is built from, in one tree.

    ``files``: paths whose content, presence or absence may change the render.
    ``folders``: folders that Flux lists, because they have no kustomization file of their own.
    ``outside``: references that must keep flux from being started. So must what is ``unread``:
    files that grow out of bounds, and kustomizations and plugins that may hold any reference, as
    nobody could read them.
    ``errors``: why the build will likely fail (a file that is missing, a broken kustomization).
    ``complete`` is False when something could not be read: then any change may matter.
    ``generated`` says that Flux makes up the kustomization file of ``spec.path``; ``exists`` that
    there is such a folder.
    """

    files: frozenset[str]
    folders: frozenset[str] = frozenset()
    outside: tuple[Outside, ...] = ()
    unread: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    complete: bool = True
    generated: bool = False
    exists: bool = True

    @property
    def refusal(self) -> str:
        """Why flux must not see this; "" when it may."""
        return "; ".join([str(reference) for reference in self.outside] + list(self.unread))

    def may_list(self, path: str) -> bool:
        """Whether Flux would look at this path, were it added to a folder that Flux lists."""
        looked_at = path.endswith(_MANIFEST_ENDINGS) or posixpath.basename(path) in KUSTOMIZATION_FILES
        return looked_at and any(_is_below(path, folder) for folder in self.folders)


def _is_below(path: str, folder: str) -> bool:
    return not folder or path.startswith(folder + "/")


class TreeIndex:
    """A tree, prepared for many walks: which folders there are, what lies below them, what was read before."""

    def __init__(self, tree: Tree) -> None:
        """Sort the paths once."""
        self.tree = tree
        self._paths = sorted(tree.files.keys() | tree.oversized)
        self._folders = {""}
        for path in self._paths:
            folder = posixpath.dirname(path)
            while folder not in self._folders:
                self._folders.add(folder)
                folder = posixpath.dirname(folder)
        self._read = KeptReadings()
        self._measured: dict[str, str] = {}

    def is_file(self, path: str) -> bool:
        """Whether there is a file, readable or not."""
        return path in self.tree.files or path in self.tree.oversized

    def is_folder(self, path: str) -> bool:
        """Whether anything lies below."""
        return path in self._folders

    def below(self, folder: str) -> list[str]:
        """All files below a folder, at any depth, in order."""
        if not folder:
            return self._paths
        return self._paths[bisect_left(self._paths, folder + "/") : bisect_left(self._paths, folder + "0")]

    def link(self, path: str) -> str:
        """Return the symbolic link or submodule that this path is or goes through; "" when there is none."""
        while path:
            if path in self.tree.links:
                return path
            path = posixpath.dirname(path)
        return ""

    def kustomization(self, path: str) -> Reading | None:
        """Read a kustomization file; UnreadableManifestError."""
        return self._read.get(path, self._content(path))

    def documents(self, path: str) -> list[Reading]:
        """Read all documents of a file; UnreadableManifestError."""
        return list(readings(path, self._content(path)))

    def bomb(self, path: str) -> str:
        """Say what is wrong with a file that grows when its aliases are written out; "" when it does not."""
        if path not in self._measured:
            self._measured[path] = ""
            # Without a star there is no alias; most files have none and need not be read.
            if b"*" in self.tree.files.get(path, b""):
                try:
                    measure(path, self.tree.files[path])
                except UnreadableManifestError as error:
                    self._measured[path] = str(error) if error.out_of_bounds else ""
        return self._measured[path]

    def _content(self, path: str) -> bytes:
        if path in self.tree.oversized:
            raise UnreadableManifestError(path, "is too large to read", out_of_bounds=True)
        return self.tree.files[path]


def closure_of(tree: Tree | TreeIndex, kustomization: Kustomization) -> Closure:
    """Walk through everything that a Kustomization is built from. A `TreeIndex` saves work when there are many."""
    index = tree if isinstance(tree, TreeIndex) else TreeIndex(tree)
    walk = _Walk(index)
    walk.start(clamped(str(kustomization.spec.get("path") or "")), kustomization.spec)
    return walk.result()


class _Walk:
    """One walk: collects what `Closure` says, folder by folder."""

    def __init__(self, index: TreeIndex, depth: int = 0, patience: Patience | None = None) -> None:
        self._index = index
        self._depth = depth
        self._patience = patience or Patience()
        self._files: set[str] = set()
        self._folders: set[str] = set()
        self._outside: set[Outside] = set()
        self._unread: set[str] = set()
        self._errors: dict[str, None] = {}
        self._complete = True
        self._generated = False
        self._exists = True
        self._waiting: list[str] = []
        self._seen: set[str] = set()
        # For folders of generators: the files whose objects are configurations, and whether they are altered.
        self._resources: set[str] = set()
        self._altered = False

    def start(self, folder: str, spec: Mapping[str, Any]) -> None:
        """Walk from ``spec.path``, with what the Flux Kustomization adds of its own."""
        try:
            self._start(folder, spec)
        except TooManyReferencesError:
            self._complete = False
            self._unread.add(f"it refers to more than {MOST_REFERENCES} files: too many to be followed")

    def _start(self, folder: str, spec: Mapping[str, Any]) -> None:
        self._files.update(posixpath.join(folder, name) for name in KUSTOMIZATION_FILES)
        link = self._index.link(folder)
        if link:
            self._outside.add(Outside("spec.path", folder, "a symbolic link, which source-controller leaves out"))
        if not self._index.is_folder(folder):
            self._exists = False
            self._errors[f"the path ./{folder} does not exist"] = None
            self._folders.add(folder)
        elif any(self._index.is_file(posixpath.join(folder, name)) for name in KUSTOMIZATION_FILES):
            self._waiting.append(folder)
        else:
            self._generate(folder)
        for reference in spec.get("components") or ():
            self._folder("spec.components", folder, str(reference))
        self._work()

    def result(self) -> Closure:
        """Put together what was found."""
        return Closure(
            frozenset(self._files),
            frozenset(self._folders),
            tuple(sorted(self._outside)),
            tuple(sorted(self._unread)),
            tuple(self._errors),
            self._complete,
            self._generated,
            self._exists,
        )

    def _generate(self, root: str) -> None:
        """Take what Flux would list: manifests, and folders with a kustomization file without looking below those."""
        self._generated = True
        self._folders.add(root)
        below = self._index.below(root)
        built = {posixpath.dirname(path) for path in below if posixpath.basename(path) in KUSTOMIZATION_FILES}
        for path in below:
            parts = path.removeprefix(root).strip("/").split("/")[:-1]
            above = (posixpath.join(root, *parts[: at + 1]) for at in range(len(parts)))
            folder = next((folder for folder in above if folder in built), None)
            if folder is not None:
                self._waiting.append(folder)
            elif path.endswith(_MANIFEST_ENDINGS):
                self._load(path, parsed=True)
                self._resources.add(path)

    def _work(self) -> None:
        while self._waiting:
            folder = self._waiting.pop()
            if folder not in self._seen:
                self._seen.add(folder)
                self._visit(folder)

    def _visit(self, folder: str) -> None:
        paths = [posixpath.join(folder, name) for name in KUSTOMIZATION_FILES]
        self._files.update(paths)
        present = [path for path in paths if self._index.is_file(path)]
        for path in paths:
            if self._index.is_folder(path):
                self._errors[f"{path} is a folder"] = None
        if not present:
            self._errors[f"{folder or 'the root'} has no kustomization file"] = None
        for path in present:
            try:
                reading = self._index.kustomization(path)
            except UnreadableManifestError as error:
                self._unreadable(error)
            else:
                if reading is not None:
                    self._read(path, folder, reading)

    def _unreadable(self, error: UnreadableManifestError) -> None:
        self._complete = False
        self._errors[str(error)] = None
        self._unread.add(str(error))

    def _read(self, file: str, folder: str, reading: Reading) -> None:
        """Follow every field of a kustomization that takes a path."""
        for field in ("resources", "bases"):
            for reference in reading.texts(field):
                self._resource(file, folder, reference)
        for reference in reading.texts("components"):
            self._folder(file, folder, reference)
        for reference in manifest_files(file, reading):
            self._file(file, folder, reference)
        for reference in plain_files(reading, *GENERATORS):
            self._file(file, folder, reference, parsed=False)
        for field in PLUGINS:
            for text in reading.texts(field):
                self._plugin(file, folder, text)
        for chart_home in chart_homes(reading):
            self._chart(file, folder, chart_home)
        self._altered |= any(name.casefold() not in UNALTERED for name, _ in reading.fields())

    def _resource(self, file: str, folder: str, reference: str) -> str | None:
        """Follow what may be a file or a folder; kustomize tries the file first."""
        path = resolve(folder, reference)
        if path is not None and not is_address(reference) and self._index.is_file(path):
            self._file(file, folder, reference)
            self._resources.add(path)
            return path
        if path is not None:
            self._files.add(path)
        self._folder(file, folder, reference)
        return None

    def _folder(self, file: str, folder: str, reference: str) -> str | None:
        path = self._inside(file, folder, reference, is_address(reference) or is_repository(reference))
        if path is not None:
            self._waiting.append(path)
        return path

    def _file(self, file: str, folder: str, reference: str, *, parsed: bool = True) -> None:
        path = self._inside(file, folder, reference, is_address(reference))
        if path is None:
            return
        if not self._index.is_file(path):
            self._errors[f"{file} refers to {path}, which does not exist"] = None
        self._load(path, parsed=parsed)

    def _load(self, path: str, *, parsed: bool) -> None:
        self._files.add(path)
        if path in self._index.tree.oversized:
            self._unread.add(f"{path}: is too large to read")
        bomb = self._index.bomb(path) if parsed else ""
        if bomb:
            self._unread.add(bomb)

    def _inside(self, file: str, folder: str, reference: str, address: bool) -> str | None:  # noqa: FBT001 # private
        """Resolve a reference, or note that it is refused."""
        self._patience.spend(1)
        path = None if address else resolve(folder, reference)
        link = self._index.link(path) if path else ""
        if path is not None and not link:
            return path
        why = "an address: nothing is fetched" if address else "which is outside of the repository"
        if link:
            self._files.add(str(path))
            why = "a symbolic link, which source-controller leaves out"
        self._outside.add(Outside(file, reference, why))
        return None

    def _plugin(self, file: str, folder: str, text: str) -> None:
        """Follow a generator, transformer or validator: written out here, in a file, or built from a folder."""
        inline = inline_documents(file, text)
        if inline:
            self._configurations(file, folder, inline)
            return
        if "\n" in text:
            # No path, and YAML that only others can read.
            self._unreadable(UnreadableManifestError(file, "holds a plugin that is not valid YAML"))
            return
        path = self._resource(file, folder, text)
        if path is not None:
            self._configured_by(folder, [path])
            return
        built = resolve(folder, text)
        if built is None or is_address(text) or is_repository(text):
            return
        if self._depth >= _DEEPEST:
            self._not_followed(file, text)
            return
        inner = _Walk(self._index, self._depth + 1, self._patience)
        inner._waiting.append(built)
        inner._work()
        if inner._altered or not inner._complete:
            self._not_followed(file, text)
        self._configured_by(folder, sorted(inner._resources))

    def _not_followed(self, file: str, reference: str) -> None:
        """What alters a plugin may write any reference into it: so nobody could read them."""
        self._complete = False
        why = f"{file} takes plugins from {reference}, which is altered by a kustomization of its own"
        self._errors[why] = None
        self._unread.add(why)

    def _configured_by(self, folder: str, paths: list[str]) -> None:
        for path in paths:
            self._patience.spend_on_file(len(self._index.tree.files.get(path, b"")))
            try:
                self._configurations(path, folder, self._index.documents(path))
            except UnreadableManifestError as error:
                self._unreadable(error)

    def _configurations(self, file: str, folder: str, documents: list[Reading]) -> None:
        """Follow the paths in configurations of kustomize's own plugins; they start at the kustomization's folder."""
        waiting = list(documents)
        while waiting:
            document = waiting.pop()
            for items in document.every("items"):
                waiting.extend(items.items())
            for reference in chain(manifests_of_plugin(document), patch_files(file, document.texts("paths"))):
                self._file(file, folder, reference)
            for reference in plain_files(document):
                self._file(file, folder, reference, parsed=False)
            for chart_home in document.texts("chartHome"):
                self._chart(file, folder, chart_home)

    def _chart(self, file: str, folder: str, chart_home: str) -> None:
        path = self._inside(file, folder, chart_home, is_address(chart_home))
        if path is not None:
            self._folders.add(path)
            self._files.update(self._index.below(path))
