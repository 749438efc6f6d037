"""Show a person what they are about to do, or ask them why, before anything is done.

Slack lets a dialog be opened for three seconds after the click; judging takes longer. So it is
opened at once, and filled when everything is known. What it confirms is bound to the same report,
and judged again when it is submitted.
"""

from gitops_bot import telemetry
from gitops_bot.errors import GitopsBotError, SlackRefused
from gitops_bot.journeys.approval_outlook import approval_outlook
from gitops_bot.journeys.judge_click import judge_click
from gitops_bot.journeys.ports import Doors
from gitops_bot.journeys.whisper import whisper
from gitops_bot.journeys.write_down import write_down
from gitops_bot.models.chat import Click
from gitops_bot.models.records import StoredReport
from gitops_bot.rules.decisions import Action, is_grave
from gitops_bot.views import slack_dialogs

log = telemetry.logger(__name__)


def needs_dialog(click: Click, action: Action, stored: StoredReport) -> bool:
    """Whether this click asks only; a dialog's own submission does."""
    if click.from_dialog:
        return False
    if action is Action.APPROVE:
        return is_grave(stored.report)
    return action in {Action.REQUEST_CHANGES, Action.MERGE}


async def ask_in_dialog(doors: Doors, click: Click, action: Action, stored: StoredReport) -> str:
    """Open the dialog and fill it; gives the outcome of the click, which decides nothing yet."""
    pull = stored.report.pull_request
    try:
        view_id = await doors.chat.open_dialog(
            click.trigger_id, slack_dialogs.checking(action, pull), value=click.value, message=click.message
        )
    except SlackRefused as error:
        log.info("a dialog could not be opened", action=action, reason=error.reason)
        await whisper(doors, click, "Slack did not open the dialog for this in time. Nothing was done: press again.")
        return "failed: no dialog"
    try:
        judged = await judge_click(doors, click, action, stored)
    except GitopsBotError as error:
        # The click cannot be taken up again: its dialog is open now, and can be opened only once.
        await _fill(
            doors, click, view_id, slack_dialogs.refused(action, f"{error} Nothing was done: press again later.")
        )
        return f"failed: {error}"
    if judged.refusal:
        await write_down(doors, click, judged.person, stored, "refused", judged.refusal)
        await _fill(doors, click, view_id, slack_dialogs.refused(action, judged.refusal))
        return f"refused: {judged.refusal}"
    if action is Action.REQUEST_CHANGES:
        await _fill(doors, click, view_id, slack_dialogs.ask_reason(action, pull))
    else:
        outlook = await approval_outlook(doors, pull) if action is Action.APPROVE else ""
        await _fill(doors, click, view_id, slack_dialogs.confirm(action, stored.report, outlook))
    return "asked"


async def _fill(doors: Doors, click: Click, view_id: str, view: slack_dialogs.View) -> None:
    try:
        await doors.chat.update_dialog(view_id, view, value=click.value, message=click.message)
    except SlackRefused as error:
        # Closed meanwhile: the person does not want it any more.
        log.info("a dialog is closed already", user=click.user, reason=error.reason)
