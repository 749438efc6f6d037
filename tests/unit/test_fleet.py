from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from generated_fleets import dump, flux_kustomization

from gitops_bot.models.tree import Tree
from gitops_bot.rules.affected import AffectedKustomization, Reason
from gitops_bot.rules.fleet import Fleet, fed_offline, fleet_of, fleets_in
from gitops_bot.rules.manifests import UnreadableManifestError
from gitops_bot.views import affected_list


def source(name: str = "flux-system", **spec: Any) -> dict[str, Any]:
    head = {"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository"}
    return {**head, "metadata": {"name": name, "namespace": "flux-system"}, "spec": spec}


def sync(folder: str) -> bytes:
    return dump(source(url="ssh://git@github.com/a/b"), flux_kustomization("flux-system", f"./{folder}"))


def names(files: Mapping[str, bytes]) -> dict[str, list[str]]:
    found = fleets_in(Tree(files))
    assert all(known.id.cluster == name for name, fleet in found.items() for known in fleet.kustomizations)
    return {name: [str(known.spec["path"]) for known in fleet.kustomizations] for name, fleet in found.items()}


def test_bootstrapped_clusters_are_named_after_their_folder() -> None:
    files = {
        "clusters/prod/flux-system/gotk-sync.yaml": sync("clusters/prod"),
        "clusters/prod/apps.yaml": dump(flux_kustomization("apps", "./apps")),
        "clusters/staging/flux-system/gotk-sync.yaml": sync("clusters/staging"),
        "apps/tenant.yaml": dump(flux_kustomization("tenant", "./tenants")),
    }
    assert names(files) == {"prod": ["./clusters/prod"], "staging": ["./clusters/staging"]}


def test_clusters_of_the_same_name_are_told_apart_by_their_path() -> None:
    files = {f"{region}/prod/flux-system/gotk-sync.yaml": sync(f"{region}/prod") for region in ("eu", "us")}
    assert set(names(files)) == {"eu/prod", "us/prod"}


def test_a_cluster_of_the_root_is_the_default() -> None:
    assert names({"flux-system/gotk-sync.yaml": sync("")}) == {"default": ["./"]}


def test_a_cluster_of_the_operator_begins_with_its_instance() -> None:
    instance = {
        "apiVersion": "fluxcd.controlplane.io/v1",
        "kind": "FluxInstance",
        "metadata": {"name": "flux", "namespace": "flux-system"},
        "spec": {
            "sync": {"kind": "GitRepository", "url": "https://x/a/b", "ref": "refs/heads/main", "path": "clusters/x"}
        },
    }
    found = fleets_in(Tree({"bootstrap/flux.yaml": dump(instance)}))["x"]
    assert [(str(known.id), known.spec["path"]) for known in found.kustomizations] == [
        ("flux-system/flux-system", "clusters/x")
    ]
    assert found.sources[0].spec["ref"] == {"name": "refs/heads/main"}


def test_a_folder_of_clusters_without_bootstrap_is_built_as_a_whole() -> None:
    files = {
        "clusters/a/apps.yaml": dump(flux_kustomization("apps", "./apps")),
        "clusters/a/more/infra.yaml": dump(flux_kustomization("infra", "./infra")),
        "clusters/b/readme.yaml": b"a: b",
        "clusters/c/flux-system/gotk-sync.yaml": sync("clusters/c"),
        "docs/example.yaml": dump(flux_kustomization("example", "./x")),
    }
    assert names(files) == {"a": ["./clusters/a"], "c": ["./clusters/c"]}
    assert fleets_in(Tree(files))["a"].implied


def test_without_any_cluster_every_kustomization_is_a_root() -> None:
    files = {
        "a.yaml": dump(flux_kustomization("a", "./a")),
        "b.yaml": b"a: [",
        "c.yaml": dump(flux_kustomization("c", "./c")),
    }
    assert names(files) == {"default": ["./a", "./c"]}
    assert names({"b.yaml": b"kind: ConfigMap"}) == {}


def test_a_list_of_kubectl_is_read_with_its_sources() -> None:
    items = [flux_kustomization("a", "./a"), source("other", url="https://github.com/a/b")]
    text = yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": items})
    found = fleet_of("-", text, "prod")
    assert [str(known.id) for known in found.kustomizations] == ["flux-system/a"]
    assert [known.name for known in found.sources] == ["other"]
    assert fleet_of("-", "kind: List\nitems: []", "prod") == Fleet("prod", ())
    with pytest.raises(UnreadableManifestError, match=r"list\.yaml: is not valid YAML"):
        fleet_of("list.yaml", "a: [", "prod")


def fed(fleet: Fleet, *remote_urls: str) -> tuple[list[str], dict[str, str]]:
    found = fed_offline(fleet, remote_urls)
    return (
        [known.id.name for known in found.kustomizations],
        {left.kustomization.id.name: left.reason for left in found.not_looked_at},
    )


def test_sources_are_the_clone_when_they_have_its_address_or_nobody_knows_better() -> None:
    def of(name: str, kind: str = "GitRepository", reference: str = "") -> dict[str, Any]:
        return flux_kustomization(name, f"./{name}", sourceRef={"kind": kind, "name": reference or name})

    documents = [
        of("ours"), of("theirs"), of("unknown"), of("tagged"), of("oci", "OCIRepository"),
        source("ours", url="https://github.com/acme/fleet.git", ref={"branch": "main"}),
        source("theirs", url="https://github.com/acme/other", ref={"branch": "main"}),
        source("tagged", url="https://github.com/acme/fleet", ref={"tag": "v1"}),
    ]  # fmt: skip
    fleet = fleet_of("-", yaml.safe_dump_all(documents), "prod")
    left_out = {
        "tagged": "its source GitRepository flux-system/tagged follows tag v1, not a branch",
        "oci": "it is fed by OCIRepository flux-system/oci, and what fills that is not known here",
    }
    assert fed(fleet, "git@github.com:acme/fleet") == (["ours", "unknown"], left_out)
    assert fed(fleet) == (["ours", "theirs", "unknown"], left_out)
    assert fed(fleet, "https://github.com/somebody/fleet") == (["ours", "theirs", "unknown"], left_out)


ROWS = [
    AffectedKustomization("prod", "flux-system", "apps", "./apps", Reason.CHANGED, "apps/a.yaml changes"),
    AffectedKustomization("prod", "flux-system", "b\x1b[31m", "./b", Reason.ERROR, "flux says\nno"),
    AffectedKustomization("eu/prod", "flux-system", "oci", "./", Reason.NOT_ANALYSED, "it is fed by OCIRepository x"),
]


def test_the_list_as_json_is_what_is_documented() -> None:
    assert yaml.safe_load(affected_list.as_json(ROWS))[0] == {
        "cluster": "prod",
        "namespace": "flux-system",
        "name": "apps",
        "path": "./apps",
        "reason": "changed",
    }
    assert affected_list.as_json([]) == "[]"


def test_the_list_as_text_says_why_and_is_clean() -> None:
    text = affected_list.as_text(ROWS)
    assert "\x1b" not in text
    assert text.splitlines()[0] == "eu/prod"
    assert "  changed       flux-system/apps  ./apps\n                apps/a.yaml changes" in text
    assert affected_list.as_text([]) == "No Kustomization is affected."
    assert len(affected_list.complaints(ROWS).splitlines()) == 2
