"""Risks of Flux's own objects."""

# ruff: noqa: E501 # a row of a table is one line here, however long

from typing import Any

import pytest
from risk_cases import document, said

SOURCE, KUSTOMIZE, HELM = (f"{name}.toolkit.fluxcd.io/v1" for name in ("source", "kustomize", "helm"))


def repository(**spec: Any) -> str:
    return document(SOURCE, "GitRepository", "fleet", "flux-system", spec={"url": "https://a.example/fleet", **spec})


def kustomization(**spec: Any) -> str:
    return document(KUSTOMIZE, "Kustomization", "apps", "flux-system", spec={"path": "./apps", "prune": True, **spec})


def release(version: Any = "1.2.3", **spec: Any) -> str:
    chart = {"spec": {"chart": "web", "version": version, **spec.pop("chart", {})}}
    return document(HELM, "HelmRelease", spec={"chart": chart, **spec})


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        # flux-source
        (repository(), repository(url="https://b.example/fleet"), ["flux-source: GitRepository/flux-system/fleet changes url: https://a.example/fleet -> https://b.example/fleet."]),
        (repository(ref={"branch": "main"}), repository(ref={"branch": "dev"}, insecure=True), ["flux-source: GitRepository/flux-system/fleet changes ref: branch: main -> branch: dev; insecure: false -> true."]),
        (kustomization(sourceRef={"kind": "GitRepository", "name": "a"}), kustomization(sourceRef={"kind": "GitRepository", "name": "b"}), ["flux-source: Kustomization/flux-system/apps changes sourceRef: kind: GitRepository, name: a -> kind: GitRepository, name: b."]),
        (release(), release(chart={"chart": "shop"}), ["flux-source: HelmRelease/apps/web changes chart: web -> shop."]),
        (repository(), repository(interval="5m", insecure=False, provider="generic"), []),
        (repository(url=None), repository(url=["x"]), ["flux-source: GitRepository/flux-system/fleet changes url: none -> x."]),
        # flux-new-source
        ("", repository(), ["flux-new-source: GitRepository/flux-system/fleet is a new source: https://a.example/fleet."]),
        ("", document(SOURCE, "Bucket", spec={"endpoint": "minio.example"}), ["flux-new-source: Bucket/apps/web is a new source: minio.example."]),
        ("", document(SOURCE, "HelmChart", spec={"chart": "web"}), []),
        ("", document("source.example.com/v1", "GitRepository", spec={"url": "x"}), []),
        # flux-verification
        (repository(verify={"mode": "HEAD"}), repository(), ["flux-verification: GitRepository/flux-system/fleet changes verify: mode: HEAD -> none."]),
        (release(chart={"verify": {"provider": "cosign"}}), release(), ["flux-verification: HelmRelease/apps/web changes verify: provider: cosign -> none."]),
        (repository(verify={"mode": "HEAD"}), repository(verify={"mode": "HEAD"}, interval="5m"), []),
        # flux-path
        (kustomization(), kustomization(path="./other"), ["flux-path: Kustomization/flux-system/apps changes path: ./apps -> ./other."]),
        (kustomization(path=None), kustomization(path="./"), []),
        # flux-prune
        (kustomization(), kustomization(prune=False), ["flux-prune: Kustomization/flux-system/apps changes prune: true -> false."]),
        (kustomization(prune=False), kustomization(deletionPolicy="Delete"), ["flux-prune: Kustomization/flux-system/apps changes prune: false -> true; deletionPolicy: MirrorPrune -> Delete."]),
        (kustomization(prune=None), kustomization(prune=False), []),
        # flux-suspend
        (kustomization(), kustomization(suspend=True), ["flux-suspend: Kustomization/flux-system/apps is suspended: suspend false -> true."]),
        (repository(suspend=True), repository(), ["flux-suspend: GitRepository/flux-system/fleet is resumed: suspend true -> false."]),
        (kustomization(suspend=False), kustomization(), []),
        ("", kustomization(suspend=True), []),
        (kustomization(), kustomization(suspend="no"), []),
        # flux-target, flux-identity, flux-decryption
        (kustomization(), kustomization(targetNamespace="apps"), ["flux-target: Kustomization/flux-system/apps changes targetNamespace: none -> apps."]),
        (release(releaseName="a"), release(releaseName="b"), ["flux-target: HelmRelease/apps/web changes releaseName: a -> b."]),
        (kustomization(serviceAccountName="team"), kustomization(), ["flux-identity: Kustomization/flux-system/apps changes serviceAccountName: team -> none."]),
        (kustomization(decryption={"provider": "sops"}), kustomization(), ["flux-decryption: Kustomization/flux-system/apps changes decryption: provider: sops -> none."]),
        (kustomization(), kustomization(interval="1h", timeout="5m", dependsOn=[{"name": "crds"}]), []),
        # flux-removed
        (kustomization(), "", ["flux-removed: Kustomization/flux-system/apps is deleted."]),
        (document("kustomize.config.k8s.io/v1beta1", "Kustomization"), "", []),
        # force
        (kustomization(), kustomization(force=True), ["force: Kustomization/flux-system/apps sets spec.force: none -> true."]),
        (release(), release(upgrade={"force": True}), ["force: HelmRelease/apps/web sets spec.upgrade.force: none -> true."]),
        ("", kustomization(force=True), ["force: Kustomization/flux-system/apps sets spec.force: none -> true."]),
        (kustomization(force=True), kustomization(force=True), []),
        (kustomization(force=True), kustomization(), []),
        (release(), release(upgrade=["force"]), []),
        # chart-downgraded
        (release("1.10.0"), release("1.9.0"), ["chart-downgraded: HelmRelease/apps/web goes back to an older chart: 1.10.0 -> 1.9.0."]),
        (release("1.9.0"), release("1.10.0"), []),
        (release(">=1.0.0"), release("0.9.0"), []),
        (release(None), release(["1"]), []),
    ],
)  # fmt: skip
def test_flux(old: str, new: str, expected: list[str]) -> None:
    assert said(old, new) == expected
