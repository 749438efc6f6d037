"""The proof that the *diff* identity can write nothing: a write that must be refused, by the guard itself.

Flux's dry runs need the rights to patch and to create, for Kubernetes has no right "dry run only". What
makes them safe is the ValidatingAdmissionPolicy of config/guard. It takes effect a moment after it is
created, and anybody with the right to do so may delete it: so it is believed only while it is seen to work.
"""

from gitops_bot.cluster.connection import AlreadyThereError, Connection, NotFoundError, WriteDeniedError
from gitops_bot.cluster.guard_terms import lacking_terms, refused_by
from gitops_bot.errors import ClusterRefused

_ADMISSION = "/apis/admissionregistration.k8s.io/v1"

# Stands in config/guard/policy.yaml as the policy's message: whoever refuses in these words is the guard.
GUARD_MESSAGE = "gitops-bot: the diff identity may do dry runs only"
# The only object that could ever be written, and only once: a second attempt meets the first.
CANARY = "gitops-bot-guard-canary"


async def guard_failure(diff: Connection, core: Connection, account: str) -> str:
    """Try a real write as the *diff* identity; "" when the guard refuses it, else what happened instead.

    ``account`` is that identity (namespace/name). What refused is then read by ``core``: it must be as wide as
    the shipped policy.

    Raises ClusterUnavailable when there was no answer: nothing is known then.
    """
    if not await _has_policies(diff):
        # A write would only leave something behind.
        return "this cluster has no ValidatingAdmissionPolicy: Kubernetes 1.30 and later have it"
    namespace = account.partition("/")[0]
    canary = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": CANARY, "namespace": namespace},
        "data": {"meaning": "The guard of gitops-bot (config/guard) did not work when this was written. Delete it."},
    }
    try:
        await diff.post(f"/api/v1/namespaces/{namespace}/configmaps", canary)
    except WriteDeniedError as error:
        if "ValidatingAdmissionPolicy" in str(error) and GUARD_MESSAGE in str(error):
            return await _narrowed(core, str(error), account)
        return f"the write was refused by something else: {error}"
    except ClusterRefused as error:
        return f"the write was refused for a lacking right, which proves nothing: {error}"
    except AlreadyThereError:
        return f"the write was not refused, and met ConfigMap {namespace}/{CANARY} of an earlier one: delete it"
    return f"the write was accepted: ConfigMap {namespace}/{CANARY} exists now; delete it"


async def _narrowed(core: Connection, refusal: str, account: str) -> str:
    """Look whether the policy that refused is as wide as ours; "" when it is."""
    name, binding_name = refused_by(refusal)
    try:
        policy = await core.get(f"{_ADMISSION}/validatingadmissionpolicies/{name}")
        binding = await core.get(f"{_ADMISSION}/validatingadmissionpolicybindings/{binding_name}")
    except NotFoundError:
        return f"the policy {name} is being taken away"
    except ClusterRefused as error:
        return f"whether the policy {name} covers everything cannot be seen: {error}"
    lacking = lacking_terms(policy, binding, account)
    return f"the policy {name} was changed: {lacking}" if lacking else ""


async def _has_policies(diff: Connection) -> bool:
    """Whether the API server serves the policies in the version that is on by default."""
    try:
        served = await diff.get(_ADMISSION)
    except NotFoundError:
        return False
    except ClusterRefused:
        return True  # Not everybody may look; the write will tell.
    return any(resource.get("name") == "validatingadmissionpolicies" for resource in served.get("resources") or ())
