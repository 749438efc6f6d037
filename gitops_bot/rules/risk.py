"""What is dangerous in what a pull request does: every rule of risk_*.py over every object that it touches.

A risk is a finding with a mark. It says what to look at twice; that no rule speaks is no proof of
safety. Codes, default severities and reasons stand in models/risks.py.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from gitops_bot.models.changes import Operation
from gitops_bot.models.kustomizations import ObjectReference
from gitops_bot.models.reports import SEVERITIES_BY_WEIGHT, Finding, KustomizationReport, RowState, Severity
from gitops_bot.models.risks import RISK_RULES
from gitops_bot.rules.compare import ComparisonInputs
from gitops_bot.rules.looks import ungrouped
from gitops_bot.rules.reading import listed
from gitops_bot.rules.risk_flux import FLUX_RULES
from gitops_bot.rules.risk_kinds import Risk
from gitops_bot.rules.risk_objects import OBJECT_RULES
from gitops_bot.rules.risk_pods import POD_RULES
from gitops_bot.rules.risk_rights import RIGHT_RULES
from gitops_bot.rules.risk_workloads import WORKLOAD_RULES
from gitops_bot.rules.touched import Touched, touched_objects
from gitops_bot.rules.verdict import has_effect

_RULES = (*OBJECT_RULES, *RIGHT_RULES, *POD_RULES, *WORKLOAD_RULES, *FLUX_RULES)
_DEFAULTS = {rule.code: rule.severity for rule in RISK_RULES}
# The API server's own refusals of the same thing, in findings of refusals.py and failures.py.
_REFUSED = {"immutable-field", "recreate", "force-deletes"}
_IMMUTABLE = "changes-immutable-field"


@dataclass(frozen=True)
class RiskPolicy:
    """What counts as how dangerous here."""

    # Other than by default, by code; None: not told at all.
    severities: Mapping[str, Severity | None] = field(default_factory=dict)
    # Deletions in one cluster; more than that are a risk of their own.
    prune_limit: int = 10

    def severity(self, code: str) -> Severity | None:
        """Return how much a risk matters; None when it is switched off."""
        return self.severities[code] if code in self.severities else _DEFAULTS[code]


def risks_of(item: Touched) -> Iterator[Risk]:
    """Ask every rule about one object. Never raises, whatever stands in it."""
    for rule in _RULES:
        yield from rule(item)


def with_risks(row: KustomizationReport, inputs: ComparisonInputs, policy: RiskPolicy) -> KustomizationReport:
    """Return a row with the risks of what the pull request does in it, the gravest first."""
    findings = [_marked(finding, policy) for finding in row.findings]
    refused = {finding.object for finding in findings if finding.code in _REFUSED}
    later = " once it is resumed" if row.state is RowState.SUSPENDED else ""
    found = []
    for item in touched_objects(inputs, row):
        for risk in risks_of(item):
            if risk.code != _IMMUTABLE or ungrouped(item.reference) not in refused:
                found += list(_told(risk, item.reference, policy, later))
    found.sort(key=lambda finding: SEVERITIES_BY_WEIGHT.index(finding.severity))
    return replace(row, findings=(*findings, *found))


def _marked(finding: Finding, policy: RiskPolicy) -> Finding:
    risky = finding.code in _REFUSED and policy.severity(_IMMUTABLE) is not None
    return replace(finding, risk=True) if risky else finding


def _told(risk: Risk, reference: ObjectReference, policy: RiskPolicy, later: str = "") -> Iterator[Finding]:
    severity = policy.severity(risk.code)
    if severity is not None:
        message = f"{risk.message.removesuffix('.')}{later}." if later else risk.message
        yield Finding(risk.code, severity, message, risk.advice, object=reference, risk=True)


def prune_risk(rows: Iterable[KustomizationReport], policy: RiskPolicy) -> tuple[Finding, ...]:
    """Return the risk that the deletions in all rows of one cluster come to; () when they are few."""
    doomed = [
        (row, sum(change.operation is Operation.DELETE and has_effect(change) for change in row.changes))
        for row in rows
    ]
    number, severity = sum(count for _, count in doomed), policy.severity("prunes-many")
    if number <= policy.prune_limit or severity is None:
        return ()
    places = listed(f"{row.id} ({count})" for row, count in sorted(doomed, key=lambda one: -one[1]) if count)
    noun = "object is" if number == 1 else "objects are"
    return (
        Finding(
            "prunes-many",
            severity,
            f"{number:,} {noun} deleted, which is more than {policy.prune_limit:,}: {places}.",
            "Make sure that this many should go; a wrong path or a missing resource looks just like this.",
            risk=True,
        ),
    )
