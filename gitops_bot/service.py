"""The composition root: builds the doors, hands them to the journeys, starts the ticks, closes everything."""

import asyncio
import ctypes
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, cast
from zoneinfo import ZoneInfo

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from gitops_bot import telemetry
from gitops_bot.cluster import ClusterDoor
from gitops_bot.config import (
    Settings,
)
from gitops_bot.errors import GitopsBotError, SettingsError
from gitops_bot.flux import FluxDoor
from gitops_bot.git import GitDoor
from gitops_bot.github import DeviceFlow, GitHubDoor
from gitops_bot.journeys.carry_out_click import carry_out_waiting_clicks, receive_click
from gitops_bot.journeys.clear_by_gate import clear_what_is_due
from gitops_bot.journeys.follow_merge import follow_merges
from gitops_bot.journeys.gate_agreement import tell_gate_agreement
from gitops_bot.journeys.kept_looks import KeptLooks
from gitops_bot.journeys.kept_statuses import KeptStatuses
from gitops_bot.journeys.one_at_a_time import OneAtATime
from gitops_bot.journeys.patience import Patience
from gitops_bot.journeys.poll_repositories import Looks, poll_repositories
from gitops_bot.journeys.ports import Advice, Doors, Eyes
from gitops_bot.journeys.prove_guards import prove_guards
from gitops_bot.journeys.review_by_model import take_up_opinions
from gitops_bot.journeys.shared_runs import SharedRuns
from gitops_bot.journeys.tell_waiting import tell_waiting
from gitops_bot.journeys.withdraw_approval import withdraw_outdated_approvals
from gitops_bot.models.pull_requests import Repository
from gitops_bot.people import People
from gitops_bot.policies import (
    artifact_origin,
    button_templates,
    channel_policy,
    filter_policy,
    gate_policy,
    noise_policy,
    opinion_policy,
    publish_policy,
    risk_policy,
    settings_digest,
    spend_limits,
    status_policy,
)
from gitops_bot.queue import InProcessQueue
from gitops_bot.rules.decisions import DecisionPolicy
from gitops_bot.rules.guards import how_to_mend, what_is_wrong
from gitops_bot.rules.trust import TrustPolicy
from gitops_bot.slack import SlackDoor
from gitops_bot.store import LinkedAccounts, Store, open_store
from gitops_bot.web.health import serve_health

if TYPE_CHECKING:
    from gitops_bot.llm import LanguageModelDoor

log = telemetry.logger(__name__)

# Name of the keepsake.
_VALIDATORS = "github validators"
# Seconds after which a review leaves its place to the others, and goes on beside them.
_LONG_REVIEW = 30.0
# Threads for reading and comparing: as many as reviews side by side may need, and one waits for no other.
_THREADS = 32
# Most of the time a click waits for GitHub.
_CLICKS_SIDE_BY_SIDE = 8
# People who have a code and type it in at this moment.
_LINKING_SIDE_BY_SIDE = 50
_MODELS_SIDE_BY_SIDE = 2
# Limits of a month have to be counted for so long.
_SPEND_DAYS = 32


def _now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def open_eyes(settings: Settings, *, as_myself: bool = False) -> AsyncIterator[Eyes]:
    """Build what it takes to look at pull requests, and close it afterwards."""
    async with AsyncExitStack() as stack:
        github = await stack.enter_async_context(GitHubDoor(settings.github, settings.network))
        git = GitDoor(
            settings.store.folder / "repositories",
            url_for=partial(_clone_url, settings.github.html_url),
            token=github.git_token,
            network=settings.network,
        )
        flux = await stack.enter_async_context(FluxDoor(settings.flux))
        clusters = [
            await stack.enter_async_context(ClusterDoor(cluster, settings.network, as_myself=as_myself))
            for cluster in settings.clusters
        ]
        yield Eyes(
            github=github,
            git=git,
            clusters=tuple(clusters),
            flux=flux,
            shared=SharedRuns(_now),
            looks=KeptLooks(),
            review=settings.review,
            trust=TrustPolicy(apps=frozenset(settings.trust.apps)),
            noise=noise_policy(settings.noise),
            risk=risk_policy(settings.risk),
            github_url=settings.github.html_url,
            clock=_now,
            artifacts=tuple(map(artifact_origin, settings.watch.artifacts)),
        )


