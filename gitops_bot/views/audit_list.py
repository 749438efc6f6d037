"""Who decided what: ``gitops-bot audit``."""

import json
from collections.abc import Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gitops_bot.models.records import AuditEntry
from gitops_bot.rules.audit import decision_content
from gitops_bot.rules.cleaning import clean_line
from gitops_bot.views.words import plural

_OUTCOMES = {"done": "green", "refused": "yellow", "withdrawn": "yellow"}


def json_line(entry: AuditEntry) -> str:
    """Write one row with everything that its digest covers, so that others can check the chain too."""
    links = {"row": entry.number, "previous": entry.previous, "digest": entry.digest}
    return json.dumps({**decision_content(entry.decision), **links}, sort_keys=True)


def table(entries: Sequence[AuditEntry]) -> RenderableType:
    """Write rows for a terminal, the newest last."""
    if not entries:
        return Text("No decision was made yet.")
    rows = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("when (UTC)", "who", "what", "outcome"):
        rows.add_column(name, no_wrap=True)
    rows.add_column("answer", overflow="fold")
    for entry in entries:
        decision = entry.decision
        who = decision.github_login or decision.slack_user
        target = f"{decision.action} {decision.pull_request} at {decision.commit[:7]}"
        rows.add_row(
            f"{decision.at:%Y-%m-%d %H:%M:%S}",
            Text(clean_line(who)),
            Text(clean_line(target)),
            Text(clean_line(decision.outcome), style=_OUTCOMES.get(decision.outcome, "red")),
            Text(clean_line(decision.message)),
        )
    newest = entries[-1]
    return Group(rows, Text(f"{plural(len(entries), 'decision')}, newest digest {newest.digest}", style="dim"))


def verification(entries: Sequence[AuditEntry], anchors: int, broken: str) -> Text:
    """Say what a check of the chain came to."""
    if broken:
        return Text(f"✗ The audit trail was tampered with. {clean_line(broken)}", style="bold red")
    held = f"✓ {plural(len(entries), 'row')}, no row was edited, deleted or cut off"
    if anchors:
        return Text(f"{held}; {plural(anchors, 'digest')} written down elsewhere agree.", style="green")
    return Text(
        f"✓ {plural(len(entries), 'row')}, no row was edited or deleted. Whether rows were cut off at the end "
        "cannot be told: no digest was written down elsewhere (give the newest one out of the log with --newest).",
        style="yellow",
    )
