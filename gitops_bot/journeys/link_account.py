"""Somebody wants approvals from here to be their own reviews: ``/link``, and ``/link off``."""

import asyncio
from datetime import timedelta

from gitops_bot import telemetry
from gitops_bot.errors import GitHubRateLimited, GitHubUnavailable
from gitops_bot.journeys.ports import DeviceFlow, Doors
from gitops_bot.journeys.store_ports import Links
from gitops_bot.journeys.whisper import whisper
from gitops_bot.models.chat import Click
from gitops_bot.models.records import Decision, DeviceCode, LinkedAccount
from gitops_bot.rules import decisions

log = telemetry.logger(__name__)

# What people type after the command to end it.
_OFF = {"off", "unlink", "remove"}


async def link_account(doors: Doors, click: Click) -> str:
    """Let a person prove on GitHub who they are, and keep what they give; gives the outcome of the click."""
    links, flow = doors.links, doors.device_flow
    if links is None or flow is None:
        await whisper(doors, click, "Linking is not set up here: an administrator sets github.oauth_client_id.")
        return "refused: not set up"
    if click.value.strip().lower() in _OFF:
        words = "Unlinked." if await links.forget(click.user) else "No account of yours was linked."
        await _write_down(doors, click, "", "done", words)
        await whisper(doors, click, words)
        return "done"
    if outsider := decisions.why_outsider(await doors.chat.person(click.user), await doors.chat.identity()):
        await _write_down(doors, click, "", "refused", outsider)
        await whisper(doors, click, outsider)
        return f"refused: {outsider}"
    return await _link(doors, click, links, flow)


async def _link(doors: Doors, click: Click, links: Links, flow: DeviceFlow) -> str:
    code = await flow.start()
    minutes = code.seconds // 60
    if not await whisper(
        doors, click, f"Open {code.address} and type {code.user_code} there, within {minutes:.0f} minutes."
    ):
        return "failed: the code could not be shown"
    token = await _wait(doors, flow, code)
    if not token:
        await whisper(doors, click, "The code has expired. Type /link again for another one.")
        return "refused: expired"
    account = await flow.account(token)
    if refusal := await _contradiction(doors, click, account):
        await _write_down(doors, click, account.login, "refused", refusal)
        await whisper(doors, click, refusal)
        return f"refused: {refusal}"
    await links.save(click.user, account)
    await _write_down(doors, click, account.login, "done", "")
    await whisper(doors, click, f"Linked: what you approve from here is a review of your own, {account.login}.")
    return "done"


async def _wait(doors: Doors, flow: DeviceFlow, code: DeviceCode) -> str:
    """Ask as often as GitHub allows, as long as the code is good; "" when nobody typed it in."""
    until = doors.clock() + timedelta(seconds=code.seconds)
    while doors.clock() < until:
        await asyncio.sleep(code.interval)
        try:
            if token := await flow.token(code):
                return token
        except (GitHubUnavailable, GitHubRateLimited) as error:
            log.info("GitHub does not say whether an account is linked", reason=str(error))
    return ""


async def _contradiction(doors: Doors, click: Click, account: LinkedAccount) -> str:
    """What an administrator wrote down counts more than what somebody proves."""
    people = await doors.people.known()
    known = decisions.github_login(people, click.user)
    if known.lower() == account.login.lower():
        return ""
    if not known and account.login.lower() in {login.lower() for login in people.values()}:
        # Somebody was talked into typing in a code that another one had asked for.
        return (
            f"An administrator has written down that {account.login} belongs to somebody else: nothing was kept. "
            "If it is yours, ask them. Whoever typed the code in takes the grant back in GitHub's settings."
        )
    if not known:
        return ""
    return (
        f"An administrator has written down that your GitHub account is {known}, and this is {account.login}: "
        "nothing was kept. Link that one, or ask them."
    )


async def _write_down(doors: Doors, click: Click, login: str, outcome: str, message: str) -> None:
    await doors.store.record_decision(
        Decision(
            pull_request="",
            action=click.action,
            outcome=outcome,
            slack_user=click.user,
            github_login=login,
            commit="",
            report_id="",
            click=click.key,
            at=doors.clock(),
            message=message,
        )
    )
