"""Fields of an object, matched through its renders.

A field is a leaf: a scalar, an empty mapping or list, or a whole list whose items have no name.
Items of other lists are addressed by their name, as dyff does, so that they keep their identity
when the list moves; the order of such a list is a field of its own (its path ends in ``ORDER``).
A path is a tuple of tokens, because keys contain dots and dyff joins them with dots.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from gitops_bot.models.changes import DiffEntry
from gitops_bot.rules.neat import NotNeatError, parse_neat

Path = tuple[str, ...]

ORDER = "⇆"
# Dots in a path up to which each of its beginnings is looked for; beyond, each key is.
_MOST_DOTS = 200
# dyff's own, in its order of preference.
_IDENTIFIERS = ("name", "key", "id", "manager")
# Mappings whose keys are free text, dots included, and whose values are scalars.
_FREE_KEYS = {
    "annotations",
    "binaryData",
    "data",
    "labels",
    "matchLabels",
    "nodeSelector",
    "stringData",
    "limits",
    "requests",
    "hard",
}
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


class _Missing:
    """What a field is in a render that does not state it."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING = _Missing()


@dataclass(frozen=True)
class Entry:
    """What one diff says of one field."""

    headline: str
    before: str
    after: str
    # The entry of which this is a part, to show it whole where possible; None when it is of two.
    source: DiffEntry | None


