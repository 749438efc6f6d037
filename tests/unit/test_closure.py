import base64
import random
import time

import pytest
import yaml
from generated_fleets import FEATURES, build_fleet
from hypothesis import given, settings
from hypothesis import strategies as st

from gitops_bot.models.kustomizations import Kustomization, KustomizationId
from gitops_bot.models.tree import Tree
from gitops_bot.rules.affected import Surroundings
from gitops_bot.rules.closure import Closure, TreeIndex, closure_of
from gitops_bot.rules.fleet import fed_offline, fleet_of
from gitops_bot.rules.kept_readings import KeptReadings
from gitops_bot.rules.references import is_repository

_SPEC = {"path": "./apps"}


def closure(files: dict[str, str | bytes], spec: dict[str, object] | None = None, **rest: frozenset[str]) -> Closure:
    content = {path: text if isinstance(text, bytes) else text.encode() for path, text in files.items()}
    return closure_of(Tree(content, **rest), Kustomization(KustomizationId("c", "ns", "n"), spec or _SPEC))


def of_root(kustomization: str | bytes, **files: str) -> Closure:
    """The closure of a kustomization in ./apps, among other files."""
    return closure({"apps/kustomization.yaml": kustomization, **files})


NAMES = {"apps/kustomization.yaml", "apps/kustomization.yml", "apps/Kustomization"}


@pytest.mark.parametrize(
    ("kustomization", "expected"),
    [
        ("resources: [a.yaml, ./b.yaml, c/../d.yaml]", {"a.yaml", "b.yaml", "d.yaml"}),
        ("crds: [a.json]", {"a.json"}),
        ("configurations: [a.yaml]", {"a.yaml"}),
        ("openapi: {path: a.json}", {"a.json"}),
        ("openapi: {version: v1.2}", set()),
        ("patches: [{path: a.yaml}, {patch: 'a: b'}]", {"a.yaml"}),
        ("patchesJson6902: [{path: a.yaml, target: {name: x}}]", {"a.yaml"}),
        ("patchesStrategicMerge: [a.yaml, 'kind: X\n', '{kind: Y}']", {"a.yaml"}),
        ("replacements: [{path: a.yaml}, {source: {kind: X}}]", {"a.yaml"}),
        ("configMapGenerator: [{files: [a, k=b], envs: [c], env: d}]", {"a", "b", "c", "d"}),
        ("secretGenerator: [{files: [a, k=b], envs: [c], env: d}]", {"a", "b", "c", "d"}),
        ("helmCharts: [{name: x, valuesFile: v.yaml, additionalValuesFiles: [w.yaml]}]", {"v.yaml", "w.yaml"}),
        ("helmChartInflationGenerator: [{chartName: x, values: v.yaml}]", {"v.yaml"}),
        ('generators: ["apiVersion: builtin\\nkind: ConfigMapGenerator\\nfiles: [k=a.txt]\\n"]', {"a.txt"}),
        ("transformers: ['{apiVersion: builtin, kind: PatchTransformer, path: a.yaml}']", {"a.yaml"}),
        ('validators: ["kind: List\\nitems: [{kind: PatchTransformer, path: a.yaml}]\\n"]', {"a.yaml"}),
        ("transformers: ['{kind: PatchStrategicMergeTransformer, paths: [a.yaml, \"kind: X\\n\"]}']", {"a.yaml"}),
        ("transformers: ['{kind: ReplacementTransformer, replacements: [{path: a.yaml}]}']", {"a.yaml"}),
        ("transformers: ['{kind: ValueAddTransformer, targetFilePath: a.yaml}']", {"a.yaml"}),
    ],
)  # fmt: skip
def test_every_field_that_takes_a_path_is_followed(kustomization: str, expected: set[str]) -> None:
    found = of_root(kustomization)
    files = {path.removeprefix("apps/") for path in found.files - NAMES}
    # What may be a folder is looked for in its three names, too.
    assert {
        path for path in files if not path.endswith(("/kustomization.yaml", "/kustomization.yml", "/Kustomization"))
    } == expected
    assert not found.refusal
    assert found.complete


