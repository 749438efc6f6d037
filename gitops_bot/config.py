"""Settings: one YAML file plus the environment; the only reader of both.

Every field says what it is, its unit, and why its default is what it is; docs/settings.md is
held to this file by a test. A secret is either written in the environment or lies in a file of
its own (``..._file``), never in the settings file itself.
"""

import os
import ssl
from collections.abc import Callable, Mapping
from datetime import time
from functools import partial
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from gitops_bot.errors import SettingsError
from gitops_bot.models.risks import RISK_CODES


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


def _read_secret(name: str, value: SecretStr | None, file: Path | None) -> str:
    """Give a secret from its file (read anew each time: it may be replaced at run time) or from the settings."""
    if file is not None:
        try:
            text = file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingsError(f"{name}_file: cannot read {file}: {error.strerror}. Name a readable file.") from error
        if not text:
            raise SettingsError(f"{name}_file: {file} is empty. Put the secret into it, on one line.")
        return text
    if value is None or not value.get_secret_value():
        raise SettingsError(
            f"{name} is missing. Set {name}_file to a file that holds it, or set it in the environment."
        )
    return value.get_secret_value()


class ClusterSettings(_Section):
    """One cluster to look at."""

    name: str = Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")
    # None: in the cluster, the mounted ServiceAccount.
    kubeconfig: Path | None = None
    context: str | None = None
    # The ServiceAccount (namespace/name) whose short-lived tokens flux runs with. A dry run needs the
    # right to write, so this identity is fenced in by an admission policy (config/guard).
    diff_service_account: str = Field(default="gitops-bot/gitops-bot-diff", pattern=r"^[^/]+/[^/]+$")
    # What Flux's controllers were started with (--default-service-account): the account of Kustomizations that
    # name none. What it may not do is not compared either. Empty: such Kustomizations have all of Flux's rights.
    default_service_account: str | None = Field(default=None, pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$")
    # Kubernetes before 1.30 has no admission policies: the operator may accept that flux runs unguarded.
    accept_unguarded_writes: bool = False


class GitHubAppSettings(_Section):
    """A GitHub App of our own."""

    # The App's id or client id, from its settings page.
    id: str = Field(pattern=r"^[A-Za-z0-9]+$")
    # Its private key in PEM form; read anew for each proof, so it may be replaced at run time.
    private_key_file: Path

    def read_private_key(self) -> str:
        """Give the private key."""
        return _read_secret("github.app.private_key", None, self.private_key_file)


class GitHubSettings(_Section):
    """Where GitHub is and who we are there: one token, several, or an App."""

    api_url: str = "https://api.github.com"
    html_url: str = "https://github.com"
    # One personal token, classic or fine-grained. Comments, reviews and statuses are this account's.
    token: SecretStr | None = None
    token_file: Path | None = None
    # Tokens of further accounts: reads are spread over all of them before a limit is reached.
    more_token_files: tuple[Path, ...] = ()
    # An App instead of tokens: it has a higher limit, and rights of its own.
    app: GitHubAppSettings | None = None

    @model_validator(mode="after")
    def _one_identity(self) -> Self:
        if self.app is not None and (self.token or self.token_file or self.more_token_files):
            raise ValueError("github: give tokens or an app, not both")
        return self

    def token_readers(self) -> list[Callable[[], str]]:
        """Give what reads each token; the first one writes."""
        more = (partial(_read_secret, "github.more_token", None, file) for file in self.more_token_files)
        return [self.read_token, *more]

    # A GitHub App's (or OAuth App's) client id with the device flow switched on: people may type /link in Slack,
    # and what they approve there is then a review of their own.
    oauth_client_id: str = ""
    # A file with 32 characters or more: what people's tokens are encrypted with in the database.
    oauth_key_file: Path | None = None

    def read_oauth_key(self) -> str:
        """Give the key of people's tokens, read anew each time."""
        return _read_secret("github.oauth_key", None, self.oauth_key_file)

    def read_token(self) -> str:
        """Give the token; SettingsError names what is missing."""
        return _read_secret("github.token", self.token, self.token_file)


class ArtifactSettings(_Section):
    """A source whose contents are made of a folder of a repository, so that pull requests to it can be compared."""

    kind: Literal["OCIRepository", "Bucket", "ExternalArtifact", "GitRepository"]
    namespace: str = Field(min_length=1)
    name: str = Field(min_length=1)
    # owner/name on our GitHub.
    repository: str = Field(pattern=r"^[\w.-]+/[\w.-]+$")
    branch: str = Field(min_length=1)
    # The folder that is packed, as for `flux push artifact --path`; empty: all of the repository.
    path: str = Field(default="", pattern=r"^((\./)?\.?[\w-][\w.-]*(/\.?[\w-][\w.-]*)*/?)?$")
    # One of ``clusters``; None: in every one that has such a source.
    cluster: str | None = None


class WatchSettings(_Section):
    """Which repositories are looked at, and how often."""

    # Seconds between two looks at a repository. A look at an unchanged one costs nothing of the rate limit.
    interval: float = Field(default=30, ge=1, le=3600)
    # owner/name patterns (shell-like); empty: every repository that a GitRepository of the clusters names.
    include: tuple[str, ...] = ()
    # Patterns of repositories to leave out, stronger than ``include``.
    exclude: tuple[str, ...] = ()
    # What fills sources that are no GitRepository, or one that is a mirror of another.
    artifacts: tuple[ArtifactSettings, ...] = ()


Patterns = tuple[str, ...]
SeverityName = Literal["info", "warning", "critical"]
_CHANNEL = r"^[CGD][A-Z0-9]{2,}$"
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class ChoiceSettings(_Section):
    """Shell-like patterns; ``*`` goes over slashes, case counts for nothing."""

    # Empty: everything.
    include: Patterns = ()
    # Stronger than ``include``.
    exclude: Patterns = ()


class FilterSettings(_Section):
    """Which pull requests people hear of. What has a message keeps it; commit statuses are not filtered."""

    # Changed files. Out when none of them is included, or all of them are excluded.
    paths: ChoiceSettings = ChoiceSettings()
    labels: ChoiceSettings = ChoiceSettings()
    # Logins of GitHub, Apps as renovate[bot].
    authors: ChoiceSettings = ChoiceSettings()
    base_branches: ChoiceSettings = ChoiceSettings()
    drafts: Literal["include", "exclude", "only"] = "include"


class RouteSettings(_Section):
    """A channel and what it wants to hear of; all conditions that are given must hold."""

    channel: str = Field(pattern=_CHANNEL)
    # owner/name.
    repositories: Patterns = ()
    clusters: Patterns = ()
    # namespace/name.
    kustomizations: Patterns = ()
    # Folders of the Kustomizations that are touched (spec.path).
    paths: Patterns = ()
    labels: Patterns = ()
    # The lightest risk.
    risk: SeverityName | None = None


class QuietSettings(_Section):
    """When no new message is posted. It comes at the end of the quiet time; messages that stand are edited."""

    # Time of day, such as 22:00; both or none.
    start: time | None = None
    end: time | None = None
    days: tuple[Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"], ...] = ()
    # A name of the time zone database.
    zone: str = "UTC"
    # What is told all the same; off: nothing.
    unless_risk: Literal["off", "info", "warning", "critical"] = "critical"

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.start is None) != (self.end is None):
            raise ValueError("start and end belong together")
        if len(set(self.days)) == len(_DAYS):
            raise ValueError("every day of the week is quiet: no new message would ever be posted")
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"there is no time zone {self.zone!r}") from error
        return self

    @property
    def numbered_days(self) -> frozenset[int]:
        """The days as Python counts them, Monday is 0."""
        return frozenset(_DAYS.index(day) for day in self.days)


