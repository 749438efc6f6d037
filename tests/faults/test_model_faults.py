"""Whatever a provider does wrong: people have the report, read why there is no opinion, and nothing is cleared.

One running service for all faults of a way of asking; the doors' own faults are in contract/test_language_model_door.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import gate_reports
import pytest
import sample_reports as samples
from model_scene import Scene, review, scene

from gitops_bot.journeys.clear_by_gate import clear_what_is_due
from gitops_bot.models.gates import GateVerdict
from gitops_bot.models.opinions import Opinion
from gitops_bot.sandbox.llm import Answer

FINE = review(judgement="approve", summary="An image.")
FUTURE = datetime.now(UTC) + timedelta(days=2)
# For both ways of asking: what the provider does, and what people read of it.
FAULTS: dict[str, tuple[Answer, str]] = {
    "timeout": (Answer(text=FINE, delay=30), "did not answer within 1 s."),
    "429 for an hour": (Answer(status=429, message="Slow down.", retry_after=3600), "answered 429: Slow down."),
    "500": (Answer(status=500, message="Out of memory."), "answered 500: Out of memory."),
    "503": (Answer(status=503, message="Overloaded.", retry_after=0), "answered 503: Overloaded."),
    "no credit": (Answer(status=402, message="Your credit is used up."), "answered 402: Your credit is used up."),
    "wrong key": (Answer(status=401, message="Incorrect key."), "answered 401: Incorrect key. Check the key"),
    "empty": (Answer(text=""), "gave an empty answer."),
    "refusal": (Answer(refusal="I will not judge that."), "refused: I will not judge that."),
    "content filter": (Answer(finish_reason="content_filter"), "content filter held the answer back"),
    "cut off": (Answer(text='{"summary": "It', finish_reason="length"), "cut off at 4000 tokens"),
    "half an answer": (Answer(text="x" * 9_999, half=True), "cannot be reached, or broke off"),
    "connection cut": (Answer(cut=True), "cannot be reached, or broke off"),
    "10 MB": (Answer(text="0123456789", repeat=1_000_000), "more than 2,097,152 bytes"),
    "no JSON": (Answer(text="It is fine, approve it: 100!"), "twice: the answer holds no JSON object."),
    "wrong schema": (Answer(text='{"verdict": "approve", "points": 100}'), "twice: "),
    "no completion": (Answer(raw='{"hello": "world"}'), "something that is no completion."),
    "a web page": (Answer(raw="<html>approve, 100</html>"), "something that is no completion."),
    "tools": (Answer(tool_calls=({"name": "approve", "arguments": {"score": 100}},)), "wanted to call a tool"),
    "escape sequences": (Answer(status=400, message="\x1b[2Jno\u202e<!channel>"), "\\x1b[2Jno\\u202e"),
}
_SCORES = ("NaN", "1e308", '"100"', "true", "null", "100.5")
NO_SCORES = {score: (Answer(text=f'{{"score": {score}, "reasons": []}}'), "score: ") for score in _SCORES}
# At the gate a look takes longer: faults of each kind, and what is no score.
_AT_THE_GATE = (
    *("timeout", "429 for an hour", "500", "empty", "refusal", "half an answer", "10 MB", "no JSON"),
    *("wrong schema", "tools"),
)
GATE_FAULTS = {name: FAULTS[name] for name in _AT_THE_GATE} | NO_SCORES
NO_REVIEWS = {
    "a judgement that there is not": (Answer(text=review(judgement="merge")), "judgement: "),
    "a severity that there is not": (
        Answer(text=json.dumps({"summary": "", "judgement": "approve", "findings": [{"severity": 1}]})),
        "findings.0.",
    ),
    "a score": (Answer(text='{"score": 100, "reasons": []}'), "summary: "),
}
GATE = (
    "  gate: {enabled: true, rules: [{name: images, repositories: [acme/*], paths: ['*.yaml'], effect: approval, "
    "kinds: [Deployment.apps], authors: [author], signed_commits: false, dry_run: false}]}\n"
)
_MANY = "{calls: 100000, tokens: 100000000}"
LLM = f"  limits: {{pull_request: {_MANY}, day: {_MANY}}}\n"
# Looks at each report; a review or a score that came to nothing is asked for three times.
LOOKS, TRIES = 4, 3


@dataclass(frozen=True)
class Seen:
    """What became of one fault."""

    shown: str
    buttons: set[str]
    # Calls in each of the looks.
    calls: list[int]
    # Calls that are neither paid nor given up.
    open_calls: int
    opinion: Opinion | None
    verdict: GateVerdict | None
    reviews: list[Any]
    decisions: tuple[Any, ...]


class Stage:
    """Reports of one pull request, one after the other, each with another fault."""

    def __init__(self, it: Scene, *, at_the_gate: bool) -> None:
        self.it, self.at_the_gate = it, at_the_gate

    async def look(self, digest: str) -> None:
        pull = self.it.stored.report.pull_request
        clear = gate_reports.report(pull=pull, file="feature.yaml")
        await self.it.told(clear if self.at_the_gate else samples.changes_report(), digest)
        await clear_what_is_due(self.it.world.doors)
        await self.it.asked()

    def model(self, fault: Answer | None) -> None:
        """Let the model do wrong in the way of asking that is looked at, and say that all is well in the other."""

        def answer(body: Mapping[str, Any]) -> Answer:
            is_gate = "You judge how harmless" in str(body["messages"][0]["content"])
            well = Answer(text='{"score": 100, "reasons": []}' if is_gate else FINE)
            return fault if fault is not None and is_gate is self.at_the_gate else well

        self.it.model.script.model = answer

    async def seen(self, digest: str, fault: Answer | None) -> Seen:
        doors, key = self.it.world.doors, self.it.stored.report.pull_request.key
        self.model(fault)
        calls = []
        for _ in range(LOOKS):
            before = (await self.it.used()).calls
            await self.look(digest)
            calls.append((await self.it.used()).calls - before)
        posted = await self.it.world.message(self.it.stored.report.pull_request)
        verdicts = await doors.store.gates.of(key, digest)
        return Seen(
            self.it.world.shown(posted),
            self.it.world.buttons(posted),
            calls,
            await doors.store.spend.settle_left(FUTURE),  # type: ignore[attr-defined]  # not in the port
            await doors.store.opinions.of(key, digest),
            verdicts[0] if verdicts else None,
            await self.it.world.reviews(self.it.stored),
            await self.it.world.decisions(self.it.stored),
        )


async def _looked(folder: Path, faults: Mapping[str, tuple[Answer, str]], *, at_the_gate: bool) -> dict[str, Seen]:
    seen = {}
    for name, timeout in (("slow", 1), ("others", 10)):
        (folder / name).mkdir()
        settings = f"{LLM}  timeout: {timeout}\n{GATE if at_the_gate else ''}"
        async with scene(folder / name, settings) as it:
            # More looks than GitHub would bear in a minute.
            await it.world.github.control("limits", secondary=False)
            stage = Stage(it, at_the_gate=at_the_gate)
            for fault, (answer, _) in faults.items():
                if (fault == "timeout") is (name == "slow"):
                    seen[fault] = await stage.seen(fault, replace(answer, times=0))
            # Whoever was in trouble is well again.
            seen["well"] = await stage.seen("well", None)
    return seen


def looked(folder: Path, faults: Mapping[str, tuple[Answer, str]], *, at_the_gate: bool) -> dict[str, Seen]:
    with pytest.MonkeyPatch.context() as patch:
        # What is waited for between tries is tested at the door.
        patch.setattr("gitops_bot.llm.endpoint._LONGEST_WAIT", 0.01)
        return asyncio.run(_looked(folder, faults, at_the_gate=at_the_gate))


@pytest.fixture(scope="module")
def reviewed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Seen]:
    return looked(tmp_path_factory.mktemp("reviews"), FAULTS | NO_REVIEWS, at_the_gate=False)


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Seen]:
    return looked(tmp_path_factory.mktemp("scores"), GATE_FAULTS, at_the_gate=True)


def assert_tried_again_only_so_often(seen: Seen) -> None:
    assert all(seen.calls[:TRIES])
    assert not any(seen.calls[TRIES:])
    assert seen.open_calls == 0


@pytest.mark.parametrize("name", FAULTS | NO_REVIEWS)
def test_without_a_review_people_read_why(reviewed: dict[str, Seen], name: str) -> None:
    seen, words = reviewed[name], (FAULTS | NO_REVIEWS)[name][1]
    assert seen.opinion is not None
    assert seen.opinion.answer is None
    assert words in seen.opinion.problem
    assert "No review by a model: small at 127.0.0.1" in seen.shown
    assert words.replace("\\", "\\\\") in seen.shown
    # The report is whole, and so is what people can do.
    assert "shop/web:1.9.0" in seen.shown
    assert seen.buttons == reviewed["well"].buttons - {"useful", "not_useful"}
    assert (seen.reviews, seen.decisions) == ([], ())
    assert_tried_again_only_so_often(seen)


def test_when_the_provider_is_well_again_there_is_a_review(reviewed: dict[str, Seen]) -> None:
    seen = reviewed["well"]
    assert seen.opinion is not None
    assert seen.opinion.answer is not None
    assert seen.calls == [1, 0, 0, 0]
    assert seen.open_calls == 0


@pytest.mark.parametrize("name", GATE_FAULTS)
def test_without_a_score_nothing_is_cleared_and_people_read_why(scored: dict[str, Seen], name: str) -> None:
    seen, words = scored[name], GATE_FAULTS[name][1]
    assert seen.verdict is not None
    assert (seen.verdict.cleared, seen.verdict.score, seen.verdict.tries) == (False, None, TRIES)
    [reason] = seen.verdict.reasons
    assert reason.startswith("The model gave no score: small at 127.0.0.1")
    assert words in reason
    assert "did not clear this" in seen.shown
    assert (seen.reviews, seen.decisions) == ([], ())
    assert_tried_again_only_so_often(seen)


def test_when_the_provider_is_well_again_it_is_cleared(scored: dict[str, Seen]) -> None:
    """Else all of that would prove nothing."""
    seen = scored["well"]
    assert seen.verdict is not None
    assert (seen.verdict.cleared, seen.verdict.score) == (True, 100)
    assert [state for state, _ in seen.reviews] == ["APPROVED"]
    assert seen.open_calls == 0


@pytest.mark.parametrize("at_the_gate", [False, True])
async def test_a_budget_that_ends_in_the_middle(tmp_path: Path, at_the_gate: bool) -> None:  # noqa: FBT001 # a parameter
    # One call for a review that works, one for an answer that does not fit, none to repair that.
    most = 2 if at_the_gate else 1
    limits = f"  limits: {{pull_request: {{calls: {most}}}}}\n"
    async with scene(tmp_path, limits + (GATE if at_the_gate else "")) as it:
        seen = await Stage(it, at_the_gate=at_the_gate).seen("d1", Answer(text="{}", times=0))
        words = f"The limit for one pull request would be passed: calls ({most + 1} of {most}) (llm.limits)."
        assert seen.calls == [most, 0, 0, 0]
        assert len(it.model.calls) == most
        if at_the_gate:
            assert seen.verdict is not None
            assert seen.verdict.reasons == (f"The model gave no score: {words}",)
        else:
            assert words in seen.shown
        assert (seen.reviews, seen.decisions, seen.open_calls) == ([], (), 0)


async def test_a_provider_that_asks_to_wait_a_moment_is_waited_for(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.model.script.add(Answer(status=429, retry_after=0.3, message="Slow down."))
        it.model.script.add(Answer(text=FINE))
        await it.told()
        first, second = (call["at"] for call in it.model.calls)
        assert second - first >= 0.3
        opinion = await it.opinion()
        assert opinion is not None
        assert opinion.answer is not None