@pytest.mark.parametrize("field", ["resources", "bases", "components"])
def test_a_folder_is_followed_through_each_of_its_possible_names(field: str) -> None:
    for name in ("kustomization.yaml", "kustomization.yml", "Kustomization"):
        found = closure(
            {
                "apps/Kustomization": f"{field}: [../base]",
                f"base/{name}": "resources: [../base/more/a.yaml]",
                "base/more/a.yaml": "",
            }
        )
        assert "base/more/a.yaml" in found.files
        assert {"base/kustomization.yaml", "base/kustomization.yml", "base/Kustomization"} <= found.files
        assert not found.errors


def test_generators_in_a_file_start_at_the_kustomization_and_not_at_the_file() -> None:
    found = of_root(
        "generators: [plugins/g.yaml]", **{"apps/plugins/g.yaml": "kind: ConfigMapGenerator\nfiles: [a.txt]"}
    )
    assert {"apps/plugins/g.yaml", "apps/a.txt"} <= found.files
    assert "apps/plugins/a.txt" not in found.files


def test_generators_in_a_folder_start_at_the_kustomization_too() -> None:
    files = {
        "apps/g/kustomization.yaml": "resources: [a.yaml]",
        "apps/g/a.yaml": "kind: ConfigMapGenerator\nenvs: [a.env]",
    }
    found = of_root("generators: [g]", **files)
    assert "apps/a.env" in found.files
    assert found.complete


def test_generators_that_are_altered_before_they_are_used_are_refused() -> None:
    """The patch may write an address into the generator, which kustomize then fetches."""
    files = {
        "apps/g/kustomization.yaml": "resources: [a.yaml]\npatches: [{path: p.yaml}]",
        "apps/g/a.yaml": "kind: ConfigMapGenerator",
    }
    found = of_root("generators: [g]", **files)
    assert not found.complete
    why = "apps/kustomization.yaml takes plugins from g, which is altered by a kustomization of its own"
    assert found.refusal == why
    assert why in found.errors


def test_a_folder_of_generators_that_names_itself_ends() -> None:
    found = of_root("generators: [../apps]")
    assert not found.complete


def test_a_folder_without_a_kustomization_file_is_listed() -> None:
    found = closure(
        {
            "apps/a.yaml": "",
            "apps/b/c.yml": "",
            "apps/b/d.json": "",
            "apps/README.md": "",
            "apps/built/kustomization.yml": "resources: [x.yaml]",
            "apps/built/x.yaml": "",
            "apps/built/not-listed.yaml": "",
            "apps/built/deeper/Kustomization": "resources: [../../../far.yaml]",
            "elsewhere/e.yaml": "",
        }
    )
    assert found.generated
    assert found.folders == {"apps"}
    assert {"apps/a.yaml", "apps/b/c.yml", "apps/built/x.yaml"} <= found.files
    assert (
        not {"apps/b/d.json", "apps/README.md", "apps/built/not-listed.yaml", "far.yaml", "elsewhere/e.yaml"}
        & found.files
    )
    assert found.may_list("apps/new/a.yaml")
    assert found.may_list("apps/new/Kustomization")
    assert not found.may_list("apps/new/a.md")
    assert not found.may_list("appsnew/a.yaml")


@pytest.mark.parametrize("path", ["", "./", ".", "/", "..", "./../.."])
def test_a_path_that_means_the_root_takes_everything(path: str) -> None:
    found = closure({"a.yaml": "", "b/c.yaml": ""}, {"path": path})
    assert {"a.yaml", "b/c.yaml"} <= found.files
    assert found.folders == {""}


def test_a_path_that_is_not_there_is_noticed_when_it_comes() -> None:
    found = closure({"other.yaml": ""})
    assert not found.exists
    assert found.errors == ("the path ./apps does not exist",)
    assert found.files >= NAMES
    assert found.may_list("apps/a.yaml")


