"""The stand-in as a whole."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiohttp import web

from gitops_bot.sandbox.faults import FaultList
from gitops_bot.sandbox.listening import Listener
from gitops_bot.sandbox.slack.control import Control
from gitops_bot.sandbox.slack.exchanges import Exchanges
from gitops_bot.sandbox.slack.faults import Fault
from gitops_bot.sandbox.slack.inbox import Inbox
from gitops_bot.sandbox.slack.interactions import Interactions
from gitops_bot.sandbox.slack.rates import RateLimits
from gitops_bot.sandbox.slack.records import Sharing, UserKind
from gitops_bot.sandbox.slack.response_urls import ResponseUrls
from gitops_bot.sandbox.slack.sockets import Sockets
from gitops_bot.sandbox.slack.web_api import WebApi
from gitops_bot.sandbox.slack.web_app import AppMethods
from gitops_bot.sandbox.slack.web_chat import ChatMethods
from gitops_bot.sandbox.slack.web_conversations import ConversationMethods
from gitops_bot.sandbox.slack.web_files import FILE_BYTES, FileMethods
from gitops_bot.sandbox.slack.web_views import Views
from gitops_bot.sandbox.slack.workspace import Workspace


class SlackStandIn:
    """A Slack workspace on loopback: Web API, Socket Mode, control API and an inbox page.

    State lives in memory; only the answers are written down, to ``exchanges.jsonl`` in ``state_folder``.
    """

    def __init__(self, state_folder: Path, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self._listener = Listener(host, port)
        self.workspace = Workspace()
        self.rates = RateLimits()
        self.faults = FaultList(Fault)
        self.exchanges = Exchanges(state_folder)
        self.sockets = Sockets(self.workspace, self.exchanges)
        self.views = Views(self.workspace)
        chat = ChatMethods(self.workspace)
        self.files = FileMethods(self.workspace, chat)
        self._response_urls = ResponseUrls(self.workspace, chat)
        self.interactions = Interactions(
            self.workspace, sockets=self.sockets, views=self.views, response_urls=self._response_urls
        )
        app = AppMethods(self.workspace, self.sockets.new_url)
        conversations = ConversationMethods(self.workspace)
        self._api = WebApi(
            self.workspace,
            app.table() | chat.table() | conversations.table() | self.views.table() | self.files.table(),
            rates=self.rates,
            faults=self.faults,
            exchanges=self.exchanges,
        )

    @property
    def api_url(self) -> str:
        """The Web API, with a slash at its end, as slack-sdk's ``base_url`` wants it."""
        return f"{self.workspace.origin}/api/"

    @property
    def inbox_url(self) -> str:
        """The page for people."""
        return f"{self.workspace.origin}/inbox"

    @property
    def click_url(self) -> str:
        """Where a press of a button can be posted."""
        return f"{self.workspace.origin}/_control/click"

    @property
    def control_url(self) -> str:
        """The control API."""
        return f"{self.workspace.origin}/_control"

    @property
    def bot_token(self) -> str:
        """The bot's token."""
        return self.workspace.bot_token

    @property
    def app_token(self) -> str:
        """The app-level token for Socket Mode."""
        return self.workspace.app_token

    def create_channel(self, name: str, *, shared: Sharing = "", private: bool = False, bot_joins: bool = True) -> str:
        """Make a channel and give its id. ``shared`` "external": with strangers by Slack Connect."""
        return self.workspace.add_channel(name, shared=shared, private=private, bot_joins=bot_joins).id

    def create_user(self, name: str, *, kind: UserKind = "member", real_name: str = "") -> str:
        """Let somebody join and give their id."""
        return self.workspace.add_user(name, kind=kind, real_name=real_name).id

    def install(self, manifest: Mapping[str, Any]) -> None:
        """Give the app exactly the rights, events and commands of an app manifest; ValueError if it cannot work."""
        self.workspace.install(manifest)

    async def start(self) -> None:
        """Listen. The addresses are known afterwards."""
        app = web.Application(client_max_size=FILE_BYTES + (1 << 20))
        app.add_routes(
            [
                web.route("*", "/api/{method}", self._api.handle),
                web.get("/link/", self.sockets.handle),
                web.post("/upload/v1/{file}", self._upload),
                web.post("/actions/{team}/{number}/{key}", self._respond),
                *Control(
                    self.workspace,
                    sockets=self.sockets,
                    views=self.views,
                    files=self.files,
                    rates=self.rates,
                    faults=self.faults,
                    interactions=self.interactions,
                ).routes(),
                *Inbox(self.workspace, self.views).routes(),
            ]
        )
        self.exchanges.open()
        self.workspace.origin = await self._listener.start(app)

    async def stop(self) -> None:
        """Stop listening, cut every line, end every task."""
        await self.sockets.close()
        await self.files.close()
        await self._listener.stop()
        self.exchanges.close()

    async def _upload(self, request: web.Request) -> web.Response:
        return await self._api.beside("upload", request, self.files.upload)

    async def _respond(self, request: web.Request) -> web.Response:
        return await self._api.beside("response_url", request, self._response_urls.response_url)
