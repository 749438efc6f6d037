"""The list of affected Kustomizations, for programs and for people: ``gitops-bot affected``."""

import json
from collections.abc import Iterable
from itertools import groupby

from gitops_bot.rules.affected import AffectedKustomization
from gitops_bot.rules.cleaning import clean_line
from gitops_bot.views.text import shorten_line

_LONGEST_REASON = 300


def as_json(affected: Iterable[AffectedKustomization]) -> str:
    """Write the list as documented: cluster, namespace, name, path, reason."""
    rows = [
        {"cluster": one.cluster, "namespace": one.namespace, "name": one.name, "path": one.path, "reason": one.reason}
        for one in affected
    ]
    return json.dumps(rows, indent=2)


def as_text(affected: Iterable[AffectedKustomization]) -> str:
    """Write the list for a terminal, cluster by cluster: what, which, why."""
    rows = sorted(affected)
    if not rows:
        return "No Kustomization is affected."
    lines = []
    for cluster, members in groupby(rows, key=lambda one: one.cluster):
        lines.append(clean_line(cluster))
        for one in members:
            lines.append(f"  {one.reason:<12}  {clean_line(f'{one.namespace}/{one.name}')}  {clean_line(one.path)}")
            lines.append(f"  {'':<12}  {shorten_line(clean_line(one.because), _LONGEST_REASON)}")
    return "\n".join(lines)


def complaints(affected: Iterable[AffectedKustomization]) -> str:
    """Say of what could not be rendered or looked at why not: what the JSON leaves out, for standard error."""
    return "\n".join(
        clean_line(f"{one.cluster} {one.namespace}/{one.name}: {one.because}")
        for one in affected
        if one.reason in {"error", "not-analysed"}
    )
