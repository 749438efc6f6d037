"""The audit trail is a chain: each row carries a digest of itself and of the row before it.

Whoever edits a row breaks its digest, whoever deletes one breaks the link of the next. Both can be
mended again by somebody who can write to the database, and rows cut off at the end leave no trace
at all: so every digest is also written down elsewhere when it is made (the log, and a file beside
the database). Such a digest is called an anchor here, and has to be found in the chain.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from gitops_bot.models.records import AuditEntry, Decision

# What the first row follows.
START = ""


def decision_content(decision: Decision) -> Mapping[str, str]:
    """Give a decision as plain text by field, moments in UTC: what is digested and exported."""
    return {
        name: value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)
        for name, value in asdict(decision).items()
    }


def digest(previous: str, decision: Decision) -> str:
    """Give the digest of a row: SHA-256 over the digest before it and everything that the row says, in hex."""
    text = json.dumps([previous, decision_content(decision)], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def broken(entries: Sequence[AuditEntry], anchors: Iterable[str] = ()) -> str:
    """Say where the chain is broken, and how; "" when it holds.

    ``entries`` are all rows in their order, ``anchors`` digests that were written down elsewhere, oldest first.
    """
    previous, last = START, "the start"
    for entry in entries:
        name = f"row {entry.number} ({entry.decision.action} on {entry.decision.pull_request})"
        if entry.digest != digest(entry.previous, entry.decision):
            return f"{name} was edited: it does not say what it said when it was written."
        if entry.previous != previous:
            return f"Rows between {last} and {name} were deleted, or another one was put between them."
        previous, last = entry.digest, name
    known = {entry.digest for entry in entries}
    for anchor in anchors:
        if anchor not in known:
            return (
                f"The row with the digest {anchor[:16]}… is gone: it was written down elsewhere, and the "
                f"table, which ends with {last}, does not have it. Rows were cut off at the end, or all were rewritten."
            )
    return ""
