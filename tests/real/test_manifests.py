"""config/ on a real API server: what it gives, what it does not give, and that its Pods are allowed to run."""

import json
import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from cage import install

from gitops_bot.cluster.guard import GUARD_MESSAGE
from gitops_bot.cluster.guard_terms import lacking_terms
from gitops_bot.config import Settings, load_settings
from gitops_bot.flux.process import run
from gitops_bot.flux.protocol import Limits
from gitops_bot.runner.serve import parser
from gitops_bot.sandbox.cluster import Cluster
from gitops_bot.sandbox.kubernetes_api import ApiRefused, KubernetesApi
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


ALL = documents("rbac/*.yaml", "guard/*.yaml", "bot/*.yaml", "runner/*.yaml", "components/diff-*/*.yaml")


def deployment(name: str = "gitops-bot", among: list[dict[str, Any]] = ALL) -> dict[str, Any]:
    (found,) = [one for one in among if one["kind"] == "Deployment" and one["metadata"]["name"] == name]
    return found


def pod_of(made_by: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = made_by["spec"]["template"]["spec"]
    return spec


def container(name: str, pod: dict[str, Any]) -> dict[str, Any]:
    (found,) = [one for one in pod["containers"] if one["name"] == name]
    return found


def options(runner: dict[str, Any]) -> dict[str, str]:
    return dict(argument.removeprefix("--").split("=", 1) for argument in runner["args"])


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
    for name in ("github-token", "slack-bot-token", "slack-app-token", "runner-secret"):
        (example / name).write_text("x")
    whole = await kustomize(tools, tmp_path, "config")
    built = await kustomize(tools, tmp_path, "config/example")
    names = {(one["kind"], one["metadata"]["name"]) for one in built}
    assert {(one["kind"], one["metadata"]["name"]) for one in whole} < names
    assert ("ClusterRole", "gitops-bot-diff-secrets") in names
    volumes = {volume["name"]: volume for volume in pod_of(deployment(among=built))["volumes"]}
    assert ("ConfigMap", volumes["settings"]["configMap"]["name"]) in names
    assert ("Secret", volumes["tokens"]["secret"]["secretName"]) in names
    # Both get the same secret, by the name that the generator gave it.
    theirs = {volume["name"]: volume for volume in pod_of(deployment("gitops-bot-runner", built))["volumes"]}
    assert volumes["runner-secret"]["secret"]["secretName"] == theirs["secret"]["secret"]["secretName"]
    assert ("Secret", theirs["secret"]["secret"]["secretName"]) in names
    images = {one["image"] for made in built if made["kind"] == "Deployment" for one in pod_of(made)["containers"]}
    assert images == {"registry.example.com/gitops-bot:0.1.0"}


async def test_the_small_install_is_one_pod(tools: Toolbox, tmp_path: Path, cluster: Cluster) -> None:
    copy_config(tmp_path)
    built = await kustomize(tools, tmp_path, "config/small")
    assert [one["metadata"]["name"] for one in built if one["kind"] == "Deployment"] == ["gitops-bot"]
    pod = pod_of(deployment(among=built))
    bot, runner = container("gitops-bot", pod), container("runner", pod)
    assert environment(bot)["GITOPS_BOT_FLUX__RUNNER_URL"] == f"https://{options(runner)['listen']}"
    assert options(runner)["listen"].startswith("127.0.0.1:")
    # Of the bot's secrets the runner has the one that both know.
    assert [mount["name"] for mount in runner["volumeMounts"]] == ["runner-secret", "runner-temporary"]
    assert options(runner) | {"listen": ""} == options(the_runner()) | {"listen": ""}
    install(cluster)
    assert_allowed(cluster, pod)


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
    (binding,) = [one for one in ALL if one["kind"] == "ValidatingAdmissionPolicyBinding"]
    assert lacking_terms(policy, binding, "gitops-bot/gitops-bot-diff") == ""
    bound = {**binding, "spec": {**binding["spec"], "paramRef": {"name": "x", "parameterNotFoundAction": "Allow"}}}
    assert lacking_terms(policy, bound, "gitops-bot/gitops-bot-diff") == "it depends on parameters"


def test_the_example_settings_are_right() -> None:
    settings = load_settings(CONFIG / "settings.example.yaml")
    assert settings.slack is not None
    bot = container("gitops-bot", pod_of(deployment()))
    mounts = [mount["mountPath"] for mount in bot["volumeMounts"]]
    for file in (settings.github.token_file, settings.slack.bot_token_file, settings.slack.app_token_file):
        assert str(file).rsplit("/", 1)[0] in mounts
    assert str(settings.store.folder) in mounts


def environment(of: dict[str, Any]) -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in of["env"]}


