"""Charts that lie in the watched repository itself: which of their files a change touches."""

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any

from gitops_bot.models.kustomizations import ObjectReference
from gitops_bot.models.tree import Tree
from gitops_bot.rules.affected import Surroundings
from gitops_bot.rules.helm_contents import RELEASE, Surrounded, chart_source, plain
from gitops_bot.rules.manifests import UnreadableManifestError, documents
from gitops_bot.rules.references import clamped

_CHART_FILE = "Chart.yaml"


def chart_folders_touched(surroundings: Surroundings) -> bool:
    """Whether a changed file lies in the folder of a chart; it asks no cluster."""
    packed = surroundings.packed
    for key in surroundings.fed.sources:
        base, result = surroundings.tree_of("base", key), surroundings.tree_of("result", key)
        every = (path for name in (base, result) for path in packed.tree(name).files)
        charts = {posixpath.dirname(path) for path in every if posixpath.basename(path) == _CHART_FILE}
        changed = packed.differing(base, result)
        if charts and any(_inside(path, folder) for path in changed for folder in charts):
            return True
    return False


def files_of_charts(surroundings: Surroundings, known: Surrounded) -> Mapping[ObjectReference, tuple[str, ...]]:
    """Name the changed files inside of each release's chart, where a source of this branch holds it.

    With ``reconcileStrategy: ChartVersion``, the default, files count only when the chart's version changes.
    """
    packed = surroundings.packed
    found: dict[ObjectReference, tuple[str, ...]] = {}
    for reference, spec in _releases(known):
        source = chart_source(spec, reference.namespace)
        chart = _mapping(_mapping(spec.get("chart")).get("spec"))
        key = (source.kind, source.namespace, source.name) if source else ("", "", "")
        if key not in surroundings.fed.sources or not chart.get("chart"):
            continue
        base, result = surroundings.tree_of("base", key), surroundings.tree_of("result", key)
        folder = clamped(str(chart["chart"]))
        files = sorted(path for path in packed.differing(base, result) if _inside(path, folder))
        every = chart.get("reconcileStrategy") == "Revision"
        versions = [_version(packed.tree(name), folder) for name in (base, result)]
        if files and (every or versions[0] != versions[1]):
            found[plain(reference)] = tuple(files)
    return found


def _releases(known: Surrounded) -> Iterator[tuple[ObjectReference, Mapping[str, Any]]]:
    for row in known.rows:
        for reference, rendered in row.result.items():
            if reference.kind == RELEASE:
                yield reference, _mapping(rendered.value.get("spec"))
    for release in known.releases:
        yield release.reference, release.spec


def _inside(path: str, folder: str) -> bool:
    return not folder or path == folder or path.startswith(folder + "/")


def _version(tree: Tree, folder: str) -> str:
    file = posixpath.join(folder, _CHART_FILE)
    try:
        found = documents(file, tree.files.get(file, b""))
    except UnreadableManifestError:
        return "unreadable"
    return str(_mapping(found[0] if found else None).get("version") or "")


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
