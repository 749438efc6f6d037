"""What the journeys need of the doors: small Protocols, kept beside their consumers.

Each door implements one or two of these; a journey never imports a door. Every method may
raise the errors of its outside system (see errors.py) and nothing else.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from gitops_bot.config import ReviewSettings, WatchSettings
from gitops_bot.journeys.kept_looks import KeptLooks
from gitops_bot.journeys.kept_statuses import KeptStatuses
from gitops_bot.journeys.one_at_a_time import OneAtATime
from gitops_bot.journeys.patience import Patience
from gitops_bot.journeys.shared_runs import SharedRuns
from gitops_bot.journeys.store_ports import Links, Store
from gitops_bot.models.changes import FluxOutcome
from gitops_bot.models.chat import ChatFile, ChatIdentity, ChatMessage, ChatPerson, PostedMessage
from gitops_bot.models.checks import GuardState, RunnerFacts
from gitops_bot.models.claims import NOBODY, Claimant
from gitops_bot.models.kustomizations import ClusterCredentials, ClusterSnapshot, Kustomization, ObjectReference
from gitops_bot.models.opinions import Asking, Prompt, Purse, Said, SpendLimits
from gitops_bot.models.pull_requests import (
    Comment,
    CommitPeople,
    OpenPullRequests,
    Permission,
    PullRequest,
    Repository,
    Review,
    ReviewRules,
)
from gitops_bot.models.records import DeviceCode, LinkedAccount
from gitops_bot.models.rights import Granted, Right, ServedKind
from gitops_bot.models.statuses import CommitStatus
from gitops_bot.models.tree import Merge, Tree
from gitops_bot.rules.decisions import DecisionPolicy
from gitops_bot.rules.extra_buttons import ButtonTemplate
from gitops_bot.rules.feeds import ArtifactOrigin
from gitops_bot.rules.filters import FilterPolicy
from gitops_bot.rules.gate import GatePolicy
from gitops_bot.rules.noise import NoisePolicy
from gitops_bot.rules.opinions import OpinionPolicy
from gitops_bot.rules.risk import RiskPolicy
from gitops_bot.rules.routing import ChannelPolicy
from gitops_bot.rules.statuses import StatusPolicy
from gitops_bot.rules.trust import TrustPolicy


class GitHub(Protocol):
    """github/: conditional reads by httpx, writes by PyGithub in a thread and never repeated by it."""

    async def open_pull_requests(self, repository: Repository) -> OpenPullRequests:
        """All pages, each by conditional request; one failed page fails the whole look and changes nothing."""
        ...

    async def branch_tip(self, repository: Repository, branch: str) -> str:
        """The commit at the tip of a branch, by conditional request. GitHubRefused when there is no such branch."""
        ...

    async def queued_commits(self, repository: Repository) -> Mapping[str, str]:
        """Branches of GitHub's merge queue and their commits, by conditional request."""
        ...

    async def set_commit_status(self, repository: Repository, commit: str, status: CommitStatus) -> None:
        """Write the status of a commit; writing it again does no harm."""
        ...

    async def pull_request(self, repository: Repository, number: int) -> PullRequest:
        """One pull request, fresh (unconditional): what a decision rests on."""
        ...

    async def permission(self, repository: Repository, login: str) -> Permission:
        """What a person may do at this moment; NONE for somebody GitHub does not know here."""
        ...

    async def own_login(self) -> str:
        """Who we are."""
        ...

    async def find_comment(self, repository: Repository, number: int, marker: str) -> Comment | None:
        """Our own comment that contains ``marker`` (author and marker must both agree); the oldest wins."""
        ...

    async def create_comment(self, repository: Repository, number: int, body: str) -> Comment:
        """Write a comment, once. GitHubUnavailable: it may or may not be there; look with find_comment."""
        ...

    async def edit_comment(self, repository: Repository, comment_id: int, body: str) -> Comment:
        """Replace the text of a comment of ours."""
        ...

    async def login_of_email(self, repository: Repository, email: str) -> str:
        """The login of exactly one person whom the owner's single sign-on knows by this address; "" otherwise."""
        ...

    async def commit_people(self, repository: Repository, number: int) -> CommitPeople:
        """Who wrote and who made the commits of a pull request."""
        ...

    async def review_rules(self, repository: Repository, branch: str) -> ReviewRules:
        """What the rules of a branch ask of reviews, by conditional request."""
        ...

    async def review(self, repository: Repository, number: int, review_id: int) -> Review | None:
        """One review as it is now; None when there is none."""
        ...

    async def find_review(
        self, repository: Repository, number: int, marker: str, state: str, *, account: LinkedAccount | None = None
    ) -> Review | None:
        """Our own (or that account's) review in a state (APPROVED, …) whose body contains ``marker``."""
        ...

    async def changes_requested_by(self, repository: Repository, number: int) -> tuple[str, ...]:
        """Who has asked for changes and not taken that back."""
        ...

    async def request_changes(self, repository: Repository, number: int, commit: str, body: str) -> Review:
        """Ask for changes of exactly this commit, once. GitHubRejected carries GitHub's words."""
        ...

    async def merge(self, repository: Repository, number: int, head: str, method: str) -> str:
        """Merge while ``head`` is the head, once; gives the merge commit. GitHubRejected carries GitHub's words."""
        ...

    async def approve(
        self, repository: Repository, number: int, commit: str, body: str, *, account: LinkedAccount | None = None
    ) -> Review:
        """Approve exactly this commit, once, as ourselves or as that account. GitHubRejected has GitHub's words."""
        ...

    async def dismiss(
        self, repository: Repository, number: int, review_id: int, message: str, *, account: LinkedAccount | None = None
    ) -> None:
        """Withdraw an approval of ours, or of that account."""
        ...

    async def review_decision(self, repository: Repository, number: int) -> str:
        """GraphQL's ``reviewDecision``: APPROVED, REVIEW_REQUIRED, CHANGES_REQUESTED; "" when no rule asks for one."""
        ...


