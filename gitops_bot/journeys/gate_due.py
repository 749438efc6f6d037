"""Which pull requests the gate has to look at (again). A row says so before anything happens, and outlives a crash."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import replace

from gitops_bot.journeys.ports import Doors
from gitops_bot.models.gates import GateRule, GateVerdict
from gitops_bot.models.pull_requests import PullRequest, Repository
from gitops_bot.models.records import Effect, EffectState
from gitops_bot.models.reports import Report
from gitops_bot.rules.gate import is_meant_for
from gitops_bot.views.gates import shown_verdicts

# Kind of the row. BEGUN: to be looked at; its digest tells one order from the next.
_KIND = "gate"


def gate_rules(doors: Doors, repository: Repository) -> tuple[GateRule, ...]:
    """Give the rules for a repository; none where no model may be asked."""
    return doors.advice.gate.of(repository) if doors.advice is not None else ()


def is_to_look(doors: Doors, order: Effect, pull: PullRequest | None) -> bool:
    """Whether the gate has to look: it was told to, or what it came to rests on what is not so any more."""
    if order.state is not EffectState.DONE or pull is None or pull.state != "open":
        return True
    return order.remote.get("rules") != _digest(doors, pull.repository)


def _digest(doors: Doors, repository: Repository) -> str:
    """Of everything in the settings that a verdict rests on."""
    may_be_sent = doors.advice is not None and doors.advice.policy.allows(repository)
    return hashlib.sha256(repr((gate_rules(doors, repository), may_be_sent)).encode()).hexdigest()


async def let_gate_look(doors: Doors, pull: PullRequest) -> None:
    """Write down that the gate has to look at a pull request, where one is set up for it."""
    if not gate_rules(doors, pull.repository):
        return
    async with doors.one_at_a_time.alone(f"gate of {pull.key}"):
        known = await doors.store.effect(_KIND, _target(doors, pull.key))
        remote = dict(known.remote) if known else {"pull_request": pull.key}
        order = Effect(_KIND, _target(doors, pull.key), secrets.token_hex(8), EffectState.BEGUN, remote)
        await doors.store.save_effect(order, doors.clock())


async def let_gate_look_again(doors: Doors, pull: PullRequest) -> None:
    """The same for one that it has looked at before, and that has changed: what it came to may not hold on."""
    if await gate_order(doors, pull.key) is not None:
        await let_gate_look(doors, pull)


async def shown_gate(doors: Doors, report: Report) -> tuple[GateVerdict, ...]:
    """Give the verdicts on a report that people should see: of rules for such an author, on trial only where wanted."""
    pull = report.pull_request
    rules = {rule.name for rule in gate_rules(doors, pull.repository) if is_meant_for(rule, pull)}
    if doors.advice is None or not rules:
        return ()
    found = await doors.store.gates.of(report.pull_request.key, report.digest)
    ours = [one for one in found if one.rule in rules and one.commit == report.pull_request.head_sha]
    return shown_verdicts(ours, dry_run=doors.advice.gate.show_dry_run)


async def gate_orders(doors: Doors) -> tuple[Effect, ...]:
    """Give what is known of every pull request that the gate has looked at, or has to."""
    return tuple(
        one for one in await doors.store.effects(_KIND) if one.target == _target(doors, one.remote["pull_request"])
    )


async def gate_order(doors: Doors, pull_request: str) -> Effect | None:
    """Give what is known of one; None when the gate has nothing to do with it."""
    return await doors.store.effect(_KIND, _target(doors, pull_request))


async def gate_has_looked(doors: Doors, order: Effect, repository: Repository, remote: Mapping[str, str]) -> None:
    """Write down that it has, and what GitHub shows since, unless it was told to look once more meanwhile."""
    pull_request = order.remote["pull_request"]
    async with doors.one_at_a_time.alone(f"gate of {pull_request}"):
        known = await doors.store.effect(_KIND, order.target)
        told = {**remote, "pull_request": pull_request, "rules": _digest(doors, repository)}
        state = EffectState.DONE if known is None or known.digest == order.digest else EffectState.BEGUN
        digest = known.digest if known is not None else order.digest
        await doors.store.save_effect(replace(order, digest=digest, state=state, remote=told), doors.clock())


async def gate_will_show(doors: Doors, order: Effect, remote: Mapping[str, str]) -> None:
    """Write down what GitHub is about to show: what a crash leaves there has to be found."""
    pull_request = order.remote["pull_request"]
    async with doors.one_at_a_time.alone(f"gate of {pull_request}"):
        known = await doors.store.effect(_KIND, order.target) or order
        told = {"pull_request": pull_request, **remote}
        await doors.store.save_effect(replace(known, remote=told), doors.clock())


async def gate_is_over(doors: Doors, order: Effect) -> None:
    """The pull request is closed, or the gate does not concern it any more."""
    await doors.store.forget_effect(_KIND, order.target)


def _target(doors: Doors, pull_request: str) -> str:
    return f"{doors.identity}|{pull_request}"
