"""The risks of a report at a glance: the gravest first, each said once with the number of its places."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from gitops_bot.models.reports import SEVERITIES_BY_WEIGHT, Finding, Report, Severity
from gitops_bot.models.risks import RISK_RULES
from gitops_bot.rules.cleaning import clean_line
from gitops_bot.views.text import and_more, code_span, shorten_line
from gitops_bot.views.words import SEVERITIES, join, plural

_WHAT = {rule.code: rule.what for rule in RISK_RULES}
# What findings of the API server's refusals are about, when Flux gets past them.
_IMMUTABLE = _WHAT["changes-immutable-field"]
# Of one kind, before the others have had their turn.
_OF_A_KIND = 3


@dataclass(frozen=True)
class RiskGroup:
    """One risk, or the same at several objects. ``places`` names the objects, and clusters if several."""

    finding: Finding
    places: tuple[str, ...]

    @property
    def message(self) -> str:
        """The sentence, with the number of places where there are several."""
        said = self.finding.message
        if len(self.places) == 1:
            return said
        return f"{neutral(self.finding).removesuffix('.')}, the same in {plural(len(self.places), 'place')}."

    def where(self, most: int) -> str:
        """Name the places where there are several; "" for one, which the sentence names."""
        return and_more(self.places, most) if len(self.places) > 1 else ""


def is_told_above(finding: Finding) -> bool:
    """Whether a finding stands among the risks."""
    return finding.risk and not finding.blocks


def without_risks(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Give the findings that do not stand among the risks, and those that have more to say than is said there."""
    return tuple(finding for finding in findings if not is_told_above(finding) or finding.detail)


def neutral(finding: Finding) -> str:
    """Give the sentence of a risk without the namespace of its object: what is equal in many places is equal then."""
    reference = finding.object
    if reference is None or not reference.namespace or not finding.risk:
        return finding.message
    return finding.message.replace(str(reference), str(replace(reference, namespace="")))


def risk_groups(report: Report) -> tuple[RiskGroup, ...]:
    """Put the same risks together, over all clusters; the gravest first."""
    many = len(report.clusters) > 1
    found: dict[object, tuple[Finding, list[str]]] = {}
    for cluster in report.clusters:
        for finding in cluster.all_findings:
            if is_told_above(finding):
                place = str(finding.object) if finding.object else "the cluster"
                key = (finding.code, finding.severity, neutral(finding))
                found.setdefault(key, (finding, []))[1].append(f"{place} in {cluster.cluster}" if many else place)
    result = [RiskGroup(finding, tuple(dict.fromkeys(places))) for finding, places in found.values()]
    return tuple(sorted(result, key=lambda group: SEVERITIES_BY_WEIGHT.index(group.finding.severity)))


def first_of(groups: Sequence[RiskGroup], most: int) -> tuple[RiskGroup, ...]:
    """Choose those to show where there is little room: of each severity some of every kind before more of one."""
    kinds: dict[str, int] = {}
    ranked = []
    for place, group in enumerate(groups):
        kinds[group.finding.code] = number = kinds.get(group.finding.code, 0) + 1
        ranked.append((SEVERITIES_BY_WEIGHT.index(group.finding.severity), number > _OF_A_KIND, place))
    chosen = sorted(place for _, _, place in sorted(ranked)[:most])
    return tuple(groups[place] for place in chosen)


def risk_title(groups: Sequence[RiskGroup]) -> str:
    """Say how many there are: "⚠️ 3 risks, 1 of them critical"; "" for none."""
    if not groups:
        return ""
    counted = {
        severity: sum(group.finding.severity is severity for group in groups) for severity in SEVERITIES_BY_WEIGHT
    }
    # Not the sign of what is critical: that is the one of what is blocked, too.
    sign = SEVERITIES[Severity.INFO if groups[0].finding.severity is Severity.INFO else Severity.WARNING].sign
    said = f"{sign} {plural(len(groups), 'risk')}"
    critical = counted[Severity.CRITICAL]
    if not critical:
        return said
    return f"{said}, critical" if critical == len(groups) else f"{said}, {critical:,} of them critical"


def risk_lines(groups: Sequence[RiskGroup], *, most: int, width: int, places: int = 0) -> list[str]:
    """Give risks as lines of foreign text, cleaned: each with its advice, and the number of those that are left out.

    ``width`` bounds one line, ``places`` the names of places below a risk that has several (0: none).
    """
    shown = first_of(groups, most)
    lines = []
    for group in shown:
        lines.append(f"{SEVERITIES[group.finding.severity].sign} {shorten_line(group.message, width)}")
        if places and (where := group.where(places)):
            lines.append(f"   in {shorten_line(where, width)}")
        if group.finding.advice:
            lines.append(f"   → {shorten_line(group.finding.advice, width)}")
    if rest := left_out(groups, shown):
        lines.append(f"… {rest}")
    return lines


def left_out(groups: Sequence[RiskGroup], shown: Sequence[RiskGroup]) -> str:
    """Count the risks that are not shown, by severity: "4 more risks (1 critical, 3 warning)"; "" for none."""
    known = {id(group) for group in shown}
    rest = [group.finding.severity for group in groups if id(group) not in known]
    if not rest:
        return ""
    parts = [
        f"{rest.count(severity):,} {SEVERITIES[severity].words}"
        for severity in SEVERITIES_BY_WEIGHT
        if severity in rest
    ]
    return f"{plural(len(rest), 'more risk')} ({join(parts)})"


def in_our_words(group: RiskGroup) -> str:
    """Say a risk without foreign text, but for an inert name in a code span: for places that parse what they show."""
    what = _WHAT.get(group.finding.code, _IMMUTABLE)
    name = f" {code_span(str(group.finding.object), '(an unusual name)')}" if group.finding.object else ""
    more = f" and {len(group.places) - 1:,} more" if len(group.places) > 1 else ""
    return f"{SEVERITIES[group.finding.severity].sign} {what}{name}{more}"


def one_line(groups: Sequence[RiskGroup]) -> str:
    """Say in one line what there is, for a notification: the title and the gravest risk; "" for none."""
    return f"{risk_title(groups)}: {clean_line(groups[0].message)}" if groups else ""
