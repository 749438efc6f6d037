"""By hand: which Kustomizations are candidates, and why."""

from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from gitops_bot.models.kustomizations import Kustomization, KustomizationId, ObjectReference, Source
from gitops_bot.models.tree import Tree
from gitops_bot.rules.affected import Candidate, Reason, Surroundings, render_key
from gitops_bot.rules.closure import closure_of
from gitops_bot.rules.consequences import child_changes, refilled_sources, required_values, substitutes_from
from gitops_bot.rules.feeds import Fed
from gitops_bot.rules.objects import load_objects
from gitops_bot.rules.variables import changed_keys, changed_variables, uses

FILES = {
    "README.md": "read me",
    "apps/web/kustomization.yaml": "resources: [../../base/web]\ncomponents: [../../components/tls]",
    "apps/web/README.md": "read me",
    "apps/api/kustomization.yaml": "resources: [../../base/api]",
    "base/web/kustomization.yaml": "resources: [../common]\nconfigMapGenerator: [{name: c, files: [settings.ini]}]",
    "base/web/settings.ini": "a=b",
    "base/api/kustomization.yaml": "resources: [../common]",
    "base/common/kustomization.yaml": "resources: [namespace.yaml]",
    "base/common/namespace.yaml": "kind: Namespace",
    "components/tls/kustomization.yaml": "kind: Component\ncomponents: [../certificates]",
    "components/certificates/kustomization.yaml": "kind: Component\npatches: [{path: patch.yaml}]",
    "components/certificates/patch.yaml": "kind: Ingress",
    "components/extra/kustomization.yaml": "kind: Component",
    "plain/a.yaml": "kind: ConfigMap",
    "plain/notes.txt": "notes",
    "plain/ignored.yaml": "kind: ConfigMap",
    "plain/.sourceignore": "ignored.yaml",
    "secret/kustomization.yaml": "resources: [s.yaml]",
    "secret/s.yaml": "kind: Secret\nsops: {}\ndata: {a: 'ENC[AES256_GCM,data:1]'}",
}
KUSTOMIZATIONS: Mapping[str, Mapping[str, Any]] = {
    "web": {"path": "./apps/web"},
    "web-twin": {"path": "apps/web/", "suspend": True},
    "api": {"path": "./apps/api", "components": ["../../components/extra"]},
    "plain": {"path": "./plain"},
    "all": {"path": "./"},
    "secret": {"path": "./secret"},
    "elsewhere": {"path": "./nowhere"},
    "reader": {"path": "./plain", "postBuild": {"substituteFrom": [{"kind": "ConfigMap", "name": "vars"}]}},
}
SOURCE = Source("GitRepository", "flux-system", "fleet", {"ref": {"branch": "main"}})


def kustomization(name: str, spec: Mapping[str, Any]) -> Kustomization:
    reference = {"kind": "GitRepository", "name": "fleet"}
    return Kustomization(KustomizationId("c", "flux-system", name), {"sourceRef": reference, **spec})


FED = Fed(
    "c",
    {("GitRepository", "flux-system", "fleet"): SOURCE},
    known := tuple(kustomization(name, spec) for name, spec in KUSTOMIZATIONS.items() if name != "all"),
    known,
)
WITH_ALL = Fed("c", FED.sources, (kustomization("all", KUSTOMIZATIONS["all"]),))


def tree(files: Mapping[str, str]) -> Tree:
    return Tree({path: content.encode() for path, content in files.items()})


def around(change: Mapping[str, str | None], fed: Fed = FED) -> Surroundings:
    result = {path: content for path, content in {**FILES, **change}.items() if content is not None}
    return Surroundings(fed, tree(FILES), tree(result), frozenset(change))


