"""Does the fence around the *diff* identity hold in every cluster? Tell the channel when one does not any more."""

from gitops_bot import telemetry
from gitops_bot.errors import ClusterRefused, GitopsBotError
from gitops_bot.journeys.ports import Doors
from gitops_bot.journeys.report_problem import problem_began, problem_ended
from gitops_bot.rules.guards import how_to_mend, what_is_wrong

log = telemetry.logger(__name__)


async def prove_guards(doors: Doors) -> None:
    """Prove each cluster's guard anew. A cluster that cannot be asked is told of by the look at it."""
    for cluster in doors.clusters:
        subject = f"guard of {cluster.name}"
        try:
            state = await cluster.guard()
        except GitopsBotError as error:
            log.warning("could not prove a guard", cluster=cluster.name, reason=str(error))
            continue
        if state.may_run:
            await problem_ended(doors, subject)
        else:
            await problem_began(
                doors,
                subject,
                # A refusal: people hear of it at once, waiting does not mend it.
                ClusterRefused(
                    f"Nothing is compared with cluster {cluster.name}: {what_is_wrong(state)}. "
                    f"{how_to_mend(state)} `gitops-bot check` tells when the guard holds."
                ),
            )
