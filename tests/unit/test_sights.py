"""What a look at a pull request rests on: digests that move with it, and with nothing else."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from gitops_bot.models.kustomizations import Kustomization, KustomizationId, ObjectReference, Source
from gitops_bot.models.tree import Tree
from gitops_bot.rules.affected import Surroundings
from gitops_bot.rules.feeds import Fed
from gitops_bot.rules.sights import sight

SOURCE = Source("GitRepository", "flux-system", "fleet", {"ref": {"branch": "main"}})
WEB = Kustomization(
    KustomizationId("production", "flux-system", "web"),
    {"path": "./web", "sourceRef": {"kind": "GitRepository", "name": "fleet"}},
    generation=1,
    ready=True,
    ready_message="Applied revision: main@sha1:1111111",
    applied_revision="main@sha1:1111111",
    attempted_revision="main@sha1:1111111",
    inventory=(ObjectReference("ConfigMap", "web", "settings"),),
)
BASE = {"web/a.yaml": "kind: ConfigMap", "docs/read.md": "read me"}


def digest(
    live: Mapping[str, Any] = {},
    base: Mapping[str, str] = BASE,
    applied: str = "",
) -> str:
    web = replace(WEB, **live)
    fed = Fed("production", {SOURCE.key: SOURCE}, (web,), (web,))
    result = {**base, "web/a.yaml": "kind: Secret"}
    trees = [Tree({path: text.encode() for path, text in files.items()}) for files in (base, result)]
    surroundings = Surroundings(fed, *trees, frozenset({"web/a.yaml"}))
    (candidate,) = surroundings.candidates()
    return sight(candidate, surroundings.packed, applied)


@pytest.mark.parametrize(
    "live",
    [
        pytest.param(
            {
                "ready_message": "Applied revision: main@sha1:2222222",
                "applied_revision": "main@sha1:2222222",
                "attempted_revision": "main@sha1:2222222",
            },
            id="flux has applied the commit that the base moved to",
        ),
        pytest.param({"ready": None, "ready_message": "Reconciliation in progress"}, id="flux is about to apply it"),
    ],
)
def test_flux_follows_the_base_and_the_report_holds_on(live: Mapping[str, Any]) -> None:
    assert digest(live) == digest()


@pytest.mark.parametrize(
    "live",
    [
        pytest.param({"ready": False, "ready_message": "build failed"}, id="it is ill now"),
        pytest.param({"generation": 2}, id="its spec was changed"),
        pytest.param({"inventory": ()}, id="its objects are others"),
    ],
)
def test_what_a_report_tells_of_the_cluster_moves_it(live: Mapping[str, Any]) -> None:
    assert digest(live) != digest()


def test_another_illness_is_another_report() -> None:
    assert digest({"ready": False, "ready_message": "one"}) != digest({"ready": False, "ready_message": "two"})


def test_files_beside_it_are_nothing_to_it_and_its_own_are() -> None:
    assert digest(base={**BASE, "docs/read.md": "other"}) == digest()
    assert digest(base={**BASE, "web/b.yaml": "kind: Service"}) != digest()


def test_what_flux_applied_counts_by_content() -> None:
    assert digest(applied="of older files") != digest()
