"""Comments as GitHub shows them: GitHub-flavoured markdown with an allow-list of HTML.

https://github.github.com/gfm/, https://github.com/gjtorikian/html-pipeline. What GitHub would fetch from
elsewhere (images) is named instead of shown: these pages load nothing that does not come from here.
"""

import html
import re
from collections.abc import Sequence
from html.parser import HTMLParser

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

_ALLOWED = """
    a b blockquote br code dd del details div dl dt em h1 h2 h3 h4 h5 h6 hr i ins kbd li ol p pre q s samp span
    strike strong sub summary sup table tbody td th thead tr tt ul var
"""
_TAGS = frozenset(_ALLOWED.split())
_ALONE = frozenset({"br", "hr"})
# Nothing of these is shown, not even their text.
_SILENT = frozenset(
    {"script", "style", "iframe", "object", "embed", "template", "title", "textarea", "noscript", "svg"}
)
_ATTRIBUTES = {
    "a": {"href", "title"},
    "details": {"open"},
    "ol": {"start"},
    "td": {"align", "colspan", "rowspan"},
    "th": {"align", "colspan", "rowspan"},
    "div": {"align"},
    "p": {"align"},
}
_SCHEMES = ("http://", "https://", "mailto:", "#", "/")
# Classes that our own renderer sets.
_CLASSES = frozenset({"diff", "added", "removed", "hunk"})
_MENTION = re.compile(r"(?<![\w/`.])@([A-Za-z0-9](?:[A-Za-z0-9-]{0,38})(?:/[\w.-]+)?)")
_STARTS = {"+": "added", "-": "removed", "@": "hunk"}


def _fence(_renderer: object, tokens: Sequence[Token], index: int, _options: object, _environment: object) -> str:
    """Write a code block; the lines of a diff get their colours."""
    token = tokens[index]
    if token.info.strip().partition(" ")[0].lower() != "diff":
        return f"<pre><code>{html.escape(token.content)}</code></pre>\n"
    lines = []
    for line in token.content.splitlines():
        kind = _STARTS.get(line[:1])
        text = html.escape(line)
        lines.append(f'<span class="{kind}">{text}</span>' if kind else text)
    return f'<pre><code class="diff">{chr(10).join(lines)}\n</code></pre>\n'


_PARSER = MarkdownIt("commonmark", {"html": True, "breaks": True}).enable(["table", "strikethrough"])
_PARSER.add_render_rule("fence", _fence)


def render(text: str) -> Markup:
    """Give the HTML of a text; whatever stands in it, the result is well formed and harmless."""
    cleaner = _Cleaner()
    cleaner.feed(_PARSER.render(text))
    return Markup(cleaner.finish())  # noqa: S704 - made of the allow-list above, every text escaped


class _Cleaner(HTMLParser):
    """Writes HTML anew, from allowed tags and attributes alone."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._out: list[str] = []
        self._open: list[str] = []
        self._silent: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SILENT:
            self._silent.append(tag)
        if self._silent:
            return
        if tag == "img":
            given = dict(attrs)
            label = html.escape(f"[image: {given.get('alt') or ''} {given.get('src') or ''}]")
            self._out.append(f'<span class="image">{label}</span>')
        if tag not in _TAGS:
            return
        # A wide table scrolls by itself.
        wrapper = '<div class="table-wrap">' if tag == "table" else ""
        self._out.append(f"{wrapper}<{tag}{self._attributes(tag, attrs)}>")
        if tag not in _ALONE:
            self._open.append(tag)

    @staticmethod
    def _attributes(tag: str, attrs: list[tuple[str, str | None]]) -> str:
        kept = []
        for name, value in attrs:
            text = value or ""
            if name == "class":
                text = " ".join(word for word in text.split() if word in _CLASSES)
                if text:
                    kept.append((name, text))
            elif name == "style" and tag in {"td", "th"}:
                # How markdown-it aligns the columns of a table.
                side = re.fullmatch(r"text-align:(left|right|center)", text)
                kept += [("class", f"to-{side[1]}")] if side else []
            elif name == "href" and not text.lower().startswith(_SCHEMES):
                continue
            elif name in _ATTRIBUTES.get(tag, ()):
                kept.append((name, text))
        if tag == "a":
            kept.append(("rel", "nofollow noreferrer"))
        return "".join(f' {name}="{html.escape(text)}"' for name, text in kept)

    def handle_endtag(self, tag: str) -> None:
        if self._silent:
            if tag == self._silent[-1]:
                self._silent.pop()
            return
        if tag not in self._open:
            return
        # What was left open inside is closed first.
        while self._open:
            inner = self._open.pop()
            self._out.append(_closing(inner))
            if inner == tag:
                return

    def handle_data(self, data: str) -> None:
        if self._silent:
            return
        text = html.escape(data, quote=False)
        if not {"code", "pre", "a"} & set(self._open):
            text = _MENTION.sub(r'<span class="mention">@\1</span>', text)
        self._out.append(text)

    def finish(self) -> str:
        self.close()
        return "".join(self._out) + "".join(_closing(tag) for tag in reversed(self._open))


def _closing(tag: str) -> str:
    return "</table></div>" if tag == "table" else f"</{tag}>"
