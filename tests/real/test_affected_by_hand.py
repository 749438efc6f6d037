"""Whom a change touches, worked out by hand: the cases that tools of this kind miss, each with real flux.

One fleet, one change a case, and the complete list of Kustomizations that come out otherwise.
"""

from collections.abc import Mapping
from typing import Any

import pytest
from generated_fleets import SOURCE, config_map, dump, flux_kustomization
from offline_flux import OfflineFlux

from gitops_bot.journeys.find_affected import find_affected
from gitops_bot.models.tree import Tree
from gitops_bot.sandbox.tools.bring import Toolbox


def kustomization(*resources: str, **fields: Any) -> bytes:
    return dump({"resources": list(resources), **fields} if resources else fields)


def component(**fields: Any) -> bytes:
    return dump({"apiVersion": "kustomize.config.k8s.io/v1alpha1", "kind": "Component", **fields})


READS = {"substituteFrom": [{"kind": "ConfigMap", "name": "vars"}]}
ARTIFACT = {"kind": "ExternalArtifact", "name": "made"}
CHILDREN = [
    flux_kustomization("web", "./apps/web"),
    flux_kustomization("api", "./apps/api"),
    flux_kustomization("api-twin", "./apps/api", targetNamespace="twin"),
    flux_kustomization("with-components", "./apps/plain", components=["../../components/spec"]),
    flux_kustomization("plain", "./apps/plain"),
    flux_kustomization("paused", "./apps/paused", suspend=True),
    flux_kustomization("reader", "./apps/reader", postBuild=READS),
    flux_kustomization("artifact", "./apps/plain", sourceRef=ARTIFACT),
    flux_kustomization("everything", "./all"),
]
VARIABLES = {**config_map("vars", colour="blue"), "metadata": {"name": "vars", "namespace": "flux-system"}}
LABELS = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\n  labels:\n    team: {team}\n"

FILES: Mapping[str, bytes] = {
    "clusters/one/flux-system/gotk-sync.yaml": dump(SOURCE, flux_kustomization("flux-system", "./clusters/one")),
    "clusters/one/children.yaml": dump(*CHILDREN),
    "clusters/one/vars.yaml": dump(VARIABLES),
    # web <- middle <- base, and a component that has a component.
    "apps/web/kustomization.yaml": kustomization("../middle", components=["../../components/outer"]),
    "apps/middle/kustomization.yaml": kustomization("../base", nameSuffix="-m"),
    "apps/base/kustomization.yaml": kustomization(
        "web.yaml", configMapGenerator=[{"name": "settings", "files": ["settings.ini"]}]
    ),
    "apps/base/web.yaml": dump(config_map("web", a="1")),
    "apps/base/settings.ini": b"a=1",
    "apps/base/README.md": b"a base",
    "components/outer/kustomization.yaml": component(components=["../inner"]),
    "components/inner/kustomization.yaml": component(
        patches=[{"path": "patch.yaml", "target": {"kind": "ConfigMap", "name": "web"}}]
    ),
    "components/inner/patch.yaml": LABELS.format(team="one").encode(),
    "components/spec/kustomization.yaml": component(commonAnnotations={"by": "one"}),
    # Overlays the shared base as well; built for two Kustomizations.
    "apps/api/kustomization.yaml": kustomization("../base", namePrefix="api-"),
    "apps/plain/kustomization.yaml": kustomization("plain.yaml"),
    "apps/plain/plain.yaml": dump(config_map("plain", a="1")),
    "apps/paused/paused.yaml": dump(config_map("paused", a="1")),
    "apps/reader/reader.yaml": dump(config_map("reader", v="${colour}")),
    # No kustomization file: Flux takes every manifest below it, but for what is ignored.
    "all/deep/down/one.yaml": dump(config_map("one", a="1")),
    "all/ignored/two.yaml": dump(config_map("two", a="1")),
    "all/README.md": b"all of it",
    ".sourceignore": b"all/ignored/\n",
}
SWALLOWS = {"clusters/two/flux-system/gotk-sync.yaml": dump(SOURCE, flux_kustomization("flux-system", "./"))}


@pytest.fixture
def flux(tools: Toolbox) -> OfflineFlux:
    return OfflineFlux(tools.path("flux"))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(
            {"components/inner/patch.yaml": LABELS.format(team="two").encode()}, {"web"}, id="component of a component"
        ),
        pytest.param(
            {"apps/base/settings.ini": b"a=2"},
            {"web", "api", "api-twin"},
            id="a file of a configMapGenerator in a shared base",
        ),
        pytest.param(
            {"apps/base/web.yaml": dump(config_map("web", a="2"))}, {"web", "api", "api-twin"}, id="base of a base"
        ),
        pytest.param(
            {"components/spec/kustomization.yaml": component(commonAnnotations={"by": "two"})},
            {"with-components"},
            id="spec.components",
        ),
        pytest.param(
            {"all/deep/down/one.yaml": dump(config_map("one", a="2"))}, {"everything"}, id="no kustomization file"
        ),
        pytest.param(
            {"all/deep/new.yaml": dump(config_map("new", a="1"))}, {"everything"}, id="a file that nobody names"
        ),
        pytest.param(
            {"apps/api/kustomization.yaml": kustomization("../base", namePrefix="other-")},
            {"api", "api-twin"},
            id="one path under two Kustomizations",
        ),
        pytest.param({"apps/paused/paused.yaml": dump(config_map("paused", a="2"))}, {"paused"}, id="suspended"),
        pytest.param(
            {"clusters/one/vars.yaml": dump({**VARIABLES, "data": {"colour": "green"}})},
            {"flux-system", "reader"},
            id="consumer of substituteFrom",
        ),
        pytest.param(
            {"apps/plain/plain.yaml": dump(config_map("plain", a="2"))},
            # And the one that an ExternalArtifact fills is on every list, as not analysed.
            {"plain", "with-components"},
            id="ExternalArtifact",
        ),
        pytest.param({"all/ignored/two.yaml": dump(config_map("two", a="2"))}, set(), id=".sourceignore leaves it out"),
        pytest.param({".sourceignore": b"all/deep/\n"}, {"everything"}, id=".sourceignore itself"),
        pytest.param(
            {"apps/base/README.md": b"other", "all/README.md": b"other"}, set(), id="a README next to manifests"
        ),
    ],
)
async def test_whom_a_change_touches(flux: OfflineFlux, change: Mapping[str, bytes], expected: set[str]) -> None:
    rows = await find_affected(flux, Tree(FILES), Tree({**FILES, **change}))
    found = {row.name: row.reason.value for row in rows}
    assert found.pop("artifact") == "not-analysed"
    assert set(found) == expected, [row.because for row in rows]


async def test_a_path_that_swallows_everything(flux: OfflineFlux) -> None:
    files = {**FILES, **SWALLOWS}
    # Of all that lies below the root Flux makes one kustomization; components would not be built in it.
    alone = {
        path: files[path] for path in (*SWALLOWS, "apps/plain/plain.yaml", "apps/paused/paused.yaml", "all/README.md")
    }
    for change, expected in (
        ({"apps/plain/plain.yaml": dump(config_map("plain", a="2"))}, {"flux-system"}),
        ({"somewhere/new.yaml": dump(config_map("new", a="1"))}, {"flux-system"}),
        ({"all/README.md": b"other"}, set()),
    ):
        rows = await find_affected(flux, Tree(alone), Tree({**alone, **change}))
        assert {row.name for row in rows} == expected, [row.because for row in rows]
