"""What flux said, and what became of it: changes of objects with the origin of each."""

from dataclasses import dataclass, field
from enum import StrEnum

from gitops_bot.models.kustomizations import ObjectReference


class Operation(StrEnum):
    """What happens to an object as a whole."""

    CREATE = "create"
    CHANGE = "change"
    DELETE = "delete"
    RECREATE = "recreate"
    # Flux leaves the object alone on purpose (reconcile: disabled, ssa: ignore): not reviewed.
    SKIP = "skip"


class Origin(StrEnum):
    """Where a difference to the live cluster comes from. The definitions stand in rules/compare.py."""

    PULL_REQUEST = "pull_request"
    DRIFT = "drift"
    PENDING = "pending"
    ADOPTED = "adopted"
    WITHDRAWN = "withdrawn"
    UNDONE = "undone"


@dataclass(frozen=True)
class DiffEntry:
    """One entry below a heading of ``flux diff``, as its program (dyff) prints it.

    ``path`` is dyff's own notation (``spec.template.spec.containers.app.image``; "" for the
    whole document); ``headline`` is its line that starts with ``±``, ``+``, ``-`` or ``⇆``
    without indentation; ``removed`` and ``added`` are the values, without the ``- `` and ``+ ``;
    ``lines`` is everything as it was printed.
    """

    path: str
    headline: str
    removed: str
    added: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class DiffedObject:
    """One heading of ``flux diff``: ``► Kind/namespace/name state`` and what stands below it."""

    subject: ObjectReference  # without group: flux does not print it
    state: str  # created, drifted, deleted, skipped, changed
    entries: tuple[DiffEntry, ...] = ()


@dataclass(frozen=True)
class ParsedDiff:
    """The text of ``flux diff`` as values. ``unknown_lines`` are kept and shown, never dropped."""

    objects: tuple[DiffedObject, ...]
    unknown_lines: tuple[str, ...] = ()


class OutcomeStatus(StrEnum):
    """How a run of flux ended."""

    # Build: rendered. Diff: exit 0.
    UNCHANGED = "unchanged"
    # Diff: exit 1 with flux's own line that says so.
    CHANGED = "changed"
    # flux gave a reason why it cannot: ``message`` has it. ``text`` may hold a part of a diff.
    FAILED = "failed"
    # The fault is ours or the cluster's (unreachable, token expired): no verdict, try again.
    UNAVAILABLE = "unavailable"
    # The input was refused before flux saw it, or killed at a limit: ``message`` says which.
    REFUSED = "refused"


@dataclass(frozen=True)
class FluxOutcome:
    """What one run of ``flux build`` or ``flux diff`` gave. Texts are redacted already.

    ``text`` is standard output (YAML documents for a build, dyff's text for a diff),
    ``message`` the reason out of standard error ("" when all went well).
    """

    status: OutcomeStatus
    text: str = ""
    message: str = ""
    seconds: float = 0.0
    # What a reader must know although all went well: a reference that was not followed, a file left out.
    notes: tuple[str, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether ``text`` is the whole answer."""
        return self.status in {OutcomeStatus.UNCHANGED, OutcomeStatus.CHANGED}


@dataclass(frozen=True)
class FieldChange:
    """One field of one object, with where the difference comes from.

    ``before`` is what lives in the cluster, ``after`` what the merge would make of it;
    either is "" when there is none. ``headline`` says what happens in dyff's words.
    """

    path: str
    headline: str
    before: str
    after: str
    origin: Origin
    # The setting that switches it off, until it is taken out and counted; "" in every report.
    hidden_by: str = ""


@dataclass(frozen=True)
class ResourceChange:
    """One object, one operation, its fields."""

    object: ObjectReference
    operation: Operation
    # Of the object as a whole; for a change: the most important among its fields.
    origin: Origin
    fields: tuple[FieldChange, ...] = ()
    # Created or recreated: the object as YAML, redacted. "" otherwise.
    body: str = ""
    # Deleted: what a person wants to know of it (replicas, volumes, hosts).
    facts: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())
    # Changed: hunks of the live object against what becomes of it, redacted; "" where that is not known.
    unified: str = ""


@dataclass(frozen=True)
class ContentVersion:
    """What a chart, or an artifact, is taken from at one side; texts of a pull request, "" where nothing is said.

    ``link`` is a page about it: an https address made of the source's own, or "".
    """

    chart: str = ""
    version: str = ""
    source: ObjectReference | None = None
    url: str = ""
    link: str = ""


@dataclass(frozen=True)
class ContentChange:
    """Something that Flux renders in the cluster only, and that nobody rendered here: its content is not in the report.

    ``object`` is the HelmRelease, or the source of one that no HelmRelease known here uses. ``before``
    and ``after`` are None where there is none; ``what`` names what changes, one thing an item (``values``,
    ``HelmRepository/apps/charts: spec.url``).
    """

    object: ObjectReference
    what: tuple[str, ...]
    before: ContentVersion | None
    after: ContentVersion | None
    # namespace/name of the Kustomization that applies it, where that is not the row's own.
    applied_by: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class SealedChange:
    """A file that SOPS encrypted and that changes: the names of its keys, never a value.

    ``changed`` holds keys with another ciphertext: another value, or the same one encrypted anew.
    ``object`` is None for a file that is no Kubernetes object.
    """

    path: str
    object: ObjectReference | None = None
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
