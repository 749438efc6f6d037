"""Puts a world together: clusters, the stand-ins, a fleet repository, and settings for a bot that looks at it."""

import asyncio
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from gitops_bot.sandbox.bot_settings import CLIENT_ID, Surroundings, bot_settings, model_settings
from gitops_bot.sandbox.cluster import Cluster, write_joint_kubeconfig
from gitops_bot.sandbox.errors import SandboxError
from gitops_bot.sandbox.fleet import sample
from gitops_bot.sandbox.fleet.gaps import find_gaps
from gitops_bot.sandbox.fleet.origin import Fleet, own_branch, own_fleet, own_name, sample_fleet
from gitops_bot.sandbox.fleet.seed import start_sync, unfinished, wait_applied
from gitops_bot.sandbox.github import GitHubStandIn
from gitops_bot.sandbox.identities import apply_identities, core_kubeconfig
from gitops_bot.sandbox.llm import LanguageModelStandIn, plausible
from gitops_bot.sandbox.ports import Ports
from gitops_bot.sandbox.processes import Process, Supervisor
from gitops_bot.sandbox.slack import SlackStandIn
from gitops_bot.sandbox.state import StateFolder
from gitops_bot.sandbox.tools.bring import Toolbox

BOT, AUTHOR, REVIEWER, FLUX = "gitops-bot", "alex", "robin", "flux"
# May read the repository only, so their pull requests come from a fork. Not in Slack.
CONTRIBUTOR = "sasha"
# A dependency bot: an App.
UPDATER = "renovate[bot]"
CHANNEL = "deployments"
# Seconds until the sample has to be applied, and that somebody's own repository is waited for.
_SAMPLE_PATIENCE = 120.0
_OWN_PATIENCE = 25.0
# Seconds without any progress after which Flux will not get further by itself soon.
_QUIET = 4.0
# Seconds that the bot has to end by itself.
_BOT_GRACE = 15.0

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What kind of world it is to be."""

    clusters: int = 1
    # Somebody's own repository; None: the sample.
    source: Path | None = None
    with_bot: bool = False
    # Whether a model is asked about the pull requests of the sample.
    opinions: bool = False


@dataclass(slots=True)
class _Made:
    """What is known once it was made."""

    tokens: dict[str, str] = field(default_factory=dict)
    slack_users: dict[str, str] = field(default_factory=dict)
    channel: str = ""
    repository: str = ""
    # Of the administrator: one context per cluster, named like it, the first being current.
    kubeconfig: Path | None = None
    settings_file: Path | None = None


class World:
    """One sandbox. `start` it on a running event loop, which the stand-ins share."""

    def __init__(self, state: StateFolder, toolbox: Toolbox, wishes: Wishes, say: Say) -> None:
        """Take the folder; SandboxError when another sandbox has it. ``say`` is told what cannot be as in real life."""
        self.supervisor = Supervisor(state.processes)
        state.clear()
        self._state = state
        self._toolbox = toolbox
        self._wishes = wishes
        self._say = say
        self._ports = Ports()
        self._made = _Made()
        self.github = GitHubStandIn(state.part("github"))
        self.slack = SlackStandIn(state.part("slack"))
        self.llm = LanguageModelStandIn(state.part("llm"))
        self.clusters = [
            Cluster(name, state.part("clusters") / name, toolbox, self.supervisor, self._ports)
            for name in _cluster_names(wishes.clusters)
        ]
        self.bot: Process | None = None

    async def start(self) -> None:
        """Start everything; SandboxError tells what does not work and where its log is."""
        await asyncio.gather(self.github.start(), self.slack.start(), self.llm.start())
        self._fill_slack()
        pushing = asyncio.to_thread(self._push_fleet, *self._fill_github())
        starting = asyncio.gather(*(asyncio.to_thread(cluster.start) for cluster in self.clusters))
        fleet, _ = await asyncio.gather(pushing, starting)
        kubeconfigs = await asyncio.gather(
            *(
                asyncio.to_thread(self._fill_cluster, cluster, number, fleet)
                for number, cluster in enumerate(self.clusters)
            )
        )
        self._made.kubeconfig = write_joint_kubeconfig(self._state.folder / "kubeconfig", self.clusters)
        if self._wishes.opinions:
            self.llm.script.model = plausible
        self._made.settings_file = self._write_settings(kubeconfigs)
        if self._wishes.with_bot:
            self.start_bot()

    async def stop(self) -> None:
        """Stop everything, the bot first, so that it finds its world whole while it ends."""
        if self.bot is not None:
            await asyncio.to_thread(self.stop_bot)
        for cluster in self.clusters:
            cluster.stop()
        await asyncio.to_thread(self.supervisor.stop)
        await asyncio.gather(self.llm.stop(), self.slack.stop(), self.github.stop())
        self._ports.release()

    def start_bot(self) -> Process:
        """Start the bot as it is shipped: a program of its own, with a settings file."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GITOPS_BOT_")}
        self.bot = self.supervisor.start(
            "bot",
            [sys.executable, "-m", "gitops_bot", "run", "--settings", str(self.settings_file)],
            environment=environment,
            folder=self._state.part("bot"),
            grace=_BOT_GRACE,
        )
        return self.bot

    def stop_bot(self) -> None:
        """End the bot, giving it time to finish."""
        if self.bot is not None:
            self.supervisor.stop_one(self.bot)
            self.bot = None

    @property
    def logs(self) -> Path:
        """The folder with a log of each program."""
        return self._state.part("processes", "logs")

    @property
    def settings_file(self) -> Path:
        """The bot's settings for this world."""
        if self._made.settings_file is None:
            raise RuntimeError("the world is not started")
        return self._made.settings_file

    def description(self) -> dict[str, Any]:
        """Tell the addresses, tokens and names, in the shape that `gitops-bot sandbox --output json` prints."""
        return {
            "github": {
                "api_url": self.github.api_url,
                "html_url": self.github.html_url,
                "git_url": self.github.git_url,
                "tokens": self._made.tokens,
                "repositories": [self._made.repository],
                "bot_login": BOT,
                "author_login": AUTHOR,
                "reviewer_login": REVIEWER,
            },
            "slack": {
                "api_url": self.slack.api_url,
                "inbox_url": self.slack.inbox_url,
                "bot_token": self.slack.bot_token,
                "app_token": self.slack.app_token,
                "channel": self._made.channel,
                "users": self._made.slack_users,
                "click_url": self.slack.click_url,
            },
            "llm": {"base_url": self.llm.base_url},
            "kubernetes": {"kubeconfig": str(self._made.kubeconfig)},
            "settings_file": str(self.settings_file),
        }

    def _fill_slack(self) -> None:
        self._made.channel = self.slack.create_channel(CHANNEL)
        self._made.slack_users = {login: self.slack.create_user(login) for login in (AUTHOR, REVIEWER)}

    def _fill_github(self) -> tuple[str, str]:
        """Make people and the repository, and give owner and name."""
        self.github.device_flows.clients.add(CLIENT_ID)
        owner, name = (sample.OWNER, sample.NAME) if self._wishes.source is None else own_name(self._wishes.source)
        self._made.repository = f"{owner}/{name}"
        for login in (BOT, AUTHOR, REVIEWER, FLUX, CONTRIBUTOR):
            # Only the bot is to mind the limits; people and Flux set the scene.
            self._made.tokens[login] = self.github.create_user(login, unlimited=login != BOT)
        self._made.tokens[UPDATER] = self.github.create_user(UPDATER, bot=True, unlimited=True)
        branch = "main" if self._wishes.source is None else own_branch(self._wishes.source)
        self.github.create_repository(owner, name, private=True, default_branch=branch)
        for login in (BOT, AUTHOR, REVIEWER, UPDATER):
            self.github.grant(owner, name, login, "write")
        for login in (FLUX, CONTRIBUTOR):
            self.github.grant(owner, name, login, "read")
        return owner, name

    def _push_fleet(self, owner: str, name: str) -> Fleet:
        url = f"{self.github.git_url}/{owner}/{name}.git"
        folder = self._state.part("fleet")
        token = self._made.tokens[AUTHOR]
        if self._wishes.source is None:
            return sample_fleet(folder, url, AUTHOR, token)
        fleet = own_fleet(self._wishes.source, folder, url, AUTHOR, token)
        for gap in find_gaps(fleet.found, url):
            self._say(gap)
        return fleet

    def _fill_cluster(self, cluster: Cluster, number: int, fleet: Fleet) -> Path:
        """Let Flux apply the repository and give the bot's kubeconfig. Runs in a thread."""
        apply_identities(cluster)
        sync = fleet.syncs[number % len(fleet.syncs)]
        credentials = {"username": FLUX, "password": self._made.tokens[FLUX]}
        if fleet.is_sample:
            cluster.api.apply(sample.values_outside_git(cluster.name))
            start_sync(cluster, sync, credentials)
            wait_applied(cluster, sample.KUSTOMIZATIONS, seconds=_SAMPLE_PATIENCE)
            sample.change_by_hand(cluster.api)
        else:
            self._say(f"Cluster {cluster.name} is built from {sync.found_in}.")
            start_sync(cluster, sync, credentials)
            self._follow_own(cluster)
        return core_kubeconfig(cluster)

    def _follow_own(self, cluster: Cluster) -> None:
        """Wait until Flux gets no further and tell what it could not apply: this repository need not be whole here."""
        reasons, since = [""], time.monotonic()

        def has_settled() -> bool:
            nonlocal reasons, since
            now = unfinished(cluster)
            if now != reasons:
                reasons, since = now, time.monotonic()
            return not now or time.monotonic() - since > _QUIET

        with suppress(SandboxError):
            cluster.wait_until(has_settled, seconds=_OWN_PATIENCE, what="Flux has settled")
        for reason in reasons:
            self._say(f"Cluster {cluster.name}, not applied: {reason}")

    def _write_settings(self, kubeconfigs: list[Path]) -> Path:
        files = {cluster.name: kubeconfig for cluster, kubeconfig in zip(self.clusters, kubeconfigs, strict=True)}
        settings = bot_settings(
            Surroundings(
                clusters=files,
                github=self.github,
                github_token=self._made.tokens[BOT],
                slack=self.slack,
                channel=self._made.channel,
                people={user: login for login, user in self._made.slack_users.items()},
                apps=(UPDATER,),
                flux=self._toolbox.path("flux"),
            ),
            self._state,
        )
        if self._wishes.opinions and self._wishes.source is None:
            settings = {**settings, "llm": model_settings(self.llm.base_url, self._made.repository, updater=UPDATER)}
        file = self._state.folder / "settings.yaml"
        file.write_text(yaml.safe_dump(dict(settings), sort_keys=False), encoding="utf-8")
        return file


def _cluster_names(count: int) -> list[str]:
    known = sample.CLUSTERS
    return [known[number] if number < len(known) else f"cluster-{number + 1}" for number in range(count)]
