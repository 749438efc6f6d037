"""Two who know the same row at the same time: neither loses what the other wrote. A real store."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from gitops_bot.journeys.change_record import change_record
from gitops_bot.journeys.one_at_a_time import OneAtATime
from gitops_bot.journeys.patience import Patience
from gitops_bot.journeys.ports import Doors
from gitops_bot.models.pull_requests import PullRequest, Repository
from gitops_bot.models.records import Progress, PullRequestRecord
from gitops_bot.store import open_store

NOW = datetime(2026, 11, 21, 14, 2, tzinfo=UTC)
PULL = PullRequest(
    repository=Repository("acme", "fleet"),
    number=7,
    title="Scale",
    author="alice",
    author_is_bot=False,
    html_url="https://github.test/acme/fleet/pull/7",
    head_sha="a" * 40,
    head_ref="scale",
    head_repository="acme/fleet",
    base_ref="main",
    draft=False,
    state="open",
    merged=False,
    labels=(),
    created_at=NOW,
)


@pytest.fixture
async def doors(tmp_path: Path) -> AsyncIterator[Doors]:
    store = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'gitops-bot.sqlite'}")
    # Only what this journey asks for.
    given = SimpleNamespace(store=store, one_at_a_time=OneAtATime(), clock=lambda: NOW)
    yield cast("Doors", given)
    await store.close()


async def test_a_newer_head_is_kept_when_the_review_of_the_older_one_ends(doors: Doors) -> None:
    await doors.store.save_pull_request(PullRequestRecord(PULL, "b" * 40, Progress.WAITING), NOW)
    newer = replace(PULL, head_sha="c" * 40)
    # The tick sees the push, and the review that began before writes down what it found.
    await change_record(doors, PULL.key, lambda record: replace(record, pull_request=newer))
    await change_record(doors, PULL.key, lambda record: replace(record, report_id="r1", work_key="of the older head"))
    found = await doors.store.pull_request(PULL.key)
    assert found == PullRequestRecord(newer, "b" * 40, Progress.WAITING, "of the older head", "r1")


async def test_many_at_the_same_moment_lose_nothing(doors: Doors) -> None:
    await doors.store.save_pull_request(PullRequestRecord(PULL, "b" * 40, Progress.WAITING), NOW)

    def one_more(record: PullRequestRecord) -> PullRequestRecord:
        return replace(record, failures=record.failures + 1)

    await asyncio.gather(*(change_record(doors, PULL.key, one_more) for _ in range(20)))
    found = await doors.store.pull_request(PULL.key)
    assert found is not None
    assert found.failures == 20


async def test_a_row_that_is_not_there_is_not_made(doors: Doors) -> None:
    assert await change_record(doors, PULL.key, lambda record: record) is None
    assert await doors.store.pull_request(PULL.key) is None


def test_pauses_grow_end_and_are_forgotten() -> None:
    patience = Patience()
    assert not patience.pauses("x", NOW)
    patience.pause("x", NOW)
    assert patience.pauses("x", NOW + timedelta(seconds=4))
    assert not patience.pauses("x", NOW + timedelta(seconds=5))
    patience.pause("x", NOW)
    assert patience.pauses("x", NOW + timedelta(seconds=9))
    for _ in range(20):
        patience.pause("x", NOW)
    assert not patience.pauses("x", NOW + timedelta(seconds=300))
    patience.go_on("x")
    assert not patience.pauses("x", NOW)
    patience.pause("x", NOW, seconds=30)
    assert patience.pauses("x", NOW + timedelta(seconds=29))
    assert not patience.pauses("y", NOW)
