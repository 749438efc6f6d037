"""Which rights a comparison with the cluster needs, and what is said where they are lacking.

``flux diff`` reads each object (get) and applies it in a dry run, for which the API server asks for patch, and
for create where the object is not there. It drops the error of a refused read and then shows the whole object
as changed; so kinds that may not be read are left out of the comparison, and named.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gitops_bot.models.kustomizations import Kustomization, ObjectReference
from gitops_bot.models.reports import Finding, Severity
from gitops_bot.models.rights import Right, ServedKind

RBAC_GROUP = "rbac.authorization.k8s.io"
KUSTOMIZATIONS = ("kustomize.toolkit.fluxcd.io", "kustomizations")
# The policies that admission policies themselves are not asked about: with a right to write them the diff
# identity could take its own guard away, so it never gets one.
# https://github.com/kubernetes/kubernetes/blob/v1.36.0/staging/src/k8s.io/apiserver/pkg/admission/plugin/policy/generic/plugin.go
NEVER_GIVEN = frozenset(
    ("admissionregistration.k8s.io", f"{prefix}admissionpolic{ending}")
    for prefix in ("validating", "mutating")
    for ending in ("ies", "ybindings")
)
_GUARDED_GROUP = "admissionregistration.k8s.io"
_ROLES = {"Role": "roles", "ClusterRole": "clusterroles"}
_BINDINGS = {"RoleBinding", "ClusterRoleBinding"}
# In the order in which rules name them.
VERBS = ("get", "patch", "create", "delete", "escalate", "bind")
# What flux diff does with each object.
_COMPARING = frozenset({"get", "patch", "create"})
_NAME = re.compile(r"[a-z0-9./-]{1,253}")
_SHOWN = 6
_GIVE = "Give it the rules below; `gitops-bot rbac` prints all that the whole cluster needs."

Kinds = Mapping[tuple[str, str], ServedKind]


@dataclass(frozen=True)
class Need:
    """A right and what it is needed for; None: the Kustomization itself."""

    right: Right
    object: ObjectReference | None = None


def is_never_given(right: Right) -> bool:
    """Whether a right would let its owner take the guard away."""
    return right.group == _GUARDED_GROUP and (right.group, right.resource) in NEVER_GIVEN


def is_secret(right: Right) -> bool:
    """Whether a right is about Secrets."""
    return (right.group, right.resource) == ("", "secrets")


def is_role(right: Right) -> bool:
    """Whether a right is about roles and who holds them."""
    return right.group == RBAC_GROUP


def kustomization_need(kustomization: Kustomization) -> Need:
    """Return what flux needs before it looks at any object: it reads the Kustomization as it is in the cluster."""
    group, resource = KUSTOMIZATIONS
    return Need(Right(group, resource, "get", kustomization.id.namespace, kustomization.id.name))


def object_needs(
    objects: Mapping[ObjectReference, Mapping[str, Any]], kinds: Kinds, existing: Collection[ObjectReference]
) -> Iterator[Need]:
    """Return what the comparison of rendered objects needs.

    ``existing`` are objects that are known to be in the cluster: nothing has to be created for them. A kind
    that the cluster does not know needs no right: flux says that it is missing.
    """
    for reference, value in objects.items():
        kind = kinds.get((reference.group, reference.kind))
        if kind is None or (kind.namespaced and not reference.namespace):
            continue
        for verb in ("get", "patch") if reference in existing else ("get", "patch", "create"):
            yield Need(right_on(kind, verb, reference), reference)
        for right in escalations(kind, reference, value):
            yield Need(right, reference)


def right_on(kind: ServedKind, verb: str, reference: ObjectReference) -> Right:
    """Return the right to do something with one object."""
    # The API server treats a Namespace as lying in itself.
    own = reference.name if (kind.group, kind.resource) == ("", "namespaces") else ""
    return Right(kind.group, kind.resource, verb, reference.namespace if kind.namespaced else own, reference.name)


def escalations(kind: ServedKind, reference: ObjectReference, value: Mapping[str, Any] | None) -> Iterator[Right]:
    """Return what roles and bindings need besides, also in a dry run: to give what one does not hold.

    https://kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping
    ``value`` None: it is not known which role a binding binds.
    """
    if kind.group != RBAC_GROUP:
        return
    namespace = reference.namespace if kind.namespaced else ""
    if kind.kind in _ROLES:
        yield Right(RBAC_GROUP, _ROLES[kind.kind], "escalate", namespace, reference.name)
    elif kind.kind in _BINDINGS:
        wanted = (value or {}).get("roleRef")
        role = wanted if isinstance(wanted, Mapping) else {}
        name = str(role.get("name") or "")
        known = _ROLES.get(str(role.get("kind")))
        bound = [known] if known else ["clusterroles", *(["roles"] if kind.namespaced else [])]
        yield from (Right(RBAC_GROUP, resource, "bind", namespace, name) for resource in bound)


def lacking_findings(needs: Iterable[Need], lacks: Collection[Right], account: str) -> tuple[Finding, ...]:
    """Say in one finding what was not compared for want of rights, with the rights; () when none is lacking."""
    lacking = [need for need in needs if need.right in lacks]
    never = [need for need in lacking if is_never_given(need.right)]
    given = [need for need in lacking if not is_never_given(need.right)]
    findings = []
    if given:
        rights = tuple(sorted({plain(need.right) for need in given}))
        verbs = _join(dict.fromkeys(right.verb for right in sorted(rights, key=_verb_order)))
        findings.append(
            Finding(
                "missing-right",
                Severity.WARNING,
                f"{_what(given)} not compared: {account} may not {verbs} "
                f"{_join(dict.fromkeys(right.full_resource for right in rights))}.",
                _GIVE,
                incomplete=True,
                lacks=rights,
            )
        )
    if never:
        findings.append(
            Finding(
                "right-never-given",
                Severity.WARNING,
                f"{_what(never)} not compared: with the right to write it, gitops-bot could take its own guard away.",
                "Look at it by hand; do not give this right.",
                incomplete=True,
            )
        )
    return tuple(findings)


def plain(right: Right) -> Right:
    """Return a right as a rule gives it: without a name, and without the namespace that a Namespace is."""
    return right.everywhere if (right.group, right.resource) == ("", "namespaces") else right.nameless


def left_out(needs: Iterable[Need], lacks: Collection[Right]) -> frozenset[tuple[str, str]]:
    """Return (group, kind) of what must not be compared: one object that lacks a right takes its kind along.

    Which objects of a kind a namespace or a prefix will make of the files is not known before they are built.
    """
    return frozenset((need.object.group, need.object.kind) for need in needs if need.object and need.right in lacks)


def _what(needs: Iterable[Need]) -> str:
    objects = list(dict.fromkeys(need.object for need in needs if need.object))
    if not objects:
        return "The Kustomization was"
    shown = _join([str(item) for item in objects[:_SHOWN]], more=len(objects) - _SHOWN)
    return f"{shown} {'was' if len(objects) == 1 else 'were'}"


def _join(words: Iterable[str], *, more: int = 0) -> str:
    listed = [*words, *([f"{more} more"] if more > 0 else [])]
    return " and ".join(filter(None, [", ".join(listed[:-1]), listed[-1]]))


def _verb_order(right: Right) -> int:
    return VERBS.index(right.verb) if right.verb in VERBS else len(VERBS)


def refused_rights(verb: str, group: str, resource: str, namespace: str) -> tuple[Right, ...]:
    """Return what a comparison lacks where the API server refused one verb: the others would be refused next.

    The words come out of an error, which may quote a pull request: what is no name makes no rule.
    """
    if not all(_NAME.fullmatch(name) for name in (verb, resource)) or not all(
        _NAME.fullmatch(name or "-") for name in (group, namespace)
    ):
        return ()
    if verb not in _COMPARING or "/" in resource:
        # A comparison asks for nothing else: what lets one act as somebody else is never proposed.
        return ()
    place = "" if (group, resource) == ("", "namespaces") else namespace
    return tuple(Right(group, resource, one, place) for one in sorted(_COMPARING))


def refused_escalation(reference: ObjectReference | None) -> tuple[Right, ...]:
    """Return what is lacking where the API server says that a role or a binding gives more than one holds."""
    if reference is None:
        return ()
    kind = ServedKind(RBAC_GROUP, reference.kind, "", namespaced=bool(reference.namespace))
    return tuple(right.nameless for right in escalations(kind, reference, None))


def without_told(findings: Iterable[Finding], told: Iterable[Finding]) -> tuple[Finding, ...]:
    """Put findings of one Kustomization together: those about lacking rights become one, what is said twice goes."""
    found, said = tuple(findings), tuple(told)
    lacking = [finding for finding in (*said, *found) if finding.code == "missing-right" and finding.lacks]
    others = tuple(finding for finding in (*said, *found) if finding not in lacking)
    if len(lacking) < 2:  # noqa: PLR2004 # nothing to merge
        return (*lacking, *others)
    rights = tuple(sorted({right for finding in lacking for right in finding.lacks}))
    details = dict.fromkeys(finding.detail for finding in lacking if finding.detail)
    messages = dict.fromkeys(finding.message for finding in lacking)
    merged = replace(
        lacking[0],
        message=" ".join(
            [*list(messages)[:_SHOWN], *([f"And {len(messages) - _SHOWN} more."] * (len(messages) > _SHOWN))]
        ),
        advice=_GIVE,
        object=None,
        detail="\n".join(list(details)[:_SHOWN]),
        lacks=rights,
    )
    return (merged, *others)
