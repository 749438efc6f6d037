"""Once a month: how often would the gate have done what people did?"""

from datetime import UTC, time

from gitops_bot import telemetry
from gitops_bot.journeys.ports import Doors
from gitops_bot.journeys.show_message import show_message, shown_message
from gitops_bot.journeys.store_ports import Store
from gitops_bot.rules.agreement import Agreement, Month, agreements, month_of, of_month
from gitops_bot.rules.fates import Past
from gitops_bot.rules.routing import is_quiet
from gitops_bot.views.agreement import agreement_message

log = telemetry.logger(__name__)

# In the settings' zone: early enough for the first day's work.
MORNING = time(9)
# A bot that was down on the first day tells later; after that nobody asks any more.
_LATEST_DAY = 7


async def agreement_of(store: Store, month: Month) -> tuple[Agreement, ...]:
    """Compare the gate's verdicts of a month with what became of their pull requests until now."""
    # The database compares moments in UTC.
    verdicts = of_month(await store.gates.since(month.start.astimezone(UTC)), month)
    keys = dict.fromkeys(one.pull_request for one in verdicts)
    return agreements(verdicts, {key: await past_of(store, key) for key in keys})


async def past_of(store: Store, pull_request: str) -> Past:
    """Give all that is remembered of a pull request."""
    return Past(
        await store.pull_request(pull_request),
        await store.decisions(pull_request),
        await store.outcomes.of(pull_request),
    )


async def tell_gate_agreement(doors: Doors) -> None:
    """Tell about the month before, once, also when a stop comes between; nothing where the gate looked at nothing."""
    if doors.advice is None or not (doors.advice.gate.enabled and doors.advice.gate.rules):
        return
    now, quiet = doors.clock(), doors.channels.quiet
    local = now.astimezone(quiet.zone)
    if local.day > _LATEST_DAY or local.time() < MORNING or is_quiet(now, None, quiet):
        return
    month = month_of(now, quiet.zone).before()
    key = f"{doors.identity}|gate agreement|{month.name}"
    if await shown_message(doors, doors.channel, key) is not None:
        return
    found = await agreement_of(doors.store, month)
    if not found:
        return
    await show_message(doors, doors.channel, agreement_message(found, month, key=key))
    log.info("told how the gate agrees with people", month=month.name, rules=len(found))