class SlackSettings(_Section):
    """The Slack app made from config/slack-app-manifest.yaml."""

    api_url: str = "https://slack.com/api/"
    bot_token: SecretStr | None = None
    bot_token_file: Path | None = None
    app_token: SecretStr | None = None
    app_token_file: Path | None = None
    # The channel's id (C…), not its name: names change.
    channel: str = Field(pattern=_CHANNEL)
    # Further channels, each with what it wants to hear of. What no route wants goes to ``channel``.
    routes: tuple[RouteSettings, ...] = ()
    quiet: QuietSettings = QuietSettings()
    # Time of day, in ``quiet.zone`` and not on ``quiet.days``, for one message with all that waits for a decision.
    digest_at: time | None = None
    # People (U…) and groups (S…) that are mentioned in the message when a risk is grave enough.
    mention: tuple[Annotated[str, Field(pattern=r"^[USW][A-Z0-9]{2,}$")], ...] = ()
    mention_at: SeverityName = "critical"
    # Write to a channel that another organisation shares by Slack Connect: it reads what runs in the cluster.
    allow_shared_channels: bool = False

    def read_bot_token(self) -> str:
        """Give the bot token (xoxb-…)."""
        return _read_secret("slack.bot_token", self.bot_token, self.bot_token_file)

    def read_app_token(self) -> str:
        """Give the app-level token (xapp-…) for Socket Mode."""
        return _read_secret("slack.app_token", self.app_token, self.app_token_file)


