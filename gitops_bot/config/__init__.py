"""Settings: one YAML file plus the environment; the only reader of both.

Every field says what it is, its unit, and why its default is what it is; docs/settings.md is
held to this file by a test. A secret is either written in the environment or lies in a file of
its own (``..._file``), never in the settings file itself.
"""

from gitops_bot.config.gate import GateRuleSettings, GateSettings, GateSizeSettings, GateTimeSettings
from gitops_bot.config.language_model import (
    LanguageModelEndpointSettings,
    LanguageModelLimitSettings,
    LanguageModelLimitsSettings,
    LanguageModelOverrideSettings,
    LanguageModelPriceSettings,
    LanguageModelSettings,
)
from gitops_bot.config.outside import (
    ClusterSettings,
    FluxSettings,
    GitHubAppSettings,
    GitHubSettings,
    LogSettings,
    NetworkSettings,
    StoreSettings,
    WebSettings,
)
from gitops_bot.config.section import Patterns, SeverityName
from gitops_bot.config.settings import Settings, load_settings, settings_for_diff
from gitops_bot.config.telling import (
    ButtonSettings,
    DecisionSettings,
    PublishName,
    PublishRepositorySettings,
    PublishSettings,
    QuietSettings,
    RouteSettings,
    SlackSettings,
    StatusSettings,
    TrustSettings,
)
from gitops_bot.config.watching import (
    ArtifactSettings,
    ChoiceSettings,
    FilterSettings,
    IgnoredFieldSettings,
    NoiseSettings,
    ReviewSettings,
    RiskSettings,
    WatchSettings,
)

__all__ = [
    "ArtifactSettings",
    "ButtonSettings",
    "ChoiceSettings",
    "ClusterSettings",
    "DecisionSettings",
    "FilterSettings",
    "FluxSettings",
    "GateRuleSettings",
    "GateSettings",
    "GateSizeSettings",
    "GateTimeSettings",
    "GitHubAppSettings",
    "GitHubSettings",
    "IgnoredFieldSettings",
    "LanguageModelEndpointSettings",
    "LanguageModelLimitSettings",
    "LanguageModelLimitsSettings",
    "LanguageModelOverrideSettings",
    "LanguageModelPriceSettings",
    "LanguageModelSettings",
    "LogSettings",
    "NetworkSettings",
    "NoiseSettings",
    "Patterns",
    "PublishName",
    "PublishRepositorySettings",
    "PublishSettings",
    "QuietSettings",
    "ReviewSettings",
    "RiskSettings",
    "RouteSettings",
    "Settings",
    "SeverityName",
    "SlackSettings",
    "StatusSettings",
    "StoreSettings",
    "TrustSettings",
    "WatchSettings",
    "WebSettings",
    "load_settings",
    "settings_for_diff",
]