@dataclass(frozen=True)
class Expansion:
    """What one diff says of an object, by field. ``unread``: entries whose text did not add up."""

    fields: Mapping[Path, Entry] = field(default_factory=dict)
    unread: tuple[DiffEntry, ...] = ()

    @cached_property
    def _below(self) -> Mapping[Path, Path]:
        """Every path that has an entry at or below it, with the first such entry."""
        found: dict[Path, Path] = {}
        for path in self.fields:
            for length in range(len(path) + 1):
                found.setdefault(path[:length], path)
        return found

    def about(self, path: Path) -> Entry | None:
        """Return the entry that says something of a field: at it, around it or within it."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.fields:
                return self.fields[path[:length]]
        return self.fields[self._below[path]] if path in self._below else None


@dataclass(frozen=True)
class Shape:
    """What the renders of one object say of its structure: which lists have names."""

    trees: tuple[Mapping[str, Any], ...]
    keyed: Mapping[Path, str]

    @classmethod
    def of(cls, *trees: Mapping[str, Any] | None) -> "Shape":
        """Look at every render that has the object; a list is keyed when it is so in each of them."""
        given = tuple(tree for tree in trees if tree is not None)
        found: dict[Path, set[str]] = {}
        for tree in given:
            _collect_lists(tree, (), found)
        return cls(given, {path: min(names, key=_IDENTIFIERS.index) for path, names in found.items() if names})

    def resolve(self, text: str) -> Path:
        """Turn dyff's dotted path into tokens, by the renders as far as they reach."""
        if not text:
            return ()
        found = max(_walks(self, list(self.trees), (), text), key=lambda walk: (walk.complete, -len(walk.rest)))
        if found.complete or not found.rest:
            return found.path
        if found.path and found.path[-1] in _FREE_KEYS:
            return (*found.path, found.rest)
        return (*found.path, *_split(found.rest))

    def value(self, tree: Mapping[str, Any] | None, path: Path) -> Any:
        """Return a field's value in one render, or MISSING."""
        here: Any = MISSING if tree is None else tree
        for depth, token in enumerate(path):
            if token == ORDER and isinstance(here, list):
                return _order(here, self.keyed.get(path[:depth], ""))
            here = self.child(here, token, self.keyed.get(path[:depth]))
        return here

    def child(self, here: Any, token: str, identifier: str | None) -> Any:
        """Return what stands below a key or a name, or MISSING."""
        if isinstance(here, dict):
            return here.get(token, MISSING)
        if isinstance(here, list) and identifier:
            named = self._named.get((id(here), identifier))
            return (named if named is not None else _by_name(here, identifier)).get(token, MISSING)
        return MISSING

    def names(self, node: Any, token: str, identifier: str | None) -> bool:
        """Whether a mapping has this key, as text, or a list an item of this name."""
        if isinstance(node, dict) and token not in node:
            return token in self._odd_keys.get(id(node), ())
        return isinstance(node, dict) or self.child(node, token, identifier) is not MISSING

    @cached_property
    def _named(self) -> Mapping[tuple[int, str], Mapping[str, Any]]:
        """The items of every list of the renders by name: a list of thousands is asked for each of them.

        By the list's id, which stays its own as long as the renders are there.
        """
        return {
            (id(node), self.keyed[path]): _by_name(node, self.keyed[path])
            for path, node in _collections(self.trees)
            if isinstance(node, list) and path in self.keyed
        }

    @cached_property
    def _odd_keys(self) -> Mapping[int, frozenset[str]]:
        """The keys that are no text, by the id of their mapping."""
        found = {
            id(node): frozenset(str(key) for key in node if not isinstance(key, str))
            for _, node in _collections(self.trees)
            if isinstance(node, dict)
        }
        return {node: keys for node, keys in found.items() if keys}

    def leaves(self, value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
        """Go through the fields of a value that stands at a path."""
        identifier = self._identifier(value, path)
        if isinstance(value, dict) and value:
            for key, inner in value.items():
                yield from self.leaves(inner, (*path, str(key)))
        elif identifier and all(isinstance(item, dict) and identifier in item for item in value):
            for item in value:
                yield from self.leaves(item, (*path, str(item[identifier])))
        else:
            yield path, value

    def _identifier(self, value: Any, path: Path) -> str:
        """Return what names the items of a list: as the renders have it, else as the list itself does."""
        if not isinstance(value, list) or not value:
            return ""
        return self.keyed.get(path, "") if self.states(path) else _identifier(value)

    def states(self, path: Path) -> bool:
        """Whether any render says something at a path."""
        return any(self.value(tree, path) is not MISSING for tree in self.trees)


def same(one: Any, other: Any) -> bool:
    """Whether two renders state the same; ``1`` and ``true`` differ, orders are compared on what both name."""
    if isinstance(one, _Order) and isinstance(other, _Order):
        common = set(one.names) & set(other.names)
        return [name for name in one.names if name in common] == [name for name in other.names if name in common]
    if one is MISSING or other is MISSING:
        return one is other
    return _canonical(one) == _canonical(other)


def expand(entries: Sequence[DiffEntry], shape: Shape) -> Expansion:
    """Take the entries of one object apart, field by field."""
    fields: dict[Path, Entry] = {}
    unread: list[DiffEntry] = []
    for entry in entries:
        path = shape.resolve(entry.path)
        try:
            parts = list(_parts(entry, path, shape))
        except NotNeatError:
            unread.append(entry)
            parts = [(path, Entry(entry.headline, entry.removed, entry.added, entry))]
        for at, part in parts:
            known = fields.get(at)
            fields[at] = part if known is None else _joined(known, part)
    # An item that was printed as removed and as added: what is equal in both does not differ.
    for at, part in list(fields.items()):
        if part.source is None and part.before == part.after:
            del fields[at]
    return Expansion(fields, tuple(unread))


def _parts(entry: DiffEntry, path: Path, shape: Shape) -> Iterator[tuple[Path, Entry]]:
    mark = entry.headline[:1]
    if mark not in {"+", "-"}:
        at = (*path, ORDER) if mark == ORDER and shape.keyed.get(path) else path
        yield at, Entry(entry.headline, entry.removed, entry.added, entry)
        return
    value = parse_neat(entry.added if mark == "+" else entry.removed)
    if str(len(value)) != _count(entry.headline):
        raise NotNeatError(f"{entry.headline} but {len(value)} were read")
    identifier = shape.keyed.get(path)
    if isinstance(value, list) and not (identifier and all(isinstance(x, dict) and identifier in x for x in value)):
        yield path, Entry(entry.headline, entry.removed, entry.added, entry)
        return
    items = value.items() if isinstance(value, dict) else [(item[identifier], item) for item in value]
    for top, inner in items:
        for at, leaf in shape.leaves(inner, (*path, str(top))):
            text = leaf if isinstance(leaf, str) else json.dumps(leaf, ensure_ascii=False)
            before, after = ("", text) if mark == "+" else (text, "")
            yield at, Entry(f"{mark} added" if mark == "+" else f"{mark} removed", before, after, entry)


def _joined(one: Entry, other: Entry) -> Entry:
    return Entry("± value change", one.before or other.before, one.after or other.after, None)


def _count(headline: str) -> str:
    word = headline.split(" ")[1]
    return str(_NUMBERS.index(word)) if word in _NUMBERS else word


def _split(text: str) -> Path:
    parts = text.split(".")
    for at, part in enumerate(parts[:-1]):
        if part in _FREE_KEYS:
            return (*parts[: at + 1], ".".join(parts[at + 1 :]))
    return tuple(parts)


def _identifier(value: Any) -> str:
    """Return the field that names every item of a list, as dyff chooses it; "" when there is none."""
    if not isinstance(value, list) or not value or not all(isinstance(item, dict) for item in value):
        return ""
    for identifier in _IDENTIFIERS:
        names = {str(item[identifier]) for item in value if isinstance(item.get(identifier), str | int)}
        if len(names) == len(value):
            return identifier
    return ""


def _collect_lists(value: Any, path: Path, found: dict[Path, set[str]]) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            _collect_lists(inner, (*path, str(key)), found)
    elif isinstance(value, list) and value:
        identifier = _identifier(value)
        names = {identifier} if identifier else set()
        found[path] = found[path] & names if path in found else names
        for item in value if found[path] else ():
            _collect_lists(item, (*path, str(item[identifier])), found)


def _by_name(items: Sequence[Any], identifier: str) -> dict[str, Any]:
    """Return the items of a list by name; the first of two wins."""
    return {str(item.get(identifier)): item for item in reversed(items) if isinstance(item, dict)}


def _collections(trees: Sequence[Any]) -> Iterator[tuple[Path, Any]]:
    """Go through the mappings and lists of the renders, with their paths; not into lists without names."""
    waiting: list[tuple[Path, Any]] = [((), tree) for tree in trees]
    while waiting:
        path, node = waiting.pop()
        yield path, node
        if isinstance(node, dict):
            waiting += [((*path, str(key)), inner) for key, inner in node.items() if isinstance(inner, dict | list)]
        elif identifier := _identifier(node):
            waiting += [((*path, str(item[identifier])), item) for item in node]


@dataclass(frozen=True)
class _Order:
    names: tuple[str, ...]


def _order(items: Sequence[Any], identifier: str) -> Any:
    return _Order(tuple(str(item.get(identifier)) for item in items if isinstance(item, dict)))


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=repr)


