"""The cage with the real flux on a real API server, as the diff ServiceAccount under the guard."""

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cage import Stage, config_map, documents_of, text_of
from cage import stage as open_stage
from runner_server import running
from waiting import until

from gitops_bot.config import FluxSettings
from gitops_bot.errors import SettingsError
from gitops_bot.flux import FluxDoor
from gitops_bot.models.changes import OutcomeStatus
from gitops_bot.models.kustomizations import ObjectReference
from gitops_bot.rules.changes import parse_diff
from gitops_bot.sandbox.cluster import Cluster

PASSWORD = "correct-horse-battery"


@pytest.fixture(params=["child process", "HTTPS"])
async def stage(
    cluster: Cluster, namespace: str, kubeconfig: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Stage]:
    """The same for both ways to reach a runner."""
    if request.param == "child process":
        async with open_stage(cluster, namespace, kubeconfig) as opened:
            yield opened
    else:
        async with running(tmp_path / "runner") as server:
            way = {"runner_url": server.url, "runner_secret_file": server.secret_file, "binary": "/nowhere/flux"}
            async with open_stage(cluster, namespace, kubeconfig, **way) as opened:
                yield opened


def deployment(namespace: str, replicas: int = 1, app: str = "web") -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": app}},
            "template": {
                "metadata": {"labels": {"app": app}},
                "spec": {"containers": [{"name": "web", "image": "web:1"}]},
            },
        },
    }


async def test_what_is_live_already_is_unchanged(stage: Stage) -> None:
    stage.apply(config_map("web", stage.namespace, mode="blue"))
    outcome = await stage.diff(
        stage.kustomization(), {"apps/web.yaml": text_of(config_map("web", stage.namespace, mode="blue"))}
    )
    assert (outcome.status, outcome.text, outcome.message) == (OutcomeStatus.UNCHANGED, "", "")


async def test_changes_creations_and_deletions_are_told(stage: Stage) -> None:
    namespace = stage.namespace
    stage.apply(config_map("web", namespace, mode="blue"), config_map("gone", namespace))
    kustomization = stage.kustomization()
    stage.set_inventory(f"{namespace}_web__ConfigMap", f"{namespace}_gone__ConfigMap")
    files = {"apps/web.yaml": text_of(config_map("web", namespace, mode="green"), config_map("new", namespace))}
    outcome = await stage.diff(kustomization, files)
    assert (outcome.status, outcome.message) == (OutcomeStatus.CHANGED, "")
    states = {item.subject.name: item.state for item in parse_diff(outcome.text).objects}
    assert states == {"web": "drifted", "new": "created", "gone": "deleted"}


async def test_a_dry_run_writes_nothing(stage: Stage) -> None:
    namespace = stage.namespace
    stage.apply(config_map("web", namespace, mode="blue"))
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    before = stage.cluster.api.get(f"{path}/web")
    files = {"apps/web.yaml": text_of(config_map("web", namespace, mode="green"), config_map("new", namespace))}
    assert (await stage.diff(stage.kustomization(), files)).status is OutcomeStatus.CHANGED
    assert stage.cluster.api.get(f"{path}/web") == before
    assert stage.cluster.api.get(f"{path}/new") is None


async def test_an_immutable_field_fails_with_the_servers_words(stage: Stage) -> None:
    stage.apply(deployment(stage.namespace))
    outcome = await stage.diff(
        stage.kustomization(), {"apps/web.yaml": text_of(deployment(stage.namespace, app="other"))}
    )
    assert outcome.status is OutcomeStatus.FAILED
    assert f"Deployment/{stage.namespace}/web dry-run failed (Invalid)" in outcome.message
    assert "field is immutable" in outcome.message


async def test_one_failing_object_leaves_a_part_that_is_no_answer(stage: Stage) -> None:
    namespace = stage.namespace
    stage.apply(config_map("web", namespace, mode="blue"))
    files = {
        "apps/web.yaml": text_of(config_map("web", namespace, mode="green")),
        "apps/bad.yaml": text_of(deployment(namespace, replicas="many")),  # type: ignore[arg-type] # on purpose
    }
    outcome = await stage.diff(stage.kustomization(), files)
    assert outcome.status is OutcomeStatus.FAILED
    assert not outcome.usable
    assert "expected numeric" in outcome.message


async def test_an_unknown_kind_fails(stage: Stage) -> None:
    files = {"apps/a.yaml": text_of({"apiVersion": "acme.io/v1", "kind": "Rocket", "metadata": {"name": "a"}})}
    outcome = await stage.diff(stage.kustomization(), files)
    assert outcome.status is OutcomeStatus.FAILED
    assert 'no matches for kind "Rocket" in version "acme.io/v1"' in outcome.message


