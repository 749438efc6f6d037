"""Risks of Flux's own objects: what is applied, from where, as whom.

https://fluxcd.io/flux/components/
"""

from collections.abc import Iterator
from dataclasses import dataclass

from gitops_bot.models.changes import Operation
from gitops_bot.rules.fields import same
from gitops_bot.rules.reading import at, shown, text
from gitops_bot.rules.risk_kinds import HELM, KUSTOMIZE, SOURCE, Risk, Rule
from gitops_bot.rules.touched import Touched
from gitops_bot.rules.versions import compare_versions


@dataclass(frozen=True)
class _Watched:
    """Fields of which a change is a risk of one kind; ``groups`` has the API groups that have them."""

    code: str
    groups: tuple[str, ...]
    fields: tuple[str, ...]
    advice: str


_WATCHED = (
    _Watched(
        "flux-source",
        (SOURCE,),
        ("url", "ref", "endpoint", "bucketName", "prefix", "provider", "secretRef", "insecure", "include"),
        "Make sure that the new place and who may write there are trusted.",
    ),
    _Watched(
        "flux-source",
        (KUSTOMIZE, HELM),
        ("sourceRef", "chart.spec.sourceRef", "chart.spec.chart", "chartRef"),
        "Make sure that the new source and who may write there are trusted.",
    ),
    _Watched(
        "flux-verification",
        (SOURCE, HELM),
        ("verify", "chart.spec.verify"),
        "Keep the verification, or say why it is not needed any more.",
    ),
    _Watched(
        "flux-path",
        (KUSTOMIZE,),
        ("path",),
        "Make sure that the new path renders everything that must stay.",
    ),
    _Watched(
        "flux-prune",
        (KUSTOMIZE,),
        ("prune", "deletionPolicy"),
        "Look at the inventory: it says what would be deleted, or forgotten.",
    ),
    _Watched(
        "flux-target",
        (KUSTOMIZE, HELM),
        ("targetNamespace", "kubeConfig", "releaseName", "storageNamespace"),
        "Make sure that what runs in the old place is moved or deleted on purpose.",
    ),
    _Watched(
        "flux-identity",
        (KUSTOMIZE, HELM),
        ("serviceAccountName",),
        "Make sure that the new account may do what is needed, and no more.",
    ),
    _Watched(
        "flux-decryption",
        (KUSTOMIZE,),
        ("decryption",),
        "Make sure that the new key is in the cluster, and that every secret is encrypted for it.",
    ),
)
# What the API server puts where nothing is stated: no change.
_DEFAULTS = {
    "path": "./",
    "insecure": "false",
    "provider": "generic",
    "deletionPolicy": "MirrorPrune",
    "prune": "false",
}


def watched_fields(item: Touched) -> Iterator[Risk]:
    """Find changes of what decides what Flux applies."""
    if not item.stays:
        return
    for watched in _WATCHED:
        if item.of[0] not in watched.groups:
            continue
        said = [words for field in watched.fields if (words := _changed(item, field))]
        if said:
            yield Risk(watched.code, f"{item} changes {'; '.join(said)}.", watched.advice)


def _changed(item: Touched, field: str) -> str:
    old, new = (at(value, "spec", *field.split(".")) for value in (item.old, item.new))
    name = field.rpartition(".")[2]
    default = _DEFAULTS.get(name)
    old, new = (default if default and not text(value) and not value else value for value in (old, new))
    plain = default is not None and text(old) == text(new)
    return "" if plain or same(old, new) else f"{name}: {shown(old)} -> {shown(new)}"


def new_sources(item: Touched) -> Iterator[Risk]:
    """Find new places that things are applied from."""
    if item.operation is Operation.CREATE and not item.old and item.of[0] == SOURCE:
        place = at(item.new, "spec", "url") or at(item.new, "spec", "endpoint")
        if place:
            yield Risk(
                "flux-new-source",
                f"{item} is a new source: {shown(place)}.",
                "Make sure that the place and who may write there are trusted.",
            )


def paused(item: Touched) -> Iterator[Risk]:
    """Find what Flux stops applying, or begins to."""
    if item.of[0] not in {KUSTOMIZE, HELM, SOURCE} or not item.stays:
        return
    before, after = (at(value, "spec", "suspend") is True for value in (item.old, item.new))
    if before != after:
        done = "is suspended: suspend false -> true" if after else "is resumed: suspend true -> false"
        advice = (
            "Make sure that somebody resumes it: until then nothing of it arrives."
            if after
            else "Look at what waited: all of it arrives at once."
        )
        yield Risk("flux-suspend", f"{item} {done}.", advice)


def removed(item: Touched) -> Iterator[Risk]:
    """Find objects of Flux that go."""
    if item.operation is Operation.DELETE and item.of[0] in {KUSTOMIZE, HELM, SOURCE}:
        yield Risk(
            "flux-removed",
            f"{item} is deleted.",
            "Look at what it made: that is deleted too, or nobody looks after it any more.",
        )


def forced(item: Touched) -> Iterator[Risk]:
    """Find what lets Flux delete what it cannot change."""
    if not item.new:
        return
    fields = {KUSTOMIZE: ("force",), HELM: ("upgrade.force", "rollback.force")}.get(item.of[0], ())
    for field in fields:
        old, new = (at(value, "spec", *field.split(".")) for value in (item.old, item.new))
        if new is True and old is not True:
            yield Risk(
                "force",
                f"{item} sets spec.{field}: {shown(old)} -> true.",
                "Annotate the one object that needs it instead, and only for a while.",
            )


def older_charts(item: Touched) -> Iterator[Risk]:
    """Find charts that go back to an older version."""
    if item.of != (HELM, "HelmRelease") or not item.stays:
        return
    old, new = (text(at(value, "spec", "chart", "spec", "version")) for value in (item.old, item.new))
    if compare_versions(old, new) == -1:
        yield Risk(
            "chart-downgraded",
            f"{item} goes back to an older chart: {shown(old)} -> {shown(new)}.",
            "Make sure that the older chart can read today's data.",
        )


FLUX_RULES: tuple[Rule, ...] = (watched_fields, new_sources, paused, removed, forced, older_charts)
