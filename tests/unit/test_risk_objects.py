"""Risks of objects as wholes: each rule with what it must find, what it must leave alone, and something odd."""

# ruff: noqa: E501 # a row of a table is one line here, however long

from dataclasses import replace

import pytest
from risk_cases import codes, document, said, touched

from gitops_bot.models.changes import Operation
from gitops_bot.rules.risk import risks_of

CLAIM = document("v1", "PersistentVolumeClaim", "data", "db", spec={"resources": {"requests": {"storage": "20Gi"}}})
DATABASE = document(
    "apps/v1",
    "StatefulSet",
    "postgres",
    "db",
    spec={
        "replicas": 3,
        "serviceName": "db",
        "volumeClaimTemplates": [
            {"metadata": {"name": "data"}, "spec": {"resources": {"requests": {"storage": "10Gi"}}}}
        ],
    },
)


def service(**spec: object) -> str:
    return document("v1", "Service", spec=spec)


def ingress(*hosts: str, tls: tuple[str, ...] = ()) -> str:
    return document(
        "networking.k8s.io/v1",
        "Ingress",
        spec={"rules": [{"host": host} if host else {} for host in hosts], "tls": [{"hosts": list(tls)}]},
    )


@pytest.mark.parametrize(
    ("old", "expected"),
    [
        (DATABASE, ["deletes-statefulset: StatefulSet/db/postgres (3 replicas, volume data per replica) is deleted."]),
        (CLAIM, ["deletes-volume: PersistentVolumeClaim/db/data (volume of 20Gi) is deleted."]),
        (document("v1", "PersistentVolume", "pv", ""), ["deletes-volume: PersistentVolume/pv is deleted."]),
        (
            document("v1", "Namespace", "shop", ""),
            ["deletes-namespace: Namespace/shop is deleted."],
        ),
        (
            document("apiextensions.k8s.io/v1", "CustomResourceDefinition", "a.example", ""),
            ["deletes-definition: CustomResourceDefinition/a.example is deleted."],
        ),
        (
            document("v1", "Secret", data={"password": "«secret:apps/web/password#1»"}),
            ["deletes-secret: Secret/apps/web is deleted."],
        ),
        (
            document("networking.k8s.io/v1", "NetworkPolicy"),
            ["removes-network-policy: NetworkPolicy/apps/web is deleted."],
        ),
        (
            document("cilium.io/v2", "CiliumNetworkPolicy"),
            ["removes-network-policy: CiliumNetworkPolicy/apps/web is deleted."],
        ),
        (
            document("policy/v1", "PodDisruptionBudget"),
            ["removes-disruption-budget: PodDisruptionBudget/apps/web is deleted."],
        ),
        # Nothing of these is lost for good.
        (document("v1", "ConfigMap"), []),
        (document("apps/v1", "Deployment"), []),
        (document("batch/v1", "Job"), []),
        # Of another group: not the StatefulSet that we know.
        (document("apps.kruise.io/v1beta1", "StatefulSet"), []),
        (document("example.com/v1", "Secret"), []),
    ],
)
def test_deletions(old: str, expected: list[str]) -> None:
    assert said(old, "") == expected


def test_a_secret_that_is_generated_anew_is_not_lost() -> None:
    item = touched(document("v1", "Secret"), "")
    assert [risk.code for risk in risks_of(item)] == ["deletes-secret"]
    assert list(risks_of(replace(item, has_successor=True))) == []


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            DATABASE,
            "deletes-statefulset: StatefulSet/db/postgres (3 replicas, volume data per replica) is deleted and made anew.",
        ),
        (CLAIM, "deletes-volume: PersistentVolumeClaim/db/data (volume of 20Gi) is deleted and made anew."),
    ],
)
def test_what_is_made_anew_is_lost_too(value: str, expected: str) -> None:
    assert said(value, value, Operation.RECREATE) == [expected]
    assert said(value, value) == []
    assert said("", value) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("20Gi", "10Gi", ["shrinks-volume: PersistentVolumeClaim/apps/web asks for less room: 20Gi -> 10Gi."]),
        ("1Gi", "1000M", ["shrinks-volume: PersistentVolumeClaim/apps/web asks for less room: 1Gi -> 1000M."]),
        ("10Gi", "20Gi", []),
        ("1Gi", "1024Mi", []),
        # Nobody can say which is more.
        ("20Gi", "«secret:x#1»", []),
        ("20Gi", ["1Gi"], []),
        (None, "1Gi", []),
        ({"a": 1}, 5, []),
    ],
)
def test_volumes(old: object, new: object, expected: list[str]) -> None:
    def claim(size: object) -> str:
        return document("v1", "PersistentVolumeClaim", spec={"resources": {"requests": {"storage": size}}})

    assert said(claim(old), claim(new)) == expected


