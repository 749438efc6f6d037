"""A running Slack stand-in and stock clients for it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from slack_schema import assert_answers_keep_slacks_schema
from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient

from gitops_bot.sandbox.slack import SlackStandIn


@asynccontextmanager
async def running_slack(folder: Path) -> AsyncIterator[SlackStandIn]:
    """Give a started stand-in; at the end each of its answers is held against Slack's schema."""
    standin = SlackStandIn(folder)
    await standin.start()
    try:
        yield standin
    finally:
        await standin.stop()
    assert_answers_keep_slacks_schema(folder)


def bot_client(standin: SlackStandIn) -> AsyncWebClient:
    """Give slack-sdk's client with the bot's token; it repeats nothing by itself."""
    return AsyncWebClient(token=standin.bot_token, base_url=standin.api_url, retry_handlers=[])


async def control(standin: SlackStandIn, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Call the control API: POST with a body, else GET."""
    async with aiohttp.ClientSession() as session:
        method = "GET" if body is None else "POST"
        async with session.request(method, f"{standin.control_url}/{path}", json=body) as response:
            answer: dict[str, Any] = await response.json()
            return answer


async def refusal(call: Awaitable[Any]) -> dict[str, Any]:
    """Give the body of an answer that must be ``ok: false``."""
    try:
        await call
    except SlackApiError as error:
        data: dict[str, Any] = error.response.data
        return data
    raise AssertionError("this was not refused")


class App:
    """slack-sdk's Socket Mode client: remembers what it was sent, acknowledges unless told otherwise."""

    def __init__(self, standin: SlackStandIn, *, ping_interval: float = 5) -> None:
        self.requests: list[SocketModeRequest] = []
        self.acknowledges = True
        self.answer: Callable[[SocketModeRequest], dict[str, Any] | None] = lambda _request: None
        self.afterwards: Callable[[SocketModeRequest], Awaitable[Any]] | None = None
        self.client = SocketModeClient(
            app_token=standin.app_token,
            web_client=AsyncWebClient(base_url=standin.api_url, retry_handlers=[]),
            ping_interval=ping_interval,
        )
        self.client.socket_mode_request_listeners.append(self._take)

    async def _take(self, client: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        self.requests.append(request)
        if self.acknowledges:
            payload = self.answer(request)
            await client.send_socket_mode_response(SocketModeResponse(request.envelope_id, payload))
        if self.afterwards is not None:
            await self.afterwards(request)


@asynccontextmanager
async def connected(standin: SlackStandIn, *, ping_interval: float = 5) -> AsyncIterator[App]:
    """Give a connected app."""
    app = App(standin, ping_interval=ping_interval)
    await app.client.connect()
    try:
        yield app
    finally:
        await app.client.close()


def button(action_id: str, **more: Any) -> dict[str, Any]:
    """Give a button element."""
    return {"type": "button", "text": {"type": "plain_text", "text": action_id}, "action_id": action_id, **more}


def actions(*elements: dict[str, Any]) -> dict[str, Any]:
    """Give an actions block."""
    return {"type": "actions", "elements": list(elements)}


def section(text: str, **more: Any) -> dict[str, Any]:
    """Give a section block."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **more}
