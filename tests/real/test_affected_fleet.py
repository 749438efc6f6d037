"""``gitops-bot affected`` on a fleet of two clusters, with real flux and a real clone."""

import contextlib
import subprocess
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from generated_fleets import SOURCE, config_map, dump, flux_kustomization
from offline_flux import OfflineFlux, write_tree

from gitops_bot.config import FluxSettings
from gitops_bot.errors import GitError
from gitops_bot.flux import FluxDoor
from gitops_bot.git.local_clone import LocalClone
from gitops_bot.journeys.find_affected import find_affected, find_affected_in_clone
from gitops_bot.journeys.offline_renders import OfflineSession
from gitops_bot.models.kustomizations import ClusterCredentials
from gitops_bot.models.tree import Tree
from gitops_bot.rules.fleet import fleet_of
from gitops_bot.sandbox.tools.bring import Toolbox

Change = Mapping[str, bytes | None]


def _cluster(name: str) -> dict[str, bytes]:
    folder = f"clusters/{name}"
    waits = [{"op": "add", "path": "/spec/wait", "value": True}]
    reads = {"substituteFrom": [{"kind": "ConfigMap", "name": "vars"}]}
    substitutes = [{"op": "add", "path": "/spec/postBuild", "value": reads}]
    patches = [
        {"target": {"kind": "Kustomization", "name": child}, "patch": yaml.safe_dump(patch)}
        for child, patch in (("apps", waits), ("flux-system", substitutes))
    ]
    variables = config_map("vars", env=name, colour="blue", unused="x")
    variables["metadata"]["namespace"] = "flux-system"
    resources = ["flux-system/gotk-sync.yaml", "apps.yaml", "vars.yaml", "infra.yaml", "charts.yaml"]
    return {
        f"{folder}/flux-system/gotk-sync.yaml": dump(SOURCE, flux_kustomization("flux-system", f"./{folder}")),
        f"{folder}/kustomization.yaml": dump({"resources": resources, "patches": patches}),
        # The path of this child stands in a variable.
        f"{folder}/apps.yaml": dump(flux_kustomization("apps", "./apps/${env}")),
        f"{folder}/vars.yaml": dump(variables),
        f"{folder}/infra.yaml": dump(flux_kustomization("infra", "./infra", postBuild=reads)),
        f"{folder}/charts.yaml": dump(
            flux_kustomization("charts", "./", sourceRef={"kind": "OCIRepository", "name": "charts"})
        ),
        f"apps/{name}/kustomization.yaml": dump({"resources": ["../base"], "namePrefix": f"{name}-"}),
    }


FILES = {
    **_cluster("prod"),
    **_cluster("staging"),
    "README.md": b"read me",
    "apps/base/kustomization.yaml": dump({"resources": ["app.yaml", "tenant.yaml"]}),
    "apps/base/app.yaml": dump(config_map("app", colour="blue")),
    "apps/base/tenant.yaml": dump(flux_kustomization("tenant", "./tenants/a")),
    "tenants/a/x.yaml": dump(config_map("x", v="one")),
    "infra/x.yaml": dump(config_map("infra", v="${colour}")),
}
# Both clusters have one that is filled from elsewhere: it is named each time.
OCI = {("prod", "charts", "not-analysed"), ("staging", "charts", "not-analysed")}


def both(name: str, reason: str) -> set[tuple[str, str, str]]:
    return {("prod", name, reason), ("staging", name, reason)}


def changed(change: Change) -> dict[str, bytes]:
    return {path: content for path, content in {**FILES, **change}.items() if content is not None}


def replaced(path: str, old: str, new: str) -> Change:
    assert old.encode() in FILES[path]
    return {path: FILES[path].replace(old.encode(), new.encode())}