def test_a_template_of_claims_shrinks_and_cannot_be_changed() -> None:
    assert said(DATABASE, DATABASE.replace("10Gi", "5Gi")) == [
        "shrinks-volume: StatefulSet/db/postgres, volume data, asks for less room: 10Gi -> 5Gi.",
        "changes-immutable-field: StatefulSet/db/postgres cannot be changed in spec.volumeClaimTemplates.",
    ]
    # One more template is refused as well, but nothing shrinks.
    assert codes(DATABASE, DATABASE.replace("name: data", "name: other")) == ["changes-immutable-field"]


def test_a_volume_of_the_cluster_shrinks() -> None:
    def volume(size: str) -> str:
        return document("v1", "PersistentVolume", "pv", "", spec={"capacity": {"storage": size}})

    assert codes(volume("2Ti"), volume("1Ti")) == ["shrinks-volume"]


@pytest.mark.parametrize(
    ("version", "kind", "old", "new", "expected"),
    [
        (
            "apps/v1",
            "Deployment",
            {"spec": {"selector": {"matchLabels": {"app": "a"}}}},
            {"spec": {"selector": {"matchLabels": {"app": "b"}}}},
            ["changes-immutable-field: Deployment/apps/web cannot be changed in spec.selector."],
        ),
        (
            "apps/v1",
            "StatefulSet",
            {"spec": {"serviceName": "a"}},
            {"spec": {"serviceName": "b"}},
            ["changes-immutable-field: StatefulSet/apps/web cannot be changed in spec.serviceName: a -> b."],
        ),
        (
            "v1",
            "PersistentVolumeClaim",
            {"spec": {"storageClassName": "slow", "accessModes": ["ReadWriteOnce"]}},
            {"spec": {"storageClassName": "fast", "accessModes": ["ReadWriteMany"]}},
            [
                "changes-immutable-field: PersistentVolumeClaim/apps/web cannot be changed in spec.accessModes, spec.storageClassName."
            ],
        ),
        ("batch/v1", "Job", {"spec": {"template": {"a": 1}}}, {"spec": {"template": {"a": 2}}}, ["changes-immutable-field: Job/apps/web cannot be changed in spec.template."]),
        ("v1", "Secret", {"type": "Opaque"}, {"type": "kubernetes.io/tls"}, ["changes-immutable-field: Secret/apps/web cannot be changed in type: Opaque -> kubernetes.io/tls."]),
        ("v1", "ConfigMap", {"immutable": True, "data": {"a": "1"}}, {"immutable": True, "data": {"a": "2"}}, ["changes-immutable-field: ConfigMap/apps/web cannot be changed in data."]),
        ("v1", "ConfigMap", {"immutable": "true", "data": {"a": "1"}}, {"data": {"a": "2"}}, []),
        ("v1", "ConfigMap", {"data": {"a": "1"}}, {"immutable": True, "data": {"a": "2"}}, []),
        # The API server fills in what is not stated.
        ("v1", "Service", {"spec": {"clusterIP": "10.0.0.1"}}, {"spec": {}}, []),
        ("v1", "Service", {"spec": {"clusterIP": "10.0.0.1"}}, {"spec": {"clusterIP": "None"}}, ["changes-immutable-field: Service/apps/web cannot be changed in spec.clusterIP: 10.0.0.1 -> None."]),
        ("apps/v1", "Deployment", {"spec": {"selector": None}}, {"spec": {"selector": []}}, []),
        ("apps/v1", "Deployment", {"spec": "x"}, {"spec": ["y"]}, []),
    ],
)  # fmt: skip
def test_immutable_fields(
    version: str, kind: str, old: dict[str, object], new: dict[str, object], expected: list[str]
) -> None:
    assert said(document(version, kind, **old), document(version, kind, **new)) == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (service(), service(type="LoadBalancer"), ["service-type: Service/apps/web changes its type: ClusterIP -> LoadBalancer."]),
        (service(type="NodePort"), service(type="ClusterIP"), ["service-type: Service/apps/web changes its type: NodePort -> ClusterIP."]),
        ("", service(type="LoadBalancer"), ["service-type: Service/apps/web is new, and reachable from outside: LoadBalancer."]),
        ("", service(), []),
        ("", service(type="ClusterIP"), []),
        (service(), service(type="ClusterIP", ports=[{"port": 81}]), []),
        (service(type="LoadBalancer"), "", []),
        (service(type=["LoadBalancer"]), service(type=None), []),
        # Knative's Service is another thing.
        (document("serving.knative.dev/v1", "Service", spec={"type": "a"}), document("serving.knative.dev/v1", "Service", spec={"type": "b"}), []),
    ],
)  # fmt: skip
def test_services(old: str, new: str, expected: list[str]) -> None:
    assert said(old, new) == expected


