"""Rights written as rules of RBAC: merged, sorted, never a wildcard."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gitops_bot.models.rights import Right
from gitops_bot.rules.rights import VERBS, is_role, is_secret

_WIDTH = 100
# The rules that flux diff needs stand in roles of this name.
ROLE = "gitops-bot-diff"


@dataclass(frozen=True, order=True)
class PolicyRule:
    """One rule: some resources of one API group, and what may be done with them."""

    group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]


def by_scope(rights: Iterable[Right], *, namespaced: bool = False) -> dict[str, tuple[PolicyRule, ...]]:
    """Give the rules by the namespace of the Role they belong into; "" is the ClusterRole, which comes first.

    Secrets and roles are given only where they lie: a right to read every Secret of a cluster, or to bind a
    role anywhere, is more than any fleet needs. Everything else is given everywhere, so that a pull request
    which brings a new namespace can be compared, unless ``namespaced`` asks for the least.
    """
    scopes: dict[str, set[Right]] = {}
    for right in rights:
        own = right.namespace if namespaced or is_secret(right) or is_role(right) else ""
        scopes.setdefault(own, set()).add(right.everywhere)
    everywhere = scopes.get("", set())
    return {
        scope: rules for scope in sorted(scopes) if (rules := policy_rules(_besides(scopes[scope], scope, everywhere)))
    }


def _besides(rights: set[Right], scope: str, everywhere: set[Right]) -> set[Right]:
    return rights - everywhere if scope else rights


def policy_rules(rights: Iterable[Right]) -> tuple[PolicyRule, ...]:
    """Merge rights into rules, wherever they are needed: resources of one group with the same verbs share one."""
    verbs: dict[tuple[str, str], set[str]] = {}
    for right in rights:
        verbs.setdefault((right.group, right.resource), set()).add(right.verb)
    resources: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (group, resource), found in sorted(verbs.items()):
        resources.setdefault((group, tuple(sorted(found, key=verb_order))), []).append(resource)
    return tuple(sorted(PolicyRule(group, tuple(names), found) for (group, found), names in resources.items()))


def verb_order(verb: str) -> tuple[int, str]:
    """Give the place of a verb in a rule: reading first."""
    return (VERBS.index(verb) if verb in VERBS else len(VERBS), verb)


def rules_text(rules: Iterable[PolicyRule]) -> str:
    """Write rules as YAML, as they stand below ``rules:`` of a role; every line ends with a line break."""
    lines = []
    for rule in rules:
        lines += [f"- apiGroups: [{rule.group or chr(34) * 2}]"]
        names = ", ".join(rule.resources)
        if len(names) < _WIDTH:
            lines += [f"  resources: [{names}]"]
        else:
            lines += ["  resources:", *(f"    - {name}" for name in rule.resources)]
        lines += [f"  verbs: [{', '.join(rule.verbs)}]"]
    return "".join(f"{line}\n" for line in lines)


def text_to_paste(rights: Iterable[Right]) -> str:
    """Write lacking rights as rules, each part below a comment that says which role it belongs to; "" for none."""
    parts: Mapping[str, tuple[PolicyRule, ...]] = by_scope(rights)
    return "".join(
        f"# {f'Role {ROLE} in the namespace {scope}' if scope else f'ClusterRole {ROLE}'}, rules:\n{rules_text(rules)}"
        for scope, rules in parts.items()
    )