@asynccontextmanager
async def opened_store(settings: Settings) -> AsyncIterator[Store]:
    """Open the database, and close it afterwards."""
    store = await open_store(settings.database_url, audit_anchors=settings.audit_anchors)
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def opened_model(settings: Settings) -> AsyncIterator["LanguageModelDoor"]:
    """Open the way to language models, and close it afterwards."""
    # A fifth of the time that a start takes, which installations without a model need not spend.
    from gitops_bot.llm import LanguageModelDoor  # noqa: PLC0415

    model = LanguageModelDoor(settings.llm, settings.network)
    try:
        yield model
    finally:
        await model.close()


def _clone_url(html_url: str, repository: Repository) -> str:
    return f"{html_url.rstrip('/')}/{repository.owner}/{repository.name}.git"


async def _advice(settings: Settings, store: Store, stack: AsyncExitStack) -> Advice | None:
    """Build what it takes to ask a language model; None where nobody wants that."""
    policy = opinion_policy(settings.llm)
    if not (policy.enabled and policy.repositories and settings.llm.asks_somebody):
        return None
    model = await stack.enter_async_context(opened_model(settings))
    queue = await stack.enter_async_context(InProcessQueue(concurrency=_MODELS_SIDE_BY_SIDE, name="models"))
    if lost := await store.spend.settle_left(_now()):
        log.warning("calls of models were cut off by the last stop: they count as if they had used all", calls=lost)
    return Advice(model, queue, policy, spend_limits(settings.llm), gate_policy(settings.llm.gate))


@asynccontextmanager
async def open_service(settings: Settings) -> AsyncIterator["Service"]:
    """Build everything that the service needs, and close it afterwards, last opened first."""
    if settings.slack is None:
        raise SettingsError("slack is missing. For example: slack: {channel: C0123456789, bot_token_file: /…}")
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(opened_store(settings))
        eyes = await stack.enter_async_context(open_eyes(settings))
        slack = SlackDoor(settings.slack, settings.network)
        stack.push_async_callback(slack.stop)
        reviews = InProcessQueue(concurrency=settings.review.concurrency, long_after=_LONG_REVIEW)
        queue = await stack.enter_async_context(reviews)
        clicks = await stack.enter_async_context(InProcessQueue(concurrency=_CLICKS_SIDE_BY_SIDE, name="clicks"))
        linking = await stack.enter_async_context(InProcessQueue(concurrency=_LINKING_SIDE_BY_SIDE, name="linking"))
        flow = None
        if settings.github.oauth_client_id:
            # Refused at the start, and not when somebody has typed their code in.
            settings.github.read_oauth_key()
            flow = DeviceFlow(
                settings.github.html_url, settings.github.api_url, settings.github.oauth_client_id, settings.network
            )
            stack.push_async_callback(flow.close)
        doors = Doors(
            **{name: getattr(eyes, name) for name in Eyes.__dataclass_fields__},
            chat=slack,
            store=store,
            queue=queue,
            clicks=clicks,
            linking=linking,
            links=LinkedAccounts(store, settings.github.read_oauth_key) if flow is not None else None,
            device_flow=flow,
            advice=await _advice(settings, store, stack),
            patience=Patience(),
            one_at_a_time=OneAtATime(),
            watch=settings.watch,
            people=People(settings.people, settings.people_file),
            buttons=button_templates(settings),
            people_from_saml=settings.decisions.people_from_saml,
            decision_policy=DecisionPolicy(
                publishing=publish_policy(settings),
                **settings.decisions.model_dump(exclude={"people_from_saml"}),
            ),
            statuses=status_policy(settings.status),
            kept_statuses=KeptStatuses(),
            channels=channel_policy(settings.slack),
            filters=filter_policy(settings.filters),
            settings_digest=settings_digest(settings),
        )
        github = cast("GitHubDoor", eyes.github)
        github.import_validators(await store.keepsake(_VALIDATORS))
        yield Service(settings, doors, github=github, git=cast("GitDoor", eyes.git), slack=slack, store=store)


