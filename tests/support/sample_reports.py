"""Reports to look at and to test with: one for each thing that can happen. Values only."""

from dataclasses import replace
from datetime import UTC, datetime

from gitops_bot.models.changes import (
    ContentChange,
    ContentVersion,
    FieldChange,
    Operation,
    Origin,
    ResourceChange,
    SealedChange,
)
from gitops_bot.models.kustomizations import KustomizationId, ObjectReference
from gitops_bot.models.pull_requests import PullRequest, Repository
from gitops_bot.models.reports import (
    ClusterReport,
    Finding,
    Hidden,
    KustomizationReport,
    LeftOut,
    Report,
    RowState,
    Severity,
    Verdict,
)

LOOKED_AT = datetime(2026, 11, 21, 14, 2, 31, tzinfo=UTC)
HEAD = "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d"
BASE = "9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c"

BUDGET_BODY = """\
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: web
  namespace: apps
spec:
  minAvailable: 2
  selector:
    matchLabels:
      app: web
"""

UNIFIED = """\
@@ -6,7 +6,6 @@
   labels:
     app: web
-    touched-by: alice
 spec:
-  replicas: 2
+  replicas: 3
   selector:
     matchLabels:
@@ -18,5 +17,5 @@
     spec:
       containers:
       - name: web
-        image: shop/web:1.8.2
+        image: shop/web:1.9.0
         ports:
"""


def pull_request(number: int = 7, title: str = "Give the shop three replicas", **changes: object) -> PullRequest:
    """Give an open pull request of octocat in acme/fleet."""
    pull = PullRequest(
        repository=Repository("acme", "fleet"),
        number=number,
        title=title,
        author="octocat",
        author_is_bot=False,
        html_url=f"https://github.com/acme/fleet/pull/{number}",
        head_sha=HEAD,
        head_ref="more-replicas",
        head_repository="acme/fleet",
        base_ref="main",
        draft=False,
        state="open",
        merged=False,
        labels=(),
        created_at=datetime(2026, 11, 21, 13, 55, tzinfo=UTC),
    )
    return replace(pull, **changes)  # type: ignore[arg-type]  # names of fields, checked by replace itself


def field_change(
    path: str, before: str, after: str, origin: Origin = Origin.PULL_REQUEST, headline: str = "± value change"
) -> FieldChange:
    """Give one field of an object."""
    return FieldChange(path, headline, before, after, origin)


def changed(
    kind: str,
    name: str,
    *fields: FieldChange,
    namespace: str = "apps",
    origin: Origin = Origin.PULL_REQUEST,
    unified: str = "",
) -> ResourceChange:
    """Give an object that changes in place."""
    return ResourceChange(ObjectReference(kind, namespace, name), Operation.CHANGE, origin, fields, unified=unified)


def created(kind: str, name: str, body: str, *, namespace: str = "apps") -> ResourceChange:
    """Give an object that the pull request brings."""
    return ResourceChange(ObjectReference(kind, namespace, name), Operation.CREATE, Origin.PULL_REQUEST, body=body)


def deleted(kind: str, name: str, *facts: str, namespace: str = "apps") -> ResourceChange:
    """Give an object that the pull request takes away."""
    return ResourceChange(ObjectReference(kind, namespace, name), Operation.DELETE, Origin.PULL_REQUEST, facts=facts)


def row(
    name: str, *changes: ResourceChange, cluster: str = "production", state: RowState = RowState.CHANGED, **more: object
) -> KustomizationReport:
    """Give the row of one Kustomization in flux-system."""
    given = KustomizationReport(
        KustomizationId(cluster, "flux-system", name), f"clusters/{cluster}/{name}", state, changes=changes
    )
    return replace(given, **more)  # type: ignore[arg-type]  # names of fields, checked by replace itself


def risk(code: str, severity: Severity, reference: ObjectReference, said: str, advice: str) -> Finding:
    """Give a risk of an object."""
    return Finding(code, severity, f"{reference} {said}.", advice, object=reference, risk=True)


