"""`gitops-bot rbac` on the sample fleet: what it writes is enough to compare everything, and no rule is too many."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from restricted_fleet import look, read

from gitops_bot.config import load_settings
from gitops_bot.models.pull_requests import Repository
from gitops_bot.models.reports import ClusterReport, Verdict
from gitops_bot.sandbox.kubernetes_api import KubernetesApi
from gitops_bot.service import open_eyes

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "gitops_bot/sandbox/fleet/repository"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
GROUP = "rbac.authorization.k8s.io"
SHIPPED = [
    ROOT / f"config/components/{name}/{name}.yaml" for name in ("diff-usual-kinds", "diff-secrets", "diff-roles")
]

pytestmark = pytest.mark.timeout(600)

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def api(world: dict[str, Any]) -> Iterator[KubernetesApi]:
    found = KubernetesApi.from_kubeconfig(Path(world["kubernetes"]["kubeconfig"]))
    yield found
    found.close()


@pytest.fixture
def bare(api: KubernetesApi) -> Iterator[KubernetesApi]:
    """Take every right of the *diff* identity away but the canary, and give the shipped ones back afterwards."""
    shipped = [document for file in SHIPPED for document in read(file.read_text(encoding="utf-8"))]
    for document in shipped:
        api.call("DELETE", api.path_of(document))
    yield api
    for kind in ("roles", "rolebindings"):
        for item in api.call("GET", f"{RBAC}/{kind}")["items"]:
            if item["metadata"]["name"] == "gitops-bot-diff":
                api.call("DELETE", f"{RBAC}/namespaces/{item['metadata']['namespace']}/{kind}/gitops-bot-diff")
    api.apply(shipped)


@pytest.fixture
def rbac(world: dict[str, Any]) -> Run:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "gitops_bot", "rbac", "--settings", world["settings_file"], *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    return run


EVERYTHING = ("apps/production/", "infrastructure/production/")
PODINFO, INGRESS, WEB, MONITORING = (
    "apps/production/podinfo/",
    "infrastructure/production/ingress/",
    "apps/production/web/",
    "infrastructure/production/monitoring/",
)


def sample(*touched: str) -> dict[str, bytes]:
    """The sample's files; every object of the overlays ``touched`` gets an annotation, and nothing else changes."""
    files = {}
    for file in SAMPLE.rglob("*"):
        if file.is_file():
            path = file.relative_to(SAMPLE).as_posix()
            files[path] = file.read_bytes()
            if path.startswith(touched) and path.endswith("kustomization.yaml"):
                files[path] += b"commonAnnotations: {touched: 'yes'}\n"
    return files


async def look_at(world: Mapping[str, Any], *touched: str) -> ClusterReport:
    repository = Repository(*world["github"]["repositories"][0].split("/"))
    async with open_eyes(load_settings(Path(world["settings_file"]))) as eyes:
        return await look(eyes, repository, sample(), sample(*touched))


def lacking(report: ClusterReport) -> set[str]:
    return {right.resource for row in report.rows for finding in row.findings for right in finding.lacks}


async def test_what_it_writes_is_enough_and_nothing_of_it_is_too_much(
    world: dict[str, Any], bare: KubernetesApi, rbac: Run, tmp_path: Path
) -> None:
    everything = ["--with-secrets", "--with-roles"]
    missing = rbac("--check", *everything)
    assert missing.returncode == 1
    assert "+ missing: deployments.apps: get, patch, create" in missing.stdout
    assert "superfluous" not in missing.stdout

    written = rbac("--output", str(tmp_path), *everything)
    assert written.returncode == 0, written.stderr
    assert yaml.safe_load((tmp_path / "kustomization.yaml").read_text())["resources"] == ["diff-rights.yaml"]
    text = (tmp_path / "diff-rights.yaml").read_text()
    documents = read(text)
    bare.apply(documents)
    same = rbac("--check", *everything)
    assert same.returncode == 0, same.stdout
    assert rbac("--output", str(tmp_path), *everything).returncode == 0
    assert (tmp_path / "diff-rights.yaml").read_text() == text

    report = await look_at(world, *EVERYTHING)
    assert lacking(report) == set()
    assert report.verdict is Verdict.CHANGES
    assert {str(row.id) for row in report.rows} == {
        f"flux-system/{name}" for name in ("ingress", "monitoring", "podinfo", "web")
    }

    # One right after the other is taken away; each is missed.
    (cluster_role,) = [one for one in documents if one["kind"] == "ClusterRole"]
    for resource, place in (("deployments", PODINFO), ("namespaces", INGRESS), ("clusterroles", MONITORING)):
        bare.apply([{**cluster_role, "rules": without(cluster_role["rules"], resource)}])
        assert lacking(await look_at(world, place)) == {resource}
    bare.apply([cluster_role])
    (role,) = [one for one in documents if one["kind"] == "Role" and one["metadata"]["namespace"] == "web"]
    bare.apply([{**role, "rules": []}])
    assert lacking(await look_at(world, WEB)) == {"secrets"}


