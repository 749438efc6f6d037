"""Base against live, result against live: where each change of one Kustomization comes from.

Both the base branch and the merge result are compared with the same live cluster. What each
origin means stands in origins.py (fields), whole_objects.py and deletions.py; what flux could not
do becomes a finding by failures.py.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gitops_bot.models.changes import FluxOutcome, Operation, Origin, OutcomeStatus, ResourceChange
from gitops_bot.models.kustomizations import Kustomization, ObjectReference
from gitops_bot.models.reports import Finding, KustomizationReport, RowState, Severity
from gitops_bot.rules.deletions import Deletions, Evidence, pruned, removed_with
from gitops_bot.rules.failures import Arriving, Situation, run_findings
from gitops_bot.rules.looks import Look, Side, look_at, problems
from gitops_bot.rules.noise import NOTHING, NoisePolicy
from gitops_bot.rules.objects import UnreadableRenderError
from gitops_bot.rules.origins import ORIGINS_BY_WEIGHT
from gitops_bot.rules.verdict import has_effect
from gitops_bot.rules.whole_objects import Judge

__all__ = ["Arriving", "ComparisonInputs", "Side", "arriving_from", "kustomization_report", "moves"]


@dataclass(frozen=True)
class ComparisonInputs:
    """Everything that the report of one Kustomization rests on. Texts are redacted already.

    Only ``kustomization``, ``base`` and ``result`` must be given; each further value makes the
    report more exact.
    """

    # As it is in the cluster, with its inventory; for a new one as the parent renders it (live=False).
    kustomization: Kustomization
    # None: the base has no such Kustomization (it is new).
    base: Side | None
    # None: the result has no such Kustomization (it is removed).
    result: Side | None
    # At the revision that Flux applied last; None when that is the base.
    applied: Side | None = None
    # As the result's parent renders it, when that differs from the live one.
    rendered: Kustomization | None = None
    # The result's tree through the live spec, when ``rendered`` differs from it: a child
    # reconciles the new commit with its old spec first.
    result_by_live_spec: Side | None = None
    # Objects as they are in the cluster (managedFields included), those that are known.
    live_objects: Mapping[ObjectReference, Mapping[str, Any]] = field(default_factory=dict)
    # Objects that were looked for in the cluster and are not there.
    absent: frozenset[ObjectReference] = frozenset()
    arriving: Arriving = field(default_factory=Arriving)
    # What people switched off: marked here, taken out by without_noise once the verdict is known.
    noise: NoisePolicy = NOTHING
    # Why it was looked at; goes into the report.
    reason: str = ""

    @property
    def spec(self) -> Mapping[str, Any]:
        """The spec after the merge."""
        return (self.rendered or self.kustomization).spec


def kustomization_report(inputs: ComparisonInputs) -> KustomizationReport:
    """Return the row of one Kustomization: its changes with their origins, and what stands in the way.

    Never raises for what flux, the cluster or the pull request may say: what cannot be read
    becomes a finding that makes the report incomplete.
    """
    row = KustomizationReport(inputs.kustomization.id, inputs.kustomization.path, RowState.CHANGED, inputs.reason)
    if inputs.spec.get("kubeConfig") or inputs.kustomization.spec.get("kubeConfig"):
        return replace(row, state=RowState.REMOTE, findings=(_REMOTE,))
    if inputs.result is None:
        return _removed(row, inputs)
    if not inputs.result.build.usable:
        return _does_not_build(row, inputs, inputs.result)
    if inputs.base is not None and not inputs.base.build.usable:
        return replace(row, state=RowState.NOT_ANALYSED, findings=tuple(_base_fails(inputs, inputs.base)))
    try:
        return _compared(row, inputs, inputs.result)
    except UnreadableRenderError as error:
        return replace(row, state=RowState.NOT_ANALYSED, findings=(_unreadable(str(error)),))


def arriving_from(render: str) -> Arriving:
    """Return what a render brings that other objects may wait for; nothing when it cannot be read."""
    try:
        return _arriving(look_at(_side_of(render)))
    except UnreadableRenderError:
        return Arriving()


_REMOTE = Finding(
    "remote",
    Severity.WARNING,
    "It is applied to another cluster (spec.kubeConfig), which is not looked at.",
    "Run a bot in that cluster, or compare by hand.",
    incomplete=True,
)


def _unreadable(detail: str) -> Finding:
    return Finding(
        "unreadable-render",
        Severity.CRITICAL,
        "What flux rendered could not be read.",
        "Look at the files that the Kustomization is built from.",
        detail=detail,
        incomplete=True,
    )


def _side_of(render: str) -> Side:
    return Side(FluxOutcome(OutcomeStatus.UNCHANGED, text=render))


def _compared(row: KustomizationReport, inputs: ComparisonInputs, side: Side) -> KustomizationReport:
    """Compare two renders that exist."""
    base = look_at(inputs.base) if inputs.base else Look()
    result = look_at(side)
    applied = look_at(inputs.applied) if inputs.applied and inputs.applied.build.usable else None
    situation = Situation(inputs.arriving | _arriving(result), force=bool(inputs.spec.get("force")))
    refused = _diff_findings(side, situation)
    if _unavailable(refused):
        return replace(row, state=RowState.NOT_ANALYSED, findings=refused)
    findings = [*refused, *_base_diff_findings(inputs, refused, situation)]
    for look in filter(None, (base, result, applied)):
        findings += problems(look, inputs.kustomization.inventory)
    evidence = Evidence(base, applied, inputs.live_objects, inputs.absent)
    deletions = _deletions(inputs, result, evidence)
    judge = Judge(
        base,
        result,
        applied,
        frozenset(inputs.kustomization.inventory),
        inputs.live_objects,
        inputs.absent,
        _recreated(refused, result),
        inputs.noise,
    )
    changes = []
    for reference in dict.fromkeys([*result.objects, *base.objects]):
        change, strange = judge.judge(reference)
        changes += [change] if change else []
        findings += strange
    changes += [*deletions.changes]
    changes.sort(key=lambda change: ORIGINS_BY_WEIGHT.index(change.origin))
    findings += _half_applied(findings, changes)
    return replace(
        row,
        state=_state(inputs, changes, findings),
        changes=tuple(changes),
        findings=tuple(dict.fromkeys([*findings, *deletions.findings])),
        notes=tuple(_notes(inputs)),
    )


def _half_applied(findings: Iterable[Finding], changes: Iterable[ResourceChange]) -> Iterator[Finding]:
    """Name what the controller applies before it meets what is refused: it goes stage by stage."""
    refused = [_stage(finding.object) for finding in findings if finding.blocks and finding.object]
    for change in changes:
        early = change.operation in {Operation.CREATE, Operation.CHANGE} and has_effect(change)
        if refused and early and _stage(change.object) < min(refused):
            yield Finding(
                "half-applied",
                Severity.WARNING,
                f"{change.object} is applied although the rest is refused.",
                "Do not merge before everything is accepted, or be ready for half of it.",
                object=change.object,
            )


def _stage(reference: ObjectReference) -> int:
    """Return when the controller applies an object: definitions, then classes, then everything else."""
    if reference.kind in {"CustomResourceDefinition", "Namespace", "ClusterRole"}:
        return 0
    return 1 if reference.kind.endswith("Class") else 2


def _state(inputs: ComparisonInputs, changes: list[ResourceChange], findings: Iterable[Finding]) -> RowState:
    if any(finding.blocks for finding in findings):
        return RowState.FAILING
    if inputs.base is None or not inputs.kustomization.live:
        return RowState.NEW
    if inputs.spec.get("suspend"):
        return RowState.SUSPENDED
    return RowState.CHANGED if changes else RowState.UNCHANGED


def _notes(inputs: ComparisonInputs) -> Iterator[str]:
    if inputs.applied is not None and (inputs.applied.diff is None or not inputs.applied.diff.usable):
        yield "what waits on the base branch may be shown as drift: the applied revision could not be compared"
    if inputs.spec.get("suspend"):
        yield "suspended: nothing happens before it is resumed"
    if inputs.kustomization.suspended and not inputs.spec.get("suspend"):
        yield "suspended now; this pull request resumes it"
    if inputs.kustomization.live and inputs.kustomization.ready is False:
        yield f"unhealthy now: {inputs.kustomization.ready_message or 'not ready'}"


def _diff_findings(side: Side, situation: Situation) -> tuple[Finding, ...]:
    if side.diff is None:
        return (
            Finding(
                "not-compared",
                Severity.WARNING,
                "It was rendered but not compared with the cluster.",
                "Look again, or compare by hand.",
                incomplete=True,
            ),
        )
    return run_findings(side.diff, situation)


def _unavailable(findings: Iterable[Finding]) -> bool:
    return any(finding.code == "cluster-unavailable" for finding in findings)


def _base_diff_findings(
    inputs: ComparisonInputs, refused: Iterable[Finding], situation: Situation
) -> Iterator[Finding]:
    """Say what the failing comparison of the base costs; what the result suffers from too is told there."""
    if inputs.base is None or (inputs.base.diff is not None and inputs.base.diff.usable):
        return
    told = {(finding.code, finding.object) for finding in refused}
    causes = [
        finding for finding in _diff_findings(inputs.base, situation) if (finding.code, finding.object) not in told
    ]
    if causes:
        yield Finding(
            "base-not-compared",
            Severity.WARNING,
            "The base branch could not be compared: somebody's own changes may look like this pull request's.",
            "Mend the base branch first if you need to tell them apart.",
            detail="\n".join(f"{cause.message} {cause.detail}" for cause in causes),
            incomplete=True,
        )


def _arriving(look: Look) -> Arriving:
    kinds = set()
    for reference, rendered in look.objects.items():
        spec = rendered.value.get("spec")
        if (
            reference.kind == "CustomResourceDefinition"
            and isinstance(spec, dict)
            and isinstance(spec.get("names"), dict)
        ):
            kinds.add((str(spec.get("group")), str(spec["names"].get("kind"))))
    return Arriving(
        frozenset(reference.name for reference in look.objects if reference.kind == "Namespace"),
        frozenset(kinds),
        frozenset(reference for reference in look.objects if reference.kind in {"ConfigMap", "Secret"}),
    )


def _recreated(findings: Iterable[Finding], result: Look) -> frozenset[ObjectReference]:
    """Return the objects that spec.force lets the controller make anew; flux diff only knows the annotation."""
    named = {finding.object for finding in findings if finding.code == "recreate"}
    return frozenset(reference for reference in result.objects if replace(reference, group="") in named)


def _deletions(inputs: ComparisonInputs, result: Look, evidence: Evidence) -> Deletions:
    """Take the inventory apart by the spec after the merge and, for a child, by the one before it too."""
    owner = inputs.kustomization
    stale = [reference for reference in owner.inventory if reference not in result.objects]
    found = pruned(owner, stale, bool(inputs.spec.get("prune")), evidence)
    early = inputs.result_by_live_spec
    if early is None or not early.build.usable or owner.suspended:
        return found
    # The child may see the new commit before its new spec.
    rendered = look_at(early).objects
    first = pruned(
        owner, [item for item in owner.inventory if item not in rendered], bool(owner.spec.get("prune")), evidence
    )
    known = {change.object for change in found.changes}
    note = "with the old spec of the Kustomization, which meets the new commit first"
    more = tuple(replace(change, notes=(note,)) for change in first.changes if change.object not in known)
    doomed = {change.object for change in more}
    kept = tuple(finding for finding in found.findings if finding.object not in doomed or finding.object is None)
    return Deletions(found.changes + more, kept)


def _does_not_build(row: KustomizationReport, inputs: ComparisonInputs, side: Side) -> KustomizationReport:
    """The result cannot be rendered: an error with its cause, and no changes at all."""
    findings = run_findings(side.build, Situation(inputs.arriving))
    if inputs.base is not None and not inputs.base.build.usable:
        findings = tuple(
            replace(finding, message=f"{finding.message} So it is on the base branch too.") for finding in findings
        )
    state = RowState.FAILING if any(finding.blocks for finding in findings) else RowState.NOT_ANALYSED
    return replace(row, state=state, findings=findings)


def _base_fails(inputs: ComparisonInputs, base: Side) -> Iterator[Finding]:
    """The result can be rendered, the base cannot: nothing to compare with."""
    for finding in run_findings(base.build, Situation(inputs.arriving)):
        if finding.code == "cluster-unavailable":
            yield finding
        else:
            yield Finding(
                "base-does-not-build",
                Severity.WARNING,
                "The base branch does not build, so there is nothing to compare with; the result builds.",
                "Look at the rendered result, or mend the base branch first.",
                detail=f"{finding.message} {finding.detail}".strip(),
                incomplete=True,
            )


def _removed(row: KustomizationReport, inputs: ComparisonInputs) -> KustomizationReport:
    """The merge removes the Kustomization: everything in its inventory that goes with it."""
    try:
        base = look_at(inputs.base) if inputs.base and inputs.base.build.usable else Look(complete=False)
        applied = look_at(inputs.applied) if inputs.applied and inputs.applied.build.usable else None
    except UnreadableRenderError:
        base, applied = Look(complete=False), None
    evidence = Evidence(base, applied, inputs.live_objects, inputs.absent)
    deletions = removed_with(inputs.kustomization, evidence)
    changes = tuple(replace(change, origin=Origin.PULL_REQUEST) for change in deletions.changes)
    return replace(row, state=RowState.REMOVED, changes=changes, findings=deletions.findings)


def moves(rows: Iterable[KustomizationReport]) -> tuple[KustomizationReport, ...]:
    """Name the objects that one Kustomization gives up and another one takes: a race, in which they may be deleted."""
    rows = tuple(rows)
    given = {change.object for row in rows for change in row.changes if change.operation is Operation.DELETE}
    taken = {
        change.object
        for row in rows
        for change in row.changes
        if change.operation in {Operation.CREATE, Operation.CHANGE, Operation.RECREATE}
    }
    return tuple(
        replace(
            row,
            findings=row.findings
            + tuple(_moved(change.object) for change in row.changes if change.object in given & taken),
        )
        for row in rows
    )


def _moved(reference: ObjectReference) -> Finding:
    return Finding(
        "moved",
        Severity.WARNING,
        f"{reference} moves from one Kustomization to another: it may be deleted and made anew.",
        "Let the one that gives it depend on the one that takes it, or annotate it prune: disabled before the move.",
        object=reference,
    )
