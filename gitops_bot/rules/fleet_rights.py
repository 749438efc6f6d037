"""The rights that the *diff* identity needs for a fleet: out of inventories, and of what reports lacked.

Nothing is guessed and nothing is wide: a rule names the resources that the fleet has. Secrets, and roles with
their bindings, are given only to whom asks for them; the policies that guard the bot itself never.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from gitops_bot.models.kustomizations import Kustomization, ObjectReference
from gitops_bot.models.rights import Granted, GrantedRule, Right
from gitops_bot.rules.consequences import substitutes_from
from gitops_bot.rules.rbac_rules import PolicyRule, by_scope, verb_order
from gitops_bot.rules.rights import (
    VERBS,
    Kinds,
    escalations,
    is_never_given,
    is_role,
    is_secret,
    kustomization_need,
    plain,
    right_on,
)

_VALUES = {"ConfigMap": "configmaps", "Secret": "secrets"}
# What everybody who is known to the API server may do: ask about oneself.
_OF_EVERYBODY = {"authorization.k8s.io", "authentication.k8s.io"}
_ANY = "*"


class Reason(StrEnum):
    """Why a right is left out of what is given."""

    SECRETS = "secrets"
    ROLES = "roles"
    NEVER = "never"


@dataclass(frozen=True)
class Choices:
    """What an operator asks for."""

    secrets: bool = False
    roles: bool = False
    # Roles in each namespace instead of one ClusterRole.
    namespaced: bool = False

    def leaves_out(self, right: Right) -> Reason | None:
        """Why a right is not given; None when it is."""
        if is_never_given(right):
            return Reason.NEVER
        if is_secret(right) and not self.secrets:
            return Reason.SECRETS
        return Reason.ROLES if is_role(right) and not self.roles else None


@dataclass(frozen=True)
class LeftOut:
    """What is not given, and what the reports lose by it."""

    reason: Reason
    resources: tuple[str, ...]
    # Objects in inventories, and the Kustomizations whose reports are incomplete.
    objects: int
    kustomizations: tuple[str, ...]


@dataclass(frozen=True)
class RightsPlan:
    """What one cluster's *diff* identity gets."""

    cluster: str
    # ``namespace/name`` of the *diff* identity.
    account: str
    # Rules by the namespace of their Role; "" for the ClusterRole.
    rules: Mapping[str, tuple[PolicyRule, ...]]
    left_out: tuple[LeftOut, ...] = ()
    # Kinds in inventories that the cluster does not serve.
    unknown_kinds: tuple[str, ...] = ()
    # How many Kustomizations it was made of.
    kustomizations: int = 0

    @property
    def rights(self) -> frozenset[Right]:
        """Every right that it gives."""
        return frozenset(
            Right(rule.group, resource, verb, scope)
            for scope, rules in self.rules.items()
            for rule in rules
            for resource in rule.resources
            for verb in rule.verbs
        )


def plan_rights(
    cluster: str,
    account: str,
    kustomizations: Collection[Kustomization],
    kinds: Kinds,
    lacked: Iterable[Right],
    choices: Choices,
) -> RightsPlan:
    """Return the rights for these Kustomizations, and for what their reports lacked."""
    given: set[Right] = set()
    lost: dict[Reason, set[Right]] = {}
    users: dict[Reason, set[str]] = {}
    objects: dict[Reason, set[ObjectReference]] = {}
    unknown = set()
    for kustomization in kustomizations:
        for reference in kustomization.inventory:
            if (reference.group, reference.kind) not in kinds:
                unknown.add(f"{reference.kind} ({reference.group})" if reference.group else reference.kind)
        for right, needing in _needs(kustomization, kinds):
            reason = choices.leaves_out(right)
            if reason is None:
                given.add(plain(right))
                continue
            lost.setdefault(reason, set()).add(right)
            users.setdefault(reason, set()).add(str(kustomization.id))
            if needing is not None:
                objects.setdefault(reason, set()).add(needing)
    for right in lacked:
        if right.verb not in VERBS or "/" in right.resource:
            continue
        reason = choices.leaves_out(right)
        if reason is None:
            given.add(plain(right))
        else:
            lost.setdefault(reason, set()).add(right)
    return RightsPlan(
        cluster,
        account,
        by_scope(given, namespaced=choices.namespaced),
        tuple(
            LeftOut(
                reason,
                tuple(sorted({right.full_resource for right in lost[reason]})),
                len(objects.get(reason, ())),
                tuple(sorted(users.get(reason, ()))),
            )
            for reason in Reason
            if reason in lost
        ),
        tuple(sorted(unknown)),
        len(kustomizations),
    )


def _needs(kustomization: Kustomization, kinds: Kinds) -> Iterator[tuple[Right, ObjectReference | None]]:
    yield kustomization_need(kustomization).right, None
    for kind_name, name in substitutes_from(kustomization.spec):
        if kind_name in _VALUES:
            place = kustomization.id.namespace
            yield Right("", _VALUES[kind_name], "get", place, name), ObjectReference(kind_name, place, name)
    for reference in kustomization.inventory:
        kind = kinds.get((reference.group, reference.kind))
        if kind is None:
            continue
        for verb in ("get", "patch", "create"):
            yield right_on(kind, verb, reference), reference
        for right in escalations(kind, reference, None):
            yield right, reference


def superfluous(plan: RightsPlan, granted: Mapping[str, Granted], seeds: Collection[Right] = ()) -> tuple[str, ...]:
    """Return what the identity may do beyond the plan, in words: ``pods: get, delete in apps``.

    ``granted`` has what it may do, by namespace. Each namespace is looked at for itself; what is needed in none
    of them is named without a place. ``seeds``: rights that are needed besides.
    """
    needed = plan.rights | frozenset(seeds)
    found: dict[Right, list[str]] = {}
    for namespace, rules in sorted(granted.items()):
        for right in {right for rule in rules.rules for right in _beyond(rule, namespace, needed)}:
            found.setdefault(right, []).append(namespace)
    places = {right: "" if len(where) == len(granted) else ", ".join(where) for right, where in found.items()}
    return in_words(replace(right, namespace=place) for right, place in places.items())


def in_words(rights: Iterable[Right]) -> tuple[str, ...]:
    """Return rights as lines, one for each resource and place."""
    verbs: dict[tuple[str, str], list[str]] = {}
    for right in rights:
        verbs.setdefault((right.full_resource, right.namespace), []).append(right.verb)
    return tuple(
        f"{resource}: {', '.join(sorted(found, key=verb_order))}{f' in {place}' if place else ''}"
        for (resource, place), found in sorted(verbs.items())
    )


def _beyond(rule: GrantedRule, namespace: str, needed: Collection[Right]) -> Iterator[Right]:
    for group in rule.groups:
        if group in _OF_EVERYBODY:
            continue
        for resource in rule.resources:
            for verb in rule.verbs:
                right = Right(group, resource, verb)
                here = Right(group, resource, verb, namespace)
                if _ANY in {group, resource, verb} or not (right in needed or here in needed):
                    yield right


def canary_right(account: str) -> Right:
    """The right to write the canary: the proof of the guard must not fail for want of a right."""
    return Right("", "configmaps", "create", account.partition("/")[0])