@dataclass(frozen=True)
class _Walk:
    path: Path
    rest: str
    complete: bool


def _walks(shape: Shape, nodes: list[Any], path: Path, rest: str) -> Iterator[_Walk]:
    """Follow a dotted text through several trees at once, trying every key that may stand next."""
    if any(isinstance(node, list) for node in nodes) and not shape.keyed.get(path):
        # A list without names is one field, however deep dyff looks into it.
        yield _Walk(path, "", complete=True)
        return
    yield _Walk(path, rest, complete=False)
    identifier = shape.keyed.get(path)
    for token in _tokens(shape, nodes, identifier, rest):
        if rest == token:
            yield _Walk((*path, token), "", complete=True)
        elif rest.startswith(f"{token}."):
            inner = [
                child for child in (shape.child(node, token, identifier) for node in nodes) if child is not MISSING
            ]
            yield from _walks(shape, inner, (*path, token), rest[len(token) + 1 :])


def _tokens(shape: Shape, nodes: Sequence[Any], identifier: str | None, rest: str) -> Sequence[str]:
    """Return the keys and names with which a dotted text may begin, the longest first."""
    if rest.count(".") <= _MOST_DOTS:
        found = (token for token in _beginnings(rest) if any(shape.names(node, token, identifier) for node in nodes))
        return list(found)
    keys = {str(key) for node in nodes if isinstance(node, dict) for key in node}
    lists = [node for node in nodes if isinstance(node, list) and identifier]
    keys |= {str(item.get(identifier)) for node in lists for item in node if isinstance(item, dict)}
    return sorted(keys, key=len, reverse=True)


def _beginnings(text: str) -> Iterator[str]:
    """Give what a key may be that stands first in a dotted text: all of it, and what is before each dot."""
    end = len(text)
    while end >= 0:
        yield text[:end]
        end = text.rfind(".", 0, end)
