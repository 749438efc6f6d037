"""Tell the channel once when something outside keeps us from looking, and once when it is over.

A hiccup is not told: the same subject has to fail several times in a row, unless the other side
refused (a wrong token, a name that does not exist), which no waiting mends.
"""

import hashlib

from gitops_bot import telemetry
from gitops_bot.errors import ClusterRefused, GitHubRefused, GitopsBotError, SlackError
from gitops_bot.journeys.ports import Doors
from gitops_bot.journeys.show_message import show_message, shown_message
from gitops_bot.models.pull_requests import Repository
from gitops_bot.models.records import Effect, EffectState
from gitops_bot.views import slack_message

log = telemetry.logger(__name__)

# Kind of the row that has a problem's own words, by the key of its message.
PROBLEM = "problem"


async def problem_began(
    doors: Doors, subject: str, error: GitopsBotError, *, repository: Repository | None = None
) -> None:
    """Count a failure; tell the channel when it is no hiccup. Slack being the problem is only logged.

    ``repository``: whose problem it is; a model may be asked about it where it may be asked about that.
    """
    refused = isinstance(error, GitHubRefused | ClusterRefused)
    if doors.patience.failed(subject) or refused:
        problem = telemetry.without_tokens(str(error))
        may_ask = repository is not None and doors.advice is not None and doors.advice.policy.allows(repository)
        if may_ask:
            await _keep(doors, subject, problem, str(repository))
        await _show(doors, subject, problem, may_ask=may_ask)


async def problem_ended(doors: Doors, subject: str) -> None:
    """Edit the message of a problem that is over, one from before a restart as well."""
    channel = doors.channel
    if doors.patience.succeeded(subject) and await shown_message(doors, channel, _key(doors, subject)):
        await _show(doors, subject, "")
        await doors.store.forget_effect(PROBLEM, _key(doors, subject))


async def _keep(doors: Doors, subject: str, problem: str, repository: str) -> None:
    """Remember the words, for who asks a model what they mean."""
    digest = hashlib.sha256(problem.encode()).hexdigest()[:16]
    remote = {"subject": subject, "problem": problem, "repository": repository}
    await doors.store.save_effect(
        Effect(PROBLEM, _key(doors, subject), digest, EffectState.DONE, remote), doors.clock()
    )


async def _show(doors: Doors, subject: str, problem: str, *, may_ask: bool = False) -> None:
    message = slack_message.problem_message(subject, problem, key=_key(doors, subject), may_ask=may_ask)
    try:
        await show_message(doors, doors.channel, message)
    except SlackError as error:
        log.warning("could not tell the channel of a problem", subject=subject, reason=str(error))


def _key(doors: Doors, subject: str) -> str:
    return f"{doors.identity}|problem|{hashlib.sha256(subject.encode()).hexdigest()[:16]}"
