"""The tour: pull requests, a comment, a refusal, an approval, a merge, a release; expected beside seen.

Seen is what GitHub's API, Slack's history and the API server say. The bot is not asked, and nothing
of its code is used: a bot that tells something untrue, repeats itself or does nothing fails here.
"""

import asyncio
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gitops_bot.sandbox.fleet.checkout import Checkout, with_credentials
from gitops_bot.sandbox.fleet.sample import BY_HAND, change_by_hand
from gitops_bot.sandbox.kubernetes_api import ApiRefused
from gitops_bot.sandbox.observer import Observer, SeenMessage, until
from gitops_bot.sandbox.tour_opinions import gate_scene, opinion_scene
from gitops_bot.sandbox.tour_rows import Row, line_with, quote
from gitops_bot.sandbox.tour_stories import NEW_NGINX, Story, setting, stories
from gitops_bot.sandbox.world import CONTRIBUTOR

Say = Callable[[str], None]

_DEPLOYMENT = "/apis/apps/v1/namespaces/podinfo/deployments/podinfo"
_CONFIG = "/api/v1/namespaces/podinfo/configmaps/podinfo"
_REFUSED_DEPLOYMENT = "/apis/apps/v1/namespaces/web/deployments/web"
_KUSTOMIZATIONS = "/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/flux-system/kustomizations"
_SOURCE = "/apis/source.toolkit.fluxcd.io/v1/namespaces/flux-system/gitrepositories/flux-system"


@dataclass(slots=True)
class _Opened:
    """The pull requests of one tour, by the name of their story, and the images of podinfo before and after."""

    old: str = ""
    new: str = ""
    numbers: dict[str, int] = field(default_factory=dict)
    heads: dict[str, str] = field(default_factory=dict)


