"""The texts that a secret value may be printed as, and where they stand in a text."""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

from gitops_bot.rules.secret_readings import readings

# Shorter values are not looked for: they would be found in every other word.
SHORTEST = 6
_BASE64_BITS = 6
_SHORTEST_BASE64 = 8


@dataclass(frozen=True)
class Span:
    """A secret in a text."""

    start: int
    end: int
    placeholder: str
    # More than one value: the placeholder is that of the first alone.
    joined: bool = False


def forms(value: bytes) -> frozenset[str]:
    """Give every text that a value may be printed as: raw, by line, in parts, base64, URL, JSON, YAML, hexadecimal."""
    raw = value.decode("utf-8", "surrogateescape")
    # Flux takes the line breaks out; a block of YAML puts each line on its own.
    one_line = raw.replace("\n", "")
    texts = {raw, raw.strip(), one_line, *(line.strip() for line in raw.split("\n")), *readings(one_line)}
    found = set(_base64_forms(value))
    for text in texts:
        if len(text) >= SHORTEST:
            plain = text.encode("utf-8", "surrogateescape")
            found |= {text, text.replace("'", "''"), plain.hex(), plain.hex().upper(), *_quoted(plain), *_escaped(text)}
            found.update(_base64_forms(plain))
    return frozenset(form for form in found if len(form) >= SHORTEST)


def _quoted(value: bytes) -> Iterator[str]:
    for quoted in (quote(value, safe=""), quote(value), quote_plus(value)):
        yield quoted
        yield re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), quoted)


def _escaped(text: str) -> Iterator[str]:
    """JSON in ASCII and in Unicode, as Go writes it too (< > & escaped), and JSON within JSON."""
    for once in (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]):
        for html in (once, once.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")):
            yield html
            yield json.dumps(html, ensure_ascii=False)[1:-1]


def _base64_forms(value: bytes) -> Iterator[str]:
    """Base64 of a value, alone and in the middle of something longer: at three offsets, in both alphabets."""
    if len(value) < SHORTEST:
        return
    for alphabet in (base64.b64encode, base64.urlsafe_b64encode):
        whole = alphabet(value).decode("ascii")
        yield from (whole, whole.rstrip("="))
        for offset in range(3):
            first = -(-8 * offset // _BASE64_BITS)
            after = 8 * (offset + len(value)) // _BASE64_BITS
            inner = alphabet(b"\0" * offset + value).decode("ascii")[first:after]
            if len(inner) >= _SHORTEST_BASE64:
                yield inner


def find(text: str, placeholders: Mapping[str, str]) -> list[Span]:
    """Find all forms (keys of ``placeholders``) in a text; what overlaps becomes one span."""
    found = [
        Span(start, end, placeholder)
        for form, placeholder in placeholders.items()
        for start, end in _places(text, form)
    ]
    merged: list[Span] = []
    for span in sorted(found, key=lambda span: (span.start, -span.end)):
        if not merged or span.start >= merged[-1].end:
            merged.append(span)
        elif span.end > merged[-1].end:
            # The first names it: it is the longest that begins here.
            merged[-1] = Span(merged[-1].start, span.end, merged[-1].placeholder, joined=True)
    return merged


def _places(text: str, form: str) -> Iterator[tuple[int, int]]:
    at = text.find(form)
    while at >= 0:
        yield at, at + len(form)
        at = text.find(form, at + 1)
    # YAML breaks a long line at blanks.
    words = form.split()
    if len(words) > 1 and "\n" in text and words[0] in text:
        for match in re.finditer(r"\s+".join(map(re.escape, words)), text):
            yield match.span()
