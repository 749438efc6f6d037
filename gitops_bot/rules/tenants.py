"""A Kustomization with an account of its own is compared only where that account may do what the change needs.

flux diff runs with the rights of the *diff* identity, whatever ``spec.serviceAccountName`` says. Without this
rule a tenant would write another tenant's object into a pull request and read in the report how it lives.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from gitops_bot.models.kustomizations import Kustomization, ObjectReference
from gitops_bot.models.reports import Finding, Severity
from gitops_bot.models.rights import Right
from gitops_bot.rules.consequences import substitutes_from
from gitops_bot.rules.rights import VERBS, Kinds, Need, escalations, right_on

# Codes of the findings that refuse a Kustomization for the sake of other tenants.
CODES = frozenset({"tenant-may-not", "tenant-not-checked"})
_SHOWN = 4
_VALUES = {"ConfigMap": "configmaps", "Secret": "secrets"}


def accounts(kustomizations: Iterable[Kustomization], default: str) -> tuple[str, ...]:
    """Return the accounts (``namespace/name``) that apply it, before and after the merge.

    Both have to hold the rights: a pull request must not see more by naming a mightier account.
    ``default``: what the controller uses where none is named; "" when that is itself.
    """
    found = set()
    for kustomization in kustomizations:
        name = str(kustomization.spec.get("serviceAccountName") or default)
        if name:
            found.add(f"{kustomization.id.namespace}/{name}")
    return tuple(sorted(found))


def user_of(account: str) -> str:
    """Return the user name of a ServiceAccount (``namespace/name``)."""
    return f"system:serviceaccount:{account.replace('/', ':')}"


def tenant_needs(
    kustomizations: Iterable[Kustomization],
    before: Collection[ObjectReference],
    after: Mapping[ObjectReference, Mapping[str, Any]],
    kinds: Kinds,
) -> Iterator[Need]:
    """Return what an account needs for everything that the report may show of a Kustomization.

    ``before``: objects of the base and of the inventory; ``after``: what the result renders, through any of the
    specs that it meets. Every rendered object counts, for the report tells how each differs from the cluster.
    """
    owners = tuple(kustomizations)
    inventory = {reference for owner in owners for reference in owner.inventory}
    prunes = any(owner.spec.get("prune") for owner in owners)
    for reference in {**dict.fromkeys(before), **dict.fromkeys(after)}:
        kind = kinds.get((reference.group, reference.kind))
        if kind is None or (kind.namespaced and not reference.namespace):
            # The cluster has no such object: there is nothing to learn about it.
            continue
        verbs = ["get"]
        if reference in after:
            verbs += ["patch"] if reference in inventory else ["patch", "create"]
            yield from (Need(right, reference) for right in escalations(kind, reference, after[reference]))
        elif prunes and reference in inventory:
            verbs += ["delete"]
        yield from (Need(right_on(kind, verb, reference), reference) for verb in verbs)
    for owner in owners:
        for kind_name, name in substitutes_from(owner.spec):
            if kind_name in _VALUES:
                place = ObjectReference(kind_name, owner.id.namespace, name)
                yield Need(Right("", _VALUES[kind_name], "get", owner.id.namespace, name), place)


def tenant_finding(account: str, needs: Iterable[Need], lacks: Collection[Right]) -> Finding | None:
    """Say what an account may not do, by verb, kind and namespace: never a name or a value that lives."""
    denied: dict[str, list[str]] = {}
    for need in needs:
        if need.object is not None and need.right in lacks:
            verbs = denied.setdefault(_place(need.object), [])
            verbs += [need.right.verb] if need.right.verb not in verbs else []
    if not denied:
        return None
    words = [f"{', '.join(sorted(verbs, key=VERBS.index))} {place}" for place, verbs in denied.items()]
    shown = [*words[:_SHOWN], *([f"{len(words) - _SHOWN} more"] if len(words) > _SHOWN else [])]
    return Finding(
        "tenant-may-not",
        Severity.WARNING,
        f"Not compared: the ServiceAccount {account}, which applies it, may not {'; nor '.join(shown)}.",
        "Flux would be refused too. Take the objects out of this Kustomization, or give its account the right.",
        incomplete=True,
    )


def parent_finding(parent: str) -> Finding:
    """Say that a Kustomization comes from one that may not be compared itself."""
    return Finding(
        "tenant-may-not",
        Severity.WARNING,
        f"Not compared: it comes from {parent}, whose ServiceAccount may not do what that change needs.",
        "See there; what Flux would be refused is not looked at.",
        incomplete=True,
    )


def not_asked_finding(account: str, detail: str) -> Finding:
    """Say that it could not be found out what an account may do."""
    return Finding(
        "tenant-not-checked",
        Severity.WARNING,
        f"Not compared: what the ServiceAccount {account} may do could not be asked.",
        "Apply config/rbac, which lets gitops-bot create subjectaccessreviews.",
        detail=detail,
        incomplete=True,
    )


def _place(reference: ObjectReference) -> str:
    return f"{reference.kind}{f' in {reference.namespace}' if reference.namespace else ''}"