def the_runner() -> dict[str, Any]:
    return container("runner", pod_of(deployment("gitops-bot-runner")))


def test_the_settings_of_the_deployment_are_right(monkeypatch: pytest.MonkeyPatch) -> None:
    pod = pod_of(deployment())
    bot = container("gitops-bot", pod)
    for name, value in environment(bot).items():
        monkeypatch.setenv(name, value)
    settings = load_settings(CONFIG / "settings.example.yaml")
    assert settings.web.host == "0.0.0.0"  # noqa: S104 # inside of a Pod
    file = settings.flux.runner_secret_file
    assert file is not None
    assert str(file.parent) in [mount["mountPath"] for mount in bot["volumeMounts"]]
    (service,) = [one for one in ALL if one["kind"] == "Service" and one["metadata"]["name"] == "gitops-bot-runner"]
    (port,) = service["spec"]["ports"]
    assert settings.flux.runner_url == f"https://{service['metadata']['name']}:{port['port']}"


def test_the_options_of_the_runner_are_right() -> None:
    runner = the_runner()
    chosen = parser().parse_args(runner["args"])
    assert runner["command"] == ["gitops-bot-runner"]
    assert str(chosen.secret_file.parent) in [mount["mountPath"] for mount in runner["volumeMounts"]]
    bot = environment(container("gitops-bot", pod_of(deployment())))
    assert chosen.memory_bytes == int(bot["GITOPS_BOT_FLUX__MEMORY_BYTES"])
    assert chosen.concurrency == int(bot["GITOPS_BOT_FLUX__CONCURRENCY"])
    limit = int(runner["resources"]["limits"]["memory"].removesuffix("Gi")) << 30
    # What flux may take at worst leaves room for the sessions.
    assert chosen.concurrency * chosen.memory_bytes <= limit - (1 << 30)
    assert runner["resources"]["limits"]["cpu"]
    # Nothing in its Pod but that secret: no settings, no tokens, no identity.
    pod = pod_of(deployment("gitops-bot-runner"))
    assert "serviceAccountName" not in pod
    assert [next(iter(set(volume) - {"name"})) for volume in pod["volumes"]] == ["secret", "emptyDir"]
    assert all("sizeLimit" in volume["emptyDir"] for volume in pod["volumes"] if "emptyDir" in volume)


# Networks


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    assert set(selector) <= {"matchLabels"}
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())


def policy_of(name: str) -> dict[str, Any]:
    """Give the one policy that selects the Pods of a Deployment; it must govern both directions."""
    labels = deployment(name)["spec"]["template"]["metadata"]["labels"]
    policies = [one for one in ALL if one["kind"] == "NetworkPolicy"]
    (found,) = [one["spec"] for one in policies if selects(one["spec"]["podSelector"], labels)]
    assert found["policyTypes"] == ["Ingress", "Egress"]
    return dict(found)


def test_only_the_bot_reaches_the_runner() -> None:
    (rule,) = policy_of("gitops-bot-runner")["ingress"]
    (peer,) = rule["from"]
    # Without a namespaceSelector: Pods of the same namespace.
    assert set(peer) == {"podSelector"}
    for name, reaches in (("gitops-bot", True), ("gitops-bot-runner", False)):
        labels = deployment(name)["spec"]["template"]["metadata"]["labels"]
        assert selects(peer["podSelector"], labels) is reaches
    assert not selects(peer["podSelector"], {})
    assert rule["ports"] == [{"protocol": "TCP", "port": "runner"}]
    assert [port["name"] for port in the_runner()["ports"]] == ["runner"]


def test_the_runner_reaches_ports_of_api_servers_and_nothing_else() -> None:
    (rule,) = policy_of("gitops-bot-runner")["egress"]
    assert {port["port"] for port in rule["ports"]} == {443, 6443}
    reached = [ip_network(peer["ipBlock"]["cidr"]) for peer in rule["to"]]
    assert all(network.is_private for network in reached)
    for outside in ("140.82.121.4", "169.254.169.254", "2606:50c0:8000::153", "fe80::1", "127.0.0.1"):
        assert not any(ip_address(outside) in network for network in reached), outside


