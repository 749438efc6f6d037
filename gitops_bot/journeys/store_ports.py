"""What the journeys need of what lasts: small Protocols, as in ports.py; the store implements all of them."""

from datetime import datetime
from typing import Protocol

from gitops_bot.models.chat import Click
from gitops_bot.models.gates import GateVerdict
from gitops_bot.models.opinions import Asking, Opinion, Reply, SpendLimits, Usage, Vote, Votes
from gitops_bot.models.outcomes import Outcome
from gitops_bot.models.pull_requests import Repository
from gitops_bot.models.records import Decision, Effect, LinkedAccount, PullRequestRecord, StoredClick, StoredReport


class Outcomes(Protocol):
    """store/: what became of merged pull requests."""

    async def save(self, outcome: Outcome) -> None:
        """Insert or replace."""
        ...

    async def waiting(self) -> tuple[Outcome, ...]:
        """Those that Flux has not applied yet, oldest first."""
        ...

    async def of(self, pull_request: str) -> tuple[Outcome, ...]:
        """All of a pull request."""
        ...


class Opinions(Protocol):
    """store/: what language models said."""

    async def of(self, pull_request: str, digest: str) -> Opinion | None:
        """What a model said of the report with this digest; None when none was asked."""
        ...

    async def save(self, opinion: Opinion) -> None:
        """Insert or replace."""
        ...


class Replies(Protocol):
    """store/: what language models answered when somebody asked."""

    async def of(self, pull_request: str, digest: str, asking: Asking) -> Reply | None:
        """What a model answered about the report with this digest; None when nobody asked."""
        ...

    async def save(self, reply: Reply) -> None:
        """Insert or replace."""
        ...


class OpinionVotes(Protocol):
    """store/: whether people found opinions useful."""

    async def save(self, vote: Vote) -> None:
        """Keep an answer, unless the same person has given a newer one."""
        ...

    async def of(self, pull_request: str, digest: str) -> Votes:
        """Count the answers on one opinion."""
        ...


class Gates(Protocol):
    """store/: what the gate came to."""

    async def of(self, pull_request: str, digest: str) -> tuple[GateVerdict, ...]:
        """Every rule's verdict on the report with this digest, the oldest first."""
        ...

    async def of_pull_request(self, pull_request: str) -> tuple[GateVerdict, ...]:
        """All verdicts on a pull request, the oldest first."""
        ...

    async def since(self, moment: datetime) -> tuple[GateVerdict, ...]:
        """All verdicts from a moment on, the oldest first."""
        ...

    async def save(self, verdict: GateVerdict) -> None:
        """Insert or replace."""
        ...


class Spend(Protocol):
    """store/: what language models used."""

    async def reserve(
        self, pull_request: str, model: str, expected: Usage, *, at: datetime, limits: SpendLimits
    ) -> int | str:
        """Set aside what a call may use at most; its number, or the limit that forbids it in words."""
        ...

    async def settle(self, number: int, used: Usage) -> None:
        """Replace what was set aside by what was used."""
        ...


class Store(Protocol):
    """store/: what must last."""

    @property
    def opinions(self) -> Opinions:
        """What language models said."""
        ...

    @property
    def replies(self) -> Replies:
        """What language models answered when somebody asked."""
        ...

    @property
    def votes(self) -> OpinionVotes:
        """Whether people found opinions useful."""
        ...

    @property
    def gates(self) -> Gates:
        """What the gate came to."""
        ...

    @property
    def spend(self) -> Spend:
        """What language models used."""
        ...

    @property
    def outcomes(self) -> Outcomes:
        """What became of merged pull requests."""
        ...

    async def first_listed_at(self, repository: Repository) -> datetime | None:
        """When the pull requests open at the first look were listed; None: this is the first look."""
        ...

    async def remember_first_list(self, repository: Repository, at: datetime) -> None:
        """Write down that the first look at a repository is over."""
        ...

    async def pull_request(self, key: str) -> PullRequestRecord | None:
        """One pull request by its key."""
        ...

    async def open_pull_requests(self, repository: Repository) -> tuple[PullRequestRecord, ...]:
        """Those of a repository that were open when last seen."""
        ...

    async def all_open_pull_requests(self) -> tuple[PullRequestRecord, ...]:
        """Those of every repository that were open when last seen."""
        ...

    async def save_pull_request(self, record: PullRequestRecord, at: datetime) -> None:
        """Insert or replace."""
        ...

    async def save_report(self, stored: StoredReport, work_key: str) -> None:
        """Keep a report under its id."""
        ...

    async def report(self, report_id: str) -> StoredReport | None:
        """A report by the id that a button carries."""
        ...

    async def effect(self, kind: str, target: str) -> Effect | None:
        """What is known of an effect."""
        ...

    async def save_effect(self, effect: Effect, at: datetime) -> None:
        """Write down that an effect is begun (before it happens) or done (after)."""
        ...

    async def effects(self, kind: str) -> tuple[Effect, ...]:
        """All that is known of one kind."""
        ...

    async def forget_effect(self, kind: str, target: str) -> None:
        """It is not there any more."""
        ...

    async def save_click(self, click: Click, at: datetime) -> bool:
        """Keep a click; False when it is known already (a replay)."""
        ...

    async def waiting_clicks(self) -> tuple[StoredClick, ...]:
        """Clicks that were not carried out yet, oldest first."""
        ...

    async def finish_click(self, key: str, outcome: str) -> None:
        """Write down what became of a click."""
        ...

    async def record_decision(self, decision: Decision) -> None:
        """Add a decision; nothing is ever changed."""
        ...

    async def decisions(self, pull_request: str) -> tuple[Decision, ...]:
        """All decisions on a pull request, oldest first."""
        ...


class Links(Protocol):
    """store/: accounts that people linked."""

    async def of(self, slack_user: str) -> LinkedAccount | None:
        """The account that a person linked; None when there is none."""
        ...

    async def save(self, slack_user: str, account: LinkedAccount) -> None:
        """Keep an account, in place of an earlier one."""
        ...

    async def forget(self, slack_user: str) -> bool:
        """Delete it; whether there was one."""
        ...
