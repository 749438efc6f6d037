"""The whole service in this process, against the stand-ins, with a cluster that cannot be reached.

Everything that a click needs is real: sockets, store, doors, queues. Reports are written into the
store by hand, so a test is about what people press, and not about how a report is made.
"""

import atexit
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from github_world import World as GitHubWorld
from slack_world import running_slack
from waiting import eventually, until

from gitops_bot.config import load_settings
from gitops_bot.github import GitHubDoor
from gitops_bot.journeys.carry_out_click import carry_out_waiting_clicks, receive_click
from gitops_bot.journeys.keys import message_key, work_key
from gitops_bot.journeys.ports import Doors
from gitops_bot.journeys.show_message import shown_message
from gitops_bot.journeys.tell_pull_request import tell_newest_report
from gitops_bot.journeys.withdraw_approval import withdraw_outdated_approvals
from gitops_bot.models.chat import PostedMessage
from gitops_bot.models.pull_requests import PullRequest, Repository
from gitops_bot.models.records import Decision, Progress, PullRequestRecord, StoredReport
from gitops_bot.models.reports import ClusterReport, Finding, Report, Severity, Verdict
from gitops_bot.rules.audit import broken
from gitops_bot.sandbox.slack import SlackStandIn
from gitops_bot.service import open_service
from gitops_bot.store.database import open_store

