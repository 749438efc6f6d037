"""Generated repositories in which the truth is known by rendering everything with the real flux.

Recall 1.0, and precision 1.0 once candidates are rendered; every way of kustomize to take a path decides.
"""

import asyncio
import hashlib
import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from generated_fleets import FEATURES, QUIET, ROOT, SOURCE, Edit, Feature, Files, build_fleet
from generated_fleets import Fleet as GeneratedFleet
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from offline_flux import OfflineFlux

from gitops_bot.journeys.find_affected import find_affected
from gitops_bot.models.changes import FluxOutcome
from gitops_bot.models.kustomizations import Kustomization, KustomizationId
from gitops_bot.models.tree import Tree
from gitops_bot.rules.affected import Surroundings
from gitops_bot.rules.artifact import pack, without_ignore_files
from gitops_bot.rules.fleet import Fleet, fed_offline, fleet_of
from gitops_bot.sandbox.tools.bring import Toolbox

_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class SharedFlux(OfflineFlux):
    """Keeps each render under the digest of the whole tree: truth and journey pay for it once."""

    def __init__(self, program: Path) -> None:
        super().__init__(program)
        self.kept: dict[str, FluxOutcome] = {}
        self._digests: dict[Path, str] = {}

    async def run(self, folder: Path, kustomization: Kustomization, tree: str) -> FluxOutcome:
        place = folder / "trees" / tree
        if place not in self._digests:
            content = {str(file.relative_to(place)): file.read_bytes() for file in place.rglob("*") if file.is_file()}
            self._digests[place] = hashlib.sha256(repr(sorted(content.items())).encode()).hexdigest()
        spec = {
            key: value for key, value in kustomization.spec.items() if key not in {"interval", "prune", "sourceRef"}
        }
        key = json.dumps([self._digests[place], str(kustomization.id), spec], sort_keys=True)
        if key not in self.kept:
            self.kept[key] = await super().run(folder, kustomization, tree)
        return self.kept[key]


@dataclass
class Truth:
    """What each Kustomization renders to in one version of the repository, every variable substituted."""

    specs: Mapping[str, Any]
    renders: dict[str, Any] = field(default_factory=dict)


def _objects(text: str) -> dict[str, Any]:
    found = {}
    for document in yaml.load_all(text, Loader=_LOADER):
        if document is not None:
            metadata = document["metadata"]
            found[f"{document['kind']}/{metadata.get('namespace')}/{metadata['name']}"] = document
    return found


async def _truth(flux: SharedFlux, files: Files) -> Truth:
    """Render everything, with no thought of what is built from what."""
    tree = without_ignore_files(pack(Tree(files), SOURCE["spec"]).tree)
    root = Kustomization(KustomizationId("main", "flux-system", "flux-system"), ROOT["spec"])
    async with flux.offline({"all": tree}) as session:
        outcome = await session.build(root, "all")
        assert outcome.usable, outcome.message
        stated = _objects(outcome.text)
        specs = {
            value["metadata"]["name"]: value["spec"] for value in stated.values() if value["kind"] == "Kustomization"
        }
        truth = Truth(specs)

        async def render(name: str, variables: Mapping[str, str] | None) -> Any:
            spec = {key: value for key, value in specs[name].items() if key != "postBuild"}
            spec |= {"postBuild": {"substitute": dict(variables)}} if variables else {}
            made = await session.build(Kustomization(replace(root.id, name=name), spec), "all")
            return _objects(made.text) if made.usable else "error"

        plain = dict(zip(specs, await asyncio.gather(*(render(name, None) for name in specs)), strict=True))
        values = {
            value["metadata"]["name"]: value["data"]
            for objects in plain.values()
            if objects != "error"
            for value in objects.values()
            if value["kind"] == "ConfigMap" and value["metadata"].get("namespace") == "flux-system"
        }
        for name, spec in specs.items():
            after = spec.get("postBuild") or {}
            if not after or plain[name] == "error":
                truth.renders[name] = plain[name]
            elif any(reference["name"] not in values for reference in after["substituteFrom"]):
                truth.renders[name] = "error: values are missing"
            else:
                found = {k: v for reference in after["substituteFrom"] for k, v in values[reference["name"]].items()}
                truth.renders[name] = await render(name, found | after["substitute"])
    return truth


def _expected(base: Truth, result: Truth) -> dict[str, str]:
    """The reason for each Kustomization that differs."""
    found = {}
    for name in base.specs.keys() | result.specs.keys():
        if name not in result.specs:
            found[name] = "removed"
        elif name not in base.specs:
            found[name] = "added"
        elif result.renders[name] == "error":
            found[name] = "error"
        elif base.specs[name] != result.specs[name]:
            found[name] = "spec-changed"
        elif base.renders[name] != result.renders[name]:
            found[name] = "changed"
    return found


def _edited(files: Files, edit: Edit) -> Files:
    return {path: content for path, content in {**files, **edit}.items() if content is not None}


async def _check_fleet(flux: SharedFlux, fleet: GeneratedFleet, decided: Counter[str]) -> None:
    files = fleet.tree()
    base = await _truth(flux, files)
    broken = {name: render for name, render in base.renders.items() if isinstance(render, str)}
    assert not broken, broken
    for feature, edit in fleet.changes:
        changed = _edited(files, edit)
        expected = _expected(base, await _truth(flux, changed))
        rows = await find_affected(flux, Tree(files), Tree(changed))
        found = {row.name: row.reason.value for row in rows}
        assert found == expected, (feature, sorted(edit), [row.because for row in rows])
        if feature.startswith("nothing"):
            assert not expected, feature
        elif not feature.startswith(("substituteFrom", "a spec", "a Kustomization")):
            _check_candidates(base, files, changed, expected)
        decided[feature] += bool(expected)


def _check_candidates(base: Truth, files: Files, changed: Files, expected: Mapping[str, str]) -> None:
    """The rules alone, before any render, leave out nothing that changes by its files."""
    listing = yaml.safe_dump_all(
        {**ROOT, "metadata": {"name": name}, "spec": spec} for name, spec in base.specs.items()
    )
    fleet: Fleet = fleet_of("kustomizations", listing, "main")
    surroundings = Surroundings(fed_offline(fleet, ()), Tree(files), Tree(changed), frozenset())
    candidates = {candidate.id.name for candidate in surroundings.candidates()}
    assert expected.keys() <= candidates


# What is Flux's own makes a group of its own.
GROUPS = [*(FEATURES[at::4] for at in range(4)), FEATURES[:2]]


@pytest.mark.parametrize("group", range(len(GROUPS)))
def test_the_list_is_what_rendering_everything_tells(tools: Toolbox, group: int) -> None:
    decided: Counter[str] = Counter()

    @settings(
        max_examples=2,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(seed=st.integers(0, 2**32), order=st.permutations(GROUPS[group]))
    def check(seed: int, order: Sequence[Feature]) -> None:
        fleet = build_fleet(random.Random(seed), order, with_flux=GROUPS[group] is GROUPS[-1])  # noqa: S311 # a test
        decided.update({feature: 0 for feature, _ in fleet.changes})
        asyncio.run(_check_fleet(SharedFlux(tools.path("flux")), fleet, decided))

    check()
    silent = [feature for feature, times in decided.items() if not times and feature not in QUIET]
    assert not silent, "these changed nothing anywhere, so they prove nothing"
    assert len(decided) >= len(GROUPS[group])
