"""The bot's half: open a session with the runner, hand it trees and jobs, wait for its answers."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from gitops_bot import telemetry
from gitops_bot.config import FluxSettings
from gitops_bot.flux import landlock, protocol
from gitops_bot.flux.child_runner import child_runner
from gitops_bot.flux.private_folders import clear_leftovers
from gitops_bot.flux.process import close_memory
from gitops_bot.flux.program import FluxProgram, find_flux
from gitops_bot.flux.remote_runner import RemoteRunner
from gitops_bot.flux.seats import Seats
from gitops_bot.flux.session import Channel, Session
from gitops_bot.models.checks import RunnerFacts
from gitops_bot.models.claims import NOBODY, Claimant
from gitops_bot.models.kustomizations import ClusterCredentials
from gitops_bot.models.tree import Tree
from gitops_bot.rules.fairness import terms_of_runs

log = telemetry.logger(__name__)

# Seconds after which a run has to give way: ten times what an ordinary one takes.
LONG = 10.0
_MOST_SLOW = 1000
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}

# A port that nobody listens on: what asks a cluster all the same is told that there is none.
_NOWHERE = ClusterCredentials(
    server="https://127.0.0.1:9", ca_pem="", token="", expires_at=datetime.max.replace(tzinfo=UTC)
)


class FluxDoor:
    """Opens sessions with the runner: a child process of its own for each, or one that ``flux.runner_url`` names."""

    def __init__(self, settings: FluxSettings) -> None:
        """Start nothing yet."""
        self._settings = settings
        self._seats = Seats(terms_of_runs(settings.concurrency, LONG))
        # Pull requests of which a run took long the last time; the oldest are forgotten.
        self._slow: dict[str, None] = {}
        # Half of them, so that a pull request whose runs last for ever leaves the others as many.
        self._share = (settings.concurrency + 1) // 2
        self._limits = protocol.Limits(
            seconds=settings.deadline, memory_bytes=settings.memory_bytes, output_bytes=settings.output_bytes
        )
        self._remote: RemoteRunner | None = None
        self._flux = FluxProgram("", "")
        # One for all sessions, so that renders of two sessions can be compared; it dies with this process.
        self._redaction_key = secrets.token_bytes(32)

    async def __aenter__(self) -> Self:
        """Find flux, unless it is elsewhere; SettingsError. This process becomes unreadable for others of its user."""
        settings = self._settings
        if settings.runner_url:
            settings.read_runner_secret()
            self._remote = RemoteRunner(
                settings.runner_url.rstrip("/"), settings.read_runner_secret, settings.runner_ca_file
            )
        else:
            self._flux = await find_flux(settings.binary)
            if cleared := await asyncio.to_thread(clear_leftovers):
                log.info("folders of runners that were killed are removed", folders=cleared)
        close_memory()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to close: sessions close themselves."""

    @asynccontextmanager
    async def session(
        self, credentials: ClusterCredentials, trees: Mapping[str, Tree], *, claimant: Claimant = NOBODY
    ) -> AsyncIterator[Session]:
        """Open a cage with these trees, by the names that ``build`` and ``diff`` will use."""
        async with self._channel() as channel:
            session = Session(
                channel,
                seats=self._seats,
                share=self._share,
                limits=self._limits,
                claimant=claimant,
                slow=claimant.pull_request in self._slow,
            )
            try:
                opening = protocol.opening(
                    self._flux.path,
                    credentials,
                    redaction_key=self._redaction_key,
                    concurrency=self._settings.concurrency,
                    limits=self._limits,
                )
                await session.open(opening, trees)
                yield session
            finally:
                self._remember(claimant, session)
                await session.close()

    def _remember(self, claimant: Claimant, session: Session) -> None:
        """What a pull request brings next is like what it brought last, until it is seen to be otherwise."""
        self._slow.pop(claimant.pull_request, None)
        if claimant.pull_request and session.took_long:
            self._slow[claimant.pull_request] = None
        for forgotten in list(self._slow)[:-_MOST_SLOW]:
            del self._slow[forgotten]

    @asynccontextmanager
    async def offline(self, trees: Mapping[str, Tree]) -> AsyncIterator[Session]:
        """Open a cage that knows no cluster: for builds that look nothing up."""
        async with self.session(_NOWHERE, trees) as session:
            yield session

    async def about_runner(self) -> RunnerFacts:
        """Tell where the runner is and what it has; RunnerError when it does not answer."""
        if self._remote is None:
            return RunnerFacts("a child process", self._flux.version, landlock.level(), own_network=False)
        async with self._remote.connect() as channel:
            beside_us = urlsplit(self._remote.url).hostname in _LOOPBACK
            return RunnerFacts(
                self._remote.url,
                str(channel.about.get("flux")),
                int(channel.about.get("landlock") or 0),
                own_network=not beside_us,
            )

    @asynccontextmanager
    async def _channel(self) -> AsyncIterator[Channel]:
        if self._remote is not None:
            async with self._remote.connect() as remote:
                yield remote
        else:
            async with child_runner() as child:
                yield child
