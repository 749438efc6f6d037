"""Whether an object of the cluster is still what it was: a mark that changes with everything but its status."""

import hashlib
import json
from collections.abc import Collection, Mapping
from typing import Any

from gitops_bot.models.kustomizations import ObjectReference

Live = Mapping[ObjectReference, Mapping[str, Any]]

_ONLY_METADATA = {"apiVersion", "kind", "metadata"}


def mark(live: Mapping[str, Any]) -> str:
    """Digest a live object. One of which only the metadata is known changes with its ``resourceVersion``.

    Controllers write the status of a Deployment or a Job all the time, and no diff compares it.
    """
    metadata = dict(live.get("metadata") or {})
    if not set(live) <= _ONLY_METADATA:
        metadata.pop("resourceVersion", None)
        managers = metadata.get("managedFields")
        entries = [entry for entry in managers if isinstance(entry, dict)] if isinstance(managers, list) else []
        metadata["managedFields"] = [entry for entry in entries if entry.get("subresource") != "status"]
    content = {**{key: value for key, value in live.items() if key != "status"}, "metadata": metadata}
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def mark_of_all(live: Live, absent: Collection[ObjectReference], wanted: Collection[ObjectReference]) -> str:
    """Digest those of the wanted objects that were looked for; those that could not be read are left out."""
    told = {str(reference): mark(live[reference]) for reference in wanted if reference in live}
    told |= {str(reference): "absent" for reference in wanted if reference in absent}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def moved_between(before: Live, after: Live, looked_for: Collection[ObjectReference]) -> tuple[ObjectReference, ...]:
    """Name the objects that were changed, made or deleted between two looks."""
    return tuple(
        reference
        for reference in sorted(looked_for)
        if (reference in before) != (reference in after)
        or (reference in before and mark(before[reference]) != mark(after[reference]))
    )
