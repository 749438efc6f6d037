"""What YAML makes of a secret value that stands in it without quotes: parts of it, and other numbers.

Flux puts values into the text of an object and reads that as YAML again, whatever quotes the pull
request wrote. JSON becomes fields, ``a #b`` loses its end, ``0012`` becomes 10.
"""

from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal

import yaml

from gitops_bot.rules import yaml_nodes
from gitops_bot.rules.yaml_nodes import UnreadableTextError, text_of

# Around a value: a plain scalar, lists and mappings in one line, both kinds of quotes.
_AROUND = (("x: ", ""), ("[", "]"), ("{x: ", "}"), ('"', '"'), ("'", "'"))
# Characters; a longer value is a file, which nobody puts into a line.
_LONGEST = 64_000
_BASES = (10, 16, 8, 2)


def readings(value: str) -> frozenset[str]:
    """Give the texts that YAML may print in place of a value, without the names of fields."""
    if len(value) > _LONGEST:
        return frozenset()
    found = set(_numbers(value))
    for before, behind in _AROUND:
        with suppress(UnreadableTextError):
            for text in _texts(yaml_nodes.compose(f"{before}{value}{behind}")):
                found |= {text, *_numbers(text)}
    return frozenset(found - {value})


def _texts(node: yaml.Node | None) -> Iterator[str]:
    """Go through values, and keys without one, as in ``{a, b}``. An alias is no second value, and may be endless."""
    seen: set[int] = set()
    waiting = [node]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, yaml.MappingNode):
            waiting += [key if text_of(value) == "" else value for key, value in one.value]
        elif isinstance(one, yaml.SequenceNode):
            waiting += one.value
        else:
            yield str(one.value)


def _numbers(text: str) -> Iterator[str]:
    """Give a number as Go prints it: as an integer, a float, and a float without its exponent."""
    plain = text.replace("_", "")
    if not plain.isascii() or len(plain) > 400:  # noqa: PLR2004 - no float is longer
        return
    for base in _BASES:
        with suppress(ValueError):
            yield str(int(plain, base))
    with suppress(ValueError, OverflowError):
        number = float(plain)
        if number == number and abs(number) != float("inf"):  # noqa: PLR0124 - only NaN is not itself
            short = repr(number)
            yield from (short, short.removesuffix(".0"), format(Decimal(short), "f").removesuffix(".0"))
            yield _with_exponent(Decimal(short))


def _with_exponent(number: Decimal) -> str:
    """Write a number as Go does from a million on: ``1.23456789e+07``, two digits of the exponent at least."""
    mantissa, _, exponent = format(number.normalize(), "e").partition("e")
    return f"{mantissa}e{int(exponent):+03d}"
