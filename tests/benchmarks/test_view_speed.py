"""How long the views take for a report over thousands of objects. `pytest -s` shows the figures.

Twice the objects may take twice the time, and a bit: what grows faster would stand still on a large fleet.
"""

import io
import time
from collections.abc import Callable

import pytest
import sample_reports as samples
from rich.console import Console

from gitops_bot.models.reports import Report
from gitops_bot.rules.noise import NoisePolicy, without_noise
from gitops_bot.views.github_comment import comment
from gitops_bot.views.html_report import html_report
from gitops_bot.views.json_report import content_to_digest, json_report
from gitops_bot.views.slack_message import review_message
from gitops_bot.views.terminal import terminal_report

OBJECTS = 50
# Kustomizations: 2,000 and 4,000 objects.
FEW, MANY = 40, 80
TRIES = 3


def printed(report: Report) -> None:
    Console(file=io.StringIO(), width=100).print(terminal_report(report, full=True))


VIEWS: dict[str, Callable[[Report], object]] = {
    "Slack message, with its file": lambda report: review_message(report, key="k", report_id="r"),
    "GitHub comment": lambda report: comment(report, marker="<!-- m -->"),
    "terminal, in full": printed,
    "HTML": html_report,
    "JSON": json_report,
    "digest": content_to_digest,
    "noise": lambda report: without_noise(report.clusters[0].rows, NoisePolicy(kinds=("Lease",), hide_drift_below=3)),
}


def best(view: Callable[[Report], object], report: Report) -> float:
    """Seconds of the quickest try: what else the machine does counts against nobody."""
    taken = []
    for _ in range(TRIES):
        start = time.process_time()
        view(report)
        taken.append(time.process_time() - start)
    return min(taken)


@pytest.mark.parametrize("kind", ["changed", "same-everywhere"])
@pytest.mark.parametrize("name", sorted(VIEWS))
def test_twice_the_objects_take_twice_the_time(name: str, kind: str) -> None:
    if kind == "changed":
        few, many = (samples.large_report(count, OBJECTS) for count in (FEW, MANY))
    else:
        few, many = (samples.shared_base_report(count * OBJECTS) for count in (FEW, MANY))
    once, twice = best(VIEWS[name], few), best(VIEWS[name], many)
    print(f"{name} ({kind}): {once * 1000:.0f} ms for 2,000 objects, {twice * 1000:.0f} ms for 4,000")  # noqa: T201 - figures
    assert twice < 3 * once + 0.05
    # Generous: it tells a change of kind, not a busy machine.
    assert once < 10