class Git(Protocol):
    """git/: one bare repository per watched repository; no work tree, hooks, filters, submodules or LFS."""

    async def fetch(self, repository: Repository, commits: Mapping[str, str]) -> None:
        """Bring refs and check what they are: ``{"refs/heads/main": sha, "refs/pull/7/head": sha}``.

        Commits that are there already cost no request. GitError when a ref is gone or shows
        another commit than asked for (it moved on: the next tick will see it).
        """
        ...

    async def merge(self, repository: Repository, base: str, head: str) -> Merge:
        """Merge two commits as git itself would, without a work tree."""
        ...

    async def tree(self, repository: Repository, treeish: str) -> Tree:
        """All regular files of a commit or tree, within limits; TreeTooLarge names what is too large."""
        ...

    async def is_ancestor(self, repository: Repository, ancestor: str, descendant: str) -> bool:
        """Whether a commit is in the history of another one."""
        ...

    async def changed_paths(self, repository: Repository, old: str, new: str) -> frozenset[str]:
        """Paths that differ between two commits or trees, both names of a rename included."""
        ...


class Cluster(Protocol):
    """cluster/: reads one cluster with the *core* identity."""

    @property
    def name(self) -> str:
        """The name in the settings: part of every key."""
        ...

    async def snapshot(self) -> ClusterSnapshot:
        """All Kustomizations and sources as they are now (lists, paged)."""
        ...

    async def diff_credentials(self) -> ClusterCredentials:
        """A token of the *diff* ServiceAccount (TokenRequest, ten minutes), shared while fresh enough."""
        ...

    async def served_kinds(self) -> Mapping[tuple[str, str], ServedKind]:
        """Every kind of the cluster, by (group, kind), as of a minute ago at most."""
        ...

    async def diff_lacks(self, rights: Iterable[Right]) -> frozenset[Right]:
        """Those of these rights that the *diff* identity does not have, as of a minute ago at most."""
        ...

    async def user_lacks(self, user: str, rights: Iterable[Right]) -> frozenset[Right]:
        """The same for a user or ServiceAccount (``system:serviceaccount:NAMESPACE:NAME``)."""
        ...

    async def diff_granted(self, namespace: str) -> Granted:
        """The rules of the *diff* identity in a namespace, those for the whole cluster included."""
        ...

    @property
    def diff_service_account(self) -> str:
        """``namespace/name`` of the *diff* identity."""
        ...

    @property
    def diff_name(self) -> str:
        """Who flux runs as, in words: the *diff* identity, or the person who asked."""
        ...

    @property
    def default_service_account(self) -> str:
        """The account that Flux uses where a Kustomization names none; "" when that is its own."""
        ...

    @property
    def missing_kinds(self) -> frozenset[str]:
        """Kinds of Flux that the cluster did not know at the last snapshot: ``Bucket (buckets.source.…)``."""
        ...

    async def guard_is_proved(self) -> bool:
        """Whether flux may run: a real write of the *diff* identity is refused, or the operator accepts it."""
        ...

    async def guard(self) -> GuardState:
        """What is known of the guard, as of a minute ago at most; one that does not hold is tried anew."""
        ...

    @property
    def failed_guard(self) -> GuardState | None:
        """Why flux did not run at the last proof; None when it may, and before the first proof."""
        ...


