"""Values that live elsewhere, on a real API server: whoever substitutes them is shown with those that will be."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from report_stage import ReportStage, codes, config_map, report_stage, row_of, said, write
from scene_stage import Artifacts

from gitops_bot.models.reports import RowState, Verdict
from gitops_bot.sandbox.cluster import Cluster
from gitops_bot.sandbox.tools.bring import Toolbox


@pytest.fixture
async def stage(
    cluster: Cluster, namespace: str, kubeconfig: Path, tools: Toolbox, tmp_path: Path, artifacts: Artifacts
) -> AsyncIterator[ReportStage]:
    async with report_stage(cluster, namespace, kubeconfig, tools.path("flux"), tmp_path, artifacts) as opened:
        yield opened


def reads(*references: str, **inline: str) -> dict[str, Any]:
    """Make ``postBuild`` of ``Kind/name`` or, for one that may be missing, ``Kind/name?``."""
    entries: list[Mapping[str, Any]] = []
    for reference in references:
        kind, _, name = reference.partition("/")
        optional = {"optional": True} if name.endswith("?") else {}
        entries.append({"kind": kind, "name": name.rstrip("?"), **optional})
    return {"substituteFrom": entries, **({"substitute": inline} if inline else {})}


def secret(name: str, namespace: str, **values: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": values}


async def test_a_reader_in_another_kustomization_and_in_the_same_one(stage: ReportStage) -> None:
    here = stage.namespace
    files = {
        "vars/vars.yaml": write(config_map("vars", here, colour="blue")),
        "vars/own.yaml": write(config_map("own", here, colour="${colour:=none}")),
        "web/web.yaml": write(config_map("web", here, colour="${colour}", size="1")),
        "api/api.yaml": write(config_map("api", here, colour="${colour}")),
    }
    stage.open(
        files,
        stage.kustomization("vars", "./vars", postBuild=reads("ConfigMap/vars?")),
        stage.kustomization("web", "./web", postBuild=reads("ConfigMap/vars")),
        stage.kustomization("api", "./api", postBuild=reads("ConfigMap/vars"), dependsOn=[{"name": "vars"}]),
    )
    found = await stage.report(files | {"vars/vars.yaml": write(config_map("vars", here, colour="green"))})
    assert found.verdict is Verdict.CHANGES
    assert said(row_of(found, "web")) == ["change ConfigMap/web (pull_request)", "  data.colour: blue -> green"]
    (note,) = row_of(found, "web").notes
    assert "at its next interval" in note
    (note,) = row_of(found, "api").notes
    assert note.endswith(f"it is applied after {here}/vars, which brings them")
    own = row_of(found, "vars")
    assert "one interval later" in own.notes[0]
    assert "change ConfigMap/vars (pull_request)" in said(own)
    # Parents and dependencies before those that wait for them.
    names = [row.id.name for row in found.rows]
    assert names.index("vars") < names.index("api")
    # The preview was right: this is what the controllers make of it.
    stage.merge(files | {"vars/vars.yaml": write(config_map("vars", here, colour="green"))}, "vars", "web", "api")
    stage.again("web", "api")
    for name in ("web", "api"):
        assert (stage.live("ConfigMap", name) or {})["data"]["colour"] == "green"


async def test_flux_order_of_two_config_maps_a_secret_and_inline_values(stage: ReportStage) -> None:
    here = stage.namespace
    keys = {"a": "1", "b": "1", "c": "1", "d": "1"}
    files = {
        "vars/one.yaml": write(config_map("one", here, **keys)),
        "vars/two.yaml": write(config_map("two", here, b="2", c="2")),
        "web/web.yaml": write(config_map("web", here, v="${a} ${b} ${c} ${d}")),
    }
    stage.cluster.api.apply([secret("s", here, c="hushhush-secret")])
    stage.open(
        files,
        stage.kustomization("vars", "./vars"),
        stage.kustomization(
            "web",
            "./web",
            postBuild=reads("ConfigMap/one", "ConfigMap/gone?", "ConfigMap/two", "Secret/s", d="inline"),
            dependsOn=[{"name": "vars"}],
        ),
    )
    changed = files | {
        "vars/one.yaml": write(config_map("one", here, a="A", b="hidden", c="hidden", d="hidden")),
        "vars/two.yaml": write(config_map("two", here, b="B", c="hidden")),
    }
    row = row_of(await stage.report(changed), "web")
    (change,) = row.changes
    (field,) = change.fields
    assert field.before.startswith("1 2 «secret:c#")
    assert field.after.startswith("A B «secret:c#")
    assert field.after.endswith(" inline")
    # Only what comes out otherwise is a change: values that something later hides are none.
    same = files | {"vars/one.yaml": write(config_map("one", here, **{**keys, "d": "hidden"}))}
    assert row_of(await stage.report(same), "web").state is RowState.UNCHANGED


async def test_a_changed_secret_is_named_and_incomplete(stage: ReportStage) -> None:
    here = stage.namespace
    files = {
        "vars/s.yaml": write(secret("s", here, token="first-secret-value")),
        "web/web.yaml": write(config_map("web", here, v="${token}")),
        "api/api.yaml": write(config_map("api", here, v="no variable at all")),
    }
    depends = [{"name": "vars"}]
    stage.open(
        files,
        stage.kustomization("vars", "./vars"),
        stage.kustomization("web", "./web", postBuild=reads("Secret/s"), dependsOn=depends),
        stage.kustomization("api", "./api", postBuild=reads("Secret/s"), dependsOn=depends),
    )
    found = await stage.report(files | {"vars/s.yaml": write(secret("s", here, token="other-secret-value"))})
    row = row_of(found, "web")
    assert found.verdict is Verdict.INCOMPLETE
    (finding,) = row.findings
    assert finding.message == f"Variables of Secret {here}/s change (token), and their effect is not visible."
    assert "secret-value" not in repr(found)
    # Whoever reads the Secret and uses none of its keys that change is not concerned.
    assert (row_of(found, "api").state, row_of(found, "api").findings) == (RowState.UNCHANGED, ())


async def test_a_config_map_that_comes_with_its_readers(stage: ReportStage) -> None:
    here = stage.namespace
    child = stage.kustomization("child", "./child", postBuild=reads("ConfigMap/vars"))
    files = {
        "root/root.yaml": write(config_map("root", here, a="1")),
        "web/web.yaml": write(config_map("web", here, colour="${colour:=none}")),
        "child/child.yaml": write(config_map("child", here, colour="${colour}")),
    }
    stage.open(
        files,
        stage.kustomization("root", "./root"),
        stage.kustomization("web", "./web", postBuild=reads("ConfigMap/vars?")),
    )
    more = {"root/vars.yaml": write(config_map("vars", here, colour="green")), "root/child.yaml": write(child)}
    found = await stage.report(files | more)
    # Without any variable Flux substitutes nothing, not even defaults: so it is in the cluster.
    assert said(row_of(found, "web")) == [
        "change ConfigMap/web (pull_request)",
        "  data.colour: ${colour:=none} -> green",
    ]
    new = row_of(found, "child")
    assert (new.state, said(new), list(codes(new))) == (RowState.NEW, ["create ConfigMap/child (pull_request)"], [])
    assert "colour: green" in new.changes[0].body
    assert [row.id.name for row in found.rows].index("root") < [row.id.name for row in found.rows].index("child")


async def test_a_config_map_that_goes_breaks_whoever_needs_it(stage: ReportStage) -> None:
    here = stage.namespace
    files = {
        "vars/vars.yaml": write(config_map("vars", here, colour="blue")),
        "vars/stays.yaml": write(config_map("stays", here, a="1")),
        "web/web.yaml": write(config_map("web", here, colour="${colour}")),
        "api/api.yaml": write(config_map("api", here, colour="${colour:=none}")),
    }
    depends = [{"name": "vars"}]
    stage.open(
        files,
        stage.kustomization("vars", "./vars"),
        stage.kustomization("web", "./web", postBuild=reads("ConfigMap/vars"), dependsOn=depends),
        stage.kustomization("api", "./api", postBuild=reads("ConfigMap/vars?"), dependsOn=depends),
    )
    found = await stage.report({path: text for path, text in files.items() if path != "vars/vars.yaml"})
    assert row_of(found, "web").state is RowState.FAILING
    assert said(row_of(found, "api")) == [
        "change ConfigMap/api (pull_request)",
        "  data.colour: blue -> ${colour:=none}",
    ]
    assert found.verdict is Verdict.BLOCKED


async def test_a_secret_that_came_into_a_config_map_is_one_for_its_readers(stage: ReportStage) -> None:
    """One Kustomization writes a Secret's value into a ConfigMap, a second reads it there, a third from that one."""
    here = stage.namespace
    vars_ = config_map("vars", here, url="postgres://bot:${password}@db", colour="blue")
    files = {
        "vars/vars.yaml": write(vars_),
        "web/web.yaml": write(config_map("web", here, v="${url} ${colour}", again="${url}")),
        "api/api.yaml": write(config_map("api", here, v="${again}")),
        "cut/cut.yaml": write(config_map("cut", here, v="whole: ${colour}")),
    }
    stage.cluster.api.apply([secret("s", here, password="hushhush-secret", unused="blueish")])
    stage.open(
        files,
        stage.kustomization("vars", "./vars", postBuild=reads("Secret/s")),
        stage.kustomization("web", "./web", postBuild=reads("ConfigMap/vars"), dependsOn=[{"name": "vars"}]),
        stage.kustomization("api", "./api", postBuild=reads("ConfigMap/web"), dependsOn=[{"name": "web"}]),
        stage.kustomization("cut", "./cut", postBuild=reads("ConfigMap/vars"), dependsOn=[{"name": "vars"}]),
    )
    changed = files | {
        "web/web.yaml": write(config_map("web", here, v="new ${url} ${colour}", again="${url}")),
        "api/api.yaml": write(config_map("api", here, v="new ${again}")),
        "cut/cut.yaml": write(config_map("cut", here, v="${url:0:20}")),
    }
    found = await stage.report(changed)
    assert "hush" not in repr(found)
    (change,) = row_of(found, "web").changes
    (field,) = change.fields
    assert field.before.startswith("postgres://")
    assert field.before.endswith("db blue")
    assert field.after == f"new {field.before}"
    assert row_of(found, "api").state is RowState.CHANGED
    # A part of it can be recognised no more.
    assert "would print a part of a secret variable" in repr(row_of(found, "cut"))