def touched(change: Mapping[str, str | None], fed: Fed = FED) -> dict[str, str]:
    return {candidate.id.name: candidate.because for candidate in around(change, fed).candidates()}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param("components/certificates/patch.yaml", {"web", "web-twin"}, id="component of a component"),
        pytest.param("base/web/settings.ini", {"web", "web-twin"}, id="file of a generator in a shared base"),
        pytest.param("base/common/namespace.yaml", {"web", "web-twin", "api"}, id="base of a base"),
        pytest.param("components/extra/kustomization.yaml", {"api"}, id="spec.components"),
        pytest.param("plain/a.yaml", {"plain", "reader"}, id="no kustomization file, two Kustomizations"),
        pytest.param("apps/web/kustomization.yaml", {"web", "web-twin"}, id="one path twice, one suspended"),
        pytest.param("plain/notes.txt", set(), id="no manifest"),
        pytest.param("plain/ignored.yaml", set(), id="ignored"),
        pytest.param("apps/web/README.md", set(), id="README next to manifests"),
        pytest.param("README.md", set(), id="README"),
    ],
)
def test_a_changed_file_touches_what_is_built_from_it(change: str, expected: set[str]) -> None:
    assert touched({change: "kind: Other"}) == dict.fromkeys(expected, f"{change} changes")


def test_a_file_that_goes_and_one_that_comes_are_noticed() -> None:
    assert touched({"base/web/settings.ini": None})["web"] == "base/web/settings.ini is removed"
    assert touched({"plain/new.yaml": "kind: ConfigMap"})["plain"] == "plain/new.yaml is added"
    assert touched({"nowhere/new.yaml": "kind: ConfigMap"}) == {"elsewhere": "nowhere/new.yaml is added"}
    assert touched({"nowhere/new.md": "text"}) == {}


def test_an_ignore_file_takes_files_away_and_brings_them_back() -> None:
    assert touched({"plain/.sourceignore": "a.yaml"})["plain"] == "plain/a.yaml is removed, plain/ignored.yaml is added"
    assert touched({".sourceignore": "base/web/"})["web"].startswith("base/web/kustomization.yaml is removed")


def test_a_kustomization_of_the_root_swallows_every_manifest() -> None:
    for path in ("plain/a.yaml", "base/web/settings.ini", "secret/s.yaml"):
        assert touched({path: "kind: Other"}, WITH_ALL) == {"all": f"{path} changes"}
    assert touched({"README.md": "other"}, WITH_ALL) == {}


def test_many_files_are_counted() -> None:
    change = {f"plain/{name}.yaml": "kind: X" for name in "bcdef"}
    assert touched(change)["plain"] == "plain/b.yaml is added, plain/c.yaml is added, plain/d.yaml is added and 2 more"


def test_an_encrypted_file_counts_though_flux_renders_it_the_same() -> None:
    [candidate] = around({"secret/s.yaml": FILES["secret/s.yaml"].replace("data:1", "data:2")}).candidates()
    assert candidate.sealed
    assert candidate.always_compare


def test_a_kustomization_that_cannot_be_read_is_touched_by_anything() -> None:
    found = touched({"apps/api/kustomization.yaml": "a: [", "README.md": "x"})
    assert set(found) == {"api"}
    broken = {**FILES, "apps/api/kustomization.yaml": "a: ["}
    surroundings = Surroundings(FED, tree(broken), tree({**broken, "README.md": "x"}), frozenset())
    [candidate] = surroundings.candidates()
    assert candidate.because == (
        "something changes, and not all of it can be followed"
        " (apps/api/kustomization.yaml: is not valid YAML: did not find expected node content in line 2)"
    )


@pytest.mark.parametrize(
    "path", ["base/web/settings.ini", "plain/new.yaml", "plain/sub/Kustomization", "plain/.sourceignore"]
)
def test_a_held_pull_request_is_judged_by_its_paths_alone(path: str) -> None:
    surroundings = Surroundings(FED, tree(FILES), None, frozenset({path, "README.md"}))
    names = {candidate.id.name for candidate in surroundings.candidates()}
    assert names == ({"web", "web-twin"} if path.startswith("base") else {"plain", "reader"})
    assert all(path in candidate.because for candidate in surroundings.candidates())


@pytest.mark.parametrize(
    ("change", "built"),
    [
        ({"base/web/settings.ini": "a=c"}, ["base/web/settings.ini"]),
        ({"base/web/settings.ini": "a=c", "README.md": "new"}, ["base/web/settings.ini"]),
        ({"base/web/settings.ini": "a=c", "apps/web/README.md": "new"}, ["base/web/settings.ini"]),
        ({"plain/new.yaml": "kind: ConfigMap", "plain/a.yaml": None}, ["plain/a.yaml", "plain/new.yaml"]),
        ({"plain/ignored.yaml": "kind: Secret"}, []),
        ({"plain/notes.txt": "new"}, []),
    ],
)
def test_changed_files_that_nothing_is_built_from_are_told_from_the_others(
    change: Mapping[str, str | None], built: list[str]
) -> None:
    surroundings = around(change)
    assert list(surroundings.built_from(surroundings.candidates(), change)) == built


