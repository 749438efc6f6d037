"""Hidden characters made visible: the one cleaning function for every sink.

Text of a pull request goes to Slack, GitHub, terminals, pages and models. What a person does
not see there must not be able to act: terminal sequences, carriage returns that overwrite a
line, text that runs backwards, characters without width, tags that only a model reads.
"""

import re

# Default_Ignorable_Code_Point of https://www.unicode.org/reports/tr44/, the controls but \t and \n,
# line separators, surrogates, noncharacters, and marks that format what follows.
_HIDDEN = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufdd0-\ufdef\ufe00-\ufe0e\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
# What an emoji variation selector may follow without being a message in hiding.
_EMOJI = "#*0-9\xa9\xae\u203c-\u3299\U0001f000-\U0001faff"
_MARKS = "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
# Four marks on one letter are more than any language needs; a pile of them covers the lines around.
_UNSEEN = re.compile(f"[{_HIDDEN}]|(?<![{_EMOJI}])\ufe0f|(?<=[{_MARKS}]{{4}})[{_MARKS}]")


def _show(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x100:  # noqa: PLR2004 - the three lengths of Python's own escapes
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"  # noqa: PLR2004 - the same


def clean(text: str) -> str:
    r"""Show every hidden character as an escape (``\x1b``, ``\u202e``); newlines and tabs stay."""
    return _UNSEEN.sub(_show, text)


def clean_line(text: str) -> str:
    r"""Clean what must stay on one line, such as a name or a path: newlines and tabs become visible too."""
    return clean(text).replace("\n", "\\n").replace("\t", "\\t")


def has_hidden_characters(text: str) -> bool:
    """Whether a person sees less of this text than there is."""
    return _UNSEEN.search(text) is not None
