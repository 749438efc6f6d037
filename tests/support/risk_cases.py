"""Short ways to ask the rules for risks: one object before and after, as YAML."""

from typing import Any

import yaml

from gitops_bot.models.changes import Operation
from gitops_bot.rules.objects import load_objects
from gitops_bot.rules.risk import risks_of
from gitops_bot.rules.touched import Touched


def touched(old: str, new: str, operation: Operation | None = None) -> Touched:
    """Give an object before and after; "" where there is none."""
    before, after = (list(load_objects(text).values()) for text in (old, new))
    known = after or before
    found = Operation.CHANGE if before and after else Operation.CREATE if after else Operation.DELETE
    return Touched(
        known[0].reference,
        operation or found,
        before[0].value if before else {},
        after[0].value if after else {},
        lost=before[0].value if before else {},
    )


def said(old: str, new: str, operation: Operation | None = None) -> list[str]:
    """Give what the rules say of an object, as ``code: message``."""
    return [f"{risk.code}: {risk.message}" for risk in risks_of(touched(old, new, operation))]


def codes(old: str, new: str, operation: Operation | None = None) -> list[str]:
    """Give the codes of what the rules say of an object."""
    return [risk.code for risk in risks_of(touched(old, new, operation))]


def document(version: str, kind: str, name: str = "web", namespace: str = "apps", /, **rest: Any) -> str:
    """Write one object; ``metadata`` in the rest is added to its own."""
    metadata = {"name": name, **({"namespace": namespace} if namespace else {}), **rest.pop("metadata", {})}
    return yaml.safe_dump({"apiVersion": version, "kind": kind, "metadata": metadata, **rest}, sort_keys=False)


def deployment(*containers: dict[str, Any], replicas: int | None = None, **pod: Any) -> str:
    """Write the Deployment apps/web; without containers: one of the image web:1."""
    spec = {} if replicas is None else {"replicas": replicas}
    template = {
        "spec": {"containers": [{"name": "app", "image": "web:1", **one} for one in containers or ({},)], **pod}
    }
    return document("apps/v1", "Deployment", spec={**spec, "template": template})
