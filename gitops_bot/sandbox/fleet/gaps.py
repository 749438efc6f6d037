"""What a sandbox cannot reproduce of somebody's own repository: told, never passed over."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from gitops_bot.sandbox.fleet.syncs import Found, is_kustomization, is_source

# What other controllers than the two that run here would act on.
_IDLE = {
    "HelmRelease": "no helm-controller runs: charts are not rendered or installed",
    "HelmRepository": "fetched only where this machine reaches it",
    "OCIRepository": "fetched only where this machine reaches it",
    "Bucket": "fetched only where this machine reaches it",
    "ImageUpdateAutomation": "no image automation runs",
    "ImagePolicy": "no image automation runs",
    "Alert": "no notification-controller runs",
    "Receiver": "no notification-controller runs",
    "Terraform": "its controller does not run",
}


def find_gaps(found: list[Found], url: str) -> list[str]:
    """Give one sentence for each thing of the tree that will not be as in the real cluster."""
    kinds = Counter(item.kind for item in found)
    gaps = [f"{kinds[kind]} {kind}: {reason}." for kind, reason in _IDLE.items() if kinds[kind]]
    elsewhere = sorted(
        f"{item.name} ({address})"
        for item in found
        if is_source(item.document) and (address := item.document.get("spec", {}).get("url")) != url
    )
    if elsewhere:
        gaps.append(f"GitRepositories elsewhere are fetched only where this machine reaches them: {_list(elsewhere)}.")
    encrypted = sorted(item.path for item in found if "sops" in item.document)
    if encrypted:
        gaps.append(f"Encrypted with SOPS, and the key is not here: {_list(encrypted)}.")
    wanted = _wanted_values(found) - {(item.kind, item.name) for item in found}
    if wanted:
        names = sorted(f"{kind} {name}" for kind, name in wanted)
        gaps.append(f"Variables come from objects that are not in git, create them with kubectl: {_list(names)}.")
    return gaps


def _wanted_values(found: list[Found]) -> set[tuple[str, str]]:
    wanted = set()
    for item in found:
        if is_kustomization(item.document):
            namespace = item.name.split("/")[0]
            build: Mapping[str, Any] = item.document.get("spec", {}).get("postBuild") or {}
            for reference in build.get("substituteFrom") or []:
                if not reference.get("optional"):
                    wanted.add((str(reference.get("kind")), f"{namespace}/{reference.get('name')}"))
    return wanted


def _list(names: list[str], most: int = 8) -> str:
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