async def test_a_lacking_right_is_named(stage: Stage) -> None:
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "a"}}
    lease["metadata"]["namespace"] = stage.namespace  # type: ignore[index] # a mapping
    outcome = await stage.diff(stage.kustomization(), {"apps/a.yaml": text_of(lease)})
    assert outcome.status is OutcomeStatus.FAILED
    assert 'cannot patch resource "leases" in API group "coordination.k8s.io"' in outcome.message


async def test_a_kustomization_that_is_not_in_the_cluster_is_rendered_and_compared(stage: Stage) -> None:
    stage.apply(config_map("settings", stage.namespace, MODE="green"))
    spec: dict[str, Any] = {"substituteFrom": [{"kind": "ConfigMap", "name": "settings"}]}
    kustomization = stage.kustomization(live=False, postBuild=spec, targetNamespace=stage.namespace)
    files = {"apps/web.yaml": text_of(config_map("web", "default", mode="${MODE}"))}
    async with stage.session(result=files) as cage:
        build, diff = await asyncio.gather(cage.build(kustomization, "result"), cage.diff(kustomization, "result"))
    assert build.status is OutcomeStatus.UNCHANGED
    (rendered,) = documents_of(build)
    assert rendered["data"] == {"mode": "green"}
    assert rendered["metadata"]["namespace"] == stage.namespace
    assert (diff.status, diff.text.strip()) == (
        OutcomeStatus.CHANGED,
        f"► ConfigMap/{stage.namespace}/web created",
    )


async def test_a_live_kustomization_that_vanished_is_an_error(stage: Stage) -> None:
    kustomization = stage.kustomization()
    path = f"/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/{stage.namespace}/kustomizations/apps"
    stage.cluster.api.call("DELETE", path)
    outcome = await stage.diff(kustomization, {"apps/a.yaml": text_of(config_map("a", stage.namespace))})
    assert outcome.status is OutcomeStatus.FAILED
    assert "not found" in outcome.message


async def test_an_undefined_variable_is_an_error(stage: Stage) -> None:
    kustomization = stage.kustomization(postBuild={"substitute": {"A": "1"}})
    files = {"apps/a.yaml": text_of(config_map("a", stage.namespace, a="${A}${MISSING}"))}
    outcome = await stage.build(kustomization, files)
    assert outcome.status is OutcomeStatus.FAILED
    assert "variable not set (strict mode)" in outcome.message


@pytest.mark.parametrize("kind", ["ConfigMap", "Secret"])
async def test_missing_variables_are_an_error_in_fluxs_words(stage: Stage, kind: str) -> None:
    kustomization = stage.kustomization(postBuild={"substituteFrom": [{"kind": kind, "name": "nope"}]})
    outcome = await stage.build(kustomization, {"apps/a.yaml": text_of(config_map("a", stage.namespace))})
    assert outcome.status is OutcomeStatus.FAILED
    assert f"substitute from '{kind}/nope' error:" in outcome.message
    assert "not found" in outcome.message
    optional = stage.kustomization(postBuild={"substituteFrom": [{"kind": kind, "name": "nope", "optional": True}]})
    outcome = await stage.build(optional, {"apps/a.yaml": text_of(config_map("a", stage.namespace))})
    assert outcome.status is OutcomeStatus.UNCHANGED


async def test_inline_variables_win_as_with_flux(stage: Stage) -> None:
    stage.apply(config_map("settings", stage.namespace, A="from the ConfigMap", B="line 1\nline 2"))
    after = {"substitute": {"A": "inline"}, "substituteFrom": [{"kind": "ConfigMap", "name": "settings"}]}
    files = {"apps/a.yaml": text_of(config_map("a", stage.namespace, a="${A}", b="${B}", c="${C:=default}"))}
    (rendered,) = documents_of(await stage.build(stage.kustomization(postBuild=after), files))
    assert rendered["data"] == {"a": "inline", "b": "line 1line 2", "c": "default"}


# Secrets


def substituting(*names: str) -> dict[str, Any]:
    return {"substituteFrom": [{"kind": "Secret", "name": name} for name in names]}