def test_what_is_missing_counts_as_well() -> None:
    found = of_root("resources: [gone.yaml, gone]\npatches: [{path: p.yaml}]\nconfigMapGenerator: [{files: [c.txt]}]")
    expected = {"gone.yaml", "gone", "gone/kustomization.yaml", "gone/Kustomization", "p.yaml", "c.txt"}
    assert {f"apps/{name}" for name in expected} <= found.files
    assert found.complete
    assert len(found.errors) == 4


def test_components_of_the_flux_kustomization_are_part_of_it() -> None:
    files = {
        "apps/kustomization.yaml": "resources: []",
        "c/kustomization.yaml": "patches: [{path: p.yaml}]",
        "c/p.yaml": "",
    }
    found = closure(files, {"path": "apps", "components": ["../c", "../later"]})
    assert {"c/p.yaml", "later/kustomization.yaml"} <= found.files


def test_bases_in_a_circle_end() -> None:
    found = closure(
        {"apps/kustomization.yaml": "resources: [../b]", "b/kustomization.yaml": "resources: [../apps, x.yaml]"}
    )
    assert "b/x.yaml" in found.files


def test_a_chain_of_a_thousand_bases_is_no_problem() -> None:
    files = {f"b{at}/kustomization.yaml": f"resources: [../b{at + 1}]" for at in range(1_000)}
    found = closure({**files, "b1000/kustomization.yaml": "resources: [end.yaml]"}, {"path": "b0"})
    assert "b1000/end.yaml" in found.files


OUTSIDE = [
    "http://example.com/a.yaml",
    "HTTPS://example.com/a.yaml",
    "http:example.com",
    "file:///etc/passwd",
    "ssh://git@example.com/a/b",
    "git::https://example.com/a/b",
    "/etc/passwd",
    "../../etc/passwd",
    "a/../../../b",
    "..\\x/../../..",
]
FOLDERS_OUTSIDE = ["git@github.com:a/b", "github.com/a/b", "GitHub.com:a/b", "user@host/a/b.git", "git@host:x.git"]


@pytest.mark.parametrize("reference", OUTSIDE)
@pytest.mark.parametrize(
    "shape",
    [
        "resources: [{0}]", "components: [{0}]", "crds: [{0}]", "configurations: [{0}]", "openapi: {{path: {0}}}",
        "patches: [{{path: {0}}}]", "patchesStrategicMerge: [{0}]", "patchesJson6902: [{{path: {0}}}]",
        "replacements: [{{path: {0}}}]", "configMapGenerator: [{{files: [{0}]}}]", "secretGenerator: [{{envs: [{0}]}}]",
        "configMapGenerator: [{{env: {0}}}]", "generators: [{0}]", "transformers: [{0}]", "validators: [{0}]",
        "helmCharts: [{{valuesFile: {0}}}]", "helmGlobals: {{chartHome: {0}}}", "RESOURCES: [{0}]",
        "re\u017fources: [{0}]", "resources: [{0}]\nresources: []", "<<: {{resources: [{0}]}}\nresources: []",
        "resources: [a.yaml]\nx: &x [{0}]\nbases: *x",
    ],
)  # fmt: skip
def test_references_out_of_the_tree_are_refused_wherever_they_stand(shape: str, reference: str) -> None:
    found = of_root(shape.format(yaml.safe_dump(reference, width=1000).splitlines()[0]), **{"apps/a.yaml": ""})
    assert [(one.file, one.reference) for one in found.outside] == [("apps/kustomization.yaml", reference)]
    assert reference in found.refusal


@pytest.mark.parametrize("reference", FOLDERS_OUTSIDE)
@pytest.mark.parametrize("field", ["resources", "bases", "components", "generators", "transformers", "validators"])
def test_what_kustomize_would_clone_is_refused_where_it_wants_a_folder(field: str, reference: str) -> None:
    assert of_root(f"{field}: ['{reference}']").refusal
    assert not of_root(f"crds: ['{reference}']").refusal


