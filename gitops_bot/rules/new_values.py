"""Values that a change makes, on their way to those who substitute them.

A pull request that changes a ConfigMap changes whatever reads it by ``postBuild.substituteFrom``, in this or
another Kustomization, and a diff against the live ConfigMap would show nothing of it. So the reader
is rendered with the values of base and of result. Of a changed Secret only its keys are known here.

Source: https://github.com/fluxcd/kustomize-controller/blob/v1.9.5/docs/spec/v1/kustomizations.md
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from gitops_bot.models.kustomizations import Kustomization, KustomizationId, ObjectReference
from gitops_bot.models.reports import Finding, Severity
from gitops_bot.rules.affected import Candidate
from gitops_bot.rules.consequences import Objects, substitutes_from
from gitops_bot.rules.objects import marked
from gitops_bot.rules.ordering import dependencies
from gitops_bot.rules.sealed_files import comes_from

# What redaction puts in the place of a secret that stands in a ConfigMap.
_HIDDEN = ("«secret:", "«hidden")
_WATCH = "reconcile.fluxcd.io/watch"

# Which of some variables a candidate may use.
Mentioned = Callable[[Candidate, frozenset[str]], frozenset[str]]

# One value by key; None: as the cluster has it. None for all: the ConfigMap is not there.
Data = Mapping[str, str | None] | None


@dataclass(frozen=True)
class NewConfigMap:
    """A ConfigMap before and after, and who makes it."""

    reference: ObjectReference
    giver: KustomizationId
    before: Data
    after: Data
    # Keys whose new value cannot be known here, because a secret stands in it.
    unknown: frozenset[str] = frozenset()
    # Flux looks at its readers at once.
    watched: bool = False
    created: bool = False


@dataclass(frozen=True)
class NewValues:
    """Everything that a change makes for others to substitute."""

    config_maps: Mapping[ObjectReference, NewConfigMap] = field(default_factory=dict)
    # Names of the keys, as far as they are known.
    secrets: Mapping[ObjectReference, frozenset[str]] = field(default_factory=dict)

    def __or__(self, other: "NewValues") -> "NewValues":
        """Put both together."""
        return NewValues({**self.config_maps, **other.config_maps}, {**self.secrets, **other.secrets})

    @property
    def changed(self) -> frozenset[ObjectReference]:
        """Whatever a reader may read otherwise."""
        return frozenset(self.config_maps) | frozenset(self.secrets)


def new_values(candidate: Candidate, base: Objects, result: Objects) -> NewValues:
    """Compare the ConfigMaps and Secrets in two renders of a Kustomization."""
    config_maps: dict[ObjectReference, NewConfigMap] = {}
    secrets: dict[ObjectReference, frozenset[str]] = {}
    for reference in base.keys() | result.keys():
        before, after = (side[reference].value if reference in side else None for side in (base, result))
        placed = ObjectReference(reference.kind, reference.namespace or "default", reference.name)
        old, new = _data(before), _data(after)
        keys = frozenset(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
        if reference.kind == "Secret" and not reference.group:
            for change in candidate.sealed_changes:
                if comes_from(reference, change.object):
                    named = (*change.added, *change.removed, *change.changed)
                    keys |= {key.partition(".")[2] or key for key in named} or {""}
            if keys:
                secrets[placed] = keys
        elif reference.kind == "ConfigMap" and not reference.group and (keys or (before is None) != (after is None)):
            if after is None and not _is_pruned(candidate, before or {}):
                continue
            config_maps[placed] = NewConfigMap(
                placed,
                candidate.id,
                None if before is None else _known(old),
                None if after is None else _known(new),
                frozenset(key for key in keys if _is_hidden(new.get(key, ""))),
                watched=_is_watched(after or {}),
                created=before is None,
            )
    return NewValues(config_maps, secrets)


def _is_pruned(candidate: Candidate, value: Mapping[str, object]) -> bool:
    """Whether an object that is rendered no more goes."""
    prunes = bool(candidate.either.spec.get("prune"))
    return prunes and not marked(value, "prune", "disabled")


def _known(data: Mapping[str, str]) -> dict[str, str | None]:
    return {key: None if _is_hidden(value) else value for key, value in data.items()}


def _is_hidden(value: str) -> bool:
    return any(mark in value for mark in _HIDDEN)


def _is_watched(value: Mapping[str, object]) -> bool:
    metadata = value.get("metadata")
    labels = metadata.get("labels") if isinstance(metadata, Mapping) else None
    return isinstance(labels, Mapping) and labels.get(_WATCH) == "Enabled"


def _data(value: Mapping[str, object] | None) -> dict[str, str]:
    data = (value or {}).get("data")
    return {str(key): str(inner) for key, inner in data.items()} if isinstance(data, Mapping) else {}


def _all(_: Candidate, names: frozenset[str]) -> frozenset[str]:
    return names


def with_values(candidate: Candidate, values: NewValues, mentioned: Mentioned = _all) -> Candidate:
    """Let a candidate be rendered with the values that its base and its result will find."""
    base, result = (
        _given(side, values, after=after) for side, after in ((candidate.base, False), (candidate.result, True))
    )
    unseen = bool(unseen_values(candidate, values, mentioned))
    return replace(candidate, base=base, result=result, always_compare=candidate.always_compare or unseen)


def _given(kustomization: Kustomization | None, values: NewValues, *, after: bool) -> Kustomization | None:
    if kustomization is None:
        return None
    given: dict[str, Data] = {}
    for reference in _read(kustomization):
        new = values.config_maps.get(reference)
        # What does not exist yet is looked for in the cluster: somebody else may have made it.
        if new is not None and (after or new.before is not None):
            given[reference.name] = new.after if after else new.before
    return kustomization if kustomization.given_values == given else replace(kustomization, given_values=given)


def _read(kustomization: Kustomization | None) -> Iterator[ObjectReference]:
    """Name what a Kustomization substitutes, in Flux's order."""
    if kustomization is not None:
        for kind, name in substitutes_from(kustomization.spec):
            yield ObjectReference(kind, kustomization.id.namespace, name)


