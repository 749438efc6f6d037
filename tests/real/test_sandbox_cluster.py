"""The cluster of the sandbox is a cluster."""

import pytest

from gitops_bot.sandbox.cluster import Cluster
from gitops_bot.sandbox.kubernetes_api import ApiRefused, KubernetesApi


def test_quotas_refuse_because_their_controller_runs(cluster: Cluster, namespace: str) -> None:
    cluster.apply_text(f"""
apiVersion: v1
kind: ResourceQuota
metadata: {{name: few, namespace: {namespace}}}
spec: {{hard: {{count/configmaps: "2"}}}}
""")
    names = iter(range(1000))

    def refuses() -> bool:
        # Admission learns of a new quota a moment later: what is made until then is not counted.
        metadata = {"name": f"number-{next(names)}", "namespace": namespace}
        try:
            cluster.api.apply([{"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}])
        except ApiRefused as refused:
            return refused.status == 403 and "exceeded quota: few" in str(refused)
        return False

    cluster.wait_until(refuses, seconds=30, what="the quota refuses")


def test_a_service_account_has_the_rights_that_it_was_given_and_no_others(cluster: Cluster, namespace: str) -> None:
    cluster.apply_text(f"""
apiVersion: v1
kind: ServiceAccount
metadata: {{name: reader, namespace: {namespace}}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: reader, namespace: {namespace}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}}
subjects: [{{kind: ServiceAccount, name: reader, namespace: {namespace}}}]
""")
    api = KubernetesApi.from_kubeconfig(cluster.service_account_kubeconfig(namespace, "reader"))
    try:
        # `view` is an aggregated role: empty without its controller.
        assert api.call("GET", f"/api/v1/namespaces/{namespace}/configmaps")["kind"] == "ConfigMapList"
        with pytest.raises(ApiRefused) as refused:
            api.call("GET", f"/api/v1/namespaces/{namespace}/secrets")
        assert refused.value.status == 403
    finally:
        api.close()


def test_clusters_are_apart(two_clusters: list[Cluster]) -> None:
    first, second = two_clusters
    first.apply_text("{apiVersion: v1, kind: ConfigMap, metadata: {name: only-here, namespace: default}}")
    path = "/api/v1/namespaces/default/configmaps/only-here"
    assert first.api.get(path) is not None
    assert second.api.get(path) is None