def report(*clusters: ClusterReport, pull: PullRequest | None = None) -> Report:
    """Give a report of clusters."""
    return Report(pull or pull_request(), BASE, clusters, LOOKED_AT, digest="5d41402abc4b2a76b9719d911017c592")


def shop_row(cluster: str = "production") -> KustomizationReport:
    """Give the row that most samples share: a change, a new object, some drift."""
    return row(
        "shop",
        changed(
            "Deployment",
            "web",
            field_change("spec.replicas", "2", "3"),
            field_change("spec.template.spec.containers.web.image", "shop/web:1.8.2", "shop/web:1.9.0"),
            field_change("metadata.labels.touched-by", "alice", "", Origin.DRIFT, "- one map entry removed:"),
            unified=UNIFIED,
        ),
        changed("ConfigMap", "web-settings", field_change("data.LOG_LEVEL", "info", "debug")),
        created("PodDisruptionBudget", "web", BUDGET_BODY),
        changed(
            "Service", "web", field_change("spec.type", "NodePort", "ClusterIP", Origin.DRIFT), origin=Origin.DRIFT
        ),
        cluster=cluster,
        reason="apps/shop/deployment.yaml changed",
    )


def changes_report() -> Report:
    """Two objects change, one is created, one drifted before."""
    return report(ClusterReport("production", Verdict.CHANGES, (shop_row(),)))


def no_effect_report() -> Report:
    """Files changed, nothing that Flux applies did."""
    unchanged = row("shop", state=RowState.UNCHANGED, reason="apps/shop/README.md changed")
    return report(
        ClusterReport("production", Verdict.NO_EFFECT, (unchanged,)),
        pull=pull_request(8, "Explain how the shop is deployed"),
    )


def blocked_report() -> Report:
    """The API server refuses."""
    finding = Finding(
        code="immutable-field",
        severity=Severity.CRITICAL,
        message="Deployment/apps/web: spec.selector cannot be changed once the object exists",
        advice="Give the Deployment another name, or let Flux recreate it with the annotation "
        "kustomize.toolkit.fluxcd.io/force: enabled.",
        object=ObjectReference("Deployment", "apps", "web"),
        detail='Deployment.apps "web" is invalid: spec.selector: Invalid value: '
        '{"matchLabels":{"app":"shop"}}: field is immutable',
        blocks=True,
    )
    failing = row("shop", state=RowState.FAILING, findings=(finding,), reason="apps/shop/deployment.yaml changed")
    return report(
        ClusterReport("production", Verdict.BLOCKED, (failing,)), pull=pull_request(9, "Select pods by another label")
    )


def conflict_report() -> Report:
    """Head and base cannot be merged."""
    finding = Finding(
        code="merge-conflict",
        severity=Severity.CRITICAL,
        message="main and this pull request both change apps/shop/deployment.yaml",
        advice="Merge main into the pull request's branch and solve the conflict.",
        blocks=True,
    )
    return report(
        ClusterReport("production", Verdict.BLOCKED, (), (finding,)), pull=pull_request(10, "Rename everything")
    )


def held_report() -> Report:
    """Not trusted, nothing rendered."""
    finding = Finding(
        code="held-fork",
        severity=Severity.WARNING,
        message="mallory is no member of acme/fleet, and the pull request comes from a fork",
        advice="Somebody with write permission can let it run for this commit.",
        incomplete=True,
    )
    pull = pull_request(11, "Fix typo", author="mallory", head_repository="mallory/fleet")
    return report(ClusterReport("production", Verdict.HELD, (), (finding,)), pull=pull)


def unreachable_report() -> Report:
    """Two clusters; one cannot be reached."""
    finding = Finding(
        code="cluster-unreachable",
        severity=Severity.WARNING,
        message="the API server of staging does not answer",
        advice="It is asked again at the next look; nothing has to be done here.",
        detail="connect to https://10.0.0.7:6443: connection refused",
        incomplete=True,
    )
    return report(
        ClusterReport("production", Verdict.CHANGES, (shop_row(),)),
        ClusterReport("staging", Verdict.INCOMPLETE, (), (finding,)),
    )


