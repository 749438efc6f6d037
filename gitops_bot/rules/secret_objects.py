"""Secrets as objects: what of them may be shown, and what SOPS keeps secret in other kinds."""

import base64
import re
from collections.abc import Callable, Iterator

import yaml

from gitops_bot.rules import yaml_nodes
from gitops_bot.rules.yaml_nodes import UnreadableTextError, child, scalar, set_entry, text_of

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_SOPS_VALUE = "ENC[AES256_GCM"
_SECRET = re.compile(r"\bSecret\b")
# Documents that the rules may concern; every other one stays as flux printed it.
_CONCERNED = re.compile(rf"\bSecret\b|{re.escape(LAST_APPLIED)}")

Placeholder = Callable[[str, bytes], str]


def is_encrypted(text: str) -> bool:
    """Whether SOPS encrypted something in a text."""
    return _SOPS_VALUE in text


def redact_document(document: str, placeholder: Placeholder) -> str:
    """Take the values of Secrets out of one document; it stays as it is when there are none. UnreadableTextError."""
    if not _CONCERNED.search(document):
        return document
    node = yaml_nodes.compose(document)
    changed = [_redact_object(item, placeholder) for item in yaml_nodes.objects(node)]
    if node is None or not any(changed):
        return document
    return ("---\n" if document.startswith("---") else "") + yaml_nodes.serialize(node)


def _redact_object(node: yaml.MappingNode, placeholder: Placeholder) -> bool:
    """Take secrets out of one object, in place; True when there were any."""
    changed = False
    annotations = child(node, "metadata", "annotations")
    applied = text_of(child(annotations, LAST_APPLIED))
    if applied is not None and isinstance(annotations, yaml.MappingNode):
        set_entry(annotations, LAST_APPLIED, scalar(placeholder("last-applied", applied.encode())))
        changed = True
    if text_of(child(node, "kind")) == "Secret":
        values = dict(_values(node))
        if values:
            shown = [(scalar(name), scalar(placeholder(name, value))) for name, value in values.items()]
            set_entry(node, "data", yaml.MappingNode("tag:yaml.org,2002:map", shown))
            # As the API server does: the same value then has the same placeholder, wherever it stood.
            set_entry(node, "stringData", None)
            changed = True
    return changed


def _values(secret: yaml.MappingNode) -> Iterator[tuple[str, bytes]]:
    """Go through the values by key; ``stringData`` comes last and wins."""
    for name, value in yaml_nodes.entries(child(secret, "data")):
        yield name, _decoded(value)
    for name, value in yaml_nodes.entries(child(secret, "stringData")):
        yield name, _written(value)


def _written(node: yaml.Node) -> bytes:
    """Give what is written, also where no text should be: nobody knows what it means, so it is secret."""
    text = text_of(node)
    return (yaml_nodes.serialize(node) if text is None else text).encode("utf-8", "surrogateescape")


def _decoded(node: yaml.Node) -> bytes:
    written = _written(node)
    try:
        return base64.b64decode(b"".join(written.split()), validate=True)
    except ValueError:
        return written


def secret_values(render: str) -> tuple[tuple[str, bytes], ...]:
    """Give the values of the Secrets in a render, by key: what messages must not echo. Never raises."""
    found: list[tuple[str, bytes]] = []
    for node in _readable(render, _SECRET):
        for item in yaml_nodes.objects(node):
            if text_of(child(item, "kind")) == "Secret":
                found.extend(_values(item))
    return tuple(dict.fromkeys(found))


def sealed_objects(file: str) -> frozenset[tuple[str, str]]:
    """Give kind and name of the objects in a file that SOPS encrypted, those of a list too. Never raises."""
    found = set()
    for node in _readable(file, re.compile(re.escape(_SOPS_VALUE))):
        for item in yaml_nodes.objects(node):
            kind, name = text_of(child(item, "kind")), text_of(child(item, "metadata", "name"))
            if kind and name:
                found.add((kind, name))
    return frozenset(found)


def _readable(text: str, wanted: re.Pattern[str]) -> Iterator[yaml.Node]:
    for document in yaml_nodes.documents(text):
        if wanted.search(document):
            try:
                node = yaml_nodes.compose(document)
            except UnreadableTextError:
                continue
            if node is not None:
                yield node
