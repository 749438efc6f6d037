"""Objects that SOPS encrypted in a repository, Secrets apart, as far as its files tell.

Flux decrypts them in the cluster but not here: a diff would print the plain text that lives there, above all
when a change takes the encrypted text away. So they are known by kind and name, from every tree that a session
sees. Where a file does not say which object it is about, ``""`` stands for any kind, or any name.

Flux decrypts manifests, what ``secretGenerator`` reads (Secrets), and patches in files of their own:
https://github.com/fluxcd/kustomize-controller/blob/v1.9.5/internal/decryptor/decryptor.go
"""

import posixpath
import re
from collections.abc import Iterator, Mapping

from gitops_bot.models.tree import Tree
from gitops_bot.rules.kustomize_fields import KUSTOMIZATION_FILES
from gitops_bot.rules.manifests import Reading, UnreadableManifestError, first_reading
from gitops_bot.rules.references import resolve
from gitops_bot.rules.sealed_files import is_sealed
from gitops_bot.rules.secret_objects import sealed_objects

# Kind and name; ``inner`` of a name, for kustomize may put something before or behind it.
Encrypted = frozenset[tuple[str, str]]

_VARIABLE = re.compile(r"\$\{[^}]*\}")
# A target's kind and name are patterns for kustomize; what is not plain may match anything.
_PLAIN = re.compile(r"[A-Za-z0-9-]+")


def encrypted_in(tree: Tree) -> Encrypted:
    """Give kind and name of what a tree holds encrypted; never raises."""
    sealed = {path: sealed_objects(content.decode("utf-8", "replace")) for path, content in _sealed(tree)}
    found = {one for objects in sealed.values() for one in objects}
    if sealed:
        found.update(_patched(tree, sealed))
    return frozenset(one for one in found if one[0] != "Secret")


def may_be_encrypted(kind: str, name: str, encrypted: Encrypted) -> bool:
    """Whether an object may be one of these: its name may have something around it, and variables in it."""
    return any(one in {"", kind} and all(part in name for part in _VARIABLE.split(inner)) for one, inner in encrypted)


def _sealed(tree: Tree) -> Iterator[tuple[str, bytes]]:
    return ((path, content) for path, content in tree.files.items() if is_sealed(content))


def _patched(tree: Tree, sealed: Mapping[str, frozenset[tuple[str, str]]]) -> Iterator[tuple[str, str]]:
    """Go through what encrypted patches are for: with a target their own names mean nothing."""
    for path, content in tree.files.items():
        if posixpath.basename(path) not in KUSTOMIZATION_FILES or b"patches" not in content.lower():
            continue
        try:
            kustomization = first_reading(path, content)
        except UnreadableManifestError:
            continue
        for patch in _each(kustomization, "patches"):
            files = {resolve(posixpath.dirname(path), reference) for reference in patch.texts("path")}
            for file in files & sealed.keys():
                targets = list(patch.every("target"))
                yield from (_wanted(target) for target in targets)
                if not targets and not sealed[str(file)]:
                    yield "", ""


def _each(reading: Reading | None, field: str) -> Iterator[Reading]:
    for value in reading.every(field) if reading is not None else ():
        yield from value.items()


def _wanted(target: Reading) -> tuple[str, str]:
    kind, name = (next(target.texts(field), "") for field in ("kind", "name"))
    return kind if _PLAIN.fullmatch(kind) else "", name if _PLAIN.fullmatch(name) else ""
