"""Which GitHub account is this person's? Never guessed from a name."""

from gitops_bot import telemetry
from gitops_bot.errors import GitHubRefused, SettingsError
from gitops_bot.journeys.ports import Doors
from gitops_bot.models.chat import ChatPerson
from gitops_bot.models.pull_requests import Repository
from gitops_bot.models.records import LinkedAccount
from gitops_bot.rules import decisions

log = telemetry.logger(__name__)


async def github_login_of(doors: Doors, slack_user: str, account: ChatPerson | None, repository: Repository) -> str:
    """Give the login that belongs to this person; "" when nobody has said so. SettingsError: the list is broken.

    What an administrator wrote down comes first, then the account that the person linked; then, where
    administrators say so, what the organisation's single sign-on knows. ``account`` is the person as
    Slack describes them now.
    """
    login = decisions.github_login(await doors.people.known(), slack_user)
    if not login and (linked := await account_of(doors, slack_user)) is not None:
        return linked.login
    if login or account is None or not doors.people_from_saml or not account.email:
        return login
    try:
        return await doors.github.login_of_email(repository, account.email)
    except GitHubRefused as error:
        log.warning("the single sign-on cannot be asked", owner=repository.owner, reason=str(error))
        return ""


async def account_of(doors: Doors, slack_user: str) -> LinkedAccount | None:
    """Give the account that a person linked; None when they have not, or when linking is not set up."""
    return await doors.links.of(slack_user) if doors.links is not None and slack_user else None


async def anybody_may_decide(doors: Doors) -> bool:
    """Whether buttons that need a known person make sense. A broken list is logged, and lets nobody."""
    try:
        return doors.people_from_saml or doors.links is not None or bool(await doors.people.known())
    except SettingsError as error:
        log.warning("the list of people cannot be read", reason=str(error))
        return False
