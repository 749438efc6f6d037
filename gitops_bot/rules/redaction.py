"""Secrets out of everything that flux prints, before it leaves the runner.

Three lines, one behind the other: by rule (a Secret shows the names of its keys, an object that
SOPS encrypted only its structure), by value (what ``postBuild.substituteFrom`` read from Secrets, in
every form that it may take), and by shape (tokens, addresses with passwords). None is complete
alone: who may cause a diff at all is decided before (trust.py), and a reference that cuts a secret
into pieces is refused (secret_references.py).

A value gives way to ``«secret:NAME#1a2b3c4d»``. The digits depend on the value and on a key that never
leaves this program: equal values look equal, a changed one looks changed, and no guess can be confirmed.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

import yaml

from gitops_bot.rules import secret_forms, yaml_nodes
from gitops_bot.rules.changes import parse_diff
from gitops_bot.rules.encrypted_objects import Encrypted, may_be_encrypted
from gitops_bot.rules.secret_objects import LAST_APPLIED, is_encrypted, redact_document
from gitops_bot.rules.yaml_nodes import UnreadableTextError

_HIDDEN = "«hidden»"
# Fields of a Secret that say nothing secret, and that a reader wants to see.
_PLAIN_FIELDS = ("kind", "apiVersion", "type", "immutable", "metadata.labels", "metadata.name", "metadata.namespace")

_HEADING = re.compile(r"► (?P<kind>[^/ ]+)/(?:[^/]*/)?(?P<name>[^/ ]*) \w+$")
_HEADING_START = re.compile(r"^(?:► |📁 |⚠️ )", re.MULTILINE)
# The annotation in any text: quoted on one line, or with deeper lines below it.
_APPLIED_ENTRY = re.compile(
    rf"^(?P<start>[^\n]*?){re.escape(LAST_APPLIED)}(?P<mark>[\"']?:)(?P<hidden>[^\n]*(?:\n(?P=start)[ \t]+[^\n]*)*)",
    re.MULTILINE,
)
_APPLIED_HIDDEN = re.compile(r"\s*[\"']?(«(?:secret:last-applied|hidden)#\w+»)[\"']?")
# The same as the path of a difference, with everything up to the next blank line.
_APPLIED_PATH = re.compile(
    rf"^(?P<path>[^\n ]*{re.escape(LAST_APPLIED)})\n(?P<headline>[±+⇆-][^\n]*)\n(?:[^\n]+(?:\n|\Z))*", re.MULTILINE
)
# A user without a password may be a token too; with one it is among the shapes of telemetry.
_USER_INFO = re.compile(r"(?<=://)[^/\s:@\"'«»]+(?=@)")
# What the API server says of one Secret, up to the next object.
_ABOUT_SECRET = re.compile(
    r"\bSecret/\S{1,600} dry-run failed.*?(?=, [A-Z]\w{0,100}/\S{1,600} dry-run failed|\Z)", re.DOTALL
)
# A quoted value, or one that nobody can tell the end of: then everything behind it goes.
_ECHO = re.compile(
    r"(?P<before>\b(?:Invalid|Unsupported|Duplicate) value: )(?:\"(?:[^\"\\]|\\.)*\"|[^\"].*)|(?P<go>\{Value:).*",
    re.DOTALL,
)
# Annotations by which Flux is told what to do: rules look at them, and no secret is in them.
_FLUX_ANNOTATION = re.compile(r"[a-z0-9-]+\.toolkit\.fluxcd\.io/")


class Redactor:
    """Takes secrets out of texts. One for each set of secrets."""

    def __init__(
        self,
        key: bytes,
        values: Iterable[tuple[str, bytes]] = (),
        encrypted: Encrypted = frozenset(),
    ) -> None:
        """Take secret values by name, and kind and name of the objects that SOPS encrypted."""
        self._key = key
        self._encrypted = encrypted
        self._placeholders: dict[str, str] = {}
        for name, value in values:
            for form in secret_forms.forms(value):
                self._placeholders.setdefault(form, self.placeholder(name, value))

    def placeholder(self, name: str, value: bytes) -> str:
        """Give what stands for a value."""
        return f"«secret:{name}#{self._mark(value)}»"

    def render(self, text: str) -> str:
        """Redact the documents of a render; UnreadableTextError. Documents without secrets stay as they are."""
        return self.plain("".join(redact_document(part, self.placeholder) for part in yaml_nodes.documents(text)))

    def diff(self, text: str) -> str:
        """Redact the text of ``flux diff``. It stays in dyff's format, to be read as before."""
        starts = [match.start() for match in _HEADING_START.finditer(text)]
        edges = [0, *(start for start in starts if start), len(text)]
        return self.plain("".join(self._block(text[start:end]) for start, end in pairwise(edges)))

    def live(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """Redact an object as the API server tells it; of a Secret or what SOPS encrypted, keep metadata only."""
        metadata = found.get("metadata") or {}
        kind, name = str(found.get("kind")), str(metadata.get("name"))
        shown = {key: value for key, value in metadata.items() if key != "annotations"}
        secret = kind == "Secret" or self._was_encrypted(kind, name)
        annotations = metadata.get("annotations")
        if isinstance(annotations, Mapping):
            shown["annotations"] = {
                key: self.placeholder(str(key), str(value).encode("utf-8", "surrogateescape"))
                if secret and not _FLUX_ANNOTATION.match(str(key))
                else value
                for key, value in annotations.items()
                if key != LAST_APPLIED
            }
        kept = {"apiVersion": found.get("apiVersion"), "kind": found.get("kind")} if secret else dict(found)
        redacted: dict[str, Any] = self._values({**kept, "metadata": shown})
        return redacted

    def _values(self, value: Any) -> Any:
        """Redact every text in a value, keys too."""
        if isinstance(value, str):
            return self.plain(value)
        if isinstance(value, Mapping):
            return {self.plain(str(key)): self._values(item) for key, item in value.items()}
        return [self._values(item) for item in value] if isinstance(value, list) else value

    def message(self, text: str) -> str:
        """Redact what flux and the API server say on standard error, which echoes values."""
        return self.plain(_ABOUT_SECRET.sub(lambda found: _ECHO.sub(_without_echo, found[0]), text))

    def plain(self, text: str) -> str:
        """Redact any text, by value and by shape."""
        if LAST_APPLIED in text:
            text = _APPLIED_PATH.sub(rf"\g<path>\n\g<headline>\n- {_HIDDEN}\n+ {_HIDDEN}\n", text)
            text = _APPLIED_ENTRY.sub(self._applied_entry, text)
        from gitops_bot.telemetry import without_tokens  # noqa: PLC0415 # a third of the runner's start, and not needed for it

        text = without_tokens(self._without_values(text), self._hidden)
        return _USER_INFO.sub(lambda found: self._hidden(found[0]), text)

    def _mark(self, value: bytes) -> str:
        return hmac.digest(self._key, value, hashlib.sha256).hex()[:8]

    def _hidden(self, text: str) -> str:
        """Stand for a text that only looks secret: a change of it must still look like one."""
        return f"«hidden#{self._mark(text.encode('utf-8', 'surrogateescape'))}»"

    def _applied_entry(self, found: re.Match[str]) -> str:
        # What the rules for documents put there already stays. Else the text counts: whatever stands behind that
        # name, a script too, must not change unseen.
        hidden = _APPLIED_HIDDEN.fullmatch(found["hidden"])
        return f"{found['start']}{LAST_APPLIED}{found['mark']} {hidden[1] if hidden else self._hidden(found['hidden'])}"

    def _without_values(self, text: str) -> str:
        parts, at = [], 0
        for span in secret_forms.find(text, self._placeholders):
            parts += [text[at : span.start], self._stands_for(span, text)]
            at = span.end
        return "".join([*parts, text[at:]])

    def _stands_for(self, span: secret_forms.Span, text: str) -> str:
        """Give a span's placeholder: where a second value begins within the first, of what both are together."""
        if not span.joined:
            return span.placeholder
        mark = self._mark(text[span.start : span.end].encode("utf-8", "surrogateescape"))
        return f"{span.placeholder.rpartition('#')[0]}#{mark}»"

    def _block(self, block: str) -> str:
        """Redact what stands below one heading."""
        heading, newline, body = block.partition("\n")
        found = _HEADING.match(heading)
        if found is None or not body.strip():
            return block
        if found["kind"] == "Secret":
            return heading + newline + _structure(block, _PLAIN_FIELDS)
        if is_encrypted(body) or self._was_encrypted(found["kind"], found["name"]):
            return heading + newline + _structure(block, ())
        return block

    def _was_encrypted(self, kind: str, name: str) -> bool:
        return may_be_encrypted(kind, name, self._encrypted)


def _without_echo(found: re.Match[str]) -> str:
    return f'{found["before"]}"{_HIDDEN}"' if found["before"] else f"{found['go']}{_HIDDEN}}}"


def _structure(block: str, plain: tuple[str, ...]) -> str:
    """Write the entries below a heading anew, with the names of fields and without values."""
    parts = []
    for entry in (entry for item in parse_diff(block).objects for entry in item.entries):
        removed, added = (_without_values(text, entry.path, plain) for text in (entry.removed, entry.added))
        parts.append(f"\n{entry.path or '(root level)'}\n{entry.headline}\n{_rows(entry.headline, removed, added)}")
    return "".join(parts) + "\n"


def _rows(headline: str, removed: str, added: str) -> str:
    """Write values below a headline, one below the other, as dyff does when they are too wide for two columns."""
    if headline[0] == "+":
        return "".join(f"  {line}\n" for line in added.split("\n"))
    if headline[0] == "-":
        return f"{removed}\n"
    before, after = (text.replace("\n", "\n  ") for text in (removed, added))
    return f"- {before}\n+ {after}\n"


def _without_values(text: str, path: str, plain: tuple[str, ...]) -> str:
    """Keep the keys of a YAML value and hide the rest; all of it when it is no collection."""
    if _is_plain(path, plain):
        return text
    try:
        node = yaml_nodes.compose(text)
    except UnreadableTextError:
        return _HIDDEN
    if not isinstance(node, yaml.MappingNode | yaml.SequenceNode):
        return _HIDDEN

    def hide(where: str, value: yaml.ScalarNode) -> yaml.ScalarNode:
        return value if _is_plain(where, plain) else yaml_nodes.scalar(_HIDDEN)

    return yaml_nodes.serialize(yaml_nodes.with_scalars(node, path, hide)).rstrip("\n")


def _is_plain(path: str, plain: tuple[str, ...]) -> bool:
    return any(path == one or path.startswith(f"{one}.") for one in plain)
