"""The composition root: builds the doors, hands them to the journeys, starts the ticks, closes everything."""

import asyncio
import hashlib
import json
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from gitops_bot import telemetry
from gitops_bot.cluster import ClusterDoor
from gitops_bot.config import (
    ArtifactSettings,
    ChoiceSettings,
    FilterSettings,
    FluxSettings,
    LanguageModelSettings,
    NoiseSettings,
    RiskSettings,
    Settings,
    SlackSettings,
    StatusSettings,
)
from gitops_bot.errors import GitopsBotError, ModelError, SettingsError, StoreError
from gitops_bot.flux import FluxDoor
from gitops_bot.git import GitDoor, LocalClone
from gitops_bot.github import DeviceFlow, GitHubDoor
from gitops_bot.journeys.carry_out_click import carry_out_waiting_clicks, receive_click
from gitops_bot.journeys.check_installation import check_installation, judge_sockets
from gitops_bot.journeys.check_model import check_model
from gitops_bot.journeys.diff_pull_request import diff_pull_request
from gitops_bot.journeys.find_affected import find_affected_in_clone
from gitops_bot.journeys.follow_merge import follow_merges
from gitops_bot.journeys.kept_looks import KeptLooks
from gitops_bot.journeys.one_at_a_time import OneAtATime
from gitops_bot.journeys.patience import Patience
from gitops_bot.journeys.plan_rights import Differences, compare_rights, plan_for
from gitops_bot.journeys.poll_repositories import Looks, poll_repositories
from gitops_bot.journeys.ports import Advice, Doors, Eyes
from gitops_bot.journeys.progress_board import ProgressBoard
from gitops_bot.journeys.prove_guards import prove_guards
from gitops_bot.journeys.review_by_model import opinion_on
from gitops_bot.journeys.shared_runs import SharedRuns
from gitops_bot.journeys.tell_waiting import tell_waiting
from gitops_bot.journeys.withdraw_approval import withdraw_outdated_approvals
from gitops_bot.llm import LanguageModelDoor
from gitops_bot.models.chat import Click
from gitops_bot.models.checks import Check, CheckState
from gitops_bot.models.opinions import Limits, Opinion, SpendLimits
from gitops_bot.models.outcomes import Outcome
from gitops_bot.models.pull_requests import Repository
from gitops_bot.models.records import AuditEntry
from gitops_bot.models.reports import Report, Severity
from gitops_bot.models.statuses import StatusState
from gitops_bot.people import People
from gitops_bot.queue import InProcessQueue
from gitops_bot.rules.affected import AffectedKustomization, ArtifactOrigin
from gitops_bot.rules.decisions import Action, DecisionPolicy
from gitops_bot.rules.extra_buttons import ButtonTemplate, wrong_template
from gitops_bot.rules.filters import Choice, Drafts, FilterPolicy
from gitops_bot.rules.fleet import Fleet
from gitops_bot.rules.fleet_rights import Choices, RightsPlan
from gitops_bot.rules.noise import FieldRule, NoisePolicy
from gitops_bot.rules.opinions import OpinionPolicy, has_something_to_review
from gitops_bot.rules.publishing import Publish, PublishPolicy
from gitops_bot.rules.risk import RiskPolicy
from gitops_bot.rules.routing import ChannelPolicy, QuietHours, Route
from gitops_bot.rules.statuses import StatusPolicy
from gitops_bot.rules.trust import TrustPolicy
from gitops_bot.slack import SlackDoor
from gitops_bot.store import LinkedAccounts, Store, open_store
from gitops_bot.views.prompt import prompt_of, shown_prompt
from gitops_bot.web.health import serve_health

log = telemetry.logger(__name__)

# Name of the keepsake.
_VALIDATORS = "github validators"
# Seconds until our own sockets are certainly open.
_SOCKETS_SETTLE = 5
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
            noise=_noise_policy(settings.noise),
            risk=_risk_policy(settings.risk),
            github_url=settings.github.html_url,
            clock=_now,
            artifacts=tuple(map(_artifact_origin, settings.watch.artifacts)),
        )


def _artifact_origin(told: ArtifactSettings) -> ArtifactOrigin:
    owner, _, name = told.repository.partition("/")
    repository = Repository(owner, name)
    return ArtifactOrigin(told.kind, told.namespace, told.name, repository, told.branch, told.path, told.cluster or "")


def _noise_policy(settings: NoiseSettings) -> NoisePolicy:
    rules = (FieldRule(rule.paths, rule.kind, rule.namespace, rule.name) for rule in settings.fields)
    return NoisePolicy(tuple(rules), settings.kinds, settings.kustomizations, settings.hide_drift_below)


