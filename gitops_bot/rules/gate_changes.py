"""What no rule of the gate can allow in the changes themselves, and how far a rule's kinds, fields and size go."""

import re
from collections.abc import Iterable, Iterator

from gitops_bot.models.changes import FieldChange, Operation, Origin, ResourceChange
from gitops_bot.models.gates import GateRule
from gitops_bot.models.kustomizations import ObjectReference
from gitops_bot.models.reports import KustomizationReport, Report, RowState
from gitops_bot.rules.cleaning import has_hidden_characters
from gitops_bot.rules.gate_patterns import field_matches, kind_matches
from gitops_bot.rules.verdict import has_effect

# Kinds of the core group, as https://kubernetes.io/docs/reference/kubernetes-api/ lists them: of another kind an
# empty group means that nobody knows which it is.
_CORE = frozenset(
    {
        "ConfigMap",
        "Endpoints",
        "LimitRange",
        "PersistentVolume",
        "PersistentVolumeClaim",
        "Pod",
        "PodTemplate",
        "ReplicationController",
        "ResourceQuota",
        "Service",
    }
)
# Who may do what, what is accepted at all, and what others are made from.
_FORBIDDEN_GROUPS = re.compile(
    r"rbac\.authorization\.k8s\.io|authorization\.k8s\.io|authentication\.k8s\.io|certificates\.k8s\.io"
    r"|admissionregistration\.k8s\.io|apiextensions\.k8s\.io|apiregistration\.k8s\.io"
    r"|(.+\.)?toolkit\.fluxcd\.io|(.+\.)?kyverno\.io|(.+\.)?gatekeeper\.sh|(.+\.)?kubewarden\.io"
    r"|(.+\.)?authorization\.openshift\.io|(.+\.)?external-secrets\.io|bitnami\.com|(.+\.)?cert-manager\.io"
)
# By name too: a group may be missing, or be another product's for the same thing.
_FORBIDDEN_KINDS = re.compile(
    r".*Secrets?|.*SecretStore|SecretProviderClass|Namespace|ServiceAccount|(Cluster)?Role(Binding)?"
    r"|CustomResourceDefinition|APIService|CertificateSigningRequest"
    # Who may talk to whom is a policy, too.
    r"|.*Webhook(Configuration)?|.*Policy(Binding|Exception)?|PeerAuthentication|RequestAuthentication"
    # Manifests within an object: of Argo CD, k3s, Cluster API, Open Cluster Management, Crossplane, kro.
    r"|Application(Set)?|AppProject|HelmChartConfig|ClusterResourceSet|ManifestWork|Object|Composition"
    r"|ResourceGraphDefinition"
    r"|Kustomization|HelmRelease|HelmChart|.*Repository|Bucket|ExternalArtifact|Alert|Provider|Receiver"
    r"|ImageUpdateAutomation|ArtifactGenerator|FluxInstance|ResourceSet.*|SecurityContextConstraints"
)
# Annotations and labels that tell Flux to do something else with an object.
_ORDERS = re.compile(r"toolkit\.fluxcd\.io/(force|prune|reconcile|ssa|substitute|diff)")
_SEEN = {RowState.CHANGED, RowState.UNCHANGED}
_ROWS = {
    RowState.NEW: "is new",
    RowState.REMOVED: "is removed",
    RowState.SUSPENDED: "is suspended",
    RowState.REMOTE: "belongs to another cluster",
    RowState.FAILING: "would fail",
    RowState.NOT_ANALYSED: "was not looked at",
}
_OPERATIONS = {
    Operation.DELETE: "is deleted",
    Operation.RECREATE: "is recreated",
    Operation.SKIP: "is left alone by Flux, so nobody compared it",
}
# What a pull request changes in git, and the merge does not change in the cluster: no model is shown that.
_SETTLED = {Origin.ADOPTED, Origin.WITHDRAWN}
# What stands in the place of what may be secret.
_HIDDEN = re.compile(r"«(secret:|hidden)")


def own_changes(row: KustomizationReport) -> tuple[ResourceChange, ...]:
    """Give what the merge itself brings about in a row."""
    return tuple(change for change in row.changes if has_effect(change))


def about_changes(report: Report, rule: GateRule) -> Iterator[str]:
    """Give every reason against clearing that lies in the rows of a report."""
    rows = [row for cluster in report.clusters for row in cluster.rows]
    for row in rows:
        yield from _about_row(row)
        for change in row.changes:
            yield from _never(change)
    own = [change for row in rows for change in own_changes(row)]
    for change in own:
        yield from _about_rule(change, rule)
    yield from _about_size(own, rule)


