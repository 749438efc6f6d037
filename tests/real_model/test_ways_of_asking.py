"""Every way of asking, with a real model behind a real server: its answers are poor, and nothing of ours breaks."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import gate_reports
import pytest
import sample_reports as samples
from click_world import ClickWorld, click_world
from real_model import CONTEXT, ModelServer
from rich.console import Console
from typer.testing import CliRunner
from waiting import until

from gitops_bot.cli import app
from gitops_bot.config import LanguageModelSettings, NetworkSettings
from gitops_bot.journeys.ask_model import ModelPurse, ask_model, prompt_for
from gitops_bot.journeys.check_model import check_model
from gitops_bot.journeys.clear_by_gate import clear_what_is_due
from gitops_bot.journeys.review_pull_request import tell_kept_report
from gitops_bot.llm import LanguageModelDoor
from gitops_bot.models.opinions import (
    Asking,
    Diagnosis,
    Judgement,
    Limits,
    Opinion,
    Prompt,
    Reply,
    ReviewAnswer,
    Score,
    SpendLimits,
    Usage,
)
from gitops_bot.models.records import Progress, StoredReport
from gitops_bot.models.reports import Report
from gitops_bot.policies import spend_limits
from gitops_bot.store import open_store
from gitops_bot.views.opinion_json import reply_json
from gitops_bot.views.replies import reply_text

# Prompts are read at some hundred tokens a second on two cores, and answers written at some twenty.
pytestmark = pytest.mark.timeout(900)

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
SHAPES = {
    Asking.REVIEW: ReviewAnswer,
    Asking.AUDIT: ReviewAnswer,
    Asking.DIAGNOSE: Diagnosis,
    Asking.GATE: Score,
}
RULE = (
    "name: images, repositories: [acme/*], paths: ['*.yaml'], kinds: [Deployment.apps], authors: [author], "
    "signed_commits: false, fields: ['spec.template.spec.containers.*.image']"
)
ENDPOINT = {"model": "smollm2", "temperature": 0, "prices": {"input": 1, "output": 2}}
# Of 4,096 tokens of context: instructions, the schema in words, and an answer have to fit beside it.
SMALL: dict[str, Any] = {"prompt_characters": 4_000, "answer_tokens": 300, "timeout": 300, "deadline": 600}


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Asked:
    """The door, and a database that pays."""

    door: LanguageModelDoor
    settings: LanguageModelSettings
    store: Any
    limits: SpendLimits
    # What the last question took.
    seconds: float = 0.0

    async def about(self, report: Report, asking: Asking = Asking.REVIEW) -> Reply:
        """Ask as the commands and the service do."""
        started = time.monotonic()
        reply = await ask_model(report, asking, self.door, self.store.spend, limits=self.limits, clock=now)
        self.seconds = time.monotonic() - started
        return reply

    async def used(self) -> Usage:
        """What the database counted."""
        found: Usage = await self.store.spend.used(LONG_AGO)
        return found


@asynccontextmanager
async def asked(
    model: ModelServer, folder: Path, *, limits: SpendLimits | None = None, **more: Any
) -> AsyncIterator[Asked]:
    endpoint = {**ENDPOINT, "base_url": model.base_url}
    settings = LanguageModelSettings.model_validate({"endpoints": [endpoint], **SMALL, **more})
    store = await open_store(f"sqlite+aiosqlite:///{folder / 'bot.sqlite'}")
    door = LanguageModelDoor(settings, NetworkSettings())
    try:
        yield Asked(door, settings, store, limits or spend_limits(settings))
    finally:
        await door.close()
        await store.close()


def shown(reply: Reply) -> str:
    console = Console(width=200)
    with console.capture() as captured:
        console.print(reply_text(reply))
    return captured.get()


@pytest.mark.parametrize("asking", Asking)
async def test_an_answer_in_the_form_asked_for_or_the_reason_why_there_is_none(
    model: ModelServer, tmp_path: Path, calls: Any, asking: Asking
) -> None:
    report = samples.blocked_report() if asking is Asking.DIAGNOSE else samples.changes_report()
    before = len(model.statuses())
    async with asked(model, tmp_path) as it:
        reply = await it.about(report, asking)
        used, prompt = await it.used(), await prompt_for(report, asking, it.door)
    calls.reply(asking.value, reply, it.seconds)
    statuses = model.statuses()[before:]
    # This server breaks down over json_schema, and takes json_object with the schema.
    assert statuses[0] == 500
    assert set(statuses[1:]) == {200}
    # Every call is in the database, with what the server counted; what it refused cost nothing.
    assert used == replace(reply.usage, money=pytest.approx(reply.usage.money))
    assert used.calls == len(statuses)
    assert 300 < used.prompt_tokens < CONTEXT * (len(statuses) - 1)
    assert 0 < used.answer_tokens <= 300 * (len(statuses) - 1)
    assert used.money == pytest.approx((used.prompt_tokens + 2 * used.answer_tokens) / 1e6)
    if reply.answer is None:
        assert reply.problem.startswith("smollm2 at 127.0.0.1")
        assert reply.problem in " ".join(shown(reply).split())
        return
    assert isinstance(reply.answer, SHAPES[asking])
    assert json.loads(json.dumps(reply_json(reply)))["answer"]
    assert "smollm2" in shown(reply)
    if isinstance(reply.answer, Score):
        assert 0 <= reply.answer.score <= 100
    if isinstance(reply.answer, ReviewAnswer):
        assert {one.object for one in reply.answer.findings} <= prompt.known.keys()


async def test_what_the_server_takes_is_remembered(model: ModelServer, tmp_path: Path, calls: Any) -> None:
    prompt = Prompt(Asking.GATE, "A ConfigMap in a test namespace changes one word. Answer very briefly.", {})
    before = len(model.statuses())
    async with asked(model, tmp_path) as it:
        purse = ModelPurse(it.store.spend, it.limits, now, "acme/fleet#7")
        said = await it.door.ask(prompt, purse)
        calls.add("gate, few words", said.seconds, said.usage, "fits the schema")
        between = len(model.statuses())
        again = await it.door.ask(prompt, purse)
        calls.add("gate, few words again", again.seconds, again.usage, "fits the schema")
    assert model.statuses()[before] == 500
    assert set(model.statuses()[between:]) == {200}
    # By the schema, which the server makes a grammar of, it fits at once.
    assert isinstance(said.answer, Score)
    assert not said.repaired
    assert (said.usage.calls, again.usage.calls) == (2, 1)
    # The same question to the same model at the temperature 0.
    assert said.answer == again.answer


async def test_time_that_is_up_in_the_middle_of_an_answer(model: ModelServer, tmp_path: Path, calls: Any) -> None:
    async with asked(model, tmp_path, timeout=0.3, deadline=0.6, answer_tokens=100) as it:
        reply = await it.about(samples.changes_report())
        used = await it.used()
    calls.reply("review, 0.3 s", reply, it.seconds)
    assert "did not answer within 0.3 s" in reply.problem
    # Nobody knows what a call used that was given up: it counts in full.
    assert used.answer_tokens >= 100


async def test_a_report_that_is_too_large_for_the_model(model: ModelServer, tmp_path: Path, calls: Any) -> None:
    report = samples.large_report()
    async with asked(model, tmp_path, prompt_characters=60_000) as it:
        reply = await it.about(report)
        assert (await it.used()).tokens == 0
    calls.reply("review, 60,000 characters", reply, it.seconds)
    assert f"This model's maximum context length is {CONTEXT} tokens" in reply.problem
    # With less of it there is room, and what is missing is said.
    async with asked(model, tmp_path) as it:
        reply = await it.about(report)
    calls.reply("review, 4,000 characters of it", reply, it.seconds)
    assert reply.missing
    assert reply.usage.prompt_tokens > 500


async def test_a_budget_that_ends_in_the_middle(model: ModelServer, tmp_path: Path, calls: Any) -> None:
    before = len(model.statuses())
    async with asked(model, tmp_path, limits=SpendLimits(pull_request=Limits(calls=1))) as it:
        reply = await it.about(samples.changes_report())
    calls.reply("review, one call allowed", reply, it.seconds)
    # The only call went to the format that the server does not know.
    assert "calls (2 of 1)" in reply.problem
    assert model.statuses()[before:] == [500]


async def test_the_fixed_cases_say_what_such_a_model_is_worth(model: ModelServer, tmp_path: Path, calls: Any) -> None:
    started = time.monotonic()
    async with asked(model, tmp_path) as it:
        checks = check_model(it.door, it.store.spend, limits=it.limits, language="English", clock=now)
        found = [one async for one in checks]
        used = await it.used()
    said = ", ".join(f"{one.subject}: {one.state.value}" for one in found[:-1])
    calls.add("llm check", time.monotonic() - started, used, said)
    assert found[-1].subject == "cost and speed"
    assert f"{used.calls} calls, {used.tokens:,} tokens" in found[-1].seen
    assert len(found) >= 4


def settings_of(model: ModelServer, more: str = "") -> str:
    return (
        "llm:\n  repositories: ['acme/*']\n  prompt_characters: 4000\n  answer_tokens: 300\n"
        "  timeout: 300\n  deadline: 600\n"
        f"  endpoints: [{{base_url: '{model.base_url}', model: smollm2, temperature: 0}}]\n{more}"
    )


async def told(world: ClickWorld, stored: StoredReport, report: Report) -> None:
    """Let the tick tell a report."""
    doors, pull = world.doors, stored.report.pull_request
    record = await doors.store.pull_request(pull.key)
    assert record is not None
    await doors.store.save_report(StoredReport(stored.report_id, report), record.work_key)
    await doors.store.save_pull_request(replace(record, progress=Progress.WAITING), doors.clock())
    await tell_kept_report(doors, pull.key)


async def nobody_asks(world: ClickWorld) -> None:
    advice = world.doors.advice
    assert advice is not None
    await until(lambda: not advice.queue.busy_keys, "the model has answered", 300)


async def test_the_service_shows_an_opinion_or_why_there_is_none_and_the_command_diagnoses(
    model: ModelServer, tmp_path: Path, calls: Any
) -> None:
    async with click_world(tmp_path, settings_of(model)) as world:
        stored = await world.reported("feature", tell=False)
        pull = stored.report.pull_request
        report = gate_reports.report(pull=pull, file="feature.yaml", digest="d1")
        await told(world, stored, replace(report, base_tip=stored.report.base_tip))
        # People have the report while the model still reads.
        first = world.shown(await world.message(pull))
        assert "shop/web:1.9.1" in first
        assert "smollm2" not in first
        await nobody_asks(world)
        opinion = await world.doors.store.opinions.of(pull.key, "d1")
        after = world.shown(await world.message(pull))
        assert opinion is not None
        calls.add("the service", opinion.seconds, opinion.usage, opinion.problem or "shown in the message")
        assert opinion.usage.prompt_tokens > 300
        if opinion.answer is None:
            assert "No review by a model: smollm2 at 127.0.0.1" in after
        else:
            assert "A model's opinion" in after
            assert "`smollm2`" in after
        assert "shop/web:1.9.1" in after
        # The cluster of this world does not answer: that is what it is asked about.
        started = time.monotonic()
        command = ["diagnose", pull.html_url, "--output", "json", "--settings", str(world.settings)]
        done = await asyncio.to_thread(CliRunner().invoke, app, command)
    said = json.loads(done.output[: done.output.rindex("}") + 1])
    usage = Usage(said["calls"], said["prompt_tokens"], said["answer_tokens"])
    calls.add("gitops-bot diagnose", time.monotonic() - started, usage, said["problem"] or "fits the schema")
    assert usage.prompt_tokens > 300
    assert (done.exit_code == 0) is (said["answer"] is not None)
    assert (said["answer"] is None) is bool(said["problem"])


async def test_the_gate_on_trial_takes_a_score_or_none(model: ModelServer, tmp_path: Path, calls: Any) -> None:
    gate = f"  gate: {{enabled: true, show_dry_run: true, rules: [{{{RULE}}}]}}\n"
    async with click_world(tmp_path, settings_of(model, gate)) as world:
        stored = await world.reported("feature", tell=False)
        pull, doors = stored.report.pull_request, world.doors
        report = gate_reports.report(pull=pull, file="feature.yaml", digest="d1")
        # A review that found nothing: without one the gate would not ask.
        fine = ReviewAnswer("An image.", Judgement.APPROVE)
        await doors.store.opinions.save(Opinion(pull.key, "d1", doors.clock(), fine, model="smollm2"))
        await told(world, stored, replace(report, base_tip=stored.report.base_tip))
        started = time.monotonic()
        await clear_what_is_due(doors)
        await nobody_asks(world)
        [verdict] = await doors.store.gates.of(pull.key, "d1")
        shown = world.shown(await world.message(pull))
        reviews = await world.reviews(stored)
    outcome = verdict.problem or f"score {verdict.score:g}, cleared: {verdict.cleared}"
    calls.add("the service's gate", time.monotonic() - started, verdict.usage, outcome)
    assert verdict.tries == 1
    assert verdict.usage.prompt_tokens > 300
    assert verdict.cleared is (verdict.score is not None and 60 <= verdict.score <= 100)
    assert (verdict.score is None) is bool(verdict.problem)
    assert ("would have cleared this" if verdict.cleared else "would not have cleared this") in shown
    # On trial nothing is done.
    assert verdict.dry_run
    assert reviews == []