# Objects as they are in the cluster, and those that were looked for and are not there.
LiveObjects = tuple[Mapping[ObjectReference, Mapping[str, Any]], frozenset[ObjectReference]]


class FluxSession(Protocol):
    """Some trees, ready for any number of runs of flux in its cage. Runs may go side by side."""

    async def build(self, kustomization: Kustomization, tree: str) -> FluxOutcome:
        """Render (``flux build kustomization``): ``text`` is YAML documents, redacted with keyed placeholders."""
        ...

    async def diff(
        self, kustomization: Kustomization, tree: str, *, left_out: Collection[tuple[str, str]] = ()
    ) -> FluxOutcome:
        """Compare with the live cluster (``flux diff kustomization``): ``text`` is dyff's, redacted.

        ``left_out``: (group, kind) of objects that flux is told to skip.
        """
        ...

    async def live_objects(self, kustomization: Kustomization, wanted: Mapping[ObjectReference, str]) -> LiveObjects:
        """Read objects (reference to apiVersion) with their managedFields, redacted.

        Gives those that are there, and those that are not; what could not be read is in neither.
        """
        ...


class Flux(Protocol):
    """flux/: hands work to the runner, the second program."""

    def session(
        self, credentials: ClusterCredentials, trees: Mapping[str, Tree], *, claimant: Claimant = NOBODY
    ) -> AbstractAsyncContextManager[FluxSession]:
        """Open a cage with these trees, by the names that ``build`` and ``diff`` will use.

        Runs are shared fairly among claimants; those that take long have half of the places at most.
        """
        ...

    async def about_runner(self) -> RunnerFacts:
        """Where the runner is and what it has; RunnerError when it does not answer."""
        ...


class Chat(Protocol):
    """slack/: post, update, look up; nothing is re-posted by the client itself."""

    async def post(self, channel: str, message: ChatMessage, *, thread: str = "") -> PostedMessage:
        """Post once. SlackUnavailable: it may be there; look with ``find`` before posting again."""
        ...

    async def update(self, posted: PostedMessage, message: ChatMessage) -> None:
        """Replace a message of ours."""
        ...

    async def find(self, channel: str, key: str, *, thread: str = "") -> PostedMessage | None:
        """Our message whose metadata carries this key: in the channel's recent history, or in this thread of it."""
        ...

    async def known_messages(self, channel: str) -> Mapping[str, PostedMessage]:
        """All messages of ours in the channel's recent history by the key in their metadata: one scan."""
        ...

    async def files_in_thread(self, posted: PostedMessage) -> frozenset[str]:
        """Names of the files that stand in the thread of a message."""
        ...

    async def upload(self, posted: PostedMessage, file: ChatFile) -> str:
        """Put a file into the thread of a message; returns Slack's file id."""
        ...

    async def remove_file(self, posted: PostedMessage, name: str) -> bool:
        """Take a file of ours out of the thread of a message; False when none of this name stands there."""
        ...

    async def whisper(self, channel: str, user: str, text: str) -> None:
        """Tell one person something that only they see. Not guaranteed by Slack."""
        ...

    async def open_dialog(
        self, trigger_id: str, view: Mapping[str, object], *, value: str, message: PostedMessage
    ) -> str:
        """Open a modal within 3 s of the click; returns the view's id.

        Its submission comes as a Click with this ``value`` and ``message``, whose action is the view's ``callback_id``.
        """
        ...

    async def update_dialog(
        self, view_id: str, view: Mapping[str, object], *, value: str, message: PostedMessage
    ) -> None:
        """Show something else in an open modal. SlackRefused when it was closed meanwhile."""
        ...

    async def identity(self) -> ChatIdentity:
        """Who we are; asked once."""
        ...

    async def person(self, user: str) -> ChatPerson:
        """An account as it is at this moment."""
        ...


