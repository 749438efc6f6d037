# ruff: noqa: E501  (a table: an input is one value)
"""What a pull request may bring along that nobody should: each input with its verdict, or the test that has it.

The groups and their order are those of the list of bad inputs that this program was designed against.
A verdict is what build and diff come to with the real flux: "refused" before flux is started, "failed" with a
reason that people can read, "fine" when it is an ordinary answer.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cage import config_map, text_of

from gitops_bot.models.tree import Tree

REFUSED, FAILED, FINE = "refused", "failed", "fine"


@dataclass(frozen=True)
class Setting:
    """What an input is made for: a namespace, a server that must not be called, a file that must not be read."""

    namespace: str
    server: str
    outside: str


@dataclass(frozen=True)
class BadInput:
    """One input. ``test`` names the tests that have it where it needs more than a tree and a spec."""

    area: str
    name: str
    build: str = ""
    diff: str = ""
    says: str = ""
    tree: Callable[[Setting], Mapping[str, bytes] | Tree] | None = None
    spec: Mapping[str, Any] = field(default_factory=dict)
    test: str = ""


def _yaml(name: str, content: bytes | str, build: str, diff: str = "", says: str = "") -> BadInput:
    """One file beside a good one."""
    data = content if isinstance(content, bytes) else content.encode()

    def tree(setting: Setting) -> Mapping[str, bytes]:
        good = text_of(config_map("good", setting.namespace))
        return {"apps/good.yaml": good, "apps/bad.yaml": data.replace(b"NAMESPACE", setting.namespace.encode())}

    return BadInput("YAML", name, build, diff or build, says, tree)


def _kustomize(name: str, fields: Any, build: str, diff: str = "", says: str = "", **files: str) -> BadInput:
    """A kustomization; SERVER and OUTSIDE in it become an address and a path."""

    def tree(setting: Setting) -> Mapping[str, bytes]:
        text = fields if isinstance(fields, str) else json.dumps(fields)
        text = text.replace("SERVER", setting.server).replace("OUTSIDE", setting.outside)
        made = {path: content.encode() for path, content in files.items()}
        return {
            "apps/kustomization.yaml": text.encode(),
            "apps/a.yaml": text_of(config_map("a", setting.namespace, a="x")),
            **made,
        }

    return BadInput("kustomize", name, build, diff or build, says, tree)


def _tested(area: str, name: str, test: str) -> BadInput:
    return BadInput(area, name, test=test)


def _bomb() -> bytes:
    lines = ["kind: ConfigMap", "metadata: {name: bomb}", "a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{at}: &a{at} [{', '.join([f'*a{at - 1}'] * 9)}]" for at in range(1, 12)]
    return "\n".join(lines).encode()


def _object(text: str) -> str:
    return f"apiVersion: v1\nkind: {text}\n"


_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bad, namespace: NAMESPACE}\n"

YAML = (
    _yaml("alias bomb of 524 bytes", _bomb()[:524].rsplit(b"\n", 1)[0], REFUSED, says="aliases"),
    _yaml("alias bomb", _bomb(), REFUSED, says="aliases"),
    _yaml(
        "merge keys that grow",
        _MAP + "a: &a {x: 1}\n" + "".join(f"b{n}: &b{n} {{<<: [{'*a, ' * 99}*a]}}\n" for n in range(99)),
        REFUSED,
    ),
    _yaml("20,000 lists in each other", b"a: " + b"[" * 20_000 + b"]" * 20_000, FAILED),
    _yaml("20,000 lists below each other", b"- " * 20_000 + b"x", FAILED),
    BadInput(
        "YAML",
        "scalar of 100 MB",
        REFUSED,
        REFUSED,
        "too large",
        lambda setting: Tree(
            {"apps/a.yaml": text_of(config_map("a", setting.namespace))}, oversized=frozenset({"apps/big.yaml"})
        ),
    ),
    _yaml("10,000 documents", b"---\n" * 10_000, FINE),
    _yaml("byte order mark", b"\xef\xbb\xbf" + _MAP.encode(), FINE),
    _yaml("UTF-16", (_MAP.replace("NAMESPACE", "x")).encode("utf-16"), FINE, FAILED, 'namespaces "x" not found'),
    _yaml("NUL", _MAP.encode() + b"data: {a: \0}\n", FAILED),
    _yaml("tabs", b"kind: ConfigMap\n\tmetadata: {}\n", FAILED),
    _yaml("duplicate keys", _MAP + "data: {a: x}\ndata: {a: y}\n", FAILED),
    _yaml("!!binary", _MAP + "data: {a: !!binary aGVsbG8=}\n", FINE),
    _yaml("NaN", _MAP + "data: {a: .nan}\n", FAILED),
    _yaml(
        "List of List",
        _object("List")
        + "items: [{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: ConfigMap, metadata: {name: bad, namespace: NAMESPACE}}]}]\n",
        FINE,
    ),
    _yaml("no name", _object("ConfigMap") + "metadata: {namespace: NAMESPACE}\n", FAILED),
    _yaml("metadata: null", _object("ConfigMap") + "metadata: null\n", FAILED),
    _yaml("generateName", _object("ConfigMap") + "metadata: {generateName: x}\n", FAILED),
    _yaml(
        "Secret with a number as data",
        _object("Secret") + "metadata: {name: bad, namespace: NAMESPACE}\ndata: {a: 1}\n",
        FAILED,
    ),
    _yaml("Secret without data", _object("Secret") + "metadata: {name: bad, namespace: NAMESPACE}\ndata: null\n", FINE),
    _yaml("name with ESC", _object("ConfigMap") + 'metadata: {name: "\\e[31m", namespace: NAMESPACE}\n', FINE, FAILED),
    _yaml("name with an emoji", _object("ConfigMap") + "metadata: {name: 🎉, namespace: NAMESPACE}\n", FINE, FAILED),
)

_ADDRESS = "an address: nothing is fetched"
_OUTSIDE = "outside of the repository"

KUSTOMIZE = (
    _kustomize("http", {"resources": ["SERVER/x.yaml"]}, REFUSED, says=_ADDRESS),
    _kustomize(
        "https, a git repository",
        {"resources": ["https://github.com/acme/base//apps?ref=main"]},
        REFUSED,
        says=_ADDRESS,
    ),
    _kustomize("git without a scheme", {"resources": ["github.com/acme/base//apps"]}, REFUSED, says=_ADDRESS),
    _kustomize("git over ssh", {"resources": ["ssh://git@example.com/x.git"]}, REFUSED, says=_ADDRESS),
    _kustomize("scp", {"resources": ["git@github.com:acme/base.git"]}, REFUSED, says=_ADDRESS),
    _kustomize("file://", {"resources": ["file:///etc"]}, REFUSED, says=_ADDRESS),
    _kustomize(
        "redirect to the metadata service",
        {"configMapGenerator": [{"name": "x", "files": ["a=SERVER/redirect"]}]},
        REFUSED,
        says=_ADDRESS,
    ),
    _kustomize("metadata service", {"resources": ["http://169.254.169.254/latest/meta-data"]}, REFUSED, says=_ADDRESS),
    _kustomize(
        "slow body", {"configMapGenerator": [{"name": "x", "files": ["a=SERVER/slow"]}]}, REFUSED, says=_ADDRESS
    ),
    _kustomize("?timeout=9999h", {"resources": ["SERVER/x.git?timeout=9999h"]}, REFUSED, says=_ADDRESS),
    _kustomize("address in capitals", {"resources": ["HTTP://127.0.0.1/x.yaml"]}, REFUSED, says=_ADDRESS),
    _kustomize("address in a field of another case", 'RESOURCES: ["SERVER/x.yaml"]', REFUSED, says=_ADDRESS),
    _kustomize("address behind a merge key", "x: &x {resources: [SERVER/x.yaml]}\n<<: *x\n", REFUSED, says=_ADDRESS),
    _kustomize("address in base64", "resources: [!!binary aHR0cDovLzEyNy4wLjAuMS94]\n", REFUSED, says=_ADDRESS),
    _kustomize(
        "address in a second key of the same name",
        "resources: [a.yaml]\nresources: [SERVER/x.yaml]\n",
        REFUSED,
        says=_ADDRESS,
    ),
    _kustomize("absolute path", {"resources": ["OUTSIDE"]}, REFUSED, says=_OUTSIDE),
    _kustomize("../..", {"resources": ["../../../../../../../../../..OUTSIDE"]}, REFUSED, says=_OUTSIDE),
    _kustomize(
        "environment of the process",
        {"configMapGenerator": [{"name": "kube-root-ca.crt", "files": ["x=/proc/self/environ"]}]},
        REFUSED,
        says=_OUTSIDE,
    ),
    _kustomize(
        "bases in a circle", {"resources": ["../other"]}, FAILED, **{"other/kustomization.yaml": "resources: [../apps]"}
    ),
    _kustomize(
        "components in a circle",
        {"components": ["../other"]},
        FAILED,
        **{
            "other/kustomization.yaml": "kind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\ncomponents: [../other]"
        },
    ),
    BadInput(
        "kustomize",
        "kustomization.yaml is a link to /proc/self/environ",
        REFUSED,
        REFUSED,
        "symbolic link",
        lambda setting: Tree(
            {"apps/a.yaml": text_of(config_map("a", setting.namespace))}
            | {"apps/b/kustomization.yaml": b"resources: [../c]"},
            links=frozenset({"apps/c"}),
        ),
    ),
    BadInput(
        "kustomize",
        "a folder that is a link",
        REFUSED,
        REFUSED,
        "symbolic link",
        lambda setting: Tree(
            {
                "apps/kustomization.yaml": b"resources: [linked/a.yaml]",
                "other/a.yaml": text_of(config_map("a", setting.namespace)),
            },
            links=frozenset({"apps/linked"}),
        ),
    ),
    BadInput(
        "kustomize",
        "names like those of devices",
        FINE,
        FINE,
        "",
        lambda setting: {
            f"apps/{name}.yaml": text_of(config_map(f"a{at}", setting.namespace))
            for at, name in enumerate(("CON", "NUL", "dev|null", "-", "--help", "a b"))
        },
    ),
    _kustomize("helmCharts", {"helmCharts": [{"name": "x", "repo": "https://charts.example.com"}]}, FAILED),
    _kustomize(
        "program as a plugin",
        "generators: ['{apiVersion: v1, kind: X, metadata: {name: x, annotations: {config.kubernetes.io/function: \"exec: {path: /bin/sh}\"}}}']",
        FAILED,
    ),
    _kustomize(
        "container as a plugin",
        "generators: ['{apiVersion: v1, kind: X, metadata: {name: x, annotations: {config.kubernetes.io/function: \"container: {image: evil}\"}}}']",
        FAILED,
    ),
    _kustomize("openapi.path", {"resources": ["a.yaml"], "openapi": {"path": "SERVER/x"}}, REFUSED, says=_ADDRESS),
    _kustomize("crds", {"resources": ["a.yaml"], "crds": ["OUTSIDE"]}, REFUSED, says=_OUTSIDE),
    _kustomize(
        "replacements out of a Secret",
        "resources: [a.yaml, s.yaml]\nreplacements: [{source: {kind: Secret, fieldPath: stringData.p}, targets: [{select: {kind: ConfigMap}, fieldPaths: [data.a]}]}]",
        FINE,
        **{
            "apps/s.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: default}\nstringData: {p: from-a-secret}\n"
        },
    ),
    _tested("kustomize", "hundreds of resources", "tests/real/test_wide_pull_request.py"),
    BadInput(
        "kustomize",
        "three names of a kustomization at once",
        FAILED,
        FAILED,
        "",
        lambda setting: (
            {"apps/a.yaml": text_of(config_map("a", setting.namespace))}
            | {
                f"apps/{name}": b"resources: [a.yaml]"
                for name in ("kustomization.yaml", "kustomization.yml", "Kustomization")
            }
        ),
    ),
    _kustomize("an empty overlay", "", FINE),
    _kustomize("an overlay without resources", {"namePrefix": "x-"}, FINE),
    _tested(
        "kustomize",
        "an address that a patch writes into a generator",
        "tests/real/test_hostile_trees.py::test_what_is_patched_into_a_plugin_is_not_fetched_either",
    ),
    _tested("kustomize", ".sourceignore that hides files", "tests/unit/test_source_ignore.py"),
    _tested(
        "kustomize",
        "kustomization.yaml is a folder",
        "tests/real/test_hostile_trees.py::test_a_kustomization_file_that_is_a_folder_is_no_deletion_of_everything",
    ),
)

_ONE = lambda setting: {"apps/a.yaml": text_of(config_map("a", setting.namespace, a="${A}"))}  # noqa: E731 # short on purpose


def _flux(name: str, spec: Mapping[str, Any], build: str, diff: str = "", says: str = "") -> BadInput:
    return BadInput("flux", name, build, diff or build, says, _ONE, spec)


FLUX = (
    _flux(
        "substituteFrom a Secret that is not there",
        {"postBuild": {"substituteFrom": [{"kind": "Secret", "name": "nope"}]}},
        FAILED,
        says="not found",
    ),
    _flux(
        "substituteFrom, optional",
        {"postBuild": {"substituteFrom": [{"kind": "Secret", "name": "nope", "optional": True}]}},
        FINE,
    ),
    _flux(
        "substituteFrom another namespace",
        {"postBuild": {"substituteFrom": [{"kind": "Secret", "name": "../kube-system/x"}]}},
        FAILED,
        says="not found",
    ),
    _flux("spec.kubeConfig", {"kubeConfig": {"secretRef": {"name": "remote"}}}, REFUSED, says="another cluster"),
    _flux("suspended", {"suspend": True}, FINE),
    _flux("prune off", {"prune": False}, FINE),
    _flux("spec.path that is not there", {"path": "./nowhere"}, FAILED),
    _flux("spec.path outside", {"path": "../../etc"}, REFUSED, says="outside of the repository"),
    _flux("spec.components outside", {"components": ["../../etc"]}, REFUSED, says=_OUTSIDE),
    _tested(
        "flux", "${A:0:1} of a secret", "tests/real/test_flux_runner.py::test_a_reference_that_cuts_a_secret_is_refused"
    ),
    _tested("flux", "$${A}", "tests/unit/test_redaction.py::test_a_reference_to_the_whole_value_is_not"),
    _tested("flux", "two Kustomizations with one path", "tests/unit/test_affected.py"),
    _tested(
        "flux",
        "names over 253 characters",
        "tests/real/test_escapes.py::test_a_name_that_kubernetes_does_not_allow_is_refused",
    ),
    _tested(
        "flux",
        "serviceAccountName without rights",
        "tests/real/test_rights.py::test_a_tenant_learns_nothing_of_what_it_may_not_read",
    ),
    _tested("flux", "OCIRepository and Bucket", "tests/unit/test_feeds.py"),
    _tested("flux", "force", "tests/real/test_scenes.py"),
    _tested("flux", "ssa: ignore", "tests/real/test_scenes.py"),
    _tested("flux", "definition and object in one pull request", "tests/real/test_scenes.py"),
    _tested("flux", "new namespace", "tests/real/test_scenes.py"),
    _tested(
        "flux", "policy or webhook that refuses the dry run", "tests/real/test_leak_hunt.py::test_nothing_planted_is_in"
    ),
    _tested(
        "flux",
        "immutable field",
        "tests/real/test_flux_runner.py::test_an_immutable_field_fails_with_the_servers_words",
    ),
)

_GIT = "tests/contract/test_git_door.py"
GIT = (
    _tested("git", "more than 10,000 files", f"{_GIT}::test_a_tree_past_a_limit_is_refused"),
    _tested(
        "git",
        "LFS pointers, filters, export-ignore, working-tree-encoding",
        f"{_GIT}::test_content_is_what_git_keeps_not_what_attributes_make_of_it",
    ),
    _tested(
        "git",
        "submodules, also with malicious addresses, and links",
        f"{_GIT}::test_links_and_submodules_are_named_and_never_followed",
    ),
    _tested(
        "git", "embedded bare repository, hooks, fsmonitor", f"{_GIT}::test_nothing_that_a_repository_carries_is_run"
    ),
    _tested("git", "settings of this machine", f"{_GIT}::test_hooks_and_settings_of_this_machine_do_not_count"),
    _tested(
        "git",
        "names with newline, ANSI, -rf, --help, trailing dot, twins of case and of normal form",
        f"{_GIT}::test_odd_names_are_kept_apart_and_unchanged",
    ),
    _tested("git", "names that are not UTF-8", f"{_GIT}::test_a_name_that_is_not_utf_8_is_named_and_left_out"),
    _tested("git", "path of 4 kB", f"{_GIT}::test_a_path_of_4_kilobytes"),
    _tested(
        "git", "objects that could harm a disk", f"{_GIT}::test_objects_that_could_harm_a_disk_are_refused_at_the_door"
    ),
    _tested("git", "bomb of folders", f"{_GIT}::test_a_bomb_of_folders_is_stopped"),
    _tested("git", "merge that needs endless memory", f"{_GIT}::test_a_merge_that_needs_endless_memory_is_stopped"),
    _tested("git", "empty commit", f"{_GIT}::test_an_empty_commit_changes_nothing"),
    _tested("git", "unrelated histories", f"{_GIT}::test_unrelated_histories_are_explained"),
    _tested("git", "deleted fork", "tests/unit/test_trust.py::test_a_deleted_fork_is_held"),
    _tested("git", "repository with SHA-256", f"{_GIT}::test_a_sha_256_repository_is_refused_with_the_reason"),
    _tested("git", "ref of the pull request missing", f"{_GIT}::test_a_missing_ref_is_named"),
    _tested("git", "redirect", f"{_GIT}::test_redirects_are_not_followed"),
)

_SINKS = "tests/unit/test_text_sinks.py"
TEXT = (
    _tested("text", "long runs of backticks, </details>", f"{_SINKS}::test_markdown_parses_nothing_of_it"),
    _tested("text", "@org/team, images, reference-style links", f"{_SINKS}::test_markdown_parses_nothing_of_it"),
    _tested("text", "<!channel>, <https://evil|ok>", f"{_SINKS}::test_slack_parses_nothing_of_it"),
    _tested(
        "text",
        "bidi, joiners, tags, \\r, zalgo, surrogate halves",
        "tests/unit/test_cleaning.py::test_what_a_person_does_not_see_is_shown",
    ),
    _tested("text", "ANSI and OSC", f"{_SINKS}::test_a_terminal_gets_no_sequence_of_others"),
    _tested(
        "text", "70 kB bodies", "tests/unit/test_github_comment.py::test_forty_kustomizations_with_fifty_objects_fit"
    ),
    _tested(
        "text",
        "branch of 300 characters, title from right to left",
        "tests/unit/test_slack_message.py::test_any_report_fits_and_foreign_text_is_never_parsed",
    ),
    _tested("text", "script in a page", f"{_SINKS}::test_a_page_runs_and_loads_nothing_of_others"),
)

ALL = (*YAML, *KUSTOMIZE, *FLUX, *GIT, *TEXT)
