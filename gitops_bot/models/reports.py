"""The report of a pull request: what every view shows, and what the store keeps."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gitops_bot.models.changes import ContentChange, ResourceChange, SealedChange
from gitops_bot.models.kustomizations import KustomizationId, ObjectReference
from gitops_bot.models.pull_requests import PullRequest
from gitops_bot.models.rights import Right


class Verdict(StrEnum):
    """What a report comes to. Only ``changes`` and ``no_effect`` are complete."""

    NO_EFFECT = "no_effect"
    CHANGES = "changes"
    # The API server would refuse it, or the branches conflict.
    BLOCKED = "blocked"
    # Something could not be looked at.
    INCOMPLETE = "incomplete"
    # Not trusted: nothing was rendered.
    HELD = "held"

    @property
    def complete(self) -> bool:
        """Whether everything was looked at, and would be accepted."""
        return self in {Verdict.NO_EFFECT, Verdict.CHANGES}


# From the one that matters most: the verdict of several clusters is the first that occurs.
VERDICTS_BY_WEIGHT = (Verdict.HELD, Verdict.BLOCKED, Verdict.INCOMPLETE, Verdict.CHANGES, Verdict.NO_EFFECT)


class RowState(StrEnum):
    """What happened to one Kustomization of the report."""

    CHANGED = "changed"
    # Files changed, the render did not; the row's ``reason`` says which.
    UNCHANGED = "unchanged"
    NEW = "new"
    REMOVED = "removed"
    SUSPENDED = "suspended"
    # spec.kubeConfig: it belongs to another cluster and is not looked at.
    REMOTE = "remote"
    # This pull request would break it.
    FAILING = "failing"
    # Could not be looked at; the findings say why.
    NOT_ANALYSED = "not_analysed"


class Severity(StrEnum):
    """How much a finding matters."""

    INFO = "info"
    WARNING = "warning"
    # The merge would not work, or destroys something.
    CRITICAL = "critical"

    def at_least(self, other: "Severity") -> bool:
        """Whether it is as grave as another one, or graver."""
        return SEVERITIES_BY_WEIGHT.index(self) <= SEVERITIES_BY_WEIGHT.index(other)


SEVERITIES_BY_WEIGHT = (Severity.CRITICAL, Severity.WARNING, Severity.INFO)


@dataclass(frozen=True)
class Finding:
    """Something a person should know: the cluster's refusal, a risk, a thing not looked at.

    ``code`` is stable and names the rule (``immutable-field``, ``missing-right``, …);
    ``message`` says what happened to what, ``advice`` what to do, one sentence each.
    ``detail`` is the other side's own words, redacted.
    """

    code: str
    severity: Severity
    message: str
    advice: str = ""
    object: ObjectReference | None = None
    detail: str = ""
    # True: the report is not complete because of it. Also True for what the API server refuses.
    blocks: bool = False
    incomplete: bool = False
    # Works, and is dangerous: one of models/risks.py.
    risk: bool = False
    # Rights that the diff identity lacked: a rule is made of them, ready to paste.
    lacks: tuple[Right, ...] = ()


@dataclass(frozen=True)
class Hidden:
    """How much of a row one setting hides; ``setting`` is its name, such as ``noise.fields[0]``."""

    setting: str
    fields: int = 0
    objects: int = 0


@dataclass(frozen=True)
class KustomizationReport:
    """One row: a Kustomization that the pull request touches."""

    id: KustomizationId
    path: str
    state: RowState
    # Why it was looked at: a file, a parent, a substituteFrom.
    reason: str = ""
    changes: tuple[ResourceChange, ...] = ()
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    # What people switched off, by setting.
    hidden: tuple[Hidden, ...] = ()
    # What changes and was not rendered: HelmReleases and their sources.
    contents: tuple[ContentChange, ...] = ()
    # Encrypted files that change; Flux shows nothing of them.
    sealed: tuple[SealedChange, ...] = ()

    @property
    def unseen(self) -> bool:
        """Whether something changes whose content is not in the report."""
        return bool(self.contents or self.sealed)

    @property
    def tells_something(self) -> bool:
        """Whether people should hear of it: where there is a finding, no known change does not mean none."""
        return self.state is not RowState.UNCHANGED or bool(self.findings)


@dataclass(frozen=True)
class LeftOut:
    """A Kustomization that the repository may feed in a way that cannot be followed; it is named, no more."""

    id: KustomizationId
    reason: str
    # A merge may bring it something at once; False: only a later act does, such as a new tag.
    at_once: bool = True


@dataclass(frozen=True)
class ClusterReport:
    """What the pull request does to one cluster."""

    cluster: str
    verdict: Verdict
    rows: tuple[KustomizationReport, ...] = ()
    # Of the cluster as a whole: unreachable, a missing right, the branches conflict.
    findings: tuple[Finding, ...] = ()
    # Never a reason for a message by itself.
    left_out: tuple[LeftOut, ...] = ()
    # Changed files that a Kustomization of this cluster is built from; no view shows them.
    files: tuple[str, ...] = ()

    @property
    def all_findings(self) -> tuple[Finding, ...]:
        """Those of the cluster as a whole, then those of its rows."""
        return (*self.findings, *(finding for row in self.rows for finding in row.findings))

    @property
    def complete_without_a_person(self) -> bool:
        """Whether a gate may rely on it: everything was looked at, rendered and seen."""
        unseen = any(row.unseen for row in self.rows) or any(left_out.at_once for left_out in self.left_out)
        return self.verdict.complete and not unseen


@dataclass(frozen=True)
class Report:
    """What the pull request does, everywhere, as seen at ``looked_at``."""

    pull_request: PullRequest
    base_tip: str
    clusters: tuple[ClusterReport, ...]
    looked_at: datetime
    # Digest of everything shown: a click is bound to it.
    digest: str = ""
    # Name of the setting whose paths leave it out of what people hear of; "" when none does.
    left_out_by: str = ""
    # Every file that differs between base and result, unless they are very many; empty: not known.
    changed_files: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The verdict that matters most among the clusters."""
        found = {cluster.verdict for cluster in self.clusters}
        return next((verdict for verdict in VERDICTS_BY_WEIGHT if verdict in found), Verdict.NO_EFFECT)

    @property
    def highest_risk(self) -> Severity | None:
        """The gravest risk, wherever it is; None when no rule speaks, which is no proof of safety."""
        found = {finding.severity for cluster in self.clusters for finding in cluster.all_findings if finding.risk}
        return next((severity for severity in SEVERITIES_BY_WEIGHT if severity in found), None)

    def has_risk(self, severity: Severity) -> bool:
        """Whether there is a risk that is so grave, or graver."""
        return self.highest_risk is not None and self.highest_risk.at_least(severity)

    @property
    def complete_without_a_person(self) -> bool:
        """Whether a gate may rely on it: in every cluster everything was looked at, rendered and seen."""
        return all(cluster.complete_without_a_person for cluster in self.clusters)
