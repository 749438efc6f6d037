"""One object of a Kustomization: what the merge does to it as a whole.

The definition of origins.py, applied to existence: an object that the base and the result both
have and the cluster has not is *drift* (gone by hand) or *pending* (never applied), and so on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from gitops_bot.models.changes import FieldChange, Operation, Origin, ResourceChange
from gitops_bot.models.kustomizations import ObjectReference
from gitops_bot.models.reports import Finding
from gitops_bot.rules.fields import Shape, same
from gitops_bot.rules.looks import Look, not_understood
from gitops_bot.rules.noise import NOTHING, NoisePolicy
from gitops_bot.rules.objects import body_of, marked
from gitops_bot.rules.origins import View, differences, field_changes, moved, weightiest
from gitops_bot.rules.takeover import losses, with_losses
from gitops_bot.rules.unified import unified_view

_OWN = {Origin.PULL_REQUEST, Origin.UNDONE}
_TAKEN_OVER = "exists already without Flux; it takes the object over"
_UNSEEN = "flux shows no single field of this change"
_MOVED = "it changed while it was looked at, or the cluster sets a field depending on others; look again to be sure"
_NOT_COMPARED = "not compared with the cluster, because flux could not finish; told from the files alone"


@dataclass(frozen=True)
class Judge:
    """Everything known of the objects of one Kustomization."""

    base: Look
    result: Look
    applied: Look | None
    inventory: frozenset[ObjectReference]
    live_objects: Mapping[ObjectReference, Mapping[str, Any]]
    absent: frozenset[ObjectReference] = frozenset()
    # The references that spec.force or the annotation lets Flux delete and make anew.
    recreated: frozenset[ObjectReference] = frozenset()
    noise: NoisePolicy = NOTHING

    def judge(self, reference: ObjectReference) -> tuple[ResourceChange | None, tuple[Finding, ...]]:
        """Return what happens to one object that is rendered somewhere; deletions are told elsewhere."""
        case = _Case.of(self, reference)
        if case.result.value is None:
            return _taken_back(case), ()
        state = self.result.state(reference)
        findings = tuple(
            not_understood("\n".join(entry.lines))
            for view in (case.base, case.result)
            for entry in view.expansion.unread
        )
        if state == "skipped":
            return _skipped(case), findings
        if reference in self.recreated or (state == "created" and case.exists and case.forced):
            return _recreated(case), findings
        if state == "created" or not case.exists:
            return _created(case, compared=state == "created"), findings
        return _changed(case, state), findings


@dataclass(frozen=True)
class _Case:
    """One object, from all sides."""

    judge: Judge
    reference: ObjectReference
    shape: Shape
    base: View
    result: View
    applied: View | None

    @classmethod
    def of(cls, judge: Judge, reference: ObjectReference) -> "_Case":
        looks = [judge.base, judge.result, *([judge.applied] if judge.applied else [])]
        shape = Shape.of(*(look.value(reference) for look in looks))
        lost = losses(judge.live_objects.get(reference, {}), shape)
        base, result, *applied = (with_losses(look.view(reference, shape), lost, shape) for look in looks)
        return cls(judge, reference, shape, base, result, applied[0] if applied else None)

    @property
    def forced(self) -> bool:
        """Whether the object lets Flux delete it when it cannot be changed."""
        live = self.judge.live_objects.get(self.reference, {})
        return any(marked(value or {}, "force", "enabled") for value in (self.result.value, live))

    @property
    def exists(self) -> bool:
        """Whether the cluster has it, as far as can be told."""
        if self.reference in self.judge.live_objects or self.reference in self.judge.absent:
            return self.reference in self.judge.live_objects
        in_inventory = self.reference in self.judge.inventory
        if self.judge.result.leaves_out(self.reference):
            return in_inventory or self.base.value is not None
        states = [
            (self.judge.base.state(self.reference), self.base.value),
            (self.judge.result.state(self.reference), self.result.value),
        ]
        for state, value in states:
            if value is not None and state == "created" and not marked(value, "force", "enabled"):
                return False
        if any(value is not None and state in {"drifted", "", "skipped"} for state, value in states):
            return True
        return in_inventory

    @property
    def unchanged_in_git(self) -> bool:
        """Whether base and result render it alike."""
        return self.base.value is not None and same(dict(self.base.value), dict(self.result.value or {}))

    @property
    def absent_from_applied(self) -> bool:
        """Whether main is ahead, and Flux has never been told of this object."""
        return self.applied is not None and self.applied.value is None

    @property
    def body(self) -> str:
        return body_of(self.result.value or {})


def _taken_back(case: _Case) -> ResourceChange | None:
    """Judge an object that the base has and the result has not, where it was never applied."""
    if case.base.value is None or case.exists or not case.absent_from_applied:
        return None
    note = "on the base branch, never applied; this pull request takes it back"
    return ResourceChange(case.reference, Operation.CREATE, Origin.WITHDRAWN, notes=(note,))


def _skipped(case: _Case) -> ResourceChange | None:
    if case.unchanged_in_git:
        return None
    note = "Flux leaves this object alone, as its annotations say; what git says of it has no effect"
    return ResourceChange(case.reference, Operation.SKIP, Origin.PULL_REQUEST, notes=(note,))


def _created(case: _Case, *, compared: bool) -> ResourceChange:
    if case.base.value is None:
        origin = Origin.PULL_REQUEST
    elif case.absent_from_applied:
        origin = Origin.PENDING if case.unchanged_in_git else Origin.PULL_REQUEST
    else:
        origin = Origin.DRIFT if case.unchanged_in_git else Origin.UNDONE
    notes = () if compared else (_NOT_COMPARED,)
    return ResourceChange(case.reference, Operation.CREATE, origin, body=case.body, notes=notes)


def _recreated(case: _Case) -> ResourceChange:
    origin = Origin.PULL_REQUEST
    if case.unchanged_in_git:
        agreed = case.judge.applied is not None and case.judge.applied.state(case.reference) == ""
        origin = Origin.PENDING if agreed else Origin.DRIFT
    base, result = _silent(case.base), _silent(case.result)
    known = case.base.value is not None
    fields = field_changes(differences(base, result, None, case.shape), base, result) if known else ()
    note = "cannot be changed in place: Flux deletes it and makes it anew"
    return ResourceChange(case.reference, Operation.RECREATE, origin, fields, case.body, notes=(note,))


def _silent(view: View) -> View:
    """Look at a view's render only."""
    return View(view.value, known=False)


