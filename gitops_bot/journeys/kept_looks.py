"""The newest look at each pull request and cluster, for the next one to rest on."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from gitops_bot.models.kustomizations import KustomizationId
from gitops_bot.models.pull_requests import PullRequest
from gitops_bot.models.reports import ClusterReport
from gitops_bot.rules.affected import Candidate

# Looks that are kept; without its look a report is made anew, which is only work.
_MOST = 200


@dataclass(frozen=True)
class Sights:
    """What a report rests on: a digest for each Kustomization, and those that were found on the way."""

    neighbourhood: str
    digests: Mapping[KustomizationId, str]
    # Children and readers: what the renders of others led to.
    followed: tuple[Candidate, ...] = ()


@dataclass(frozen=True)
class Looked:
    """One look at one cluster."""

    head: str
    base_ref: str
    # Up to which tip of the base branch it is known to hold.
    base_tip: str
    at: datetime
    report: ClusterReport
    sights: Sights


class KeptLooks:
    """The newest look at each pull request and cluster. Lost with the process."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], Looked] = OrderedDict()

    def keep(self, pull: PullRequest, looked: Looked) -> None:
        """Keep a look in the place of the one before; one that lacks something is not kept."""
        key = pull.key, looked.report.cluster
        self._kept.pop(key, None)
        if not any(finding.incomplete for finding in looked.report.all_findings):
            self._kept[key] = looked
        while len(self._kept) > _MOST:
            self._kept.popitem(last=False)

    def at(self, pull: PullRequest, cluster: str, base_tip: str) -> datetime | None:
        """When the look was made that holds for this base tip."""
        kept = self._kept.get((pull.key, cluster))
        holds = kept is not None and (kept.head, kept.base_tip) == (pull.head_sha, base_tip)
        return kept.at if kept is not None and holds else None

    def moved_base(self, pull: PullRequest, cluster: str, base_tip: str, oldest: datetime) -> Looked | None:
        """Give the look at this very head, from before its base branch moved and not older than ``oldest``.

        With the base where it was, somebody wants to know how the cluster is now.
        """
        kept = self._kept.get((pull.key, cluster))
        if kept is None or (kept.head, kept.base_ref) != (pull.head_sha, pull.base_ref):
            return None
        return kept if kept.base_tip != base_tip and kept.at >= oldest else None

    def carry(self, pull: PullRequest, looked: Looked, base_tip: str) -> ClusterReport:
        """Let a look hold for another base tip; it grows no younger by that."""
        self._kept[pull.key, looked.report.cluster] = replace(looked, base_tip=base_tip)
        return looked.report
