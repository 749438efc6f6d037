"""Content that is not rendered: HelmReleases whose chart, version, values or source changes.

Flux renders a chart in the cluster only. So a HelmRelease shows which chart it takes from where, before
and after, and what of that changes; whoever uses a source or a ConfigMap that changes is named too.

Source: https://github.com/fluxcd/helm-controller/blob/v1.6.0/docs/spec/v2/helmreleases.md
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlsplit

from gitops_bot.models.changes import ContentChange, ContentVersion
from gitops_bot.models.kustomizations import KustomizationId, ObjectReference
from gitops_bot.rules.consequences import Objects
from gitops_bot.rules.repositories import following, repository_of

HELM_GROUP = "helm.toolkit.fluxcd.io"
SOURCE_GROUP = "source.toolkit.fluxcd.io"
RELEASE = "HelmRelease"
# Sources that hold charts and nothing else; of the others a Kustomization may be built as well.
_ONLY_CHARTS = {"HelmRepository", "HelmChart"}
# Fields of a release that decide what is installed, and where; the others say how and when.
_CONTENT = (
    "chart",
    "chartRef",
    "values",
    "valuesFrom",
    "postRenderers",
    "commonMetadata",
    "targetNamespace",
    "storageNamespace",
    "releaseName",
    "kubeConfig",
)
_OF_A_SOURCE = (
    *("url", "type", "ref", "ignore", "include", "chart", "version", "sourceRef", "valuesFiles"),
    *("bucketName", "endpoint", "prefix", "layerSelector", "verify"),
)
# What a release may take values from.
_VALUES = {"ConfigMap", "Secret"}
_UNREAD = "it could not be read, so nobody knows whether it takes values from there"
_GIVES_NAMES = 3
_HOST = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-")

Spec = Mapping[str, Any]
Specs = Mapping[ObjectReference, Spec]


@dataclass(frozen=True)
class RowObjects:
    """What one Kustomization renders to, before and after."""

    id: KustomizationId
    base: Objects
    result: Objects


@dataclass(frozen=True)
class LiveRelease:
    """A HelmRelease of a Kustomization that was not rendered, as the cluster has it."""

    reference: ObjectReference
    spec: Spec
    applied_by: KustomizationId


@dataclass(frozen=True)
class Surrounded:
    """Everything that is known around the renders of a change."""

    rows: tuple[RowObjects, ...]
    releases: tuple[LiveRelease, ...] = ()
    # Sources that no row renders, as the cluster has them.
    sources: Specs = field(default_factory=dict)
    # Names of files that change inside of a chart, by the release that takes the chart from this repository.
    chart_files: Mapping[ObjectReference, tuple[str, ...]] = field(default_factory=dict)
    # Secrets whose values changed unseen.
    sealed: frozenset[ObjectReference] = frozenset()
    github_url: str = ""
    # Releases that the cluster has and that could not be read, with the Kustomization that applies each.
    unread: tuple[tuple[ObjectReference, KustomizationId], ...] = ()


def plain(reference: ObjectReference) -> ObjectReference:
    """Give a reference without its group: what a field of another object names."""
    return ObjectReference(reference.kind, reference.namespace, reference.name)


def chart_source(spec: Spec, namespace: str) -> ObjectReference | None:
    """Say where a release, or a HelmChart, takes its chart from."""
    chart = _mapping(_mapping(spec.get("chart")).get("spec"))
    named = _mapping(spec.get("chartRef")) or _mapping(chart.get("sourceRef")) or _mapping(spec.get("sourceRef"))
    if not named.get("name"):
        return None
    return ObjectReference(
        str(named.get("kind") or "HelmRepository"), str(named.get("namespace") or namespace), str(named["name"])
    )


def values_of(spec: Spec, namespace: str) -> tuple[ObjectReference, ...]:
    """Name the ConfigMaps and Secrets that a release takes values from: its own namespace only."""
    entries = spec.get("valuesFrom")
    return tuple(
        ObjectReference(str(entry.get("kind")), namespace, str(entry.get("name")))
        for entry in (entries if isinstance(entries, list) else ())
        if isinstance(entry, Mapping)
    )


def changed_givers(rows: Iterable[RowObjects], sealed: frozenset[ObjectReference]) -> dict[ObjectReference, str]:
    """Say of each source, ConfigMap and Secret that differs between the renders what of it does."""
    before, after = _rendered(rows, "base"), _rendered(rows, "result")
    found = {}
    for reference in before.keys() | after.keys():
        one, other = before.get(reference), after.get(reference)
        if reference.group == SOURCE_GROUP:
            said = _source_words(_spec(one), _spec(other), one is None, other is None)
        elif reference.kind in _VALUES and not reference.group:
            said = "its values" if _data(one) != _data(other) or plain(reference) in sealed else ""
        else:
            continue
        if said:
            found[plain(reference)] = f"{plain(reference)}: {said}"
    return found


def content_changes(known: Surrounded) -> dict[KustomizationId, tuple[ContentChange, ...]]:
    """Give what changes and is not rendered, by the Kustomization in whose row it is told."""
    judge = _Judge(known)
    found: dict[KustomizationId, list[ContentChange]] = {}
    for row in known.rows:
        for reference in sorted(ref for ref in row.base.keys() | row.result.keys() if _is_release(ref)):
            one, other = (
                _spec(side[reference].value) if reference in side else None for side in (row.base, row.result)
            )
            change = judge.release(reference, one, other)
            if change:
                found.setdefault(row.id, []).append(change)
    homes = {plain(reference): row.id for row in known.rows for reference in (*row.base, *row.result)}
    for release in known.releases:
        change = judge.release(release.reference, release.spec, release.spec)
        if change:
            concerned = judge.concerned(release.reference, release.spec, release.spec)
            home = next((homes[giver] for giver in concerned if giver in judge.givers and giver in homes), None)
            told = change if home is None else replace(change, applied_by=str(release.applied_by))
            found.setdefault(home or release.applied_by, []).append(told)
    for reference, owner in known.unread:
        # Values come from its own namespace only.
        near = [one for one in sorted(judge.givers) if one.namespace == reference.namespace and one.kind in _VALUES]
        if near:
            what = tuple(judge.givers[giver] for giver in near)
            told = ContentChange(reference, what, None, None, applied_by=str(owner), notes=(_UNREAD,))
            found.setdefault(homes.get(near[0], owner), []).append(told)
    for giver in sorted(judge.givers.keys() - judge.used):
        if giver.kind not in _VALUES and giver in homes:
            found.setdefault(homes[giver], []).append(judge.source(giver))
    return {id_: tuple(changes) for id_, changes in found.items()}


class _Judge:
    """Judges releases one by one, and remembers which sources they use."""

    def __init__(self, known: Surrounded) -> None:
        self.givers = changed_givers(known.rows, known.sealed)
        self.used: set[ObjectReference] = set()
        self._known = known
        self._before, self._after = _Sources(known, "base"), _Sources(known, "result")

    def concerned(self, reference: ObjectReference, one: Spec | None, other: Spec | None) -> list[ObjectReference]:
        """Name everything that a release takes something from, before or after."""
        sides = ((one, self._before), (other, self._after))
        return list(dict.fromkeys(giver for spec, side in sides for giver in _givers(reference, spec, side)))

    def release(self, reference: ObjectReference, one: Spec | None, other: Spec | None) -> ContentChange | None:
        """Judge one release; None when nothing that decides its content changes."""
        namespace = reference.namespace
        concerned = self.concerned(reference, one, other)
        self.used.update(concerned)
        what = [*_fields(one, other), *(self.givers[giver] for giver in concerned if giver in self.givers)]
        files = self._known.chart_files.get(plain(reference), ())
        if files:
            rest = len(files) - _GIVES_NAMES
            more = f" and {rest} more" if rest > 0 else ""
            what.append(f"files of its chart: {', '.join(files[:_GIVES_NAMES])}{more}")
        if not what:
            return None
        notes: tuple[str, ...] = ()
        if other is None:
            notes = ("Flux uninstalls it: what the chart installed goes, and is not listed here",)
        elif other.get("suspend"):
            notes = ("suspended: nothing happens before it is resumed",)
        return ContentChange(
            reference,
            tuple(what),
            None if one is None else _version(one, namespace, self._before),
            None if other is None else _version(other, namespace, self._after),
            notes=notes,
        )

    def source(self, giver: ObjectReference) -> ContentChange:
        """Tell of a source that no release known here uses."""
        reference = {"kind": giver.kind, "namespace": giver.namespace, "name": giver.name}
        before, after = (
            None if sources.of(giver) is None else _version({"chartRef": reference}, giver.namespace, sources)
            for sources in (self._before, self._after)
        )
        note = "what Flux makes of it is not known here"
        if giver.kind in _ONLY_CHARTS:
            note = "no HelmRelease known here takes a chart from it"
        return ContentChange(giver, (self.givers[giver],), before, after, notes=(note,))


def _fields(one: Spec | None, other: Spec | None) -> Iterator[str]:
    """Name the fields of a release that differ and decide its content."""
    if one is None or other is None:
        yield "it is created" if one is None else "it is deleted"
        return
    for name in _CONTENT:
        if one.get(name) == other.get(name):
            continue
        parts = [_mapping(_mapping(spec.get(name)).get("spec")) for spec in (one, other)]
        if name == "chart" and all(parts):
            keys = sorted(key for key in parts[0].keys() | parts[1].keys() if parts[0].get(key) != parts[1].get(key))
            # How often a source is looked at decides nothing.
            yield from (f"spec.chart.spec.{key}" for key in keys if key != "interval")
        else:
            yield f"spec.{name}"


def _givers(reference: ObjectReference, spec: Spec | None, sources: "_Sources") -> Iterator[ObjectReference]:
    """Name everything that a release takes something from: its source, the source of that, its values."""
    if spec is None:
        return
    source = chart_source(spec, reference.namespace)
    if source is not None:
        yield source
        behind = chart_source(sources.of(source) or {}, source.namespace) if source.kind == "HelmChart" else None
        if behind is not None:
            yield behind
    yield from values_of(spec, reference.namespace)


class _Sources:
    """Sources at one side: as rendered, else as the cluster has them; one that is rendered no more is gone."""

    def __init__(self, known: Surrounded, side: str) -> None:
        rendered = _rendered(known.rows, side)
        everywhere = {plain(ref) for row in known.rows for ref in (*row.base, *row.result)}
        self._specs: dict[ObjectReference, Spec] = {
            plain(reference): spec for reference, spec in known.sources.items() if plain(reference) not in everywhere
        }
        self._specs |= {plain(ref): _spec(value) for ref, value in rendered.items() if ref.group == SOURCE_GROUP}
        self.github_url = known.github_url

    def of(self, reference: ObjectReference) -> Spec | None:
        """Give the spec of a source; None when it is not known."""
        return self._specs.get(plain(reference))


def _version(spec: Spec, namespace: str, sources: _Sources) -> ContentVersion:
    """Say which chart a release takes from where."""
    source = chart_source(spec, namespace)
    about = _mapping(_mapping(spec.get("chart")).get("spec"))
    known = (sources.of(source) if source else None) or {}
    if source is not None and source.kind == "HelmChart":
        about, namespace = known, source.namespace
        source = chart_source(known, namespace) or source
        known = sources.of(source) or {}
    chart, version = str(about.get("chart") or ""), str(about.get("version") or "")
    url = _address(source, known)
    if source is not None and source.kind == "OCIRepository":
        chart, version = url.rstrip("/").rpartition("/")[2], _oci_version(known)
    if source is not None and source.kind == "GitRepository" and known:
        follows = following(known)
        version = f"branch {follows.branch}" if follows.branch else follows.instead
    link = _git_page(known, chart, sources.github_url) if source and source.kind == "GitRepository" else ""
    return ContentVersion(chart, version, source, url, link or https_address(url))


def _address(source: ObjectReference | None, spec: Spec) -> str:
    if source is not None and source.kind == "Bucket" and spec:
        return f"{spec.get('endpoint') or ''}/{spec.get('bucketName') or ''}"
    return str(spec.get("url") or "")


def _oci_version(spec: Spec) -> str:
    """Read ``spec.ref`` of an OCIRepository: digest wins over semver, that over tag."""
    reference = _mapping(spec.get("ref"))
    found = next((f"{reference[name]}" for name in ("digest", "semver", "tag") if reference.get(name)), "")
    return found or ("latest" if spec else "")


def _git_page(spec: Spec, chart: str, github_url: str) -> str:
    """Give the page of a chart's folder on our GitHub, where people can look at it."""
    url = str(spec.get("url") or "")
    repository = repository_of(url, github_url) if github_url else None
    home = https_address(github_url)
    if repository is None or not home:
        return ""
    reference = _mapping(spec.get("ref"))
    wanted = str(reference.get("commit") or reference.get("tag") or following(spec).branch)
    page = f"{home.rstrip('/')}/{quote(repository.owner)}/{quote(repository.name)}"
    path = quote("/".join(part for part in chart.split("/") if part not in {"", ".", ".."}))
    return f"{page}/tree/{quote(wanted, safe='/')}/{path}".rstrip("/") if wanted else page