def value_notes(candidate: Candidate, values: NewValues) -> tuple[str, ...]:
    """Say which new values a reader is shown with, and when Flux will substitute them."""
    notes = []
    for reference in dict.fromkeys(_read(candidate.result)):
        new = values.config_maps.get(reference)
        if new is None or new.after is None:
            continue
        said = f"shown with the values that {reference} will have"
        if new.giver == candidate.id:
            when = "Flux reads them before it applies them, so their effect comes one interval later"
        elif new.giver in dependencies(candidate.either):
            when = f"it is applied after {new.giver}, which brings them"
        elif new.watched:
            when = "Flux looks at it at once when they change"
        else:
            when = (
                f"it does not depend on {new.giver}, which brings them, so the old ones may be applied first, and the "
                "new ones at its next interval"
            )
        notes.append(f"{said}: {when}")
    return tuple(notes)


def unseen_values(candidate: Candidate, values: NewValues, mentioned: Mentioned = _all) -> tuple[Finding, ...]:
    """Find variables that change and whose effect cannot be shown: of Secrets, and of ConfigMaps that hold secrets.

    ``mentioned`` says which of some variables a candidate may use.
    """
    found = []
    for reference in dict.fromkeys([*_read(candidate.base), *_read(candidate.result)]):
        keys = values.secrets.get(reference, frozenset())
        new = values.config_maps.get(reference)
        keys |= new.unknown if new is not None else frozenset()
        # Without a name: a file of which nobody can say which keys it has.
        keys = mentioned(candidate, keys - {""}) | (keys & {""})
        if keys:
            names = ", ".join(sorted(key for key in keys if key))
            found.append(
                Finding(
                    "variables-not-visible",
                    Severity.WARNING,
                    f"Variables of {reference.kind} {reference.namespace}/{reference.name} change"
                    f"{f' ({names})' if names else ''}, and their effect is not visible.",
                    "Look at what substitutes them by hand: a secret value is not shown here.",
                    incomplete=True,
                )
            )
    return tuple(found)


def merged(found: Iterable[NewValues]) -> NewValues:
    """Put together what several Kustomizations make; what one gives up and another takes is one change."""
    together = NewValues()
    for values in found:
        moved = {
            reference: replace(new, before=together.config_maps[reference].before or new.before)
            if new.after is not None
            else replace(together.config_maps[reference], before=new.before or together.config_maps[reference].before)
            for reference, new in values.config_maps.items()
            if reference in together.config_maps
        }
        together = together | values | NewValues(moved)
    return together
