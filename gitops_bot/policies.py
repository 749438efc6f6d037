"""Settings as administrators write them, turned into what the rules decide by."""

import hashlib
import json
from zoneinfo import ZoneInfo

from gitops_bot.config import (
    ArtifactSettings,
    ChoiceSettings,
    FilterSettings,
    GateRuleSettings,
    GateSettings,
    LanguageModelSettings,
    NoiseSettings,
    RiskSettings,
    Settings,
    SlackSettings,
    StatusSettings,
)
from gitops_bot.errors import SettingsError
from gitops_bot.models.gates import GateEffect, GateRule, GateSize, TimeWindow
from gitops_bot.models.opinions import Limits, SpendLimits
from gitops_bot.models.pull_requests import Repository
from gitops_bot.models.reports import Severity
from gitops_bot.models.statuses import StatusState
from gitops_bot.rules.affected import ArtifactOrigin
from gitops_bot.rules.decisions import Action
from gitops_bot.rules.extra_buttons import ButtonTemplate, wrong_template
from gitops_bot.rules.filters import Choice, Drafts, FilterPolicy
from gitops_bot.rules.gate import GatePolicy
from gitops_bot.rules.noise import FieldRule, NoisePolicy
from gitops_bot.rules.opinions import OpinionPolicy
from gitops_bot.rules.publishing import Publish, PublishPolicy
from gitops_bot.rules.risk import RiskPolicy
from gitops_bot.rules.routing import ChannelPolicy, QuietHours, Route
from gitops_bot.rules.statuses import StatusPolicy


def _severity(name: str) -> Severity | None:
    return None if name == "off" else Severity(name)


def artifact_origin(told: ArtifactSettings) -> ArtifactOrigin:
    """Say which folder of which branch an artifact is made of."""
    owner, _, name = told.repository.partition("/")
    repository = Repository(owner, name)
    return ArtifactOrigin(told.kind, told.namespace, told.name, repository, told.branch, told.path, told.cluster or "")


def noise_policy(settings: NoiseSettings) -> NoisePolicy:
    """What is left out of reports."""
    rules = (FieldRule(rule.paths, rule.kind, rule.namespace, rule.name) for rule in settings.fields)
    return NoisePolicy(tuple(rules), settings.kinds, settings.kustomizations, settings.hide_drift_below)


def risk_policy(settings: RiskSettings) -> RiskPolicy:
    """How grave each risk is."""
    told = {code: _severity(name) for code, name in settings.severities.items()}
    return RiskPolicy(told, settings.prune_limit)


def channel_policy(settings: SlackSettings) -> ChannelPolicy:
    """Where messages go, and when."""
    quiet = settings.quiet
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
    hours = QuietHours(quiet.start, quiet.end, quiet.numbered_days, ZoneInfo(quiet.zone), _severity(quiet.unless_risk))
    return ChannelPolicy(settings.channel, tuple(routes), hours, settings.mention, Severity(settings.mention_at))


def filter_policy(settings: FilterSettings) -> FilterPolicy:
    """Which pull requests people hear of."""

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


def publish_policy(settings: Settings) -> PublishPolicy:
    """When a report becomes a comment."""
    repositories = [(rule.repository, Publish(rule.policy)) for rule in settings.publish.repositories]
    public = settings.trust.allow_public_comments
    return PublishPolicy(Publish(settings.publish.policy), tuple(repositories), public)


def status_policy(settings: StatusSettings) -> StatusPolicy:
    """What the status of a commit says."""
    fail_on, incomplete = _severity(settings.fail_on_risk), StatusState(settings.incomplete)
    return StatusPolicy(settings.enabled, settings.context, fail_on, incomplete)


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


def opinion_policy(settings: LanguageModelSettings) -> OpinionPolicy:
    """Whether a language model is asked, and about what."""
    return OpinionPolicy(settings.enabled, settings.repositories)


def gate_policy(settings: GateSettings) -> GatePolicy:
    """Which pull requests may be cleared without a person."""
    return GatePolicy(settings.enabled, tuple(map(_gate_rule, settings.rules)), settings.show_dry_run)


def _gate_rule(told: GateRuleSettings) -> GateRule:
    windows = [TimeWindow(one.numbered_days, one.start, one.end, ZoneInfo(one.zone)) for one in told.times]
    return GateRule(
        name=told.name,
        repositories=told.repositories,
        paths=told.paths,
        kinds=told.kinds,
        authors=told.authors,
        signed_commits=told.signed_commits,
        fields=told.fields,
        labels=told.labels,
        forbidden_labels=told.forbidden_labels,
        windows=tuple(windows),
        most=GateSize(**told.most.model_dump()),
        risk=_severity(told.risk),
        threshold=told.threshold,
        effect=GateEffect(told.effect),
        dry_run=told.dry_run,
    )


def spend_limits(settings: LanguageModelSettings) -> SpendLimits:
    """What a language model may cost."""
    told = settings.limits
    return SpendLimits(*(Limits(**span.model_dump()) for span in (told.pull_request, told.day, told.month)))
