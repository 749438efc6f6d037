"""Files that SOPS encrypted, compared as they lie in git: names of keys, and whether a ciphertext differs.

SOPS leaves keys in clear and encrypts values, and keeps the ciphertext of a value that an edit does
not touch. Nothing is decrypted here, and no value, encrypted or not, leaves this module.

Source: https://github.com/getsops/sops#encryption-protocol
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from gitops_bot.models.changes import SealedChange
from gitops_bot.models.kustomizations import ObjectReference
from gitops_bot.models.tree import Tree
from gitops_bot.rules.manifests import UnreadableManifestError, documents

MARK = b"ENC[AES256_GCM,"
_VALUE = MARK.decode()
_METADATA = "sops"
# `sops --output-type dotenv` and `ini` write one pair a line, and their own as sops_… or in a section.
_PAIR = re.compile(r"(?P<key>[A-Za-z0-9_.-]+)\s*=\s*(?P<value>.*)")

_IN_CLEAR = "it is in clear now: whoever reads the repository reads its values"
_SEALED_NOW = "it was in clear before: its old values stay readable in the history"
_NO_VALUE = "only what SOPS says of itself changes, for instance who can decrypt it"
_UNREADABLE = "it cannot be read, so its keys are not known"

# Where an object of a file begins, by kind, namespace and name; None for a file without objects.
_Parts = dict[ObjectReference | None, dict[str, str]]


def is_sealed(content: bytes) -> bool:
    """Whether SOPS encrypted something in a file."""
    return MARK in content


def sealed_changes(paths: Iterable[str], base: Tree, result: Tree) -> tuple[SealedChange, ...]:
    """Compare the encrypted ones among some files, object by object."""
    found: list[SealedChange] = []
    for path in sorted(paths):
        before, after = base.files.get(path, b""), result.files.get(path, b"")
        if before != after and (is_sealed(before) or is_sealed(after)):
            found += _of_file(path, before, after)
    return tuple(found)


def comes_from(rendered: ObjectReference, in_file: ObjectReference | None) -> bool:
    """Whether a rendered Secret may come from an encrypted file: kustomize may have put something around its name."""
    if rendered.kind != "Secret":
        return False
    return in_file is None or (in_file.kind == "Secret" and in_file.name in rendered.name)


def _of_file(path: str, before: bytes, after: bytes) -> Iterator[SealedChange]:
    try:
        old, new = _parts(path, before), _parts(path, after)
    except UnreadableManifestError:
        yield SealedChange(path, notes=(_UNREADABLE,))
        return
    told = False
    for reference in dict.fromkeys([*old, *new]):
        one, other = old.get(reference, {}), new.get(reference, {})
        sealed = {key for key in one.keys() | other.keys() if _VALUE in one.get(key, "") + other.get(key, "")}
        change = SealedChange(
            path,
            reference,
            added=tuple(sorted(sealed - one.keys())),
            removed=tuple(sorted(sealed - other.keys())),
            changed=tuple(sorted(key for key in sealed & one.keys() & other.keys() if one[key] != other[key])),
        )
        notes = _notes(one, other)
        if change.added or change.removed or change.changed:
            told = True
            yield replace(change, notes=notes)
    if not told:
        references = [reference for reference in new or old if reference is not None]
        yield SealedChange(path, references[0] if len(references) == 1 else None, notes=(_NO_VALUE,))


def _notes(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[str, ...]:
    """Say when values come out of the seal, or into it."""
    both = before.keys() & after.keys()
    opened = any(_VALUE in before[key] and _VALUE not in after[key] for key in both)
    closed = any(_VALUE in after[key] and _VALUE not in before[key] for key in both)
    return (*((_IN_CLEAR,) if opened else ()), *((_SEALED_NOW,) if closed else ()))


def _parts(path: str, content: bytes) -> _Parts:
    """Read a file as key to text, by object; UnreadableManifestError."""
    found: _Parts = {}
    mappings = [item for item in _documents(path, content) if isinstance(item, Mapping)]
    if not mappings and content.strip():
        return {None: dict(_pairs(content.decode("utf-8", "replace")))}
    for item in mappings:
        values = {key: value for key, value in item.items() if key != _METADATA}
        found.setdefault(_reference(item), {}).update(_leaves(values))
    return found


def _documents(path: str, content: bytes) -> tuple[Any, ...]:
    try:
        return documents(path, content)
    except UnreadableManifestError:
        # A dotenv or ini file is no YAML, or a strange one.
        if any(_PAIR.fullmatch(line) for line in content.decode("utf-8", "replace").splitlines()):
            return ()
        raise


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    section = ""
    for line in text.splitlines():
        if line.startswith("["):
            section = line.strip("[] \t")
        pair = _PAIR.fullmatch(line.strip())
        if pair and section != _METADATA and not pair["key"].startswith(f"{_METADATA}_"):
            yield (f"{section}.{pair['key']}" if section else pair["key"]), pair["value"]


def _reference(item: Mapping[str, Any]) -> ObjectReference | None:
    metadata = item.get("metadata")
    kind = item.get("kind")
    if not kind or not isinstance(metadata, Mapping) or not metadata.get("name"):
        return None
    group = str(item.get("apiVersion") or "").rpartition("/")[0]
    return ObjectReference(str(kind), str(metadata.get("namespace") or ""), str(metadata["name"]), group)


def _leaves(value: Any, path: str = "") -> dict[str, str]:
    """Give every scalar by its path."""
    found: dict[str, str] = {}
    waiting = [(path, value)]
    while waiting:
        where, item = waiting.pop()
        if isinstance(item, Mapping):
            waiting += [(f"{where}.{key}" if where else str(key), inner) for key, inner in item.items()]
        elif isinstance(item, list):
            waiting += [(f"{where}.{place}", inner) for place, inner in enumerate(item)]
        else:
            found[where] = str(item)
    return found
