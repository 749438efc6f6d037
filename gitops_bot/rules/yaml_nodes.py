"""YAML as nodes: to change single values of a document without changing the type of any other."""

import re
from collections.abc import Callable, Iterator
from itertools import pairwise

import yaml

from gitops_bot.rules.measured_yaml import RENDER_LIMITS, UnreadableManifestError, measure


class UnreadableTextError(ValueError):
    """A document is not YAML: nothing can be said about what is in it."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc] # which one depends on the machine
    """Reads nodes; no value is ever built from them. Its tags are those that the dumper expects."""


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc] # which one depends on the machine
    """Writes nodes."""


_DOCUMENT_START = re.compile(r"^---(?=[ \n]|\Z)", re.MULTILINE)


def documents(text: str) -> list[str]:
    """Cut a stream at its document markers, which nothing else can stand for in column 0; nothing is lost."""
    starts = [match.start() for match in _DOCUMENT_START.finditer(text)]
    return [text[start:end] for start, end in pairwise([0, *(start for start in starts if start), len(text)])]


def compose(document: str) -> yaml.Node | None:
    """Read one document; None for an empty one. UnreadableTextError."""
    try:
        measure("the document", document, RENDER_LIMITS)
        node: yaml.Node | None = yaml.compose(document, Loader=_Loader)
    except UnreadableManifestError as error:
        raise UnreadableTextError(f"A document {error.reason}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # The library's own text quotes the document.
        raise UnreadableTextError(f"A document is not readable YAML: {type(error).__name__}") from error
    return node


def serialize(node: yaml.Node) -> str:
    """Write a node."""
    return str(yaml.serialize(node, Dumper=_Dumper, allow_unicode=True, width=10_000))


def scalar(text: str) -> yaml.ScalarNode:
    """Make a text."""
    return yaml.ScalarNode("tag:yaml.org,2002:str", text)


def text_of(node: yaml.Node | None) -> str | None:
    """Give the text of a scalar, as it is written."""
    return str(node.value) if isinstance(node, yaml.ScalarNode) else None


def entries(node: yaml.Node | None) -> list[tuple[str, yaml.Node]]:
    """Give the entries of a mapping; () for anything else."""
    return [(str(text_of(key)), value) for key, value in node.value] if isinstance(node, yaml.MappingNode) else []


def child(node: yaml.Node | None, *path: str) -> yaml.Node | None:
    """Give what stands below a path of keys; the last of two equal keys wins."""
    for name in path:
        node = dict(entries(node)).get(name)
    return node


def set_entry(node: yaml.MappingNode, name: str, value: yaml.Node | None) -> None:
    """Put a value in the place of all that have this key, or at the end; None takes them away."""
    kept = [(key, old) for key, old in node.value if text_of(key) != name]
    if value is not None:
        at = next((index for index, (key, _) in enumerate(node.value) if text_of(key) == name), len(kept))
        kept.insert(at, (scalar(name), value))
    node.value = kept


def with_scalars(node: yaml.Node, path: str, change: Callable[[str, yaml.ScalarNode], yaml.ScalarNode]) -> yaml.Node:
    """Give a node of the same shape whose scalars are what ``change(path, scalar)`` makes of them."""
    if isinstance(node, yaml.MappingNode):
        pairs = [(key, with_scalars(value, f"{path}.{text_of(key)}".lstrip("."), change)) for key, value in node.value]
        return yaml.MappingNode(node.tag, pairs, flow_style=node.flow_style)
    if isinstance(node, yaml.SequenceNode):
        return yaml.SequenceNode(
            node.tag, [with_scalars(item, path, change) for item in node.value], flow_style=node.flow_style
        )
    return change(path, node) if isinstance(node, yaml.ScalarNode) else node


def objects(node: yaml.Node | None) -> Iterator[yaml.MappingNode]:
    """Go through an object, and the objects of a list."""
    if isinstance(node, yaml.MappingNode):
        yield node
        items = child(node, "items")
        for item in items.value if isinstance(items, yaml.SequenceNode) else ():
            yield from objects(item)
