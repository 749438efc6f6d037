"""The table of risks: what each rule finds, how much it matters by default, and why.

docs/risks.md is held to it by a test; ``risk.severities`` in the settings names its codes. The rules
themselves stand in rules/risk*.py.
"""

from dataclasses import dataclass

from gitops_bot.models.reports import Severity


@dataclass(frozen=True)
class RiskRule:
    """One kind of risk. ``code`` is stable; ``what`` and ``why`` are one sentence each."""

    code: str
    severity: Severity
    what: str
    why: str


_CRITICAL, _WARNING, _INFO = Severity.CRITICAL, Severity.WARNING, Severity.INFO

RISK_RULES = (
    # ---- what is lost
    RiskRule(
        "deletes-statefulset",
        _CRITICAL,
        "A StatefulSet is deleted or recreated.",
        "Its Pods stop, and volumes may go with them.",
    ),
    RiskRule(
        "deletes-volume",
        _CRITICAL,
        "A PersistentVolumeClaim or PersistentVolume is deleted or recreated.",
        "What is stored on it may be lost.",
    ),
    RiskRule(
        "deletes-namespace",
        _CRITICAL,
        "A Namespace is deleted or recreated.",
        "Everything in it goes too, Flux's own objects or not.",
    ),
    RiskRule(
        "deletes-definition",
        _CRITICAL,
        "A CustomResourceDefinition is deleted or recreated.",
        "All objects of its kind go too, in every namespace.",
    ),
    RiskRule(
        "deletes-secret",
        _WARNING,
        "A Secret is deleted or recreated, and no generated successor takes its place.",
        "Whatever reads it fails at its next start.",
    ),
    RiskRule(
        "prunes-many",
        _WARNING,
        "More than `risk.prune_limit` objects are deleted in one cluster.",
        "A mistake in one path can empty a whole Kustomization.",
    ),
    RiskRule(
        "removes-network-policy",
        _WARNING,
        "A NetworkPolicy is deleted (Cilium's and Calico's too).",
        "What it kept apart may speak to each other.",
    ),
    RiskRule(
        "removes-disruption-budget",
        _WARNING,
        "A PodDisruptionBudget is deleted.",
        "A node that is drained may take all replicas at once.",
    ),
    # ---- workloads
    RiskRule(
        "scales-to-zero",
        _WARNING,
        "Replicas, or the least replicas of a HorizontalPodAutoscaler, become 0.",
        "Nothing of it runs any more.",
    ),
    RiskRule("suspends-job", _WARNING, "A CronJob or Job is suspended.", "It does not run until somebody resumes it."),
    RiskRule(
        "shrinks-volume",
        _CRITICAL,
        "A PersistentVolumeClaim, a PersistentVolume or a template of claims asks for less than before.",
        "Kubernetes cannot shrink a volume: the change is refused, or the volume is made anew.",
    ),
    RiskRule(
        "changes-immutable-field",
        _CRITICAL,
        "A field changes that cannot be changed while the object exists.",
        "The whole Kustomization fails at it, or Flux deletes the object when force is allowed.",
    ),
    RiskRule(
        "removes-probe",
        _WARNING,
        "A container loses its liveness, readiness or startup probe.",
        "Traffic goes to Pods that are not ready, or hanging ones stay.",
    ),
    RiskRule(
        "removes-limit",
        _WARNING,
        "A container loses a resource limit.",
        "It may take a whole node for itself.",
    ),
    RiskRule(
        "image-latest",
        _WARNING,
        "An image without a tag or digest, or with the tag `latest`.",
        "What runs then is not what was reviewed.",
    ),
    RiskRule(
        "image-downgraded",
        _WARNING,
        "The tag of an image is a lower version than before.",
        "Older programs may not understand newer data, and have known holes.",
    ),
    RiskRule(
        "image-source",
        _WARNING,
        "An image comes from another registry or repository.",
        "Somebody else decides what runs.",
    ),
    RiskRule(
        "chart-downgraded",
        _WARNING,
        "The chart version of a HelmRelease is lower than before.",
        "Older charts may not understand newer data.",
    ),
    # ---- what Pods may do
    RiskRule("privileged", _CRITICAL, "A container becomes privileged.", "It owns the node."),
    RiskRule(
        "host-path",
        _CRITICAL,
        "A Pod mounts another folder of its node (hostPath).",
        "It reads, and often writes, what belongs to the node and its neighbours.",
    ),
    RiskRule(
        "host-namespace",
        _CRITICAL,
        "A Pod shares the network, processes or memory of its node (hostNetwork, hostPID, hostIPC).",
        "It sees, and reaches, its neighbours.",
    ),
    RiskRule(
        "capabilities",
        _WARNING,
        "A container adds Linux capabilities, or no longer drops some.",
        "Each is a part of what root may do.",
    ),
    RiskRule(
        "privilege-escalation",
        _WARNING,
        "A container may gain more privileges than its parent (allowPrivilegeEscalation).",
        "A hole in the program becomes root in the container.",
    ),
    RiskRule(
        "runs-as-root",
        _WARNING,
        "A container runs as user 0, or is no longer kept from it (runAsNonRoot).",
        "A way out of the container ends as root on the node.",
    ),
    # ---- rights
    RiskRule(
        "cluster-admin",
        _CRITICAL,
        "Somebody is bound to cluster-admin who was not.",
        "That is the right to do everything.",
    ),
    RiskRule(
        "wildcard-rights",
        _CRITICAL,
        "A Role or ClusterRole gains a right with a `*`.",
        "It covers what nobody has thought of yet.",
    ),
    RiskRule(
        "escalating-rights",
        _CRITICAL,
        "A Role or ClusterRole gains the verb escalate, bind or impersonate.",
        "Whoever has it can give themselves the rest.",
    ),
    RiskRule(
        "reads-secrets",
        _WARNING,
        "A Role or ClusterRole gains the right to read Secrets.",
        "Other people's passwords and tokens are among them.",
    ),
    RiskRule(
        "widens-role",
        _WARNING,
        "A Role or ClusterRole that exists gains any other right: verbs, resources, API groups, names, addresses.",
        "Everybody who is bound to it has it at once.",
    ),
    RiskRule(
        "new-binding",
        _WARNING,
        "A RoleBinding or ClusterRoleBinding is new, names new subjects, or another role.",
        "Somebody may do what they could not do before.",
    ),
    RiskRule(
        "aggregates-rights",
        _WARNING,
        "A ClusterRole begins to collect others by label, or to be collected (aggregationRule, aggregate-to-…).",
        "Rights grow without the role itself being touched.",
    ),
    # ---- how it is reached
    RiskRule(
        "service-type",
        _WARNING,
        "The type of a Service changes, or a new one is a LoadBalancer or NodePort.",
        "It becomes reachable from outside, or stops being so.",
    ),
    RiskRule(
        "host-changed",
        _WARNING,
        "The hosts of an Ingress, Gateway or route change, or go with it.",
        "Who calls the old name finds nothing, or somebody else.",
    ),
    # ---- Flux itself
    RiskRule(
        "flux-source",
        _WARNING,
        "A source's URL, branch, tag, version or credentials change, or something reads from another source.",
        "Everything below it is applied from somewhere else.",
    ),
    RiskRule("flux-new-source", _INFO, "A source is new.", "It is a new place that things are applied from."),
    RiskRule(
        "flux-verification",
        _CRITICAL,
        "A source or chart is no longer verified, or otherwise.",
        "Flux then applies what nobody has signed.",
    ),
    RiskRule(
        "flux-path",
        _WARNING,
        "The path of a Kustomization changes.",
        "Everything from the old path is pruned, unless the new one has it too.",
    ),
    RiskRule(
        "flux-prune",
        _WARNING,
        "prune or deletionPolicy of a Kustomization changes.",
        "Objects are deleted that stayed so far, or stay and are forgotten.",
    ),
    RiskRule(
        "flux-suspend",
        _WARNING,
        "An object of Flux is suspended or resumed.",
        "Suspended: nothing arrives any more. Resumed: all that waited arrives at once.",
    ),
    RiskRule(
        "flux-target",
        _WARNING,
        "targetNamespace, kubeConfig, or the name or storage of a Helm release changes.",
        "Everything is made anew in another place, and the old may stay or go.",
    ),
    RiskRule(
        "flux-identity",
        _WARNING,
        "The ServiceAccount that Flux applies as changes.",
        "Without one it applies with the rights of the controller.",
    ),
    RiskRule(
        "flux-decryption",
        _WARNING,
        "The decryption of a Kustomization changes.",
        "With the wrong key nothing can be applied, or secrets arrive encrypted.",
    ),
    RiskRule(
        "flux-removed",
        _WARNING,
        "A Kustomization, HelmRelease or source of Flux is deleted.",
        "What it made is deleted with it, or nobody looks after it any more.",
    ),
    RiskRule(
        "force",
        _CRITICAL,
        "Flux may delete objects that cannot be changed in place (spec.force, the annotation, upgrade.force).",
        "A later change of an immutable field deletes data without asking.",
    ),
    # ---- who decides what is admitted
    RiskRule(
        "admission-webhook",
        _WARNING,
        "A validating or mutating webhook configuration is created, changed or deleted.",
        "It can refuse or rewrite every object of the cluster, or stop doing so.",
    ),
    RiskRule(
        "admission-policy",
        _WARNING,
        "An admission policy or its binding is created, changed or deleted (Kyverno's and Gatekeeper's too).",
        "What the cluster forbids is then something else.",
    ),
    RiskRule(
        "hidden-characters",
        _WARNING,
        "The change brings characters that a person does not see.",
        "What is applied is not what was read.",
    ),
)

RISK_CODES = frozenset(rule.code for rule in RISK_RULES)
