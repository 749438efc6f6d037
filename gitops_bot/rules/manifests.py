"""YAML of a repository, read within bounds.

Whoever opens a pull request writes these files, so they are measured before they are built: an
alias bomb fills all memory, and deep nesting overflows the stack of libyaml's composer, which ends
the process and not only the call (tried: 100 kB of ``- - - …``). Nothing but
`UnreadableManifestError` is raised.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import yaml

_MERGE = "tag:yaml.org,2002:merge"
_NULL = "tag:yaml.org,2002:null"
_BINARY = "tag:yaml.org,2002:binary"


class UnreadableManifestError(ValueError):
    """A file that cannot be read as YAML, or is past the bounds; ``file`` and ``reason`` are for people.

    ``out_of_bounds`` says that it must not be given to other programs either.
    """

    def __init__(self, file: str, reason: str, *, out_of_bounds: bool = False) -> None:
        """Keep both apart: the reason alone is shown where the file stands already."""
        super().__init__(f"{file}: {reason}")
        self.file = file
        self.reason = reason
        self.out_of_bounds = out_of_bounds


@dataclass(frozen=True)
class ManifestLimits:
    """How large one YAML file may be. Real ones stay far below each of these."""

    # Bytes. Git's own bound (models.tree.TreeLimits) is the same.
    size: int = 1 << 20
    # Mappings and lists inside each other.
    depth: int = 200
    documents: int = 10_000
    # Uses of an anchor, merge keys (``<<: *name``) among them.
    aliases: int = 1_000
    # Nodes once every alias is written out: kustomize writes them out.
    expanded: int = 1_000_000


LIMITS = ManifestLimits()


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc] # which one depends on the machine
    """The safe loader of YAML 1.2's scalars: ``on``, ``yes`` and dates stay the text that they are."""


_UNWANTED = {"tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:bool"}
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _UNWANTED]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|True|TRUE|false|False|FALSE)$"), "tTfF")


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
    loader = _open(file, content)
    try:
        while _checked(file, loader.check_node):
            node = _checked(file, loader.get_node)
            if node is not None:
                yield Reading(node)
    finally:
        loader.dispose()


def documents(file: str, content: bytes | str, limits: ManifestLimits = LIMITS) -> tuple[Any, ...]:
    """Read all documents as values; the last of two equal keys wins, ``kind: List`` is taken apart."""
    measure(file, content, limits)
    loader = _open(file, content)
    found: list[Any] = []
    try:
        while _checked(file, loader.check_data):
            found.extend(_items(_checked(file, loader.get_data)))
    finally:
        loader.dispose()
    return tuple(found)


def objects(file: str, content: bytes | str, limits: ManifestLimits = LIMITS) -> tuple[Mapping[str, Any], ...]:
    """Read the Kubernetes objects of a file: documents with a kind and a name. What else is there is left out."""
    return tuple(document for document in documents(file, content, limits) if _is_object(document))


def measure(file: str, content: bytes | str, limits: ManifestLimits = LIMITS) -> None:
    """Refuse what is past the bounds, reading events only: nothing is built, nothing recurses."""
    if len(content) > limits.size:
        raise UnreadableManifestError(file, f"is larger than {limits.size} bytes", out_of_bounds=True)
    measured = _Measure(file, limits)
    loader = _open(file, content)
    try:
        while _checked(file, loader.check_event):
            measured.take(_checked(file, loader.get_event))
    finally:
        loader.dispose()


def _open(file: str, content: bytes | str) -> Any:
    try:
        return _Loader(content)
    except (yaml.YAMLError, ValueError) as error:
        raise UnreadableManifestError(file, _reason(error)) from error


def _checked(file: str, step: Any) -> Any:
    try:
        return step()
    except (yaml.YAMLError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UnreadableManifestError(file, _reason(error)) from error


def _reason(error: BaseException) -> str:
    """Give the library's reason in one line, without quoting the file: it may hold a secret."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or type(error).__name__
    place = f" in line {mark.line + 1}" if mark is not None else ""
    return f"is not valid YAML: {' '.join(str(problem).split())}{place}"


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


class _Measure:
    """Counts depth, documents, aliases and the nodes that there are once each alias is written out."""

    def __init__(self, file: str, limits: ManifestLimits) -> None:
        self._file = file
        self._limits = limits
        self._documents = 0
        self._aliases = 0
        # Nodes so far at each level of nesting, and the anchor of the collection that is open there.
        self._sizes = [0]
        self._names: list[str | None] = [None]
        self._anchors: dict[str, int] = {}

    def take(self, event: Any) -> None:
        """Count one event."""
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            self._anchors = {}
            self._require(
                self._documents <= self._limits.documents, f"has more than {self._limits.documents} documents"
            )
        elif isinstance(event, yaml.CollectionStartEvent):
            self._sizes.append(1)
            self._names.append(event.anchor)
            self._require(len(self._sizes) - 1 <= self._limits.depth, f"is nested deeper than {self._limits.depth}")
        elif isinstance(event, yaml.CollectionEndEvent):
            self._close(self._sizes.pop(), self._names.pop())
        elif isinstance(event, yaml.AliasEvent):
            self._aliases += 1
            self._require(self._aliases <= self._limits.aliases, f"uses more than {self._limits.aliases} aliases")
            # An anchor that is not closed yet would hold itself.
            if event.anchor not in self._anchors:
                raise UnreadableManifestError(self._file, "has an alias that refers to itself or to nothing")
            self._close(self._anchors[str(event.anchor)], None)
        elif isinstance(event, yaml.ScalarEvent):
            self._close(1, event.anchor)

    def _close(self, size: int, anchor: str | None) -> None:
        if anchor is not None:
            self._anchors[anchor] = size
        self._sizes[-1] += size
        self._require(
            self._sizes[-1] <= self._limits.expanded, "grows beyond all bounds once its aliases are written out"
        )

    def _require(self, holds: bool, reason: str) -> None:  # noqa: FBT001 # the condition is the point
        if not holds:
            raise UnreadableManifestError(self._file, reason, out_of_bounds=True)
