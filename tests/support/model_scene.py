"""The service with a language model behind it: reports that are told, and what a scripted model says of them."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import sample_reports as samples
from model_world import ModelWorld, model_world
from waiting import until

from gitops_bot.journeys.review_pull_request import tell_kept_report
from gitops_bot.models.opinions import Opinion, Usage
from gitops_bot.models.records import Progress, StoredReport
from gitops_bot.models.reports import Report

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass
class Scene(ModelWorld):
    stored: StoredReport

    async def told(self, report: Report | None = None, digest: str = "d1") -> None:
        """Let the tick tell a report that touches something, and wait until no model is asked any more."""
        doors, pull = self.world.doors, self.stored.report.pull_request
        given = replace(report or samples.changes_report(), pull_request=pull, digest=digest)
        given = replace(given, base_tip=self.stored.report.base_tip)
        record = await doors.store.pull_request(pull.key)
        assert record is not None
        await doors.store.save_report(StoredReport(self.stored.report_id, given), record.work_key)
        await doors.store.save_pull_request(replace(record, progress=Progress.WAITING), doors.clock())
        await tell_kept_report(doors, pull.key)
        await self.asked()

    async def asked(self) -> None:
        advice = self.world.doors.advice
        if advice is not None:
            await until(lambda: not advice.queue.busy_keys, "no model is being asked")

    async def shown(self) -> str:
        return self.world.shown(await self.world.message(self.stored.report.pull_request))

    async def opinion(self, digest: str = "d1") -> Opinion | None:
        return await self.world.doors.store.opinions.of(self.stored.report.pull_request.key, digest)

    async def used(self) -> Usage:
        found: Usage = await self.world.doors.store.spend.used(LONG_AGO)  # type: ignore[attr-defined]  # not in the port
        return found


@asynccontextmanager
async def scene(folder: Path, llm: str = "", *, repositories: str = "acme/*") -> AsyncIterator[Scene]:
    async with model_world(folder, llm, repositories=repositories) as it:
        yield Scene(it.world, it.model, await it.world.reported("feature", tell=False))


def review(*findings: dict[str, str], judgement: str = "comment", summary: str = "It scales. It is fine. More.") -> str:
    return json.dumps({"summary": summary, "judgement": judgement, "findings": findings})


def finding(name: str, message: str, **more: str) -> dict[str, str]:
    given = {"object": name, "field": "", "severity": "warning", "message": message, "suggestion": "Look."}
    return given | more