def _about_row(row: KustomizationReport) -> Iterator[str]:
    if row.state not in _SEEN:
        yield f"Kustomization {row.id} {_ROWS.get(row.state, row.state)}."
    for content in row.contents:
        yield f"What {content.object} renders in the cluster was not looked at."
    for sealed in row.sealed:
        yield f"{sealed.path} is encrypted, so nobody saw what changes in it."
    for hidden in row.hidden:
        yield f"Kustomization {row.id} has changes that {hidden.setting} hides."
    for note in row.notes:
        yield f"Kustomization {row.id}: {note}"
    if any(map(has_hidden_characters, (*row.notes, row.reason, row.path, str(row.id)))):
        yield f"Kustomization {row.id} has characters that nobody sees."


def _never(change: ResourceChange) -> Iterator[str]:
    """Give what keeps an object from being cleared, whoever is the cause of its change."""
    reference = change.object
    if change.operation in _OPERATIONS:
        yield f"{reference} {_OPERATIONS[change.operation]}."
    if what := forbidden(reference):
        yield f"{reference} changes, and {what}."
    if change.origin is Origin.UNDONE or any(one.origin is Origin.UNDONE for one in change.fields):
        yield f"{reference} was changed in the cluster, which would be undone."
    if _SETTLED & {change.origin, *(one.origin for one in change.fields)}:
        yield f"{reference} changes in git only: the cluster has it so already, or was never told of what goes."
    if change.operation is Operation.CHANGE and not change.fields:
        yield f"What changes in {reference} is not known."
    if change.operation is Operation.CREATE and has_effect(change) and not change.body:
        yield f"What {reference} will be is not known."
    for note in change.notes:
        yield f"{reference}: {note}."
    yield from _about_its_texts(change)


def _about_its_texts(change: ResourceChange) -> Iterator[str]:
    reference, texts = change.object, list(_texts(change))
    if any(map(has_hidden_characters, texts)):
        yield f"{reference} has characters that nobody sees."
    if any(_HIDDEN.search(text) for text in texts):
        yield f"{reference} has a value that is not shown because it may be secret."
    if any(_ORDERS.search(text) for text in texts):
        yield f"{reference} has an order to Flux that changes how it is applied."


def forbidden(reference: ObjectReference) -> str:
    """Say why objects of a kind are never cleared; "" when they may be."""
    if _FORBIDDEN_GROUPS.fullmatch(reference.group) or _FORBIDDEN_KINDS.fullmatch(reference.kind):
        return f"no {reference.kind} is cleared without a person"
    if not reference.group and reference.kind not in _CORE:
        return "its API group is not known"
    return ""


def _texts(change: ResourceChange) -> Iterator[str]:
    reference = change.object
    yield from (reference.kind, reference.namespace, reference.name, reference.group)
    yield from (change.body, *change.facts, *change.notes)
    for entry in change.fields:
        yield from (entry.path, entry.headline, entry.before, entry.after)


def _about_rule(change: ResourceChange, rule: GateRule) -> Iterator[str]:
    reference = change.object
    if not kind_matches(reference.kind, reference.group, rule.kinds):
        yield f"{reference} is not of the kinds of the rule."
    if not rule.fields:
        return
    if change.operation is not Operation.CHANGE:
        yield f"{reference} changes as a whole; the rule is for some fields."
    for entry in _own_fields(change):
        if not field_matches(entry.path, rule.fields):
            yield f"{reference} changes in {entry.path or 'its document'}, which is not among the fields of the rule."


def _own_fields(change: ResourceChange) -> tuple[FieldChange, ...]:
    return tuple(one for one in change.fields if one.origin in {Origin.PULL_REQUEST, Origin.UNDONE})


def _about_size(own: Iterable[ResourceChange], rule: GateRule) -> Iterator[str]:
    changes = list(own)
    entries = [entry for change in changes for entry in _own_fields(change)]
    lines = sum(len(text.splitlines()) for entry in entries for text in (entry.before, entry.after))
    lines += sum(len(change.body.splitlines()) for change in changes)
    most = rule.most
    for count, allowed, what in (
        (len(changes), most.objects, "objects"),
        (len(entries), most.fields, "fields"),
        (lines, most.lines, "lines"),
    ):
        if count > allowed:
            yield f"It changes {count:,} {what}; the rule allows {allowed:,}."