async def test_the_value_of_a_secret_variable_leaves_in_no_form(stage: Stage) -> None:
    stage.cluster.apply_secret(stage.namespace, "vars", {"PASSWORD": PASSWORD, "USER_NAME": "alice-in-chains"})
    stage.apply(config_map("web", stage.namespace, url="x"))
    kustomization = stage.kustomization(postBuild=substituting("vars"))
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "own", "namespace": stage.namespace}}
    files = {
        "apps/web.yaml": text_of(
            config_map("web", stage.namespace, url="https://bob:${PASSWORD}@db/", json='{"p": "${PASSWORD}"}'),
            secret | {"stringData": {"password": "${PASSWORD}", "config": "user=x\npassword=${PASSWORD}\n"}},
        ),
        "apps/bad.yaml": text_of(config_map("x", stage.namespace) | {"data": {"a/${PASSWORD}": "x"}}),
    }
    async with stage.session(result=files) as cage:
        build, diff = await asyncio.gather(cage.build(kustomization, "result"), cage.diff(kustomization, "result"))
    assert build.status is OutcomeStatus.UNCHANGED, build
    assert diff.status is OutcomeStatus.FAILED, diff
    for text in (build.text, build.message, diff.text, diff.message):
        assert PASSWORD not in text
        assert base64.b64encode(PASSWORD.encode()).decode()[:-4] not in text
    assert "«secret:PASSWORD#" in build.text
    assert "«secret:PASSWORD#" in diff.message
    rendered = {document["metadata"]["name"]: document for document in documents_of(build)}
    mark = rendered["web"]["data"]["json"].split("#")[1][:8]
    assert rendered["own"]["data"]["password"] == f"«secret:password#{mark}»"


async def test_a_secret_that_the_live_object_does_not_read_is_not_looked_up(stage: Stage) -> None:
    stage.cluster.apply_secret(stage.namespace, "vars", {"A": PASSWORD})
    stage.cluster.apply_secret(stage.namespace, "other", {"B": PASSWORD + "2"})
    stage.kustomization(postBuild=substituting("vars"))
    files = {"apps/a.yaml": text_of(config_map("a", stage.namespace, a="${A}", b="${B:=not looked up}"))}
    async with stage.session(result=files) as cage:
        greedy = stage.kustomization(live=False, postBuild=substituting("vars", "other"))
        new = await cage.build(greedy, "result")
        changed = type(greedy)(greedy.id, greedy.spec, live=True)
        known = await cage.build(changed, "result")
    assert new.status is OutcomeStatus.FAILED  # ${A} has no default
    assert "variable not set" in new.message
    assert known.status is OutcomeStatus.UNCHANGED
    (rendered,) = documents_of(known)
    assert rendered["data"]["b"] == "not looked up"
    assert rendered["data"]["a"].startswith("«secret:A#")
    assert "Secret/other" in "".join(known.notes)
    assert PASSWORD not in repr((new, known))


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("${A:0:3}", {}),
        ("${A^^}", {}),
        ("${#A}", {}),
        # Put together by kustomize: no file holds the reference.
        ("x", {"namePrefix": "${", "nameSuffix": ":0:3}"}),
    ],
)
async def test_a_reference_that_cuts_a_secret_is_refused(stage: Stage, text: str, fields: dict[str, Any]) -> None:
    stage.cluster.apply_secret(stage.namespace, "vars", {"A": PASSWORD})
    kustomization = stage.kustomization(postBuild=substituting("vars"))
    name = "A" if fields else "a"
    files = {
        "apps/a.yaml": text_of(config_map(name, stage.namespace, a=text)),
        "apps/kustomization.yaml": text_of({"resources": ["a.yaml"], **fields}),
    }
    async with stage.session(result=files) as cage:
        outcomes = await asyncio.gather(cage.build(kustomization, "result"), cage.diff(kustomization, "result"))
    for outcome in outcomes:
        assert outcome.status is OutcomeStatus.REFUSED, outcome
        assert "would print a part of a secret variable" in outcome.message
        assert outcome.text == ""


async def test_the_plain_text_of_what_sops_encrypted_is_not_shown(stage: Stage) -> None:
    stage.apply(config_map("settings", stage.namespace, password="plain-and-live", other="x"))
    encrypted = config_map("settings", stage.namespace, password="ENC[AES256_GCM,data:abc,iv:d,tag:e,type:str]")
    base = {"apps/a.yaml": text_of(encrypted)}
    result = {"apps/a.yaml": text_of(config_map("settings", stage.namespace, other="y"))}
    kustomization = stage.kustomization()
    async with stage.session(base=base, result=result) as cage:
        outcomes = await asyncio.gather(cage.diff(kustomization, "base"), cage.diff(kustomization, "result"))
    for outcome in outcomes:
        assert outcome.status is OutcomeStatus.CHANGED
        assert "plain-and-live" not in outcome.text
        assert "data" in outcome.text