class LanguageModel(Protocol):
    """llm/: asks for an opinion."""

    def instructions(self, asking: Asking, repository: str = "") -> str:
        """What the model is told to do, as it is sent before every prompt about this owner/name."""
        ...

    def characters(self, asking: Asking, repository: str = "") -> int:
        """How much of a report is sent at most when it is asked so about this owner/name."""
        ...

    async def ask(self, prompt: Prompt, purse: Purse) -> Said:
        """Ask, within a deadline. ModelError: there is no answer, and why, in the provider's own words."""
        ...


class People(Protocol):
    """people.py: whose GitHub account is whose, as administrators have written it down."""

    async def known(self) -> Mapping[str, str]:
        """Login on GitHub by Slack user id, at this moment. SettingsError: the list is broken."""
        ...


class DeviceFlow(Protocol):
    """github/: lets a person prove who they are, without an address that GitHub could call."""

    async def start(self) -> DeviceCode:
        """Ask GitHub for a code that a person types in there."""
        ...

    async def token(self, code: DeviceCode) -> str:
        """Give the person's token; "" as long as they have not typed the code in."""
        ...

    async def account(self, token: str) -> LinkedAccount:
        """Ask whose token it is."""
        ...


class Queue(Protocol):
    """queue/: one piece of work per key at a time, the newest wins."""

    def put(self, key: str, work: Callable[[], Awaitable[None]], *, owner: str = "") -> None:
        """Do ``work`` as soon as nothing of the same key runs; an ``owner`` never has all places."""
        ...

    @property
    def busy_keys(self) -> frozenset[str]:
        """Keys that wait or run."""
        ...


@dataclass(frozen=True)
class Eyes:
    """What it takes to look at a pull request, without telling anybody."""

    github: GitHub
    git: Git
    clusters: tuple[Cluster, ...]
    flux: Flux
    shared: SharedRuns
    # What the newest reports rest on: they hold on when only the base branch moves.
    looks: KeptLooks
    review: ReviewSettings
    trust: TrustPolicy
    noise: NoisePolicy
    risk: RiskPolicy
    # Where GitHub's pages are: sources in the cluster are recognised by it.
    github_url: str
    # Gives the present moment, aware, UTC.
    clock: Callable[[], datetime]
    # What operators know of sources that are no GitRepository.
    artifacts: tuple[ArtifactOrigin, ...]

    @property
    def identity(self) -> str:
        """What tells this bot from others on the same repository: the name of its first cluster."""
        return self.clusters[0].name


@dataclass(frozen=True)
class Advice:
    """Where opinions come from."""

    model: LanguageModel
    # Of its own: nobody waits behind a model.
    queue: Queue
    policy: OpinionPolicy
    limits: SpendLimits
    gate: GatePolicy = field(default_factory=GatePolicy)


@dataclass(frozen=True)
class Doors(Eyes):
    """Everything that a journey of the service may ask."""

    chat: Chat
    store: Store
    queue: Queue
    # For what people press: it does not wait behind the reviews.
    clicks: Queue
    # For people who link an account, which takes minutes.
    linking: Queue
    # None: linking is not set up.
    links: Links | None
    device_flow: DeviceFlow | None
    # None: no model is asked.
    advice: Advice | None
    patience: Patience
    one_at_a_time: OneAtATime
    watch: WatchSettings
    people: People
    # Whether the organisation's single sign-on may say whose account is whose.
    people_from_saml: bool
    decision_policy: DecisionPolicy
    # Buttons of the administrator's own.
    buttons: tuple[ButtonTemplate, ...]
    statuses: StatusPolicy
    kept_statuses: KeptStatuses
    # Where messages go, and when.
    channels: ChannelPolicy
    filters: FilterPolicy
    # Digest of the settings that decide what a report says: a change of them makes every report anew.
    settings_digest: str

    @property
    def channel(self) -> str:
        """Where what concerns no single pull request is told."""
        return self.channels.default