class Tour:
    """Plays in a running sandbox with the sample fleet, whose bot was started. Each tour makes branches of its own."""

    def __init__(self, description: Mapping[str, Any], *, say: Say, patience: float = 90, suffix: str = "") -> None:
        """``patience``: seconds that each thing may take; ``suffix``: for the names of the branches."""
        self._description = description
        self._say = say
        self._patience = patience
        self._suffix = suffix
        self._rows: list[Row] = []
        self._opened = _Opened()

    async def open_pull_requests(self) -> Mapping[str, int]:
        """Wait until the bot is watching, open the pull requests and give their numbers."""
        async with Observer(self._description) as world:
            await self._open(world)
        return self._opened.numbers

    async def play(self) -> Sequence[Row]:
        """Play everything and give one row for each thing that had to be so."""
        self._rows.clear()
        async with Observer(self._description) as world:
            # What Flux still has to do for an earlier tour is not to be taken for a write of the bot's.
            await until(lambda: _flux_rests(world), bool, seconds=self._patience)
            self._say("Somebody changes things by hand in the cluster")
            change_by_hand(world.cluster)
            before = world.cluster.get(_DEPLOYMENT)
            await self._open(world)
            told = await self._tell(world)
            await self._before_clicks(world)
            await self._opinion(world)
            await self._gate(world)
            await self._comment(world, told)
            await self._approve_own(world, told)
            await self._approve(world, told)
            self._nothing_written(world, before)
            await self._merge(world)
            await self._release(world)
            await self._still_one_message(world)
        return tuple(self._rows)

    def _versions(self) -> tuple[str, str]:
        return self._opened.old.rsplit(":", 1)[1], self._opened.new.rsplit(":", 1)[1]

    def _row(self, what: str, expected: str, seen: object, *, held: bool) -> None:
        self._keep(Row(what, expected, str(seen), held))

    def _keep(self, row: Row) -> None:
        self._rows.append(row)
        self._say(f"{'✓' if row.held else '✗'} {row.what}: {row.seen}")

    async def _open(self, world: Observer) -> None:
        self._say("Waiting until the bot looks at the repository …")
        # A bot of an earlier tour may have looked before; and one that has just begun tells of what it finds at
        # first in one message for all.
        before = await world.looks_of_bot()
        await until(world.looks_of_bot, lambda looks: looks > before, seconds=self._patience)
        url = f"{world.github['git_url']}/{world.repository}.git"
        address = with_credentials(url, world.author, world.github["tokens"][world.author])
        with tempfile.TemporaryDirectory(prefix="gitops-bot-tour-") as folder:
            checkout = await asyncio.to_thread(
                Checkout.of_repository, address, Path(folder) / "fleet", address, author=world.author
            )
            told = await asyncio.to_thread(stories, checkout.folder)
            self._opened.old, self._opened.new = told["change"].files["apps/base/podinfo/deployment.yaml"]
            for name, story in told.items():
                await self._open_one(world, checkout, name, story)

    async def _open_one(self, world: Observer, checkout: Checkout, name: str, story: Story) -> None:
        branch = story.branch + self._suffix
        login = CONTRIBUTOR if story.from_fork else story.by or world.author
        fork = login if story.from_fork else ""
        if login != world.author:
            repository = world.repository
            if fork:
                made = await world.call_github("POST", f"/repos/{repository}/forks", login=login, body={})
                repository = made["full_name"]
            url = f"{world.github['git_url']}/{repository}.git"
            address = with_credentials(url, login, world.github["tokens"][login])
            checkout = replace(checkout, url=address, author=login)
        self._opened.heads[name] = await asyncio.to_thread(
            checkout.change_on_branch, branch, "origin/main", story.files, story.title
        )
        self._opened.numbers[name] = await world.open_pull_request(
            branch, story.title, story.body, login=login, fork=fork
        )
        self._say(f"{login} opens #{self._opened.numbers[name]}: {story.title}")

    async def _tell(self, world: Observer) -> SeenMessage | None:
        """Rows about what the messages say; gives the one about the real change."""
        number = self._opened.numbers["change"]
        old, new = self._versions()
        words = ("podinfo", "Deployment", old, new, "ConfigMap", setting(new))
        # The drift may stand in a file that follows the message.
        messages = await self._wait_message(world, number, lambda message: message.says(*words, "drift", BY_HAND))
        self._row(f"#{number}, a real change: messages", "1", len(messages), held=len(messages) == 1)
        told = messages[0] if messages else None
        self._row(
            "  says what changes",
            f"Deployment podinfo, {old} to {new}; ConfigMap, {setting(new)}",
            f"{quote(told, f':{new}')} | {quote(told, setting(new))}",
            held=told is not None and told.says(*words),
        )
        self._row(
            "  counts only that",
            "2 objects",
            quote(told, "2 objects"),
            held=told is not None and told.says("2 objects"),
        )
        self._row(
            "  tells what it found changed by hand",
            f"drift: {BY_HAND}",
            quote(told, BY_HAND),
            held=told is not None and told.says("drift", BY_HAND),
        )
        buttons = sorted(told.buttons) if told else []
        self._row(
            "  has buttons",
            "approve, comment, view",
            ", ".join(buttons),
            held={"approve", "comment", "view"} <= {*buttons},
        )
        await self._tell_refused(world)
        return told

    async def _tell_refused(self, world: Observer) -> None:
        number = self._opened.numbers["refused"]
        reason = _why_refused(world)
        messages = await self._wait_message(world, number, lambda message: message.says(reason))
        message = messages[0] if messages else None
        self._row(f"#{number}, refused by the cluster: messages", "1", len(messages), held=len(messages) == 1)
        self._row(
            "  gives the API server's reason",
            reason,
            quote(message, reason),
            held=bool(message and message.says(reason)),
        )
        offered = message is not None and "approve" in message.buttons
        self._row("  offers no approval", "no approve button", "approve" if offered else "none", held=not offered)

    async def _wait_message(
        self, world: Observer, number: int, is_enough: Callable[[SeenMessage], bool]
    ) -> list[SeenMessage]:
        return await until(
            lambda: world.messages_about(number), lambda seen: any(map(is_enough, seen)), seconds=self._patience
        )

    async def _before_clicks(self, world: Observer) -> None:
        made = [number for number in self._opened.numbers.values() if await _written(world, number)]
        self._row("Before a click: written on GitHub", "nothing", made or "nothing", held=not made)

    async def _opinion(self, world: Observer) -> None:
        number, brought = self._opened.numbers["change"], setting(self._versions()[1])
        for row in await opinion_scene(world, number, brought, patience=self._patience, say=self._say):
            self._keep(row)

    async def _gate(self, world: Observer) -> None:
        for row in await gate_scene(world, self._opened.numbers, patience=self._patience):
            self._keep(row)

    async def _comment(self, world: Observer, told: SeenMessage | None) -> None:
        number = self._opened.numbers["change"]
        if told is not None:
            self._say(f"{world.reviewer} presses Post diff as comment")
            await world.click(told, "comment", world.reviewer)
        comments = await until(lambda: _comments(world, number), bool, seconds=self._patience if told else 0)
        self._row("Click on comment: comments of the bot", "1", len(comments), held=len(comments) == 1)
        body = comments[0]["body"] if comments else ""
        old, new = self._versions()
        has_both = f"podinfo:{old}" in body and f"podinfo:{new}" in body
        self._row("  it has the diff", f"podinfo:{old} to {new}", line_with(body, f"podinfo:{new}"), held=has_both)

    async def _approve_own(self, world: Observer, told: SeenMessage | None) -> None:
        """The same button does not do the same for everybody."""
        heard = ""
        if told is not None:
            self._say(f"{world.author} presses Approve below their own pull request")
            heard = await world.click(told, "approve", world.author, wait_for_answer=self._patience)
        reviews = await _reviews(world, self._opened.numbers["change"])
        self._row(
            "Click on approve by the author: approved",
            "nothing, somebody else has to",
            f"{len(reviews)} reviews; {heard[:80] or 'nothing was said'}",
            held=not reviews and "author" in heard,
        )

    async def _approve(self, world: Observer, told: SeenMessage | None) -> None:
        number, head = self._opened.numbers["change"], self._opened.heads["change"]
        if told is not None:
            self._say(f"{world.reviewer} presses Approve")
            await world.click(told, "approve", world.reviewer)
        reviews = await until(lambda: _reviews(world, number), bool, seconds=self._patience if told else 0)
        approved = [review for review in reviews if review["state"] == "APPROVED"]
        commits = ", ".join(str(review["commit_id"])[:8] for review in approved) or "none"
        held = len(approved) == len(reviews) == 1 and approved[0]["commit_id"] == head
        self._row("Click on approve: approved commit", head[:8], commits, held=held)
        who = (world.reviewer, world.slack["users"][world.reviewer])
        messages = await self._wait_message(
            world, number, lambda message: any(_is_about_approval(message, name) for name in who)
        )
        named = any(_is_about_approval(message, name) for message in messages for name in who)
        self._row("  the message says who did it", world.reviewer, world.reviewer if named else "nobody", held=named)

    async def _release(self, world: Observer) -> None:
        """Nothing of a stranger's commit is looked at before somebody lets it run."""
        number = self._opened.numbers["held"]
        messages = await self._wait_message(world, number, lambda message: message.says("held", CONTRIBUTOR))
        message = messages[0] if messages else None
        said = message is not None and message.says("held", CONTRIBUTOR) and not message.says(f"nginx:{NEW_NGINX}")
        self._row(f"#{number}, from a fork", f"held, in {CONTRIBUTOR}'s fork", quote(message, "held"), held=said)
        offered = sorted(message.buttons) if message else []
        self._row(
            "  has buttons",
            "trust, no approve",
            ", ".join(offered),
            held="trust" in offered and "approve" not in offered,
        )
        if message is not None:
            self._say(f"{world.reviewer} presses Run for this commit")
            await world.click(message, "trust", world.reviewer)
        change = f"nginx:{NEW_NGINX}"
        messages = await self._wait_message(world, number, lambda message: message.says(change))
        seen = messages[0] if messages else None
        self._row("Click on run: says what changes", change, quote(seen, change), held=bool(seen and seen.says(change)))

    def _nothing_written(self, world: Observer, before: Mapping[str, Any] | None) -> None:
        after = world.cluster.get(_DEPLOYMENT)
        versions = [str(item["metadata"]["resourceVersion"]) if item else "gone" for item in (before, after)]
        self._row(
            "Before the merge: podinfo in the cluster",
            f"version {versions[0]}",
            f"version {versions[1]}",
            held=versions[0] == versions[1] != "gone",
        )

    async def _merge(self, world: Observer) -> None:
        """What was foretold comes true: Flux itself applies the merge."""
        number = self._opened.numbers["change"]
        self._say(f"{world.author} merges #{number}, Flux applies it")
        path = f"/repos/{world.repository}/pulls/{number}/merge"
        await world.call_github("PUT", path, login=world.author, body={"sha": self._opened.heads["change"]})
        # What `flux reconcile source git` does.
        asked = {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": f"tour of #{number}"}}}
        world.cluster.patch(_SOURCE, asked, manager="flux")

        async def applied() -> str:
            deployment, config = world.cluster.get(_DEPLOYMENT), world.cluster.get(_CONFIG)
            if deployment is None or config is None:
                return "gone"
            image = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
            return f"{image}, {name}={config['data'].get(name)}"

        name = setting(self._versions()[1])
        expected = f"{self._opened.new}, {name}=tcp://cache:6379"
        seen = await until(applied, lambda found: found == expected, seconds=self._patience)
        self._row("After the merge: podinfo in the cluster", expected, seen, held=seen == expected)

    async def _still_one_message(self, world: Observer) -> None:
        """Count last, when whatever comes too late or twice is there."""
        for name, expected in (
            ("change", 1),
            ("readme", 0),
            ("refused", 1),
            ("held", 1),
            ("harmless", 1),
            ("lying", 1),
        ):
            number = self._opened.numbers[name]
            count = len(await world.messages_about(number))
            self._row(f"At the end: messages about #{number} ({name})", str(expected), count, held=count == expected)
        comments = await _comments(world, self._opened.numbers["change"])
        self._row("At the end: comments of the bot", "1", len(comments), held=len(comments) == 1)
        others = [
            number
            for name, number in self._opened.numbers.items()
            if name != "change" and await _written(world, number)
        ]
        self._row("At the end: written on the others", "nothing", others or "nothing", held=not others)


async def _flux_rests(world: Observer) -> bool:
    """Tell whether every Kustomization has applied what the source offers."""
    source, found = world.cluster.get(_SOURCE), world.cluster.get(_KUSTOMIZATIONS)
    revision = ((source or {}).get("status", {}).get("artifact") or {}).get("revision")
    states = [one.get("status", {}) for one in (found or {}).get("items", ())]
    busy = [one for state in states for one in state.get("conditions", ()) if one["type"] == "Reconciling"]
    return not busy and all(state.get("lastAppliedRevision") == revision for state in states)


def _why_refused(world: Observer) -> str:
    """Ask the API server itself, by a dry run of the same change, and give the heart of its answer."""
    name = {"app.kubernetes.io/name": "website"}
    change = {"spec": {"selector": {"matchLabels": name}, "template": {"metadata": {"labels": name}}}}
    try:
        world.cluster.call(
            "PATCH", _REFUSED_DEPLOYMENT, body=change, media="application/merge-patch+json", dryRun="All"
        )
    except ApiRefused as refused:
        return str(refused).rsplit(": ", 1)[-1]
    return "(the API server accepts it)"


async def _comments(world: Observer, number: int) -> list[Any]:
    found = await world.list_github(f"/issues/{number}/comments")
    return [comment for comment in found if comment["user"]["login"] == world.bot]


async def _reviews(world: Observer, number: int) -> list[Any]:
    found = await world.list_github(f"/pulls/{number}/reviews")
    return [review for review in found if review["user"]["login"] == world.bot]


async def _written(world: Observer, number: int) -> bool:
    return bool(await _comments(world, number) or await _reviews(world, number))


def _is_about_approval(message: SeenMessage, name: str) -> bool:
    return any("approve" in line.casefold() and name in line for line in message.text.splitlines())