@pytest.mark.parametrize("reference", ["github.com", "app@v1", "a@b/c", "my-github.com/a/b", "a:b", "name=with.equals"])
def test_names_that_only_look_like_addresses_are_folders(reference: str) -> None:
    assert not is_repository(reference)


def test_a_file_wins_over_an_address_as_it_does_in_kustomize() -> None:
    assert not of_root("resources: [github.com/a/b.yaml]", **{"apps/github.com/a/b.yaml": ""}).refusal


def test_references_inside_plugins_and_components_are_refused_too() -> None:
    hidden = base64.b64encode(b"http://example.com/x").decode()
    assert of_root("generators: ['{kind: ConfigMapGenerator, files: [\"k=http://example.com/x\"]}']").refusal
    assert of_root(f"resources: [!!binary {hidden}]").refusal
    files = {"apps/c/kustomization.yaml": "kind: Component\nopenapi: {path: 'http://example.com/x'}"}
    assert of_root("components: [c]", **files).refusal
    assert closure({"apps/kustomization.yaml": ""}, {"path": "apps", "components": ["https://example.com/x"]}).refusal
    assert not of_root("resources: []\n---\nresources: ['http://example.com/x']").refusal


def test_links_and_files_that_are_too_large_are_refused() -> None:
    files = {"apps/kustomization.yaml": "resources: [link/a.yaml, large.yaml]"}
    found = closure(files, links=frozenset({"apps/link"}), oversized=frozenset({"apps/large.yaml"}))
    assert found.refusal == (
        "apps/kustomization.yaml refers to link/a.yaml, a symbolic link, which source-controller leaves out"
        "; apps/large.yaml: is too large to read"
    )
    assert closure({}, links=frozenset({"apps"})).refusal


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, 9)
)


@pytest.mark.parametrize(
    "kustomization",
    [
        "resources: [bomb.yaml]",
        "patches: [{path: bomb.yaml}]",
        "replacements: [{path: bomb.yaml}]",
        "crds: [bomb.yaml]",
        BOMB,
    ],
)
def test_bombs_are_refused_in_any_file_that_kustomize_parses(kustomization: str) -> None:
    found = of_root(kustomization, **{"apps/bomb.yaml": BOMB})
    assert "grows beyond all bounds" in found.refusal


def test_text_that_is_no_yaml_is_no_bomb() -> None:
    files = {"apps/a.md": "*not an alias\n* a list\n", "apps/b.yaml": "a: *nowhere"}
    found = of_root("configMapGenerator: [{files: [a.md]}]\nresources: [b.yaml]", **files)
    assert not found.refusal


@pytest.mark.parametrize("content", [b"a: [", b"\x00", b"\xff", b"a: &a [*a]", b'generators: ["a: b\\n- c\\n"]'])
def test_a_kustomization_that_cannot_be_read_may_depend_on_anything(content: bytes) -> None:
    found = of_root(content)
    assert not found.complete
    assert found.errors[0].startswith("apps/kustomization.yaml: ")
    # It may also refer to anything: flux must not read what we could not.
    assert found.refusal == found.errors[0]


def test_a_kustomization_file_that_is_a_folder_is_an_error() -> None:
    assert closure({"apps/kustomization.yaml/x": "", "apps/a.yaml": ""}).errors == ()
    assert "apps/b/kustomization.yaml is a folder" in closure(
        {"apps/kustomization.yaml": "resources: [b]", "apps/b/kustomization.yaml/x": ""}
    ).errors  # fmt: skip


_TEXT = st.text(alphabet="aA:/.{}[]-&*<|>'\"\n =@!%#,?", max_size=60)


@settings(deadline=None)
@given(_TEXT, st.sampled_from(["{0}", "resources: [{0}]", "resources:\n- {0}", "generators:\n- |\n  {0}", "<<: {0}"]))
def test_whatever_stands_in_a_kustomization_the_walk_ends_and_stays_inside(text: str, shape: str) -> None:
    found = of_root(shape.replace("{0}", text), **{"apps/a": text, "apps/b/kustomization.yaml": text})
    assert all(not path.startswith(("/", "../")) and "//" not in path for path in found.files)


