"""YAML read within bounds: what a stranger wrote is measured before anything is built of it.

An alias bomb fills all memory, and deep nesting overflows the stack of libyaml's composer, which ends
the process and not only the call (tried: 100 kB of ``- - - …``). The files of a repository are read
here, and what flux made of them too: a value that it substitutes may hold thousands of brackets.
Nothing but `UnreadableManifestError` is raised.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml


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
# What flux prints of one Kustomization; the runner bounds its size (protocol.Limits.output_bytes).
RENDER_LIMITS = ManifestLimits(size=128 << 20, documents=200_000, expanded=10_000_000)


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc] # which one depends on the machine
    """The safe loader of YAML 1.2's scalars: ``on``, ``yes`` and dates stay the text that they are."""


_UNWANTED = {"tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:bool", "tag:yaml.org,2002:value"}
Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _UNWANTED]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|True|TRUE|false|False|FALSE)$"), "tTfF")


def values(file: str, content: bytes | str, limits: ManifestLimits = LIMITS) -> Iterator[Any]:
    """Read the documents one by one as values; the last of two equal keys wins."""
    measure(file, content, limits)
    loader = open_yaml(file, content)
    try:
        while checked(file, loader.check_data):
            yield checked(file, loader.get_data)
    finally:
        loader.dispose()


def measure(file: str, content: bytes | str, limits: ManifestLimits = LIMITS) -> None:
    """Refuse what is past the bounds, reading events only: nothing is built, nothing recurses."""
    if len(content) > limits.size:
        raise UnreadableManifestError(file, f"is larger than {limits.size} bytes", out_of_bounds=True)
    measured = _Measure(file, limits)
    loader = open_yaml(file, content)
    try:
        while checked(file, loader.check_event):
            measured.take(checked(file, loader.get_event))
    finally:
        loader.dispose()


def open_yaml(file: str, content: bytes | str) -> Any:
    """Give a loader, which its user disposes of; it has built nothing yet."""
    try:
        return Loader(content)
    except (yaml.YAMLError, ValueError) as error:
        raise UnreadableManifestError(file, _reason(error)) from error


def checked(file: str, step: Callable[[], Any]) -> Any:
    """Take one step of a loader."""
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