def two_clusters_report() -> Report:
    """The same change in two clusters, and one more in the second."""
    extra = row("monitoring", created("ConfigMap", "dashboards", "data: {}\n"), cluster="staging")
    return report(
        ClusterReport("production", Verdict.CHANGES, (shop_row(),)),
        ClusterReport("staging", Verdict.CHANGES, (shop_row("staging"), extra)),
    )


def destructive_report() -> Report:
    """A Kustomization goes, with a database in it; another object is recreated."""
    lost = risk(
        "deletes-volume",
        Severity.CRITICAL,
        ObjectReference("PersistentVolumeClaim", "data", "orders-db-0"),
        "(volume of 50Gi) is deleted",
        "Make a backup first, or annotate it kustomize.toolkit.fluxcd.io/prune: disabled to keep it.",
    )
    database = row(
        "orders-db",
        deleted("StatefulSet", "orders-db", "3 replicas", "image postgres:16.4", namespace="data"),
        deleted("PersistentVolumeClaim", "orders-db-0", "50Gi, storage class fast", namespace="data"),
        deleted("Service", "orders-db", "port 5432", namespace="data"),
        state=RowState.REMOVED,
        findings=(lost,),
        reason="the parent flux-system/apps does not render it any more",
    )
    recreated = ResourceChange(
        ObjectReference("Job", "apps", "migrate"),
        Operation.RECREATE,
        Origin.PULL_REQUEST,
        (field_change("spec.template.spec.containers.migrate.image", "shop/web:1.8.2", "shop/web:1.9.0"),),
        notes=("the annotation kustomize.toolkit.fluxcd.io/force asks for it",),
    )
    undone = changed(
        "Deployment", "worker", field_change("spec.replicas", "12", "4", Origin.UNDONE), origin=Origin.UNDONE
    )
    return report(
        ClusterReport("production", Verdict.CHANGES, (row("jobs", recreated, undone), database)),
        pull=pull_request(12, "Move orders to the managed database"),
    )


def every_state_report() -> Report:
    """One row of each state, one change of each origin."""
    not_analysed = Finding(
        code="missing-right",
        severity=Severity.WARNING,
        message="gitops-bot-diff may not patch certificates.cert-manager.io in namespace apps",
        advice="Add the rule that `gitops-bot rbac` prints.",
        incomplete=True,
    )
    mixed = tuple(
        changed("ConfigMap", f"from-{origin}", field_change("data.value", "old", "new", origin), origin=origin)
        for origin in Origin
    )
    rows = (
        row(
            "mixed", *mixed, ResourceChange(ObjectReference("Lease", "apps", "l"), Operation.SKIP, Origin.PULL_REQUEST)
        ),
        row("docs", state=RowState.UNCHANGED, reason="apps/docs/README.md changed"),
        row("added", created("Namespace", "new", "kind: Namespace\n", namespace=""), state=RowState.NEW),
        row("gone", deleted("ConfigMap", "old"), state=RowState.REMOVED),
        row("paused", changed("ConfigMap", "p", field_change("data.a", "1", "2")), state=RowState.SUSPENDED),
        row("elsewhere", state=RowState.REMOTE, notes=("spec.kubeConfig names another cluster",)),
        row("broken", state=RowState.FAILING, findings=(blocked_report().clusters[0].rows[0].findings[0],)),
        row("unseen", state=RowState.NOT_ANALYSED, findings=(not_analysed,)),
    )
    return report(ClusterReport("production", Verdict.BLOCKED, rows), pull=pull_request(13, "A bit of everything"))


def large_report(kustomizations: int = 40, objects: int = 50) -> Report:
    """Many Kustomizations, each with many objects of its own."""
    rows = tuple(
        row(
            f"team-{number:02d}",
            *(
                changed(
                    "Deployment",
                    f"service-{position:02d}",
                    field_change("spec.replicas", str(position), str(position + number + 1)),
                    field_change("spec.template.metadata.annotations", "", f"rev: {number}-{position}"),
                    namespace=f"team-{number:02d}",
                )
                for position in range(objects)
            ),
        )
        for number in range(kustomizations)
    )
    return report(
        ClusterReport("production", Verdict.CHANGES, rows), pull=pull_request(14, "New sidecar for every service")
    )


