"""Whom reports are told, where, and what people may decide then."""

from collections.abc import Mapping
from datetime import time
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from gitops_bot.config.section import Patterns, Section, SeverityName, SeverityOrOff, read_secret
from gitops_bot.config.times import DAYS, TimesSettings

_CHANNEL = r"^[CGD][A-Z0-9]{2,}$"


class RouteSettings(Section):
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


class QuietSettings(TimesSettings):
    """When no new message is posted. It comes at the end of the quiet time; messages that stand are edited."""

    # What is told all the same; off: nothing.
    unless_risk: SeverityOrOff = "critical"

    @model_validator(mode="after")
    def _leaves_a_day(self) -> Self:
        if len(set(self.days)) == len(DAYS):
            raise ValueError("every day of the week is quiet: no new message would ever be posted")
        return self


class SlackSettings(Section):
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
        return read_secret("slack.bot_token", self.bot_token, self.bot_token_file)

    def read_app_token(self) -> str:
        """Give the app-level token (xapp-…) for Socket Mode."""
        return read_secret("slack.app_token", self.app_token, self.app_token_file)


class TrustSettings(Section):
    """Whose pull requests are rendered without asking: authors with write permission, and these."""

    # Logins of GitHub Apps, such as renovate[bot]: GitHub's permissions know people only. Branches of the
    # repository itself only, never forks.
    apps: tuple[str, ...] = ()
    # Post reports as comments in public repositories, where everybody reads what runs in the cluster.
    allow_public_comments: bool = False


class ButtonSettings(Section):
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


class DecisionSettings(Section):
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


PublishName = Literal["never", "on_click", "when_complete", "always"]


class PublishRepositorySettings(Section):
    """What is decided for some repositories."""

    # An owner/name pattern; the first one that matches counts.
    repository: str
    policy: PublishName


class PublishSettings(Section):
    """When a report becomes a comment on the pull request. One that is there is kept up to date."""

    policy: PublishName = "on_click"
    repositories: tuple[PublishRepositorySettings, ...] = ()


class StatusSettings(Section):
    """A commit status on GitHub for every open pull request and every commit of a merge queue."""

    # Off: the token needs the right to write commit statuses, and nobody is told on GitHub before people click.
    enabled: bool = False
    # The context is this and the cluster's name: gitops-bot/production. Branch protection names it.
    context: str = Field(default="gitops-bot", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")
    # The lightest risk that makes a complete report fail; off: risks are shown, and people decide.
    fail_on_risk: SeverityOrOff = "off"
    # What a report says that could not look at everything. neutral does not keep anybody from merging.
    incomplete: Literal["failure", "pending", "neutral"] = "failure"
