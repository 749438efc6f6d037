"""Where paths stand in the files of kustomize.

Source: https://github.com/kubernetes-sigs/kustomize/blob/api/v0.21.1/api/types/kustomization.go
and the ``Config`` methods of the plugins in its folder internal/builtins.
"""

from collections.abc import Iterable, Iterator

from gitops_bot.rules.manifests import Reading, UnreadableManifestError, readings

KUSTOMIZATION_FILES = ("kustomization.yaml", "kustomization.yml", "Kustomization")

# Fields of a kustomization that name files which kustomize reads as YAML.
_MANIFEST_FIELDS = (
    ("crds",),
    ("configurations",),
    ("openapi", "path"),
    ("patches", "path"),
    ("patchesJson6902", "path"),
    ("replacements", "path"),
    ("helmCharts", "valuesFile"),
    ("helmCharts", "additionalValuesFiles"),
    ("helmChartInflationGenerator", "values"),
)
# Their files become text in a ConfigMap or Secret.
GENERATORS = ("configMapGenerator", "secretGenerator")
# Configurations of plugins: in a file, in a folder, or written out in place.
PLUGINS = ("generators", "transformers", "validators")
# A kustomization with no other fields than these hands on its resources as they are. Casefolded.
UNALTERED = {"apiversion", "kind", "metadata", "resources", "bases"}


def manifest_files(file: str, reading: Reading) -> Iterator[str]:
    """Give the references of a kustomization to files that kustomize reads as YAML, resources apart."""
    for field in _MANIFEST_FIELDS:
        yield from reading.texts(*field)
    yield from patch_files(file, reading.texts("patchesStrategicMerge"))


def plain_files(reading: Reading, *fields: str) -> Iterator[str]:
    """Give the files of ConfigMap and Secret generators, in these fields or right here; ``key=path`` means the path."""
    prefixes: list[tuple[str, ...]] = [(field,) for field in fields] or [()]
    for prefix in prefixes:
        for source in reading.texts(*prefix, "files"):
            yield source.rpartition("=")[2]
        yield from reading.texts(*prefix, "envs")
        yield from reading.texts(*prefix, "env")


def patch_files(file: str, entries: Iterable[str]) -> Iterator[str]:
    """Give those entries of ``patchesStrategicMerge`` that are paths; the others are patches themselves."""
    return (entry for entry in entries if not inline_documents(file, entry))


def manifests_of_plugin(document: Reading) -> Iterator[str]:
    """Give the YAML files in the configuration of any plugin that is built into kustomize."""
    for name in ("path", "targetFilePath", "valuesFile", "additionalValuesFiles", "argsFromFile"):
        yield from document.texts(name)
    yield from document.texts("replacements", "path")


def chart_homes(reading: Reading) -> Iterator[str]:
    """Give the folders of Helm charts. Flux refuses to inflate them; the render then fails, and says so."""
    yield from reading.texts("helmGlobals", "chartHome")
    yield from reading.texts("helmChartInflationGenerator", "chartHome")
    if any(True for _ in reading.every("helmCharts")):
        yield "charts"


def inline_documents(file: str, text: str) -> list[Reading]:
    """Read an entry that may be YAML itself, as kustomize does before it takes it for a path; else nothing."""
    try:
        found = list(readings(file, text))
    except UnreadableManifestError:
        return []
    return found if any(reading.is_mapping for reading in found) else []
