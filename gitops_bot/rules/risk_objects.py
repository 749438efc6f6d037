"""Risks of objects as wholes: what is lost with them, what cannot be changed, who reaches them, what nobody sees."""

from collections.abc import Iterator, Mapping
from typing import Any

from gitops_bot.models.changes import Operation
from gitops_bot.rules.cleaning import has_hidden_characters
from gitops_bot.rules.deletions import facts_of
from gitops_bot.rules.fields import same
from gitops_bot.rules.quantities import quantity
from gitops_bot.rules.reading import at, listed, mapping, mappings, shown, text, texts
from gitops_bot.rules.risk_kinds import APPS, BATCH, CORE, RBAC, Risk, Rule
from gitops_bot.rules.touched import Touched

_VOLUME_ADVICE = "Make a backup first, or annotate it kustomize.toolkit.fluxcd.io/prune: disabled to keep it."
# (group, kind): code, advice.
_PRECIOUS = {
    (APPS, "StatefulSet"): (
        "deletes-statefulset",
        "Make sure that nobody needs its Pods, and look at persistentVolumeClaimRetentionPolicy for its volumes.",
    ),
    (CORE, "PersistentVolumeClaim"): ("deletes-volume", _VOLUME_ADVICE),
    (CORE, "PersistentVolume"): ("deletes-volume", _VOLUME_ADVICE),
    (CORE, "Namespace"): ("deletes-namespace", "Look at what else lives in it before merging."),
    ("apiextensions.k8s.io", "CustomResourceDefinition"): (
        "deletes-definition",
        "Look for objects of its kind in every namespace before merging.",
    ),
    (CORE, "Secret"): ("deletes-secret", "Make sure that nothing reads it any more."),
}
_PROTECTING = {
    "NetworkPolicy": "removes-network-policy",
    "CiliumNetworkPolicy": "removes-network-policy",
    "CiliumClusterwideNetworkPolicy": "removes-network-policy",
    "GlobalNetworkPolicy": "removes-network-policy",
    "AdminNetworkPolicy": "removes-network-policy",
    "PodDisruptionBudget": "removes-disruption-budget",
}
_PROTECTING_ADVICE = {
    "removes-network-policy": "Make sure that another policy covers the same Pods.",
    "removes-disruption-budget": "Make sure that draining a node may take all of its Pods at once.",
}
# Fields that the API server does not let anybody change, where they are stated before and after.
_IMMUTABLE = {
    (APPS, "Deployment"): ("spec.selector",),
    (APPS, "ReplicaSet"): ("spec.selector",),
    (APPS, "DaemonSet"): ("spec.selector",),
    (APPS, "StatefulSet"): (
        "spec.selector",
        "spec.serviceName",
        "spec.podManagementPolicy",
        "spec.volumeClaimTemplates",
    ),
    (BATCH, "Job"): ("spec.selector", "spec.template", "spec.completionMode"),
    (CORE, "Service"): ("spec.clusterIP",),
    (CORE, "PersistentVolumeClaim"): (
        "spec.accessModes",
        "spec.storageClassName",
        "spec.volumeName",
        "spec.volumeMode",
        "spec.selector",
        "spec.dataSource",
    ),
    (CORE, "Secret"): ("type",),
    (RBAC, "RoleBinding"): ("roleRef",),
    (RBAC, "ClusterRoleBinding"): ("roleRef",),
    ("storage.k8s.io", "StorageClass"): ("provisioner", "parameters", "reclaimPolicy", "volumeBindingMode"),
    ("scheduling.k8s.io", "PriorityClass"): ("value",),
    ("networking.k8s.io", "IngressClass"): ("spec.controller",),
}
_ADMISSION = {
    "kyverno.io",
    "policies.kyverno.io",
    "constraints.gatekeeper.sh",
    "templates.gatekeeper.sh",
    "mutations.gatekeeper.sh",
}
_OUTSIDE = {"LoadBalancer", "NodePort"}
_FORCE = "kustomize.toolkit.fluxcd.io/force"
_DONE = {Operation.DELETE: "is deleted", Operation.RECREATE: "is deleted and made anew", Operation.CREATE: "is created"}