def _changed(case: _Case, state: str) -> ResourceChange | None:
    hidden_by = partial(case.judge.noise.hides_field, case.reference, shape=case.shape)
    found = differences(case.base, case.result, case.applied, case.shape, hidden_by)
    fields = field_changes(found, case.base, case.result)
    notes = [_NOT_COMPARED] if state == "unknown" else []
    notes += [_MOVED] if moved(case.base, case.result, case.shape) else []
    if case.base.value is None:
        return _arrived(case, state, fields)
    if not fields:
        return _unseen(case, state)
    origin = weightiest(change.origin for change in fields)
    live = case.judge.live_objects.get(case.reference, {})
    # Nobody reviews what was so before.
    unified = unified_view(live, found, case.result, case.shape) if origin in _OWN else ""
    return ResourceChange(case.reference, Operation.CHANGE, origin, fields, notes=tuple(notes), unified=unified)


def _arrived(case: _Case, state: str, fields: tuple[FieldChange, ...]) -> ResourceChange:
    """Judge an object that the base does not have and the cluster has."""
    if case.reference in case.judge.inventory:
        known = case.applied is not None and case.applied.value is not None
        origin = Origin.WITHDRAWN if known else Origin.ADOPTED
        note = "the base branch deletes it, which is not applied yet; this pull request keeps it"
    else:
        origin, note = Origin.ADOPTED, _TAKEN_OVER
    notes = (note, _NOT_COMPARED) if state == "unknown" else (note,)
    origins = [origin, *(change.origin for change in fields)]
    return ResourceChange(case.reference, Operation.CHANGE, weightiest(origins), fields, notes=notes)


def _unseen(case: _Case, state: str) -> ResourceChange | None:
    """Judge an object that flux calls drifted without an entry that matters."""
    heading = case.judge.result.headings.get(
        ObjectReference(case.reference.kind, case.reference.namespace, case.reference.name)
    )
    if state != "drifted" or (heading is not None and heading.entries):
        return None
    before = case.judge.base.state(case.reference) == "drifted"
    if case.unchanged_in_git:
        origin = Origin.DRIFT if before else Origin.PULL_REQUEST
    else:
        origin = Origin.UNDONE if before else Origin.PULL_REQUEST
    return ResourceChange(case.reference, Operation.CHANGE, origin, notes=(_UNSEEN,))
