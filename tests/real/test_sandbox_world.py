"""The sandbox as a person starts it: what it prints, what runs in it, and that it leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from real_cluster import running_world

from gitops_bot.sandbox.fleet.checkout import git
from gitops_bot.sandbox.kubernetes_api import ApiRefused, KubernetesApi, has_condition

pytestmark = pytest.mark.timeout(600)

KUSTOMIZATIONS = "/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/flux-system/kustomizations"


def test_what_it_prints_has_the_promised_shape(world: dict[str, Any]) -> None:
    assert {name: set(part) if isinstance(part, dict) else type(part) for name, part in world.items()} == {
        "github": {
            "api_url",
            "html_url",
            "git_url",
            "tokens",
            "repositories",
            "bot_login",
            "author_login",
            "reviewer_login",
        },
        "slack": {"api_url", "inbox_url", "bot_token", "app_token", "channel", "users", "click_url"},
        "llm": {"base_url"},
        "kubernetes": {"kubeconfig"},
        "settings_file": str,
    }
    logins = {world["github"][f"{role}_login"] for role in ("bot", "author", "reviewer")}
    assert logins <= set(world["github"]["tokens"])
    assert set(world["slack"]["users"]) == logins - {world["github"]["bot_login"]}


def test_flux_has_applied_the_sample_and_somebody_changed_it_by_hand(world: dict[str, Any]) -> None:
    api = KubernetesApi.from_kubeconfig(Path(world["kubernetes"]["kubeconfig"]))
    items = api.call("GET", KUSTOMIZATIONS)["items"]
    assert {item["metadata"]["name"] for item in items} == {"flux-system", "ingress", "monitoring", "podinfo", "web"}
    assert all(has_condition(item, "Ready") for item in items)
    deployment = api.get("/apis/apps/v1/namespaces/podinfo/deployments/podinfo")
    assert deployment is not None
    assert deployment["spec"]["replicas"] == 3
    database = api.get("/api/v1/namespaces/web/secrets/database")
    assert database is not None
    api.close()


def test_the_bots_identity_is_that_of_the_shipped_manifests(world: dict[str, Any]) -> None:
    settings = yaml.safe_load(Path(world["settings_file"]).read_text())
    (cluster,) = settings["clusters"]
    api = KubernetesApi.from_kubeconfig(Path(cluster["kubeconfig"]))
    assert api.get(KUSTOMIZATIONS) is not None
    for path in ("/api/v1/namespaces/web/secrets", "/api/v1/namespaces/podinfo/configmaps"):
        with pytest.raises(ApiRefused) as refused:
            api.get(path)
        assert refused.value.status == 403
    api.close()
    text = Path(world["settings_file"]).read_text()
    secrets = [world["github"]["tokens"]["gitops-bot"], world["slack"]["bot_token"], world["slack"]["app_token"]]
    assert not any(secret in text for secret in secrets)


def test_two_clusters_run_their_own_overlays(tmp_path: Path) -> None:
    with running_world(tmp_path / "state", "--clusters", "2") as world:
        settings = yaml.safe_load(Path(world["settings_file"]).read_text())
        assert [cluster["name"] for cluster in settings["clusters"]] == ["production", "staging"]
        contexts = yaml.safe_load(Path(world["kubernetes"]["kubeconfig"]).read_text())["contexts"]
        assert [context["name"] for context in contexts] == ["production", "staging"]
        replicas = {}
        for cluster in settings["clusters"]:
            admin = Path(cluster["kubeconfig"]).with_name("admin.kubeconfig")
            api = KubernetesApi.from_kubeconfig(admin)
            found = api.get("/apis/apps/v1/namespaces/podinfo/deployments/podinfo")
            replicas[cluster["name"]] = found["spec"]["replicas"] if found else None
            api.close()
        assert replicas == {"production": 3, "staging": 1}


def test_somebodys_own_repository_is_what_flux_applies(tmp_path: Path) -> None:
    source = tmp_path / "mine"
    (source / "apps").mkdir(parents=True)
    spec = "{path: ./apps, prune: true, interval: 1h, sourceRef: {kind: GitRepository, name: mine}}"
    names = "{name: all, namespace: flux-system}"
    (source / "all.yaml").write_text(
        f"{{apiVersion: kustomize.toolkit.fluxcd.io/v1, kind: Kustomization, metadata: {names}, spec: {spec}}}"
    )
    (source / "apps" / "one.yaml").write_text(
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: from-mine, namespace: default}}"
    )
    git(source, "init", "--quiet", "--initial-branch=trunk")
    git(source, "add", ".")
    git(source, "commit", "--quiet", "--message=mine")
    with running_world(tmp_path / "state", "--from", str(source)) as world:
        assert world["github"]["repositories"] == ["local/mine"]
        api = KubernetesApi.from_kubeconfig(Path(world["kubernetes"]["kubeconfig"]))
        assert api.get("/api/v1/namespaces/default/configmaps/from-mine") is not None
        api.close()


def left_of(folder: Path) -> list[str]:
    """Name every process that has the folder in its environment or its arguments."""
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        try:
            known = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
            if str(folder).encode() in known:
                found.append(f"{process.name} {(process / 'comm').read_text().strip()}")
        except OSError:
            continue
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("moment", ["while it starts", "when it is there"])
def test_nothing_is_left_running(tmp_path: Path, number: signal.Signals, moment: str) -> None:
    state = tmp_path / "state"
    command = [sys.executable, "-m", "gitops_bot", "sandbox", "--output", "json", "--with-bot", "--state", str(state)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        if moment == "while it starts":
            # Something of the cluster runs, and more is about to be started.
            listed = state / "processes" / "processes.json"
            wait_until(lambda: listed.exists() and "kube-apiserver" in listed.read_text(), process)
        else:
            assert json.loads(process.stdout.readline())["settings_file"]
        assert len(left_of(state)) >= 3
        process.send_signal(number)
        process.communicate(timeout=60)
    wait_until(lambda: left_of(state) == [])
    assert process.returncode == {signal.SIGKILL: -9}.get(number, 130 if moment == "while it starts" else 0)


def wait_until(condition: Any, process: subprocess.Popen[str] | None = None, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert process is None or process.poll() is None
        assert time.monotonic() < deadline, "not within the time"
        time.sleep(0.05)
