"""Two renders as the text that ``flux diff`` would print where the cluster is as the first one says.

For pull requests that are made up (rules/evaluation_cases.py): what is made of this text is then the same
as what is made of flux's own. The inverse of changes.py; blocks always stand one below the other.

Format: https://github.com/homeport/dyff/blob/v1.10.2/pkg/dyff/output_human.go
"""

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gitops_bot.models.kustomizations import ObjectReference
from gitops_bot.rules.fields import Path, Shape, same
from gitops_bot.rules.objects import RenderedObject

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
# How dyff, which is a Go program, calls the types.
_TYPES = {bool: "bool", int: "int", float: "float", str: "string", dict: "map", list: "list", type(None): "<nil>"}


def written_diff(
    before: Mapping[ObjectReference, RenderedObject], after: Mapping[ObjectReference, RenderedObject]
) -> str:
    """Write what differs: objects that come, that change field by field, and that go. "" when nothing does."""
    parts = []
    for reference, found in after.items():
        known = before.get(reference)
        if known is None:
            parts.append(f"► {reference} created\n")
        elif not same(known.value, found.value):
            shape = Shape.of(known.value, found.value)
            parts.append(f"► {reference} drifted\n{''.join(_differences(known.value, found.value, (), shape))}\n")
    parts += [f"► {reference} deleted\n" for reference in before if reference not in after]
    return "".join(parts)


def _differences(old: Any, new: Any, path: Path, shape: Shape) -> Iterator[str]:
    if same(old, new):
        return
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _of_mappings(old, new, path, shape)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _of_lists(old, new, path, shape)
    else:
        yield _entry(path, _headline(old, new), _changed(old, new))


def _of_mappings(old: Mapping[str, Any], new: Mapping[str, Any], path: Path, shape: Shape) -> Iterator[str]:
    removed = {key: value for key, value in old.items() if key not in new}
    added = {key: value for key, value in new.items() if key not in old}
    yield from _blocks(path, "map", removed, added)
    for key in old:
        if key in new:
            yield from _differences(old[key], new[key], (*path, key), shape)


def _of_lists(old: Sequence[Any], new: Sequence[Any], path: Path, shape: Shape) -> Iterator[str]:
    identifier = shape.keyed.get(path)
    if not identifier:
        yield from _blocks(path, "list", _without(old, new), _without(new, old))
        return
    olds, news = ({str(item[identifier]): item for item in items} for items in (old, new))
    order = [[name for name in items if name in olds and name in news] for items in (olds, news)]
    if order[0] != order[1]:
        rows = [f"{mark} {', '.join(names)}" for mark, names in zip("-+", order, strict=True)]
        yield _entry(path, "⇆ order changed", rows)
    removed = [item for name, item in olds.items() if name not in news]
    yield from _blocks(path, "list", removed, [item for name, item in news.items() if name not in olds])
    for name in order[0]:
        yield from _differences(olds[name], news[name], (*path, name), shape)


def _without(items: Sequence[Any], others: Sequence[Any]) -> list[Any]:
    return [item for item in items if not any(same(item, other) for other in others)]


def _blocks(path: Path, kind: str, removed: Any, added: Any) -> Iterator[str]:
    if removed:
        yield _entry(path, f"- {_count(kind, len(removed))} removed:", _neat(removed))
    if added:
        yield _entry(path, f"+ {_count(kind, len(added))} added:", [f"  {line}" for line in _neat(added)])


def _entry(path: Path, headline: str, rows: Sequence[str]) -> str:
    return "\n".join(["", ".".join(path) or "(root level)", headline, *rows, ""])


def _count(kind: str, number: int) -> str:
    word = _NUMBERS[number] if number < len(_NUMBERS) else str(number)
    return f"{word} {kind} {'entry' if number == 1 else 'entries'}"


def _headline(old: Any, new: Any) -> str:
    if type(old) is not type(new):
        return f"± type change from {_TYPES[type(old)]} to {_TYPES[type(new)]}"
    if isinstance(old, str) and "\n" in old and "\n" in new:
        rows = _changed(old, new)
        inserts = _plural("insert", sum(row.startswith("+") for row in rows))
        deletions = _plural("deletion", sum(row.startswith("-") for row in rows))
        return f"± value change in multiline text ({inserts}, {deletions})"
    return "± value change"


def _plural(noun: str, number: int) -> str:
    word = _NUMBERS[number] if number < len(_NUMBERS) else str(number)
    return f"{word} {noun}{'' if number == 1 else 's'}"


def _changed(old: Any, new: Any) -> list[str]:
    if isinstance(old, str) and isinstance(new, str) and "\n" in old and "\n" in new:
        lines = difflib.ndiff(old.splitlines(), new.splitlines())
        return [f"{line[0]} {line[2:]}" for line in lines if line[0] in "+-"]
    return [*_marked("-", old), *_marked("+", new)]


def _marked(mark: str, value: Any) -> list[str]:
    first, *rest = _neat(value) if isinstance(value, dict | list) and value else _plain(value).split("\n")
    return [f"{mark} {first}", *(f"  {line}" for line in rest)]


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _neat(value: Any) -> list[str]:
    """Write a value as dyff's library does: YAML for the eye, strings without quotes."""
    if isinstance(value, dict):
        return [line for key, inner in value.items() for line in _under(str(key), inner)]
    lines = []
    for item in value:
        first, *rest = _neat(item) if isinstance(item, dict | list) and item else _text(item)
        lines += [f"- {first}", *(f"  {line}" for line in rest)]
    return lines


def _under(key: str, value: Any) -> list[str]:
    if isinstance(value, dict) and value:
        return [f"{key}:", *(f"  {line}" for line in _neat(value))]
    if isinstance(value, list) and value:
        return [f"{key}:", *_neat(value)]
    first, *rest = _text(value)
    return [f"{key}: {first}", *(f"  {line}" for line in rest)]


def _text(value: Any) -> list[str]:
    """Write a scalar; one that would be read as something else stands in quotes."""
    if value in ({}, []):
        return ["{}" if value == {} else "[]"]
    if not isinstance(value, str):
        return [json.dumps(value)]
    if "\n" in value:
        return ["|", *value.split("\n")]
    return [json.dumps(value, ensure_ascii=False) if value in {"", "|", "{}", "[]"} else value]
