"""The same words everywhere: Slack, GitHub, terminal, pages.

Signs are Unicode and not Slack's ``:names:``, so that they look alike in all of them, and no
meaning rests on a colour alone.
"""

from dataclasses import dataclass
from datetime import datetime

from gitops_bot.models.changes import Operation, Origin
from gitops_bot.models.reports import RowState, Severity, Verdict


@dataclass(frozen=True)
class Label:
    """A sign and what it stands for. ``words`` continue a sentence, so they begin with a small letter."""

    sign: str
    words: str

    def __str__(self) -> str:
        """The sign, then the words."""
        return f"{self.sign} {self.words}"


VERDICTS = {
    Verdict.NO_EFFECT: Label("✅", "no effect"),
    Verdict.CHANGES: Label("🔷", "changes"),
    Verdict.BLOCKED: Label("⛔", "blocked"),
    Verdict.INCOMPLETE: Label("⚠️", "incomplete"),
    Verdict.HELD: Label("✋", "held"),
}
# Instead of the sign for changes, when one of them is a deletion.
DESTROYS = Label("🔴", "destroys")

ORIGINS = {
    Origin.PULL_REQUEST: Label("🔷", "this pull request"),
    Origin.UNDONE: Label("↩️", "overwrites a change that somebody made in the cluster"),
    Origin.DRIFT: Label("🌀", "drift that was there before"),
    Origin.PENDING: Label("⏳", "on the base branch, not applied yet"),
    Origin.ADOPTED: Label("🤝", "already so in the cluster"),
    Origin.WITHDRAWN: Label("🗑️", "taken back before it was applied"),
}

OPERATIONS = {
    Operation.CREATE: Label("+", "is created"),
    Operation.CHANGE: Label("±", "changes"),
    Operation.DELETE: Label("-", "is deleted"),
    Operation.RECREATE: Label("∓", "is deleted and created anew"),
    Operation.SKIP: Label("○", "is left alone by Flux, not reviewed"),
}

# What changes and cannot be seen before the merge.
CONTENT = Label("📦", "content not rendered")
SEALED = Label("🔒", "encrypted: names of keys only")

ROW_STATES = {
    RowState.CHANGED: Label("🔷", "changes"),
    RowState.UNCHANGED: Label("✅", "its files change, what Flux applies does not"),
    RowState.NEW: Label("🆕", "new, not in the cluster yet"),
    RowState.REMOVED: Label("🧹", "removed"),
    RowState.SUSPENDED: Label("⏸️", "suspended: nothing happens before it is resumed"),
    RowState.REMOTE: Label("🛰️", "applied to another cluster, not looked at"),
    RowState.FAILING: Label("⛔", "would fail"),
    RowState.NOT_ANALYSED: Label("⚠️", "could not be looked at"),
}

SEVERITIES = {
    Severity.CRITICAL: Label("⛔", "critical"),
    Severity.WARNING: Label("⚠️", "warning"),
    Severity.INFO: Label("💡", "note"),
}

# A shape that people see every week.
ROUTINE = Label("🔁", "routine")

# What the cluster says to it, by verdict.
ACCEPTANCE = {
    Verdict.NO_EFFECT: "The cluster accepts it.",
    Verdict.CHANGES: "The cluster accepts it.",
    Verdict.BLOCKED: "It cannot be applied as it is.",
    Verdict.INCOMPLETE: "Not everything could be looked at.",
    Verdict.HELD: "Nothing was looked at, because it is not trusted yet.",
}


def plural(number: int, one: str, many: str = "") -> str:
    """Count things: "1 object", "1,204 objects"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def join(parts: list[str]) -> str:
    """Make a list of parts one sentence: "a, b and c"."""
    if len(parts) < 2:  # noqa: PLR2004 - none or one: nothing to join
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def as_of(moment: datetime) -> str:
    """Say when it was so: "as of 14:02 UTC, 21 Nov 2026". Without the locale of this process."""
    return f"as of {moment:%H:%M} UTC, {moment.day} {_MONTHS[moment.month - 1]} {moment.year}"


def progress(done: int, total: int) -> str:
    """Say how far the work is: "looking at 37 of 120"."""
    return f"looking at {min(done + 1, total):,} of {total:,}" if total else "looking for what it touches"


def verdict_words(verdict: Verdict, clusters: int) -> str:
    """Say whether the cluster, or each of several, would accept it."""
    said = ACCEPTANCE[verdict]
    return said if clusters == 1 else said.replace("The cluster accepts", "Every cluster accepts")