def _risk_policy(settings: RiskSettings) -> RiskPolicy:
    told = {code: None if name == "off" else Severity(name) for code, name in settings.severities.items()}
    return RiskPolicy(told, settings.prune_limit)


def _channel_policy(settings: SlackSettings) -> ChannelPolicy:
    quiet = settings.quiet
    unless = None if quiet.unless_risk == "off" else Severity(quiet.unless_risk)
    routes = [
        Route(
            route.channel,
            route.repositories,
            route.clusters,
            route.kustomizations,
            route.paths,
            route.labels,
            Severity(route.risk) if route.risk else None,
        )
        for route in settings.routes
    ]
    hours = QuietHours(quiet.start, quiet.end, quiet.numbered_days, ZoneInfo(quiet.zone), unless)
    return ChannelPolicy(settings.channel, tuple(routes), hours, settings.mention, Severity(settings.mention_at))


def _filter_policy(settings: FilterSettings) -> FilterPolicy:
    def choice(given: ChoiceSettings) -> Choice:
        return Choice(given.include, given.exclude)

    return FilterPolicy(
        paths=choice(settings.paths),
        labels=choice(settings.labels),
        authors=choice(settings.authors),
        base_branches=choice(settings.base_branches),
        drafts=Drafts(settings.drafts),
    )


def button_templates(settings: Settings) -> tuple[ButtonTemplate, ...]:
    """Read the administrator's own buttons; SettingsError names one that is wrong."""
    templates = []
    for number, one in enumerate(settings.buttons):
        action = Action(one.action) if one.action else None
        template = ButtonTemplate(one.label, action, one.link, one.command, one.when)
        if wrong := wrong_template(template):
            raise SettingsError(f"buttons.{number} ({one.label}): {wrong}.")
        templates.append(template)
    return tuple(templates)


def _publish_policy(settings: Settings) -> PublishPolicy:
    repositories = [(rule.repository, Publish(rule.policy)) for rule in settings.publish.repositories]
    public = settings.trust.allow_public_comments
    return PublishPolicy(Publish(settings.publish.policy), tuple(repositories), public)


def _status_policy(settings: StatusSettings) -> StatusPolicy:
    fail_on = None if settings.fail_on_risk == "off" else Severity(settings.fail_on_risk)
    return StatusPolicy(settings.enabled, settings.context, fail_on, StatusState(settings.incomplete))


def _clone_url(html_url: str, repository: Repository) -> str:
    return f"{html_url.rstrip('/')}/{repository.owner}/{repository.name}.git"


async def diff_once(
    settings: Settings, repository: Repository, number: int, board: ProgressBoard, *, as_myself: bool = False
) -> Report:
    """Look at one pull request and tell nobody: ``gitops-bot diff``."""
    async with open_eyes(settings, as_myself=as_myself) as eyes:
        return await diff_pull_request(eyes, repository, number, board)


async def affected_offline(
    clone_folder: Path, base: str, head: str, *, fleets: Sequence[Fleet], clusters: Sequence[str]
) -> tuple[AffectedKustomization, ...]:
    """List what merging ``head`` into ``base`` would touch, without a cluster: ``gitops-bot affected``."""
    async with LocalClone(clone_folder) as clone, FluxDoor(FluxSettings()) as flux:
        return await find_affected_in_clone(clone, flux, base, head, fleets=fleets, clusters=clusters)


async def read_audit_trail(settings: Settings) -> tuple[tuple[AuditEntry, ...], tuple[str, ...]]:
    """Give all decisions, and the digests that were written down beside them: ``gitops-bot audit``."""
    store = await open_store(settings.database_url, audit_anchors=settings.audit_anchors)
    try:
        return await store.audit.entries(), await store.audit.anchors()
    finally:
        await store.close()


async def plan_rights(
    settings: Settings, names: Collection[str], choices: Choices, *, compare: bool
) -> AsyncIterator[tuple[RightsPlan, Differences | None]]:
    """Plan the rights of the *diff* identity, cluster by cluster: ``gitops-bot rbac``."""
    unknown = sorted(set(names) - {cluster.name for cluster in settings.clusters})
    if unknown:
        known = ", ".join(cluster.name for cluster in settings.clusters)
        raise SettingsError(f"--cluster {unknown[0]}: the settings name no such cluster. They name: {known}.")
    reports = await _shown_reports(settings)
    async with open_eyes(settings) as eyes:
        for cluster in eyes.clusters:
            if not names or cluster.name in names:
                plan = await plan_for(eyes, cluster, reports, choices)
                yield plan, await compare_rights(cluster, plan) if compare else None


