"""What flux and the API server refused, as findings: cause, object, advice.

The kinds of refusal stand in refusals.py. What is not recognised counts as refused and is shown in
the other side's own words, so that a text forged by the pull request can make nothing look better.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from gitops_bot.models.changes import FluxOutcome, OutcomeStatus
from gitops_bot.models.kustomizations import ObjectReference
from gitops_bot.models.reports import Finding, Severity
from gitops_bot.models.rights import Right
from gitops_bot.rules.refusals import (
    CLUSTER_UNAVAILABLE,
    DELETED_BY_FORCE,
    IMMUTABLE,
    OF_OBJECTS,
    OF_RUNS,
    Refusal,
    Unless,
)
from gitops_bot.rules.rights import refused_escalation, refused_rights

_SUBJECT = r"[A-Z][A-Za-z0-9]*/(?:[^/\s,]+/)?[^/\s,]+"
_OBJECT_ERROR = re.compile(
    rf"(?:^\[?|, )(?P<subject>{_SUBJECT}) (?=dry-run failed|not found: |namespace not specified: )"
)
_NOTHING_TO_DO = "Nothing to do: Flux applies it first. The API server can check the object only then."


@dataclass(frozen=True)
class Arriving:
    """What is not in the cluster yet and comes before the objects of this Kustomization.

    Collected over the renders that the merge applies first: the parents', and those of
    Kustomizations that this one depends on. What its own render brings is added by itself.
    """

    namespaces: frozenset[str] = frozenset()
    # (group, kind) that CustomResourceDefinitions define.
    kinds: frozenset[tuple[str, str]] = frozenset()
    # ConfigMaps and Secrets, for substituteFrom.
    objects: frozenset[ObjectReference] = frozenset()

    def __or__(self, other: "Arriving") -> "Arriving":
        """Return both together."""
        return Arriving(self.namespaces | other.namespaces, self.kinds | other.kinds, self.objects | other.objects)


@dataclass(frozen=True)
class Situation:
    """What decides between a fault and something that is only not there yet."""

    arriving: Arriving = field(default_factory=Arriving)
    # Kustomization.spec.force: the controller deletes and makes anew what cannot be changed.
    force: bool = False


def run_findings(outcome: FluxOutcome, situation: Situation) -> tuple[Finding, ...]:
    """Return what a run of flux that did not succeed says; () for one that did."""
    message = outcome.message.strip().removeprefix("✗").strip()
    if outcome.usable:
        return ()
    if outcome.status is OutcomeStatus.UNAVAILABLE:
        unavailable = next(refusal for refusal in OF_RUNS if refusal.code == CLUSTER_UNAVAILABLE)
        return (_stated(unavailable, {}, None, message),)
    if outcome.status is OutcomeStatus.REFUSED:
        return (_not_run(message),)
    return tuple(dict.fromkeys(_finding(subject, text, situation) for subject, text in _errors(message)))


def _not_run(message: str) -> Finding:
    if re.search(r"outside|is not in or below|symlink", message):
        return _stated(OF_RUNS[0], {}, None, message)
    return Finding(
        "refused-input",
        Severity.CRITICAL,
        "The files were refused before flux read them, or needed more than the limits allow.",
        "The detail names what to remove or to make smaller.",
        detail=message,
        blocks=True,
    )


def _errors(message: str) -> Iterator[tuple[ObjectReference | None, str]]:
    """Cut flux's message, which joins the errors of several objects, into one per object."""
    starts = list(_OBJECT_ERROR.finditer(message))
    before = message[: starts[0].start()].strip() if starts else message
    if before or not starts:
        yield None, before
    for start, following in zip(starts, [*starts[1:], None], strict=False):
        text = message[start.end() : following.start() if following else None]
        if following is None and message.startswith("["):
            text = text.removesuffix("]")
        kind, *rest = start["subject"].split("/")
        yield ObjectReference(kind, rest[0] if len(rest) > 1 else "", rest[-1]), text