class StoreSettings(_Section):
    """What must last, and where."""

    # A folder of our own: the database (unless ``url`` is given) and one bare repository per watched repository.
    folder: Path = Path("/var/lib/gitops-bot")
    # sqlite+aiosqlite:///… or postgresql+psycopg://…; empty: gitops-bot.sqlite in ``folder``.
    url: SecretStr | None = None
    # Where the digest of every decision is written down a second time, so that rows which somebody deletes from
    # the end of the audit trail are missed; None: audit-anchors.jsonl in ``folder``. Another volume is better.
    audit_anchors: Path | None = None
    # Days that reports and clicks are kept.
    retention_days: int = Field(default=90, ge=1)


class TrustSettings(_Section):
    """Whose pull requests are rendered without asking: authors with write permission, and these."""

    # Logins of GitHub Apps, such as renovate[bot]: GitHub's permissions know people only. Branches of the
    # repository itself only, never forks.
    apps: tuple[str, ...] = ()
    # Post reports as comments in public repositories, where everybody reads what runs in the cluster.
    allow_public_comments: bool = False


class ButtonSettings(_Section):
    """A button of your own below every report for which it makes sense."""

    # Fields of the pull request and of the report are filled in, such as {number}: rules/extra_buttons.py has
    # them all. Values are quoted in links, and escaped in what is said.
    label: str = Field(min_length=1, max_length=60)
    # One of ours, at another place or under another name.
    action: Literal["", "comment", "approve", "request_changes", "hold", "release", "merge"] = ""
    # https:// only, with a host that no field can change.
    link: str = ""
    # Said in the thread, for other programs to hear. Who presses needs write permission.
    command: str = Field(default="", max_length=500)
    # Field to patterns (shell-like): shown when for each field one pattern matches.
    when: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)


class DecisionSettings(_Section):
    """What people may decide from the channel, beyond approving what was looked at completely."""

    # Approve although not everything was looked at, or would be accepted: a person takes that on themselves.
    allow_incomplete: bool = False
    # Take an approval back as soon as the head moves; GitHub itself does so only where a rule asks for it.
    withdraw_when_head_moves: bool = True
    # Whether and how pull requests are merged from the channel: never, merge, squash, rebase.
    merge: Literal["never", "merge", "squash", "rebase"] = "never"
    # Who is in none of our lists is looked up by their Slack e-mail in the single sign-on of the repository's
    # organisation. Off: it trusts who runs the Slack workspace with addresses. Needs users:read.email in Slack.
    people_from_saml: bool = False


