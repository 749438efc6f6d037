from datetime import UTC, datetime

import pytest

from gitops_bot.models.changes import FieldChange, Operation, Origin, ResourceChange
from gitops_bot.models.kustomizations import KustomizationId, ObjectReference
from gitops_bot.models.outcomes import Outcome, OutcomeState
from gitops_bot.models.reports import KustomizationReport, RowState
from gitops_bot.rules.changes import parse_diff
from gitops_bot.rules.outcomes import differences, predicted

APPS = KustomizationId("production", "flux-system", "apps")
WEB = ObjectReference("Deployment", "apps", "web", group="apps")
OWN, DRIFT = Origin.PULL_REQUEST, Origin.DRIFT

DRIFTED = """► Deployment/apps/web drifted

metadata.generation
± value change
- 2
+ 3

spec.replicas
± value change
- 5
+ 3

"""


def change(operation: Operation, *paths: str, origin: Origin = OWN) -> ResourceChange:
    fields = tuple(FieldChange(path, "± value change", "1", "3", origin) for path in paths)
    return ResourceChange(WEB, operation, origin, fields)


@pytest.mark.parametrize(
    ("made", "text", "inventory", "words"),
    [
        (change(Operation.CHANGE, "spec.replicas"), "", [WEB], ""),
        (change(Operation.CHANGE, "spec.replicas"), DRIFTED, [WEB], "in spec.replicas"),
        (change(Operation.CHANGE, "spec.paused"), DRIFTED, [WEB], ""),
        (change(Operation.CHANGE, "spec"), DRIFTED, [WEB], "in spec.replicas"),
        (change(Operation.CHANGE, "spec.repl"), DRIFTED, [WEB], ""),
        (change(Operation.CHANGE, "spec.replicas"), "► Deployment/apps/web created\n", [WEB], "is not there"),
        (change(Operation.CREATE), "► Deployment/apps/web created\n", [], "is not there"),
        (change(Operation.CREATE), "", [WEB], ""),
        (change(Operation.CREATE), DRIFTED, [WEB], "in spec.replicas"),
        (change(Operation.DELETE), "", [WEB], "is still there"),
        (change(Operation.DELETE), "", [], ""),
        (change(Operation.CHANGE, "spec.replicas"), "► Deployment/apps/other created\n", [WEB], ""),
    ],
)
def test_what_did_not_end_as_predicted(
    made: ResourceChange, text: str, inventory: list[ObjectReference], words: str
) -> None:
    found = differences([made], parse_diff(text), inventory)
    assert [words in one.words for one in found] == ([True] if words else [])


@pytest.mark.parametrize(
    ("state", "origin", "operation", "count"),
    [
        (RowState.CHANGED, OWN, Operation.CHANGE, 1),
        (RowState.CHANGED, Origin.UNDONE, Operation.CHANGE, 1),
        (RowState.CHANGED, DRIFT, Operation.CHANGE, 0),
        (RowState.CHANGED, OWN, Operation.SKIP, 0),
        (RowState.SUSPENDED, OWN, Operation.CHANGE, 0),
        (RowState.FAILING, OWN, Operation.CHANGE, 0),
        (RowState.REMOVED, OWN, Operation.DELETE, 1),
    ],
)
def test_what_a_row_predicts(state: RowState, origin: Origin, operation: Operation, count: int) -> None:
    row = KustomizationReport(APPS, "apps", state, changes=(change(operation, "spec.replicas", origin=origin),))
    assert len(predicted(row)) == count


def test_a_failure_may_still_succeed() -> None:
    outcome = Outcome("a/b#1", APPS, "c", OutcomeState.FAILED, datetime(2026, 11, 21, tzinfo=UTC))
    assert not outcome.state.final
    assert OutcomeState.APPLIED.final
