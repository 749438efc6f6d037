"""The files of a repository, read as kustomize and Flux would, within the bounds of measured_yaml.py."""

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import yaml

from gitops_bot.rules.measured_yaml import (
    LIMITS,
    ManifestLimits,
    UnreadableManifestError,
    checked,
    measure,
    open_yaml,
    values,
)

__all__ = [
    "LIMITS",
    "ManifestLimits",
    "Reading",
    "UnreadableManifestError",
    "documents",
    "first_reading",
    "measure",
    "objects",
    "readings",
]

_MERGE = "tag:yaml.org,2002:merge"
_NULL = "tag:yaml.org,2002:null"
_BINARY = "tag:yaml.org,2002:binary"


@dataclass(frozen=True, eq=False)
class Reading:
    """A piece of YAML with every value that a decoder written in Go might take from it.

    Go's JSON decoder, which kustomize uses, ignores the case of field names, also that of letters
    that no keyboard has (U+017F counts as an s: tried); the last of two equal keys wins; the order
    in which merge keys count differs between versions of the library. Whoever must not miss a
    reference looks at all of them.
    """

    node: yaml.Node

    @property
    def size(self) -> int:
        """How many nodes it has, each alias written out: within the bounds of its file."""
        count, waiting = 0, [self.node]
        while waiting:
            node = waiting.pop()
            count += 1
            if isinstance(node, yaml.MappingNode):
                waiting += [part for pair in node.value for part in pair]
            elif isinstance(node, yaml.SequenceNode):
                waiting += node.value
        return count

    @property
    def is_mapping(self) -> bool:
        """Whether it has fields."""
        return isinstance(self.node, yaml.MappingNode)

    @property
    def is_list(self) -> bool:
        """Whether it has items."""
        return isinstance(self.node, yaml.SequenceNode)

    @property
    def is_null(self) -> bool:
        """Whether it says nothing."""
        return isinstance(self.node, yaml.ScalarNode) and self.node.tag == _NULL

    @property
    def text(self) -> str:
        """The text of a scalar as it is written (a number too); "" for anything else."""
        if not isinstance(self.node, yaml.ScalarNode) or self.is_null:
            return ""
        if self.node.tag == _BINARY:
            return _decoded(self.node.value)
        return str(self.node.value)

    def fields(self) -> Iterator[tuple[str, "Reading"]]:
        """Go through the fields of a mapping, merged ones and duplicates included."""
        if not isinstance(self.node, yaml.MappingNode):
            return
        for key, value in self.node.value:
            if key.tag == _MERGE:
                merged = value.value if isinstance(value, yaml.SequenceNode) else [value]
                for node in merged:
                    yield from Reading(node).fields()
            else:
                yield Reading(key).text, Reading(value)

    def every(self, name: str) -> Iterator["Reading"]:
        """Give each value that may stand for the field ``name``."""
        return iter(self._by_name.get(name.casefold(), ()))

    @cached_property
    def _by_name(self) -> dict[str, list["Reading"]]:
        """The fields by their folded names; shared bases are asked again and again."""
        found: dict[str, list[Reading]] = {}
        for key, value in self.fields():
            if not value.is_null:
                found.setdefault(key.casefold(), []).append(value)
        return found

    def items(self) -> Iterator["Reading"]:
        """Go through the items of a list."""
        if isinstance(self.node, yaml.SequenceNode):
            yield from (Reading(node) for node in self.node.value)

    def texts(self, *names: str) -> Iterator[str]:
        """Give the texts at a path of field names; a list on the way, or at its end, means each of its items."""
        if self.is_list:
            for item in self.items():
                yield from item.texts(*names)
        elif names:
            for value in self.every(names[0]):
                yield from value.texts(*names[1:])
        elif self.text:
            yield self.text


def _decoded(value: str) -> str:
    try:
        return base64.b64decode(value, validate=False).decode("utf-8", "surrogateescape")
    except (binascii.Error, ValueError):
        return value


def first_reading(file: str, content: bytes | str, limits: ManifestLimits = LIMITS) -> Reading | None:
    """Read the first document, as kustomize reads a kustomization file; None when it is empty."""
    return next(readings(file, content, limits), None)


def readings(file: str, content: bytes | str, limits: ManifestLimits = LIMITS) -> Iterator[Reading]:
    """Read the documents one by one; empty ones in front of the first are documents too, and say nothing."""
    measure(file, content, limits)
    loader = open_yaml(file, content)
    try:
        while checked(file, loader.check_node):
            node = checked(file, loader.get_node)
            if node is not None:
                yield Reading(node)
    finally:
        loader.dispose()


def documents(file: str, content: bytes | str, limits: ManifestLimits = LIMITS) -> tuple[Any, ...]:
    """Read all documents as values; the last of two equal keys wins, ``kind: List`` is taken apart."""
    return tuple(item for document in values(file, content, limits) for item in _items(document))


def objects(file: str, content: bytes | str, limits: ManifestLimits = LIMITS) -> tuple[Mapping[str, Any], ...]:
    """Read the Kubernetes objects of a file: documents with a kind and a name. What else is there is left out."""
    return tuple(document for document in documents(file, content, limits) if _is_object(document))


def _items(document: Any) -> Iterator[Any]:
    """Take lists of objects apart, lists inside lists too, as kustomize does."""
    waiting = [document]
    while waiting:
        value = waiting.pop(0)
        if isinstance(value, dict) and str(value.get("kind") or "").endswith("List") and "items" in value:
            items = value["items"]
            waiting.extend(items if isinstance(items, list) else [])
        elif value is not None:
            yield value


def _is_object(document: Any) -> bool:
    if not isinstance(document, dict):
        return False
    metadata = document.get("metadata")
    return bool(document.get("kind")) and isinstance(metadata, dict) and bool(metadata.get("name"))
