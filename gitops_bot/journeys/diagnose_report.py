"""Somebody wants to know why a report failed: ask a model once, and say what it thinks in the thread of the message."""

import hashlib
from functools import partial

from gitops_bot import telemetry
from gitops_bot.journeys.answer_in_thread import answer_in_thread
from gitops_bot.journeys.ask_model import ask_model
from gitops_bot.journeys.keys import message_key
from gitops_bot.journeys.ports import Advice, Doors
from gitops_bot.journeys.whisper import whisper
from gitops_bot.models.chat import Click
from gitops_bot.models.opinions import Asking, Reply
from gitops_bot.models.records import StoredReport
from gitops_bot.rules.questions import why_not_asked
from gitops_bot.views.replies import diagnosis_message

log = telemetry.logger(__name__)


async def diagnose_report(doors: Doors, click: Click, stored: StoredReport) -> str:
    """Ask, or take what is kept, and put it into the thread; gives "done", "failed: …" or "refused: …".

    Everybody in the channel may ask: it decides nothing, the limits hold, and a report is asked about once.
    Doing it again after a crash asks nobody twice, and posts nothing twice.
    """
    key, advice = stored.report.pull_request.key, doors.advice
    words = await _refusal(doors, advice, stored)
    if advice is None or words:
        await whisper(doors, click, f"{words} Nothing was asked.")
        return f"refused: {words}"
    digest = hashlib.sha256(stored.report.digest.encode()).hexdigest()[:16]
    name = f"{message_key(doors, key)}|diagnosis|{digest}"
    # Two people, or a double click: the second gets what the first has asked for.
    async with doors.one_at_a_time.alone(f"diagnose {key}"):
        return await answer_in_thread(
            doors,
            click,
            await doors.store.replies.of(key, stored.report.digest, Asking.DIAGNOSE),
            partial(_asked, doors, advice, stored),
            lambda reply: diagnosis_message(reply, stored.report.pull_request, key=name),
            digest=digest,
            about="this report",
        )


async def _refusal(doors: Doors, advice: Advice | None, stored: StoredReport) -> str:
    """Say why nothing may be sent; "" when it may be."""
    pull = stored.report.pull_request
    record = await doors.store.pull_request(pull.key)
    if record is None or record.pull_request.state != "open":
        return f"{pull.repository}#{pull.number} is not open."
    if advice is None or not advice.policy.allows(pull.repository):
        return f"No model is asked about {pull.repository} (llm.repositories)."
    if record.report_id != stored.report_id:
        return f"{pull.repository}#{pull.number} has been looked at again since: read the new report."
    return why_not_asked(stored.report, Asking.DIAGNOSE)


async def _asked(doors: Doors, advice: Advice, stored: StoredReport) -> Reply:
    reply = await ask_model(
        stored.report, Asking.DIAGNOSE, advice.model, doors.store.spend, limits=advice.limits, clock=doors.clock
    )
    log.info("diagnosed by a model", pull_request=reply.pull_request, model=reply.model, problem=reply.problem)
    return reply
