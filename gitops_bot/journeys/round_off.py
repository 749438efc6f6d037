"""Complete the rows of a cluster: add what nobody could see, and put them into the order in which Flux goes."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from gitops_bot.journeys.look_for_contents import look_for_contents
from gitops_bot.journeys.ports import FluxSession
from gitops_bot.journeys.render_candidates import Rendered
from gitops_bot.models.kustomizations import KustomizationId
from gitops_bot.models.reports import KustomizationReport
from gitops_bot.rules.affected import Surroundings
from gitops_bot.rules.consequences import kustomizations_in
from gitops_bot.rules.objects import UnreadableRenderError, load_objects
from gitops_bot.rules.ordering import Order, in_order, order_of
from gitops_bot.rules.unseen import Unseen, with_unseen

_KUSTOMIZATION = "kind: Kustomization"
_GROUP = "kustomize.toolkit.fluxcd.io"


async def round_off(
    cage: FluxSession,
    surroundings: Surroundings,
    rendered: Sequence[Rendered],
    rows: Sequence[KustomizationReport],
    github_url: str,
) -> tuple[KustomizationReport, ...]:
    """Give all rows."""
    contents = await look_for_contents(cage, surroundings, rendered, github_url)
    sealed = {one.candidate.id: one.candidate.sealed_changes for one in rendered}
    told = {one.candidate.id: one for one in rendered}
    rows = [_with_values(row, told.get(row.id)) for row in rows]
    everything = with_unseen(rows, Unseen(contents, sealed), surroundings.fed.others)
    return in_order(everything, await asyncio.to_thread(_order, surroundings, rendered))


def _with_values(row: KustomizationReport, one: Rendered | None) -> KustomizationReport:
    """Say how a reader is shown with values that the change makes, and which of them are not visible."""
    if one is None or not (one.notes or one.findings):
        return row
    return replace(row, notes=row.notes + one.notes, findings=(*row.findings, *one.findings))


def _order(surroundings: Surroundings, rendered: Sequence[Rendered]) -> Order:
    known = {one.id: one for one in surroundings.fed.others}
    known |= {one.candidate.id: one.candidate.either for one in rendered}
    children: dict[KustomizationId, set[KustomizationId]] = {}
    for id_, kustomization in known.items():
        children[id_] = {
            KustomizationId(id_.cluster, one.namespace, one.name)
            for one in kustomization.inventory
            if one.kind == "Kustomization" and one.group == _GROUP
        }
    for one in rendered:
        for side in (one.base, one.result):
            if side is not None and side.usable and _KUSTOMIZATION in side.text:
                try:
                    found = kustomizations_in(one.candidate.id.cluster, load_objects(side.text))
                except UnreadableRenderError:
                    continue  # The comparison says so.
                children[one.candidate.id] |= found.keys()
    return order_of(known.values(), children)
