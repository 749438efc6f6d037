"""Secrets that flux puts into objects, in every spelling that it prints them in: none leaves the runner.

Each case was first seen to leak without its rule.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cage import Stage, config_map, text_of
from cage import stage as open_stage

from gitops_bot.models.changes import OutcomeStatus
from gitops_bot.sandbox.cluster import Cluster


@pytest.fixture
async def stage(cluster: Cluster, namespace: str, kubeconfig: Path) -> AsyncIterator[Stage]:
    async with open_stage(cluster, namespace, kubeconfig, deadline=60) as opened:
        yield opened


# Value, how a ConfigMap refers to it, and pieces that must not be printed.
SPELLINGS = {
    "json-as-fields": ('{"user":"admin","pw":"hunter22zz"}', "${V}", ["hunter22zz"]),
    "long-number": ("12345678901234567890", "${V}", ["123456789"]),
    "number-in-quotes": ("98765432109876543210", '"${V}"', ["987654321", "9.8765432"]),
    "octal": ("0012345670", "${V}", ["2739128"]),
    "hexadecimal": ("0x1234abcd", "${V}", ["305441741"]),
    "comment": ("correct #horse", "${V}", ["correct"]),
    "quoted": ('"quoted-secret"', "${V}", ["quoted-secret"]),
    "list": ("[first-secret, second-secret]", "${V}", ["first-secret", "second-secret"]),
    "folded": ("correct horse battery staple " * 4, "see ${V} end", ["horse", "staple"]),
    "in-an-address": ("hunter22zz", "https://bob:${V}@db/", ["hunter22zz"]),
    "in-json": ('hunt"er22\\zz', """'{"a": "${V}"}'""", ['hunt"er22', "er22"]),
    "many-lines": ("first-line-of-it\nsecond-line-of-it\n", "${V}", ["first-line", "second-line"]),
}


@pytest.mark.parametrize("name", SPELLINGS)
async def test_no_spelling_shows_a_value(stage: Stage, name: str) -> None:
    value, reference, pieces = SPELLINGS[name]
    namespace = stage.namespace
    stage.cluster.apply_secret(namespace, "vars", {"V": value})
    stage.apply(config_map("web", namespace, a="before"))
    manifest = text_of(config_map("web", namespace)).replace(b"data: {}\n", f"data:\n  a: {reference}\n".encode())
    kustomization = stage.kustomization(postBuild={"substituteFrom": [{"kind": "Secret", "name": "vars"}]})
    async with stage.session(result={"apps/a.yaml": manifest}) as cage:
        outcomes = [await cage.build(kustomization, "result"), await cage.diff(kustomization, "result")]
    # What the API server or YAML refuses tells why; a value is in no text of either.
    assert any("«secret:V#" in outcome.text for outcome in outcomes) or outcomes[0].message, outcomes
    for outcome in outcomes:
        for piece in pieces:
            assert piece not in outcome.text + outcome.message, outcome


CUTS = {
    "beside a whole one": {"a": "${V}${V:0:3}"},
    "as a default of itself": {"a": "${V:=${V:0:3}}"},
    "with an escape that is none": {"a": "${X:-$${V:0:3}}"},
    "as hexadecimal digits": {"a": "0x${V}"},
    "as a larger number": {"a": "${V}e1"},
}


@pytest.mark.parametrize("name", CUTS)
async def test_no_way_to_cut_a_value_is_run(stage: Stage, name: str) -> None:
    stage.cluster.apply_secret(stage.namespace, "vars", {"V": "12345678"})
    tree = {"apps/a.yaml": text_of(config_map("web", stage.namespace, **CUTS[name]))}
    await refused(stage, tree)


async def refused(stage: Stage, tree: dict[str, bytes]) -> None:
    kustomization = stage.kustomization(postBuild={"substituteFrom": [{"kind": "Secret", "name": "vars"}]})
    async with stage.session(result=tree) as cage:
        for outcome in (await cage.build(kustomization, "result"), await cage.diff(kustomization, "result")):
            assert outcome.status is OutcomeStatus.REFUSED, outcome
            assert "part of a secret variable" in outcome.message
            assert outcome.text == ""


SECRETS: dict[str, dict[str, Any]] = {
    # flux ends at data that is no base64, and so at the look for references.
    "base64": {"data": {"a": "${V}"}},
    # flux masks what looks encrypted before anybody can look at it.
    "masked": {"stringData": {"a": "sops ENC[ ${V:0:3}"}},
    "masked as a whole": {"sops": {"mac": "ENC[x]", "a": "${V:0:3}"}},
}


@pytest.mark.parametrize("name", SECRETS)
async def test_a_secret_in_the_tree_hides_no_reference(stage: Stage, name: str) -> None:
    stage.cluster.apply_secret(stage.namespace, "vars", {"V": "aHVudGVyMjI="})
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a", "namespace": stage.namespace}}
    cut = config_map("web", stage.namespace, a="${V:0:3}")
    await refused(stage, {"apps/a.yaml": text_of(secret | SECRETS[name], cut)})
    if name != "base64":
        await refused(stage, {"apps/a.yaml": text_of(secret | SECRETS[name])})


async def test_data_of_a_secret_may_be_a_variable(stage: Stage) -> None:
    stage.cluster.apply_secret(stage.namespace, "vars", {"V": "aHVudGVyMjI="})
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a", "namespace": stage.namespace}}
    kustomization = stage.kustomization(postBuild={"substituteFrom": [{"kind": "Secret", "name": "vars"}]})
    outcome = await stage.build(kustomization, {"apps/a.yaml": text_of(secret | {"data": {"a": "${V}"}})})
    assert outcome.status is OutcomeStatus.UNCHANGED, outcome
    assert "«secret:a#" in outcome.text
    assert "aHVudGVyMjI" not in outcome.text


async def test_a_render_that_is_too_large_to_look_at_is_not_run_with_secrets(stage: Stage) -> None:
    stage.cluster.apply_secret(stage.namespace, "vars", {"V": "hunter22zz"})
    stage.apply(config_map("web", stage.namespace, a="before"))
    many = [config_map(f"large-{number}", stage.namespace, x="x" * 900_000) for number in range(10)]
    tree = {f"apps/{number}.yaml": text_of(one) for number, one in enumerate(many)}
    tree["apps/web.yaml"] = text_of(config_map("web", stage.namespace, a="${V:0:3}"))
    kustomization = stage.kustomization(postBuild={"substituteFrom": [{"kind": "Secret", "name": "vars"}]})
    outcome = await stage.diff(kustomization, tree)
    assert outcome.status is OutcomeStatus.REFUSED, outcome
    assert outcome.text == ""


async def test_what_a_parent_put_into_a_spec_is_hidden_too(stage: Stage) -> None:
    """The parent reads the Secret; its child has the value in clear in its own spec."""
    namespace = stage.namespace
    stage.cluster.apply_secret(namespace, "vars", {"V": "hunter22zz"})
    version = "kustomize.toolkit.fluxcd.io/v1"
    parent = {
        "interval": "10m",
        "path": "./clusters",
        "prune": True,
        "suspend": True,
        "sourceRef": {"kind": "GitRepository", "name": "fleet"},
        "postBuild": {"substituteFrom": [{"kind": "Secret", "name": "vars"}]},
    }
    metadata = {"name": "parent", "namespace": namespace}
    stage.cluster.api.apply([{"apiVersion": version, "kind": "Kustomization", "metadata": metadata, "spec": parent}])
    child = stage.kustomization(postBuild={"substitute": {"INNER": "hunter22zz"}})
    labels = {"kustomize.toolkit.fluxcd.io/name": "parent", "kustomize.toolkit.fluxcd.io/namespace": namespace}
    path = f"/apis/{version}/namespaces/{namespace}/kustomizations/apps"
    stage.cluster.api.patch(path, {"metadata": {"labels": labels}}, manager="kustomize-controller")
    stage.apply(config_map("web", namespace, a="before"))
    tree = {"apps/a.yaml": text_of(config_map("web", namespace, a="x-${INNER}"))}
    cut = {"apps/a.yaml": text_of(config_map("web", namespace, a="${INNER:0:5}"))}
    async with stage.session(result=tree, cut=cut) as cage:
        for outcome in (await cage.build(child, "result"), await cage.diff(child, "result")):
            assert "«secret:V#" in outcome.text, outcome
            assert "hunter22zz" not in outcome.text
        for outcome in (await cage.build(child, "cut"), await cage.diff(child, "cut")):
            assert outcome.status is OutcomeStatus.REFUSED, outcome
            assert "hunte" not in outcome.text + outcome.message
