"""Reads GraphQL requests: the executable part of https://spec.graphql.org/October2021/ without directives."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_TOKENS = re.compile(
    r"""(?P<skip>[\s,\ufeff]+|\#[^\n]*)
    |(?P<spread>\.\.\.)
    |(?P<text>"(?:[^"\\\n]|\\.)*")
    |(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
    |(?P<name>[_A-Za-z]\w*)
    |(?P<mark>[!$():=@\[\]{}|&])""",
    re.VERBOSE,
)
_WORDS = {"true": True, "false": False, "null": None}


class SyntaxWrong(Exception):
    """The text is not a GraphQL request."""


@dataclass(frozen=True, slots=True)
class Variable:
    """``$name`` where a value may stand."""

    name: str


@dataclass(slots=True)
class Field:
    """A field that is asked for. ``on``: only when the object is of this type (a fragment)."""

    name: str
    alias: str
    arguments: dict[str, Any] = field(default_factory=dict)
    selection: list["Field"] = field(default_factory=list)
    on: str = ""


@dataclass(slots=True)
class Operation:
    """A query or a mutation."""

    kind: str
    name: str
    defaults: dict[str, Any]
    selection: list[Field]


class _Reader:
    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        position = 0
        while position < len(text):
            match = _TOKENS.match(text, position)
            if match is None:
                raise SyntaxWrong(f"Unexpected character {text[position]!r} at {position}")
            position = match.end()
            if match.lastgroup != "skip":
                self._tokens.append((str(match.lastgroup), match.group()))
        self._at = 0
        self.fragments: dict[str, tuple[str, list[Field]]] = {}
        self._spreads: list[tuple[list[Field], int, str]] = []

    def peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def take(self, *wanted: str) -> str:
        if self._at >= len(self._tokens) or (wanted and self.peek() not in wanted):
            raise SyntaxWrong(f"Expected {' or '.join(wanted) or 'more'}, got {self.peek() or 'the end'}")
        self._at += 1
        return self._tokens[self._at - 1][1]

    def name(self) -> str:
        if self._at >= len(self._tokens) or self._tokens[self._at][0] != "name":
            raise SyntaxWrong(f"Expected a name, got {self.peek() or 'the end'}")
        return self.take()

    def document(self) -> list[Operation]:
        operations = []
        while self.peek():
            if self.peek() == "fragment":
                self.take()
                name = self.name()
                self.take("on")
                self.fragments[name] = (self.name(), self.selection())
            else:
                operations.append(self.operation())
        return operations

    def operation(self) -> Operation:
        if self.peek() == "{":
            return Operation("query", "", {}, self.selection())
        kind = self.take("query", "mutation")
        name = self.name() if self.peek() not in {"(", "{"} else ""
        return Operation(kind, name, self.variables() if self.peek() == "(" else {}, self.selection())

    def variables(self) -> dict[str, Any]:
        defaults = {}
        self.take("(")
        while self.peek() != ")":
            self.take("$")
            name = self.name()
            self.take(":")
            while self.peek() in {"[", "]", "!"} or self._tokens[self._at][0] == "name":
                self.take()
            if self.peek() == "=":
                self.take()
                defaults[name] = self.value()
        self.take(")")
        return defaults

    def selection(self) -> list[Field]:
        fields: list[Field] = []
        self.take("{")
        while self.peek() != "}":
            if self.peek() != "...":
                fields.append(self.field())
                continue
            self.take()
            if self.peek() in {"on", "{"}:
                on = self._type_condition()
                inner = self.selection()
                fields += [Field(one.name, one.alias, one.arguments, one.selection, one.on or on) for one in inner]
            else:
                # A named fragment may be defined later.
                fields.append(Field("...", self.name()))
        self.take("}")
        return fields

    def _type_condition(self) -> str:
        if self.peek() != "on":
            return ""
        self.take()
        return self.name()

    def field(self) -> Field:
        alias = name = self.name()
        if self.peek() == ":":
            self.take()
            name = self.name()
        arguments = {}
        if self.peek() == "(":
            self.take()
            while self.peek() != ")":
                key = self.name()
                self.take(":")
                arguments[key] = self.value()
            self.take()
        return Field(name, alias, arguments, self.selection() if self.peek() == "{" else [])

    def value(self) -> Any:
        kind, text = self._tokens[self._at] if self._at < len(self._tokens) else ("", "")
        if text == "$":
            self.take()
            return Variable(self.name())
        if text == "[":
            self.take()
            items = []
            while self.peek() != "]":
                items.append(self.value())
            self.take()
            return items
        if text == "{":
            self.take()
            members = {}
            while self.peek() != "}":
                key = self.name()
                self.take(":")
                members[key] = self.value()
            self.take()
            return members
        self.take()
        if kind in {"text", "number"}:
            return json.loads(text)
        if kind != "name":
            raise SyntaxWrong(f"Expected a value, got {text or 'the end'}")
        return _WORDS.get(text, text)


def read(text: str, operation_name: str | None = None) -> Operation:
    """Give the operation that is to be carried out, its named fragments put in. SyntaxWrong says what is wrong."""
    reader = _Reader(text)
    operations = reader.document()
    chosen = next((one for one in operations if operation_name in {None, "", one.name}), None)
    if chosen is None:
        raise SyntaxWrong("There is no such operation")
    chosen.selection = _unfold(chosen.selection, reader.fragments)
    return chosen


def _unfold(fields: list[Field], fragments: Mapping[str, tuple[str, list[Field]]]) -> list[Field]:
    found: list[Field] = []
    for one in fields:
        if one.name == "...":
            if one.alias not in fragments:
                raise SyntaxWrong(f"Fragment {one.alias} was used, but not defined")
            on, inner = fragments[one.alias]
            found += [
                Field(each.name, each.alias, each.arguments, each.selection, each.on or on)
                for each in _unfold(inner, fragments)
            ]
        else:
            found.append(Field(one.name, one.alias, one.arguments, _unfold(one.selection, fragments), one.on))
    return found


def filled(value: Any, variables: Mapping[str, Any]) -> Any:
    """Put the variables into an argument."""
    if isinstance(value, Variable):
        return variables.get(value.name)
    if isinstance(value, list):
        return [filled(one, variables) for one in value]
    return {name: filled(one, variables) for name, one in value.items()} if isinstance(value, dict) else value
