"""One tree seen through one Kustomization, read: its objects, and what flux said of each."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from gitops_bot.models.changes import DiffedObject, FluxOutcome, ParsedDiff
from gitops_bot.models.kustomizations import ObjectReference
from gitops_bot.models.reports import Finding, Severity
from gitops_bot.rules.changes import parse_diff
from gitops_bot.rules.fields import Shape, expand
from gitops_bot.rules.objects import RenderedObject, load_objects
from gitops_bot.rules.origins import View


@dataclass(frozen=True)
class Side:
    """One tree seen through one Kustomization: what it renders to, and how that differs from live.

    ``diff`` is None when no diff was made, for instance because the render failed.
    """

    build: FluxOutcome
    diff: FluxOutcome | None = None
    # (group, kind) of objects that were kept from the diff for want of a right.
    left_out: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True)
class Look:
    """A ``Side``, read. ``complete`` says that the diff covers every object of the render."""

    objects: Mapping[ObjectReference, RenderedObject] = field(default_factory=dict)
    diff: ParsedDiff = field(default_factory=lambda: ParsedDiff(()))
    complete: bool = True
    headings: Mapping[ObjectReference, DiffedObject] = field(default_factory=dict)
    left_out: frozenset[tuple[str, str]] = frozenset()

    def state(self, reference: ObjectReference) -> str:
        """Return flux's word for an object; "" when it differs in nothing, "unknown" when flux did not get that far."""
        rendered = self.objects.get(reference)
        if self.leaves_out(reference):
            return "unknown"
        if rendered and (rendered.says("reconcile", "disabled") or rendered.says("ssa", "ignore")):
            # When the cluster does not have it, flux prints it without its name, and as deleted.
            return "skipped"
        heading = self.headings.get(ungrouped(reference))
        if heading is not None:
            return heading.state
        return "" if self.complete else "unknown"

    def leaves_out(self, reference: ObjectReference) -> bool:
        """Whether an object was kept from the diff; kustomize takes no group for every group."""
        return bool({(reference.group, reference.kind), ("", reference.kind)} & self.left_out)

    def value(self, reference: ObjectReference) -> Mapping[str, object] | None:
        """Return an object of the render."""
        found = self.objects.get(reference)
        return found.value if found else None

    def view(self, reference: ObjectReference, shape: Shape) -> View:
        """Return one object with what the diff says of its fields."""
        state = self.state(reference)
        heading = self.headings.get(ungrouped(reference))
        # An object that is created or skipped was not compared field by field.
        known = reference not in self.objects or state in {"drifted", ""}
        return View(self.value(reference), expand(heading.entries if heading else (), shape), known)


def ungrouped(reference: ObjectReference) -> ObjectReference:
    """Return a reference as flux prints it: without its group."""
    return ObjectReference(reference.kind, reference.namespace, reference.name)


def look_at(side: Side) -> Look:
    """Read one side; raises UnreadableRenderError for a render that is no YAML."""
    objects = load_objects(side.build.text)
    diff = parse_diff(side.diff.text if side.diff else "")
    complete = side.diff is not None and side.diff.usable
    return Look(objects, diff, complete, {item.subject: item for item in diff.objects}, side.left_out)


def problems(look: Look, inventory: Sequence[ObjectReference]) -> Iterator[Finding]:
    """Find what shows that the text of a diff was not understood, or forged by a value in it."""
    rendered = Counter(ungrouped(reference) for reference in look.objects)
    known = {ungrouped(reference) for reference in inventory}
    seen = Counter(item.subject for item in look.diff.objects)
    strange = [
        str(item.subject)
        for item in look.diff.objects
        if item.state != "changed"
        and item.subject not in (known if item.state == "deleted" else rendered)
        and item.subject.name
    ]
    strange += [str(subject) for subject, count in seen.items() if count > max(rendered[subject], 1) and subject.name]
    if strange:
        yield not_understood(f"flux names objects that it should not: {', '.join(strange[:5])}")
    if look.diff.unknown_lines:
        yield not_understood("\n".join(look.diff.unknown_lines[:20]))
    for subject, count in rendered.items():
        if count > 1 and subject in seen:
            yield not_understood(
                f"{subject} stands for {count} objects of different API groups, which flux does not tell apart"
            )


def not_understood(detail: str) -> Finding:
    """Say that a part of flux's text was not understood."""
    return Finding(
        "diff-not-understood",
        Severity.WARNING,
        "A part of what flux printed could not be read with certainty.",
        "Look at the diff of this Kustomization with `flux diff kustomization` before you trust this report.",
        detail=detail,
        incomplete=True,
    )