def test_where_it_is_not_known_what_a_kustomization_is_built_from_it_is_built_from_nothing() -> None:
    change = {"plain/a.yaml": "kind: Service"}
    source = ("GitRepository", "flux-system", "fleet")
    packed = Fed("c", FED.sources, FED.kustomizations, FED.others, roots={source: "plain"})
    assert around(change, packed).built_from(around(change).candidates(), change) == ()
    broken = {**FILES, "plain/kustomization.yaml": "resources: [a: b: c]"}
    surroundings = Surroundings(FED, tree(broken), tree({**broken, **change}), frozenset(change))
    assert surroundings.candidates()
    assert surroundings.built_from(surroundings.candidates(), change) == ()


def test_sources_that_pack_otherwise_have_trees_of_their_own() -> None:
    other = Source("GitRepository", "flux-system", "other", {"ignore": "base/"})
    twin = Source("GitRepository", "apps", "twin", {"ignore": "base/", "interval": "5m"})
    fed = Fed("c", {("flux-system", "fleet"): SOURCE, ("flux-system", "other"): other, ("apps", "twin"): twin}, ())
    surroundings = Surroundings(fed, tree(FILES), tree(FILES), frozenset())
    assert len(surroundings.trees) == 4
    assert [name for name, packed in surroundings.trees.items() if "base/web/settings.ini" in packed] == [
        "base-whole",
        "result-whole",
    ]


def test_what_a_source_includes_from_elsewhere_is_an_obstacle() -> None:
    source = Source("GitRepository", "flux-system", "fleet", {"include": [{"repository": {"name": "x"}}]})
    fed = Fed("c", {("GitRepository", "flux-system", "fleet"): source}, FED.kustomizations[:1])
    [candidate] = around({"README.md": "other"}, fed).candidates()
    assert candidate.obstacle == (
        "what its source packs cannot be reproduced: spec.include copies files from other sources into it"
    )


def kustomization_document(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {"name": name, "namespace": "flux-system"},
        "spec": {"sourceRef": {"kind": "GitRepository", "name": "fleet"}, **spec},
    }


def renders(*documents: Mapping[str, Any]) -> Any:
    return load_objects(yaml.safe_dump_all(documents))


def children(
    base: list[Any], result: list[Any], change: Mapping[str, str | None] | None = None
) -> dict[str, Candidate]:
    changes = child_changes("c", [("flux-system/parent", renders(*base), renders(*result))])
    return {candidate.id.name: candidate for candidate in around(change or {}).children(changes)}


def test_children_that_come_go_and_change() -> None:
    before = [kustomization_document("api", path="./old"), kustomization_document("web", path="./apps/web")]
    after = [kustomization_document("api", path="./plain"), kustomization_document("late", path="./plain")]
    found = children(before, after)
    assert {name: (one.reason, one.because) for name, one in found.items()} == {
        "api": (Reason.SPEC_CHANGED, "flux-system/parent changes its spec: path"),
        "web": (Reason.REMOVED, "flux-system/parent removes it"),
        "late": (Reason.ADDED, "flux-system/parent adds it"),
    }
    # The live spec stands for the base, the rendered one for the result.
    assert found["api"].base == next(one for one in FED.kustomizations if one.id.name == "api")
    assert found["api"].result is not None
    assert found["api"].result.spec["path"] == "./plain"
    assert found["api"].spec_changed
    assert found["late"].base is None
    assert found["late"].result is not None
    assert not found["late"].result.live
    assert found["web"].result is None


def test_a_child_that_moves_to_another_parent_is_neither_removed_nor_added() -> None:
    child = kustomization_document("api", path="./apps/api")
    changes = child_changes("c", [("one", renders(child), renders()), ("other", renders(), renders(child))])
    assert around({}).children(changes) == ()


def test_a_child_that_no_cluster_has_yet_is_judged_by_its_files() -> None:
    child = [kustomization_document("new", path="./plain")]
    assert children(child, child) == {}
    assert children(child, child, {"plain/a.yaml": "kind: Y"})["new"].because == "plain/a.yaml changes"