def lost(item: Touched) -> Iterator[Risk]:
    """Find what takes data, or everything that depends on it, along."""
    code, advice = _PRECIOUS.get(item.of, ("", ""))
    if not code or item.operation not in {Operation.DELETE, Operation.RECREATE} or item.has_successor:
        return
    facts = list(facts_of(item.lost))[:3] if code in {"deletes-statefulset", "deletes-volume"} else []
    about = f" ({', '.join(facts)})" if facts else ""
    yield Risk(code, f"{item}{about} {_DONE[item.operation]}.", advice)


def unprotected(item: Touched) -> Iterator[Risk]:
    """Find what is no longer kept apart, or kept running."""
    code = _PROTECTING.get(item.reference.kind)
    if code and item.operation is Operation.DELETE:
        yield Risk(code, f"{item} is deleted.", _PROTECTING_ADVICE[code])


def smaller(item: Touched) -> Iterator[Risk]:
    """Find volumes that would shrink."""
    before, after = (_sizes(item, value) for value in (item.old, item.new))
    for name, new in after.items():
        old = before.get(name)
        sizes = quantity(old), quantity(new)
        if sizes[0] is not None and sizes[1] is not None and sizes[1] < sizes[0]:
            of = f", volume {name}," if name else ""
            yield Risk(
                "shrinks-volume",
                f"{item}{of} asks for less room: {shown(old)} -> {shown(new)}.",
                "Make a new, smaller volume and copy what is needed; none can be shrunk.",
            )


def _sizes(item: Touched, value: Mapping[str, Any]) -> dict[str, Any]:
    if item.of == (CORE, "PersistentVolumeClaim"):
        return {"": at(value, "spec", "resources", "requests", "storage")}
    if item.of == (CORE, "PersistentVolume"):
        return {"": at(value, "spec", "capacity", "storage")}
    claims = mappings(at(value, "spec", "volumeClaimTemplates"))
    return {
        text(at(claim, "metadata", "name")): at(claim, "spec", "resources", "requests", "storage") for claim in claims
    }


def immutable(item: Touched) -> Iterator[Risk]:
    """Find fields that cannot be changed in place."""
    if not item.stays or item.operation is not Operation.CHANGE:
        return
    changed = [path for path in _IMMUTABLE.get(item.of, ()) if _stated_and_changed(item, path)]
    sealed = item.reference.kind in {"ConfigMap", "Secret"} and item.old.get("immutable") is True
    changed += [key for key in ("data", "binaryData") if sealed and _stated_and_changed(item, key)]
    if not changed:
        return
    said = [text(at(value, *changed[0].split("."))) for value in (item.old, item.new)]
    arrow = f": {shown(said[0])} -> {shown(said[1])}" if len(changed) == 1 and all(said) else ""
    yield Risk(
        "changes-immutable-field",
        f"{item} cannot be changed in {listed(changed)}{arrow}.",
        "Give the object another name, or delete it on purpose once its content may be lost.",
    )


def _stated_and_changed(item: Touched, path: str) -> bool:
    old, new = (at(value, *path.split(".")) for value in (item.old, item.new))
    return old not in (None, "") and new not in (None, "") and not same(old, new)


def reached_otherwise(item: Touched) -> Iterator[Risk]:
    """Find Services that change their type."""
    if item.of != (CORE, "Service") or not item.new:
        return
    old, new = (text(at(value, "spec", "type")) or "ClusterIP" for value in (item.old, item.new))
    advice = "Make sure that exactly those who should can reach it."
    if item.stays and old != new:
        yield Risk("service-type", f"{item} changes its type: {shown(old)} -> {shown(new)}.", advice)
    elif not item.old and new in _OUTSIDE:
        yield Risk("service-type", f"{item} is new, and reachable from outside: {new}.", advice)


