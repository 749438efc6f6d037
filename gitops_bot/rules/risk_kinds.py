"""What every rule for risks gives, and how it names what it found."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from gitops_bot.rules.touched import Touched


@dataclass(frozen=True)
class Risk:
    """One risk of one object. ``code`` is one of models/risks.py; ``message`` and ``advice`` are one sentence each."""

    code: str
    message: str
    advice: str


Rule = Callable[[Touched], Iterator[Risk]]

CORE, APPS, BATCH = "", "apps", "batch"
RBAC = "rbac.authorization.k8s.io"
KUSTOMIZE, HELM, SOURCE = (f"{name}.toolkit.fluxcd.io" for name in ("kustomize", "helm", "source"))
