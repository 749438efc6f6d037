"""Charts and encrypted files on a real API server: what changes there and cannot be seen is told."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from report_stage import ReportStage, config_map, flux_object, report_stage, row_of, write
from scene_stage import Artifacts

from gitops_bot.models.changes import ContentVersion
from gitops_bot.models.kustomizations import ObjectReference
from gitops_bot.models.reports import Report, RowState, Verdict
from gitops_bot.sandbox.cluster import Cluster
from gitops_bot.sandbox.tools.bring import Toolbox

PODINFO = "https://stefanprodan.github.io/podinfo"


@pytest.fixture
async def stage(
    cluster: Cluster, namespace: str, kubeconfig: Path, tools: Toolbox, tmp_path: Path, artifacts: Artifacts
) -> AsyncIterator[ReportStage]:
    async with report_stage(cluster, namespace, kubeconfig, tools.path("flux"), tmp_path, artifacts) as opened:
        yield opened


def release(namespace: str, version: str = "6.1.0", /, **spec: Any) -> dict[str, Any]:
    source = {"kind": "HelmRepository", "name": "podinfo"}
    chart = {"spec": {"chart": "podinfo", "version": version, "sourceRef": source}}
    return flux_object("HelmRelease", "podinfo", namespace, **{"interval": "1h", "chart": chart, **spec})


def repository(namespace: str, url: str = PODINFO) -> dict[str, Any]:
    return flux_object("HelmRepository", "podinfo", namespace, interval="1h", url=url)


async def test_a_chart_of_another_version_is_not_rendered_and_both_are_named(stage: ReportStage) -> None:
    here = stage.namespace
    files = {"apps/release.yaml": write(release(here)), "infra/repository.yaml": write(repository(here))}
    stage.open(files, stage.kustomization("apps", "./apps"), stage.kustomization("infra", "./infra"))
    values = {"replicaCount": 2}
    found = await stage.report(files | {"apps/release.yaml": write(release(here, "6.2.0", values=values))})
    row = row_of(found, "apps")
    assert found.verdict is Verdict.CHANGES
    (change,) = row.changes
    fields = {(one.path, one.before, one.after) for one in change.fields}
    assert ("spec.chart.spec.version", "6.1.0", "6.2.0") in fields
    (content,) = row.contents
    source = ObjectReference("HelmRepository", here, "podinfo")
    assert content.what == ("spec.chart.spec.version", "spec.values")
    # The repository lies in another Kustomization, which is not rendered: it was read in the cluster.
    assert content.before == ContentVersion("podinfo", "6.1.0", source, PODINFO, PODINFO)
    assert content.after == ContentVersion("podinfo", "6.2.0", source, PODINFO, PODINFO)
    assert not found.complete_without_a_person


async def test_a_source_that_changes_names_releases_of_other_kustomizations(stage: ReportStage) -> None:
    here = stage.namespace
    files = {"apps/release.yaml": write(release(here)), "infra/repository.yaml": write(repository(here))}
    stage.open(files, stage.kustomization("apps", "./apps"), stage.kustomization("infra", "./infra"))
    other = "http://charts.example/stable"
    found = await stage.report(files | {"infra/repository.yaml": write(repository(here, other))})
    # Nothing of `apps` changes in git: its release is told where its source changes.
    (row,) = found.rows
    assert (row.id.name, found.verdict) == ("infra", Verdict.CHANGES)
    (content,) = row.contents
    assert str(content.object) == f"HelmRelease/{here}/podinfo"
    assert content.applied_by == f"{here}/apps"
    assert content.what == (f"HelmRepository/{here}/podinfo: spec.url",)
    assert content.before is not None
    assert content.after is not None
    assert (content.before.link, content.after.link) == (PODINFO, "")
    assert content.after.url == other


async def test_values_from_a_config_map_of_another_kustomization(stage: ReportStage) -> None:
    here = stage.namespace
    named = [{"kind": "ConfigMap", "name": "values"}]
    files = {
        "apps/release.yaml": write(release(here, valuesFrom=named), repository(here)),
        "values/values.yaml": write(config_map("values", here, **{"values.yaml": "replicaCount: 1"})),
    }
    stage.open(files, stage.kustomization("apps", "./apps"), stage.kustomization("values", "./values"))
    other = config_map("values", here, **{"values.yaml": "replicaCount: 2"})
    found = await stage.report(files | {"values/values.yaml": write(other)})
    (row,) = found.rows
    (content,) = row.contents
    assert (content.applied_by, content.what) == (f"{here}/apps", (f"ConfigMap/{here}/values: its values",))
    # A ConfigMap that no release reads is no content.
    more = files | {"values/more.yaml": write(config_map("more", here, a="1"))}
    assert row_of(await stage.report(more), "values").contents == ()


async def test_a_chart_of_the_repository_itself(stage: ReportStage) -> None:
    here = stage.namespace
    source = {"kind": "GitRepository", "name": "fleet"}
    chart = {"spec": {"chart": "./charts/web", "sourceRef": source}}
    files = {
        "apps/release.yaml": write(release(here, chart=chart)),
        "charts/web/Chart.yaml": write({"apiVersion": "v2", "name": "web", "version": "1.0.0"}),
        "charts/web/templates/web.yaml": "kind: {{ .Values.kind }}\n",
    }
    stage.open(files, stage.kustomization("apps", "./apps"))
    template = {"charts/web/templates/web.yaml": "kind: Other\n"}
    # By default Flux takes a chart anew only when its version says so.
    assert (await stage.report(files | template)).verdict is Verdict.NO_EFFECT
    version = {"charts/web/Chart.yaml": write({"apiVersion": "v2", "name": "web", "version": "1.1.0"})}
    found = await stage.report({**files, **template, **version})
    (row,) = found.rows
    (content,) = row.contents
    assert (row.id.name, row.state, found.verdict) == ("apps", RowState.CHANGED, Verdict.CHANGES)
    assert content.what == ("files of its chart: charts/web/Chart.yaml, charts/web/templates/web.yaml",)
    assert content.after is not None
    assert content.after.link == f"{stage.url}/tree/main/charts/web"


SEALED = """apiVersion: v1
kind: Secret
metadata:
  name: database
