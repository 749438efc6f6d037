"""What ``gitops-bot check`` prints: a line each, and what it comes to."""

from collections.abc import Sequence

from rich.text import Text

from gitops_bot.models.checks import Check, CheckState
from gitops_bot.rules.cleaning import clean_line
from gitops_bot.telemetry import without_tokens
from gitops_bot.views.words import plural

_SIGNS = {CheckState.GOOD: ("✓", "green"), CheckState.WARNING: ("!", "yellow"), CheckState.BAD: ("✗", "red")}


def check_line(check: Check) -> Text:
    """One check; what to do stands below what was seen."""
    sign, style = _SIGNS[check.state]
    line = Text(f"{sign} ", style=style).append(f"{clean_line(check.subject)}: ", style="bold")
    line.append(clean_line(without_tokens(check.seen)), style="default")
    if check.advice:
        line.append(f"\n    → {clean_line(check.advice)}", style="default")
    return line


def summary_line(states: Sequence[CheckState]) -> Text:
    """What all checks come to."""
    bad, warnings = states.count(CheckState.BAD), states.count(CheckState.WARNING)
    if bad:
        return Text(f"{plural(bad, 'check')} failed.", style="bold red")
    if warnings:
        return Text(f"It works, with {plural(warnings, 'warning')}.", style="bold yellow")
    return Text("Everything works.", style="bold green")