FLEET = Repository("acme", "fleet")
KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters: [{name: dead, cluster: {server: "http://127.0.0.1:9"}}]
users: [{name: nobody, user: {token: none}}]
contexts: [{name: dead, context: {cluster: dead, user: nobody}}]
current-context: dead
"""
HELD = Finding("held", Severity.WARNING, "The branch lies in mallory/fleet.", "Nothing of it was rendered.")


@dataclass
class ClickWorld:
    """``github`` and ``slack`` are the stand-ins, ``doors`` the bot's own."""

    github: GitHubWorld
    slack: SlackStandIn
    channel: str
    settings: Path
    # Slack user ids by login.
    users: dict[str, str] = field(default_factory=dict)
    doors: Doors = field(init=False)
    _running: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def start(self) -> None:
        """Start the bot, and wait until its sockets are open."""
        # GitHub asks for a second between two writes; the stand-in does not, and a test need not wait for it.
        hurried = partial(GitHubDoor, seconds_between_writes=0)
        with patch("gitops_bot.service.GitHubDoor", hurried):
            service = await self._running.enter_async_context(open_service(load_settings(self.settings)))
        self.doors = service._doors
        await service._slack.start(partial(receive_click, self.doors))
        await until(lambda: service._slack.connected, "the sockets are open")

    async def stop(self) -> None:
        """End the bot in the middle of whatever it does."""
        await self._running.aclose()

    async def restart(self) -> None:
        """End the bot as ``stop`` does, and start it anew over the same database."""
        await self.stop()
        await self.start()

    async def reported(
        self,
        branch: str,
        verdict: Verdict = Verdict.CHANGES,
        findings: tuple[Finding, ...] = (),
        *,
        tell: bool = True,
        **fields: Any,
    ) -> StoredReport:
        """Open a pull request as the author and show a report on it, as if it had just been made."""
        made = await self.github.pull_request(branch, {f"{branch}.yaml": "a: 1\n"}, **fields)
        return await self.report_on(made["number"], verdict, findings, tell=tell)

    async def report_on(
        self, number: int, verdict: Verdict = Verdict.CHANGES, findings: tuple[Finding, ...] = (), *, tell: bool = True
    ) -> StoredReport:
        """Show a report on a pull request as it is now."""
        doors = self.doors
        pull = await doors.github.pull_request(FLEET, number)
        tip = await doors.github.branch_tip(FLEET, pull.base_ref)
        given = findings or ((HELD,) if verdict is Verdict.HELD else ())
        report = Report(pull, tip, (ClusterReport("production", verdict, findings=given),), doors.clock(), "digest")
        stored = StoredReport(secrets.token_urlsafe(12), report)
        work = work_key(doors, pull, tip)
        await doors.store.save_report(stored, work)
        record = PullRequestRecord(pull, tip, Progress.REPORTED, work, stored.report_id, looked_at=doors.clock())
        await doors.store.save_pull_request(record, doors.clock())
        if tell:
            await tell_newest_report(doors, pull.key)
        return stored

    async def looked(self, number: int, verdict: Verdict = Verdict.CHANGES) -> None:
        """Notice what a tick would: a pull request that became something else, and approvals that it has outlived."""
        doors = self.doors
        pull = await doors.github.pull_request(FLEET, number)
        tip = await doors.github.branch_tip(FLEET, pull.base_ref)
        known = await doors.store.pull_request(pull.key)
        assert known is not None
        if pull.state != "open":
            await doors.store.save_pull_request(replace(known, pull_request=pull), doors.clock())
            await tell_newest_report(doors, pull.key)
        elif known.work_key != work_key(doors, pull, tip) or known.pull_request.state != "open":
            await self.report_on(number, verdict)
        await withdraw_outdated_approvals(doors)

    async def message(self, pull: PullRequest) -> PostedMessage:
        """Where the pull request's message stands."""
        posted = await shown_message(self.doors, self.channel, message_key(self.doors, pull.key))
        assert posted is not None
        return posted

    async def press(self, stored: StoredReport, action: str, login: str, **more: Any) -> dict[str, Any]:
        """Press a button below a report and wait for what only that person sees, if anything comes."""
        posted = await self.message(stored.report.pull_request)
        gesture = {
            "user": self.users[login],
            "channel": posted.channel,
            "ts": posted.timestamp,
            "action_id": action,
        } | more
        answer = await self.slack.interactions.click(gesture)
        assert answer["acknowledged"], answer
        return answer

    async def settled(self) -> None:
        """Wait until every click that is stored has an outcome."""

        async def done() -> bool:
            return not await self.doors.store.waiting_clicks() and not self.doors.clicks.busy_keys

        await eventually(done, "every click is carried out")

    async def pressed(self, stored: StoredReport, action: str, login: str, **more: Any) -> None:
        """Press a button and wait until that is carried out."""
        await self.press(stored, action, login, **more)
        await self.settled()

    async def slack_views(self) -> list[dict[str, Any]]:
        """The dialogs that are open."""
        views = self.slack.workspace.views.values()
        return [self.slack.views.json(view) for view in views if not view.closed]

    async def dialog_after(self, stored: StoredReport, action: str, login: str, **more: Any) -> dict[str, Any]:
        """Press, and give the dialog as it is once it says what it has to say."""
        await self.pressed(stored, action, login, **more)
        [view] = await self.slack_views()
        return view

    async def submitted(self, view: dict[str, Any], **values: str) -> None:
        """Submit a dialog, its fields by name, and wait until that is carried out."""
        typed = {name: {name: value} for name, value in values.items()}
        answer = await self.slack.interactions.submit({"view_id": view["id"], "values": typed})
        assert answer["acknowledged"], answer
        await self.settled()

    async def decisions(self, stored: StoredReport) -> tuple[Decision, ...]:
        """What is written down about the pull request."""
        return await self.doors.store.decisions(stored.report.pull_request.key)

    def heard(self, login: str) -> list[str]:
        """What only this person was told, oldest first."""
        user = self.users[login]
        return [
            message.text
            for message in self.slack.workspace.visible(self.channel, user)
            if message.ephemeral_for == user
        ]

    def shown(self, posted: PostedMessage) -> str:
        """Everything that stands in a message, as one text."""
        message = self.slack.workspace.messages[posted.channel][posted.timestamp]
        return str(message.blocks)

    def buttons(self, posted: PostedMessage) -> set[str]:
        """The action ids in a message."""
        message = self.slack.workspace.messages[posted.channel][posted.timestamp]
        return {
            element["action_id"]
            for block in message.blocks or ()
            if block["type"] == "actions"
            for element in block["elements"]
        }

    async def reviews(self, stored: StoredReport) -> list[tuple[str, str]]:
        """State and commit of every review."""
        found = await self.github.get(f"/pulls/{stored.report.pull_request.number}/reviews")
        return [(review["state"], review["commit_id"]) for review in found]

    async def comments(self, stored: StoredReport) -> list[str]:
        """The comments' texts."""
        found = await self.github.get(f"/issues/{stored.report.pull_request.number}/comments")
        return [comment["body"] for comment in found]

    async def tick(self) -> None:
        """Take up waiting clicks, as the service does at every look."""
        await carry_out_waiting_clicks(self.doors)

    async def idle(self, seconds: float = 20.0) -> None:
        """Wait until no click is being carried out; one that has to wait for the next tick is left."""
        await until(lambda: not self.doors.clicks.busy_keys, "no click is being carried out", seconds)

    async def audit_problem(self) -> str:
        """Where the audit trail is broken; "" when it holds."""
        audit = self.doors.store.audit  # type: ignore[attr-defined]  # not in the port: only the command reads it
        return broken(await audit.entries(), await audit.anchors())


