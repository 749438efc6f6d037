"""Before anything is compared: what may be looked at, and what is not for want of a right.

renders -> what flux would ask the API server for -> access reviews -> a clearance for each Kustomization.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from gitops_bot.errors import ClusterRefused
from gitops_bot.journeys.ports import Cluster
from gitops_bot.journeys.render_candidates import Rendered
from gitops_bot.models.changes import FluxOutcome
from gitops_bot.models.kustomizations import Kustomization, KustomizationId, ObjectReference
from gitops_bot.models.reports import Finding, KustomizationReport
from gitops_bot.models.rights import Right
from gitops_bot.rules.affected import Reason
from gitops_bot.rules.consequences import kustomizations_in
from gitops_bot.rules.objects import RenderedObject, UnreadableRenderError, load_objects
from gitops_bot.rules.rights import Kinds, Need, kustomization_need, lacking_findings, left_out, object_needs, right_on
from gitops_bot.rules.tenants import (
    CODES,
    accounts,
    not_asked_finding,
    parent_finding,
    tenant_finding,
    tenant_needs,
    user_of,
)

# Rights that are asked for object by object, where somebody lacks them on the whole kind.
_MOST_BY_NAME = 50

Ask = Callable[[Iterable[Right]], Awaitable[frozenset[Right]]]
Objects = Mapping[ObjectReference, RenderedObject]


@dataclass(frozen=True)
class Clearance:
    """What may be compared of one Kustomization."""

    # Why nothing may be; empty otherwise.
    refused: tuple[Finding, ...] = ()
    # (group, kind) of objects that flux must not look at.
    left_out: frozenset[tuple[str, str]] = frozenset()
    # What says so in the report.
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class _Subject:
    """One candidate whose renders differ, read."""

    rendered: Rendered
    base: Objects
    result: Objects
    # Through the live spec.
    early: Objects

    @property
    def id(self) -> KustomizationId:
        return self.rendered.candidate.id

    @property
    def owners(self) -> tuple[Kustomization, ...]:
        candidate = self.rendered.candidate
        return tuple(one for one in (candidate.base, candidate.result) if one is not None)

    @property
    def inventory(self) -> frozenset[ObjectReference]:
        return frozenset(reference for owner in self.owners for reference in owner.inventory)

    @property
    def after(self) -> dict[ObjectReference, Mapping[str, Any]]:
        return {reference: found.value for reference, found in {**self.early, **self.result}.items()}


async def clearances(cluster: Cluster, rendered: Sequence[Rendered]) -> Mapping[KustomizationId, Clearance]:
    """Return what may be compared; nothing is said of candidates that are not compared anyway.

    Costs two requests for the kinds, and one per verb and kind (and namespace, where rights are given
    there), all of which the door remembers for a minute.
    """
    compared = [one for one in rendered if one.differs and not one.candidate.obstacle]
    if not compared:
        return {}
    subjects = await asyncio.to_thread(lambda: [_read(one) for one in compared])
    kinds = await cluster.served_kinds()
    found = dict(await asyncio.gather(*(_clearance(cluster, subject, kinds) for subject in subjects)))
    return found | _inherited(cluster.name, subjects, found)


def _read(one: Rendered) -> _Subject:
    return _Subject(one, *(_objects(side) for side in (one.base, one.result, one.result_by_live_spec)))


def _objects(side: FluxOutcome | None) -> Objects:
    try:
        return load_objects(side.text) if side is not None and side.usable else {}
    except UnreadableRenderError:
        return {}  # The comparison says so.


async def _clearance(cluster: Cluster, subject: _Subject, kinds: Kinds) -> tuple[KustomizationId, Clearance]:
    refused = await _tenant_findings(cluster, subject, kinds)
    if refused:
        return subject.id, Clearance(refused)
    return subject.id, await _own_rights(cluster, subject, kinds)


async def _tenant_findings(cluster: Cluster, subject: _Subject, kinds: Kinds) -> tuple[Finding, ...]:
    """Ask for each account that applies it; the *diff* identity must not show what they may not see."""
    named = accounts(subject.owners, cluster.default_service_account)
    if not named:
        return ()
    before = {*subject.base, *subject.inventory}
    needs = tuple(tenant_needs(subject.owners, before, subject.after, kinds))
    findings = []
    for account in named:
        try:
            lacks = await _lacks(needs, partial(cluster.user_lacks, user_of(account)))
        except ClusterRefused as error:
            return (not_asked_finding(account, str(error)),)
        finding = tenant_finding(account, needs, lacks)
        findings += [finding] if finding else []
    return tuple(findings)


async def _own_rights(cluster: Cluster, subject: _Subject, kinds: Kinds) -> Clearance:
    """Ask what flux itself may do, which runs with the *diff* identity."""
    live = next((owner for owner in subject.owners if owner.live), None)
    first = (kustomization_need(live),) if live is not None else ()
    existing = subject.inventory
    base = {reference: found.value for reference, found in subject.base.items()}
    needs = tuple(object_needs({**base, **subject.after}, kinds, existing))
    # What was applied is read too, for what is deleted; where that fails only detail is lost.
    read = tuple(
        Need(right_on(kind, "get", reference), reference)
        for reference in existing
        if (kind := kinds.get((reference.group, reference.kind))) is not None
    )
    lacks = await _lacks((*first, *needs, *read), cluster.diff_lacks)
    account = cluster.diff_name
    return Clearance(
        refused=lacking_findings(first, lacks, account),
        left_out=left_out((*needs, *read), lacks),
        findings=lacking_findings(needs, lacks, account),
    )


async def _lacks(needs: Iterable[Need], ask: Ask) -> frozenset[Right]:
    """Ask for whole kinds first, and object by object only where that is not many questions."""
    rights = {need.right for need in needs}
    whole = await ask({right.nameless for right in rights})
    in_doubt = {right for right in rights if right.nameless in whole}
    return await ask(in_doubt) if len(in_doubt) <= _MOST_BY_NAME else frozenset(in_doubt)


def _inherited(
    cluster: str, subjects: Sequence[_Subject], found: Mapping[KustomizationId, Clearance]
) -> dict[KustomizationId, Clearance]:
    """Refuse children that come from a refused parent: Flux would never make them, so they are nobody's to show."""
    altered = {
        subject.id
        for subject in subjects
        if subject.rendered.candidate.reason in {Reason.ADDED, Reason.SPEC_CHANGED, Reason.REMOVED}
    }
    children = {
        subject.id: altered & kustomizations_in(cluster, {**subject.base, **subject.early, **subject.result}).keys()
        for subject in subjects
    }
    waiting = [key for key, clearance in found.items() if _by_tenant(clearance)]
    seen = set(waiting)
    inherited: dict[KustomizationId, Clearance] = {}
    while waiting:
        parent = waiting.pop()
        for child in sorted(children[parent] - seen):
            inherited[child] = Clearance((parent_finding(str(parent)),))
            seen.add(child)
            waiting.append(child)
    return inherited


def _by_tenant(clearance: Clearance) -> bool:
    return any(finding.code in CODES for finding in clearance.refused)


def without_refused(rendered: Sequence[Rendered], rows: Iterable[KustomizationReport]) -> tuple[Rendered, ...]:
    """Leave out the renders of which nothing may be told in any other way either."""
    refused = {row.id for row in rows if any(finding.code in CODES for finding in row.findings)}
    return tuple(one for one in rendered if one.candidate.id not in refused)