def https_address(url: str) -> str:
    """Give an address that may become a link: https to a plain host, without user, query and fragment; else ""."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    odd = parts.username is not None or parts.password is not None or parts.query or parts.fragment
    if parts.scheme != "https" or not host or odd or not set(host) <= _HOST or url != url.strip():
        return ""
    return f"https://{host}{f':{port}' if port else ''}{quote(parts.path, safe='/~%')}"


def _rendered(rows: Iterable[RowObjects], side: str) -> dict[ObjectReference, Mapping[str, Any]]:
    found: dict[ObjectReference, Mapping[str, Any]] = {}
    for row in rows:
        objects = row.base if side == "base" else row.result
        found |= {reference: rendered.value for reference, rendered in objects.items()}
    return found


def _source_words(one: Spec, other: Spec, comes: bool, goes: bool) -> str:  # noqa: FBT001 # two facts about one thing
    if comes or goes:
        return "it is created" if comes else "it is deleted"
    return ", ".join(f"spec.{name}" for name in _OF_A_SOURCE if one.get(name) != other.get(name))


def _is_release(reference: ObjectReference) -> bool:
    return reference.kind == RELEASE and reference.group == HELM_GROUP


def _data(value: Mapping[str, Any] | None) -> tuple[Any, Any]:
    return ((value or {}).get("data"), (value or {}).get("binaryData"))


def _spec(value: Mapping[str, Any] | None) -> Spec:
    return _mapping((value or {}).get("spec"))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
