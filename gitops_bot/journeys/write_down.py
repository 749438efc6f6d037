"""Write a decision, or a refusal, into the audit trail."""

from gitops_bot.journeys.ports import Doors
from gitops_bot.models.chat import Click
from gitops_bot.models.records import Decision, StoredReport
from gitops_bot.rules.decisions import Person


async def write_down(
    doors: Doors, click: Click, person: Person, stored: StoredReport, outcome: str, message: str
) -> None:
    """Add who wanted what, for which commit and report, and what came of it. Once per click."""
    pull = stored.report.pull_request
    await doors.store.record_decision(
        Decision(
            pull_request=pull.key,
            action=click.action,
            outcome=outcome,
            slack_user=click.user,
            github_login=person.github_login,
            commit=pull.head_sha,
            report_id=stored.report_id,
            click=click.key,
            at=doors.clock(),
            message=message,
            report_digest=stored.report.digest,
        )
    )
