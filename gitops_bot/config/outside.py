"""What lies outside of this process and is needed: clusters, GitHub, the disk, the network."""

import ssl
from collections.abc import Callable
from functools import cached_property, partial
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator

from gitops_bot.config.section import Section, read_secret
from gitops_bot.errors import SettingsError


class ClusterSettings(Section):
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


class GitHubAppSettings(Section):
    """A GitHub App of our own."""

    # The App's id or client id, from its settings page.
    id: str = Field(pattern=r"^[A-Za-z0-9]+$")
    # Its private key in PEM form; read anew for each proof, so it may be replaced at run time.
    private_key_file: Path

    def read_private_key(self) -> str:
        """Give the private key."""
        return read_secret("github.app.private_key", None, self.private_key_file)


class GitHubSettings(Section):
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
        more = (partial(read_secret, "github.more_token", None, file) for file in self.more_token_files)
        return [self.read_token, *more]

    # A GitHub App's (or OAuth App's) client id with the device flow switched on: people may type /link in Slack,
    # and what they approve there is then a review of their own.
    oauth_client_id: str = ""
    # A file with 32 characters or more: what people's tokens are encrypted with in the database.
    oauth_key_file: Path | None = None

    def read_oauth_key(self) -> str:
        """Give the key of people's tokens, read anew each time."""
        return read_secret("github.oauth_key", None, self.oauth_key_file)

    def read_token(self) -> str:
        """Give the token; SettingsError names what is missing."""
        return read_secret("github.token", self.token, self.token_file)


class StoreSettings(Section):
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


class FluxSettings(Section):
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
        return read_secret("flux.runner_secret", self.runner_secret, self.runner_secret_file)


class NetworkSettings(Section):
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

    @cached_property
    def certificates(self) -> ssl.SSLContext:
        """Trust what the system trusts, and the company's own authority; SettingsError when that cannot be read.

        All clients share it: to read what the system trusts takes some 20 ms.
        """
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


class WebSettings(Section):
    """Health, metrics and pages. Nothing here needs to be reached from outside the cluster."""

    host: str = "127.0.0.1"
    # 0: a free port, which is logged.
    port: int = Field(default=8080, ge=0, le=65535)


class LogSettings(Section):
    """How much is logged, and in which form."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    format: Literal["json", "text"] = "json"
