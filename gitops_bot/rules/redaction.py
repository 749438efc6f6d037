"""Secrets out of everything that flux prints, before it leaves the runner.

Three lines, one behind the other: by rule (a Secret shows the names of its keys, an object that SOPS
encrypted only its structure), by value (what ``postBuild.substituteFrom`` read from Secrets, in every form
that it may take), and by shape (tokens, addresses with passwords). None is complete alone: who may cause a
diff at all is decided before (trust.py), and a reference that cuts a secret into pieces is refused
(``transformed_references``).

A value gives way to ``«secret:NAME#1a2b3c4d»``: the digits depend on the value and on a key that never leaves
this program, so equal values look equal and nobody can confirm a guess.
"""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from urllib.parse import quote, quote_plus

import yaml

from gitops_bot.rules.changes import parse_diff
from gitops_bot.telemetry import without_tokens

# Shorter values are not looked for: they would be found in every other word. Also: what a form of a value must have.
SHORTEST = 6
_HIDDEN = "«hidden»"
_SOPS_VALUE = "ENC[AES256_GCM"
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
# Fields of a Secret that say nothing secret, and that a reader wants to see.
_PLAIN_OF_SECRET = ("kind", "apiVersion", "type", "immutable", "metadata.labels", "metadata.name", "metadata.namespace")
_BASE64_BITS = 6
_SHORTEST_BASE64 = 8

Json = Mapping[str, Any]


class UnreadableTextError(ValueError):
    """A render is not YAML: it cannot be redacted by rule, so it must not leave."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc] # which one depends on the machine
    """Reads nodes; values are never built, so that nothing changes its type on the way."""


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc] # which one depends on the machine
    """Writes nodes."""


@dataclass(frozen=True)
class _Span:
    """A secret that was found in a text."""

    start: int
    end: int
    placeholder: str


class Redactor:
    """Takes secrets out of texts. One for each combination of a Kustomization's secrets."""

    def __init__(
        self,
        key: bytes,
        values: Iterable[tuple[str, bytes]] = (),
        encrypted: frozenset[tuple[str, str]] = frozenset(),
    ) -> None:
        """Take the secret values by name, and kind and name of objects that SOPS encrypted in the tree."""
        self._key = key
        self._encrypted = encrypted
        found: dict[str, str] = {}
        for name, value in values:
            placeholder = self.placeholder(name, value)
            for form in forms(value):
                found.setdefault(form, placeholder)
        # The longest first: it names the span.
        self._forms = sorted(found.items(), key=lambda item: -len(item[0]))

    def placeholder(self, name: str, value: bytes) -> str:
        """Give what stands for a value."""
        return f"«secret:{name}#{hmac.digest(self._key, value, hashlib.sha256).hex()[:8]}»"

    def plain(self, text: str) -> str:
        """Redact a message, or any text without structure."""
        return _without_user_info(without_tokens(self._without_values(_without_last_applied(text))))

    def message(self, text: str) -> str:
        """Redact what flux and the API server say on standard error, which echoes values."""
        return self.plain(_ECHO_OF_SECRET.sub(_hide_echoes, text))

    def render(self, text: str) -> str:
        """Redact the documents of a render; UnreadableTextError. Documents without secrets stay as they are."""
        return self.plain("".join(self._document(part) for part in _documents(text)))

    def diff(self, text: str) -> str:
        """Redact the text of ``flux diff``: dyff's format stays, so that it can be read as before."""
        return self.plain("".join(self._block(block) for block in _blocks(text)))

    def _without_values(self, text: str) -> str:
        spans = sorted(_spans(text, self._forms), key=lambda span: (span.start, -span.end))
        if not spans:
            return text
        parts, at, last = [], 0, spans[0]
        for span in [*spans[1:], None]:
            if span is not None and span.start <= last.end:
                longer = span if span.end - span.start > last.end - last.start else last
                last = _Span(last.start, max(last.end, span.end), longer.placeholder)
                continue
            parts += [text[at : last.start], last.placeholder]
            at = last.end
            last = span or last
        return "".join([*parts, text[at:]])

    def _document(self, text: str) -> str:
        if not _MAY_NEED_RULES.search(text):
            return text
        try:
            node = yaml.compose(text, Loader=_Loader)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise UnreadableTextError(f"A rendered document is not readable YAML: {type(error).__name__}") from error
        if not isinstance(node, yaml.MappingNode):
            return text
        changed = [self._redact_object(item) for item in _objects(node)]
        if not any(changed):
            return text
        written = yaml.serialize(node, Dumper=_Dumper, allow_unicode=True, width=10_000)
        return ("---\n" if text.startswith("---") else "") + str(written)

    def _redact_object(self, node: yaml.MappingNode) -> bool:
        """Take secrets out of one object, in place; True when there were any."""
        changed = _drop_last_applied(node)
        if _text(_child(node, "kind")) == "Secret":
            self._fold_string_data(node)
            data = _child(node, "data")
            for key, value in data.value if isinstance(data, yaml.MappingNode) else ():
                changed = True
                _replace(value, self.placeholder(str(_text(key)), _decoded(value)))
        return changed

    def _fold_string_data(self, node: yaml.MappingNode) -> None:
        """Move ``stringData`` into ``data``, as the API server does: the same value has the same placeholder."""
        plain = _child(node, "stringData")
        if not isinstance(plain, yaml.MappingNode):
            return
        folded = {
            str(_text(key)): (key, _scalar(base64.b64encode(_plain_bytes(value)).decode("ascii")))
            for key, value in plain.value
        }
        data = _child(node, "data")
        if isinstance(data, yaml.MappingNode):
            kept = [pair for pair in data.value if str(_text(pair[0])) not in folded]
            data.value = [*kept, *folded.values()]
            node.value = [pair for pair in node.value if pair[1] is not plain]
        else:
            plain.value = list(folded.values())
            for key, value in node.value:
                if value is plain:
                    key.value = "data"
            node.value = [pair for pair in node.value if pair[1] is not data]

    def _block(self, block: str) -> str:
        """Redact what stands below one heading."""
        heading, newline, body = block.partition("\n")
        found = _HEADING.match(heading)
        if found is None:
            return block
        secret = found["kind"] == "Secret"
        if not (secret or _SOPS_VALUE in body or self._was_encrypted(found["kind"], found["name"])):
            return block
        return heading + newline + _structure(block, body, _PLAIN_OF_SECRET if secret else ())

    def _was_encrypted(self, kind: str, name: str) -> bool:
        """Whether an object may be one that SOPS encrypted: kustomize may have put something before or behind."""
        return any(kind == one and inner in name for one, inner in self._encrypted)


