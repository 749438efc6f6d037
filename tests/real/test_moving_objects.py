"""Objects that change between two looks, and while one is under way: on a real API server, by the bot's own doors."""

import hashlib
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from cage import OWNER, text_of
from restricted_fleet import Fleet, named, open_fleet, rule

from gitops_bot import telemetry
from gitops_bot.journeys.ports import Eyes
from gitops_bot.models.changes import ResourceChange
from gitops_bot.models.reports import ClusterReport
from gitops_bot.sandbox.cluster import Cluster


@pytest.fixture
def fleet(cluster: Cluster, namespace: str, tmp_path: Path) -> Fleet:
    opened = open_fleet(cluster, namespace, tmp_path)
    opened.give(rule("", "configmaps"))
    return opened


def config(fleet: Fleet, **data: str) -> dict[str, Any]:
    return named("ConfigMap", "web", fleet.namespace, data=data)


def apply(fleet: Fleet, base: dict[str, Any]) -> None:
    """Put the object there, as Flux would have done from this very base."""
    fleet.apply(base)
    tip = hashlib.sha1(repr([("apps/all.yaml", text_of(base))]).encode()).hexdigest()  # noqa: S324 # as the fleet does
    path = f"/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/{fleet.namespace}/kustomizations/apps/status"
    fleet.cluster.api.patch(path, {"status": {"lastAppliedRevision": f"main@sha1:{tip}"}}, manager=OWNER)


@asynccontextmanager
async def patient_eyes(fleet: Fleet) -> AsyncIterator[Eyes]:
    """Eyes that share base diffs for as long as the test takes."""
    async with fleet.eyes() as eyes:
        assert eyes.review.share_base_for >= 60
        yield eyes


async def look(fleet: Fleet, eyes: Eyes, base: dict[str, Any], result: dict[str, Any]) -> ClusterReport:
    return await fleet.look_at(eyes, {"apps/all.yaml": text_of(base)}, {"apps/all.yaml": text_of(result)})


def change_of(report: ClusterReport) -> ResourceChange:
    (row,) = report.rows
    (change,) = row.changes
    return change


def origins(report: ClusterReport) -> dict[str, str]:
    return {field.path: field.origin for field in change_of(report).fields}


def diffs() -> float:
    value = telemetry.registry.get_sample_value("gitops_bot_flux_seconds_count", {"operation": "diff"})
    return value or 0.0


async def test_the_base_is_compared_once_for_two_pull_requests(fleet: Fleet) -> None:
    base = config(fleet, mode="blue", size="1")
    apply(fleet, base)
    async with patient_eyes(fleet) as eyes:
        start = diffs()
        assert origins(await look(fleet, eyes, base, config(fleet, mode="green", size="1"))) == {
            "data.mode": "pull_request"
        }
        assert diffs() - start == 2
        assert origins(await look(fleet, eyes, base, config(fleet, mode="black", size="1"))) == {
            "data.mode": "pull_request"
        }
        assert diffs() - start == 3


async def test_an_object_changes_between_two_pull_requests(fleet: Fleet) -> None:
    base = config(fleet, mode="blue", size="1")
    apply(fleet, base)
    path = f"/api/v1/namespaces/{fleet.namespace}/configmaps/web"
    async with patient_eyes(fleet) as eyes:
        await look(fleet, eyes, base, config(fleet, mode="green", size="1"))
        fleet.cluster.api.patch(path, {"data": {"size": "9"}}, manager="somebody")
        report = await look(fleet, eyes, base, config(fleet, mode="black", size="1"))
        # From the shared comparison the second would look like a contradiction, or like the pull request's own.
        assert [(field.path, field.before, field.after, field.origin) for field in change_of(report).fields] == [
            ("data.mode", "blue", "black", "pull_request"),
            ("data.size", "9", "1", "drift"),
        ]
        assert change_of(report).notes == ()
        fleet.cluster.api.patch(path, {"data": {"mode": "red"}}, manager="somebody")
        report = await look(fleet, eyes, base, config(fleet, mode="black", size="1"))
        assert origins(report) == {"data.mode": "undone", "data.size": "drift"}
        fleet.cluster.api.call("DELETE", path)
        gone = change_of(await look(fleet, eyes, base, config(fleet, mode="black", size="1")))
        assert (gone.operation, gone.origin) == ("create", "undone")


async def test_what_was_never_applied_is_pending_and_no_drift(fleet: Fleet) -> None:
    base = config(fleet, mode="blue", size="1")
    async with patient_eyes(fleet) as eyes:
        other = named("ConfigMap", "other", fleet.namespace, data={"a": "1"})
        tree = {"apps/all.yaml": text_of(base), "apps/other.yaml": text_of(other)}
        result = {**tree, "apps/other.yaml": text_of({**other, "data": {"a": "2"}})}
        report = await fleet.look_at(eyes, tree, result)
        changes = {change.object.name: (change.operation, change.origin) for change in report.rows[0].changes}
    assert changes == {"web": ("create", "pending"), "other": ("create", "pull_request")}


@contextmanager
def restless(fleet: Fleet) -> Iterator[None]:
    """Somebody who changes the object all the time."""
    over = threading.Event()
    path = f"/api/v1/namespaces/{fleet.namespace}/configmaps/web"

    def change() -> None:
        number = 0
        while not over.wait(0.05):
            number += 1
            fleet.cluster.api.patch(path, {"data": {"size": str(number)}}, manager="somebody")

    somebody = threading.Thread(target=change)
    somebody.start()
    try:
        yield
    finally:
        over.set()
        somebody.join()


async def test_an_object_that_never_rests_is_named(fleet: Fleet) -> None:
    base = config(fleet, mode="blue", size="1")
    apply(fleet, base)
    async with patient_eyes(fleet) as eyes:
        with restless(fleet):
            report = await look(fleet, eyes, base, config(fleet, mode="green", size="1"))
    (row,) = report.rows
    assert any("changed while this was looked at" in note for note in row.notes)
    calm = await look_calmly(fleet, base)
    assert not any("changed while" in note for note in calm.rows[0].notes)


async def look_calmly(fleet: Fleet, base: dict[str, Any]) -> ClusterReport:
    async with patient_eyes(fleet) as eyes:
        return await look(fleet, eyes, base, config(fleet, mode="green", size="1"))
