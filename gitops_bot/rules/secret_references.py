"""References to secret variables that would print a part or a changed form of the value.

Replacing values afterwards cannot find those, so such a Kustomization is not run at all.
https://github.com/fluxcd/pkg/blob/envsubst/v1.7.1/envsubst/README.md and its parser, beside it.
"""

import re
from collections.abc import Iterator

from gitops_bot.rules import yaml_nodes
from gitops_bot.rules.yaml_nodes import UnreadableTextError, child, text_of

# Behind the name: the end, or a default. Defaults do not touch a value that is there.
_HARMLESS = re.compile(r"\}|:=|:-|=")
_SUBSTITUTE = "kustomize.toolkit.fluxcd.io/substitute"
_SHOWN = 3
_SIGN = re.compile(r"\$\$|\$\{|\}")
# What stands beside a reference in the same word; of other references only that they are there.
_WORD_BEFORE = re.compile(r"(?:\$\{[^{}]*\}|[\w.+-])*\Z")
_WORD_BEHIND = re.compile(r"(?:\$\{[^{}]*\}|[\w.+-])*")
_OTHER = re.compile(r"\$\{[^{}]*\}")
# Characters on either side: a word of thousands of references is looked at once for each of them.
_LONGEST_NUMBER = 200
# Words that YAML may read as a number, once digits stand where the reference is: it prints another one then.
_NUMBER = re.compile(r"[+-]?(?:0[xX][0-9a-fA-F_]*|0[oO]?[0-7_]*|0[bB][01_]*|[0-9_]*\.?[0-9_]*(?:[eE][+-]?[0-9_]*)?)")
# Values that are digits of some number, alone or with a mark such as 0x before them.
_DIGITS = re.compile(r"[+-]?[0-9a-fA-F_]*\.?[0-9a-fA-F_]*(?:[eE][+-]?[0-9]+)?")


def is_number_like(value: str) -> bool:
    """Whether YAML may read a value as digits of a number, with other digits or ``0x`` beside it."""
    return bool(value) and _DIGITS.fullmatch(value) is not None


def transformed_references(
    render: str, secret_names: frozenset[str], number_names: frozenset[str] = frozenset()
) -> tuple[str, ...]:
    """Give such references in a render before substitution, shortened: ``${NAME:0:…}``, ``${#NAME…}``.

    ``number_names`` are those whose value is like a number: those must not be a part of another one.
    ``$${NAME`` is Flux's way to write the text itself, and no reference; inside another reference it is one.
    """
    if not secret_names:
        return ()
    names = "|".join(sorted(map(re.escape, secret_names), key=len, reverse=True))
    pattern = re.compile(rf"\$\{{\s*(?P<length>#?)\s*(?P<name>{names})(?![A-Za-z0-9_])", re.ASCII)
    found: dict[str, None] = {}
    for document in yaml_nodes.documents(render):
        bad = dict.fromkeys(_bad_references(document, pattern, number_names))
        if bad and not _substitution_is_off(document):
            found |= bad
    return tuple(found)


def _bad_references(document: str, pattern: re.Pattern[str], number_names: frozenset[str]) -> Iterator[str]:
    for at in _references(document):
        match = pattern.match(document, at)
        if match is None:
            continue
        rest = document[match.end() : match.end() + _SHOWN]
        if match["length"] or not _HARMLESS.match(rest):
            yield f"${{{match['length']}{match['name']}{rest.split('}')[0]}…}}"
        elif match["name"] in number_names and _is_digits_of_a_number(document, match):
            yield f"${{{match['name']}}} as a part of a number"


def _references(document: str) -> Iterator[int]:
    """Go through the places where Flux sees ``${``: ``$$`` is an escape only outside of references."""
    at = depth = 0
    while sign := _SIGN.search(document, at):
        at = sign.end()
        if sign[0] == "${":
            yield sign.start()
            depth += 1
        elif sign[0] == "}":
            depth = max(0, depth - 1)
        elif depth:
            at = sign.start() + 1


def _is_digits_of_a_number(document: str, match: re.Match[str]) -> bool:
    end = document.find("}", match.end()) + 1
    if not end:
        return False
    start = match.start()
    before = _WORD_BEFORE.search(document[max(0, start - _LONGEST_NUMBER) : start])
    behind = _WORD_BEHIND.match(document[end : end + _LONGEST_NUMBER])
    around = [_OTHER.sub("1", found[0]) if found else "" for found in (before, behind)]
    return any(around) and _NUMBER.fullmatch("1".join(around)) is not None


def _substitution_is_off(document: str) -> bool:
    """Whether Flux leaves this object alone; False when that cannot be read."""
    try:
        node = yaml_nodes.compose(document)
    except UnreadableTextError:
        return False
    marks = (text_of(child(node, "metadata", kind, _SUBSTITUTE)) for kind in ("labels", "annotations"))
    return "disabled" in marks
