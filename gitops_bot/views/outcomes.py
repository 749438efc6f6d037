"""What became of a merge, in Slack and in the terminal."""

from collections.abc import Iterable, Sequence
from datetime import UTC

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gitops_bot.models.outcomes import Outcome, OutcomeState
from gitops_bot.rules.cleaning import clean, clean_line
from gitops_bot.views import slack_blocks as block
from gitops_bot.views.slack_blocks import Block
from gitops_bot.views.text import and_more, code_span, short_commit, shorten
from gitops_bot.views.words import plural

_MOST_NAMES = 5
_MOST_DIFFERENCES = 5
_WORDS = 1_200
# What is bad comes first.
_ORDER = (OutcomeState.FAILED, OutcomeState.GIVEN_UP, OutcomeState.WAITING, OutcomeState.APPLIED)


def outcome_blocks(outcomes: Sequence[Outcome]) -> list[Block]:
    """Say how far Flux has come with a merge, a line for each cluster and state."""
    found: list[Block] = []
    for state in _ORDER:
        for cluster in dict.fromkeys(one.id.cluster for one in outcomes if one.state is state):
            members = [one for one in outcomes if one.state is state and one.id.cluster == cluster]
            found += _blocks(cluster, state, members)
    return found


def _blocks(cluster: str, state: OutcomeState, members: Sequence[Outcome]) -> list[Block]:
    names = and_more([code_span(str(one.id)) for one in members], _MOST_NAMES)
    commit, where = short_commit(members[0].merge_commit), code_span(cluster)
    if state is OutcomeState.WAITING:
        return [block.section(f"⏳ *{where}: waiting for Flux to apply {commit}*\n{names}")]
    if state is OutcomeState.GIVEN_UP:
        return [block.section(f"⚠️ *{where}: not applied in time, nobody looks any more*\n{names}")]
    if state is OutcomeState.FAILED:
        said = [block.section(f"⛔ *{where}: Flux cannot apply {commit}*\n{names}")]
        words = "\n".join(dict.fromkeys(one.message for one in members if one.message))
        return [*said, block.foreign_section(shorten(clean(words), _WORDS))] if words else said
    return _applied(where, names, members)


def _applied(where: str, names: str, members: Sequence[Outcome]) -> list[Block]:
    when = max((one.at for one in members if one.at), default=None)
    at = f" at {when.astimezone(UTC):%H:%M} UTC" if when else ""
    revisions = and_more(dict.fromkeys(_revision(one) for one in members if one.revision), 2)
    applied = f"{revisions} applied{at}" if revisions else f"applied{at}"
    different = [difference for one in members for difference in one.differences]
    if different:
        total = sum(one.predicted for one in members)
        lines = [f"{clean_line(str(one.object))} {clean_line(one.words)}" for one in different[:_MOST_DIFFERENCES]]
        more = len(different) - _MOST_DIFFERENCES
        lines += [f"and {more} more"] if more > 0 else []
        title = f"⚠️ *{where}: {applied}, but {len(different)} of {plural(total, 'object')} did not end as reported*"
        return [block.section(f"{title}\n{names}"), block.foreign_section("\n".join(lines))]
    if all(one.compared for one in members):
        return [block.section(f"✅ *{where}: {applied}, as reported*\n{names}")]
    return [block.section(f"✅ *{where}: {applied}*\n{names} (not compared with the report)")]


def _revision(outcome: Outcome) -> str:
    branch, _, commit = outcome.revision.rpartition("@sha1:")
    return code_span(f"{branch}@{short_commit(commit)}") if branch else code_span(outcome.revision)


def accuracy(outcomes: Iterable[Outcome]) -> RenderableType:
    """Say how often reports came true: ``gitops-bot accuracy``."""
    found = list(outcomes)
    if not found:
        return Text("No merge was followed yet.")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("cluster", "merges", "Kustomizations applied", "failed", "waiting or given up"):
        table.add_column(name, justify="left" if name == "cluster" else "right")
    # "1 of 1 (100.0%)" is read as one.
    table.add_column("objects as reported", justify="right", no_wrap=True)
    for cluster in sorted({one.id.cluster for one in found}):
        table.add_row(cluster, *_row([one for one in found if one.id.cluster == cluster]))
    wrong = [(one, difference) for one in found for difference in one.differences]
    lines = [
        Text(clean_line(f"{one.pull_request} in {one.id.cluster}: {difference.object} {difference.words}"))
        for one, difference in wrong
    ]
    return Group(table, *lines)


def share(outcomes: Sequence[Outcome]) -> tuple[int, int]:
    """Give how many objects ended as reported, and how many were looked at."""
    compared = [one for one in outcomes if one.compared]
    total = sum(one.predicted for one in compared)
    return total - sum(len(one.differences) for one in compared), total


def _row(members: Sequence[Outcome]) -> tuple[str, ...]:
    right, total = share(members)
    states = [one.state for one in members]
    return (
        str(len({one.pull_request for one in members})),
        str(states.count(OutcomeState.APPLIED)),
        str(states.count(OutcomeState.FAILED)),
        str(states.count(OutcomeState.WAITING) + states.count(OutcomeState.GIVEN_UP)),
        f"{right} of {total} ({right / total:.1%})" if total else "none compared",
    )