@pytest.fixture
def flux(tools: Toolbox) -> OfflineFlux:
    return OfflineFlux(tools.path("flux"))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param({"README.md": b"other"}, set(), id="README"),
        # The prefix of each overlay makes the child another one: the namePrefix is part of its name.
        pytest.param({"apps/base/app.yaml": dump(config_map("app", colour="red"))}, both("apps", "changed"), id="base"),
        pytest.param(
            {"tenants/a/x.yaml": dump(config_map("x", v="two"))},
            {("prod", "prod-tenant", "changed"), ("staging", "staging-tenant", "changed")},
            id="grandchild",
        ),
        pytest.param(
            replaced("apps/base/tenant.yaml", "./tenants/a", "./tenants/b"),
            {
                *both("apps", "changed"),
                # The new path does not exist.
                ("prod", "prod-tenant", "error"),
                ("staging", "staging-tenant", "error"),
            },
            id="child's path",
        ),
        pytest.param(
            {"apps/prod/kustomization.yaml": dump({"resources": ["../base"], "namePrefix": "new-"})},
            {("prod", "apps", "changed"), ("prod", "prod-tenant", "removed"), ("prod", "new-tenant", "added")},
            id="child's name",
        ),
        pytest.param(
            replaced("clusters/prod/vars.yaml", "colour: blue", "colour: red"),
            {("prod", "flux-system", "changed"), ("prod", "infra", "changed")},
            id="variable of another Kustomization",
        ),
        pytest.param(
            replaced("clusters/prod/vars.yaml", "unused: x", "unused: y"),
            {("prod", "flux-system", "changed")},
            id="variable that nobody uses",
        ),
        pytest.param(
            replaced("clusters/prod/vars.yaml", "env: prod", "env: staging"),
            {
                ("prod", "flux-system", "changed"),
                ("prod", "apps", "spec-changed"),
                ("prod", "prod-tenant", "removed"),
                ("prod", "staging-tenant", "added"),
            },
            id="variable in a child's path",
        ),
        pytest.param(
            replaced("clusters/staging/infra.yaml", "interval: 1h", "interval: 2h"),
            {("staging", "flux-system", "changed"), ("staging", "infra", "spec-changed")},
            id="spec",
        ),
        pytest.param(
            {
                "clusters/staging/infra.yaml": None,
                **replaced("clusters/staging/kustomization.yaml", "- infra.yaml\n", ""),
            },
            {("staging", "flux-system", "changed"), ("staging", "infra", "removed")},
            id="removed",
        ),
        pytest.param({"infra/x.yaml": b"a: ["}, both("infra", "error"), id="broken"),
        pytest.param({".sourceignore": b"infra/x.yaml"}, both("infra", "error"), id="ignored"),
        pytest.param(
            {path: None for path in FILES if path.startswith("clusters/staging/")},
            {
                ("staging", "flux-system", "removed"),
                ("staging", "apps", "removed"),
                ("staging", "infra", "removed"),
                ("staging", "staging-tenant", "removed"),
                # It is gone with its cluster: nothing of it is left to look at.
                ("staging", "charts", "removed"),
            },
            id="a cluster goes",
        ),
        pytest.param(
            {
                "clusters/dev/flux-system/gotk-sync.yaml": dump(
                    SOURCE, flux_kustomization("flux-system", "./clusters/dev")
                ),
                "clusters/dev/infra.yaml": dump(flux_kustomization("infra", "./infra")),
            },
            {("dev", "flux-system", "added"), ("dev", "infra", "added")},
            id="a cluster comes",
        ),
    ],
)
async def test_what_a_change_touches(flux: OfflineFlux, change: Change, expected: set[tuple[str, str, str]]) -> None:
    rows = await find_affected(flux, Tree(FILES), Tree(changed(change)))
    found = {(row.cluster, row.name, row.reason.value) for row in rows}
    assert found - OCI == expected, [row.because for row in rows]
    assert all(row.because for row in rows)


async def test_clusters_can_be_chosen_and_a_list_of_kubectl_costs_nothing_for_a_readme(flux: OfflineFlux) -> None:
    change = {"apps/base/app.yaml": dump(config_map("app", colour="red"))}
    rows = await find_affected(flux, Tree(FILES), Tree(changed(change)), clusters=["prod"])
    assert {row.cluster for row in rows} == {"prod"}
    listed = yaml.safe_dump_all([flux_kustomization("apps", "./apps/prod"), flux_kustomization("gone", "./not/here")])
    fleet = fleet_of("-", listed, "live")
    before = flux.runs
    rows = await find_affected(flux, Tree(FILES), Tree(changed({"README.md": b"x"})), fleets=[fleet])
    assert flux.runs == before
    assert [(row.name, row.reason.value, row.because) for row in rows] == [
        ("gone", "not-analysed", "./not/here is not in this repository")
    ]
    rows = await find_affected(flux, Tree(FILES), Tree(changed(change)), fleets=[fleet])
    assert ("live", "apps", "changed") in {(row.cluster, row.name, row.reason.value) for row in rows}


