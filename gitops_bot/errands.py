"""What the commands do once and then end, beside the service: build the doors, ask, close everything."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path

from gitops_bot import telemetry
from gitops_bot.config import (
    FluxSettings,
    Settings,
)
from gitops_bot.errors import GitopsBotError, ModelError, SettingsError, StoreError
from gitops_bot.flux import FluxDoor
from gitops_bot.git import LocalClone
from gitops_bot.journeys.check_installation import check_installation, judge_sockets
from gitops_bot.journeys.check_model import check_model
from gitops_bot.journeys.diff_pull_request import diff_pull_request
from gitops_bot.journeys.find_affected import find_affected_in_clone
from gitops_bot.journeys.plan_rights import Differences, compare_rights, plan_for
from gitops_bot.journeys.progress_board import ProgressBoard
from gitops_bot.journeys.review_by_model import opinion_on
from gitops_bot.models.chat import Click
from gitops_bot.models.checks import Check, CheckState
from gitops_bot.models.opinions import Opinion
from gitops_bot.models.outcomes import Outcome
from gitops_bot.models.pull_requests import Repository
from gitops_bot.models.records import AuditEntry
from gitops_bot.models.reports import Report
from gitops_bot.people import People
from gitops_bot.policies import opinion_policy, spend_limits
from gitops_bot.rules.affected import AffectedKustomization
from gitops_bot.rules.fleet import Fleet
from gitops_bot.rules.fleet_rights import Choices, RightsPlan
from gitops_bot.rules.opinions import has_something_to_review
from gitops_bot.service import open_eyes, opened_model, opened_store
from gitops_bot.slack import SlackDoor
from gitops_bot.views.prompt import prompt_of, shown_prompt

log = telemetry.logger(__name__)

# Seconds until our own sockets are certainly open.
_SOCKETS_SETTLE = 5


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
    if settings.store.url is None and not (settings.store.folder / "gitops-bot.sqlite").exists():
        return ()
    async with opened_store(settings) as store:
        return await store.shown_reports()


async def read_outcomes(settings: Settings) -> tuple[Outcome, ...]:
    """Give what became of every merge that was followed: ``gitops-bot accuracy``."""
    async with opened_store(settings) as store:
        return await store.outcomes.all()


async def check_settings(settings: Settings) -> AsyncIterator[Check]:
    """Try everything that the settings name: ``gitops-bot check``."""
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(opened_store(settings))
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


async def prompt_once(settings: Settings, repository: Repository, number: int, board: ProgressBoard) -> str:
    """Give all that a model would be sent about a pull request: ``gitops-bot review --show-prompt``."""
    async with AsyncExitStack() as stack:
        eyes = await stack.enter_async_context(open_eyes(settings))
        model = await stack.enter_async_context(opened_model(settings))
        report = await diff_pull_request(eyes, repository, number, board)
        prompt = prompt_of(report, characters=settings.llm.prompt_characters)
        return shown_prompt(model.instructions(prompt.asking), prompt)


async def opinion_once(settings: Settings, repository: Repository, number: int, board: ProgressBoard) -> Opinion:
    """Let a model review one pull request, within the limits, and tell nobody: ``gitops-bot review``."""
    if not opinion_policy(settings.llm).allows(repository):
        raise SettingsError(
            f"llm.repositories does not name {repository}, or llm.enabled is off: nothing of it may be sent. "
            "--show-prompt shows what would be."
        )
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(opened_store(settings))
        eyes = await stack.enter_async_context(open_eyes(settings))
        model = await stack.enter_async_context(opened_model(settings))
        report = await diff_pull_request(eyes, repository, number, board)
        if not has_something_to_review(report):
            raise ModelError(f"There is nothing to review: {repository}#{number} is held, closed, or changes nothing.")
        return await opinion_on(
            report,
            model,
            store.spend,
            limits=spend_limits(settings.llm),
            characters=settings.llm.prompt_characters,
            clock=_now,
        )


async def check_language_model(settings: Settings) -> AsyncIterator[Check]:
    """Show fixed cases to the model of the settings: ``gitops-bot llm check``. Nothing of a repository is sent."""
    if not settings.llm.enabled:
        raise SettingsError("llm.enabled is off: no call is made.")
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(opened_store(settings))
        model = await stack.enter_async_context(opened_model(settings))
        limits = spend_limits(settings.llm)
        async for check in check_model(model, store.spend, limits=limits, language=settings.llm.language, clock=_now):
            yield check
