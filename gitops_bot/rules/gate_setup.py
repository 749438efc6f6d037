"""What the settings of the gate come to, for ``gitops-bot check``: whoever installs it must see it plainly."""

from collections.abc import Iterable

from gitops_bot.models.checks import Check, CheckState
from gitops_bot.models.gates import GateEffect, GateRule
from gitops_bot.rules.gate import GatePolicy

_EFFECTS = {
    GateEffect.BADGE: "get a line in the message",
    GateEffect.STATUS: "get a green commit status without a person",
    GateEffect.APPROVAL: "are approved by gitops-bot without a person",
}


def gate_checks(policy: GatePolicy, *, may_ask: bool) -> Iterable[Check]:
    """Say for each rule what it does, to whom; nothing while it is off. ``may_ask``: whether a model is set up."""
    if not policy.enabled:
        return
    if not policy.rules:
        yield Check("gate", CheckState.WARNING, "it is on, and has no rule", "Write one under llm.gate.rules.")
    elif not may_ask:
        words = "it is on, and no model may be asked: nothing is ever cleared"
        yield Check("gate", CheckState.WARNING, words, "Set llm.enabled, llm.endpoints and llm.repositories.")
    for rule in policy.rules:
        yield _rule(rule)


def _rule(rule: GateRule) -> Check:
    whose = f"pull requests of {', '.join(rule.authors)} to {', '.join(rule.repositories)}"
    needs = f"where every condition holds and the model gives {rule.threshold:g} or more"
    name = f"gate rule {rule.name}"
    if rule.dry_run:
        told = f"on trial (dry_run): nothing is done; else {whose} {_EFFECTS[rule.effect]}"
        return Check(name, CheckState.GOOD, told)
    words = f"ON: {whose} {_EFFECTS[rule.effect]}, {needs}"
    if not rule.signed_commits:
        unsigned = "Its commits need no signature (signed_commits): whoever may push to the branch can be any author."
        return Check(name, CheckState.WARNING, words, unsigned)
    return Check(name, CheckState.GOOD if rule.effect is GateEffect.BADGE else CheckState.WARNING, words)