class FluxSettings(_Section):
    """The flux program and its limits."""

    binary: str = "flux"
    # Seconds for one run; a build that takes longer is killed and reported.
    deadline: float = Field(default=120, gt=0)
    # Runs side by side. Each takes a core and some hundred megabytes at worst.
    concurrency: int = Field(default=4, ge=1, le=64)
    # Bytes of address space for one run, enforced by the kernel. Below 1 GiB flux does not even start.
    memory_bytes: int = Field(default=6 << 30, ge=1 << 30)
    # Bytes that one run may print. What the bot reads takes some ten times as much of its own memory.
    output_bytes: int = Field(default=4 << 20, ge=1 << 20, le=64 << 20)
    # Where the runner is (https://HOST:PORT). None: a child process of this one, which then needs ``binary``.
    runner_url: str | None = Field(default=None, pattern=r"^https://[^/?#@]+/?$")
    # What this process and the runner know each other by; never sent. One a line, the newest first, so that
    # it can be replaced while both run.
    runner_secret: SecretStr | None = None
    runner_secret_file: Path | None = None
    # Authority of the runner's certificate, PEM. None: its certificate is proved by the secret instead.
    runner_ca_file: Path | None = None

    def read_runner_secret(self) -> str:
        """Give the secrets as they stand in the file; SettingsError names what is missing."""
        return _read_secret("flux.runner_secret", self.runner_secret, self.runner_secret_file)


class ReviewSettings(_Section):
    """When to look, and at what."""

    # Seconds after which a report is looked at again although no commit moved: drift, a new CRD, Flux itself.
    refresh_after: float = Field(default=900, ge=10)
    # Seconds for which base diffs are shared by all pull requests.
    share_base_for: float = Field(default=60, ge=0)
    # Hours that a merge is followed until Flux has applied it; 0: not at all.
    follow_merges_for: float = Field(default=24, ge=0, le=24 * 30)
    # Pull requests that are looked at side by side.
    concurrency: int = Field(default=4, ge=1, le=64)


class IgnoredFieldSettings(_Section):
    """Fields that the report leaves out, of the objects that all three patterns (shell-like) fit."""

    # JSON pointers: /metadata/annotations/example.com~1revision, /spec/template/spec/containers/*/image.
    paths: Annotated[tuple[Annotated[str, Field(pattern=r"^(/([^~/]|~[01])*)+$")], ...], Field(min_length=1)]
    kind: str = "*"
    namespace: str = "*"
    name: str = "*"


def _off(value: Any) -> Any:
    """Read YAML's bare ``off``, which is false, as the word that was written."""
    return "off" if value is False else value


