"""Chat completions as providers send them: whole, in pieces, and broken.

Shapes: https://platform.openai.com/docs/api-reference/chat
"""

import asyncio
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from gitops_bot.sandbox.llm.script import Answer, count, tokens


@dataclass(slots=True)
class Said:
    """What the model says: its text, why it stopped, and what is counted."""

    text: str
    reason: str
    prompt_tokens: int
    completion_tokens: int

    @property
    def usage(self) -> dict[str, int]:
        """The usage part of an answer."""
        total = self.prompt_tokens + self.completion_tokens
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": total,
        }


def said(body: Mapping[str, Any], answer: Answer, schema: Mapping[str, Any] | None, prompt_tokens: int) -> Said:
    """Say a scripted answer, cut where the request says so."""
    text, reason = answer.said(schema), answer.finish_reason
    written, limit = count(text), body.get("max_completion_tokens") or body.get("max_tokens")
    if limit is not None and written > limit:
        text, reason, written = "".join(tokens(text)[:limit]), "length", limit
    if answer.tool_calls:
        reason = "tool_calls"
    return Said(text, reason, answer.prompt_tokens or prompt_tokens, answer.completion_tokens or written)


async def send(request: web.Request, body: Mapping[str, Any], answer: Answer, words: Said) -> web.StreamResponse:
    """Send a completion the way that was asked for, or broken the way that was ordered."""
    frame = {"id": f"chatcmpl-{secrets.token_hex(12)}", "created": int(time.time()), "model": body["model"]}
    if body.get("stream"):
        return await _stream(request, body, frame, words, answer.delay)
    message: dict[str, Any] = {"role": "assistant", "content": words.text, "refusal": answer.refusal or None}
    if answer.tool_calls:
        message |= {"tool_calls": [_tool_call(one) for one in answer.tool_calls], "content": words.text or None}
    choice = {"index": 0, "message": message, "finish_reason": words.reason, "logprobs": None}
    whole = {**frame, "object": "chat.completion", "choices": [choice], "usage": words.usage}
    return await _half(request, whole) if answer.half else web.json_response(whole)


def _tool_call(call: Mapping[str, Any]) -> dict[str, Any]:
    """Write a call of a function: its arguments are a text, which a model may get wrong."""
    arguments = call.get("arguments", {})
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    function = {"name": call["name"], "arguments": text}
    return {"id": f"call_{secrets.token_hex(8)}", "type": "function", "function": function}


async def _stream(
    request: web.Request, body: Mapping[str, Any], frame: Mapping[str, Any], words: Said, delay: float
) -> web.StreamResponse:
    """Send one server-sent event per token, as providers do."""
    answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await answer.prepare(request)

    async def send_chunk(choices: list[dict[str, Any]], **more: Any) -> None:
        chunk = {**frame, "object": "chat.completion.chunk", "choices": choices, **more}
        await answer.write(f"data: {json.dumps(chunk)}\n\n".encode())

    def choice(delta: Mapping[str, Any], finish: str | None = None) -> list[dict[str, Any]]:
        return [{"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}]

    await send_chunk(choice({"role": "assistant", "content": ""}))
    for piece in tokens(words.text):
        await asyncio.sleep(delay)
        await send_chunk(choice({"content": piece}))
    await send_chunk(choice({}, words.reason))
    if (body.get("stream_options") or {}).get("include_usage"):
        await send_chunk([], usage=words.usage)
    await answer.write(b"data: [DONE]\n\n")
    await answer.write_eof()
    return answer


async def _half(request: web.Request, whole: Mapping[str, Any]) -> web.StreamResponse:
    """Promise the whole body, send half of it, and break off."""
    text = json.dumps(whole).encode()
    answer = web.StreamResponse(headers={"Content-Type": "application/json"})
    answer.content_length = len(text)
    await answer.prepare(request)
    await answer.write(text[: len(text) // 2])
    if request.transport is not None:
        request.transport.close()
    return answer