def hostnames(kind: str, *names: str) -> str:
    return document("gateway.networking.k8s.io/v1", kind, spec={"hostnames": list(names)})


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (ingress("a.example"), ingress("b.example"), ["host-changed: Ingress/apps/web changes its hosts: a.example -> b.example."]),
        (ingress("a.example"), ingress("a.example", "b.example"), ["host-changed: Ingress/apps/web changes its hosts: a.example -> a.example, b.example."]),
        (ingress("a.example", tls=("a.example",)), ingress("a.example"), []),
        (ingress("a.example"), ingress("a.example", tls=("c.example",)), ["host-changed: Ingress/apps/web changes its hosts: a.example -> a.example, c.example."]),
        (ingress("a.example"), ingress(""), ["host-changed: Ingress/apps/web changes its hosts: a.example -> *."]),
        (ingress("a.example"), "", ["host-changed: Ingress/apps/web serves a.example, and is deleted."]),
        ("", ingress("a.example"), []),
        (hostnames("HTTPRoute", "a.example"), hostnames("HTTPRoute"), ["host-changed: HTTPRoute/apps/web changes its hosts: a.example -> none."]),
        (hostnames("GRPCRoute", "a.example"), hostnames("GRPCRoute", "a.example"), []),
        (
            document("gateway.networking.k8s.io/v1", "Gateway", spec={"listeners": [{"hostname": "a.example"}]}),
            document("gateway.networking.k8s.io/v1", "Gateway", spec={"listeners": [{"hostname": "b.example"}, "x"]}),
            ["host-changed: Gateway/apps/web changes its hosts: a.example -> b.example."],
        ),
        (
            document("networking.istio.io/v1", "Gateway", spec={"servers": [{"hosts": ["a.example"]}]}),
            document("networking.istio.io/v1", "Gateway", spec={"servers": {"hosts": ["b.example"]}}),
            ["host-changed: Gateway/apps/web changes its hosts: a.example -> none."],
        ),
        (document("networking.k8s.io/v1", "Ingress", spec={"rules": None}), ingress("a.example"), []),
    ],
)  # fmt: skip
def test_hosts(old: str, new: str, expected: list[str]) -> None:
    assert said(old, new) == expected


def webhook(**rest: object) -> str:
    return document("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "guard", "", **rest)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("", webhook(webhooks=[]), ["admission-webhook: ValidatingWebhookConfiguration/guard is created."]),
        (webhook(), "", ["admission-webhook: ValidatingWebhookConfiguration/guard is deleted."]),
        (webhook(webhooks=[{"failurePolicy": "Fail"}]), webhook(webhooks=[{"failurePolicy": "Ignore"}]), ["admission-webhook: ValidatingWebhookConfiguration/guard changes (webhooks)."]),
        # A label of its chart decides nothing.
        (webhook(metadata={"labels": {"chart": "1"}}), webhook(metadata={"labels": {"chart": "2"}}), []),
        ("", document("kyverno.io/v1", "ClusterPolicy", "p", ""), ["admission-policy: ClusterPolicy/p is created."]),
        ("", document("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding", "p", ""), ["admission-policy: ValidatingAdmissionPolicyBinding/p is created."]),
        ("", document("policy/v1", "Eviction", "p"), []),
    ],
)  # fmt: skip
def test_admission(old: str, new: str, expected: list[str]) -> None:
    assert said(old, new) == expected


def marked(value: object, place: str = "annotations") -> str:
    return document("v1", "ConfigMap", metadata={place: {"kustomize.toolkit.fluxcd.io/force": value}})


FORCED = ["force: ConfigMap/apps/web gets the annotation kustomize.toolkit.fluxcd.io/force: enabled."]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (document("v1", "ConfigMap"), marked("enabled"), FORCED),
        (marked("disabled"), marked("Enabled", "labels"), FORCED),
        ("", marked("enabled"), FORCED),
        (marked("enabled"), marked("enabled"), []),
        (marked("enabled"), marked("disabled"), []),
        (document("v1", "ConfigMap"), marked(None), []),
        (document("v1", "ConfigMap"), document("v1", "ConfigMap", metadata={"annotations": ["x"]}), []),
    ],
)
def test_force(old: str, new: str, expected: list[str]) -> None:
    assert said(old, new) == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"a": "x"}, {"a": "x\u202ey"}, ["hidden-characters: ConfigMap/apps/web brings characters that nobody sees, in data.a."]),
        ({}, {"a\u200b": "x"}, ["hidden-characters: ConfigMap/apps/web brings characters that nobody sees, in data.a\u200b."]),
        # They were there before.
        ({"a": "x\u202ey", "b": "1"}, {"a": "x\u202ey", "b": "2"}, []),
        ({"a": "x\u202ey"}, {"a": "xy"}, []),
        ({}, {"a": ["plain", {"b": "⚠️ fine"}]}, []),
    ],
)  # fmt: skip
def test_hidden_characters(old: dict[str, str], new: dict[str, str], expected: list[str]) -> None:
    assert said(document("v1", "ConfigMap", data=old), document("v1", "ConfigMap", data=new)) == expected