def shared_base_report(kustomizations: int = 40) -> Report:
    """One base changes under many overlays: the same change in many places."""
    rows = tuple(
        row(
            f"team-{number:02d}",
            changed(
                "Deployment",
                "proxy",
                field_change("spec.template.spec.containers.proxy.image", "proxy:3.1", "proxy:3.2"),
                namespace=f"team-{number:02d}",
            ),
        )
        for number in range(kustomizations)
    )
    return report(ClusterReport("production", Verdict.CHANGES, rows), pull=pull_request(15, "proxy 3.2 everywhere"))


def component_report(kustomizations: int = 19, objects: int = 20) -> Report:
    """A component changes in many Kustomizations, under objects of many names; and a label on everything of one."""
    names = ("api", "web", "worker", "mail")
    proxy = field_change("spec.template.spec.containers.proxy.image", "proxy:3.1", "proxy:3.2")
    rows = [
        row(f"team-{number:02d}", changed("Deployment", names[number % 4], proxy, namespace=f"team-{number:02d}"))
        for number in range(kustomizations)
    ]
    owner = field_change("metadata.labels", "", "owner: shop", headline="+ one map entry added:")
    labelled = row("shop", *(changed("ConfigMap", f"part-{number:02d}", owner) for number in range(objects)))
    return report(
        ClusterReport("production", Verdict.CHANGES, (*rows, labelled)), pull=pull_request(18, "proxy 3.2, and owners")
    )


def quiet_report() -> Report:
    """Some of it is switched off, all of one Kustomization."""
    hidden = (Hidden("noise.fields[0]", fields=3), Hidden("noise.kinds[1]", objects=1))
    some = replace(shop_row(), hidden=hidden)
    all_of_it = row("playground", hidden=(Hidden("noise.kustomizations[0]", objects=4),))
    return report(ClusterReport("production", Verdict.CHANGES, (some, all_of_it)), pull=pull_request(17, "Quieter"))


def evil_chart(evil: str, link: str) -> ContentChange:
    """Give a chart whose every text is somebody else's."""
    version = ContentVersion(evil, evil, ObjectReference(evil, evil, evil), evil, link)
    return ContentChange(
        ObjectReference(evil, evil, evil), (evil,), version, replace(version, link="javascript:x"), evil
    )


def risky_report(teams: int = 12) -> Report:
    """A right to everything, an image without a version, and the same loosened limit in many places."""
    admins = ObjectReference("ClusterRoleBinding", "", "shop-admins")
    web, proxy = (ObjectReference("Deployment", "apps", name) for name in ("web", "proxy"))
    shop = row(
        "shop",
        created("ClusterRoleBinding", "shop-admins", "kind: ClusterRoleBinding\n", namespace=""),
        changed("Deployment", "web", field_change("spec.replicas", "3", "0")),
        findings=(
            risk(
                "cluster-admin",
                Severity.CRITICAL,
                admins,
                "gives ClusterRole cluster-admin to Group shop",
                "Give a role with what is needed, instead of everything.",
            ),
            risk(
                "scales-to-zero",
                Severity.WARNING,
                web,
                "goes to zero: replicas 3 -> 0",
                "Make sure that nobody needs it, or leave one running.",
            ),
        ),
    )
    others = (
        row(
            f"team-{number:02d}",
            changed(
                "Deployment",
                "proxy",
                field_change("spec.template.spec.containers.proxy.resources.limits", "memory: 1Gi", "", headline="-"),
                namespace=f"team-{number:02d}",
            ),
            findings=(
                risk(
                    "removes-limit",
                    Severity.WARNING,
                    replace(proxy, namespace=f"team-{number:02d}"),
                    "loses limit of memory of container proxy",
                    "Set a limit that it stays below in normal work.",
                ),
            ),
        )
        for number in range(teams)
    )
    return report(
        ClusterReport("production", Verdict.CHANGES, (shop, *others)),
        pull=pull_request(17, "Give the shop more freedom"),
    )