def forms(value: bytes) -> frozenset[str]:
    """Give every text that a value may be printed as: raw, by line, base64, URL, JSON, YAML, Go."""
    raw = value.decode("utf-8", "surrogateescape")
    texts = {raw, raw.strip(), raw.replace("\n", ""), *(line.strip() for line in raw.split("\n"))}
    found = set()
    for text in texts:
        if len(text) < SHORTEST:
            continue
        found |= {text, text.replace("'", "''"), *_quoted(text), *_escaped(text)}
        found |= _base64_forms(text.encode("utf-8", "surrogateescape"))
        found.add(text.encode("utf-8", "surrogateescape").hex())
    if len(value) >= SHORTEST:
        found |= _base64_forms(value)
    return frozenset(form for form in found if len(form) >= SHORTEST)


def _quoted(text: str) -> Iterator[str]:
    for quoted in (quote(text, safe="", errors="surrogateescape"), quote(text, errors="surrogateescape")):
        yield quoted
        yield re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), quoted)
    yield quote_plus(text, errors="surrogateescape")


def _escaped(text: str) -> Iterator[str]:
    """JSON in ASCII and in Unicode, as Go writes it too (< > & escaped), and JSON within JSON."""
    for once in (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]):
        for html in (once, once.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")):
            yield html
            yield json.dumps(html, ensure_ascii=False)[1:-1]


def _base64_forms(value: bytes) -> set[str]:
    """Base64 of a value, alone and in the middle of something longer: at three offsets, in both alphabets."""
    found = set()
    for alphabet in (base64.b64encode, base64.urlsafe_b64encode):
        whole = alphabet(value).decode("ascii")
        found |= {whole, whole.rstrip("=")}
        for offset in range(3):
            first = -(-8 * offset // _BASE64_BITS)
            after = 8 * (offset + len(value)) // _BASE64_BITS
            inner = alphabet(b"\0" * offset + value).decode("ascii")[first:after]
            if len(inner) >= _SHORTEST_BASE64:
                found.add(inner)
    return found


def _spans(text: str, forms_of_values: Sequence[tuple[str, str]]) -> Iterator[_Span]:
    for form, placeholder in forms_of_values:
        at = text.find(form)
        while at >= 0:
            yield _Span(at, at + len(form), placeholder)
            at = text.find(form, at + 1)


# Documents that the rules may concern: everything else stays as flux printed it.
_MAY_NEED_RULES = re.compile(r"\bSecret\b|" + re.escape(_LAST_APPLIED))
_DOCUMENT_START = re.compile(r"^---(?=[ \n]|\Z)", re.MULTILINE)


def _documents(text: str) -> list[str]:
    """Cut a stream at its document markers, which nothing else can stand for in column 0."""
    starts = [match.start() for match in _DOCUMENT_START.finditer(text)]
    edges = [0, *(start for start in starts if start), len(text)]
    return [text[start:end] for start, end in pairwise(edges)]


def _objects(node: yaml.MappingNode) -> Iterator[yaml.MappingNode]:
    """Go through an object, or the objects of a list."""
    yield node
    items = _child(node, "items")
    for item in items.value if isinstance(items, yaml.SequenceNode) else ():
        if isinstance(item, yaml.MappingNode):
            yield from _objects(item)


def _child(node: yaml.Node | None, name: str) -> yaml.Node | None:
    """Give the value of a key; the last of two equal keys wins."""
    found = None
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        if _text(key) == name:
            found = value
    return found


def _text(node: yaml.Node | None) -> str | None:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else None


def _scalar(text: str) -> yaml.ScalarNode:
    return yaml.ScalarNode("tag:yaml.org,2002:str", text)


def _replace(node: yaml.Node, text: str) -> None:
    """Make a node a text, whatever it was."""
    node.__class__ = yaml.ScalarNode
    node.__dict__.update(_scalar(text).__dict__)


def _plain_bytes(node: yaml.Node) -> bytes:
    return str(node.value).encode("utf-8", "surrogateescape")


def _decoded(node: yaml.Node) -> bytes:
    plain = _plain_bytes(node)
    try:
        return base64.b64decode(plain, validate=True)
    except ValueError:
        return plain


def _drop_last_applied(node: yaml.MappingNode) -> bool:
    found = _child(_child(_child(node, "metadata"), "annotations"), _LAST_APPLIED)
    if found is None:
        return False
    _replace(found, _HIDDEN)
    return True


_HEADING = re.compile(r"► (?P<kind>[^/ ]+)/(?:[^/]*/)?(?P<name>[^/ ]*) \w+$")


def _blocks(text: str) -> list[str]:
    """Cut a diff before each heading: a mark in column 0."""
    starts = [match.start() for match in re.finditer(r"^(?:► |📁 |⚠️ )", text, re.MULTILINE)]
    edges = [0, *(start for start in starts if start), len(text)]
    return [text[start:end] for start, end in pairwise(edges)]


def _structure(block: str, body: str, plain: tuple[str, ...]) -> str:
    """Write the entries of a block anew, with names of fields and without values."""
    if not body.strip():
        return body
    parsed = parse_diff(block)
    parts = []
    for entry in (entry for item in parsed.objects for entry in item.entries):
        shown = _is_plain(entry.path, plain)
        removed, added = (
            text if shown else _without_scalars(text, entry.path, plain) for text in (entry.removed, entry.added)
        )
        parts.append(f"\n{entry.path or '(root level)'}\n{entry.headline}\n{_values(entry.headline, removed, added)}")
    return "".join(parts) + "\n"


def _values(headline: str, removed: str, added: str) -> str:
    """Write values below a headline, as dyff does when it puts them one below the other."""
    if headline[0] == "+":
        return "".join(f"  {line}\n" for line in added.split("\n"))
    if headline[0] == "-":
        return f"{removed}\n"
    before, after = (text.replace("\n", "\n  ") for text in (removed, added))
    return f"- {before}\n+ {after}\n"


def _is_plain(path: str, plain: tuple[str, ...]) -> bool:
    return any(path == one or path.startswith(one + ".") for one in plain)


def _without_scalars(text: str, path: str, plain: tuple[str, ...]) -> str:
    """Keep the keys of a YAML value and hide the rest; all of it when it is no mapping."""
    try:
        node = yaml.compose(text, Loader=_Loader)
    except (yaml.YAMLError, ValueError, RecursionError):
        return _HIDDEN
    if not isinstance(node, yaml.MappingNode | yaml.SequenceNode):
        return _HIDDEN
    _hide_scalars(node, path, plain)
    return str(yaml.serialize(node, Dumper=_Dumper, allow_unicode=True, width=10_000)).rstrip("\n")


def _hide_scalars(node: yaml.Node, path: str, plain: tuple[str, ...]) -> None:
    if _is_plain(path, plain):
        return
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            _hide_scalars(value, f"{path}.{_text(key)}".lstrip("."), plain)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _hide_scalars(item, path, plain)
    else:
        _replace(node, _HIDDEN)


# The annotation in any text: quoted JSON on one line, or a block of indented lines below it.
_LAST_APPLIED_TEXT = re.compile(
    rf"^(?P<start>[^\n]*?){re.escape(_LAST_APPLIED)}(?P<mark>\S*:)[^\n]*(?:\n(?P=start)[ \t]+[^\n]*)*", re.MULTILINE
)
_LAST_APPLIED_PATH = re.compile(
    rf"^(?P<path>[^\n ]*{re.escape(_LAST_APPLIED)})\n(?P<headline>[±+-⇆][^\n]*)\n(?:[^\n]+\n?)*", re.MULTILINE
)


def _without_last_applied(text: str) -> str:
    if _LAST_APPLIED not in text:
        return text
    text = _LAST_APPLIED_PATH.sub(rf"\g<path>\n\g<headline>\n- {_HIDDEN}\n+ {_HIDDEN}\n", text)
    return _LAST_APPLIED_TEXT.sub(rf"\g<start>{_LAST_APPLIED}\g<mark> {_HIDDEN}", text)


# user:password@ is a shape of tokens (telemetry); a user alone may be a token too.
_USER_INFO = re.compile(r"(?<=://)[^/\s:@\"'«»]+(?=@)")


def _without_user_info(text: str) -> str:
    return _USER_INFO.sub(_HIDDEN, text)


# What the API server says of one Secret, up to the next object.
_ECHO_OF_SECRET = re.compile(r"\bSecret/\S+ dry-run failed.*?(?=, [A-Z]\w*/\S+ dry-run failed|\Z)", re.DOTALL)
_ECHO = re.compile(
    r"(?P<before>Invalid value: |Unsupported value: |Duplicate value: )\"(?:[^\"\\]|\\.)*\"|(?P<go>\{Value:)[^}]*\}"
)


def _hide_echoes(match: re.Match[str]) -> str:
    return _ECHO.sub(
        lambda found: f'{found["before"]}"{_HIDDEN}"' if found["before"] else f"{found['go']}{_HIDDEN}}}", match[0]
    )


def transformed_references(render: str, secret_names: frozenset[str]) -> tuple[str, ...]:
    """Give the references to secret variables that would print a part or a changed form of the value.

    ``render`` is a render before substitution. ``${NAME}`` and defaults behind ``:=``, ``:-`` and ``=``
    are harmless; ``${NAME:0:3}``, ``${NAME^^}``, ``${#NAME}`` and the like are not.
    https://github.com/fluxcd/pkg/blob/envsubst/v1.7.1/envsubst/README.md
    """
    if not secret_names:
        return ()
    names = "|".join(sorted(map(re.escape, secret_names)))
    pattern = re.compile(
        rf"(?<!(?<!\$)\$)\$\{{(?P<length>#?)\s*(?P<name>{names})(?![A-Za-z0-9_])(?P<rest>.{{0,3}})", re.DOTALL
    )
    found: dict[str, None] = {}
    for document in _documents(render):
        matches = [
            match for match in pattern.finditer(document) if match["length"] or not _HARMLESS.match(match["rest"])
        ]
        if matches and not _substitution_is_off(document):
            for match in matches:
                found["${" + match["length"] + match["name"] + match["rest"].split("}")[0] + "…}"] = None
    return tuple(found)


_HARMLESS = re.compile(r"\}|:=|:-|=")


def _substitution_is_off(document: str) -> bool:
    """Whether Flux leaves this object alone; False when that cannot be read."""
    try:
        node = yaml.compose(document, Loader=_Loader)
    except (yaml.YAMLError, ValueError, RecursionError):
        return False
    metadata = _child(node, "metadata")
    marks = (
        _child(_child(metadata, kind), "kustomize.toolkit.fluxcd.io/substitute") for kind in ("labels", "annotations")
    )
    return any(_text(mark) == "disabled" for mark in marks)


def encrypted_objects(text: str) -> Iterator[tuple[str, str]]:
    """Give kind and name of the objects in a file that SOPS encrypted, Secrets apart.

    Flux decrypts them in the cluster but not here: a diff would print the plain text that lives there.
    """
    if _SOPS_VALUE not in text:
        return
    for document in _documents(text):
        if _SOPS_VALUE not in document:
            continue
        try:
            node = yaml.compose(document, Loader=_Loader)
        except (yaml.YAMLError, ValueError, RecursionError):
            continue
        kind, name = _text(_child(node, "kind")), _text(_child(_child(node, "metadata"), "name"))
        if kind and name and kind != "Secret":
            yield kind, name


def secret_values(render: str) -> tuple[tuple[str, bytes], ...]:
    """Give the values of the Secrets in a render, by key: what messages must not echo. Never raises."""
    found: list[tuple[str, bytes]] = []
    for document in _documents(render):
        if not re.search(r"\bSecret\b", document):
            continue
        try:
            node = yaml.compose(document, Loader=_Loader)
        except (yaml.YAMLError, ValueError, RecursionError):
            continue
        for item in _objects(node) if isinstance(node, yaml.MappingNode) else ():
            if _text(_child(item, "kind")) != "Secret":
                continue
            data, plain = _child(item, "data"), _child(item, "stringData")
            for key, value in data.value if isinstance(data, yaml.MappingNode) else ():
                found.append((str(_text(key)), _decoded(value)))
            for key, value in plain.value if isinstance(plain, yaml.MappingNode) else ():
                found.append((str(_text(key)), _plain_bytes(value)))
    return tuple(found)
