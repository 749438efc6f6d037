"""Foreign text on its way into Slack, GitHub and terminals: escaped, fenced, cut.

The rule of every view: text of a pull request or a cluster stands only where nothing is parsed
(Slack's plain_text and preformatted text, a fence on GitHub). ``is_inert`` names the one
exception, and what it lets through has no character that any of them gives a meaning to.
"""

import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import urlsplit

from gitops_bot.rules.cleaning import clean_line

# Names as Kubernetes (DNS-1123) and GitHub (logins, "renovate[bot]") allow them. For a code span only:
# "www.example.com" is a name too, and would become a link elsewhere.
_INERT = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,251}[A-Za-z0-9])?(?:\[bot\])?")
_SLACK_ID = re.compile(r"[UW][A-Z0-9]{2,20}")
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_REGIONAL = range(0x1F1E6, 0x1F200)
ELLIPSIS = "…"


def is_inert(text: str) -> bool:
    """Whether a name can stand in a code span of any markup."""
    return _INERT.fullmatch(text) is not None and "//" not in text


def code_span(name: str, instead: str = "(a name with unusual characters)") -> str:
    """Give a name as code of Slack's mrkdwn and of markdown alike, or ``instead`` when it is not inert."""
    return f"`{name}`" if is_inert(name) else instead


def escape_slack(text: str) -> str:
    """Escape the three characters that Slack's mrkdwn gives a meaning to.

    https://docs.slack.dev/messaging/formatting-message-text#escaping
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def slack_mention(user: str) -> str:
    """Name a person of Slack so that the client shows the display name; "somebody" for what is no user id."""
    return f"<@{user}>" if _SLACK_ID.fullmatch(user) else "somebody"


def is_link(address: str) -> bool:
    """Whether an address can stand in a link of Slack and of markdown: http(s), and nothing that would end it."""
    if re.search(r"[\s<>|()\[\]\"'`\\]", address) or not address.isascii():
        return False
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc)


def slack_link(address: str, words: str) -> str:
    """Link words of our own; the words alone when the address is not fit for a link."""
    return f"<{address.replace('&', '&amp;')}|{escape_slack(words)}>" if is_link(address) else escape_slack(words)


def short_commit(commit: str) -> str:
    """Give the seven digits that people know a commit by; "unknown" for anything else."""
    return commit[:7] if _COMMIT.fullmatch(commit) else "unknown"


def size(text: str) -> int:
    """Count UTF-16 units: what JavaScript counts, and never less than what others do."""
    return len(text) + sum(character > "\uffff" for character in text)


def _continues(before: str, character: str) -> bool:
    """Whether a character belongs to the same sign as the one before it."""
    code = ord(character)
    if unicodedata.category(character) in {"Mn", "Mc", "Me"} or code in _SKIN_TONES or character == "\ufe0f":
        return True
    return code in _REGIONAL and ord(before) in _REGIONAL


def prefix(text: str, limit: int) -> str:
    """Give the longest beginning of ``limit`` units that does not cut a sign in two."""
    if size(text) <= limit:
        return text
    units = end = 0
    for character in text:
        units += 2 if character > "\uffff" else 1
        if units > limit:
            break
        end += 1
    while end and _continues(text[end - 1], text[end]):
        end -= 1
    return text[:end]


def shorten(text: str, limit: int) -> str:
    """Cut to ``limit`` units, the ellipsis included."""
    return text if size(text) <= limit else prefix(text, limit - 1).rstrip() + ELLIPSIS


def shorten_line(text: str, limit: int) -> str:
    """Clean and cut one line, and say how many characters are missing."""
    text = clean_line(text)
    if size(text) <= limit:
        return text
    kept = prefix(text, max(limit - 30, 1))
    return f"{kept}{ELLIPSIS} ({len(text) - len(kept):,} more characters)"


def fence_length(text: str) -> int:
    """Count the backticks that a fence around this text needs: more than any run in it, three at least."""
    return max(3, 1 + max((len(run) for run in re.findall(r"`+", text)), default=0))


def fence(text: str, language: str = "") -> str:
    """Put text into a fence that nothing in it can end.

    https://github.github.com/gfm/#fenced-code-blocks
    """
    ticks = "`" * fence_length(text)
    return f"{ticks}{language}\n{text}\n{ticks}"


def and_more(names: Iterable[str], most: int) -> str:
    """List names, and count those past ``most``: "a, b and 3 more"."""
    known = list(names)
    if len(known) <= most:
        return ", ".join(known)
    return f"{', '.join(known[:most])} and {len(known) - most:,} more"