async def test_live_objects_come_redacted(stage: Stage) -> None:
    namespace = stage.namespace
    stage.cluster.apply_secret(namespace, "vars", {"A": PASSWORD})
    stage.apply(config_map("web", namespace, url=f"https://x:{PASSWORD}@db"))
    documents = [config_map("web", namespace, byhand=PASSWORD)]
    stage.cluster.api.apply(documents, manager="kubectl-edit")
    note = {"metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": PASSWORD * 2}}}
    stage.cluster.api.patch(f"/api/v1/namespaces/{namespace}/configmaps/web", note, manager="kubectl")
    kustomization = stage.kustomization(postBuild=substituting("vars"))
    web, secret, gone, odd = (
        ObjectReference("ConfigMap", namespace, "web"),
        ObjectReference("Secret", namespace, "vars"),
        ObjectReference("ConfigMap", namespace, "gone"),
        ObjectReference("ConfigMap", namespace, "../secrets/vars"),
    )
    async with stage.session(result={"apps/a.yaml": b""}) as cage:
        found, absent = await cage.live_objects(kustomization, dict.fromkeys((web, secret, gone, odd), "v1"))
    assert (set(found), absent) == ({web, secret}, {gone})
    assert PASSWORD not in repr(found)
    assert "data" not in found[secret]
    assert found[web]["data"]["byhand"].startswith("«secret:A#")
    assert "annotations" not in found[web]["metadata"] or not found[web]["metadata"]["annotations"]
    assert {entry["manager"] for entry in found[web]["metadata"]["managedFields"]} >= {"kubectl-edit"}


# Sessions


def runners_in(folder: Path) -> list[Path]:
    """Folders of sessions, whichever way they were opened."""
    return [*folder.glob("gitops-bot-runner-*"), *folder.glob("runner/tmp/gitops-bot-runner-*")]


async def test_runs_go_side_by_side_and_leave_nothing(stage: Stage, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    kustomization = stage.kustomization()
    trees = {f"t{at}": {"apps/a.yaml": text_of(config_map("a", stage.namespace, at=str(at)))} for at in range(6)}
    async with stage.session(**trees) as cage:
        builds = await asyncio.gather(*(cage.build(kustomization, name) for name in trees))
        assert [next(documents_of(build))["data"]["at"] for build in builds] == [str(at) for at in range(6)]
        assert len(runners_in(tmp_path)) == 1
    await until(lambda: not runners_in(tmp_path), "the session is gone")


async def test_two_sessions_give_the_same_placeholders(stage: Stage) -> None:
    stage.cluster.apply_secret(stage.namespace, "vars", {"A": PASSWORD})
    kustomization = stage.kustomization(postBuild=substituting("vars"))
    files = {"apps/a.yaml": text_of(config_map("a", stage.namespace, a="${A}"))}
    first, second = await stage.build(kustomization, files), await stage.build(kustomization, files)
    assert first.text == second.text


async def test_an_unreachable_cluster_is_no_verdict(cluster: Cluster, namespace: str, kubeconfig: Path) -> None:
    async with open_stage(cluster, namespace, kubeconfig) as opened:
        credentials = await opened.door.diff_credentials()
        kustomization = opened.kustomization(postBuild=substituting("vars"))
        files = {"apps/a.yaml": text_of(config_map("a", namespace))}
        for wrong in (
            type(credentials)("https://127.0.0.1:1", credentials.ca_pem, credentials.token, credentials.expires_at),
            type(credentials)(credentials.server, credentials.ca_pem, "no-token", credentials.expires_at),
        ):
            opened.door._credentials = wrong
            for outcome in (await opened.diff(kustomization, files), await opened.build(kustomization, files)):
                assert outcome.status is OutcomeStatus.UNAVAILABLE, outcome
            plain = opened.kustomization()
            opened.door._credentials = wrong
            assert (await opened.diff(plain, files)).status is OutcomeStatus.UNAVAILABLE


async def test_an_older_flux_and_a_script_are_refused(tmp_path: Path) -> None:
    script = tmp_path / "flux"
    script.write_text("#!/bin/sh\necho flux version 2.9.5\n")
    script.chmod(0o755)
    with pytest.raises(SettingsError, match="is a script"):
        async with FluxDoor(FluxSettings(binary=str(script))):
            pass
    with pytest.raises(SettingsError, match="there is no program"):
        async with FluxDoor(FluxSettings(binary=str(tmp_path / "nope"))):
            pass
