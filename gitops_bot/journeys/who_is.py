"""Which GitHub account is this person's? Never guessed from a name."""

from gitops_bot.journeys.ports import Doors
from gitops_bot.models.chat import ChatPerson
from gitops_bot.rules import decisions


async def github_login_of(doors: Doors, slack_user: str, account: ChatPerson | None = None) -> str:
    """Give the login that an administrator gave this person; "" when there is none.

    ``account`` is the person as Slack describes them now, where that was asked already.
    """
    del account
    return decisions.github_login(doors.people, slack_user)
