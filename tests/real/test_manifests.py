"""config/ on a real API server: what it gives, what it does not give, and that its Pods are allowed to run."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from cage import install

from gitops_bot.cluster.guard import GUARD_MESSAGE
from gitops_bot.config import load_settings
from gitops_bot.flux.process import run
from gitops_bot.flux.protocol import Limits
from gitops_bot.sandbox.cluster import Cluster
from gitops_bot.sandbox.kubernetes_api import KubernetesApi
from gitops_bot.sandbox.tools.bring import Toolbox

CONFIG = Path(__file__).parents[2] / "config"
PREFIX = "system:serviceaccount:gitops-bot:"


def documents(*patterns: str) -> list[dict[str, Any]]:
    """Read the manifests of some folders, without kustomize's own files."""
    files = [file for pattern in patterns for file in sorted(CONFIG.glob(pattern))]
    return [
        document
        for file in files
        if file.name != "kustomization.yaml"
        for document in yaml.safe_load_all(file.read_text(encoding="utf-8"))
    ]


ALL = documents("rbac/*.yaml", "guard/*.yaml", "bot/*.yaml", "components/*/*.yaml")


async def kustomize(tools: Toolbox, folder: Path, path: str) -> list[dict[str, Any]]:
    """Build with the kustomize that is in flux."""
    kustomization = {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {"name": "x", "namespace": "flux-system"},
    }
    (folder / "k.json").write_text(json.dumps(kustomization))
    argv = [tools.path("flux"), "build", "kustomization", "x", f"--path=./{path}", "--dry-run", "--in-memory-build"]
    ended = await run(
        [*map(str, argv), f"--kustomization-file={folder / 'k.json'}"],
        folder=folder,
        environment={"HOME": str(folder)},
        limits=Limits(),
    )
    assert ended.returncode == 0, ended
    return [document for document in yaml.safe_load_all(ended.stdout) if document]


def copy_config(folder: Path) -> None:
    for file in CONFIG.rglob("*"):
        if file.is_file():
            target = folder / "config" / file.relative_to(CONFIG)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())


async def test_the_whole_and_the_example_build(tools: Toolbox, tmp_path: Path) -> None:
    copy_config(tmp_path)
    example = tmp_path / "config/example"
    (example / "settings.yaml").write_bytes((CONFIG / "settings.example.yaml").read_bytes())
    for name in ("github-token", "slack-bot-token", "slack-app-token"):
        (example / name).write_text("x")
    whole = await kustomize(tools, tmp_path, "config")
    built = await kustomize(tools, tmp_path, "config/example")
    names = {(one["kind"], one["metadata"]["name"]) for one in built}
    assert {(one["kind"], one["metadata"]["name"]) for one in whole} < names
    assert ("ClusterRole", "gitops-bot-diff-secrets") in names
    (deployment,) = [one for one in built if one["kind"] == "Deployment"]
    volumes = {volume["name"]: volume for volume in deployment["spec"]["template"]["spec"]["volumes"]}
    assert ("ConfigMap", volumes["settings"]["configMap"]["name"]) in names
    assert ("Secret", volumes["tokens"]["secret"]["secretName"]) in names


