"""Plays every scene of support/scenes.py on a real API server, with the real flux and kustomize-controller."""

import textwrap
from collections.abc import Mapping
from pathlib import Path

import pytest
from scene_outcome import described, unexplained
from scene_stage import Actor, Artifacts, Stage, play, wait_for
from scenes import SCENES, Scene, Tree, definition

from gitops_bot.models.reports import RowState
from gitops_bot.rules.compare import ComparisonInputs, kustomization_report
from gitops_bot.sandbox.cluster import Cluster
from gitops_bot.sandbox.kubernetes_api import ApiRefused
from gitops_bot.sandbox.tools.bring import Toolbox


@pytest.fixture(scope="session")
def widgets(cluster: Cluster) -> None:
    """A kind of our own."""
    cluster.apply_text(definition("widgets", "Widget"))

    def served() -> bool:
        try:
            return cluster.api.get("/apis/scenes.example/v1/widgets") is not None
        except ApiRefused:  # its storage is being made
            return False

    wait_for(served, "Widgets are served")


def tree(value: Tree, namespace: str) -> Mapping[str, str]:
    files = {"app.yaml": value} if isinstance(value, str) else value
    return {path: text.replace("NAMESPACE", namespace) for path, text in files.items()}


@pytest.mark.parametrize("scene", SCENES, ids=[scene.name for scene in SCENES])
@pytest.mark.usefixtures("widgets")
def test_scene(
    scene: Scene, cluster: Cluster, tools: Toolbox, artifacts: Artifacts, namespace: str, tmp_path: Path
) -> None:
    stage = Stage(cluster.api, cluster.kubeconfig, tools.path("flux"), tmp_path, artifacts, namespace, scene.spec)
    main = tree(scene.main, namespace)
    play(Actor(cluster.api, namespace), scene.before)
    stage.open(main)
    play(Actor(cluster.api, namespace), scene.by_hand)
    base = stage.look(tree(scene.main if scene.base is None else scene.base, namespace), "base")
    result = stage.look(tree(scene.result, namespace), "result")
    applied = None if scene.base is None else stage.look(main, "main")
    before, absent = stage.live_objects(base, result)
    report = kustomization_report(
        ComparisonInputs(stage.kustomization(), base, result, applied=applied, live_objects=before, absent=absent)
    )
    expected = textwrap.dedent(scene.expected).replace("NAMESPACE", namespace).strip()
    assert described(report) == expected

    if scene.no_outcome:
        return
    stage.merge(tree(scene.result, namespace), refused=report.state is RowState.FAILING)
    assert unexplained(report, before, stage.live_objects(base, result)[0]) == []