def routine_report() -> Report:
    """What a robot asks for every week."""
    web = "spec.template.spec.containers.web.image"
    rows = (
        row("shop", changed("Deployment", "web", field_change(web, "shop/web:1.8.2", "shop/web:1.9.0"))),
        row("docs", changed("Deployment", "docs", field_change(web, "docs:7", "docs:8"), namespace="docs")),
    )
    pull = pull_request(18, "Update shop/web to 1.9.0", author="renovate[bot]", author_is_bot=True)
    return report(ClusterReport("production", Verdict.CHANGES, rows), pull=pull)


def hostile_report() -> Report:
    """Text that tries to be more than text, in every place that a pull request can write to."""
    evil = (
        "<!channel> <@U123> <https://evil.example|ok> *b* ```\n</details><img src=x> ![](https://evil/?x) @org/team #1"
    )
    hidden = "\x1b[2Kgone\r\u202etxt.exe\u200b\U000e0041"
    finding = Finding("odd", Severity.WARNING, f"says {evil}", evil, ObjectReference("K", evil, hidden), hidden)
    hostile = row(
        f"odd {evil}",
        changed(f"Config{evil}", hidden, field_change(f"data.{evil}", f"`````\n{evil}", hidden, headline=evil)),
        created("ConfigMap", "c", f"data: |\n  ```\n  {evil}\n{hidden}\n+ fake\n"),
        deleted("ConfigMap", evil, evil),
        findings=(finding,),
        notes=(evil,),
        reason=evil,
        path=evil,
        contents=(evil_chart(evil, hidden),),
        sealed=(SealedChange(evil, ObjectReference(evil, hidden, evil), (evil,), (hidden,), (evil,), (evil,)),),
    )
    pull = pull_request(16, f"{evil}{hidden}", head_ref=evil, author="evil|<!here>", html_url="javascript:alert(1)")
    return report(ClusterReport("production", Verdict.CHANGES, (hostile,), (finding,)), pull=pull)


def unseen_report() -> Report:
    """A chart, an encrypted file, and a Kustomization that could not be followed."""
    source = ObjectReference("HelmRepository", "apps", "podinfo")
    page = "https://stefanprodan.github.io/podinfo"
    before = ContentVersion("podinfo", "6.1.0", source, page, page)
    content = ContentChange(
        ObjectReference("HelmRelease", "apps", "podinfo", "helm.toolkit.fluxcd.io"),
        ("spec.chart.spec.version", "spec.values"),
        before,
        replace(before, version="6.2.0"),
    )
    sealed = SealedChange(
        "apps/shop/database.yaml",
        ObjectReference("Secret", "apps", "database"),
        added=("data.token",),
        removed=("data.old-token",),
        changed=("data.password",),
    )
    left_out = LeftOut(
        KustomizationId("production", "flux-system", "artifact"), "it is fed by OCIRepository flux-system/fleet"
    )
    release = changed("HelmRelease", "podinfo", field_change("spec.chart.spec.version", "6.1.0", "6.2.0"))
    known = row("shop", release, contents=(content,), sealed=(sealed,))
    cluster = ClusterReport("production", Verdict.CHANGES, (known,), left_out=(left_out,))
    return report(cluster, pull=pull_request(17, "podinfo 6.2.0"))


SAMPLES = {
    "unseen": unseen_report,
    "changes": changes_report,
    "no-effect": no_effect_report,
    "blocked": blocked_report,
    "conflict": conflict_report,
    "held": held_report,
    "unreachable": unreachable_report,
    "two-clusters": two_clusters_report,
    "destructive": destructive_report,
    "every-state": every_state_report,
    "shared-base": shared_base_report,
    "large": large_report,
    "component": component_report,
    "quiet": quiet_report,
    "risky": risky_report,
    "routine": routine_report,
    "hostile": hostile_report,
}