def test_the_bot_reaches_the_runner_and_no_metadata_of_machines() -> None:
    rules = policy_of("gitops-bot")["egress"]
    labels = deployment("gitops-bot-runner")["spec"]["template"]["metadata"]["labels"]
    to_runner = [
        rule
        for rule in rules
        for peer in rule.get("to", ())
        if selects(peer.get("podSelector", {"matchLabels": {"": ""}}), labels)
    ]
    assert [rule["ports"] for rule in to_runner] == [[{"protocol": "TCP", "port": "runner"}]]
    blocks = [peer["ipBlock"] for rule in rules for peer in rule.get("to", ()) if "ipBlock" in peer]
    assert any(
        ip_address("169.254.169.254") in ip_network(left_out) for block in blocks for left_out in block["except"]
    )


async def test_a_language_model_in_the_cluster_is_reached_by_the_bot_alone(tools: Toolbox, tmp_path: Path) -> None:
    copy_config(tmp_path)
    (tmp_path / "with").mkdir()
    (tmp_path / "with/kustomization.yaml").write_text(
        "namespace: elsewhere\nresources: [../config]\ncomponents: [../config/components/language-model]\n"
    )
    built = await kustomize(tools, tmp_path, "with")
    (opened,) = [
        one for one in built if (one["kind"], one["metadata"]["name"]) == ("NetworkPolicy", "gitops-bot-language-model")
    ]
    assert opened["metadata"]["namespace"] == "elsewhere"
    for name, reaches in (("gitops-bot", True), ("gitops-bot-runner", False)):
        labels = deployment(name, built)["spec"]["template"]["metadata"]["labels"]
        assert selects(opened["spec"]["podSelector"], labels) is reaches
    # Nothing comes in by it, and every way out names a namespace and ports.
    assert opened["spec"]["policyTypes"] == ["Egress"]
    for rule in opened["spec"]["egress"]:
        assert rule["ports"]
        assert all(peer["namespaceSelector"]["matchLabels"] for peer in rule["to"])


def test_a_provider_outside_is_reached_as_it_is_and_its_key_is_mounted() -> None:
    text = (CONFIG / "settings.example.yaml").read_text(encoding="utf-8")
    head, _, model = text.partition("#llm:\n")
    content = yaml.safe_load(head + "llm:\n" + "\n".join(line.removeprefix("#") for line in model.splitlines()))
    settings = Settings.model_validate(content)
    (endpoint,) = settings.llm.endpoints
    assert endpoint.api_key_file is not None
    bot = container("gitops-bot", pod_of(deployment()))
    assert str(endpoint.api_key_file.parent) in [mount["mountPath"] for mount in bot["volumeMounts"]]
    address = urlsplit(endpoint.address)
    assert address.scheme == "https"
    ways = [rule for rule in policy_of("gitops-bot")["egress"] if any("ipBlock" in peer for peer in rule.get("to", ()))]
    assert any({"protocol": "TCP", "port": address.port or 443} in rule["ports"] for rule in ways)


# Rights


def rules() -> Iterator[tuple[str, Mapping[str, Any]]]:
    for one in ALL:
        if one["kind"] in {"Role", "ClusterRole"}:
            yield from ((one["metadata"]["name"], rule) for rule in one["rules"])


def test_no_rule_has_a_wildcard_or_reaches_the_guard() -> None:
    for name, rule in rules():
        assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]], name
        # The core may look at the one that guards the diff identity.
        looks = (name, rule["verbs"]) == ("gitops-bot", ["get"]) and "resourceNames" in rule
        assert looks or "admissionregistration.k8s.io" not in rule["apiGroups"], name


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
    for name in ("gitops-bot", "gitops-bot-runner"):
        assert_allowed(cluster, pod_of(deployment(name)))


def test_pod_security_is_enforced_there(cluster: Cluster) -> None:
    install(cluster)
    pod = {**pod_of(deployment()), "hostNetwork": True}
    with pytest.raises(ApiRefused, match="PodSecurity"):
        assert_allowed(cluster, pod)


def assert_allowed(cluster: Cluster, spec: dict[str, Any]) -> None:
    """Pod Security refuses Pods, not what makes them."""
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "gitops-bot", "namespace": "gitops-bot"}}
    cluster.api.apply([{**pod, "spec": spec}], dry_run=True)
    assert spec["automountServiceAccountToken"] is False
    for one in spec["containers"]:
        assert one["securityContext"] == {
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
