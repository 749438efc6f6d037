"""What would a pull request do to each of our clusters? The same answer for the service and the command line."""

import asyncio
import hashlib
from collections.abc import Set as AbstractSet
from dataclasses import replace

from gitops_bot.journeys.fetch_change import fetch_change
from gitops_bot.journeys.look_at_cluster import look_at_cluster
from gitops_bot.journeys.ports import Eyes
from gitops_bot.journeys.progress_board import ProgressBoard
from gitops_bot.models.pull_requests import PullRequest
from gitops_bot.models.reports import Report
from gitops_bot.rules import trust
from gitops_bot.rules.filters import FilterPolicy, left_out_by_paths
from gitops_bot.views import json_report

# Names of changed files that a report keeps.
_MOST_FILES = 500


async def look_at_pull_request(
    eyes: Eyes,
    pull: PullRequest,
    base_tip: str,
    board: ProgressBoard,
    *,
    released: AbstractSet[str] = frozenset(),
    filters: FilterPolicy | None = None,
) -> Report:
    """Make the report: all clusters side by side.

    ``released``: head commits that somebody let through. ``filters``: the report says when its files leave it out.
    """
    started = eyes.clock()
    permission = await eyes.github.permission(pull.repository, pull.author)
    held = trust.reason_to_hold(pull, permission, eyes.trust, released)
    change = await fetch_change(eyes, pull, base_tip, with_content=not held)
    clusters = await asyncio.gather(
        *(look_at_cluster(eyes, cluster, change, board, held=held) for cluster in eyes.clusters)
    )
    # A look that was carried over is as old as it was.
    looks = [eyes.looks.at(pull, cluster.name, base_tip) for cluster in eyes.clusters]
    out = left_out_by_paths(change.changed, filters) if filters is not None else ""
    files = tuple(sorted(change.changed)) if len(change.changed) <= _MOST_FILES else ()
    report = Report(pull, base_tip, tuple(clusters), min([started, *filter(None, looks)]), "", out, files)
    return replace(report, digest=hashlib.sha256(json_report.content_to_digest(report).encode()).hexdigest())