def _finding(subject: ObjectReference | None, text: str, situation: Situation) -> Finding:
    for refusal in OF_OBJECTS if subject else OF_RUNS:
        found = refusal.find(text)
        if found:
            words = found.groupdict()
            return _excused(refusal, words, subject, text, situation) or _stated(refusal, words, subject, text)
    raise AssertionError("the last row of each table matches everything")


def _stated(refusal: Refusal, words: dict[str, str], subject: ObjectReference | None, text: str) -> Finding:
    lacks = _lacks(words, subject) if refusal.code == "missing-right" else ()
    words = words | {"object": str(subject)}
    return Finding(
        refusal.code,
        Severity.CRITICAL if refusal.blocks else Severity.WARNING,
        refusal.message.format_map(words),
        refusal.advice.format_map(words),
        object=subject,
        detail=text,
        blocks=refusal.blocks,
        incomplete=not refusal.blocks,
        lacks=lacks,
    )


def _lacks(words: dict[str, str], subject: ObjectReference | None) -> tuple[Right, ...]:
    """Return the rights that would have been needed, for a rule that can be pasted."""
    if "verb" not in words:
        return refused_escalation(subject)
    group, resource, namespace = words["group"], words["resource"], words.get("namespace") or ""
    rights = refused_rights(words["verb"], group, resource, namespace)
    # Variables are only read.
    return rights if subject else tuple(right for right in rights if right.verb == words["verb"])


def _excused(
    refusal: Refusal, words: dict[str, str], subject: ObjectReference | None, text: str, situation: Situation
) -> Finding | None:
    """Return what a refusal is when it is no fault; None when it is one."""
    arriving = situation.arriving
    pending = Finding("", Severity.INFO, "", _NOTHING_TO_DO, object=subject, detail=text)
    if refusal.unless is Unless.NAMESPACE_ARRIVES and words["namespace"] in arriving.namespaces:
        message = f"{subject} waits for the namespace {words['namespace']}, which comes with this change."
        return replace(pending, code="pending-namespace", message=message)
    group = words.get("version", "").rpartition("/")[0]
    if refusal.unless is Unless.KIND_ARRIVES and (group, words["kind"]) in arriving.kinds:
        message = f"{subject} waits for the definition of {words['kind']}, which comes with this change."
        return replace(pending, code="pending-crd", message=message)
    unsure = replace(pending, severity=Severity.WARNING, incomplete=True)
    kinds = {kind for _, kind in arriving.kinds}
    if refusal.unless is Unless.DEFINITION_CHANGES and subject and subject.kind in kinds:
        message = f"{subject} uses the field {words['field']}; the definition of its kind comes with this change too."
        advice = "Make sure that the definition has the field: the API server can check it only after the merge."
        return replace(unsure, code="pending-crd", message=message, advice=advice)
    variables = {(item.kind, item.name) for item in arriving.objects}
    if refusal.unless is Unless.VARIABLES_ARRIVE and (words["kind"], words["name"]) in variables:
        message = f"Variables come from {words['kind']}/{words['name']}, which comes with this change."
        return replace(
            unsure, code="pending-variables", message=message, advice="Their effect is not visible before the merge."
        )
    if refusal.unless is Unless.FORCED and situation.force and re.search(DELETED_BY_FORCE, text):
        return _forced(subject, text)
    return None


def _forced(subject: ObjectReference | None, text: str) -> Finding:
    """Judge an object that is refused where Flux may delete it."""
    if re.search(IMMUTABLE, text):
        return Finding(
            "recreate",
            Severity.CRITICAL,
            f"{subject} cannot be changed in place: Flux deletes it and makes it anew.",
            "spec.force allows it; make sure that what the object holds may be lost.",
            object=subject,
            detail=text,
        )
    return Finding(
        "force-deletes",
        Severity.CRITICAL,
        f"{subject} is refused, and Flux deletes the one in the cluster first, because spec.force is set.",
        "Correct the object before merging; without spec.force nothing would be deleted.",
        object=subject,
        detail=text,
        blocks=True,
    )
