"""What ``gitops-bot check`` says of kinds: those that a cluster does not know, and those that may not be compared."""

from collections.abc import AsyncIterator

from gitops_bot.errors import GitopsBotError
from gitops_bot.journeys.plan_rights import plan_of
from gitops_bot.journeys.ports import Cluster, Eyes
from gitops_bot.models.checks import Check, CheckState
from gitops_bot.models.kustomizations import ClusterSnapshot
from gitops_bot.models.rights import Right
from gitops_bot.rules.fleet_rights import Choices, Reason, RightsPlan, in_words
from gitops_bot.rules.rights import is_role, is_secret

# Without these two there is nothing to review.
_NEEDED = ("Kustomization ", "GitRepository ")
# Kinds of Flux that only later versions have.
_SINCE = {"ExternalArtifact ": "Flux 2.7"}


async def check_rights(eyes: Eyes, cluster: Cluster, snapshot: ClusterSnapshot) -> AsyncIterator[Check]:
    """Yield a line for each kind that is missing, in the cluster or among the rights, with what mends it."""
    name = f"cluster {cluster.name}"
    for kind in sorted(cluster.missing_kinds):
        yield _missing_kind(name, kind)
    try:
        plan = await plan_of(eyes, cluster, snapshot, (), Choices(secrets=True, roles=True))
        lacks = await cluster.diff_lacks(plan.rights)
    except GitopsBotError as error:
        yield Check(f"{name}: rights", CheckState.BAD, str(error))
        return
    for kind in plan.unknown_kinds:
        yield Check(
            f"{name}: kinds",
            CheckState.WARNING,
            f"Flux applied objects of the kind {kind}, which the cluster does not know any more",
            "Apply its CustomResourceDefinition again (kubectl get crd), or take the objects out of git.",
        )
    for check in judge_rights(plan, lacks):
        yield check


def _missing_kind(name: str, kind: str) -> Check:
    needed = kind.startswith(_NEEDED)
    since = next((version for prefix, version in _SINCE.items() if kind.startswith(prefix)), "")
    return Check(
        f"{name}: kinds",
        CheckState.BAD if needed else CheckState.WARNING,
        f"{kind} is not known to the cluster" + (f"; it came with {since}" if since else ""),
        "Run `flux install` in this cluster, or bootstrap it again, to bring Flux and its kinds up to date.",
    )


def judge_rights(plan: RightsPlan, lacks: frozenset[Right]) -> list[Check]:
    """Say which resources of the fleet are not compared, each with the command that gives the right."""
    name = f"cluster {plan.cluster}: rights"
    checks = []
    for words in in_words(lacks):
        resource, _, verbs = words.partition(": ")
        checks.append(
            Check(
                name,
                CheckState.WARNING,
                f"{resource}: the diff identity may not {verbs}; such objects are not compared",
                f"gitops-bot rbac --cluster {plan.cluster}{_choice(resource, lacks)} | kubectl apply -f -",
            )
        )
    never = [left_out for left_out in plan.left_out if left_out.reason is Reason.NEVER]
    for left_out in never:
        seen = f"{', '.join(left_out.resources)}: never compared, so that the bot cannot touch its own guard"
        checks.append(Check(name, CheckState.GOOD, seen))
    if not lacks:
        checks.append(Check(name, CheckState.GOOD, "the diff identity may compare everything that Flux applied"))
    return checks


def _choice(resource: str, lacks: frozenset[Right]) -> str:
    meant = [right for right in lacks if right.full_resource == resource]
    if any(map(is_secret, meant)):
        return " --with-secrets"
    return " --with-roles" if any(map(is_role, meant)) else ""