def test_a_child_of_another_source_has_an_obstacle() -> None:
    changes = child_changes(
        "c",
        [("p", {}, renders(kustomization_document("x", path="./", sourceRef={"kind": "OCIRepository", "name": "o"})))],
    )
    [candidate] = around({}).children(changes)
    assert candidate.obstacle == "its files come from OCIRepository flux-system/o, not from this branch"


def config_map(name: str, namespace: str = "flux-system", **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, "data": data}


def test_readers_of_a_value_that_changes_are_found_in_its_namespace_only() -> None:
    changed = {ObjectReference("ConfigMap", "flux-system", "vars")}
    [reader] = around({}).readers(changed, through="flux-system/infra")
    assert reader.id.name == "reader"
    assert reader.because == (
        "ConfigMap/flux-system/vars, whose values it substitutes, changes through flux-system/infra"
    )
    assert reader.reads_changed_values
    elsewhere = {ObjectReference("ConfigMap", "apps", "vars"), ObjectReference("Secret", "flux-system", "vars")}
    assert around({}).readers(elsewhere) == ()


def test_variables_that_change_are_those_that_nothing_later_hides() -> None:
    vars_, more = (ObjectReference("ConfigMap", "flux-system", name) for name in ("vars", "more"))
    reader = kustomization(
        "reader",
        {
            "postBuild": {
                "substituteFrom": [{"kind": "ConfigMap", "name": "vars"}, {"kind": "ConfigMap", "name": "more"}],
                "substitute": {"stated": "1"},
            }
        },
    )
    changed = changed_keys(
        renders(config_map("vars", a="1", b="1", stated="1", same="1")),
        renders(config_map("vars", a="2", b="2", stated="2", same="1")),
    )
    assert changed == {vars_: {"a", "b", "stated"}}
    assert changed_variables(reader, changed, {more: {"b": "steady"}}) == {"a"}
    assert uses(renders(config_map("x", v="is ${b:-${a}}")), {"a"})
    assert not uses(renders(config_map("x", v="is ${aa} a $a")), {"a"})
    disabled = config_map("x", v="${a}")
    disabled["metadata"]["annotations"] = {"kustomize.toolkit.fluxcd.io/substitute": "disabled"}
    assert not uses(renders(disabled), {"a"})


def test_sources_that_are_filled_otherwise_are_named() -> None:
    def source(**spec: Any) -> dict[str, Any]:
        head = {"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository"}
        return {**head, "metadata": {"name": "fleet", "namespace": "flux-system"}, "spec": spec}

    before, after = renders(source(interval="1m", url="a")), renders(source(interval="2m", url="b"))
    assert refilled_sources(before, after) == {("GitRepository", "flux-system", "fleet"): ("url",)}


def test_the_key_of_a_render_changes_with_what_it_is_built_from_and_nothing_else() -> None:
    web = next(one for one in FED.kustomizations if one.id.name == "web")

    def key(change: Mapping[str, str | None], **spec: Any) -> str:
        files = tree({path: text for path, text in {**FILES, **change}.items() if text is not None})
        asked = Kustomization(web.id, {**web.spec, **spec})
        return render_key(asked, closure_of(files, asked), files)

    same = key({})
    assert key({"README.md": "other", "apps/web/other.yaml": "a"}) == same
    different = [
        key({"base/web/settings.ini": "x"}),
        key({"base/web/settings.ini": None}),
        key({"base/web/settings.ini": ""}),
        key({"base/web/Kustomization": "a: b"}),
        key({}, targetNamespace="x"),
        key({}, prune=True),
    ]
    assert len({same, *different}) == 7
    broken = {"apps/web/kustomization.yaml": "a: ["}
    assert key(broken) != key({**broken, "README.md": "other"})


@pytest.mark.parametrize("written", [3, True, "Secret/s", {"kind": "Secret", "name": "s"}, [None, "Secret/s"], None])
def test_a_file_whose_references_are_no_list_of_them_reads_nothing(written: object) -> None:
    spec = {"postBuild": {"substituteFrom": written}}
    assert substitutes_from(spec) == ()
    assert required_values(spec) == frozenset()
