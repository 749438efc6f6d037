"""What leads past the guard of the *diff* identity, and what is said when the guard does not hold.

The policy of config/guard refuses every real write that the API server asks admission about. Rights by which
the identity gets what it wants without such a write, or as somebody else, are looked for besides: whoever has
one is not kept to dry runs, and flux does not run.

``escalate`` and ``bind`` are not among them: a dry run of a role needs them, and a real write of one is refused.
"""

from collections.abc import Iterable, Iterator

from gitops_bot.models.checks import GuardState
from gitops_bot.models.rights import Granted, GrantedRule, Right
from gitops_bot.rules.rights import NEVER_GIVEN

_CERTIFICATES = "certificates.k8s.io"

WAYS_AROUND = (
    # Somebody else is not guarded. https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation
    *(Right("", resource, "impersonate") for resource in ("users", "groups", "serviceaccounts")),
    *(Right("authentication.k8s.io", resource, "impersonate") for resource in ("userextras", "uids")),
    # Admission policies are not asked about admission policies.
    *(
        Right(group, resource, verb)
        for group, resource in sorted(NEVER_GIVEN)
        for verb in ("create", "update", "patch", "delete", "deletecollection")
    ),
    # The kubelet runs commands for whoever has it, and asks no admission.
    # https://kubernetes.io/docs/concepts/security/rbac-good-practices/#access-to-proxy-subresource-of-nodes
    *(Right("", "nodes/proxy", verb) for verb in ("get", "create")),
    # Identities for somebody else. The guard refuses these too; no comparison needs them.
    Right("", "serviceaccounts/token", "create"),
    *(Right(_CERTIFICATES, "certificatesigningrequests/approval", verb) for verb in ("update", "patch")),
    *(Right(_CERTIFICATES, "signers", verb) for verb in ("approve", "sign")),
)


def ways_around_in(granted: Granted) -> frozenset[Right]:
    """Return which of these rights somebody has, be it for some named objects only."""
    return frozenset(right for right in WAYS_AROUND if any(_gives(rule, right) for rule in granted.rules))


def _gives(rule: GrantedRule, right: Right) -> bool:
    # Impersonation of a narrower kind is a verb of its own, such as impersonate:user-info.
    verb = right.verb in rule.verbs or any(one.startswith(f"{right.verb}:") for one in rule.verbs)
    subresource = right.resource.partition("/")[2]
    resources = {right.resource, "*", *([f"*/{subresource}"] if subresource else [])}
    return bool(
        (verb or "*" in rule.verbs) and {right.group, "*"} & set(rule.groups) and resources & set(rule.resources)
    )


def in_words(rights: Iterable[Right]) -> tuple[str, ...]:
    """Name rights as people say them: ``impersonate users``, one for each kind."""
    return tuple(dict.fromkeys(_words(rights)))


def _words(rights: Iterable[Right]) -> Iterator[str]:
    by_resource: dict[str, list[str]] = {}
    for right in WAYS_AROUND:
        if right in rights:
            by_resource.setdefault(right.full_resource, []).append(right.verb)
    yield from (f"{', '.join(verbs)} {resource}" for resource, verbs in by_resource.items())


def what_is_wrong(state: GuardState) -> str:
    """Say why a guard is not proved, to be followed by nothing else."""
    if state.ways_around:
        return f"the diff identity holds rights that lead past the guard: {'; '.join(state.ways_around)}"
    return f"writes of the diff identity are not refused: {state.reason}"


def how_to_mend(state: GuardState) -> str:
    """Say what to do about it."""
    if state.ways_around:
        return "Take these rights away from it: `gitops-bot rbac` prints all that it needs, and never gives these."
    return "Apply config/guard."