async def test_a_folder_of_clusters_without_bootstrap_is_looked_at_all_the_same(flux: OfflineFlux) -> None:
    files = {path: content for path, content in FILES.items() if not path.endswith("gotk-sync.yaml")}
    for name in ("prod", "staging"):
        infra = flux_kustomization("infra", "./infra")
        files |= {f"clusters/{name}/kustomization.yaml": dump({"resources": ["infra.yaml"], "nameSuffix": f"-{name}"})}
        files |= {f"clusters/{name}/infra.yaml": dump(infra)}
    rows = await find_affected(flux, Tree(files), Tree({**files, "infra/x.yaml": dump(config_map("x", v="two"))}))
    # Patched names, and nothing of the root that no file states.
    assert [(row.cluster, row.name, row.reason.value) for row in rows] == [
        ("prod", "infra-prod", "changed"),
        ("staging", "infra-staging", "changed"),
    ]


async def test_a_source_that_the_change_itself_fills_otherwise_is_named(flux: OfflineFlux) -> None:
    change = replaced("clusters/prod/flux-system/gotk-sync.yaml", "branch: main", "branch: other")
    rows = await find_affected(flux, Tree(FILES), Tree(changed(change)), clusters=["prod"])
    assert {(row.name, row.reason.value) for row in rows} >= {("apps", "not-analysed"), ("infra", "not-analysed")}
    assert {row.because for row in rows if row.name == "infra"} == {
        "its source GitRepository/flux-system/flux-system changes: ref"
    }


class _Door:
    """FluxDoor without a cluster: nothing that is asked here needs one."""

    def __init__(self, door: FluxDoor) -> None:
        self._door = door

    def offline(self, trees: Mapping[str, Tree]) -> AbstractAsyncContextManager[OfflineSession]:
        nowhere = ClusterCredentials("https://127.0.0.1:9", "", "", datetime.now(UTC))
        return self._door.session(nowhere, trees)


def _commit(folder: Path, files: Mapping[str, bytes], *, branch: str) -> None:
    def git(*arguments: str) -> None:
        subprocess.run(
            ["git", "-c", "user.name=T", "-c", "user.email=t@example.invalid", *arguments],
            cwd=folder,
            check=True,
            capture_output=True,
        )

    if not (folder / ".git").exists():
        git("init", "--quiet", "--initial-branch=main")
    else:
        git("checkout", "--quiet", "-B", branch, "main")
        git("rm", "--quiet", "-r", ".")
    write_tree(files, folder)
    git("add", "--all", "--force")
    git("commit", "--quiet", "--message=x")


async def test_a_real_clone_and_flux_in_its_cage_give_the_same_list(tools: Toolbox, tmp_path: Path) -> None:
    _commit(tmp_path, FILES, branch="main")
    wanted: dict[str, Any] = changed({"apps/base/app.yaml": dump(config_map("app", colour="red"))})
    _commit(tmp_path, wanted, branch="red")
    _commit(tmp_path, changed({"apps/base/app.yaml": dump(config_map("app", colour="green"))}), branch="green")
    async with (
        FluxDoor(FluxSettings(binary=str(tools.path("flux")), concurrency=2)) as door,
        LocalClone(tmp_path) as clone,
    ):
        rows = await find_affected_in_clone(clone, _Door(door), "main", "red")
        assert {(row.cluster, row.name, row.reason.value) for row in rows} - OCI == both("apps", "changed")
        assert await find_affected_in_clone(clone, _Door(door), "main", "main", clusters=["none"]) == ()
        with pytest.raises(GitError, match=r"green conflicts with red in apps/base/app.yaml"):
            await find_affected_in_clone(clone, _Door(door), "red", "green")
        with contextlib.suppress(GitError):
            await find_affected_in_clone(clone, _Door(door), "main", "nowhere")
            pytest.fail("a revision that is not there is an error")