async def test_the_guard_survives_another_namespace(tools: Toolbox, tmp_path: Path) -> None:
    copy_config(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/kustomization.yaml").write_text("namespace: elsewhere\nresources: [../config]\n")
    built = await kustomize(tools, tmp_path, "elsewhere")
    accounts = {one["metadata"]["namespace"] for one in built if one["kind"] == "ServiceAccount"}
    assert accounts == {"elsewhere"}
    (policy,) = [one for one in built if one["kind"] == "ValidatingAdmissionPolicy"]
    (condition,) = policy["spec"]["matchConditions"]
    pattern = re.search(r"matches\('(.*)'\)", condition["expression"])
    assert pattern is not None
    assert re.search(pattern[1], "system:serviceaccount:elsewhere:gitops-bot-diff")
    assert not re.search(pattern[1], "system:serviceaccount:elsewhere:gitops-bot-diff2")
    assert not re.search(pattern[1], "system:serviceaccount:a:b:gitops-bot-diff")


def test_the_guard_speaks_the_words_that_the_bot_knows_it_by() -> None:
    (policy,) = [one for one in ALL if one["kind"] == "ValidatingAdmissionPolicy"]
    assert [one["message"] for one in policy["spec"]["validations"]] == [GUARD_MESSAGE]


def test_the_example_settings_are_right() -> None:
    settings = load_settings(CONFIG / "settings.example.yaml")
    assert settings.slack is not None
    (deployment,) = [one for one in ALL if one["kind"] == "Deployment"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    mounts = [mount["mountPath"] for mount in container["volumeMounts"]]
    for file in (settings.github.token_file, settings.slack.bot_token_file, settings.slack.app_token_file):
        assert str(file).rsplit("/", 1)[0] in mounts
    assert str(settings.store.folder) in mounts


def test_the_settings_of_the_deployment_are_right(monkeypatch: pytest.MonkeyPatch) -> None:
    (deployment,) = [one for one in ALL if one["kind"] == "Deployment"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    for variable in container["env"]:
        monkeypatch.setenv(variable["name"], variable["value"])
    settings = load_settings(CONFIG / "settings.example.yaml")
    assert settings.web.host == "0.0.0.0"  # noqa: S104 # inside of a Pod
    limit = int(container["resources"]["limits"]["memory"].removesuffix("Gi")) << 30
    # What flux may take at worst leaves room for the bot.
    assert settings.flux.concurrency * settings.flux.memory_bytes <= limit - (1 << 30)


# Rights


def rules() -> Iterator[tuple[str, Mapping[str, Any]]]:
    for one in ALL:
        if one["kind"] in {"Role", "ClusterRole"}:
            yield from ((one["metadata"]["name"], rule) for rule in one["rules"])


def test_no_rule_has_a_wildcard_or_reaches_the_guard() -> None:
    for name, rule in rules():
        assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]], name
        assert "admissionregistration.k8s.io" not in rule["apiGroups"], name


def test_only_the_component_gives_secrets() -> None:
    assert {name for name, rule in rules() if "secrets" in rule["resources"]} == {"gitops-bot-diff-secrets"}


@pytest.mark.parametrize(
    ("account", "may", "may_not"),
    [
        (
            "gitops-bot",
            ["list kustomizations", "create serviceaccounts/token gitops-bot-diff", "create subjectaccessreviews"],
            ["get secrets", "create serviceaccounts/token gitops-bot-ops", "patch deployments", "get configmaps"],
        ),
        (
            "gitops-bot-diff",
            ["get configmaps", "patch deployments", "create kustomizations", "patch customresourcedefinitions"],
            [
                "delete configmaps",
                "list configmaps",
                "update deployments",
                "create pods",
                "create pods/exec",
                "patch validatingadmissionpolicies",
                "delete validatingadmissionpolicybindings",
                "impersonate users",
                "create serviceaccounts/token",
            ],
        ),
        (
            "gitops-bot-ops",
            ["patch kustomizations", "patch helmreleases", "list events"],
            ["delete kustomizations", "create kustomizations", "get secrets", "patch deployments"],
        ),
        (
            "gitops-bot-assistant",
            ["get pods/log", "list nodes", "get helmreleases"],
            ["get secrets", "create pods/exec", "get pods/portforward", "get nodes/proxy", "patch kustomizations"],
        ),
    ],
)
def test_each_identity_may_this_and_not_that(
    cluster: Cluster, account: str, may: list[str], may_not: list[str]
) -> None:
    install(cluster)
    for wanted, answer in [(one, True) for one in may] + [(one, False) for one in may_not]:
        assert allowed(cluster.api, account, wanted) is answer, f"{account}: {wanted}"


GROUPS = {
    "kustomizations": "kustomize.toolkit.fluxcd.io",
    "helmreleases": "helm.toolkit.fluxcd.io",
    "deployments": "apps",
    "customresourcedefinitions": "apiextensions.k8s.io",
    "subjectaccessreviews": "authorization.k8s.io",
    "validatingadmissionpolicies": "admissionregistration.k8s.io",
    "validatingadmissionpolicybindings": "admissionregistration.k8s.io",
}


def allowed(api: KubernetesApi, account: str, wanted: str) -> bool:
    verb, resource, *name = wanted.split()
    plural, _, subresource = resource.partition("/")
    attributes = {"verb": verb, "group": GROUPS.get(plural, ""), "resource": plural, "subresource": subresource}
    attributes |= {"namespace": "gitops-bot", "name": name[0] if name else ""}
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": PREFIX + account,
            "groups": ["system:serviceaccounts", "system:serviceaccounts:gitops-bot", "system:authenticated"],
            "resourceAttributes": attributes,
        },
    }
    answer = api.call("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", body=body)
    return bool(answer["status"]["allowed"])


# Pods


def test_everything_is_accepted_and_the_pods_meet_pod_security_restricted(cluster: Cluster) -> None:
    install(cluster)
    cluster.api.apply(ALL, dry_run=True)
    namespace = cluster.api.get("/api/v1/namespaces/gitops-bot")
    assert namespace is not None
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    (deployment,) = [one for one in ALL if one["kind"] == "Deployment"]
    template = deployment["spec"]["template"]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "gitops-bot", "namespace": "gitops-bot"}}
    # Pod Security refuses Pods, not what makes them.
    cluster.api.apply([{**pod, "spec": template["spec"]}], dry_run=True)
    spec = template["spec"]
    assert spec["automountServiceAccountToken"] is False
    for container in spec["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_the_slack_app_asks_for_no_more_than_it_needs() -> None:
    manifest = yaml.safe_load((CONFIG / "slack-app-manifest.yaml").read_text(encoding="utf-8"))
    assert manifest["settings"]["socket_mode_enabled"] is True
    assert "request_url" not in json.dumps(manifest)
    assert set(manifest["oauth_config"]["scopes"]) == {"bot"}
    assert not {"chat:write.public", "admin", "channels:join"} & set(manifest["oauth_config"]["scopes"]["bot"])
