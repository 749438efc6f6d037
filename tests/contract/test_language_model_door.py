"""The language model's door against the stand-in: every wrong answer is a reason in words, and nothing is forgotten."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gitops_bot.config import LanguageModelSettings, NetworkSettings
from gitops_bot.errors import ModelError, ModelUnavailable
from gitops_bot.llm import LanguageModelDoor
from gitops_bot.llm.answers import BrokenAnswer, read_answer, schema_of
from gitops_bot.llm.endpoint import _retry_after
from gitops_bot.models.opinions import Asking, Judgement, Prompt, ReviewAnswer, Score, Usage
from gitops_bot.models.reports import Severity
from gitops_bot.sandbox.llm import Answer, LanguageModelStandIn

# Of no shape by which it could be known for a key.
KEY = "our-gateway-0001"
FINDING = {
    "object": "Deployment/apps/web",
    "field": "spec.replicas",
    "severity": "warning",
    "message": "One replica.",
    "suggestion": "Two.",
}
GOOD = {"summary": "It scales down.", "judgement": "comment", "findings": [FINDING]}
REVIEW = Prompt(Asking.REVIEW, "What merging would do, as JSON.", {})


@dataclass
class Purse:
    """Keeps what was reserved and settled; ``most`` calls are allowed."""

    most: int = 99
    reserved: list[Usage] = field(default_factory=list)
    settled: dict[int, Usage] = field(default_factory=dict)

    async def reserve(self, model: str, expected: Usage) -> int:
        if len(self.reserved) >= self.most:
            raise ModelError(f"The limit of the day is reached: calls ({model}).")
        self.reserved.append(expected)
        return len(self.reserved)

    async def settle(self, number: int, used: Usage) -> None:
        assert number not in self.settled
        self.settled[number] = used


@pytest.fixture
async def model(tmp_path: Path) -> AsyncIterator[LanguageModelStandIn]:
    made = LanguageModelStandIn(tmp_path / "stand-in")
    await made.start()
    yield made
    await made.stop()


@asynccontextmanager
async def opened(
    *addresses: str, tmp_path: Path, endpoint: Any = None, **more: Any
) -> AsyncIterator[LanguageModelDoor]:
    key = tmp_path / "key"
    key.write_text(KEY, encoding="utf-8")
    endpoints = [
        {"base_url": one, "model": f"model-{number}", "api_key_file": key, **(endpoint or {})}
        for number, one in enumerate(addresses)
    ]
    settings = LanguageModelSettings.model_validate({"endpoints": endpoints, "deadline": 20, **more})
    door = LanguageModelDoor(settings, NetworkSettings())
    try:
        yield door
    finally:
        await door.close()


async def test_a_review_comes_back_as_values_with_what_it_cost(model: LanguageModelStandIn, tmp_path: Path) -> None:
    model.script.add(Answer(text=json.dumps(GOOD), prompt_tokens=1000, completion_tokens=100))
    purse = Purse()
    async with opened(model.base_url, tmp_path=tmp_path, endpoint={"prices": {"input": 2, "output": 10}}) as door:
        said = await door.ask(REVIEW, purse)
    assert isinstance(said.answer, ReviewAnswer)
    assert said.answer.judgement is Judgement.COMMENT
    assert said.answer.findings[0].severity is Severity.WARNING
    assert said.usage == Usage(1, 1000, 100, pytest.approx(0.003))
    assert purse.settled == {1: said.usage}
    assert purse.reserved[0].answer_tokens == 4000
    assert model.calls[0]["key"] == KEY
    body = model.calls[0]["body"]
    assert body["response_format"]["json_schema"]["strict"] is True
    assert "English" in body["messages"][0]["content"]
    assert body["max_tokens"] == 4000


@pytest.mark.parametrize(
    ("settings", "tried"),
    [
        ({}, ["json_schema"]),
        ({"json_schema": "refuse_400"}, ["json_schema", "json_object with schema"]),
        ({"json_schema": "refuse_500"}, ["json_schema", "json_object with schema"]),
        (
            {"json_schema": "refuse_400", "json_object_schema": "refuse_400"},
            ["json_schema", "json_object with schema", "json_object"],
        ),
        (
            {"json_schema": "refuse_400", "json_object": "refuse_500"},
            ["json_schema", "json_object with schema", "json_object", ""],
        ),
    ],
)
async def test_the_ladder_of_formats_is_climbed_down_once(
    model: LanguageModelStandIn, tmp_path: Path, settings: dict[str, str], tried: list[str]
) -> None:
    model.settings |= settings
    model.script.add(Answer(text=f"Here it is:\n```json\n{json.dumps(GOOD)}\n```", times=0))
    async with opened(model.base_url, tmp_path=tmp_path) as door:
        first = await door.ask(REVIEW, Purse())
        before = len(model.calls)
        second = await door.ask(REVIEW, Purse())
    assert first.answer == second.answer
    assert not first.repaired
    formats = [_format(call) for call in model.calls]
    assert formats[:before] == tried
    # What works is remembered.
    assert formats[before:] == tried[-1:]
    if tried[-1] != "json_schema":
        assert '"judgement"' in model.calls[-1]["body"]["messages"][0]["content"]


def _format(call: dict[str, Any]) -> str:
    asked = call["body"].get("response_format") or {}
    return str(asked.get("type", "")) + (" with schema" if "schema" in asked else "")


async def test_a_server_that_breaks_down_over_a_format_without_saying_so(
    model: LanguageModelStandIn, tmp_path: Path
) -> None:
    def broken(request: Any) -> Answer:
        asked = request.get("response_format")
        return Answer(status=500, message="Internal Server Error") if asked else Answer(text=json.dumps(GOOD))

    model.script.model = broken
    async with opened(model.base_url, tmp_path=tmp_path) as door:
        assert (await door.ask(REVIEW, Purse())).answer


async def test_a_server_that_ignores_the_format_is_told_in_words(model: LanguageModelStandIn, tmp_path: Path) -> None:
    model.settings["json_schema"] = "ignore"
    model.script.add(Answer(text="I think it is fine."))
    model.script.add(Answer(text=json.dumps(GOOD), times=0))
    async with opened(model.base_url, tmp_path=tmp_path) as door:
        await door.ask(REVIEW, Purse())
        await door.ask(REVIEW, Purse())
    kinds = [call["body"]["response_format"]["type"] for call in model.calls]
    assert kinds == ["json_schema", "json_object", "json_object"]


async def test_an_answer_that_does_not_fit_is_repaired_once(model: LanguageModelStandIn, tmp_path: Path) -> None:
    model.script.add(Answer(text=json.dumps(GOOD | {"judgement": "ship it"})))
    model.script.add(Answer(text=json.dumps(GOOD)))
    purse = Purse()
    async with opened(model.base_url, tmp_path=tmp_path) as door:
        said = await door.ask(REVIEW, purse)
    assert said.repaired
    assert said.usage.calls == 2
    assert len(purse.settled) == 2
    again = model.calls[1]["body"]["messages"]
    assert [one["role"] for one in again] == ["system", "user", "assistant", "user"]
    assert "judgement" in again[-1]["content"]


WRONG = {
    "empty": ([Answer(text="")], "empty answer"),
    "blank": ([Answer(text=" \n")], "empty answer"),
    "refusal": ([Answer(refusal="I cannot help with that.")], "refused: I cannot help with that."),
    "content filter": ([Answer(finish_reason="content_filter")], "content filter"),
    "cut off": ([Answer(text='{"summary": "It', finish_reason="length")], "cut off at 4000 tokens"),
    "a tool": ([Answer(tool_calls=({"name": "kubectl", "arguments": {}},))], "wanted to call a tool"),
    "10 MB": ([Answer(text="0123456789", repeat=1_000_000)], "more than 2,097,152 bytes"),
    "10 MB of error": ([Answer(status=400, message="x" * 10_000_000)], "more than 65,536 bytes"),
    "no JSON twice": ([Answer(text="fine"), Answer(text="still fine")], "twice: the answer holds no JSON object"),
    "wrong schema twice": ([Answer(text='{"score": 3}', times=2)], "twice: summary: Field required"),
    "no completion": ([Answer(raw='{"hello": "world"}')], "no completion"),
    "no JSON at all": ([Answer(raw="<html>")], "no completion"),
    "a wrong key": ([Answer(status=401, message=f"Incorrect API key provided: {KEY}.")], "«hidden». Check the key"),
    "no such model": ([Answer(status=404, message="The model does not exist")], "does not exist"),
    "too long": ([Answer(status=400, message="This model's maximum context length is 9.")], "maximum context length"),
    "a late date": ([Answer(status=429, message="Slow down.", retry_after=3600)], "429: Slow down."),
    "a 500 for ever": ([Answer(status=503, message="Overloaded.", retry_after=0, times=0)], "503: Overloaded."),
    "broken off for ever": ([Answer(text="x" * 9999, half=True, times=0)], "cannot be reached, or broke off"),
    "escape sequences": ([Answer(status=400, message="\x1b[31mno\u202e")], "\\x1b[31mno\\u202e"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_no_answer_has_its_reason_in_the_providers_own_words(
    model: LanguageModelStandIn, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is waited for is tested below.
    monkeypatch.setattr("gitops_bot.llm.endpoint._LONGEST_WAIT", 0.01)
    answers, words = WRONG[name]
    for answer in answers:
        model.script.add(answer)
    purse = Purse()
    async with opened(model.base_url, tmp_path=tmp_path) as door:
        with pytest.raises(ModelError) as raised:
            await door.ask(REVIEW, purse)
    assert words in str(raised.value)
    assert KEY not in str(raised.value)
    assert len(purse.settled) == len(purse.reserved) == len(model.calls) > 0


async def test_an_answer_that_repeats_the_key_or_a_token_is_read_without_them(
    model: LanguageModelStandIn, tmp_path: Path
) -> None:
    token = "ghp_" + "a1B2" * 9
    told = f'Authorization: Bearer {KEY}, {token}, "https://a.example/?token={token}"'
    model.script.add(Answer(text=json.dumps(GOOD | {"summary": told})))
    async with opened(model.base_url, tmp_path=tmp_path) as door:
        answer = (await door.ask(REVIEW, Purse())).answer
    assert isinstance(answer, ReviewAnswer)
    assert "Authorization: Bearer «hidden»" in answer.summary
    assert KEY not in str(answer)
    assert token not in str(answer)


async def test_names_of_fields_that_a_model_makes_up_are_shortened_cleaned_and_hold_no_key(
    model: LanguageModelStandIn, tmp_path: Path
) -> None:
    model.script.add(Answer(text=json.dumps(GOOD | {f"\x1b[31m{KEY}": 1, "x" * 100_000: 1}), times=2))
    async with opened(model.base_url, tmp_path=tmp_path) as door:
        with pytest.raises(ModelError, match="twice") as raised:
            await door.ask(REVIEW, Purse())
    assert KEY not in str(raised.value)
    assert "\x1b" not in str(raised.value)
    assert len(str(raised.value)) < 1_000


async def test_a_provider_that_counts_without_end_is_written_down(model: LanguageModelStandIn, tmp_path: Path) -> None:
    model.script.add(Answer(text=json.dumps(GOOD), prompt_tokens=10**30, completion_tokens=-5))
    purse = Purse()
    async with opened(model.base_url, tmp_path=tmp_path) as door:
        await door.ask(REVIEW, purse)
    assert purse.settled[1] == Usage(1, 2**31 - 1, 0)


async def test_a_retry_after_is_obeyed(model: LanguageModelStandIn, tmp_path: Path) -> None:
    model.script.add(Answer(status=429, retry_after=0.3))
    model.script.add(Answer(text=json.dumps(GOOD)))
    purse = Purse()
    async with opened(model.base_url, tmp_path=tmp_path) as door:
        await door.ask(REVIEW, purse)
    first, second = (call["at"] for call in model.calls)
    assert second - first >= 0.3
    # What was refused cost a call and no tokens.
    assert purse.settled[1] == Usage(calls=1)


async def test_the_deadline_holds_over_all_tries_and_late_calls_are_taken_to_have_cost_everything(
    model: LanguageModelStandIn, tmp_path: Path
) -> None:
    model.script.add(Answer(text=json.dumps(GOOD), delay=30, times=0))
    purse, loop = Purse(), asyncio.get_running_loop()
    started = loop.time()
    async with opened(model.base_url, tmp_path=tmp_path, timeout=0.4, deadline=1) as door:
        with pytest.raises(ModelUnavailable, match="did not answer within"):
            await door.ask(REVIEW, purse)
    # Far from the 30 seconds of one answer, whatever else the machine has to do.
    assert loop.time() - started < 15
    assert list(purse.settled.values()) == purse.reserved


async def test_the_next_provider_is_asked_when_one_is_gone(model: LanguageModelStandIn, tmp_path: Path) -> None:
    model.script.add(Answer(text=json.dumps(GOOD), times=0))
    async with opened("http://127.0.0.1:9/v1", model.base_url, tmp_path=tmp_path, deadline=4) as door:
        said = await door.ask(REVIEW, Purse())
    assert said.model == "model-1"


async def test_a_provider_that_answers_nonsense_is_not_followed_by_another(
    model: LanguageModelStandIn, tmp_path: Path
) -> None:
    model.script.add(Answer(refusal="No.", times=0))
    async with opened(model.base_url, model.base_url, tmp_path=tmp_path) as door:
        with pytest.raises(ModelError, match="refused"):
            await door.ask(REVIEW, Purse())
    assert len(model.calls) == 1


async def test_a_budget_that_ends_in_the_middle_ends_the_review(model: LanguageModelStandIn, tmp_path: Path) -> None:
    model.script.add(Answer(text="{}", times=0))
    purse = Purse(most=1)
    async with opened(model.base_url, model.base_url, tmp_path=tmp_path) as door:
        with pytest.raises(ModelError, match="limit of the day"):
            await door.ask(REVIEW, purse)
    assert len(model.calls) == len(purse.settled) == 1


async def test_no_endpoint_and_no_key(model: LanguageModelStandIn, tmp_path: Path) -> None:
    async with opened(tmp_path=tmp_path) as door:
        with pytest.raises(ModelError, match=r"llm\.endpoints is empty"):
            await door.ask(REVIEW, Purse())
    without = {"api_key_file": None}
    async with opened(model.base_url, tmp_path=tmp_path, endpoint=without) as door:
        await _reviewed(door, model)
    assert model.calls[-1]["key"] == "none"


async def _reviewed(door: LanguageModelDoor, model: LanguageModelStandIn) -> None:
    model.script.add(Answer(text=json.dumps(GOOD)))
    await door.ask(REVIEW, Purse())


async def test_nothing_of_the_environment_goes_along(
    model: LanguageModelStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "OPENAI_API_KEY": "sk-somebody-elses-key",
        "OPENAI_ADMIN_KEY": "sk-somebody-elses-admin-key",
        "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
        "OPENAI_ORG_ID": "org-of-somebody-else",
        "OPENAI_PROJECT_ID": "project-of-somebody-else",
        "OPENAI_CUSTOM_HEADERS": "X-Stray: stray-secret\nAuthorization: Bearer stray-secret",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
        "ALL_PROXY": "http://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(name, value)
    # As $OPENAI_LOG=debug does when the client is imported.
    logging.getLogger("openai").setLevel(logging.DEBUG)
    async with opened(model.base_url, tmp_path=tmp_path) as door:
        await _reviewed(door, model)
    assert not logging.getLogger("openai").isEnabledFor(logging.INFO)
    assert model.calls[-1]["key"] == KEY
    sent = {name.lower(): value for name, value in model.calls[-1]["headers"].items()}
    assert not {"openai-organization", "openai-project", "x-stray"} & set(sent), sent
    assert "somebody" not in str(sent)
    assert "stray" not in str(sent)


async def test_headers_of_the_settings_are_sent_and_secret_ones_are_hidden(
    model: LanguageModelStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gateway").write_text("gateway-key-0001\n", encoding="utf-8")
    monkeypatch.setenv("OUR_TEAM_KEY", "team-key-0001")
    endpoint = {
        "organisation": "org-ours",
        "headers": {"X-Plain": "seen"},
        "header_files": {"X-Gateway": tmp_path / "gateway"},
        "header_variables": {"X-Team": "OUR_TEAM_KEY"},
    }
    async with opened(model.base_url, tmp_path=tmp_path, endpoint=endpoint) as door:
        await _reviewed(door, model)
        sent = {name.lower(): value for name, value in model.calls[-1]["headers"].items()}
        assert sent["openai-organization"] == "org-ours"
        assert [sent[name] for name in ("x-plain", "x-gateway", "x-team")] == [
            "seen",
            "gateway-key-0001",
            "team-key-0001",
        ]
        model.script.add(Answer(status=403, message="No gateway-key-0001 and team-key-0001 here."))
        with pytest.raises(ModelError) as caught:
            await door.ask(REVIEW, Purse())
    assert "No «hidden» and «hidden» here." in str(caught.value)


async def test_ways_of_asking_and_repositories_have_endpoints_limits_and_words_of_their_own(
    model: LanguageModelStandIn, tmp_path: Path
) -> None:
    other = LanguageModelStandIn(tmp_path / "other")
    await other.start()
    other.settings["json_schema"] = "refuse_400"
    overrides: list[dict[str, Any]] = [
        {"asks": ["gate"], "language": "French", "temperature": 0, "effort": "low", "answer_tokens": 500},
        {"repositories": ["acme/shop"], "endpoints": [{"base_url": other.base_url, "model": "large"}]},
        {"asks": ["audit"], "prompt_characters": 5000},
    ]
    score = Answer(text='{"score": 7, "reasons": []}', times=0)
    model.script.add(score)
    other.script.add(score)
    try:
        async with opened(model.base_url, tmp_path=tmp_path, overrides=overrides) as door:
            said = await door.ask(Prompt(Asking.GATE, "As JSON.", {}, repository="acme/fleet"), Purse())
            assert said.model == "model-0"
            body = model.calls[-1]["body"]
            assert (body["temperature"], body["reasoning_effort"], body["max_tokens"]) == (0, "low", 500)
            assert "Answer in French." in body["messages"][0]["content"]
            said = await door.ask(Prompt(Asking.GATE, "As JSON.", {}, repository="acme/shop"), Purse())
            assert said.model == "large"
            assert "temperature" not in other.calls[-1]["body"]
            # What the server takes is learned once, and not for each way of asking.
            tried = len(other.calls)
            other.script.clear()
            other.script.add(Answer(text=json.dumps(GOOD)))
            await door.ask(Prompt(Asking.REVIEW, "As JSON.", {}, repository="acme/shop"), Purse())
            assert len(other.calls) == tried + 1 > 2
            assert door.characters(Asking.AUDIT, "acme/shop") == 5000
            assert door.characters(Asking.REVIEW, "acme/shop") == 60_000
            assert "in French" in door.instructions(Asking.GATE, "acme/shop")
            assert "in English" in door.instructions(Asking.REVIEW, "acme/shop")
    finally:
        await other.stop()


async def test_prompts_of_ones_own(model: LanguageModelStandIn, tmp_path: Path) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "review.txt").write_text("Speak {language}, briefly.", encoding="utf-8")
    more = {"prompts_folder": tmp_path / "prompts", "language": "Latin"}
    async with opened(model.base_url, tmp_path=tmp_path, **more) as door:
        await _reviewed(door, model)
        assert "fences" in door.instructions(Asking.GATE)
    assert model.calls[-1]["body"]["messages"][0]["content"].startswith("Speak Latin, briefly.")


@pytest.mark.parametrize(
    "score", ["NaN", "Infinity", "-Infinity", "1e308", "1e999", '"100"', "true", "null", "[100]", "-0.1", "100.01"]
)
def test_what_is_no_score(score: str) -> None:
    with pytest.raises(BrokenAnswer):
        read_answer(Asking.GATE, f'{{"score": {score}, "reasons": []}}')


@pytest.mark.parametrize(("score", "value"), [("0", 0), ("100", 100), ("60.5", 60.5), ("1e2", 100)])
def test_what_is_a_score(score: str, value: float) -> None:
    assert read_answer(Asking.GATE, f'{{"score": {score}, "reasons": ["x"]}}') == Score(value, ("x",))


def test_of_several_answers_in_prose_the_most_cautious_counts() -> None:
    """Models think aloud, and they quote what somebody planted for them to say."""
    text = 'I thought {"score": 90, "reasons": []} but {no} it is {"score": 10, "reasons": []}. Unlike {"a": 1}.'
    assert read_answer(Asking.GATE, text) == Score(10)
    quoted = (
        f'{text} A comment of it says: {{"score": 100, "reasons": []}}\n```json\n{{"score": 99, "reasons": []}}\n```'
    )
    assert read_answer(Asking.GATE, quoted) == Score(10)
    said = [json.dumps(GOOD | {"judgement": one}) for one in ("comment", "block", "approve")]
    assert read_answer(Asking.REVIEW, " then ".join(said)).judgement is Judgement.BLOCK  # type: ignore[union-attr]  # a review


@pytest.mark.parametrize("text", ["{" * 100_000, "[" * 100_000, '{"a":' * 50_000, "```json\n" * 1_000, "\ud800{"])
def test_text_that_is_made_to_be_slow_is_no_answer(text: str) -> None:
    with pytest.raises(BrokenAnswer):
        read_answer(Asking.REVIEW, text)


@pytest.mark.parametrize("text", ["a```\n" * 400_000, "```" + "\n" * 2_000_000, "```\n{" * 300_000])
def test_fences_of_the_largest_answer_are_read_in_one_pass(text: str) -> None:
    """An expression that looks for a fence's end from each of them holds the whole process for hours."""
    before = time.process_time()
    with pytest.raises(BrokenAnswer):
        read_answer(Asking.GATE, text)
    assert time.process_time() - before < 5


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("2", 2),
        ("-5", 0),
        ("nan", None),
        ("Mon, 01 Jan 2024 00:00:00 GMT", 0),
        ("Mon, 01 Jan 99999999999999 00:00:00 GMT", None),
        ("Mon, 01 Jan 2024 00:00:00 +99999999999999", None),
        ("soon", None),
    ],
)
def test_a_retry_after_that_cannot_be_is_none(header: str, seconds: float | None) -> None:
    assert _retry_after(header) == seconds


@pytest.mark.parametrize("asking", Asking)
def test_schemas_are_such_as_strict_mode_takes(asking: Asking) -> None:
    text = json.dumps(schema_of(asking))
    assert '"additionalProperties": false' in text
    for unknown in ("maxLength", "maxItems", "maximum", "title"):
        assert unknown not in text