def other_hosts(item: Touched) -> Iterator[Risk]:
    """Find hosts that are served no longer, or elsewhere."""
    old, new = (_hosts(value) for value in (item.old, item.new))
    if not old or old == new:
        return
    said = f"{listed(sorted(old))} -> {listed(sorted(new)) or 'none'}"
    if item.operation is Operation.DELETE:
        said = f"{listed(sorted(old))}, and is deleted"
    yield Risk(
        "host-changed",
        f"{item} changes its hosts: {said}." if item.new else f"{item} serves {said}.",
        "Make sure that names, certificates and callers follow.",
    )


def _hosts(value: Mapping[str, Any]) -> frozenset[str]:
    kind, spec = text(value.get("kind")), mapping(value.get("spec"))
    if kind == "Ingress":
        rules = {text(rule.get("host")) or "*" for rule in mappings(spec.get("rules"))}
        return frozenset(rules).union(*(texts(tls.get("hosts")) for tls in mappings(spec.get("tls"))))
    if kind in {"HTTPRoute", "GRPCRoute", "TLSRoute"}:
        return frozenset(texts(spec.get("hostnames")))
    if kind == "VirtualService":
        return frozenset(texts(spec.get("hosts")))
    if kind == "Route":
        return frozenset({text(spec.get("host"))} - {""})
    if kind in {"Gateway", "ListenerSet", "XListenerSet"}:
        listeners = frozenset(text(one.get("hostname")) or "*" for one in mappings(spec.get("listeners")))
        return listeners.union(*(texts(one.get("hosts")) for one in mappings(spec.get("servers"))))
    return frozenset()


def admission(item: Touched) -> Iterator[Risk]:
    """Find changes of who decides what the cluster admits."""
    group, kind = item.of
    if group != "admissionregistration.k8s.io" and group not in _ADMISSION:
        return
    code = "admission-webhook" if kind.endswith("WebhookConfiguration") else "admission-policy"
    parts = [{key: part for key, part in value.items() if key != "metadata"} for value in (item.old, item.new)]
    if item.operation is Operation.CHANGE and same(*parts):
        return
    changed = sorted(key for key in {*parts[0], *parts[1]} if not same(parts[0].get(key), parts[1].get(key)))
    done = _DONE.get(item.operation) or f"changes ({listed(changed)})"
    yield Risk(code, f"{item} {done}.", "Try it where a mistake may stop deployments; it decides over other objects.")


def forced(item: Touched) -> Iterator[Risk]:
    """Find objects that Flux gets the right to delete."""
    if item.new and _forces(item.new) and not _forces(item.old):
        yield Risk(
            "force",
            f"{item} gets the annotation {_FORCE}: enabled.",
            "Take it away again as soon as the one change that needs it is done.",
        )


def _forces(value: Mapping[str, Any]) -> bool:
    marks = (text(at(value, "metadata", place, _FORCE)) for place in ("annotations", "labels"))
    return any(mark.lower() == "enabled" for mark in marks)


def hidden(item: Touched) -> Iterator[Risk]:
    """Find texts that have more in them than a person sees, and that were not there before."""
    known = {said for _, said in _texts(item.old, "") if has_hidden_characters(said)}
    places = [path for path, said in _texts(item.new, "") if has_hidden_characters(said) and said not in known]
    if places:
        yield Risk(
            "hidden-characters",
            f"{item} brings characters that nobody sees, in {listed(places, 2)}.",
            r"They are shown here as escapes like \u202e; ask what they are for.",
        )


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            here = f"{path}.{key}" if path else str(key)
            yield here, str(key)
            yield from _texts(inner, here)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner, path)


OBJECT_RULES: tuple[Rule, ...] = (
    lost,
    unprotected,
    smaller,
    immutable,
    reached_otherwise,
    other_hosts,
    admission,
    forced,
    hidden,
)
