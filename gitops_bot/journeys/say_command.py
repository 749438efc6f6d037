"""Say a command of the administrator's in the thread, because somebody pressed its button."""

from gitops_bot.journeys.ports import Doors
from gitops_bot.models.chat import Click
from gitops_bot.models.records import Effect, EffectState, StoredReport
from gitops_bot.rules.extra_buttons import command_text
from gitops_bot.views.slack_message import command_message


async def say_command(doors: Doors, click: Click, stored: StoredReport) -> tuple[str, str]:
    """Post it once; gives "done" or "failed", and what was said. A post in doubt is not repeated: others obey it."""
    name = click.value.partition(" ")[2]
    template = next((one for one in doors.buttons if one.command and one.name == name), None)
    if template is None:
        return "failed", "This button is not in the settings any more. Nothing was done."
    text = command_text(template, stored.report, stored.report.pull_request)
    if await doors.store.effect("command", click.key) is not None:
        return "failed", f"Whether this was said could not be learned: look into the thread. {text}"
    await doors.store.save_effect(Effect("command", click.key, "", EffectState.BEGUN), doors.clock())
    posted = await doors.chat.post(click.message.channel, command_message(text), thread=click.message.timestamp)
    remote = {"channel": posted.channel, "timestamp": posted.timestamp}
    await doors.store.save_effect(Effect("command", click.key, "", EffectState.DONE, remote), doors.clock())
    return "done", text
