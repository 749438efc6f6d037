"""`gitops-bot review --ask …` and `diagnose`: every way of asking, the opt-in, the limits, and what is printed."""

import asyncio
import json
from pathlib import Path

import pytest
import sample_reports as samples
from model_world import ModelWorld, model_world
from typer.testing import CliRunner

from gitops_bot.cli import app
from gitops_bot.config import load_settings
from gitops_bot.errands import ask_once
from gitops_bot.errors import SettingsError
from gitops_bot.journeys.ask_model import ask_model
from gitops_bot.journeys.progress_board import ProgressBoard
from gitops_bot.models.opinions import Asking, Limits, Reply, SpendLimits
from gitops_bot.service import opened_model

RUN = CliRunner()
ANSWERS: dict[Asking, dict[str, object]] = {
    Asking.REVIEW: {"summary": "It scales.", "judgement": "comment", "findings": []},
    Asking.AUDIT: {"summary": "It may do too much.", "judgement": "block", "findings": []},
    Asking.DIAGNOSE: {"what": "The cluster is gone.", "why": "Nothing listens there.", "how": "Start it."},
    Asking.GATE: {"score": 12.5, "reasons": ["It was not looked at."]},
}


async def command(it: ModelWorld, *arguments: str) -> tuple[int, str]:
    """Run a command in a thread, with an event loop of its own; gives its exit code and what it said."""
    done = await asyncio.to_thread(RUN.invoke, app, [*arguments, "--settings", str(it.world.settings)])
    return done.exit_code, done.output + str(done.exception or "")


async def asked(it: ModelWorld, asking: Asking, limits: SpendLimits | None = None) -> Reply:
    """Ask about a report that changes something: this world's own cluster does not answer."""
    settings = load_settings(it.world.settings)
    store = it.world.doors.store
    async with opened_model(settings) as model:
        return await ask_model(
            samples.changes_report(),
            asking,
            model,
            store.spend,
            limits=limits or SpendLimits(),
            clock=it.world.doors.clock,
        )


async def test_every_way_of_asking_has_its_prompt_its_schema_and_its_settings_and_keeps_to_the_limits(
    tmp_path: Path,
) -> None:
    other = "  overrides: [{asks: [audit, gate], repositories: [acme/*], language: French, temperature: 0}]\n"
    async with model_world(tmp_path, other) as it:
        for asking in Asking:
            it.model.calls.clear()
            it.says(**ANSWERS[asking])
            reply = await asked(it, asking)
            assert (reply.asking, reply.problem) == (asking, "")
            assert reply.answer is not None
            assert reply.usage.money == pytest.approx(0.12)
            [call] = it.model.calls
            assert call["body"]["response_format"]["json_schema"]["name"] == asking.value
            differs = asking in {Asking.AUDIT, Asking.GATE}
            assert ("Answer in French." in call["body"]["messages"][0]["content"]) is differs
            assert ("temperature" in call["body"]) is differs
        it.model.calls.clear()
        for asking in Asking:
            reply = await asked(it, asking, SpendLimits(day=Limits(calls=len(Asking))))
            assert "llm.limits" in reply.problem
        assert it.model.calls == []


@pytest.mark.parametrize(("llm", "repositories"), [("", "other/*"), ("  enabled: false\n", "acme/*")])
async def test_no_way_of_asking_sends_what_is_not_allowed(tmp_path: Path, llm: str, repositories: str) -> None:
    # An override is no permission.
    llm += "  overrides: [{repositories: ['acme/*'], language: French}]\n"
    async with model_world(tmp_path, llm, repositories=repositories) as it:
        stored = await it.world.reported("feature", tell=False)
        pull, settings = stored.report.pull_request, load_settings(it.world.settings)
        board = ProgressBoard(shown=False, quiet=True)
        for asking in Asking:
            with pytest.raises(SettingsError, match=r"llm\.repositories does not name acme/fleet"):
                await ask_once(settings, pull.repository, pull.number, board, asking)
        assert it.model.calls == []


async def test_the_command_diagnoses(tmp_path: Path) -> None:
    async with model_world(tmp_path) as it:
        stored = await it.world.reported("feature", tell=False)
        url = stored.report.pull_request.html_url
        code, said = await command(it, "diagnose", url, "--show-prompt")
        assert code == 0
        assert "You find out what is wrong" in said
        assert "What failed, in the words of Flux, the API server" in said
        assert it.model.calls == []
        it.says(**ANSWERS[Asking.DIAGNOSE])
        code, said = await command(it, "diagnose", url)
        assert code == 0
        assert "A model's diagnosis" in said
        assert "Nothing listens there." in said
        assert "cost 0.1200" in said
        # The cluster of this world does not answer: that is what it is asked about.
        assert "127.0.0.1:9" in it.prompts()[0] or "production:" in it.prompts()[0]


async def test_the_command_gives_json_and_says_why_there_is_nothing(tmp_path: Path) -> None:
    async with model_world(tmp_path) as it:
        stored = await it.world.reported("feature", tell=False)
        url = stored.report.pull_request.html_url
        it.says(times=2, nonsense=1)
        code, said = await command(it, "review", url, "--ask", "diagnose", "--output", "json")
        told = json.loads(said[: said.rindex("}") + 1])
        assert code == 1
        assert told["answer"] is None
        assert "twice" in told["problem"]
        assert told["calls"] == 2
        # Nothing of it was rendered, so there is nothing to give a score.
        code, said = await command(it, "review", url, "--ask", "gate")
        assert code == 1
        assert "There is nothing to judge" in said
        code, said = await command(it, "diagnose", url, "--kustomization", "flux-system/none")
        assert code == 1
        assert "has no Kustomization flux-system/none" in said
        assert len(it.model.calls) == 2
