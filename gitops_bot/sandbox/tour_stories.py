"""The pull requests of the tour: what each changes in the sample fleet, and what people read about it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gitops_bot.sandbox.errors import SandboxError
from gitops_bot.sandbox.world import UPDATER

_IMAGE = "ghcr.io/stefanprodan/podinfo"
_VERSION = re.compile(rf"{re.escape(_IMAGE)}:(\d+\.\d+)\.(\d+)")
_SELECTOR = """\
  selector:
    matchLabels:
      app.kubernetes.io/name: {name}
  template:
    metadata:
      labels:
        app.kubernetes.io/name: {name}
"""


@dataclass(frozen=True, slots=True)
class Story:
    """One pull request of the tour: what it changes, and what people read about it."""

    branch: str
    title: str
    body: str
    files: Mapping[str, tuple[str, str]]
    # By somebody who may not push to the repository.
    from_fork: bool = False
    # Who opens it; "": the author of the fleet.
    by: str = ""


_README = Story(
    "describe-components",
    "README: say what components are",
    "No file that a cluster is built from changes.",
    {"README.md": ("optional parts that an overlay switches on", "optional parts, switched on by overlays")},
)
_REFUSED = Story(
    "rename-web",
    "Call web by its new name",
    "The Pods of web are to be found under the name website.",
    {"apps/base/web/deployment.yaml": (_SELECTOR.format(name="web"), _SELECTOR.format(name="website"))},
)
OLD_NGINX, NEW_NGINX = "1.29.1", "1.29.2"
_HELD = Story(
    "nginx",
    f"Update nginx to {NEW_NGINX}",
    "From somebody who may not push here.",
    {"apps/base/web/deployment.yaml": (f"nginx:{OLD_NGINX}", f"nginx:{NEW_NGINX}")},
    from_fork=True,
)
_MONITORING = "infrastructure/base/monitoring"
OLD_PROMETHEUS, NEW_PROMETHEUS = "v3.5.0", "v3.5.1"
_HARMLESS = Story(
    "renovate/prometheus",
    f"Update prometheus to {NEW_PROMETHEUS}",
    "A release with fixes only.",
    {f"{_MONITORING}/prometheus.yaml": (f"prometheus:{OLD_PROMETHEUS}", f"prometheus:{NEW_PROMETHEUS}")},
    by=UPDATER,
)
_INGRESS = "registry.k8s.io/ingress-nginx/controller"
_LYING = Story(
    "renovate/ingress-nginx",
    "Update ingress-nginx to v1.13.4",
    "A release with fixes only.",
    {
        "infrastructure/base/ingress/controller.yaml": (f"{_INGRESS}:v1.13.3", f"{_INGRESS}:v1.13.4"),
        f"{_MONITORING}/access.yaml": ("endpoints, pods]", "endpoints, pods, secrets]"),
    },
    by=UPDATER,
)


def setting(version: str) -> str:
    """Give the name of the setting that a version of podinfo brings."""
    return f"PODINFO_CACHE_{version.replace('.', '_')}"


def stories(fleet: Path) -> Mapping[str, Story]:
    """Give them by name, for the fleet as it is now: an earlier tour may have moved podinfo on."""
    found = _VERSION.search((fleet / "apps/base/podinfo/deployment.yaml").read_text(encoding="utf-8"))
    if found is None:
        raise SandboxError("the tour is for the sample fleet: there is no podinfo in this one")
    old, new = f"{found[1]}.{found[2]}", f"{found[1]}.{int(found[2]) + 1}"
    change = Story(
        f"podinfo-{new}",
        f"Update podinfo to {new}",
        "The release notes promise faster starts. A setting for its cache comes with it.",
        {
            "apps/base/podinfo/deployment.yaml": (f"{_IMAGE}:{old}", f"{_IMAGE}:{new}"),
            "apps/base/podinfo/config.yaml": ("\ndata:\n", f"\ndata:\n  {setting(new)}: tcp://cache:6379\n"),
        },
    )
    return {
        "change": change,
        "readme": _README,
        "refused": _REFUSED,
        "held": _HELD,
        "harmless": _HARMLESS,
        "lying": _LYING,
    }
