"""The order of a report: parents before children, dependencies before dependents, as Flux applies them."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gitops_bot.models.kustomizations import Kustomization, KustomizationId
from gitops_bot.models.reports import Finding, KustomizationReport, Severity

Before = Mapping[KustomizationId, frozenset[KustomizationId]]

# Names in one sentence.
_SHOWN = 5


@dataclass(frozen=True)
class Order:
    """Whom a Kustomization comes after: those that it depends on, and those that render it."""

    depends: Before
    parents: Before

    def before(self, id_: KustomizationId) -> frozenset[KustomizationId]:
        """Whom a Kustomization waits for."""
        return self.depends.get(id_, frozenset()) | self.parents.get(id_, frozenset())


def order_of(known: Iterable[Kustomization], children: Mapping[KustomizationId, Iterable[KustomizationId]]) -> Order:
    """Read ``spec.dependsOn`` of Kustomizations as they will be, and who renders whom."""
    depends = {one.id: frozenset(dependencies(one)) - {one.id} for one in known}
    parents: dict[KustomizationId, frozenset[KustomizationId]] = {}
    for parent, rendered in children.items():
        for child in rendered:
            # flux bootstrap's root renders itself.
            parents[child] = parents.get(child, frozenset()) | ({parent} - {child})
    return Order(depends, parents)


def dependencies(kustomization: Kustomization) -> Iterable[KustomizationId]:
    """Name whom ``spec.dependsOn`` names."""
    entries = kustomization.spec.get("dependsOn")
    for entry in entries if isinstance(entries, Sequence) and not isinstance(entries, str) else ():
        found: Mapping[str, Any] = entry if isinstance(entry, Mapping) else {}
        if found.get("name"):
            namespace = str(found.get("namespace") or kustomization.id.namespace)
            yield KustomizationId(kustomization.id.cluster, namespace, str(found["name"]))


def in_order(rows: Iterable[KustomizationReport], order: Order) -> tuple[KustomizationReport, ...]:
    """Sort rows; those that nothing puts in order stay as they are. Whoever waits for itself is told so."""
    waiting = {row.id: row for row in rows}
    everybody = frozenset(waiting)
    # The nearest rows: what lies behind one of them is its business.
    behind = {id_: (_reachable(id_, order.before, everybody) & everybody) - {id_} for id_ in waiting}
    circles = _circles(everybody, order)
    found: list[KustomizationReport] = []
    while waiting:
        # In a circle nobody is ready: the first of it goes first.
        ready = next((id_ for id_ in waiting if not behind[id_] & waiting.keys()), None)
        ready = ready or next(id_ for id_ in waiting if id_ in circles)
        row = waiting.pop(ready)
        found.append(_told(row, circles[ready]) if ready in circles else row)
    return tuple(found)


def _circles(everybody: Iterable[KustomizationId], order: Order) -> dict[KustomizationId, frozenset[KustomizationId]]:
    """Give everybody who waits for itself, each with all of its circle."""
    waits_for: dict[KustomizationId, set[KustomizationId]] = {}
    for id_ in order.depends.keys() | order.parents.keys():
        for other in order.before(id_):
            waits_for.setdefault(other, set()).add(id_)
    found: dict[KustomizationId, frozenset[KustomizationId]] = {}
    for id_ in everybody:
        if id_ not in found:
            circle = _reachable(id_, order.before) & _reachable(id_, lambda one: waits_for.get(one, ()))
            found |= dict.fromkeys(circle, circle)
    return found


def _told(row: KustomizationReport, circle: frozenset[KustomizationId]) -> KustomizationReport:
    members = sorted(circle)
    names = ", ".join(map(str, members[:_SHOWN])) + (f" and {len(members) - _SHOWN} more" if members[_SHOWN:] else "")
    finding = Finding(
        "dependency-cycle",
        Severity.WARNING,
        f"It waits for itself: {names} depend on each other.",
        "Flux applies none of them before that ends; take one dependsOn away.",
    )
    return replace(row, findings=(*row.findings, finding))


def _reachable(
    start: KustomizationId,
    following: Callable[[KustomizationId], Iterable[KustomizationId]],
    ends: Collection[KustomizationId] = (),
) -> frozenset[KustomizationId]:
    """Give everybody that can be reached; the start too in a circle. ``ends``: no further than these."""
    found: set[KustomizationId] = set()
    waiting = list(following(start))
    while waiting:
        id_ = waiting.pop()
        if id_ not in found:
            found.add(id_)
            waiting.extend(() if id_ in ends else following(id_))
    return frozenset(found)
