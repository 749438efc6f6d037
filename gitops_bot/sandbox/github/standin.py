"""The stand-in as a whole."""

from pathlib import Path
from typing import Any

from aiohttp import web

from gitops_bot.sandbox.faults import FaultList
from gitops_bot.sandbox.github.control import Control, explain
from gitops_bot.sandbox.github.device_flow import DeviceFlows
from gitops_bot.sandbox.github.exchanges import Exchanges
from gitops_bot.sandbox.github.faults import Fault
from gitops_bot.sandbox.github.front import API, Endpoint, Front
from gitops_bot.sandbox.github.git_http import GitOverHttp
from gitops_bot.sandbox.github.graphql import GRAPHQL_PREFIX, GraphQl
from gitops_bot.sandbox.github.graphql_objects import Objects
from gitops_bot.sandbox.github.history import Extents
from gitops_bot.sandbox.github.limits import Limits
from gitops_bot.sandbox.github.moments import Moments
from gitops_bot.sandbox.github.pages import Pages
from gitops_bot.sandbox.github.records import PERMISSIONS, App, BranchRule, now
from gitops_bot.sandbox.github.rest_apps import Apps
from gitops_bot.sandbox.github.rest_checks import Checks
from gitops_bot.sandbox.github.rest_commits import Commits
from gitops_bot.sandbox.github.rest_issues import Issues
from gitops_bot.sandbox.github.rest_pulls import PullRequests
from gitops_bot.sandbox.github.rest_repositories import Repositories
from gitops_bot.sandbox.github.rest_reviews import Reviews
from gitops_bot.sandbox.github.state import State
from gitops_bot.sandbox.github.syncing import Syncing
from gitops_bot.sandbox.listening import Listener

# Bytes of a request's body; a push may have any size.
_LARGEST_BODY = 16 << 20


class GitHubStandIn:
    """GitHub on loopback: REST, GraphQL, git over HTTP, pages and a control API.

    What people write lives in memory; commits lie in real bare repositories below ``state_folder``;
    every answer of the API is written to ``exchanges.jsonl`` there.
    """

    def __init__(self, state_folder: Path, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self._listener = Listener(host, port)
        self.state = State(state_folder)
        self.device_flows = DeviceFlows(self.state)
        self.syncing = Syncing(self.state)
        self.limits = Limits()
        self.faults = FaultList(Fault)
        self.exchanges = Exchanges(state_folder)
        self.front = Front(self.state, self.syncing, limits=self.limits, faults=self.faults, exchanges=self.exchanges)
        self._extents = Extents()
        self.repositories = Repositories(self.state, self.syncing, self.limits)

    @property
    def html_url(self) -> str:
        """Where people look: ``{html_url}/{owner}/{name}/pull/{number}``."""
        return self.state.origin

    @property
    def api_url(self) -> str:
        """Root of the REST API, without a slash at its end. GraphQL lies where a GitHub Enterprise Server has it."""
        return self.state.api

    @property
    def git_url(self) -> str:
        """What git's addresses begin with: ``{git_url}/{owner}/{name}.git``."""
        return self.state.origin

    @property
    def control_url(self) -> str:
        """The control API."""
        return f"{self.state.origin}/_control"

    def create_user(self, login: str, *, bot: bool = False, token: str | None = None, unlimited: bool = False) -> str:
        """Let somebody in and give a token of theirs; a second call gives another token.

        ``unlimited``: no rate limit slows this token, for who sets a scene (GitHub lets one write 80 times a minute).
        """
        self.state.add_user(login, kind="Bot" if bot else "User")
        return self.state.add_token(login, token, unlimited=unlimited).value

    def create_app(self, slug: str, owner: str, public_key: str, *, app_id: int | None = None) -> App:
        """Register a GitHub App by the public key (PEM) of its JWTs; its bot is ``slug[bot]``."""
        self.state.add_user(owner)
        self.state.add_user(f"{slug}[bot]", kind="Bot")
        app = App(app_id or self.state.next_id(), slug, owner, public_key, now())
        self.state.apps[app.id] = app
        return app

    def install_app(self, app: App, owner: str) -> int:
        """Install an App in an account; gives the number of the installation."""
        number = self.state.next_id()
        app.installations[number] = self.state.users[owner.lower()].login
        return number

    def create_repository(self, owner: str, name: str, *, private: bool = True, default_branch: str = "main") -> None:
        """Make an empty repository. An owner whom nobody knows becomes an organisation. ValueError: it exists."""
        self.state.add_repository(owner, name, private=private, default_branch=default_branch)

    def repository_folder(self, owner: str, name: str) -> Path:
        """Give the bare git repository; what is pushed there by path is noticed. KeyError: there is none."""
        return self.state.repositories[f"{owner}/{name}".lower()].folder

    def grant(self, owner: str, name: str, login: str, permission: str) -> None:
        """Give somebody a right: none, read, triage, write, maintain, admin. KeyError, ValueError: unknown."""
        if permission not in PERMISSIONS:
            raise ValueError(f"permission is one of {', '.join(PERMISSIONS)}")
        self.state.repositories[f"{owner}/{name}".lower()].collaborators[
            self.state.users[login.lower()].login.lower()
        ] = permission

    def protect(self, owner: str, name: str, branch: str, rule: BranchRule | None) -> None:
        """Set the rule of a branch, or end it."""
        rules = self.state.repositories[f"{owner}/{name}".lower()].rules
        if rule is None:
            rules.pop(branch, None)
        else:
            rules[branch] = rule

    def counters(self, login: str) -> dict[str, int]:
        """Give what an account asked (requests, not_modified, git) and its cost, all tokens together."""
        found = [self.limits.counters(one.value) for one in self.state.tokens.values() if one.login == login]
        return {name: sum(one[name] for one in found) for name in ("requests", "not_modified", "cost", "git")}

    @property
    def moments(self) -> Moments:
        """What is to happen in the middle of a request."""
        return self.front.moments

    @property
    def requests(self) -> list[dict[str, Any]]:
        """What was asked, oldest first: method, path, login, status, cost, fault."""
        return list(self.front.requests)

    def endpoints(self) -> list[Endpoint]:
        """Give every call of the REST API that is answered."""
        return [
            *self.repositories.endpoints(),
            *PullRequests(self.state, self.syncing, self._extents).endpoints(),
            *Reviews(self.state).endpoints(),
            *Issues(self.state).endpoints(),
            *Checks(self.state).endpoints(),
            *Commits(self.state).endpoints(),
            *Apps(self.state).endpoints(),
        ]

    async def start(self) -> None:
        """Listen. The addresses are known afterwards."""
        app = web.Application(client_max_size=_LARGEST_BODY, middlewares=[explain])
        objects = Objects(self.state, self.syncing, self._extents)
        graphql = GraphQl(objects, self.syncing, self.limits).endpoint()
        app.add_routes([self.front.route(endpoint) for endpoint in self.endpoints()])
        app.add_routes([self.front.route(graphql, GRAPHQL_PREFIX)])
        app.add_routes(
            [
                web.route("*", f"{API}/{{path:.*}}", self.front.unknown),
                *Control(self.state, front=self.front, limits=self.limits, faults=self.faults).routes(),
                *GitOverHttp(self.state, self.syncing, front=self.front, limits=self.limits).routes(),
                *self.device_flows.routes(),
                *Pages(self.state, self.syncing, self._extents).routes(),
            ]
        )
        self.exchanges.open()
        self.state.origin = await self._listener.start(app)

    async def stop(self) -> None:
        """Stop listening and end every job."""
        await self.syncing.stop()
        await self._listener.stop()
        self.exchanges.close()