async def _shown_reports(settings: Settings) -> tuple[Report, ...]:
    """What the service has found out; nothing where it has not run yet."""
    if settings.store.url is None and not (settings.store.folder / "gitops-bot.sqlite").exists():
        return ()
    store = await open_store(settings.database_url, audit_anchors=settings.audit_anchors)
    try:
        return await store.shown_reports()
    finally:
        await store.close()


async def read_outcomes(settings: Settings) -> tuple[Outcome, ...]:
    """Give what became of every merge that was followed: ``gitops-bot accuracy``."""
    store = await open_store(settings.database_url, audit_anchors=settings.audit_anchors)
    try:
        return await store.outcomes.all()
    finally:
        await store.close()


async def check_settings(settings: Settings) -> AsyncIterator[Check]:
    """Try everything that the settings name: ``gitops-bot check``."""
    async with AsyncExitStack() as stack:
        try:
            store = await open_store(settings.database_url, audit_anchors=settings.audit_anchors)
            stack.push_async_callback(store.close)
            yield Check("store", CheckState.GOOD, "the database can be used")
        except GitopsBotError as error:
            yield Check("store", CheckState.BAD, str(error))
        try:
            eyes = await stack.enter_async_context(open_eyes(settings))
        except GitopsBotError as error:
            yield Check("settings", CheckState.BAD, str(error))
            return
        slack = None
        if settings.slack is not None:
            slack = SlackDoor(settings.slack, settings.network)
            stack.push_async_callback(slack.stop)
        channel = settings.slack.channel if settings.slack else ""
        shared = settings.slack is not None and settings.slack.allow_shared_channels
        people: Mapping[str, str] = {}
        try:
            people = await People(settings.people, settings.people_file).known()
        except SettingsError as error:
            yield Check("people", CheckState.BAD, str(error))
        async for check in check_installation(
            eyes, slack, channel=channel, allow_shared_channels=shared, people=people
        ):
            yield check
        if slack is not None:
            yield await _check_sockets(slack)


async def _check_sockets(slack: SlackDoor) -> Check:
    """Open the sockets that clicks arrive on, as the service does."""

    async def ignore(_click: Click) -> None:
        """Leave a click that arrives during the check to nobody: the person sees Slack's warning and presses again."""
        raise StoreError("this is only a check")

    await slack.start(ignore)
    try:
        async with asyncio.timeout(10):
            while not slack.connected:  # noqa: ASYNC110  (the door tells its state, it has no event for it)
                await asyncio.sleep(0.1)
    except TimeoutError:
        return Check(
            "slack app token",
            CheckState.BAD,
            slack.problem or "no socket could be opened within 10 s",
            "Make an app-level token with connections:write and switch Socket Mode on.",
        )
    with suppress(TimeoutError):
        # Slack tells the number when a socket opens; ours open one after the other.
        async with asyncio.timeout(_SOCKETS_SETTLE):
            while slack.other_sockets:  # noqa: ASYNC110  (the same)
                await asyncio.sleep(0.1)
    return judge_sockets(slack.other_sockets)


