"""The HTTP side of the language model's stand-in."""

import asyncio
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiohttp import web

from gitops_bot.sandbox.listening import Listener
from gitops_bot.sandbox.llm.completions import said, send
from gitops_bot.sandbox.llm.formats import MANNERS, wanted_schema
from gitops_bot.sandbox.llm.refusals import Refused, unknown_model
from gitops_bot.sandbox.llm.script import Answer, Script, count, default_answer, prompt_of

_LARGEST_BODY = 64 << 20


class LanguageModelStandIn:
    """An OpenAI-compatible provider on loopback. Everything lives in memory; calls are also in ``calls.jsonl``."""

    def __init__(self, state_folder: Path, *, host: str = "127.0.0.1", port: int = 0) -> None:
        state_folder.mkdir(parents=True, exist_ok=True)
        self._file = state_folder / "calls.jsonl"
        self._listener = Listener(host, port)
        self._origin = ""
        self.script = Script()
        # In what servers differ. ``keys``: others are refused (None: any is right); ``strict_models``: so are other
        # models than those listed; a prompt of more than ``context_tokens`` is too long.
        self.settings: dict[str, Any] = {
            "json_schema": "honour",
            "json_object": "honour",
            # honour, or refuse_400 as OpenAI does.
            "json_object_schema": "honour",
            "keys": None,
            "models": ["stand-in-small", "stand-in-large"],
            "strict_models": False,
            "context_tokens": 128_000,
        }
        # key, body, status, prompt_tokens, completion_tokens.
        self.calls: list[dict[str, Any]] = []

    @property
    def base_url(self) -> str:
        """What an OpenAI client takes as its base URL."""
        return f"{self._origin}/v1"

    @property
    def control_url(self) -> str:
        """The control API."""
        return f"{self._origin}/_control"

    async def start(self) -> None:
        """Listen. The address is known afterwards."""
        app = web.Application(client_max_size=_LARGEST_BODY)
        app.add_routes(
            [
                web.post("/v1/chat/completions", self._complete),
                web.get("/v1/models", self._models),
                web.get("/v1/models/{model}", self._model),
                web.get("/_control/calls", self._show_calls),
                web.get("/_control/usage", self._show_usage),
                web.get("/_control/answers", self._show_answers),
                web.post("/_control/answers", self._add_answer),
                web.delete("/_control/answers", self._clear_answers),
                web.get("/_control/settings", self._show_settings),
                web.post("/_control/settings", self._change_settings),
            ]
        )
        # Who hangs up is not waited for: an answer that takes minutes would outlive the server.
        self._origin = await self._listener.start(app, forget_who_hangs_up=True)

    async def stop(self) -> None:
        """Stop listening."""
        await self._listener.stop()

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        call: dict[str, Any] = {"at": time.time(), "status": 200, "prompt_tokens": 0, "completion_tokens": 0}
        try:
            call["headers"] = dict(request.headers)
            call["key"] = self._key(request)
            call["body"] = body = await _read(request)
            prompt = prompt_of(body["messages"])
            asked = count(prompt)
            schema = self._check(body, prompt, asked)
            answer = self.script.take(body, prompt) or default_answer(schema)
            await asyncio.sleep(answer.delay)
            _fail_as_told(answer)
            if answer.cut:
                if request.transport is not None:
                    request.transport.abort()
                return web.Response()
            if answer.raw is not None:
                return web.Response(text=answer.raw, content_type="application/json", status=answer.status)
            words = said(body, answer, schema, asked)
            call |= {"prompt_tokens": words.prompt_tokens, "completion_tokens": words.completion_tokens}
            return await send(request, body, answer, words)
        except Refused as refused:
            call["status"] = refused.status
            return refused.response()
        finally:
            self.calls.append(call)
            with self._file.open("a", encoding="utf-8") as file:
                kept = {name: value for name, value in call.items() if name not in {"key", "headers"}}
                file.write(json.dumps(kept) + "\n")

    def _key(self, request: web.Request) -> str:
        """Give the key. None is never right."""
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or not key:
            raise Refused(401, "You didn't provide an API key.", code="invalid_api_key")
        if self.settings["keys"] is not None and key not in self.settings["keys"]:
            raise Refused(401, f"Incorrect API key provided: {key[:3]}***{key[-4:]}.", code="invalid_api_key")
        return key

    def _check(self, body: Mapping[str, Any], prompt: str, asked: int) -> Mapping[str, Any] | None:
        """Refuse what this server cannot do; give the schema that the answer must fit."""
        if self.settings["strict_models"] and body["model"] not in self.settings["models"]:
            raise unknown_model(body["model"])
        most = self.settings["context_tokens"]
        if asked > most:
            words = f"This model's maximum context length is {most} tokens. Your messages resulted in {asked} tokens."
            raise Refused(400, words, code="context_length_exceeded", parameter="messages")
        return wanted_schema(body, prompt, self.settings)

    async def _models(self, request: web.Request) -> web.Response:
        try:
            self._key(request)
        except Refused as refused:
            return refused.response()
        return web.json_response({"object": "list", "data": [_model_shape(name) for name in self.settings["models"]]})

    async def _model(self, request: web.Request) -> web.Response:
        name = request.match_info["model"]
        try:
            self._key(request)
        except Refused as refused:
            return refused.response()
        if name not in self.settings["models"]:
            return unknown_model(name).response()
        return web.json_response(_model_shape(name))

    async def _show_calls(self, _request: web.Request) -> web.Response:
        return web.json_response({"calls": self.calls})

    async def _show_usage(self, _request: web.Request) -> web.Response:
        names = ("prompt_tokens", "completion_tokens")
        totals = {name: sum(call[name] for call in self.calls) for name in names}
        return web.json_response({"requests": len(self.calls)} | totals)

    async def _show_answers(self, _request: web.Request) -> web.Response:
        return web.json_response({"answers": self.script.as_json()})

    async def _add_answer(self, request: web.Request) -> web.Response:
        try:
            self.script.add(Answer.from_json(await request.json()))
        except (ValueError, TypeError, AttributeError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return await self._show_answers(request)

    async def _clear_answers(self, request: web.Request) -> web.Response:
        self.script.clear()
        return await self._show_answers(request)

    async def _show_settings(self, _request: web.Request) -> web.Response:
        return web.json_response(self.settings)

    async def _change_settings(self, request: web.Request) -> web.Response:
        body = await request.json()
        unknown = sorted(set(body) - set(self.settings))
        kinds = ("json_schema", "json_object", "json_object_schema")
        wrong = [name for name in kinds if body.get(name, "honour") not in MANNERS]
        if unknown or wrong:
            words = f"unknown: {unknown}; {', '.join(kinds)} are one of {', '.join(MANNERS)}"
            return web.json_response({"error": words}, status=400)
        self.settings |= body
        return web.json_response(self.settings)


def _fail_as_told(answer: Answer) -> None:
    if answer.status < web.HTTPBadRequest.status_code:
        return
    refused = Refused(answer.status, answer.message or "The stand-in was told to fail.", code=answer.code)
    if answer.retry_after is not None:
        refused.headers["Retry-After"] = f"{answer.retry_after:g}"
    raise refused


async def _read(request: web.Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError as error:
        raise Refused(400, "We could not parse the JSON body of your request.") from error
    if not isinstance(body, dict):
        raise Refused(400, "The body must be a JSON object.")
    if not isinstance(body.get("model"), str) or not body["model"]:
        raise Refused(400, "you must provide a model parameter", parameter="model")
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Refused(400, "Invalid 'messages': expected a non-empty array.", parameter="messages")
    return body


def _model_shape(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "sandbox"}
