"""Let the gate look at reports that people have already, and do what its rules say.

The rules first, with fresh facts; the model only where none of them objects; then the rules again, because a head
moves and a person presses *Hold* while a model thinks. Nothing here is in anybody's way: a row says that the gate
has to look, a tick takes it up, and what a crash leaves undone is done by the next one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

from gitops_bot import telemetry
from gitops_bot.errors import GitopsBotError, ModelError
from gitops_bot.journeys.ask_model import ModelPurse, prompt_for
from gitops_bot.journeys.carry_out_gate import (
    begin_status_anew,
    carry_out_gate,
    take_back_if_outdated,
    take_green_back,
)
from gitops_bot.journeys.gate_due import (
    gate_has_looked,
    gate_is_over,
    gate_order,
    gate_orders,
    gate_rules,
    is_to_look,
    let_gate_look_again,
)
from gitops_bot.journeys.gate_facts import gate_facts, strange_files_of
from gitops_bot.journeys.ports import Advice, Doors
from gitops_bot.journeys.publish_report import publish_report
from gitops_bot.journeys.tell_pull_request import has_message, tell_newest_report
from gitops_bot.models.gates import GateRule, GateVerdict
from gitops_bot.models.opinions import Asking, Prompt
from gitops_bot.models.pull_requests import PullRequest
from gitops_bot.models.records import Effect, StoredReport
from gitops_bot.rules import gate
from gitops_bot.rules.opinions import has_something_to_review
from gitops_bot.views import gates as views

log = telemetry.logger(__name__)


@dataclass(frozen=True)
class _Case:
    """One report before the gate, with what was asked of the model already, by rule."""

    stored: StoredReport
    rules: tuple[GateRule, ...]
    kept: Mapping[str, GateVerdict]


async def clear_what_is_due(doors: Doors) -> None:
    """Take up every report that the gate has to look at; once per tick."""
    orders = await gate_orders(doors)
    # One question for all of them: most have nothing new at most ticks.
    records = await doors.store.all_open_pull_requests() if orders else ()
    pulls = {record.pull_request.key: record.pull_request for record in records}
    for order in orders:
        key = order.remote["pull_request"]
        if not is_to_look(doors, order, pulls.get(key)):
            continue
        queue, work_key = doors.advice.queue if doors.advice is not None else doors.queue, f"gate of {key}"
        if work_key not in queue.busy_keys and not doors.patience.pauses(work_key, doors.clock()):
            queue.put(work_key, partial(clear_by_gate, doors, key))


async def gate_hears_of(doors: Doors, pull: PullRequest, before: PullRequest | None) -> None:
    """A pull request is there, and was so ``before``: what the gate came to may not hold on. Never fails over GitHub.

    The next report says more, but people and machines merge before it is made.
    """
    if not gate_rules(doors, pull.repository):
        return
    if before is None or (before.head_sha, before.base_ref) != (pull.head_sha, pull.base_ref):
        await begin_status_anew(doors, pull)
    if before is not None and gate.what_people_say(before) != gate.what_people_say(pull):
        await let_gate_look_again(doors, pull)


async def clear_by_gate(doors: Doors, key: str) -> None:
    """Look at the newest report of a pull request, and do what follows. What fails is tried again at a later tick."""
    subject = f"gate of {key}"
    try:
        await _look(doors, key)
    except Exception as error:
        # A fault of ours, too, must not be met at every tick: a model may have been paid before it.
        doors.patience.pause(subject, doors.clock())
        telemetry.failures.labels("clear_by_gate", type(error).__name__).inc()
        if not isinstance(error, GitopsBotError):
            raise
        log.warning("the gate has to wait", pull_request=key, reason=str(error))
    else:
        doors.patience.go_on(subject)


async def _look(doors: Doors, key: str) -> None:
    order, record = await gate_order(doors, key), await doors.store.pull_request(key)
    if order is None:
        return
    if record is None or record.pull_request.state != "open":
        if record is not None and not record.pull_request.merged:
            # Whoever opens it again, or another one of the same commit, begins anew.
            await take_green_back(doors, record.pull_request, order, views.CLOSED)
        await gate_is_over(doors, order)
        return
    rules = gate_rules(doors, record.pull_request.repository)
    if not rules or doors.advice is None:
        # Approvals of its are taken back by the ticks.
        await take_green_back(doors, record.pull_request, order, views.SWITCHED_OFF)
        await gate_is_over(doors, order)
        return
    stored = await doors.store.report(record.report_id)
    if stored is None:
        return
    await take_back_if_outdated(doors, stored, order)
    if await _waits_for_review(doors, doors.advice, stored):
        return
    kept = {one.rule: one for one in await doors.store.gates.of(key, stored.report.digest)}
    case = _Case(stored, rules, {name: one for name, one in kept.items() if one.commit == _head(stored)})
    case = await _asked(doors, doors.advice, case)
    await _decided(doors, case, order)
    if await has_message(doors, key):
        await tell_newest_report(doors, key)
        await publish_report(doors, stored)


def _head(stored: StoredReport) -> str:
    return stored.report.pull_request.head_sha


async def _waits_for_review(doors: Doors, advice: Advice, stored: StoredReport) -> bool:
    """Whether a model is about to review it: what it finds there counts against clearing."""
    pull = stored.report.pull_request
    if not advice.policy.allows(pull.repository) or not has_something_to_review(stored.report):
        return False
    return await doors.store.opinions.of(pull.key, stored.report.digest) is None


async def _asked(doors: Doors, advice: Advice, case: _Case) -> _Case:
    """Ask the model, once for each report, where a rule has no objection; what it said is kept before it is used."""
    report = case.stored.report
    open_rules = [
        rule
        for rule in case.rules
        if not gate.objections_of_report(report, rule)
        and not ((known := case.kept.get(rule.name)) and gate.is_answered(known))
    ]
    if not open_rules:
        return case
    facts = replace(await gate_facts(doors, case.stored), strange_files=())
    willing = [rule for rule in open_rules if not gate.objections_of_facts(report, rule, facts)]
    if not willing or await strange_files_of(doors, report):
        return case
    shown = replace(report, pull_request=facts.now)
    prompt = await prompt_for(shown, Asking.GATE, advice.model)
    kept = dict(case.kept)
    for rule in willing:
        known = kept.get(rule.name)
        if gate.about_prompt(prompt):
            verdict = gate.refused(report, rule, facts.at, gate.about_prompt(prompt))
        else:
            verdict = await _answer(doors, advice, case.stored, rule, prompt, known.tries + 1 if known else 1)
        kept[rule.name] = gate.not_judged_yet(verdict)
        await doors.store.gates.save(kept[rule.name])
    return replace(case, kept=kept)


async def _answer(
    doors: Doors, advice: Advice, stored: StoredReport, rule: GateRule, prompt: Prompt, tries: int
) -> GateVerdict:
    report = stored.report
    purse = ModelPurse(doors.store.spend, advice.limits, doors.clock, report.pull_request.key)
    try:
        said = await advice.model.ask(prompt, purse)
    except ModelError as error:
        problem = telemetry.without_tokens(str(error))
        return gate.no_score(report, rule, doors.clock(), problem, purse.paid, tries)
    return gate.scored(report, rule, doors.clock(), said, prompt, tries)


async def _decided(doors: Doors, case: _Case, order: Effect) -> None:
    """Judge every rule with facts of this moment, keep the verdicts, and do what they say."""
    pull = case.stored.report.pull_request
    # Whoever presses a button at this moment is before it or after it.
    async with doors.one_at_a_time.alone(f"act on {pull.key}"):
        verdicts = await _verdicts(doors, case)
        remote = await carry_out_gate(doors, case.stored, case.rules, verdicts, order)
    await gate_has_looked(doors, order, pull.repository, remote)
    for verdict in verdicts:
        telemetry.gate_looks.labels(verdict.rule, "cleared" if verdict.cleared else "refused").inc()
        told = {"rule": verdict.rule, "cleared": verdict.cleared, "dry_run": verdict.dry_run, "score": verdict.score}
        log.info("the gate has looked", pull_request=pull.key, **told)


async def _verdicts(doors: Doors, case: _Case) -> list[GateVerdict]:
    report = case.stored.report
    found = {rule.name: gate.objections_of_report(report, rule) for rule in case.rules}
    hopeful = [rule for rule in case.rules if not found[rule.name]]
    if hopeful:
        facts = await gate_facts(doors, case.stored)
        # Reading files takes longest: only where nothing else stands against it.
        read = replace(facts, strange_files=())
        if any(not gate.objections_of_facts(report, rule, read, cleared_before=True) for rule in hopeful):
            facts = replace(facts, strange_files=await strange_files_of(doors, report))
        else:
            facts = read
        for rule in hopeful:
            before = gate.is_done(case.kept.get(rule.name), rule)
            found[rule.name] = gate.objections_of_facts(report, rule, facts, cleared_before=before)
    now = doors.clock()
    return [gate.verdict(report, rule, now, found[rule.name], case.kept.get(rule.name)) for rule in case.rules]
