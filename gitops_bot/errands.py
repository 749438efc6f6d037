"""What the commands do once and then end, beside the service: build the doors, ask, close everything."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from datetime import UTC, date, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

from gitops_bot import telemetry
from gitops_bot.config import (
    FluxSettings,
    Settings,
)
from gitops_bot.errors import GitopsBotError, ModelError, SettingsError, StoreError
from gitops_bot.flux import FluxDoor
from gitops_bot.git import LocalClone
from gitops_bot.journeys.ask_model import ask_model, prompt_for
from gitops_bot.journeys.check_installation import check_installation, judge_sockets
from gitops_bot.journeys.check_model import check_model
from gitops_bot.journeys.diff_pull_request import diff_pull_request
from gitops_bot.journeys.find_affected import find_affected_in_clone
from gitops_bot.journeys.gate_agreement import agreement_of, past_of
from gitops_bot.journeys.plan_rights import Differences, compare_rights, plan_for
from gitops_bot.journeys.progress_board import ProgressBoard
from gitops_bot.models.chat import Click
from gitops_bot.models.checks import Check, CheckState
from gitops_bot.models.opinions import Asking, ModelCheck, Opinion, Reply, Votes
from gitops_bot.models.outcomes import Outcome
from gitops_bot.models.pull_requests import Repository
from gitops_bot.models.records import AuditEntry
from gitops_bot.models.reports import Report
from gitops_bot.people import People
from gitops_bot.policies import gate_policy, opinion_policy, spend_limits
from gitops_bot.rules.affected import AffectedKustomization
from gitops_bot.rules.agreement import Agreement, Month, month_of
from gitops_bot.rules.fleet import Fleet
from gitops_bot.rules.fleet_rights import Choices, RightsPlan
from gitops_bot.rules.gate_setup import gate_checks
from gitops_bot.rules.questions import why_not_asked
from gitops_bot.service import open_eyes, opened_model, opened_store
from gitops_bot.slack import SlackDoor
from gitops_bot.views.opinion_export import KeptOpinion
from gitops_bot.views.prompt import shown_prompt

log = telemetry.logger(__name__)

# Seconds until our own sockets are certainly open.
_SOCKETS_SETTLE = 5
_LONG_AGO = date(2000, 1, 1)


def _now() -> datetime:
    return datetime.now(UTC)


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
    async with opened_store(settings) as store:
        return await store.audit.entries(), await store.audit.anchors()


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
    if not _has_store(settings):
        return ()
    async with opened_store(settings) as store:
        return await store.shown_reports()


def _has_store(settings: Settings) -> bool:
    return settings.store.url is not None or (settings.store.folder / "gitops-bot.sqlite").exists()


async def read_outcomes(settings: Settings) -> tuple[Outcome, ...]:
    """Give what became of every merge that was followed: ``gitops-bot accuracy``."""
    async with opened_store(settings) as store:
        return await store.outcomes.all()


async def read_agreement(settings: Settings, month: str) -> tuple[Month, tuple[Agreement, ...]]:
    """Compare the gate with people for one month (``2026-10``; "": this one): ``gitops-bot gate report``."""
    zone = ZoneInfo(settings.slack.quiet.zone if settings.slack else "UTC")
    try:
        wanted = Month(date.fromisoformat(f"{month}-01"), zone) if month else month_of(_now(), zone)
    except ValueError as error:
        raise SettingsError(f"--month {month}: write it as year and month, for example 2026-10.") from error
    async with opened_store(settings) as store:
        return wanted, await agreement_of(store, wanted)


async def read_opinions(settings: Settings, since: str) -> tuple[KeptOpinion, ...]:
    """Give opinions from a day on (``2026-10-01``; "": all) and what people made of them: ``gitops-bot llm export``."""
    try:
        day = date.fromisoformat(since) if since else _LONG_AGO
    except ValueError as error:
        raise SettingsError(f"--since {since}: write a day as 2026-10-01.") from error
    async with opened_store(settings) as store:
        kept = await store.opinions.since(datetime.combine(day, time(), UTC))
        votes = await store.votes.all()
        pasts = {key: await past_of(store, key) for key in dict.fromkeys(one.pull_request for one in kept)}
    return tuple(
        KeptOpinion(one, votes.get((one.pull_request, one.digest), Votes()), pasts[one.pull_request]) for one in kept
    )


async def kept_opinion(settings: Settings, report: Report) -> Opinion | None:
    """Give what a model said of this very report to the service; None where none was asked, or nothing is kept here."""
    if not opinion_policy(settings.llm).allows(report.pull_request.repository) or not _has_store(settings):
        return None
    async with opened_store(settings) as store:
        return await store.opinions.of(report.pull_request.key, report.digest)


async def check_settings(settings: Settings) -> AsyncIterator[Check]:
    """Try everything that the settings name: ``gitops-bot check``."""
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(opened_store(settings))
            yield Check("store", CheckState.GOOD, "the database can be used")
        except GitopsBotError as error:
            yield Check("store", CheckState.BAD, str(error))
        sends = opinion_policy(settings.llm)
        may_ask = sends.enabled and bool(sends.repositories and settings.llm.asks_somebody)
        for check in gate_checks(gate_policy(settings.llm.gate), may_ask=may_ask):
            yield check
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


async def prompt_once(
    settings: Settings,
    repository: Repository,
    number: int,
    board: ProgressBoard,
    asking: Asking = Asking.REVIEW,
    about: str = "",
) -> str:
    """Give all that a model would be sent about a pull request: ``gitops-bot review --show-prompt``."""
    async with AsyncExitStack() as stack:
        eyes = await stack.enter_async_context(open_eyes(settings))
        model = await stack.enter_async_context(opened_model(settings))
        report = await diff_pull_request(eyes, repository, number, board)
        prompt = await prompt_for(report, asking, model, about=about)
        text = shown_prompt(model.instructions(asking, prompt.repository), prompt)
        allowed = "" if opinion_policy(settings.llm).allows(repository) else _not_allowed(repository)
        why_not = [words for words in (why_not_asked(report, asking, about), allowed) if words]
        return "\n".join([text, *(f"(It would not be sent. {words})" for words in why_not)])


async def ask_once(
    settings: Settings,
    repository: Repository,
    number: int,
    board: ProgressBoard,
    asking: Asking = Asking.REVIEW,
    about: str = "",
) -> Reply:
    """Ask a model about one pull request, within the limits, and tell nobody: ``gitops-bot review``."""
    if not opinion_policy(settings.llm).allows(repository):
        raise SettingsError(f"{_not_allowed(repository)} --show-prompt shows what would be.")
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(opened_store(settings))
        eyes = await stack.enter_async_context(open_eyes(settings))
        model = await stack.enter_async_context(opened_model(settings))
        report = await diff_pull_request(eyes, repository, number, board)
        if words := why_not_asked(report, asking, about):
            raise ModelError(words)
        limits = spend_limits(settings.llm)
        return await ask_model(report, asking, model, store.spend, limits=limits, clock=_now, about=about)


def _not_allowed(repository: Repository) -> str:
    return f"llm.repositories does not name {repository}, or llm.enabled is off: nothing of it may be sent."


async def check_language_model(settings: Settings) -> AsyncIterator[tuple[str, ModelCheck]]:
    """Show fixed cases to every model of the settings: ``gitops-bot llm check``. Nothing of a repository is sent."""
    # The client library is a fifth of the time that other commands take to start.
    from gitops_bot.llm import all_ways  # noqa: PLC0415

    if not settings.llm.enabled:
        raise SettingsError("llm.enabled is off: no call is made.")
    ways = all_ways(settings.llm)
    if not ways:
        raise SettingsError("No language model is set up: llm.endpoints is empty.")
    limits = spend_limits(settings.llm)
    async with opened_store(settings) as store:
        for way in ways:
            async with opened_model(settings.model_copy(update={"llm": way.settings})) as model:
                language, asks = way.settings.language, way.asks
                async for check in check_model(
                    model, store.spend, limits=limits, language=language, clock=_now, asks=asks
                ):
                    yield way.name, check