class Service:
    """The ticks, and what they say of themselves."""

    def __init__(
        self, settings: Settings, doors: Doors, *, github: GitHubDoor, git: GitDoor, slack: SlackDoor, store: Store
    ) -> None:
        self._settings = settings
        self._github = github
        self._git = git
        self._kept_validators: dict[str, Any] = {}
        self._doors = doors
        self._slack = slack
        self._store = store
        self._last_poll: datetime | None = None
        self._looks = Looks()
        # Ticks that run at this moment.
        self._ticks: set[asyncio.Task[None]] = set()
        # Whether a guard did not hold when the channel was told last.
        self._guards_failed = False

    def problems(self) -> dict[str, str]:
        """Name what keeps the service from its work; empty when it is ready."""
        found: dict[str, str] = {}
        longest = timedelta(seconds=max(120.0, 4 * self._settings.watch.interval))
        if self._last_poll is None:
            found["poll"] = "no repository has been looked at yet"
        elif _now() - self._last_poll > longest:
            found["poll"] = f"the last look was at {self._last_poll.isoformat()}"
        if self._looks.blind:
            found |= self._looks.failed
        for cluster in self._doors.clusters:
            if failed := cluster.failed_guard:
                found[f"guard of {cluster.name}"] = f"{what_is_wrong(failed)}. {how_to_mend(failed)}"
        if not self._slack.connected:
            found["slack"] = "no open socket: clicks do not arrive"
        if problem := self._slack.channel_problem:
            found["slack channel"] = problem
        return found

    async def poll(self) -> None:
        """One tick: look at the repositories, and take up clicks that had to wait."""
        await carry_out_waiting_clicks(self._doors)
        self._looks = await poll_repositories(self._doors)
        await withdraw_outdated_approvals(self._doors)
        await clear_what_is_due(self._doors)
        await follow_merges(self._doors)
        self._last_poll = _now()
        await self._keep_validators()
        # One that a review found broken is told now, one that was mended is found mended: not in an hour.
        if self._guards_failed or any(cluster.failed_guard for cluster in self._doors.clusters):
            await self.prove_guards()

    async def _keep_validators(self) -> None:
        """Let a restart go on with GitHub's ETags, so that it costs nothing of the rate limit."""
        validators = self._github.export_validators()
        if validators != self._kept_validators:
            await self._store.keep(_VALIDATORS, validators)
            self._kept_validators = validators

    async def prove_guards(self) -> None:
        """Prove anew that writes of the *diff* identity are refused."""
        await prove_guards(self._doors)
        self._guards_failed = any(cluster.failed_guard for cluster in self._doors.clusters)

    async def forget(self) -> None:
        """Delete what is older than the retention."""
        days = self._settings.store.retention_days
        gone = await self._store.forget_before(_now() - timedelta(days=days))
        await self._store.opinions.forget_before(_now() - timedelta(days=days))
        await self._store.replies.forget_before(_now() - timedelta(days=days))
        await self._store.gates.forget_before(_now() - timedelta(days=days))
        await self._store.spend.forget_before(_now() - timedelta(days=max(days, _SPEND_DAYS)))
        log.info("old reports and clicks are deleted", rows=gone)
        # Nothing else bounds the disk: commits that nobody asks for any more go.
        await self._git.tidy()

    async def run(self, stop: asyncio.Event) -> None:
        """Listen and tick until ``stop``."""
        await self._slack.start(partial(receive_click, self._doors))
        log.info("started", clusters=[cluster.name for cluster in self._doors.clusters])
        scheduler = AsyncIOScheduler(timezone=UTC)
        # A late tick is still a tick, and two at once are one (APScheduler's own default gives up after 1 s).
        every = partial(scheduler.add_job, trigger="interval", misfire_grace_time=None, coalesce=True, max_instances=1)
        every(self._survive(self.poll), seconds=self._settings.watch.interval, next_run_time=_now(), id="poll")
        every(self._survive(self.prove_guards), hours=1, next_run_time=_now(), id="prove guards")
        every(self._survive(self.forget), hours=24, next_run_time=_now() + timedelta(minutes=5), id="forget")
        scheduler.add_job(self._survive(self.take_up_opinions), misfire_grace_time=None, id="take up opinions")
        if self._settings.llm.gate.enabled:
            every(self._survive(self.tell_gate_agreement), minutes=30, next_run_time=_now(), id="tell of the gate")
        self._schedule_digest(scheduler)
        scheduler.start()
        try:
            await stop.wait()
        finally:
            scheduler.shutdown(wait=False)
            # Before the doors are closed under them.
            for tick in self._ticks:
                tick.cancel()
            await asyncio.gather(*self._ticks, return_exceptions=True)

    async def take_up_opinions(self) -> None:
        """Once, after the start: what the last stop cut off."""
        await take_up_opinions(self._doors)

    def _schedule_digest(self, scheduler: AsyncIOScheduler) -> None:
        """Tell once a day what waits, where that is wanted."""
        slack = self._settings.slack
        if slack is None or slack.digest_at is None:
            return
        days = ",".join(str(day) for day in range(7) if day not in slack.quiet.numbered_days)
        if days:
            scheduler.add_job(
                self._survive(self.tell_waiting),
                "cron",
                day_of_week=days,
                hour=slack.digest_at.hour,
                minute=slack.digest_at.minute,
                timezone=ZoneInfo(slack.quiet.zone),
                misfire_grace_time=3600,
                id="tell what waits",
            )

    async def tell_gate_agreement(self) -> None:
        """Once a month: how the gate agrees with people."""
        await tell_gate_agreement(self._doors)

    async def tell_waiting(self) -> None:
        """Once a day: list what waits for a decision."""
        await tell_waiting(self._doors)

    def _survive(self, tick: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        """A tick that fails is logged; the next one comes all the same."""
        survived = _survive(tick)

        async def known() -> None:
            running = asyncio.create_task(survived())
            self._ticks.add(running)
            running.add_done_callback(self._ticks.discard)
            # The scheduler's stop cancels this waiting, and would call it a fault of the tick.
            with suppress(asyncio.CancelledError):
                await asyncio.wait([running])

        return known


def _survive(tick: Callable[[], Awaitable[None]]) -> Callable[[], Coroutine[Any, Any, None]]:
    async def survived() -> None:
        try:
            await tick()
        except GitopsBotError as error:
            log.warning("a tick failed", tick=tick.__name__, reason=str(error))
            telemetry.failures.labels(tick.__name__, type(error).__name__).inc()
        except Exception as error:
            log.exception("a tick failed", tick=tick.__name__)
            telemetry.failures.labels(tick.__name__, type(error).__name__).inc()

    return survived


def _share_heaps() -> None:
    """Let all threads share two heaps.

    glibc gives each thread one of its own, up to eight for each core, and a heap that held a large tree once gives
    little of it back.
    """
    # From malloc.h: mallopt(3). Other C libraries have neither the function nor the habit.
    arena_max = -8
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(arena_max, 2)


async def run_service(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT."""
    # A thread that reads something large gives way to the event loop after this time; Python's own is 5 ms.
    sys.setswitchinterval(0.001)
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_THREADS))
    _share_heaps()
    stop = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    async with (
        open_service(settings) as service,
        serve_health(settings.web.host, settings.web.port, service.problems),
    ):
        await service.run(stop)
    log.info("stopped")