@pytest.mark.parametrize("seed", range(5))
def test_each_way_to_name_a_path_decides_in_generated_fleets(seed: int) -> None:
    """tests/real/test_affected_generated.py renders them; here each change must touch a closure, in no time."""
    fleet = build_fleet(random.Random(seed), FEATURES, with_flux=True)  # noqa: S311 # a test
    files = fleet.tree()
    fed = fed_offline(fleet_of("all", yaml.safe_dump_all(fleet.kustomizations.values()), "main"), ())
    for feature, edit in fleet.changes:
        changed = {path: content for path, content in {**files, **edit}.items() if content is not None}
        found = Surroundings(fed, Tree(files), Tree(changed), frozenset()).candidates()
        quiet = feature.startswith(("nothing", "a spec", "a Kustomization"))
        assert bool(found) is not quiet, feature


@pytest.mark.parametrize(
    "files",
    [
        {"apps/kustomization.yaml": f"resources: [{', '.join(f'r{at}' for at in range(30_000))}]"},
        {
            "apps/kustomization.yaml": f"generators: [{', '.join('./' * at + 'g.yaml' for at in range(1, 400))}]",
            "apps/g.yaml": f"kind: ConfigMapGenerator\nfiles: [{'a, ' * 20_000}]",
        },
        {
            "apps/kustomization.yaml": f"generators: [{', '.join('./' * at + 'g' for at in range(1, 400))}]",
            "apps/g/kustomization.yaml": f"resources: [{'a.yaml, ' * 2_000}]",
            "apps/g/a.yaml": "kind: ConfigMapGenerator",
        },
    ],
    ids=["references", "a plugin that is named again and again", "a folder of plugins that is"],
)
def test_more_references_than_anybody_has_are_refused_in_a_moment(files: dict[str, str]) -> None:
    """Each Kustomization that such a folder concerns is walked through, before anything is rendered."""
    before = time.process_time()
    found = closure(files)
    assert found.refusal.endswith("it refers to more than 20000 files: too many to be followed")
    assert not found.complete
    assert time.process_time() - before < 6


def test_a_kustomization_file_of_very_many_values_is_refused() -> None:
    """What is read of a megabyte of them would take two hundred, for each such file."""
    assert "apps/kustomization.yaml: grows beyond" in of_root(f"resources: []\na: [{'a,' * 60_000}]").refusal


def test_what_is_kept_of_many_files_is_bounded_and_read_again() -> None:
    kept = KeptReadings()
    content = f"resources: [a]\nlabels: [{'a,' * 40_000}]".encode()
    first = kept.get("0", content)
    for number in range(20):
        assert kept.get(str(number), content) is kept.get(str(number), content)
    assert len(kept._kept) == 4
    again = kept.get("0", content)
    assert first is not None
    assert again is not None
    assert again is not first
    assert list(again.texts("resources")) == ["a"]


def test_many_walks_through_a_large_tree_are_fast() -> None:
    files = {f"apps/a{at}/kustomization.yaml": b"resources: [../../base]" for at in range(200)}
    files |= {f"base/r{at}.yaml": b"kind: ConfigMap\n" * 20 for at in range(200)}
    files |= {f"other/{at % 100}/{at}.yaml": b"a: b" for at in range(15_000)}
    files["base/kustomization.yaml"] = ("resources:\n" + "".join(f"- r{at}.yaml\n" for at in range(200))).encode()
    before = time.process_time()
    index = TreeIndex(Tree(files))
    for at in range(200):
        found = closure_of(index, Kustomization(KustomizationId("c", "ns", "n"), {"path": f"apps/a{at}"}))
        assert "base/r7.yaml" in found.files
    assert time.process_time() - before < 10