@asynccontextmanager
async def click_world(
    folder: Path, more_settings: str = "", *, private: bool = True, github_settings: str = ""
) -> AsyncIterator[ClickWorld]:
    """Give a running service. author, reviewer, admin, stranger are on GitHub and in Slack, and mapped."""
    github = GitHubWorld(folder, private=private)
    await github.start()
    try:
        async with running_slack(folder / "slack") as slack:
            slack.rates.enforced = False
            channel = slack.create_channel("deployments")
            users = {login: slack.create_user(login) for login in ("author", "reviewer", "admin", "stranger", "nobody")}
            settings = folder / "settings.yaml"
            (folder / "kubeconfig").write_text(KUBECONFIG, encoding="utf-8")
            people = "\n".join(f"  {user}: {login}" for login, user in users.items() if login != "nobody")
            settings.write_text(
                f"clusters: [{{name: production, kubeconfig: {folder / 'kubeconfig'}}}]\n"
                f"github: {{api_url: '{github.standin.api_url}', html_url: '{github.standin.html_url}', "
                f"token_file: {_secret(folder, 'github-token', github.tokens['bot'])}, {github_settings}}}\n"
                f"slack: {{api_url: '{slack.api_url}', channel: {channel}, "
                f"bot_token_file: {_secret(folder, 'bot-token', slack.bot_token)}, "
                f"app_token_file: {_secret(folder, 'app-token', slack.app_token)}}}\n"
                f"people:\n{people}\n"
                f"store: {{folder: {folder / 'bot'}}}\nweb: {{port: 0}}\n{more_settings}",
                encoding="utf-8",
            )
            await _empty_database(folder / "bot")
            world = ClickWorld(github, slack, channel, settings, users)
            try:
                await world.start()
                yield world
            finally:
                await world.stop()
    finally:
        await github.stop()


# Made by this process's first world: every migration again would be a tenth of what a world takes.
_MADE: list[Path] = []


async def _empty_database(folder: Path) -> None:
    """Put a database there as the bot's first start leaves it; that it makes one is what tests of the store prove."""
    if not _MADE:
        made = Path(tempfile.mkdtemp(prefix="gitops-bot-database-"))
        atexit.register(shutil.rmtree, made, ignore_errors=True)
        store = await open_store(f"sqlite+aiosqlite:///{made / 'gitops-bot.sqlite'}")
        await store.close()
        _MADE.append(made)
    shutil.copytree(_MADE[0], folder)


def _secret(folder: Path, name: str, value: str) -> Path:
    file = folder / name
    file.write_text(value, encoding="utf-8")
    return file


def at(world: ClickWorld, moment: datetime | None = None) -> None:
    """Let the bot believe that it is another moment; None: the present."""
    object.__setattr__(world.doors, "clock", (lambda: moment) if moment else (lambda: datetime.now(UTC)))


async def choose(world: ClickWorld, stored: StoredReport, action: str, login: str) -> None:
    """Choose an entry of the menu, as it stands in the message, and wait until that is carried out."""
    posted = await world.message(stored.report.pull_request)
    message = world.slack.workspace.messages[posted.channel][posted.timestamp]
    [menu] = [
        element
        for block in message.blocks or ()
        if block["type"] == "actions"
        for element in block["elements"]
        if element["type"] == "overflow"
    ]
    [value] = [option["value"] for option in menu["options"] if option["value"].startswith(f"{action} ")]
    await world.pressed(stored, "more", login, selected_option=value)


__all__ = ["FLEET", "ClickWorld", "at", "choose", "click_world", "replace"]