def without(rules: list[dict[str, Any]], resource: str) -> list[dict[str, Any]]:
    kept = [{**rule, "resources": [name for name in rule["resources"] if name != resource]} for rule in rules]
    return [rule for rule in kept if rule["resources"]]


async def test_the_profile_without_secrets_loses_what_it_says(
    world: dict[str, Any], bare: KubernetesApi, rbac: Run
) -> None:
    printed = rbac()
    assert printed.returncode == 0, printed.stderr
    said = " ".join(printed.stdout.replace("#", "").split())
    assert "Left out: secrets (2 objects)." in said
    assert "flux-system/web" in said
    assert "--with-secrets gives them." in said
    bare.apply(read(printed.stdout))
    report = await look_at(world, WEB, MONITORING)
    assert report.verdict is Verdict.INCOMPLETE
    # Every Kustomization of the sample takes variables from a Secret: it is not rendered, and says so.
    assert [row.changes for row in report.rows] == [(), ()]
    assert {finding.code for row in report.rows for finding in row.findings} == {"missing-right"}
    assert lacking(report) == {"secrets"}
    bare.apply(read(rbac("--with-secrets").stdout))
    report = await look_at(world, WEB, MONITORING)
    assert lacking(report) == {"clusterroles", "clusterrolebindings"}
    rows = {row.id.name: row for row in report.rows}
    assert {change.object.kind for change in rows["web"].changes} >= {"Deployment", "Service", "Secret"}
    assert {change.object.kind for change in rows["monitoring"].changes} >= {"Deployment", "ConfigMap"}


def test_a_cluster_that_the_settings_do_not_name_is_refused(rbac: Run) -> None:
    found = rbac("--cluster", "nowhere")
    assert (found.returncode, found.stdout) == (1, "")
    assert "--cluster nowhere" in found.stderr
    assert "production" in found.stderr


def test_it_sees_what_is_given_beyond_the_need(rbac: Run) -> None:
    found = rbac("--check", "--with-secrets", "--with-roles")
    assert found.returncode == 1
    assert "- superfluous: statefulsets.apps: get, patch, create" in found.stdout
    assert "missing" not in found.stdout


def test_the_components_agree_with_it(rbac: Run) -> None:
    """What it gives to the kinds that a component names is what the component gives."""
    printed = read(rbac("--with-secrets", "--with-roles").stdout)
    shipped = [
        rule
        for file in SHIPPED
        for document in read(file.read_text(encoding="utf-8"))
        for rule in document.get("rules", ())
    ]
    verbs = {(rule["apiGroups"][0], name): rule["verbs"] for rule in shipped for name in rule["resources"]}
    found = [rule for document in printed for rule in document.get("rules", ())]
    compared = 0
    for rule in found:
        for name in rule["resources"]:
            given = verbs[rule["apiGroups"][0], name]
            assert given[: len(rule["verbs"])] == rule["verbs"], name
            compared += 1
    assert compared > 10


def test_check_names_each_kind_with_the_command_that_mends_it(
    world: dict[str, Any], bare: KubernetesApi, rbac: Run
) -> None:
    bare.apply(read(rbac().stdout))
    said = check(world)
    command = "gitops-bot rbac --cluster production --with-secrets | kubectl apply -f -"
    assert "secrets: the diff identity may not get, patch, create in web; such objects are not compared" in said
    assert said.count(command) == 2  # variables in flux-system, an object in web
    assert "clusterroles.rbac.authorization.k8s.io: the diff identity may not get, patch, create, escalate" in said
    assert "gitops-bot rbac --cluster production --with-roles | kubectl apply -f -" in said
    assert "deployments.apps" not in said
    bare.apply(read(rbac("--with-secrets", "--with-roles").stdout))
    assert "may compare everything that Flux applied" in check(world)


def check(world: dict[str, Any]) -> str:
    command = [sys.executable, "-m", "gitops_bot", "check", "--settings", world["settings_file"]]
    environment = {**os.environ, "COLUMNS": "400"}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environment).stdout
