"""All settings together, and how they are read."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

import yaml
from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from gitops_bot.config.language_model import LanguageModelSettings
from gitops_bot.config.outside import (
    ClusterSettings,
    FluxSettings,
    GitHubSettings,
    LogSettings,
    NetworkSettings,
    StoreSettings,
    WebSettings,
)
from gitops_bot.config.telling import (
    ButtonSettings,
    DecisionSettings,
    PublishSettings,
    SlackSettings,
    StatusSettings,
    TrustSettings,
)
from gitops_bot.config.watching import FilterSettings, NoiseSettings, ReviewSettings, RiskSettings, WatchSettings
from gitops_bot.errors import SettingsError


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix="GITOPS_BOT_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    clusters: Annotated[tuple[ClusterSettings, ...], Field(min_length=1)]
    github: GitHubSettings = GitHubSettings()
    watch: WatchSettings = WatchSettings()
    # `gitops-bot diff` works without; `gitops-bot run` does not.
    slack: SlackSettings | None = None
    # Slack user id to GitHub login: who may approve. Empty: no Approve button.
    people: Mapping[str, str] = Field(default_factory=dict)
    # The same as YAML in a file of its own, read again when it has changed; ``people`` wins over it.
    people_file: Path | None = None
    trust: TrustSettings = TrustSettings()
    decisions: DecisionSettings = DecisionSettings()
    # More of them would hide the message on a phone.
    buttons: Annotated[tuple[ButtonSettings, ...], Field(max_length=5)] = ()
    store: StoreSettings = StoreSettings()
    flux: FluxSettings = FluxSettings()
    review: ReviewSettings = ReviewSettings()
    filters: FilterSettings = FilterSettings()
    publish: PublishSettings = PublishSettings()
    status: StatusSettings = StatusSettings()
    risk: RiskSettings = RiskSettings()
    noise: NoiseSettings = NoiseSettings()
    llm: LanguageModelSettings = LanguageModelSettings()
    network: NetworkSettings = NetworkSettings()
    web: WebSettings = WebSettings()
    log: LogSettings = LogSettings()

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [cluster.name for cluster in self.clusters]
        if len(names) != len(set(names)):
            raise ValueError("clusters: every cluster needs a name of its own")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file; no .env, no secrets folder."""
        del settings_cls, dotenv_settings, file_secret_settings
        return env_settings, init_settings

    @property
    def database_url(self) -> str:
        """The SQLAlchemy address of the database."""
        if self.store.url is not None:
            return self.store.url.get_secret_value()
        return f"sqlite+aiosqlite:///{self.store.folder / 'gitops-bot.sqlite'}"

    @property
    def audit_anchors(self) -> Path:
        """The file that digests of decisions are added to."""
        return self.store.audit_anchors or self.store.folder / "audit-anchors.jsonl"


# What a right value looks like, by the name of the setting: shown when one is wrong.
_EXAMPLES = {
    "clusters": "clusters: [{name: production}]",
    "watch.interval": "interval: 30",
    "slack": "slack: {channel: C0123456789, bot_token_file: /etc/gitops-bot/slack-bot-token}",
    "slack.channel": "channel: C0123456789   (the id, from the channel's details in Slack)",
    "flux.runner_url": "runner_url: https://gitops-bot-runner:8443",
    "people": "people: {U0123456789: octocat}",
    "llm.endpoints": "endpoints: [{preset: openai, model: gpt-5-mini, api_key_file: /etc/gitops-bot/openai-key}]",
    "risk.severities": "severities: {removes-limit: critical}",
    "log.level": "level: INFO",
    "log.format": "format: json",
}


def _explain(error: ValidationError) -> str:
    lines = []
    for problem in error.errors(include_url=False, include_input=False):
        name = ".".join(str(part) for part in problem["loc"]) or "settings"
        line = f"{name}: {problem['msg']}"
        generic = ".".join(part for part in name.split(".") if not part.isdigit())
        example = _EXAMPLES.get(generic) or _EXAMPLES.get(generic.split(".", maxsplit=1)[0])
        lines.append(line + (f". For example: {example}" if example else ""))
    return "\n".join(lines)


def _line_of(error: yaml.YAMLError) -> str:
    """Where the fault is. The library's own text quotes the line, and somebody may have put a secret there."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None)
    where = f", line {mark.line + 1}" if mark is not None else ""
    return where + (f": {problem}" if problem else "")


def load_settings(file: Path | None) -> Settings:
    """Read the settings; SettingsError tells every wrong one by name, with an example, and never its value.

    ``file`` defaults to $GITOPS_BOT_SETTINGS, then /etc/gitops-bot/settings.yaml.
    """
    path = file or Path(os.environ.get("GITOPS_BOT_SETTINGS", "/etc/gitops-bot/settings.yaml"))
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(
            f"{path}: {error.strerror}. Name the settings file with --settings; "
            "config/settings.example.yaml is a start."
        ) from error
    except yaml.YAMLError as error:
        raise SettingsError(f"{path} is not valid YAML{_line_of(error)}.") from None
    if not isinstance(content, dict):
        raise SettingsError(f"{path}: expected settings by name, for example 'clusters: [{{name: production}}]'.")
    try:
        return Settings(**content)
    except ValidationError as error:
        raise SettingsError(f"{path}: these settings are wrong:\n{_explain(error)}") from error


def settings_for_diff(file: Path | None, kubeconfig: Path | None, context: str | None) -> Settings:
    """Settings for ``gitops-bot diff``: the settings file, or only a kubeconfig and a token in the environment."""
    if file is not None or "GITOPS_BOT_SETTINGS" in os.environ:
        return load_settings(file)
    found = kubeconfig or Path(os.environ.get("KUBECONFIG") or Path.home() / ".kube" / "config")
    if not found.is_file():
        raise SettingsError(
            f"There is no {found}. Name a kubeconfig with --kubeconfig, or a settings file with --settings."
        )
    token = os.environ.get("GITHUB_TOKEN") or os.environ.get("GH_TOKEN")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gitops-bot" / "diff"
    try:
        return Settings(
            clusters=(ClusterSettings(name="cluster", kubeconfig=found, context=context),),
            github=GitHubSettings(token=SecretStr(token) if token else None),
            store=StoreSettings(folder=cache),
        )
    except ValidationError as error:
        raise SettingsError(f"These settings are wrong:\n{_explain(error)}") from error
