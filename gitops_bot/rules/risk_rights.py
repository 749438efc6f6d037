"""Risks of RBAC: who may do more than before.

https://kubernetes.io/docs/reference/access-authn-authz/rbac/
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, product
from typing import Any

from gitops_bot.models.changes import Operation
from gitops_bot.rules.fields import same
from gitops_bot.rules.reading import at, listed, mapping, mappings, shown, text, texts
from gitops_bot.rules.risk_kinds import RBAC, Risk, Rule
from gitops_bot.rules.touched import Touched

_ESCALATING = {"escalate", "bind", "impersonate"}
_READING = {"get", "list", "watch"}
_AGGREGATE = "rbac.authorization.k8s.io/aggregate-to-"
# More than any role needs; a role that is made to keep us busy is compared as far as this.
_MOST_RIGHTS = 5_000
_MOST_RULES = 300


@dataclass(frozen=True, order=True)
class _Right:
    """One verb on one resource of one group, or on one address."""

    verb: str
    resource: str
    group: str
    # Names that it is limited to; none: all.
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        """As a person would say it."""
        verb = "do anything with" if self.verb == "*" else self.verb
        group = " of every group" if self.group == "*" else f".{self.group}" if self.group else ""
        names = f" named {listed(self.names, 2)}" if self.names else ""
        return f"{verb} {'everything' if self.resource == '*' else self.resource}{group}{names}"


@dataclass(frozen=True)
class _Granted:
    """One rule of a role, ready to be asked."""

    verbs: frozenset[str]
    resources: frozenset[str]
    groups: frozenset[str]
    names: frozenset[str]

    def covers(self, right: _Right) -> bool:
        """Whether this rule alone gives the right already."""
        return (
            bool(self.verbs & {right.verb, "*"})
            and bool(self.groups & {right.group, "*"})
            and bool(self.resources & {right.resource, "*", f"*/{right.resource.partition('/')[2]}"})
            and (not self.names or (bool(right.names) and self.names.issuperset(right.names)))
        )


def wider_roles(item: Touched) -> Iterator[Risk]:
    """Find rights that a role did not give before; of a new role only those that are always worth a look."""
    if item.of not in {(RBAC, "Role"), (RBAC, "ClusterRole")} or not item.new:
        return
    known = [_granted(rule) for rule in mappings(item.old.get("rules"))[:_MOST_RULES]]
    gained = [right for right in _rights(item.new) if not any(rule.covers(right) for rule in known)]
    kinds: dict[str, list[_Right]] = {}
    for right in gained:
        kinds.setdefault(_code(right), []).append(right)
    gives = "gains the right to" if item.old else "is new, and may"
    for code, rights in kinds.items():
        if code != "widens-role" or item.old:
            yield Risk(code, f"{item} {gives} {listed(map(str, rights), 3)}.", _ADVICE[code])


_ADVICE = {
    "wildcard-rights": "Name the verbs, resources and API groups that are needed.",
    "escalating-rights": "Give the rights themselves rather than the right to take more.",
    "reads-secrets": "Limit it to the Secrets that are needed (resourceNames), or to one namespace.",
    "widens-role": "Make sure that everybody who is bound to it should have this.",
}


def _code(right: _Right) -> str:
    if "*" in {right.verb, right.resource, right.group}:
        return "wildcard-rights"
    if right.verb in _ESCALATING:
        return "escalating-rights"
    reads = right.verb in _READING and (right.group, right.resource) == ("", "secrets")
    return "reads-secrets" if reads else "widens-role"


def _rights(role: Mapping[str, Any]) -> Iterable[_Right]:
    return islice(_all_rights(role), _MOST_RIGHTS)


def _all_rights(role: Mapping[str, Any]) -> Iterator[_Right]:
    for rule in mappings(role.get("rules")):
        names = texts(rule.get("resourceNames"))
        for verb, resource, group in product(
            texts(rule.get("verbs")), texts(rule.get("resources")), _groups(rule) or ("",)
        ):
            yield _Right(verb, resource, group, names)
        for verb, address in product(texts(rule.get("verbs")), texts(rule.get("nonResourceURLs"))):
            yield _Right(verb, address, "")


def _groups(rule: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the API groups; the core group is an empty text."""
    given = rule.get("apiGroups")
    return tuple(text(group) for group in given) if isinstance(given, list) else ()


def _granted(rule: Mapping[str, Any]) -> _Granted:
    groups = frozenset(_groups(rule)) or frozenset({""})
    resources = frozenset((*texts(rule.get("resources")), *texts(rule.get("nonResourceURLs"))))
    return _Granted(frozenset(texts(rule.get("verbs"))), resources, groups, frozenset(texts(rule.get("resourceNames"))))


def new_bindings(item: Touched) -> Iterator[Risk]:
    """Find who is given a role that they did not have through this binding."""
    if item.of not in {(RBAC, "RoleBinding"), (RBAC, "ClusterRoleBinding")} or not item.new:
        return
    role = _role(item.new)
    known = _subjects(item.old) if item.operation is not Operation.CREATE and _role(item.old) == role else ()
    gained = [subject for subject in _subjects(item.new) if subject not in known]
    if not gained:
        return
    where = "" if item.reference.kind == "ClusterRoleBinding" else " in its namespace"
    before = f" (before: {_role(item.old)})" if item.old and _role(item.old) != role else ""
    message = f"{item} gives {role}{where} to {listed(gained, 3)}{before}."
    if role == "ClusterRole cluster-admin":
        yield Risk("cluster-admin", message, "Give a role with what is needed, instead of everything.")
    else:
        yield Risk("new-binding", message, "Make sure that each of them should have it.")


def _role(binding: Mapping[str, Any]) -> str:
    reference = mapping(binding.get("roleRef"))
    return f"{text(reference.get('kind'))} {text(reference.get('name'))}"


def _subjects(binding: Mapping[str, Any]) -> list[str]:
    return [_subject(subject) for subject in mappings(binding.get("subjects"))[:_MOST_RIGHTS]]


def _subject(subject: Mapping[str, Any]) -> str:
    kind, namespace, name = (text(subject.get(key)) for key in ("kind", "namespace", "name"))
    return f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"


def aggregation(item: Touched) -> Iterator[Risk]:
    """Find roles whose rights grow with others."""
    if item.of != (RBAC, "ClusterRole") or not item.new:
        return
    advice = "Look at every role that carries the labels, and at who may make one."
    old, new = (value.get("aggregationRule") for value in (item.old, item.new))
    if new and not same(old, new):
        yield Risk(
            "aggregates-rights",
            f"{item} collects the rights of others by label: {shown(old)} -> {shown(new)}.",
            advice,
        )
    joins = [name for name in _joins(item.new) if name not in _joins(item.old)]
    if joins:
        yield Risk("aggregates-rights", f"{item} adds its rights to {listed(joins)}.", advice)


def _joins(role: Mapping[str, Any]) -> list[str]:
    labels = mapping(at(role, "metadata", "labels"))
    return [
        str(key).removeprefix(_AGGREGATE)
        for key, value in labels.items()
        if str(key).startswith(_AGGREGATE) and text(value) == "true"
    ]


RIGHT_RULES: tuple[Rule, ...] = (wider_roles, new_bindings, aggregation)
