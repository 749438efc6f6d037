"""``gitops-bot check``: try every token, right and address that the service needs, and say what to mend."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Protocol

from gitops_bot.errors import GitopsBotError
from gitops_bot.journeys.check_rights import check_rights
from gitops_bot.journeys.ports import Cluster, Eyes
from gitops_bot.models.chat import ChannelFacts, ChatIdentity, ChatPerson
from gitops_bot.models.checks import Check, CheckState, GuardState, RunnerFacts
from gitops_bot.models.kustomizations import ClusterSnapshot
from gitops_bot.models.pull_requests import Repository
from gitops_bot.rules import affected
from gitops_bot.rules.guards import how_to_mend, what_is_wrong

# config/slack-app-manifest.yaml asks for these.
NEEDED_SCOPES = {
    "chat:write": "messages cannot be posted",
    "channels:history": "a message whose post was in doubt cannot be found again",
    "channels:read": "whether the channel is shared with others cannot be seen",
    "users:read": "guests and people of other organisations cannot be told from your own, so nobody may decide",
    "files:write": "long reports cannot be put into the thread",
}


# The service opens this many sockets.
_SOCKETS_OF_A_SERVICE = 2
# Members of the channel that are looked up.
_MOST_NAMED = 20


class CheckedChat(Protocol):
    """What a check wants to know of Slack."""

    async def identity(self) -> ChatIdentity:
        """Who the bot token belongs to, and its scopes."""
        ...

    async def channel_facts(self, channel: str) -> ChannelFacts:
        """What decides whether the bot can write there."""
        ...

    async def members(self, channel: str) -> tuple[str, ...]:
        """Who is in a channel, apps included."""
        ...

    async def person(self, user: str) -> ChatPerson:
        """An account as it is at this moment."""
        ...


async def check_installation(
    eyes: Eyes, chat: CheckedChat | None, *, channel: str, allow_shared_channels: bool, people: Mapping[str, str]
) -> AsyncIterator[Check]:
    """Yield one result after the other, each as soon as it is known. Never raises for what is wrong outside."""
    async for check in _check_runner(eyes):
        yield check
    snapshots = []
    for cluster in eyes.clusters:
        snapshot = None
        try:
            snapshot = await cluster.snapshot()
        except GitopsBotError as error:
            yield _bad(f"cluster {cluster.name}", error)
            continue
        snapshots.append(snapshot)
        async for check in _check_cluster(eyes, cluster, snapshot):
            yield check
    async for check in _check_github(eyes, tuple(snapshots), people):
        yield check
    if chat is not None:
        async for check in _check_slack(chat, channel, people, allow_shared=allow_shared_channels):
            yield check


async def _check_cluster(eyes: Eyes, cluster: Cluster, snapshot: ClusterSnapshot) -> AsyncIterator[Check]:
    name = f"cluster {cluster.name}"
    count = len(snapshot.kustomizations)
    seen = f"{count} Kustomization(s), {len(snapshot.sources)} source(s)"
    yield Check(
        name, CheckState.GOOD if count else CheckState.WARNING, seen, "" if count else "Is Flux installed here?"
    )
    unfollowed = affected.not_reviewable(snapshot, github_url=eyes.github_url, artifacts=eyes.artifacts)
    for reason, kustomizations in unfollowed.items():
        names = ", ".join(str(kustomization.id) for kustomization in kustomizations)
        yield Check(name, CheckState.WARNING, f"{len(kustomizations)} cannot be reviewed: {reason}: {names}")
    try:
        await cluster.diff_credentials()
        guard = await cluster.guard()
    except GitopsBotError as error:
        yield _bad(f"{name}: diff identity", error)
        return
    yield judge_guard(cluster.name, guard)
    async for check in check_rights(eyes, cluster, snapshot):
        yield check


def judge_guard(cluster: str, guard: GuardState) -> Check:
    """Say what is known of the fence around the *diff* identity; accepted is not the same as proved."""
    name = f"cluster {cluster}: guard"
    if guard.proved and guard.unasked_namespaces:
        return Check(
            name,
            CheckState.WARNING,
            "writes of the diff identity are refused; rights that lead past that were not looked for in "
            f"{guard.unasked_namespaces} of the namespaces with Kustomizations: there are too many",
            "Have no RoleBinding give the diff identity anything there that `gitops-bot rbac` does not print.",
        )
    if guard.proved:
        return Check(name, CheckState.GOOD, "writes of the diff identity are refused")
    if guard.accepted:
        return Check(
            name,
            CheckState.WARNING,
            f"nothing keeps flux from writing: {guard.reason}",
            "clusters.accept_unguarded_writes accepts that. Better: Kubernetes 1.30 or later, with config/guard.",
        )
    if guard.ways_around:
        return Check(name, CheckState.BAD, what_is_wrong(guard), how_to_mend(guard))
    return Check(
        name,
        CheckState.BAD,
        what_is_wrong(guard),
        "Apply config/guard to this cluster; nothing is compared before. Where Kubernetes is too old for it, "
        "clusters.accept_unguarded_writes accepts the risk.",
    )


async def _check_runner(eyes: Eyes) -> AsyncIterator[Check]:
    try:
        facts = await eyes.flux.about_runner()
    except GitopsBotError as error:
        yield _bad("runner", error)
        return
    for check in judge_runner(facts):
        yield check


def judge_runner(facts: RunnerFacts) -> list[Check]:
    """Say where the runner is, which flux it has, and what it is not kept from."""
    checks = [Check("runner", CheckState.GOOD, f"{facts.where}, flux {facts.flux_version}")]
    if not facts.own_network:
        checks.append(
            Check(
                "runner: network",
                CheckState.WARNING,
                "it shares its network with the bot: a NetworkPolicy selects Pods, not containers or processes",
                "In a cluster, give it a Pod of its own: config/runner.",
            )
        )
    if not facts.landlock:
        checks.append(
            Check(
                "runner: kernel",
                CheckState.WARNING,
                "without Landlock nothing in the kernel keeps flux from other files and ports",
                "Linux 6.7 or later has all of it, if it is switched on (lsm=landlock,…).",
            )
        )
    return checks


async def _check_github(
    eyes: Eyes, snapshots: tuple[ClusterSnapshot, ...], people: Mapping[str, str]
) -> AsyncIterator[Check]:
    yield await _try("github token", eyes.github.own_login, lambda login: f"belongs to {login}")
    watched = affected.watched_repositories(snapshots, github_url=eyes.github_url, artifacts=eyes.artifacts)
    if snapshots and not watched:
        yield Check(
            "repositories",
            CheckState.WARNING,
            f"no GitRepository of these clusters points to {eyes.github_url}",
            "github.html_url has to be the address that the GitRepository objects use.",
        )
    for repository in sorted(watched):
        yield await _check_repository(eyes, repository, watched[repository])
        for slack_user, login in sorted(people.items()):
            async for check in _check_person(eyes, repository, slack_user, login):
                yield check


async def _check_repository(eyes: Eyes, repository: Repository, branches: frozenset[str]) -> Check:
    name = f"repository {repository}"
    try:
        look = await eyes.github.open_pull_requests(repository)
        own = await eyes.github.permission(repository, await eyes.github.own_login())
        for branch in sorted(branches):
            tip = await eyes.github.branch_tip(repository, branch)
            await eyes.git.fetch(repository, {f"refs/heads/{branch}": tip})
    except GitopsBotError as error:
        return _bad(name, error)
    seen = f"{len(look.pull_requests)} open, branch {', '.join(sorted(branches))} fetched"
    if not own.may_write:
        return Check(
            name,
            CheckState.WARNING,
            f"{seen}; our permission is '{own}'",
            "An approval of ours counts only with write permission.",
        )
    return Check(name, CheckState.GOOD, seen)


async def _check_person(eyes: Eyes, repository: Repository, slack_user: str, login: str) -> AsyncIterator[Check]:
    name = f"people {slack_user}"
    try:
        permission = await eyes.github.permission(repository, login)
    except GitopsBotError as error:
        yield _bad(name, error)
        return
    if not permission.may_write:
        yield Check(
            name,
            CheckState.WARNING,
            f"{login} has the permission '{permission}' in {repository} and cannot approve there",
            "Correct the login under people, or give the right on GitHub.",
        )


async def _check_slack(
    chat: CheckedChat, channel: str, people: Mapping[str, str], *, allow_shared: bool
) -> AsyncIterator[Check]:
    try:
        identity = await chat.identity()
    except GitopsBotError as error:
        yield _bad("slack bot token", error)
        return
    yield Check("slack bot token", CheckState.GOOD, f"belongs to {identity.user} in {identity.team}")
    for scope, loss in NEEDED_SCOPES.items():
        if scope not in identity.scopes:
            yield Check(
                "slack scopes",
                CheckState.BAD,
                f"{scope} is missing: {loss}",
                "Add it under OAuth & Permissions and install the app again; config/slack-app-manifest.yaml has all.",
            )
    try:
        facts = await chat.channel_facts(channel)
    except GitopsBotError as error:
        yield _bad(f"slack channel {channel}", error)
        return
    yield _judge_channel(channel, facts, allow_shared=allow_shared)
    if facts.is_member:
        async for check in _check_people(chat, channel, people):
            yield check


def _judge_channel(channel: str, facts: ChannelFacts, *, allow_shared: bool) -> Check:
    name = f"slack channel {channel}"
    if facts.is_archived:
        return Check(name, CheckState.BAD, f"#{facts.name} is archived", "Set slack.channel to another one.")
    if not facts.is_member:
        return Check(name, CheckState.BAD, f"the bot is not in #{facts.name}", "Invite it: /invite @gitops-bot")
    if facts.is_shared:
        return Check(
            name,
            CheckState.WARNING if allow_shared else CheckState.BAD,
            f"#{facts.name} is shared with another organisation, which would see what runs in your clusters",
            "Set slack.channel to a channel of your own."
            + ("" if allow_shared else " Nothing is written there without slack.allow_shared_channels."),
        )
    return Check(name, CheckState.GOOD, f"#{facts.name}")


def judge_sockets(others: int) -> Check:
    """Say whether another program takes clicks from us: Slack gives each click to any one socket of the app."""
    name = "slack app token"
    if not others:
        return Check(name, CheckState.GOOD, "a socket is open: clicks arrive")
    advice = "Give every environment a Slack app of its own: two bots on one app steal each other's clicks."
    if others > _SOCKETS_OF_A_SERVICE:
        return Check(
            name, CheckState.BAD, f"{others} other sockets of this Slack app are open: not all are ours", advice
        )
    seen = f"a socket is open; {others} more of this Slack app are open elsewhere, as when the service runs"
    return Check(name, CheckState.WARNING, seen, f"If the service does not run now: {advice}")


async def _check_people(chat: CheckedChat, channel: str, people: Mapping[str, str]) -> AsyncIterator[Check]:
    """Say who of the channel may decide, and who cannot because nobody has told us who they are on GitHub."""
    for user, login in sorted(people.items()):
        try:
            person = await chat.person(user)
        except GitopsBotError as error:
            yield _bad(f"people {user} ({login})", error)
            continue
        if person.is_deactivated or person.is_bot or person.is_guest:
            kind = "deactivated" if person.is_deactivated else "an app's" if person.is_bot else "a guest's"
            seen = f"the account is {kind}, so {login} cannot decide"
            yield Check(f"people {user}", CheckState.WARNING, seen, "Remove the line, or correct the id.")
    try:
        unknown = [member for member in await chat.members(channel) if member not in people][:_MOST_NAMED]
        persons = [person for person in [await chat.person(member) for member in unknown] if not person.is_bot]
    except GitopsBotError as error:
        yield _bad("people", error)
        return
    named = ", ".join(person.user for person in persons)
    if not people:
        seen = "nobody is mapped to GitHub, so nobody can approve"
        yield Check(
            "people", CheckState.WARNING, seen, f"Write `SLACK-ID: github-login` under people, for {named or 'each'}."
        )
    elif named:
        yield Check(
            "people",
            CheckState.WARNING,
            f"in the channel, but not mapped to GitHub: {named}",
            "They read, and cannot decide. Add them under people if they should.",
        )
    else:
        yield Check("people", CheckState.GOOD, f"{len(people)} mapped, everybody in the channel among them")


async def _try(subject: str, ask: Callable[[], Awaitable[str]], say: Callable[[str], str]) -> Check:
    try:
        return Check(subject, CheckState.GOOD, say(await ask()))
    except GitopsBotError as error:
        return _bad(subject, error)


def _bad(subject: str, error: GitopsBotError) -> Check:
    return Check(subject, CheckState.BAD, str(error))
