"""Every kind of row, on a real API server with the real controllers: what is said of it, and that it is so."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Protocol

import pytest
from report_stage import ReportStage, codes, config_map, flux_object, report_stage, row_of, said, write
from scene_stage import Artifacts

from gitops_bot.models.reports import RowState, Verdict
from gitops_bot.sandbox.cluster import Cluster
from gitops_bot.sandbox.tools.bring import Toolbox

KEEP = {"kustomize.toolkit.fluxcd.io/prune": "disabled"}


class Opens(Protocol):
    """Opens a stage with settings of ``watch``."""

    async def __call__(self, **watch: Any) -> ReportStage: ...


@pytest.fixture
async def opens(
    cluster: Cluster, namespace: str, kubeconfig: Path, tools: Toolbox, tmp_path: Path, artifacts: Artifacts
) -> AsyncIterator[Opens]:
    async with AsyncExitStack() as stack:

        async def opened(**watch: Any) -> ReportStage:
            stage = report_stage(cluster, namespace, kubeconfig, tools.path("flux"), tmp_path, artifacts, **watch)
            return await stack.enter_async_context(stage)

        yield opened


def from_(kind: str, name: str) -> dict[str, Any]:
    return {"sourceRef": {"kind": kind, "name": name}}


async def test_artifacts_that_are_mapped_are_looked_at_like_the_rest(opens: Opens, namespace: str) -> None:
    told = {"namespace": namespace, "repository": f"acme/{namespace}", "branch": "main"}
    stage = await opens(
        artifacts=(
            {**told, "kind": "OCIRepository", "name": "pushed", "path": "deploy"},
            {**told, "kind": "Bucket", "name": "copied"},
            {**told, "kind": "OCIRepository", "name": "other", "repository": "acme/other"},
        )
    )
    packed = {"web/web.yaml": write(config_map("web", namespace, a="1"))}
    files = {f"deploy/{path}": text for path, text in packed.items()}
    files |= {"apps/apps.yaml": write(config_map("apps", namespace, a="1"))}
    stage.open(files)
    # The artifact holds the folder only: its paths are counted from there.
    stage.source("OCIRepository", "pushed", packed, url=f"oci://registry.example/acme/{namespace}")
    theirs = {"web/web.yaml": write(config_map("other", namespace, a="1"))}
    stage.source("OCIRepository", "other", theirs, url=f"oci://registry.example/acme/{namespace}-other")
    stage.source("Bucket", "copied", files, bucketName=namespace, endpoint="bucket.example")
    stage.cluster.api.apply(
        [
            stage.kustomization("pushed", "./web", **from_("OCIRepository", "pushed")),
            stage.kustomization("copied", "./apps", **from_("Bucket", "copied")),
            stage.kustomization("other", "./web", **from_("OCIRepository", "other")),
        ]
    )
    stage.applied("copied", anything=True)
    stage.applied("pushed", anything=True)
    changed = {"deploy/web/web.yaml": write(config_map("web", namespace, a="2"))}
    found = await stage.report(files | changed)
    (row,) = found.rows
    assert (row.id.name, said(row)) == ("pushed", ["change ConfigMap/web (pull_request)", "  data.a: 1 -> 2"])
    # Flux says which commit the artifact was made of, so that nothing is in doubt.
    assert (found.left_out, row.notes, row.findings) == ((), (), ())
    # Files of a packed folder go by other names there: none of them counts as known to the gate.
    assert found.files == ()
    found = await stage.report(files | {"apps/apps.yaml": write(config_map("apps", namespace, a="2"))})
    assert [row.id.name for row in found.rows] == ["copied"]
    assert found.files == ("apps/apps.yaml",)
    assert (await stage.report(files | {"web/web.yaml": "a: 1"})).verdict is Verdict.NO_EFFECT


async def test_what_cannot_be_followed_is_named_where_this_repository_is_concerned(
    opens: Opens, namespace: str
) -> None:
    stage = await opens()
    files = {"apps/apps.yaml": write(config_map("apps", namespace, a="1")), "more/more.yaml": "a: 1"}
    stage.open(files)
    registry = "oci://registry.example/acme"
    sources = [
        flux_object("OCIRepository", "ours", namespace, url=f"{registry}/{namespace}-deploy"),
        flux_object("OCIRepository", "theirs", namespace, url=f"{registry}/something-else"),
        flux_object("GitRepository", "tagged", namespace, url=stage.url, ref={"semver": ">=1.0"}),
        flux_object("GitRepository", "release", namespace, url=stage.url, ref={"branch": "release"}),
        flux_object(
            "GitRepository",
            "takes-in",
            namespace,
            url="https://github.com/acme/something-else",
            include=[{"repository": {"name": "fleet"}}],
        ),
    ]
    for source in sources:
        source["spec"] |= {"interval": "60m", "suspend": True}
    stage.cluster.api.apply(sources)
    stage.cluster.api.apply(
        [
            stage.kustomization(
                source["metadata"]["name"], "./apps", **from_(source["kind"], source["metadata"]["name"])
            )
            for source in sources
        ]
    )
    found = await stage.report(files | {"more/more.yaml": "a: 2"})
    # No row, no verdict, no reason for a message: one line in whatever is told otherwise.
    assert (found.verdict, found.rows, found.findings) == (Verdict.NO_EFFECT, (), ())
    assert {(one.id.name, one.at_once) for one in found.left_out} == {("ours", True), ("takes-in", True)}
    assert not found.complete_without_a_person
    # What the next tag brings is named when it is built from what changes.
    found = await stage.report(files | {"apps/apps.yaml": write(config_map("apps", namespace, a="2"))})
    assert {(one.id.name, one.at_once) for one in found.left_out} == {
        ("ours", True),
        ("takes-in", True),
        ("tagged", False),
    }


async def test_a_source_that_the_pull_request_fills_otherwise(opens: Opens, namespace: str) -> None:
    stage = await opens()
    registry = "oci://registry.example/acme/else"
    source = flux_object("OCIRepository", "pinned", namespace, url=registry, interval="60m", ref={"tag": "v1"})
    source["spec"]["suspend"] = True
    other = {**source, "spec": {**source["spec"], "ref": {"tag": "v2"}}}
    files = {"sources/pinned.yaml": write(source)}
    stage.open(files, stage.kustomization("sources", "./sources"))
    stage.cluster.api.apply([stage.kustomization("fed", "./", **from_("OCIRepository", "pinned"))])
    found = await stage.report({"sources/pinned.yaml": write(other)})
    fed = row_of(found, "fed")
    assert (fed.state, list(codes(fed))) == (RowState.NOT_ANALYSED, ["not-analysed"])
    assert fed.reason == f"its source OCIRepository {namespace}/pinned changes: ref"
    (content,) = row_of(found, "sources").contents
    assert content.before is not None
    assert content.after is not None
    assert (content.before.version, content.after.version) == ("v1", "v2")
    assert found.verdict is Verdict.INCOMPLETE


async def test_suspended_remote_unchanged_and_not_reproducible(opens: Opens, namespace: str) -> None:
    stage = await opens()
    files = {
        "paused/paused.yaml": write(config_map("paused", namespace, a="1")),
        "remote/remote.yaml": write(config_map("remote", namespace, a="1")),
        "same/same.yaml": write(config_map("same", namespace, a="1")),
        "mixed/mixed.yaml": write(config_map("mixed", namespace, a="1")),
    }
    stage.open(files, stage.kustomization("paused", "./paused"), stage.kustomization("same", "./same"))
    mixing = flux_object(
        "GitRepository",
        "mixing",
        namespace,
        url=stage.url,
        ref={"branch": "main"},
        interval="60m",
        suspend=True,
        include=[{"repository": {"name": "other"}}],
    )
    stage.cluster.api.apply(
        [
            stage.kustomization("paused", "./paused", suspend=True),
            mixing,
            stage.kustomization("remote", "./remote", kubeConfig={"secretRef": {"name": "elsewhere"}}),
            stage.kustomization("mixed", "./mixed", **from_("GitRepository", "mixing")),
        ]
    )
    changed = {path: text.replace("'1'", "'2'") for path, text in files.items()}
    changed["same/same.yaml"] = files["same/same.yaml"] + "# a comment\n"
    found = await stage.report(changed)
    paused = row_of(found, "paused")
    assert (paused.state, said(paused)) == (
        RowState.SUSPENDED,
        ["change ConfigMap/paused (pull_request)", "  data.a: 1 -> 2"],
    )
    assert paused.notes == ("suspended: nothing happens before it is resumed",)
    remote = row_of(found, "remote")
    assert (remote.state, list(codes(remote)), remote.changes) == (RowState.REMOTE, ["remote"], ())
    same = row_of(found, "same")
    assert (same.state, same.reason) == (RowState.UNCHANGED, "same/same.yaml changes")
    mixed = row_of(found, "mixed")
    assert mixed.state is RowState.NOT_ANALYSED
    assert "spec.include copies files from other sources into it" in mixed.findings[0].message
    assert found.verdict is Verdict.INCOMPLETE


async def test_removed_with_everything_or_leaving_orphans(opens: Opens, namespace: str) -> None:
    stage = await opens()
    cases: dict[str, dict[str, Any]] = {
        "all": {},
        "off": {"prune": False},
        "orphan": {"deletionPolicy": "Orphan"},
        "delete": {"prune": False, "deletionPolicy": "Delete"},
    }
    keeps = config_map("keeps", namespace, a="1")
    keeps["metadata"]["annotations"] = KEEP
    files = {f"{name}/x.yaml": write(config_map(name, namespace, a="1")) for name in cases}
    files["all/keeps.yaml"] = write(keeps)
    children = {
        f"root/{name}.yaml": write(stage.kustomization(name, f"./{name}", **spec)) for name, spec in cases.items()
    }
    files |= children | {"root/root.yaml": write(config_map("root", namespace, a="1"))}
    stage.open(files, stage.kustomization("root", "./root"))
    for name in cases:
        stage.applied(name)
    result = {path: text for path, text in files.items() if path not in children}
    found = await stage.report(result)
    rows = {name: row_of(found, name) for name in cases}
    assert {row.state for row in rows.values()} == {RowState.REMOVED}
    assert {name: [str(change.object.name) for change in row.changes] for name, row in rows.items()} == {
        "all": ["all"],
        "off": [],
        "orphan": [],
        "delete": ["delete"],
    }
    assert {name: [finding.message for finding in row.findings] for name, row in rows.items()} == {
        "all": [f"ConfigMap/{namespace}/keeps stays in the cluster: it says prune: disabled."],
        "off": [f"ConfigMap/{namespace}/off stays in the cluster: prune is off."],
        "orphan": [f"ConfigMap/{namespace}/orphan stays in the cluster: deletionPolicy is Orphan."],
        "delete": [],
    }
    # The parent before its children, the others by name.
    assert [row.id.name for row in found.rows] == ["root", "all", "delete", "off", "orphan"]
    stage.merge(result, "root")
    for name in cases:
        stage.gone("Kustomization", name)
    there = {name: stage.live("ConfigMap", name) is not None for name in (*cases, "keeps")}
    assert there == {"all": False, "off": True, "orphan": True, "delete": False, "keeps": True}


async def test_dependencies_order_the_report_and_a_circle_is_told(opens: Opens, namespace: str) -> None:
    stage = await opens()
    names = ("a", "b", "c", "d")
    files = {f"{name}/{name}.yaml": write(config_map(name, namespace, v="1")) for name in names}
    depends: dict[str, list[str]] = {"a": ["c"], "b": [], "c": ["d"], "d": []}
    stage.open(
        files,
        *(
            stage.kustomization(name, f"./{name}", dependsOn=[{"name": other} for other in depends[name]])
            for name in names
        ),
    )
    changed = {path: text.replace("'1'", "'2'") for path, text in files.items()}
    found = await stage.report(changed)
    assert [row.id.name for row in found.rows] == ["b", "d", "c", "a"]
    stage.cluster.api.apply([stage.kustomization("d", "./d", dependsOn=[{"name": "a"}])])
    found = await stage.report(changed)
    assert [row.id.name for row in found.rows] == ["b", "a", "d", "c"]
    assert list(codes(row_of(found, "b"))) == []
    (finding,) = [one for one in row_of(found, "c").findings if one.code == "dependency-cycle"]
    assert finding.message == f"It waits for itself: {namespace}/a, {namespace}/c, {namespace}/d depend on each other."