class RiskSettings(_Section):
    """What counts as dangerous. docs/risks.md has every code and its default."""

    # Code of a risk to its severity; off: it is not told.
    severities: Mapping[str, Annotated[Literal["info", "warning", "critical", "off"], BeforeValidator(_off)]] = Field(
        default_factory=dict
    )
    # Deletions in one cluster; more than these are a risk of their own.
    prune_limit: int = Field(default=10, ge=0)

    @field_validator("severities")
    @classmethod
    def _codes_are_known(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        strange = sorted(value.keys() - RISK_CODES)
        if strange:
            raise ValueError(f"there is no risk {', '.join(strange)}; known are {', '.join(sorted(RISK_CODES))}")
        return value


class NoiseSettings(_Section):
    """What the report leaves out and counts. Never a finding, and never what is deleted or created anew."""

    fields: tuple[IgnoredFieldSettings, ...] = ()
    # Patterns of kinds, such as Lease.
    kinds: tuple[str, ...] = ()
    # Patterns of namespace/name or cluster/namespace/name of Kustomizations.
    kustomizations: tuple[str, ...] = ()
    # Objects: fewer of one Kustomization that only drifted are left out. 0: all drift is shown.
    hide_drift_below: int = Field(default=0, ge=0)


PublishName = Literal["never", "on_click", "when_complete", "always"]


class PublishRepositorySettings(_Section):
    """What is decided for some repositories."""

    # An owner/name pattern; the first one that matches counts.
    repository: str
    policy: PublishName


class PublishSettings(_Section):
    """When a report becomes a comment on the pull request. One that is there is kept up to date."""

    policy: PublishName = "on_click"
    repositories: tuple[PublishRepositorySettings, ...] = ()


class StatusSettings(_Section):
    """A commit status on GitHub for every open pull request and every commit of a merge queue."""

    # Off: the token needs the right to write commit statuses, and nobody is told on GitHub before people click.
    enabled: bool = False
    # The context is this and the cluster's name: gitops-bot/production. Branch protection names it.
    context: str = Field(default="gitops-bot", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")
    # The lightest risk that makes a complete report fail; off: risks are shown, and people decide.
    fail_on_risk: Annotated[Literal["off", "info", "warning", "critical"], BeforeValidator(_off)] = "off"
    # What a report says that could not look at everything. neutral does not keep anybody from merging.
    incomplete: Literal["failure", "pending", "neutral"] = "failure"


class NetworkSettings(_Section):
    """Proxies and certificates of companies, obeyed alike by every client."""

    proxy: str | None = None
    no_proxy: tuple[str, ...] = ()
    ca_file: Path | None = None

    def proxy_for(self, address: str) -> str | None:
        """Give the proxy for an address, None for a direct way.

        An entry of ``no_proxy`` is a host, a suffix of hosts (with or without a dot before it), an IP
        address, a range of them, or ``*``; a port may follow.
        """
        parts = urlsplit(address)
        port = parts.port or {"http": 80, "ws": 80}.get(parts.scheme, 443)
        if not self.proxy or any(_names_host(entry, parts.hostname or "", port) for entry in self.no_proxy):
            return None
        return self.proxy

    def certificates(self) -> ssl.SSLContext:
        """Trust what the system trusts, and the company's own authority; SettingsError when that cannot be read."""
        context = ssl.create_default_context()
        if self.ca_file is not None:
            try:
                context.load_verify_locations(self.ca_file)
            except (OSError, ssl.SSLError) as error:
                raise SettingsError(
                    f"network.ca_file: {self.ca_file} cannot be read as certificates ({error.strerror or error}). "
                    "Name a file with certificates in PEM form."
                ) from error
        return context


def _names_host(entry: str, host: str, port: int) -> bool:
    """Whether an entry of ``no_proxy`` means this host and port."""
    entry = entry.lower()
    name, colon, wanted = entry.rpartition(":")
    if colon and wanted.isdigit() and ":" not in name:
        if int(wanted) != port:
            return False
        entry = name
    try:
        return ip_address(host) in ip_network(entry, strict=False)
    except ValueError:
        suffix = entry.removeprefix("*").removeprefix(".")
        return entry == "*" or (bool(suffix) and (host == suffix or host.endswith(f".{suffix}")))


# Where providers are. Those of a company's own have no address that we could know.
_MODEL_ADDRESSES = {
    "openai": "https://api.openai.com/v1",
    "openrouter": "https://openrouter.ai/api/v1",
    "ollama": "http://localhost:11434/v1",
    "vllm": "http://localhost:8000/v1",
}


class LanguageModelPriceSettings(_Section):
    """Prices of a million tokens, in whatever currency; limits of money are in the same."""

    input: float = Field(default=0, ge=0)
    output: float = Field(default=0, ge=0)


class LanguageModelEndpointSettings(_Section):
    """One provider that speaks OpenAI's API, and one model there."""

    # In what providers differ: names of parameters and headers, the address where it is the same for everybody.
    preset: Literal["openai", "azure", "openrouter", "vllm", "ollama", "litellm", "other"] = "other"
    # Up to and with /v1. Empty: the preset's.
    base_url: str = Field(default="", pattern=r"^(https?://[^\s]+)?$")
    model: str = Field(min_length=1)
    api_key_file: Path | None = None
    # The name of an environment variable with the key, instead of a file.
    api_key_variable: str = Field(default="", pattern=r"^[A-Za-z_0-9]*$")
    organisation: str = ""
    # Sent with every call. A header that is a secret does not belong here.
    headers: Mapping[str, str] = Field(default_factory=dict)
    # None: the provider's own.
    temperature: float | None = Field(default=None, ge=0, le=2)
    effort: Literal["", "minimal", "low", "medium", "high"] = ""
    prices: LanguageModelPriceSettings = LanguageModelPriceSettings()

    @model_validator(mode="after")
    def _has_an_address(self) -> Self:
        if not self.address:
            raise ValueError(f"the preset {self.preset} needs a base_url, such as https://HOST/v1")
        return self

    @property
    def address(self) -> str:
        """Where calls go."""
        return self.base_url or _MODEL_ADDRESSES.get(self.preset, "")

    def read_api_key(self, *, needed: bool) -> str:
        """Give the key, read anew each time; "" when there is none and none is needed."""
        if self.api_key_file is None and not self.api_key_variable and not needed:
            return ""
        value = os.environ.get(self.api_key_variable, "") if self.api_key_variable else ""
        return _read_secret("llm.endpoints.api_key", SecretStr(value), self.api_key_file)


class LanguageModelLimitSettings(_Section):
    """The most that may be used in one span; None: no limit."""

    calls: int | None = Field(default=None, ge=0)
    tokens: int | None = Field(default=None, ge=0)
    # In the currency of the prices.
    money: float | None = Field(default=None, ge=0)


class LanguageModelLimitsSettings(_Section):
    """Days and months are those of the calendar, UTC."""

    pull_request: LanguageModelLimitSettings = LanguageModelLimitSettings(calls=20, tokens=400_000)
    day: LanguageModelLimitSettings = LanguageModelLimitSettings(calls=500, tokens=5_000_000)
    month: LanguageModelLimitSettings = LanguageModelLimitSettings()


class LanguageModelSettings(_Section):
    """Opinions of a language model. Nothing leaves before a repository is named and an endpoint is set up."""

    # The kill switch.
    enabled: bool = True
    # In order of preference: the next one is asked when one cannot be reached.
    endpoints: Annotated[tuple[LanguageModelEndpointSettings, ...], Field(max_length=5)] = ()
    # owner/name patterns (shell-like) of repositories whose redacted reports may be sent. Empty: none.
    repositories: tuple[str, ...] = ()
    # Of the answers.
    language: str = "English"
    # Seconds for one call, and for everything until there is an opinion.
    timeout: float = Field(default=60, gt=0, le=600)
    deadline: float = Field(default=180, gt=0, le=3600)
    # Tokens of one answer.
    answer_tokens: int = Field(default=4000, ge=100, le=100_000)
    # Characters of the report that are sent; the rest is summarised.
    prompt_characters: int = Field(default=60_000, ge=4_000, le=2_000_000)
    # A folder with prompts of your own: review.txt, audit.txt, diagnose.txt, gate.txt.
    prompts_folder: Path | None = None
    limits: LanguageModelLimitsSettings = LanguageModelLimitsSettings()


class WebSettings(_Section):
    """Health, metrics and pages. Nothing here needs to be reached from outside the cluster."""

    host: str = "127.0.0.1"
    # 0: a free port, which is logged.
    port: int = Field(default=8080, ge=0, le=65535)


class LogSettings(_Section):
    """How much is logged, and in which form."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    format: Literal["json", "text"] = "json"


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
