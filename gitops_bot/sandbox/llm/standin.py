"""The HTTP side of the language model's stand-in.

Shapes: https://platform.openai.com/docs/api-reference/chat
"""

import asyncio
import json
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiohttp import web

from gitops_bot.sandbox.llm.script import Answer, Script, default_answer, prompt_of, tokens

_LARGEST_BODY = 8 << 20
_MODELS = ("stand-in-small", "stand-in-large")
_ERROR_TYPES = {400: "invalid_request_error", 401: "invalid_request_error", 429: "rate_limit_error"}


class _Refused(Exception):
    """An error answer in OpenAI's shape."""

    def __init__(self, status: int, message: str, *, code: str = "", parameter: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        kind = _ERROR_TYPES.get(
            status, "server_error" if status >= web.HTTPInternalServerError.status_code else "error"
        )
        self.body = {"error": {"message": message, "type": kind, "param": parameter, "code": code or None}}


class LanguageModelStandIn:
    """An OpenAI-compatible provider on loopback. Everything lives in memory; calls are also in ``calls.jsonl``."""

    def __init__(self, state_folder: Path, *, host: str = "127.0.0.1", port: int = 0) -> None:
        state_folder.mkdir(parents=True, exist_ok=True)
        self._file = state_folder / "calls.jsonl"
        self._host = host
        self._port = port
        self._runner: web.AppRunner | None = None
        self._origin = ""
        self.script = Script()
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
                web.get("/_control/calls", self._show_calls),
                web.get("/_control/answers", self._show_answers),
                web.post("/_control/answers", self._add_answer),
                web.delete("/_control/answers", self._clear_answers),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()
        host, port = self._runner.addresses[0][:2]
        self._origin = f"http://{host}:{port}"

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        call: dict[str, Any] = {"at": time.time(), "status": 200, "prompt_tokens": 0, "completion_tokens": 0}
        try:
            call["key"] = _key(request)
            call["body"] = body = await _read(request)
            answer = self.script.take(prompt_of(body["messages"])) or Answer(text=default_answer(body))
            await asyncio.sleep(answer.delay)
            _fail_as_told(answer)
            return await self._answer(request, body, answer, call)
        except _Refused as refused:
            call["status"] = refused.status
            return web.json_response(refused.body, status=refused.status)
        finally:
            self.calls.append(call)
            with self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps({name: value for name, value in call.items() if name != "key"}) + "\n")

    async def _answer(
        self, request: web.Request, body: Mapping[str, Any], answer: Answer, call: dict[str, Any]
    ) -> web.StreamResponse:
        if answer.cut:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        if answer.raw is not None:
            return web.Response(text=answer.raw, content_type="application/json", status=answer.status)
        pieces, reason = tokens(answer.text), answer.finish_reason
        limit = body.get("max_completion_tokens") or body.get("max_tokens") or len(pieces)
        if len(pieces) > limit:
            pieces, reason = pieces[:limit], "length"
        called = [
            {
                "id": f"call_{secrets.token_hex(8)}",
                "type": "function",
                "function": {"name": one["name"], "arguments": json.dumps(one.get("arguments", {}))},
            }
            for one in answer.tool_calls
        ]
        call["prompt_tokens"] = len(tokens(prompt_of(body["messages"])))
        call["completion_tokens"] = len(pieces)
        usage = {name: call[name] for name in ("prompt_tokens", "completion_tokens")}
        usage["total_tokens"] = sum(usage.values())
        frame = {"id": f"chatcmpl-{secrets.token_hex(12)}", "created": int(time.time()), "model": body["model"]}
        if body.get("stream"):
            wants_usage = (body.get("stream_options") or {}).get("include_usage")
            return await _stream(request, frame, pieces, reason, answer.delay, usage if wants_usage else None)
        message: dict[str, Any] = {"role": "assistant", "content": "".join(pieces), "refusal": answer.refusal or None}
        if called:
            message |= {"tool_calls": called, "content": None if not pieces else message["content"]}
            reason = "tool_calls"
        choice = {"index": 0, "message": message, "finish_reason": reason, "logprobs": None}
        return web.json_response({**frame, "object": "chat.completion", "choices": [choice], "usage": usage})

    async def _models(self, request: web.Request) -> web.Response:
        try:
            _key(request)
        except _Refused as refused:
            return web.json_response(refused.body, status=refused.status)
        models = [{"id": name, "object": "model", "created": 0, "owned_by": "sandbox"} for name in _MODELS]
        return web.json_response({"object": "list", "data": models})

    async def _show_calls(self, _request: web.Request) -> web.Response:
        return web.json_response({"calls": self.calls})

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


def _fail_as_told(answer: Answer) -> None:
    if answer.status >= web.HTTPBadRequest.status_code:
        raise _Refused(answer.status, answer.message or "The stand-in was told to fail.", code=answer.code)


def _key(request: web.Request) -> str:
    """Give the key; any is right, none is not."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme != "Bearer" or not key:
        raise _Refused(401, "You didn't provide an API key.", code="invalid_api_key")
    return key


async def _read(request: web.Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError as error:
        raise _Refused(400, "We could not parse the JSON body of your request.") from error
    if not isinstance(body, dict):
        raise _Refused(400, "The body must be a JSON object.")
    if not isinstance(body.get("model"), str) or not body["model"]:
        raise _Refused(400, "you must provide a model parameter", parameter="model")
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise _Refused(400, "Invalid 'messages': expected a non-empty array.", parameter="messages")
    return body


async def _stream(
    request: web.Request,
    frame: Mapping[str, Any],
    pieces: list[str],
    reason: str,
    delay: float,
    usage: Mapping[str, int] | None,
) -> web.StreamResponse:
    """Send one server-sent event per token, as providers do."""
    answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await answer.prepare(request)

    async def send(choices: list[dict[str, Any]], **more: Any) -> None:
        chunk = {**frame, "object": "chat.completion.chunk", "choices": choices, **more}
        await answer.write(f"data: {json.dumps(chunk)}\n\n".encode())

    def choice(delta: Mapping[str, Any], finish: str | None = None) -> list[dict[str, Any]]:
        return [{"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}]

    await send(choice({"role": "assistant", "content": ""}))
    for piece in pieces:
        await asyncio.sleep(delay)
        await send(choice({"content": piece}))
    await send(choice({}, reason))
    if usage is not None:
        await send([], usage=usage)
    await answer.write(b"data: [DONE]\n\n")
    await answer.write_eof()
    return answer