data:
  password: ENC[AES256_GCM,data:{password},iv:aXY=,tag:dGFn,type:str]
  {key}: ENC[AES256_GCM,data:c2Vjb25k,iv:aXY=,tag:dGFn,type:str]
sops:
  mac: ENC[AES256_GCM,data:{password},iv:aXY=,tag:dGFn,type:str]
"""


async def test_an_encrypted_file_names_its_keys_and_nothing_else(stage: ReportStage) -> None:
    before = {"apps/database.yaml": SEALED.format(password="Zmlyc3Q=", key="old")}
    # Nothing decrypts here, so Flux cannot apply it: the Kustomization is one that was never applied.
    stage.open(before, stage.kustomization("apps", "./apps"), wait=False)
    found = await stage.report({"apps/database.yaml": SEALED.format(password="b3RoZXI=", key="new")})
    row = row_of(found, "apps")
    assert (found.verdict, row.state) == (Verdict.CHANGES, RowState.CHANGED)
    (sealed,) = row.sealed
    assert (sealed.path, sealed.object) == ("apps/database.yaml", ObjectReference("Secret", "", "database"))
    assert (sealed.added, sealed.removed, sealed.changed) == (("data.new",), ("data.old",), ("data.password",))
    everything = repr(Report(None, "", (found,), None))  # type: ignore[arg-type] # only its text counts
    for ciphertext in ("Zmlyc3Q", "b3RoZXI", "c2Vjb25k", "ENC["):
        assert ciphertext not in everything
    assert not found.complete_without_a_person