def settings_digest(settings: Settings) -> str:
    """Digest of the settings that decide what a report says, not of those that decide how it is made."""
    told = {
        "clusters": [[cluster.name, cluster.default_service_account] for cluster in settings.clusters],
        "people": bool(settings.people or settings.people_file or settings.decisions.people_from_saml),
        "noise": settings.noise.model_dump(),
        "artifacts": [told.model_dump() for told in settings.watch.artifacts],
        "risk": settings.risk.model_dump(),
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _opinion_policy(settings: LanguageModelSettings) -> OpinionPolicy:
    return OpinionPolicy(settings.enabled, settings.repositories, settings.prompt_characters)


def _spend_limits(settings: LanguageModelSettings) -> SpendLimits:
    told = settings.limits
    return SpendLimits(*(Limits(**span.model_dump()) for span in (told.pull_request, told.day, told.month)))


async def _advice(settings: Settings, store: Store, stack: AsyncExitStack) -> Advice | None:
    """Build what it takes to ask a language model; None where nobody wants that."""
    policy = _opinion_policy(settings.llm)
    if not (policy.enabled and policy.repositories and settings.llm.endpoints):
        return None
    model = LanguageModelDoor(settings.llm, settings.network)
    stack.push_async_callback(model.close)
    queue = await stack.enter_async_context(InProcessQueue(concurrency=_MODELS_SIDE_BY_SIDE, name="models"))
    if lost := await store.spend.settle_left(_now()):
        log.warning("calls of models were cut off by the last stop: they count as if they had used all", calls=lost)
    return Advice(model, queue, policy, _spend_limits(settings.llm))


async def prompt_once(settings: Settings, repository: Repository, number: int, board: ProgressBoard) -> str:
    """Give all that a model would be sent about a pull request: ``gitops-bot review --show-prompt``."""
    async with AsyncExitStack() as stack:
        eyes = await stack.enter_async_context(open_eyes(settings))
        model = LanguageModelDoor(settings.llm, settings.network)
        stack.push_async_callback(model.close)
        report = await diff_pull_request(eyes, repository, number, board)
        prompt = prompt_of(report, characters=settings.llm.prompt_characters)
        return shown_prompt(model.instructions(prompt.asking), prompt)


async def opinion_once(settings: Settings, repository: Repository, number: int, board: ProgressBoard) -> Opinion:
    """Let a model review one pull request, within the limits, and tell nobody: ``gitops-bot review``."""
    if not _opinion_policy(settings.llm).allows(repository):
        raise SettingsError(
            f"llm.repositories does not name {repository}, or llm.enabled is off: nothing of it may be sent. "
            "--show-prompt shows what would be."
        )
    async with AsyncExitStack() as stack:
        store = await open_store(settings.database_url, audit_anchors=settings.audit_anchors)
        stack.push_async_callback(store.close)
        eyes = await stack.enter_async_context(open_eyes(settings))
        model = LanguageModelDoor(settings.llm, settings.network)
        stack.push_async_callback(model.close)
        report = await diff_pull_request(eyes, repository, number, board)
        if not has_something_to_review(report):
            raise ModelError(f"There is nothing to review: {repository}#{number} is held, closed, or changes nothing.")
        return await opinion_on(
            report,
            model,
            store.spend,
            limits=_spend_limits(settings.llm),
            characters=settings.llm.prompt_characters,
            clock=_now,
        )


async def check_language_model(settings: Settings) -> AsyncIterator[Check]:
    """Show fixed cases to the model of the settings: ``gitops-bot llm check``. Nothing of a repository is sent."""
    if not settings.llm.enabled:
        raise SettingsError("llm.enabled is off: no call is made.")
    async with AsyncExitStack() as stack:
        store = await open_store(settings.database_url, audit_anchors=settings.audit_anchors)
        stack.push_async_callback(store.close)
        model = LanguageModelDoor(settings.llm, settings.network)
        stack.push_async_callback(model.close)
        limits = _spend_limits(settings.llm)
        async for check in check_model(model, store.spend, limits=limits, language=settings.llm.language, clock=_now):
            yield check


@asynccontextmanager
async def open_service(settings: Settings) -> AsyncIterator["Service"]:
    """Build everything that the service needs, and close it afterwards, last opened first."""
    if settings.slack is None:
        raise SettingsError("slack is missing. For example: slack: {channel: C0123456789, bot_token_file: /…}")
    async with AsyncExitStack() as stack:
        store = await open_store(settings.database_url, audit_anchors=settings.audit_anchors)
        stack.push_async_callback(store.close)
        eyes = await stack.enter_async_context(open_eyes(settings))
        slack = SlackDoor(settings.slack, settings.network)
        stack.push_async_callback(slack.stop)
        queue = await stack.enter_async_context(InProcessQueue(concurrency=settings.review.concurrency))
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
                publishing=_publish_policy(settings),
                **settings.decisions.model_dump(exclude={"people_from_saml"}),
            ),
            statuses=_status_policy(settings.status),
            channels=_channel_policy(settings.slack),
            filters=_filter_policy(settings.filters),
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
            if reason := cluster.guard_problem:
                found[f"guard of {cluster.name}"] = f"apply config/guard: {reason}"
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
        await follow_merges(self._doors)
        self._last_poll = _now()
        await self._keep_validators()
        # One that a review found broken is told now, one that was mended is found mended: not in an hour.
        if self._guards_failed or any(cluster.guard_problem for cluster in self._doors.clusters):
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
        self._guards_failed = any(cluster.guard_problem for cluster in self._doors.clusters)

    async def forget(self) -> None:
        """Delete what is older than the retention."""
        days = self._settings.store.retention_days
        gone = await self._store.forget_before(_now() - timedelta(days=days))
        await self._store.opinions.forget_before(_now() - timedelta(days=days))
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


async def run_service(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT."""
    # A thread that reads something large gives way to the event loop after this time; Python's own is 5 ms.
    sys.setswitchinterval(0.001)
    stop = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    async with (
        open_service(settings) as service,
        serve_health(settings.web.host, settings.web.port, service.problems),
    ):
        await service.run(stop)
    log.info("stopped")
