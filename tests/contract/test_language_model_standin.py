"""The language model's stand-in, as the stock OpenAI client meets it."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import openai
import pytest
from openai.types import Model
from openai.types.chat import ChatCompletion

from gitops_bot.sandbox.llm import LanguageModelStandIn
from gitops_bot.sandbox.llm.formats import smallest
from gitops_bot.sandbox.llm.script import Answer, tokens

ASK: Any = [{"role": "user", "content": "Is this dangerous?"}]


@pytest.fixture
async def model(tmp_path: Path) -> AsyncIterator[LanguageModelStandIn]:
    made = LanguageModelStandIn(tmp_path)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def client(model: LanguageModelStandIn) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=model.base_url, api_key="any", max_retries=0, timeout=5) as made:
        yield made


async def test_an_answer_has_openais_shape_and_counts_tokens(
    model: LanguageModelStandIn, client: openai.AsyncOpenAI
) -> None:
    model.script.add(Answer(text="No. It is fine."))
    answer = await client.chat.completions.create(model="m", messages=ASK)
    # The client builds its objects without checks; this checks every field against OpenAI's own types.
    ChatCompletion.model_validate(answer.to_dict(), strict=True)
    assert answer.choices[0].message.content == "No. It is fine."
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (4, 6, 10)
    assert model.calls[0]["body"]["messages"] == ASK


async def test_models_are_listed(client: openai.AsyncOpenAI) -> None:
    models = [Model.model_validate(one.to_dict(), strict=True) async for one in client.models.list()]
    assert [one.id for one in models] == ["stand-in-small", "stand-in-large"]


async def test_a_stream_gives_the_same_words_in_pieces(model: LanguageModelStandIn, client: openai.AsyncOpenAI) -> None:
    model.script.add(Answer(text="One, two\nthree."))
    stream = await client.chat.completions.create(
        model="m", messages=ASK, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    pieces = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(pieces) == "One, two\nthree."
    assert len([piece for piece in pieces if piece]) == 5
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 5


async def test_answers_are_chosen_by_what_is_asked_and_used_up(
    model: LanguageModelStandIn, client: openai.AsyncOpenAI
) -> None:
    model.script.add(Answer(text="about cats", when="cat"))
    model.script.add(Answer(text="always", when="dangerous", times=0))

    async def ask(text: str) -> str | None:
        answer = await client.chat.completions.create(model="m", messages=[{"role": "user", "content": text}])
        return answer.choices[0].message.content

    assert await ask("a dangerous dog") == "always"
    assert await ask("a dangerous cat") == "about cats"
    assert [await ask("a dangerous cat") for _ in range(2)] == ["always", "always"]
    assert "no opinion" in str(await ask("a cat"))


@pytest.mark.parametrize(
    ("status", "raised"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
    ],
)
async def test_errors_carry_the_providers_words(
    model: LanguageModelStandIn, client: openai.AsyncOpenAI, status: int, raised: type[openai.APIStatusError]
) -> None:
    model.script.add(Answer(status=status, message="No more of this.", code="made_up"))
    with pytest.raises(raised) as error:
        await client.chat.completions.create(model="m", messages=ASK)
    assert "No more of this." in str(error.value)
    assert error.value.code == "made_up"
    assert model.calls[-1]["status"] == status


async def test_a_cut_connection_and_an_answer_that_is_no_json_reach_the_client_as_errors(
    model: LanguageModelStandIn, client: openai.AsyncOpenAI
) -> None:
    model.script.add(Answer(cut=True))
    with pytest.raises(openai.APIConnectionError):
        await client.chat.completions.create(model="m", messages=ASK)
    model.script.add(Answer(raw="<html>"))
    with pytest.raises((openai.APIResponseValidationError, json.JSONDecodeError)):
        await client.chat.completions.create(model="m", messages=ASK)


async def test_a_late_answer_meets_the_clients_patience(
    model: LanguageModelStandIn, client: openai.AsyncOpenAI
) -> None:
    model.script.add(Answer(text="late", delay=30))
    with pytest.raises(openai.APITimeoutError):
        await client.with_options(timeout=0.2).chat.completions.create(model="m", messages=ASK)


async def test_length_tools_and_refusals(model: LanguageModelStandIn, client: openai.AsyncOpenAI) -> None:
    model.script.add(Answer(text="a b c d"))
    short = await client.chat.completions.create(model="m", messages=ASK, max_completion_tokens=2)
    assert (short.choices[0].message.content, short.choices[0].finish_reason) == ("a b", "length")
    model.script.add(Answer(tool_calls=({"name": "describe", "arguments": {"kind": "Pod"}},)))
    called = await client.chat.completions.create(model="m", messages=ASK)
    ChatCompletion.model_validate(called.to_dict(), strict=True)
    calls = called.choices[0].message.tool_calls
    assert calls is not None
    assert calls[0].type == "function"
    assert (calls[0].function.name, json.loads(calls[0].function.arguments)) == ("describe", {"kind": "Pod"})
    model.script.add(Answer(refusal="I will not."))
    refused = await client.chat.completions.create(model="m", messages=ASK)
    assert refused.choices[0].message.refusal == "I will not."


async def test_without_a_script_a_schema_is_obeyed(client: openai.AsyncOpenAI) -> None:
    schema = {
        "type": "object",
        "required": ["score", "kind", "notes", "next"],
        "properties": {
            "score": {"type": "integer", "minimum": 1},
            "kind": {"enum": ["good", "bad"]},
            "notes": {"type": "array", "items": {"$ref": "#/$defs/note"}, "minItems": 1},
            "next": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/note"}]},
        },
        "$defs": {"note": {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}}},
    }
    answer = await client.chat.completions.create(
        model="m",
        messages=ASK,
        response_format={"type": "json_schema", "json_schema": {"name": "review", "schema": schema}},
    )
    said = json.loads(str(answer.choices[0].message.content))
    jsonschema.validate(said, schema)
    assert said == {"score": 1, "kind": "good", "notes": [{"text": ""}], "next": None}


def test_a_schema_that_refers_to_itself_ends() -> None:
    endless = {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}
    assert smallest(endless) is None


async def test_what_is_wrong_with_a_request_is_told(model: LanguageModelStandIn) -> None:
    url, key = f"{model.base_url}/chat/completions", {"Authorization": "Bearer any"}
    async with httpx.AsyncClient() as http:
        for content, headers, status, word in (
            ("{}", {}, 401, "API key"),
            ("no json", key, 400, "parse"),
            ("[]", key, 400, "object"),
            ('{"messages": [{}]}', key, 400, "model"),
            ('{"model": "m", "messages": []}', key, 400, "messages"),
        ):
            answer = await http.post(url, content=content, headers=headers)
            assert answer.status_code == status
            assert word in answer.json()["error"]["message"]


async def test_the_script_is_written_over_http(model: LanguageModelStandIn, client: openai.AsyncOpenAI) -> None:
    async with httpx.AsyncClient(base_url=model.control_url) as http:
        assert (await http.post("/answers", json={"text": "scripted"})).status_code == 200
        for wrong in ({"words": "x"}, {"text": 5}, {"times": "many"}, []):
            assert (await http.post("/answers", json=wrong)).status_code == 400
        left = (await http.get("/answers")).json()["answers"]
        assert [one["text"] for one in left] == ["scripted"]
        answer = await client.chat.completions.create(model="m", messages=ASK)
        assert answer.choices[0].message.content == "scripted"
        assert len((await http.get("/calls")).json()["calls"]) == 1
        await http.post("/answers", json={"text": "forgotten"})
        assert (await http.delete("/answers")).json() == {"answers": []}


def test_tokens_put_together_are_the_text() -> None:
    text = "Hello,  world!\n- a_b: 3.5"
    assert "".join(tokens(text)) == text
